/**
 * @file field.c  Structs by their tables: defaults, copies, single fields
 */
#include <stdatomic.h>

#include "doc.h"
#include "errors.h"
#include "field_value.h"


/* Items of lists
 *
 * A destructor is told the item and nothing else, so it must know the item's
 * table by itself: there is one destructor a table, from this stock.
 */


enum { TABLES_MAX = 32 };

static _Atomic(const struct fields *) tablev[TABLES_MAX];


static void item_clear(size_t i, void *item)
{
	list_unlink(item);         /* its first member is a struct le */
	fields_clear(atomic_load(&tablev[i]), item);
}


#define DESTROY(n) static void destroy_ ## n(void *p) { item_clear(n, p); }
#define EACH(X)								\
	X( 0) X( 1) X( 2) X( 3) X( 4) X( 5) X( 6) X( 7)			\
	X( 8) X( 9) X(10) X(11) X(12) X(13) X(14) X(15)			\
	X(16) X(17) X(18) X(19) X(20) X(21) X(22) X(23)			\
	X(24) X(25) X(26) X(27) X(28) X(29) X(30) X(31)
#define NAME(n) destroy_ ## n,

EACH(DESTROY)

static mem_destroy_h *const destroyv[TABLES_MAX] = { EACH(NAME) };


/** The destructor of a table's items; NULL if there are too many tables */
static mem_destroy_h *destructor_of(const struct fields *t)
{
	for (size_t i = 0; i < TABLES_MAX; i++) {
		const struct fields *other = NULL;

		if (atomic_compare_exchange_strong(&tablev[i], &other, t) ||
		    other == t)
			return destroyv[i];
	}

	return NULL;
}


static void *item_zalloc(const struct fields *t)
{
	mem_destroy_h *destroyh = destructor_of(t);

	return destroyh ? mem_zalloc(t->size, destroyh) : NULL;
}


void *fields_item_alloc(const struct fields *t)
{
	void *item;

	if (!t)
		return NULL;

	item = item_zalloc(t);
	if (item && fields_defaults(t, item))
		item = mem_deref(item);

	return item;
}


/* Whole structs */


/** Words of a comma-separated text, without the blanks around them */
static int split(const struct field *f, struct strings *s, const char *text,
		 char *why)
{
	int err = 0;

	while (*text && !err) {
		const size_t l = strcspn(text, ",");
		struct pl word = { text, l };
		char *copy;

		while (word.l && *word.p == ' ')
			pl_advance(&word, 1);
		while (word.l && word.p[word.l - 1] == ' ')
			--word.l;

		text += l + (text[l] == ',');

		if (!word.l)
			continue;

		err = pl_strdup(&copy, &word);
		if (err)
			break;

		err = field_check_item(f, copy, why);
		if (!err)
			err = strings_add(s, copy);

		mem_deref(copy);
	}

	return err;
}


static void strings_drop(struct strings *s)
{
	struct strings none = { NULL, 0 };

	field_replace_strings(s, &none);
}


/** A list of strings from comma-separated text */
static int parse_strings(const struct field *f, void *obj, const char *text,
			 char *why)
{
	struct strings s = { NULL, 0 };
	int err;

	err = split(f, &s, text, why);

	if (!err && !field_in_range(f, (int64_t)s.c)) {
		field_want(f, why, FIELD_WANT_MAX);
		err = EBADMSG;
	}

	if (err)
		strings_drop(&s);
	else
		field_replace_strings(field_member(f, obj), &s);

	return err;
}


int fields_defaults(const struct fields *t, void *obj)
{
	char why[FIELD_WANT_MAX];
	int err = 0;

	if (!t || !obj)
		return EINVAL;

	for (size_t i = 0; i < t->fieldc && !err; i++) {
		const struct field *f = &t->fieldv[i];

		if (f->type == FIELD_OBJECT)
			err = fields_defaults(f->sub, field_member(f, obj));
		else if (!f->dflt)
			field_unset(f, obj);
		else if (f->type == FIELD_STRINGS)
			err = parse_strings(f, obj, f->dflt, why);
		else
			err = field_parse(f, obj, f->dflt, why);
	}

	/* A default that its own table refuses is a mistake of the table */
	return err == EBADMSG ? EINVAL : err;
}


void fields_clear(const struct fields *t, void *obj)
{
	if (!t || !obj)
		return;

	for (size_t i = 0; i < t->fieldc; i++) {
		const struct field *f = &t->fieldv[i];

		field_unset(f, obj);
		if (f->type == FIELD_CHOICE)
			*(int *)field_member(f, obj) = 0;
	}
}


static int copy_strings(struct strings *dst, const struct strings *src)
{
	int err = 0;

	for (size_t i = 0; i < src->c && !err; i++)
		err = strings_add(dst, src->v[i]);

	return err;
}


static int copy_list(const struct fields *t, struct list *dst,
		     const struct list *src)
{
	for (const struct le *le = list_head(src); le; le = le->next) {
		struct le *item = item_zalloc(t);
		int err;

		if (!item)
			return ENOMEM;

		list_append(dst, item, item);
		err = fields_copy(t, item, le->data);
		if (err)
			return err;
	}

	return 0;
}


static int copy_field(const struct field *f, void *dst, const void *src)
{
	char *text;

	switch (f->type) {

	case FIELD_BOOL:
		*(bool *)dst = *(const bool *)src;
		return 0;

	case FIELD_INT:
		*(int64_t *)dst = *(const int64_t *)src;
		return 0;

	case FIELD_DURATION:
	case FIELD_PERCENT:
		*(uint32_t *)dst = *(const uint32_t *)src;
		return 0;

	case FIELD_CHOICE:
		*(int *)dst = *(const int *)src;
		return 0;

	case FIELD_STRING:
		text = *(char *const *)src;
		return text ? str_dup(dst, text) : 0;

	case FIELD_STRINGS:
		return copy_strings(dst, src);

	case FIELD_OBJECT:
		return fields_copy(f->sub, dst, src);

	case FIELD_LIST:
		return copy_list(f->sub, dst, src);
	}

	return EINVAL;
}


int fields_copy(const struct fields *t, void *dst, const void *src)
{
	int err = 0;

	if (!t || !dst || !src)
		return EINVAL;

	for (size_t i = 0; i < t->fieldc && !err; i++) {
		const struct field *f = &t->fieldv[i];

		err = copy_field(f, field_member(f, dst),
				 field_member(f, src));
	}

	if (err)
		fields_clear(t, dst);

	return err;
}


static bool texts_equal(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}


static bool strings_equal(const struct strings *a, const struct strings *b)
{
	if (a->c != b->c)
		return false;

	for (size_t i = 0; i < a->c; i++)
		if (strcmp(a->v[i], b->v[i]))
			return false;

	return true;
}


static bool lists_equal(const struct fields *t, const struct list *a,
			const struct list *b)
{
	const struct le *la = list_head(a), *lb = list_head(b);

	for (; la && lb; la = la->next, lb = lb->next)
		if (!fields_equal(t, la->data, lb->data))
			return false;

	return !la && !lb;
}


static bool field_equal(const struct field *f, const void *a, const void *b)
{
	switch (f->type) {

	case FIELD_BOOL:
		return *(const bool *)a == *(const bool *)b;

	case FIELD_INT:
		return *(const int64_t *)a == *(const int64_t *)b;

	case FIELD_DURATION:
	case FIELD_PERCENT:
		return *(const uint32_t *)a == *(const uint32_t *)b;

	case FIELD_CHOICE:
		return *(const int *)a == *(const int *)b;

	case FIELD_STRING:
		return texts_equal(*(char *const *)a, *(char *const *)b);

	case FIELD_STRINGS:
		return strings_equal(a, b);

	case FIELD_OBJECT:
		return fields_equal(f->sub, a, b);

	case FIELD_LIST:
		return lists_equal(f->sub, a, b);
	}

	return false;
}


bool fields_equal(const struct fields *t, const void *a, const void *b)
{
	if (!t || !a || !b)
		return false;

	for (size_t i = 0; i < t->fieldc; i++) {
		const struct field *f = &t->fieldv[i];

		if (!field_equal(f, field_member(f, a), field_member(f, b)))
			return false;
	}

	return true;
}


/* What must be set */


struct requiring {
	struct errors *errs;
	struct path path;
	size_t errc;
};


static bool is_unset(const struct field *f, const void *obj)
{
	const void *member = field_member(f, obj);

	switch (f->type) {

	case FIELD_STRING:
		return !str_isset(*(char *const *)member);

	case FIELD_STRINGS:
		return !((const struct strings *)member)->c;

	case FIELD_LIST:
		return !list_head(member);

	case FIELD_CHOICE:
		return *(const int *)member < 0;

	case FIELD_INT:
		return !*(const int64_t *)member && !field_in_range(f, 0);

	case FIELD_DURATION:
	case FIELD_PERCENT:
		return !*(const uint32_t *)member && !field_in_range(f, 0);

	default:
		return false;
	}
}


static void report_unset(struct requiring *r, const struct field *f,
			 const struct doc_node *near)
{
	struct place place = { NULL, 0, 0 };
	char want[FIELD_WANT_MAX];

	if (near) {
		place.file   = near->file;
		place.line   = near->line;
		place.column = near->column;
	}

	field_want(f, want, sizeof(want));
	errors_add(r->errs, &place, r->path.text, "want %s, found nothing",
		   want);
	++r->errc;
}


static void require_table(struct requiring *r, const struct fields *t,
			  const void *obj, const struct doc_node *node,
			  const struct doc_node *near);


static void require_list(struct requiring *r, const struct field *f,
			 const struct list *list, const struct doc_node *node,
			 const struct doc_node *near)
{
	const struct doc_node *child = node ? node->child : NULL;
	size_t i = 0;

	for (const struct le *le = list_head(list); le; le = le->next) {
		const size_t before = path_push_index(&r->path, i++);

		require_table(r, f->sub, le->data, child,
			      child ? child : near);
		child = child ? child->next : NULL;
		path_pop(&r->path, before);
	}
}


/** @param near  Where to send the reader when node is NULL */
static void require_table(struct requiring *r, const struct fields *t,
			  const void *obj, const struct doc_node *node,
			  const struct doc_node *near)
{
	const size_t errc = errors_count(r->errs);

	for (size_t i = 0; i < t->fieldc; i++) {
		const struct field *f = &t->fieldv[i];
		const void *member = field_member(f, obj);
		const struct doc_node *child = doc_member(node, f->name);
		const size_t before = path_push(&r->path, f->name);

		if ((f->flags & FIELD_REQUIRED) && is_unset(f, obj))
			report_unset(r, f, child ? child : near);
		else if (f->type == FIELD_OBJECT)
			require_table(r, f->sub, member, child,
				      child ? child : near);
		else if (f->type == FIELD_LIST)
			require_list(r, f, member, child,
				     child ? child : near);

		path_pop(&r->path, before);
	}

	/* What is missing would only be reported once more */
	if (t->checkh && errors_count(r->errs) == errc) {
		t->checkh(obj, node, r->errs);
		r->errc += errors_count(r->errs) - errc;
	}
}


int fields_required(const struct fields *t, const void *obj,
		    const struct doc_node *node, struct errors *errs)
{
	struct requiring r = { .errs = errs };

	if (!t || !obj || !errs)
		return EINVAL;

	require_table(&r, t, obj, node, node);

	return r.errc ? EBADMSG : 0;
}


/* Single fields by path */


/** Cut the first name off a path, and the index behind it if there is one */
static bool path_step(const char **pathp, struct pl *name, struct pl *index)
{
	const char *p = *pathp;

	name->p = p;
	name->l = strcspn(p, ".[");
	p += name->l;

	*index = pl_null;
	if (*p == '[') {
		index->p = ++p;
		index->l = strspn(p, "0123456789");
		p += index->l;
		if (!index->l || *p++ != ']')
			return false;
	}

	if (*p == '.' && p[1])
		++p;
	else if (*p)
		return false;

	*pathp = p;

	return name->l > 0;
}


const struct field *fields_find(const struct fields *t, const char *path)
{
	const struct field *f = NULL;
	struct pl name, index;

	if (!t || !path || !*path)
		return NULL;

	while (*path) {
		if (!t || !path_step(&path, &name, &index))
			return NULL;

		f = fields_lookup(t, name.p, name.l);
		if (!f)
			return NULL;

		t = f->sub;
	}

	return f;
}


static void *list_item(const struct list *list, const struct pl *index)
{
	uint32_t i = index->l > 9 ? UINT32_MAX : pl_u32(index);
	const struct le *le = list_head(list);

	while (le && i--)
		le = le->next;

	return le ? le->data : NULL;
}


/** Find a field and the struct it is in, through mappings and list items */
static const struct field *resolve(const struct fields *t, const char *path,
				   void **objp)
{
	const struct field *f = NULL;
	void *obj = *objp;
	struct pl name, index;

	while (*path) {
		if (f && f->type == FIELD_OBJECT)
			obj = field_member(f, obj);

		if (!t || !path_step(&path, &name, &index))
			return NULL;

		f = fields_lookup(t, name.p, name.l);
		if (!f)
			return NULL;

		t = f->sub;

		if (f->type != FIELD_LIST) {
			if (index.p)
				return NULL;
			continue;
		}

		/* A list as a whole, or a field of one of its items */
		if (!index.p)
			break;

		obj = list_item(field_member(f, obj), &index);
		if (!obj || !*path)
			return NULL;
	}

	if (*path || !f)
		return NULL;

	*objp = obj;

	return f;
}


static bool is_key_change(const struct field *f, const void *obj,
			  const char *text)
{
	const char *old;

	if (!(f->flags & FIELD_KEY) || f->type != FIELD_STRING)
		return false;

	old = *(char *const *)field_member(f, obj);

	return str_isset(old) && strcmp(old, text);
}


/** Mappings and lists are written as YAML */
static int set_tree(const struct fields *t, const struct field *f, void *obj,
		    const char *path, const char *text, struct errors *errs)
{
	/* A table of this one field, so that the reader sees a mapping */
	const struct fields one = { t->name, t->help, t->size, f, 1, NULL };
	struct doc *doc = NULL;
	char *yaml;
	int err;

	err = re_sdprintf(&yaml, "{%s: %s}", f->name, text);
	if (err)
		return err;

	err = doc_parse(&doc, path, yaml, strlen(yaml), errs);
	if (!err)
		err = fields_read(&one, obj, doc_root(doc), errs, NULL);

	mem_deref(doc);
	mem_deref(yaml);

	return err;
}


int fields_set(const struct fields *t, void *obj, const char *path,
	       const char *text, struct errors *errs)
{
	char why[FIELD_WANT_MAX];
	const struct field *f;
	int err;

	if (!t || !obj || !path || !text)
		return EINVAL;

	f = resolve(t, path, &obj);
	if (!f)
		return ENOENT;

	if (is_key_change(f, obj, text)) {
		errors_add(errs, NULL, path, "cannot be changed");
		return EBADMSG;
	}

	if (field_is_scalar(f))
		err = field_parse(f, obj, text, why);
	else if (f->type == FIELD_STRINGS && *text != '[')
		err = parse_strings(f, obj, text, why);
	else
		return set_tree(t, f, obj, path, text, errs);

	if (err == EBADMSG && (f->flags & FIELD_SECRET))
		errors_add(errs, NULL, path,
			   "want %s, found a value that is not shown", why);
	else if (err == EBADMSG)
		errors_add(errs, NULL, path, "want %s, found \"%s\"", why,
			   text);

	return err;
}


struct value {
	const struct field *f;
	const void *obj;
};


static int value_print(struct re_printf *pf, const struct value *value)
{
	return field_print(pf, value->f, value->obj);
}


int strings_print(struct re_printf *pf, const struct strings *s)
{
	int err = 0;

	for (size_t i = 0; i < s->c && !err; i++)
		err = re_hprintf(pf, "%s%s", i ? "," : "", s->v[i]);

	return err;
}


int fields_get(const struct fields *t, const void *obj, const char *path,
	       char **textp)
{
	void *in = (void *)(uintptr_t)obj;
	struct value value;

	if (!t || !obj || !path || !textp)
		return EINVAL;

	value.f = resolve(t, path, &in);
	value.obj = in;
	if (!value.f)
		return ENOENT;

	if ((value.f->flags & FIELD_SECRET) && !is_unset(value.f, in))
		return str_dup(textp, "********");

	if (field_is_scalar(value.f))
		return re_sdprintf(textp, "%H", value_print, &value);

	if (value.f->type == FIELD_STRINGS)
		return re_sdprintf(textp, "%H", strings_print,
				   field_member(value.f, in));

	return field_json_text(value.f, in, textp);
}
