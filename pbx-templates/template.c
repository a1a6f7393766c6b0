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
#include <sys/stat.h>

#include "bridge/base/doc.h"
#include "bridge/base/errors.h"
#include "bridge/model/pbx.h"
#include "builtin.h"
#include "template.h"


#define COUNT(v) (sizeof(v) / sizeof((v)[0]))


enum { DEPTH_MAX = 8, FIELDS_MAX = 64, PATH_SIZE = 256 };

enum progress { WAITING, READING, READ, FAILED };


/** What one setting, or a group of them, rests on */
struct fact {
	struct le le;
	char *field;
	int grade;                 /* index into evidencev */
	char *why;
};

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
	struct strings notes;
	struct list factl;         /* struct fact                          */
	struct strings written;    /* paths of the settings in its file    */
	const struct template *parent;
	struct pbx pbx;            /* whole: with all that it extends      */
};

struct catalog {
	struct list templatel;     /* struct template, owned; own ones
				      before those they shadow             */
	struct errors *errs;       /* borrowed while loading               */
	struct errors *doubts;     /* the same, NULL: not asked for        */
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


static bool check_text(const char *value, char *why, size_t size)
{
	for (; *value; value++) {
		if ((unsigned char)*value < ' ' || *value == 0x7f) {
			str_ncpy(why, "one line of text", size);
			return false;
		}
	}

	return true;
}


static const struct field fact_fieldv[] = {
	{ .name = "field", .type = FIELD_STRING, .max = 127,
	  .offset = offsetof(struct fact, field), .checkh = check_ask,
	  .flags = FIELD_REQUIRED,
	  .help = "The setting, as in registration.expires, or a group of "
		  "them, as in transfer" },
	{ .name = "grade", .type = FIELD_CHOICE,
	  .offset = offsetof(struct fact, grade),
	  .choicev = evidencev, .choicec = COUNT(evidencev),
	  .flags = FIELD_REQUIRED,
	  .help = "documented: by the vendor or its source code; "
		  "field-report: by people who use it; unverified: neither" },
	{ .name = "why", .type = FIELD_STRING, .max = 255,
	  .offset = offsetof(struct fact, why), .checkh = check_text,
	  .flags = FIELD_REQUIRED,
	  .help = "What is known, in a sentence" },
};

static const struct fields fact_fields = {
	.name = "fact", .size = sizeof(struct fact),
	.fieldv = fact_fieldv, .fieldc = COUNT(fact_fieldv),
	.help = "What a setting rests on",
};

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
	{ .name = "notes", .type = FIELD_STRINGS, .max = 16,
	  .offset = offsetof(struct template, notes), .checkh = check_text,
	  .help = "What to see to at such a PBX, a sentence each" },
	{ .name = "facts", .type = FIELD_LIST, .max = 64,
	  .offset = offsetof(struct template, factl), .sub = &fact_fields,
	  .help = "What single settings rest on; evidence counts for the "
		  "others" },
};


/* The template's own fields, then those of a PBX, made by tables_init() */
static struct field fieldv[FIELDS_MAX];

static struct fields template_fields = {
	.name   = "pbx-template",
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


const struct fields *template_table(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, tables_init);

	return &template_fields;
}


static void template_destructor(void *data)
{
	struct template *t = data;

	list_unlink(&t->le);
	mem_deref(t->doc);
	fields_clear(&template_fields, t);
	fields_clear(&pbx_fields, &t->pbx);
	strings_clear(&t->written);
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
/* What a file says, and what that rests on                            */


/** Note the paths of all settings that a mapping has */
static int written_add(struct strings *s, const struct fields *t,
		       const struct doc_node *node, const char *prefix)
{
	int err = 0;

	for (node = node->child; node && !err; node = node->next) {
		const struct field *f = fields_find(t, node->key);
		char path[PATH_SIZE];

		if (!f || (!*prefix && is_of_one(f)) ||
		    re_snprintf(path, sizeof(path), "%s%s", prefix,
				node->key) < 0)
			continue;

		if (f->type != FIELD_OBJECT) {
			err = strings_add(s, path);
		}
		else if (node->type == DOC_MAPPING &&
			 strlen(path) + 1 < sizeof(path)) {
			path[strlen(path) + 1] = '\0';
			path[strlen(path)] = '.';
			err = written_add(s, f->sub, node, path);
		}
	}

	return err;
}


/** The path itself, or a group that it is in */
static bool covers(const char *group, const char *path)
{
	const size_t l = strlen(group);

	return !strncmp(group, path, l) && (!path[l] || path[l] == '.');
}


/** What is known of a setting; the closest, NULL if nothing */
static const struct fact *fact_find(const struct template *t,
				    const char *path)
{
	const struct fact *best = NULL;

	for (struct le *le = list_head(&t->factl); le; le = le->next) {
		const struct fact *fact = le->data;

		if (covers(fact->field, path) &&
		    (!best || strlen(fact->field) > strlen(best->field)))
			best = fact;
	}

	return best;
}


static void doubt(struct catalog *cat, const struct doc_node *node,
		  bool at_key, const char *field, const char *text)
{
	struct place place = { NULL, 0, 0 };

	if (!node)
		return;

	place.file   = node->file;
	place.line   = at_key ? node->key_line : node->line;
	place.column = at_key ? node->key_column : node->column;
	errors_add(cat->doubts, &place, field, "%s", text);
}


/** The node of a dotted path */
static const struct doc_node *node_at(const struct doc_node *node,
				      const char *path)
{
	while (node && *path) {
		const size_t l = strcspn(path, ".");
		char name[PATH_SIZE];

		if (l >= sizeof(name))
			return NULL;

		memcpy(name, path, l);
		name[l] = '\0';
		node = doc_member(node, name);
		path += l + (path[l] == '.');
	}

	return node;
}


/** Settings that nothing is known of, and facts of what is not set */
static void doubts_find(struct catalog *cat, const struct template *t)
{
	const struct doc_node *root = doc_root(t->doc);
	const struct doc_node *facts = doc_member(root, "facts");
	const struct doc_node *node = facts ? facts->child : NULL;

	for (size_t i = 0; i < t->written.c; i++) {
		const char *path = t->written.v[i];

		if (t->evidence && !fact_find(t, path))
			doubt(cat, node_at(root, path), true, path,
			      "rests on no fact; add one to facts, or leave"
			      " it out");
	}

	for (struct le *le = list_head(&t->factl); le; le = le->next) {
		const struct fact *fact = le->data;
		bool set = false;

		for (size_t i = 0; i < t->written.c; i++)
			set |= covers(fact->field, t->written.v[i]);

		if (!set)
			doubt(cat, node, false, "facts", "is of a setting"
			      " that this template does not set");

		node = node ? node->next : NULL;
	}
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
	if (!err && doc_root(t->doc))
		err = written_add(&t->written, &pbx_fields, doc_root(t->doc),
				  "");
	if (!err && cat->doubts && t->own)
		doubts_find(cat, t);

	t->parent = parent;
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


/** True if a file of that name is there already */
static bool has_file(const struct catalog *cat, const char *name)
{
	for (struct le *le = list_head(&cat->templatel); le; le = le->next) {
		const struct template *t = le->data;
		const size_t l = strlen(t->template);

		if (!strncmp(t->template, name, l) &&
		    !strcmp(name + l, ".yaml"))
			return true;
	}

	return false;
}


static int load_folder(struct catalog *cat, const char *folder)
{
	struct dirent **entryv;
	int c, err = 0;

	c = scandir(folder, &entryv, doc_is_entry, alphasort);
	if (c < 0) {
		errors_add(cat->errs, NULL, NULL, "%s: %s", folder,
			   strerror(errno));
		return EBADMSG;
	}

	for (int i = 0; i < c; i++) {
		const int e = err == ENOMEM ? ENOMEM :
			has_file(cat, entryv[i]->d_name) ? 0 :
			load_own(cat, folder, entryv[i]->d_name);

		if (e)
			err = e;
		free(entryv[i]);
	}

	free(entryv);

	return err;
}


/** Texts come before files, which come before the built-in ones */
static int load_texts(struct catalog *cat, const struct catalog_text *textv,
		      size_t textc)
{
	int err = 0;

	for (size_t i = 0; i < textc && !err; i++) {
		struct doc *doc;
		char file[128];

		if (re_snprintf(file, sizeof(file), "%s.yaml",
				textv[i].name) < 0)
			return EBADMSG;

		err = doc_parse_sent(&doc, file, textv[i].text,
				     strlen(textv[i].text), cat->errs);
		if (!err)
			err = template_add(cat, file, doc, true);
	}

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
	return catalog_load_texts(catp, folder, NULL, 0, errs);
}


int catalog_load_texts(struct catalog **catp, const char *folder,
		       const struct catalog_text *textv, size_t textc,
		       struct errors *errs)
{
	struct catalog *cat;
	int err = 0;

	if (!catp || !errs)
		return EINVAL;

	(void)template_table();

	cat = mem_zalloc(sizeof(*cat), catalog_destructor);
	if (!cat)
		return ENOMEM;

	cat->errs = errs;

	err = load_texts(cat, textv, textc);
	if (!err && folder)
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


/** One file, or those of a folder */
static int load_path(struct catalog *cat, const char *path)
{
	const char *name = strrchr(path, '/');
	struct place place = { path, 0, 0 };
	struct doc *doc;
	struct stat st;
	int err;

	if (!stat(path, &st) && S_ISDIR(st.st_mode))
		return load_folder(cat, path);

	name = name ? name + 1 : path;
	if (strlen(name) <= strlen(".yaml") ||
	    strcmp(name + strlen(name) - strlen(".yaml"), ".yaml")) {
		errors_add(cat->errs, &place, NULL,
			   "want a file whose name ends in .yaml");
		return EBADMSG;
	}

	err = doc_load(&doc, path, cat->errs);
	if (!err)
		err = template_add(cat, path, doc, true);

	return err;
}


int catalog_lint(char *const *pathv, size_t pathc, const char *folder,
		 struct errors *errs, struct errors *doubts)
{
	struct catalog *cat;
	int err = 0, e;

	if (!pathv || !errs)
		return EINVAL;

	(void)template_table();

	cat = mem_zalloc(sizeof(*cat), catalog_destructor);
	if (!cat)
		return ENOMEM;

	cat->errs   = errs;
	cat->doubts = doubts;

	/* One bad file does not hide what is wrong in the others */
	for (size_t i = 0; i < pathc && err != ENOMEM; i++) {
		e = load_path(cat, pathv[i]);
		if (e)
			err = e;
	}

	if (err != ENOMEM && folder) {
		e = load_folder(cat, folder);
		if (e)
			err = e;
	}

	if (err != ENOMEM) {
		e = load_builtin(cat);
		if (!e)
			e = read_all(cat);
		if (e)
			err = e;
	}

	mem_deref(cat);

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


const struct strings *catalog_notes(const struct catalog *cat, size_t i)
{
	const struct template *t = at(cat, i);

	return t ? &t->notes : NULL;
}


const char *catalog_parent(const struct catalog *cat, size_t i)
{
	const struct template *t = at(cat, i);

	return t && t->parent ? t->parent->template : NULL;
}


int catalog_origin(struct origin *origin, const struct catalog *cat,
		   const char *name, const char *path)
{
	const struct template *t;

	if (!origin || !cat || !name || !path)
		return EINVAL;

	t = find(cat, name);
	if (!t)
		return ENOENT;

	memset(origin, 0, sizeof(*origin));

	while (t && !strings_has(&t->written, path))
		t = t->parent;

	if (t) {
		const struct fact *fact = fact_find(t, path);

		origin->template = t->template;
		origin->own      = t->own;
		origin->grade    = evidencev[fact ? fact->grade :
					     t->evidence];
		origin->why      = fact ? fact->why : NULL;
	}

	return 0;
}
