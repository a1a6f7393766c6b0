/**
 * @file field_yaml.c  Reading a mapping into a struct
 *
 * What JSON brings comes this way too, as a tree with types (field_json.c).
 */
#include "doc.h"
#include "errors.h"
#include "field_value.h"


enum { FOUND_MAX = 96, NAMES_MAX = 64 };


struct reading {
	struct errors *errs;
	size_t errc;
	int err;                   /* ENOMEM: give up */
	bool typed;                /* numbers and texts differ, as in JSON */
	struct path path;
};


static void report_at(struct reading *r, uint32_t line, uint32_t column,
		      const struct doc_node *node, const char *message)
{
	const struct place place = { node->file, line, column };

	errors_add(r->errs, &place, r->path.len ? r->path.text : NULL, "%s",
		   message);
	++r->errc;
}


static void report(struct reading *r, const struct doc_node *node,
		   const char *message)
{
	report_at(r, node->line, node->column, node, message);
}


static bool is_null(const struct doc_node *node)
{
	static const char *const nullv[] = { "", "~", "null", "Null",
					     "NULL" };

	if (node->type != DOC_SCALAR || !node->plain)
		return false;

	for (size_t i = 0; i < sizeof(nullv) / sizeof(nullv[0]); i++)
		if (!strcmp(node->value, nullv[i]))
			return true;

	return false;
}


static void describe(const struct doc_node *node, bool secret, char *buf,
		     size_t size)
{
	if (node->type == DOC_SEQUENCE)
		str_ncpy(buf, "a list", size);
	else if (node->type == DOC_MAPPING)
		str_ncpy(buf, "a mapping", size);
	else if (is_null(node))
		str_ncpy(buf, "nothing", size);
	else if (secret || node->secret)
		str_ncpy(buf, "a value that is not shown", size);
	else
		(void)re_snprintf(buf, size, strlen(node->value) > 64 ?
				  "\"%b...\"" : "\"%b\"", node->value,
				  strnlen(node->value, 64));
}


static void report_want(struct reading *r, const struct field *f,
			const struct doc_node *node, const char *want)
{
	char found[FOUND_MAX];
	char message[FIELD_WANT_MAX + FOUND_MAX + 16];

	describe(node, f && (f->flags & FIELD_SECRET), found, sizeof(found));
	(void)re_snprintf(message, sizeof(message), "want %s, found %s",
			  want, found);
	report(r, node, message);
}


static void report_type(struct reading *r, const struct field *f,
			const struct doc_node *node)
{
	char want[FIELD_WANT_MAX];

	field_want(f, want, sizeof(want));
	report_want(r, f, node, want);
}


static void report_unknown(struct reading *r, const struct fields *t,
			   const struct doc_node *node)
{
	const char *namev[NAMES_MAX], *nearest;
	const size_t before = path_push(&r->path, node->key);
	char message[FIELD_WANT_MAX] = "unknown key";
	size_t c = 0;

	while (c < t->fieldc && c < NAMES_MAX) {
		namev[c] = t->fieldv[c].name;
		++c;
	}

	nearest = errors_nearest(node->key, namev, c);
	if (nearest)
		(void)re_snprintf(message, sizeof(message), "unknown key,"
				  " did you mean \"%s\"?", nearest);

	report_at(r, node->key_line, node->key_column, node, message);
	path_pop(&r->path, before);
}


/** Whether JSON's type is the field's; YAML has texts only */
static bool has_type(const struct reading *r, const struct field *f,
		     const struct doc_node *node)
{
	if (!r->typed)
		return true;

	switch (f->type) {

	case FIELD_BOOL:
	case FIELD_INT:
		return node->plain;

	case FIELD_STRING:
	case FIELD_CHOICE:
		return !node->plain;

	default:
		return true;
	}
}


static bool may_be_null(const struct field *f)
{
	switch (f->type) {

	case FIELD_STRING:
	case FIELD_STRINGS:
	case FIELD_LIST:
		return !(f->flags & FIELD_KEY);

	case FIELD_CHOICE:
		return !f->dflt;

	default:
		return false;
	}
}


static bool is_other_key(const struct field *f, const void *obj,
			 const struct doc_node *node)
{
	const char *old;

	if (!(f->flags & FIELD_KEY) || f->type != FIELD_STRING)
		return false;

	old = *(char *const *)field_member(f, obj);

	return str_isset(old) && strcmp(old, node->value);
}


static void read_scalar(struct reading *r, const struct field *f, void *obj,
			const struct doc_node *node)
{
	char why[FIELD_WANT_MAX];
	int err;

	if (node->type != DOC_SCALAR || is_null(node) ||
	    !has_type(r, f, node)) {
		report_type(r, f, node);
		return;
	}

	if (is_other_key(f, obj, node)) {
		report(r, node, "cannot be changed");
		return;
	}

	err = field_parse(f, obj, node->value, why);
	if (err == EBADMSG)
		report_want(r, f, node, why);
	else if (err)
		r->err = err;
}


static void read_string(struct reading *r, const struct field *f,
			struct strings *s, const struct doc_node *node)
{
	char why[FIELD_WANT_MAX];
	int err;

	if (node->type != DOC_SCALAR || is_null(node) ||
	    (r->typed && node->plain)) {
		report_want(r, f, node, "a text");
		return;
	}

	err = field_check_item(f, node->value, why);
	if (err)
		report_want(r, f, node, why);
	else
		r->err = strings_add(s, node->value);
}


static void read_strings(struct reading *r, const struct field *f, void *obj,
			 const struct doc_node *node)
{
	const struct doc_node *child = node->child;
	const size_t errc = r->errc;
	struct strings s = { NULL, 0 };
	struct strings none = { NULL, 0 };

	if (node->type != DOC_SEQUENCE) {
		report_type(r, f, node);
		return;
	}

	for (size_t i = 0; child && !r->err; child = child->next) {
		const size_t before = path_push_index(&r->path, i++);

		read_string(r, f, &s, child);
		path_pop(&r->path, before);
	}

	if (r->errc == errc && !field_in_range(f, (int64_t)s.c))
		report_type(r, f, node);

	if (r->err || r->errc != errc)
		field_replace_strings(&s, &none);
	else
		field_replace_strings(field_member(f, obj), &s);
}


static void read_mapping(struct reading *r, const struct fields *t,
			 void *obj, const struct doc_node *node,
			 uint64_t *set);


static void read_item(struct reading *r, const struct field *f,
		      struct list *list, const struct doc_node *node)
{
	struct le *item = fields_item_alloc(f->sub);

	if (!item) {
		r->err = ENOMEM;
		return;
	}

	list_append(list, item, item);
	read_mapping(r, f->sub, item, node, NULL);
}


static void read_list(struct reading *r, const struct field *f, void *obj,
		      const struct doc_node *node)
{
	const struct doc_node *child = node->child;
	const size_t errc = r->errc;
	struct list list = LIST_INIT;
	size_t c = 0;

	if (node->type != DOC_SEQUENCE) {
		report_type(r, f, node);
		return;
	}

	for (; child && !r->err; child = child->next) {
		const size_t before = path_push_index(&r->path, c++);

		read_item(r, f, &list, child);
		path_pop(&r->path, before);
	}

	if (!field_in_range(f, (int64_t)c))
		report_type(r, f, node);

	if (r->err || r->errc != errc)
		list_flush(&list);
	else
		field_replace_list(field_member(f, obj), &list);
}


static void read_field(struct reading *r, const struct field *f, void *obj,
		       const struct doc_node *node)
{
	if (is_null(node) && may_be_null(f)) {
		field_unset(f, obj);
		return;
	}

	switch (f->type) {

	case FIELD_STRINGS:
		read_strings(r, f, obj, node);
		break;

	case FIELD_LIST:
		read_list(r, f, obj, node);
		break;

	case FIELD_OBJECT:
		/* A key with nothing below it sets nothing */
		if (!is_null(node))
			read_mapping(r, f->sub, field_member(f, obj), node,
				     NULL);
		break;

	default:
		read_scalar(r, f, obj, node);
		break;
	}
}


static void read_mapping(struct reading *r, const struct fields *t,
			 void *obj, const struct doc_node *node,
			 uint64_t *set)
{
	if (node->type != DOC_MAPPING) {
		report_want(r, NULL, node, "a mapping");
		return;
	}

	node = node->child;

	for (; node && !r->err; node = node->next) {
		const struct field *f = fields_lookup(t, node->key,
						      strlen(node->key));
		size_t before;

		if (!f) {
			report_unknown(r, t, node);
			continue;
		}

		if (set)
			*set |= UINT64_C(1) << ((f - t->fieldv) & 63);

		before = path_push(&r->path, f->name);
		read_field(r, f, obj, node);
		path_pop(&r->path, before);
	}
}


int fields_read_tree(const struct fields *t, void *obj,
		     const struct doc_node *node, bool typed,
		     struct errors *errs, uint64_t *set)
{
	struct reading r = { .errs = errs, .typed = typed };

	if (!t || !obj)
		return EINVAL;

	if (set)
		*set = 0;

	if (node && !is_null(node))
		read_mapping(&r, t, obj, node, set);

	if (r.err)
		return r.err;

	return r.errc ? EBADMSG : 0;
}


int fields_read(const struct fields *t, void *obj,
		const struct doc_node *node, struct errors *errs,
		uint64_t *set)
{
	return fields_read_tree(t, obj, node, false, errs, set);
}
