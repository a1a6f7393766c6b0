/**
 * @file template.c  The catalog: reading, inheriting, applying
 *
 * Each template is read over what it extends, so that what is kept of it is
 * whole: applying it is a copy.
 */
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "bridge/base/doc.h"
#include "bridge/base/errors.h"
#include "bridge/model/pbx.h"
#include "builtin.h"
#include "template.h"


#define COUNT(v) (sizeof(v) / sizeof((v)[0]))


enum { DEPTH_MAX = 8, FIELDS_MAX = 64 };

enum progress { WAITING, READING, READ, FAILED };


struct template {
	struct le le;
	struct doc *doc;           /* owned until all are read             */
	bool own;                  /* from a folder, not built in          */
	enum progress progress;

	char *template;            /* its name                             */
	char *title;
	char *extends;
	int evidence;
	struct strings ask;
	struct pbx pbx;            /* whole: with all that it extends      */
};

struct catalog {
	struct list templatel;     /* struct template, owned; own ones
				      before those they shadow             */
	struct errors *errs;       /* borrowed while loading               */
};


static const char *const evidencev[] = {
	"unverified", "field-report", "documented",
};


static bool check_ask(const char *value, char *why, size_t size)
{
	if (fields_find(&pbx_fields, value))
		return true;

	str_ncpy(why, "names of fields of a PBX", size);

	return false;
}


static const struct field metav[] = {
	{ .name = "template", .type = FIELD_STRING, .max = 63,
	  .offset = offsetof(struct template, template),
	  .flags = FIELD_REQUIRED,
	  .help = "Name of the template: that of its file" },
	{ .name = "title", .type = FIELD_STRING, .max = 127,
	  .offset = offsetof(struct template, title),
	  .flags = FIELD_REQUIRED,
	  .help = "The product, as people call it" },
	{ .name = "extends", .type = FIELD_STRING, .max = 63,
	  .offset = offsetof(struct template, extends),
	  .help = "Template that this one starts from; unset: generic" },
	{ .name = "evidence", .type = FIELD_CHOICE, .dflt = "unverified",
	  .offset = offsetof(struct template, evidence),
	  .choicev = evidencev, .choicec = COUNT(evidencev),
	  .help = "What it rests on: documents, reports from the field, or "
		  "nothing that was verified" },
	{ .name = "ask", .type = FIELD_STRINGS, .max = 32,
	  .offset = offsetof(struct template, ask), .checkh = check_ask,
	  .help = "Fields of the PBX that a form shows" },
};


/* The template's own fields, then those of a PBX, made by tables_init() */
static struct field fieldv[FIELDS_MAX];

static struct fields template_fields = {
	.name   = "template",
	.help   = "How one PBX product wants to be spoken to",
	.size   = sizeof(struct template),
	.fieldv = fieldv,
};


/** Fields of one PBX and not of a kind of PBXs */
static bool is_of_one(const struct field *f)
{
	return !strcmp(f->name, "name") || !strcmp(f->name, "template") ||
		!strcmp(f->name, "title");
}


static void tables_init(void)
{
	size_t c = 0;

	for (size_t i = 0; i < COUNT(metav); i++)
		fieldv[c++] = metav[i];

	for (size_t i = 0; i < pbx_fields.fieldc && c < FIELDS_MAX; i++) {
		if (is_of_one(&pbx_fields.fieldv[i]))
			continue;

		fieldv[c] = pbx_fields.fieldv[i];
		fieldv[c].offset += offsetof(struct template, pbx);
		fieldv[c].flags &= ~(unsigned)FIELD_REQUIRED;
		++c;
	}

	template_fields.fieldc = c;
}


static void template_destructor(void *data)
{
	struct template *t = data;

	list_unlink(&t->le);
	mem_deref(t->doc);
	fields_clear(&template_fields, t);
	fields_clear(&pbx_fields, &t->pbx);
}


static void catalog_destructor(void *data)
{
	struct catalog *cat = data;

	list_flush(&cat->templatel);
}


static void complain(struct catalog *cat, const struct template *t,
		     const char *field, const char *fmt, ...)
{
	const struct doc_node *root = doc_root(t->doc);
	const struct doc_node *at = doc_member(root, field);
	struct place place = { NULL, 0, 0 };
	char text[256];
	va_list ap;

	if (!at)
		at = root;
	if (at) {
		place.file   = at->file;
		place.line   = at->line;
		place.column = at->column;
	}

	va_start(ap, fmt);
	(void)re_vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);

	errors_add(cat->errs, &place, field, "%s", text);
}


static const struct template *find(const struct catalog *cat,
				   const char *name)
{
	for (struct le *le = list_head(&cat->templatel); le; le = le->next) {
		const struct template *t = le->data;

		if (!str_cmp(t->template, name))
			return t;
	}

	return NULL;
}


static const char *nearest_name(const struct catalog *cat, const char *name)
{
	const char *namev[256];
	size_t c = 0;

	for (struct le *le = list_head(&cat->templatel); le && c < 256;
	     le = le->next)
		namev[c++] = ((const struct template *)le->data)->template;

	return errors_nearest(name, namev, c);
}


/* ------------------------------------------------------------------ */
/* Inheritance                                                         */


/** What a template says it extends, NULL for the root */
static const char *extends(const struct template *t)
{
	const struct doc_node *node = doc_member(doc_root(t->doc),
						 "extends");

	if (node && node->type == DOC_SCALAR && *node->value)
		return node->value;

	return strcmp(t->template, "generic") ? "generic" : NULL;
}


/** That template; for one that shadows a built-in of its name, the latter */
static struct template *parent_of(const struct catalog *cat,
				  const struct template *t, const char *name)
{
	const bool below = t->own && !str_cmp(t->template, name);

	for (struct le *le = list_head(&cat->templatel); le; le = le->next) {
		struct template *other = le->data;

		if (!str_cmp(other->template, name) &&
		    !(below && other->own))
			return other;
	}

	return NULL;
}


static int inherit(struct template *t, const struct template *parent)
{
	char *name = t->template;
	int err;

	if (!parent)
		err = fields_defaults(&pbx_fields, &t->pbx);
	else
		err = fields_copy(&pbx_fields, &t->pbx, &parent->pbx);

	if (!err && parent) {
		for (size_t i = 0; i < parent->ask.c && !err; i++)
			err = strings_add(&t->ask, parent->ask.v[i]);
	}

	t->pbx.template = mem_deref(t->pbx.template);
	if (!err)
		err = str_dup(&t->pbx.template, name);

	return err;
}


static int template_read(struct catalog *cat, struct template *t,
			 unsigned depth);


static int parent_read(struct catalog *cat, struct template *t,
		       unsigned depth, struct template **parentp)
{
	const char *name = extends(t), *nearest;
	struct template *parent;
	int err;

	if (!name)
		return 0;

	parent = parent_of(cat, t, name);
	if (!parent) {
		nearest = nearest_name(cat, name);
		complain(cat, t, "extends", nearest ?
			 "want the name of a template, found \"%s\"; did you"
			 " mean \"%s\"?" :
			 "want the name of a template, found \"%s\"", name,
			 nearest);
		return EBADMSG;
	}

	if (parent->progress == READING || depth >= DEPTH_MAX) {
		complain(cat, t, "extends", parent->progress == READING ?
			 "want no circle, but \"%s\" extends this one" :
			 "want at most 8 levels above, \"%s\" has more",
			 name);
		return EBADMSG;
	}

	err = template_read(cat, parent, depth + 1);
	if (!err)
		*parentp = parent;

	return err;
}


/** Read one over what it extends; those that were read are left alone */
static int template_read(struct catalog *cat, struct template *t,
			 unsigned depth)
{
	struct template *parent = NULL;
	int err;

	if (t->progress == READ)
		return 0;
	if (t->progress == FAILED)
		return EBADMSG;

	t->progress = READING;

	err = parent_read(cat, t, depth, &parent);
	if (!err)
		err = inherit(t, parent);
	if (!err)
		err = fields_read(&template_fields, t, doc_root(t->doc),
				  cat->errs, NULL);
	if (!err)
		err = fields_required(&template_fields, t, doc_root(t->doc),
				      cat->errs);

	t->progress = err ? FAILED : READ;

	return err;
}


/* ------------------------------------------------------------------ */
/* Loading                                                             */


/** A template's name is that of its file, so that it is easily found */
static int name_template(struct catalog *cat, struct template *t,
			 const char *path)
{
	const struct doc_node *node = doc_member(doc_root(t->doc),
						 "template");
	const char *file = strrchr(path, '/');
	size_t l;

	file = file ? file + 1 : path;
	l = strlen(file) - strlen(".yaml");

	if (!node || node->type != DOC_SCALAR ||
	    strlen(node->value) != l || strncmp(node->value, file, l)) {
		char want[256];

		str_ncpy(want, file, l < sizeof(want) ? l + 1 : sizeof(want));
		complain(cat, t, "template", "want the name of the file,"
			 " \"%s\"", want);
		return EBADMSG;
	}

	return str_dup(&t->template, node->value);
}


/** Take over a document */
static int template_add(struct catalog *cat, const char *path,
			struct doc *doc, bool own)
{
	struct template *t;
	int err;

	t = mem_zalloc(sizeof(*t), template_destructor);
	if (!t) {
		mem_deref(doc);
		return ENOMEM;
	}

	t->doc = doc;
	t->own = own;

	err = name_template(cat, t, path);
	if (err)
		mem_deref(t);
	else
		list_append(&cat->templatel, &t->le, t);

	return err;
}


static int load_builtin(struct catalog *cat)
{
	int err = 0;

	for (size_t i = 0; i < builtinc && !err; i++) {
		const struct builtin *b = &builtinv[i];
		struct doc *doc;

		err = doc_parse(&doc, b->file, b->text, b->size, cat->errs);
		if (!err)
			err = template_add(cat, b->file, doc, false);
	}

	return err;
}


static int is_yaml(const struct dirent *entry)
{
	const size_t l = strlen(entry->d_name);

	return entry->d_name[0] != '.' && l > 5 &&
		!strcmp(entry->d_name + l - 5, ".yaml");
}


static int load_own(struct catalog *cat, const char *folder,
		    const char *name)
{
	struct doc *doc;
	char *path;
	int err;

	err = re_sdprintf(&path, "%s/%s", folder, name);
	if (err)
		return err;

	err = doc_load(&doc, path, cat->errs);
	if (!err)
		err = template_add(cat, path, doc, true);

	mem_deref(path);

	return err;
}


static int load_folder(struct catalog *cat, const char *folder)
{
	struct dirent **entryv;
	int c, err = 0;

	c = scandir(folder, &entryv, is_yaml, alphasort);
	if (c < 0) {
		errors_add(cat->errs, NULL, NULL, "%s: %s", folder,
			   strerror(errno));
		return EBADMSG;
	}

	for (int i = 0; i < c; i++) {
		const int e = err == ENOMEM ? ENOMEM :
			load_own(cat, folder, entryv[i]->d_name);

		if (e)
			err = e;
		free(entryv[i]);
	}

	free(entryv);

	return err;
}


static int read_all(struct catalog *cat)
{
	int err = 0;

	for (struct le *le = list_head(&cat->templatel); le; le = le->next) {
		const int e = template_read(cat, le->data, 0);

		if (e == ENOMEM)
			return e;
		if (e)
			err = e;
	}

	return err;
}


static void docs_drop(struct catalog *cat)
{
	for (struct le *le = list_head(&cat->templatel); le; le = le->next) {
		struct template *t = le->data;

		t->doc = mem_deref(t->doc);
	}
}


int catalog_load(struct catalog **catp, const char *folder,
		 struct errors *errs)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct catalog *cat;
	int err = 0;

	if (!catp || !errs)
		return EINVAL;

	pthread_once(&once, tables_init);

	cat = mem_zalloc(sizeof(*cat), catalog_destructor);
	if (!cat)
		return ENOMEM;

	cat->errs = errs;

	if (folder)
		err = load_folder(cat, folder);
	if (!err)
		err = load_builtin(cat);
	if (!err)
		err = read_all(cat);

	docs_drop(cat);
	cat->errs = NULL;

	if (err)
		mem_deref(cat);
	else
		*catp = cat;

	return err == ENOMEM ? err : err ? EBADMSG : 0;
}


int catalog_apply(struct pbx *pbx, const char *name, const char **nearest,
		  struct errors *errs, void *arg)
{
	const struct catalog *cat = arg;
	const struct template *t;
	(void)errs;

	if (!pbx || !name || !cat)
		return EINVAL;

	t = find(cat, name);
	if (!t) {
		if (nearest)
			*nearest = nearest_name(cat, name);
		return ENOENT;
	}

	fields_clear(&pbx_fields, pbx);

	return fields_copy(&pbx_fields, pbx, &t->pbx);
}


static const struct template *at(const struct catalog *cat, size_t i)
{
	const struct le *le = cat ? list_head(&cat->templatel) : NULL;

	for (; le; le = le->next) {
		const struct template *t = le->data;

		/* one that is shadowed is not there */
		if (find(cat, t->template) != t)
			continue;

		if (!i--)
			return t;
	}

	return NULL;
}


size_t catalog_count(const struct catalog *cat)
{
	size_t c = 0;

	while (at(cat, c))
		++c;

	return c;
}


const char *catalog_name(const struct catalog *cat, size_t i)
{
	const struct template *t = at(cat, i);

	return t ? t->template : NULL;
}


const char *catalog_title(const struct catalog *cat, size_t i)
{
	const struct template *t = at(cat, i);

	return t ? t->title : NULL;
}


const char *catalog_evidence(const struct catalog *cat, size_t i)
{
	const struct template *t = at(cat, i);

	return t ? evidencev[t->evidence] : NULL;
}


const struct strings *catalog_ask(const struct catalog *cat, size_t i)
{
	const struct template *t = at(cat, i);

	return t ? &t->ask : NULL;
}
