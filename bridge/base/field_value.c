/**
 * @file field_value.c  One value: read, checked, stored, written
 */
#include <stdlib.h>

#include "text.h"
#include "field_value.h"


/** Units a duration may be written in, longest first */
static const struct unit {
	const char *name;
	uint64_t ms;
} unitv[] = {
	{ "d",  86400000 },
	{ "h",   3600000 },
	{ "m",     60000 },
	{ "s",      1000 },
	{ "ms",        1 },
};

enum { UNITS = sizeof(unitv) / sizeof(unitv[0]) };


/* Paths */


static size_t path_add(struct path *path, const char *text)
{
	const size_t before = path->len;

	str_ncpy(path->text + path->len, text,
		 sizeof(path->text) - path->len);
	path->len += strlen(path->text + path->len);

	return before;
}


size_t path_push(struct path *path, const char *name)
{
	const size_t before = path->len;

	if (before)
		(void)path_add(path, ".");

	(void)path_add(path, name);

	return before;
}


size_t path_push_index(struct path *path, size_t i)
{
	char buf[32];

	(void)re_snprintf(buf, sizeof(buf), "[%zu]", i);

	return path_add(path, buf);
}


void path_pop(struct path *path, size_t len)
{
	path->len = len;
	path->text[len] = '\0';
}


/* Members */


void *field_member(const struct field *f, const void *obj)
{
	return (char *)(uintptr_t)obj + f->offset;
}


const struct field *fields_lookup(const struct fields *t, const char *name,
				  size_t l)
{
	for (size_t i = 0; i < t->fieldc; i++) {
		const struct field *f = &t->fieldv[i];

		if (strlen(f->name) == l && !memcmp(f->name, name, l))
			return f;
	}

	return NULL;
}


bool field_is_scalar(const struct field *f)
{
	return f->type != FIELD_STRINGS && f->type != FIELD_OBJECT &&
		f->type != FIELD_LIST;
}


/* Ranges, and the words for them */


static bool has_range(const struct field *f)
{
	return f->min || f->max;
}


static bool has_max(const struct field *f)
{
	return has_range(f) && f->max >= f->min;
}


bool field_in_range(const struct field *f, int64_t n)
{
	if (!has_range(f))
		return true;

	return n >= f->min && (!has_max(f) || n <= f->max);
}


static const char *unit_name(const struct field *f)
{
	if (f->type == FIELD_PERCENT)
		return "%";
	if (f->type != FIELD_DURATION)
		return "";

	return f->unit == FIELD_MS ? "ms" : "s";
}


static void want_number(const struct field *f, char *buf, size_t size,
			const char *otherwise)
{
	const char *unit = unit_name(f);

	if (!has_range(f))
		str_ncpy(buf, otherwise, size);
	else if (has_max(f))
		(void)re_snprintf(buf, size, "%lld%s..%lld%s",
				  (long long)f->min, unit,
				  (long long)f->max, unit);
	else
		(void)re_snprintf(buf, size, "at least %lld%s",
				  (long long)f->min, unit);
}


/** "a text of 1..64 octets", "a list of at most 3" */
static void want_count(const struct field *f, char *buf, size_t size,
		       const char *what, const char *counted)
{
	if (!has_range(f))
		str_ncpy(buf, what, size);
	else if (!has_max(f))
		(void)re_snprintf(buf, size, "%s of at least %lld %s", what,
				  (long long)f->min, counted);
	else if (f->min <= 0)
		(void)re_snprintf(buf, size, "%s of at most %lld %s", what,
				  (long long)f->max, counted);
	else
		(void)re_snprintf(buf, size, "%s of %lld..%lld %s", what,
				  (long long)f->min, (long long)f->max,
				  counted);
}


static void want_choice(const struct field *f, char *buf, size_t size,
			const char *before)
{
	size_t n;

	str_ncpy(buf, before, size);

	for (size_t i = 0; i < f->choicec; i++) {
		n = strlen(buf);
		(void)re_snprintf(buf + n, size - n, "%s%s", i ? ", " : "",
				  f->choicev[i]);
	}
}


void field_want(const struct field *f, char *buf, size_t size)
{
	switch (f->type) {

	case FIELD_BOOL:
		str_ncpy(buf, "true or false", size);
		break;

	case FIELD_INT:
		want_number(f, buf, size, "a whole number");
		break;

	case FIELD_DURATION:
		want_number(f, buf, size, f->unit == FIELD_MS ?
			    "a duration such as 500ms or 30s" :
			    "a duration such as 30s or 5m");
		break;

	case FIELD_PERCENT:
		want_number(f, buf, size, "a percentage such as 50%");
		break;

	case FIELD_STRING:
		want_count(f, buf, size, "a text", "octets");
		break;

	case FIELD_CHOICE:
		want_choice(f, buf, size,
			    f->choicec == 1 ? "" : "one of ");
		break;

	case FIELD_STRINGS:
		if (f->choicec)
			want_choice(f, buf, size, "a list out of ");
		else
			want_count(f, buf, size, "a list of texts", "items");
		break;

	case FIELD_OBJECT:
		str_ncpy(buf, "a mapping", size);
		break;

	case FIELD_LIST:
		want_count(f, buf, size, "a list of mappings", "items");
		break;
	}
}


void field_type_name(const struct field *f, char *buf, size_t size)
{
	static const char *const namev[] = {
		[FIELD_BOOL]     = "true or false",
		[FIELD_INT]      = "number",
		[FIELD_DURATION] = "duration",
		[FIELD_PERCENT]  = "percentage",
		[FIELD_STRING]   = "text",
		[FIELD_CHOICE]   = "choice",
		[FIELD_STRINGS]  = "list of texts",
		[FIELD_OBJECT]   = "mapping",
		[FIELD_LIST]     = "list of",
	};

	if (f->type == FIELD_LIST)
		(void)re_snprintf(buf, size, "list of %s", f->sub->name);
	else
		str_ncpy(buf, namev[f->type], size);
}


/* From text */


static bool parse_int(const char *text, int64_t *np)
{
	const char *digits = text + (*text == '-' || *text == '+');
	char *end;
	long long n;

	if (*digits < '0' || *digits > '9')
		return false;

	errno = 0;
	n = strtoll(text, &end, 10);
	if (errno || *end)
		return false;

	*np = n;

	return true;
}


/** Digits alone, then what follows them */
static bool parse_count(const char *text, uint64_t *np, const char **restp)
{
	uint64_t n = 0;
	const char *p = text;

	for (; *p >= '0' && *p <= '9'; p++) {
		n = n * 10 + (uint64_t)(*p - '0');
		if (n > UINT32_MAX)
			return false;
	}

	*np = n;
	*restp = p;

	return p != text;
}


static bool parse_duration(const struct field *f, const char *text,
			   int64_t *np)
{
	const uint64_t own_ms = f->unit == FIELD_MS ? 1 : 1000;
	uint64_t n, ms;
	const char *rest;

	if (!parse_count(text, &n, &rest))
		return false;

	if (!*rest) {
		*np = (int64_t)n;
		return true;
	}

	for (size_t i = 0; i < UNITS; i++) {
		if (strcmp(rest, unitv[i].name))
			continue;

		/* At most 2^32 days, far from an overflow */
		ms = n * unitv[i].ms;
		if (ms % own_ms || ms / own_ms > UINT32_MAX)
			return false;

		*np = (int64_t)(ms / own_ms);
		return true;
	}

	return false;
}


static bool parse_percent(const char *text, int64_t *np)
{
	const char *rest;
	uint64_t n;

	if (!parse_count(text, &n, &rest) || (*rest && strcmp(rest, "%")))
		return false;

	*np = (int64_t)n;

	return true;
}


static bool parse_choice(const struct field *f, const char *text,
			 int64_t *np)
{
	for (size_t i = 0; i < f->choicec; i++) {
		if (!strcmp(text, f->choicev[i])) {
			*np = (int64_t)i;
			return true;
		}
	}

	return false;
}


static bool parse_bool(const char *text, int64_t *np)
{
	*np = !strcmp(text, "true");

	return *np || !strcmp(text, "false");
}


/** Type and range of everything but texts, as a number */
static bool parse_number(const struct field *f, const char *text,
			 int64_t *np)
{
	switch (f->type) {

	case FIELD_BOOL:
		return parse_bool(text, np);

	case FIELD_CHOICE:
		return parse_choice(f, text, np);

	case FIELD_INT:
		return parse_int(text, np) && field_in_range(f, *np);

	case FIELD_DURATION:
		return parse_duration(f, text, np) && field_in_range(f, *np);

	case FIELD_PERCENT:
		return parse_percent(text, np) && field_in_range(f, *np);

	default:
		return false;
	}
}


static void store_number(const struct field *f, void *obj, int64_t n)
{
	void *member = field_member(f, obj);

	switch (f->type) {

	case FIELD_BOOL:
		*(bool *)member = n;
		break;

	case FIELD_CHOICE:
		*(int *)member = (int)n;
		break;

	case FIELD_INT:
		*(int64_t *)member = n;
		break;

	default:
		*(uint32_t *)member = (uint32_t)n;
		break;
	}
}


/** Secrets do not stay behind in freed memory */
static void text_forget(char *text)
{
	if (text)
		explicit_bzero(text, strlen(text));

	mem_deref(text);
}


static int store_text(const struct field *f, void *obj, const char *text)
{
	char **member = field_member(f, obj);
	char *copy;
	int err;

	err = str_dup(&copy, text);
	if (err)
		return err;

	text_forget(*member);
	*member = copy;

	return 0;
}


static bool is_utf8(const char *text)
{
	size_t l = strlen(text);

	while (l) {
		const size_t n = text_utf8(text, l);

		if (!n)
			return false;

		text += n;
		l -= n;
	}

	return true;
}


/** The table's own check: its words say what it wants */
static int check_further(const struct field *f, const char *text, char *why)
{
	static const char want[] = "want ";
	char own[FIELD_WANT_MAX] = "";
	const char *words = own;

	if (!f->checkh || f->checkh(text, own, sizeof(own)))
		return 0;

	if (!strncmp(words, want, sizeof(want) - 1))
		words += sizeof(want) - 1;

	if (*words)
		str_ncpy(why, words, FIELD_WANT_MAX);

	return EBADMSG;
}


int field_parse(const struct field *f, void *obj, const char *text,
		char *why)
{
	int64_t n = 0;
	bool good;
	int err;

	field_want(f, why, FIELD_WANT_MAX);

	if (f->type == FIELD_STRING)
		good = field_in_range(f, (int64_t)strlen(text)) &&
			is_utf8(text);
	else
		good = parse_number(f, text, &n);

	if (!good)
		return EBADMSG;

	err = check_further(f, text, why);
	if (err)
		return err;

	if (f->type == FIELD_STRING)
		return store_text(f, obj, text);

	store_number(f, obj, n);

	return 0;
}


int field_check_item(const struct field *f, const char *text, char *why)
{
	int64_t n;

	if (f->choicec && !parse_choice(f, text, &n)) {
		want_choice(f, why, FIELD_WANT_MAX, "one of ");
		return EBADMSG;
	}

	str_ncpy(why, "a text", FIELD_WANT_MAX);

	return is_utf8(text) ? check_further(f, text, why) : EBADMSG;
}


/* Lists */


int strings_add(struct strings *s, const char *text)
{
	char **v, *copy;
	int err;

	if (!s || !text)
		return EINVAL;

	err = str_dup(&copy, text);
	if (err)
		return err;

	if (!s->v)
		v = mem_reallocarray(NULL, 1, sizeof(*v), NULL);
	else
		v = mem_reallocarray(s->v, s->c + 1, sizeof(*v), NULL);

	if (!v) {
		mem_deref(copy);
		return ENOMEM;
	}

	v[s->c++] = copy;
	s->v = v;

	return 0;
}


bool strings_has(const struct strings *s, const char *text)
{
	if (!s || !text)
		return false;

	for (size_t i = 0; i < s->c; i++)
		if (!strcmp(s->v[i], text))
			return true;

	return false;
}


void strings_clear(struct strings *s)
{
	for (size_t i = 0; i < s->c; i++)
		text_forget(s->v[i]);

	s->v = mem_deref(s->v);
	s->c = 0;
}


void field_replace_strings(struct strings *to, struct strings *from)
{
	strings_clear(to);
	*to = *from;
	memset(from, 0, sizeof(*from));
}


void field_replace_list(struct list *to, struct list *from)
{
	struct le *le;

	list_flush(to);

	while ((le = from->head)) {
		list_unlink(le);
		list_append(to, le, le->data);
	}
}


void field_unset(const struct field *f, void *obj)
{
	void *member = field_member(f, obj);

	switch (f->type) {

	case FIELD_STRING:
		text_forget(*(char **)member);
		*(char **)member = NULL;
		break;

	case FIELD_STRINGS:
		strings_clear(member);
		break;

	case FIELD_LIST:
		list_flush(member);
		break;

	case FIELD_OBJECT:
		fields_clear(f->sub, member);
		break;

	case FIELD_CHOICE:
		*(int *)member = -1;
		break;

	default:
		store_number(f, obj, 0);
		break;
	}
}


/* To text */


static int print_duration(struct re_printf *pf, const struct field *f,
			  uint32_t n)
{
	const uint64_t ms = f->unit == FIELD_MS ? n : n * UINT64_C(1000);

	if (!n)
		return re_hprintf(pf, "0%s", unit_name(f));

	for (size_t i = 0; i < UNITS; i++)
		if (ms % unitv[i].ms == 0)
			return re_hprintf(pf, "%llu%s", (unsigned long long)
					  (ms / unitv[i].ms), unitv[i].name);

	return 0;
}


static int print_choice(struct re_printf *pf, const struct field *f, int i)
{
	if (i < 0 || (size_t)i >= f->choicec)
		return 0;

	return re_hprintf(pf, "%s", f->choicev[i]);
}


int field_print(struct re_printf *pf, const struct field *f,
		const void *obj)
{
	const void *member = field_member(f, obj);
	const char *text;

	switch (f->type) {

	case FIELD_BOOL:
		return re_hprintf(pf, "%s", *(const bool *)member ?
				  "true" : "false");

	case FIELD_INT:
		return re_hprintf(pf, "%lld",
				  (long long)*(const int64_t *)member);

	case FIELD_DURATION:
		return print_duration(pf, f, *(const uint32_t *)member);

	case FIELD_PERCENT:
		return re_hprintf(pf, "%u%%", *(const uint32_t *)member);

	case FIELD_CHOICE:
		return print_choice(pf, f, *(const int *)member);

	case FIELD_STRING:
		text = *(char *const *)member;
		return text ? re_hprintf(pf, "%s", text) : 0;

	default:
		return EINVAL;
	}
}
