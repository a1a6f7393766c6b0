/**
 * @file imports.c  Taking many users over
 */
#include <event2/buffer.h>
#include <jansson.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <stdlib.h>

#include "bridge/base/errors.h"
#include "bridge/model/tenant.h"
#include "bulk.h"
#include "csv.h"
#include "desk.h"
#include "imports.h"
#include "objects.h"
#include "sessions.h"


enum { KEEP = 100, ERRORS_MAX = 100 };


struct import {
	struct le le;
	char id[SESSION_TEXT];
	char tenant[64];
	const char *state;         /* "running", "done", "failed" */
	bool dry_run;
	size_t total, done, error_count;
	struct bulk_totals totals;
	json_t *errors;            /* owned */
	uint64_t version;
};


struct imports {
	pthread_mutex_t lock;      /* for all below */
	struct list l;             /* struct import, newest last */
	uint64_t version;
};


/** What the thread needs; its own */
struct work {
	struct portal *portal;     /* borrowed: it joins the thread */
	char id[SESSION_TEXT];
	char tenant[64], who[64], address[ADDRESS_SIZE];
	char *body;                /* owned */
	size_t size;
	bool csv, dry_run, msp;
	enum bulk_mode mode;
	struct bulk_totals totals; /* how it went */
	int err;
};


static void import_destructor(void *data)
{
	struct import *im = data;

	list_unlink(&im->le);
	json_decref(im->errors);
}


int imports_alloc(struct imports **ip)
{
	struct imports *im = calloc(1, sizeof(*im));

	if (!im)
		return ENOMEM;

	(void)pthread_mutex_init(&im->lock, NULL);
	*ip = im;

	return 0;
}


void imports_free(struct imports *im)
{
	if (!im)
		return;

	list_flush(&im->l);
	(void)pthread_mutex_destroy(&im->lock);
	free(im);
}


/* Asking. The lock is held */


static struct import *find(const struct imports *im, const char *id)
{
	for (struct le *le = list_head(&im->l); le; le = le->next) {
		struct import *import = le->data;

		if (!strcmp(import->id, id))
			return import;
	}

	return NULL;
}


static json_t *import_json(const struct import *im)
{
	return json_pack("{s:s, s:s, s:s, s:b, s:I, s:I, s:I, s:I, s:I, s:I,"
			 " s:I, s:o}", "id", im->id, "tenant", im->tenant,
			 "state", im->state, "dry_run", (int)im->dry_run,
			 "total", (json_int_t)im->total,
			 "done", (json_int_t)im->done,
			 "created", (json_int_t)im->totals.created,
			 "changed", (json_int_t)im->totals.changed,
			 "unchanged", (json_int_t)im->totals.unchanged,
			 "removed", (json_int_t)im->totals.removed,
			 "error_count", (json_int_t)im->error_count,
			 "errors", json_deep_copy(im->errors));
}


void import_get(struct request *rq)
{
	struct imports *im = portal_imports(rq->portal);
	const char *own = access_tenant(rq);
	const struct import *import;
	json_t *json = NULL;

	(void)pthread_mutex_lock(&im->lock);
	import = find(im, rq->param);
	if (import && (!own || !strcmp(own, import->tenant)))
		json = import_json(import);
	(void)pthread_mutex_unlock(&im->lock);

	if (json)
		reply_json(rq, HTTP_OK, json);
	else
		reply_error(rq, HTTP_NOTFOUND, "id", "there is no import %s",
			    rq->param);
}


uint64_t imports_since(struct imports *im, uint64_t since, import_told_h *h,
		       void *arg)
{
	uint64_t version;

	(void)pthread_mutex_lock(&im->lock);
	version = im->version;

	for (struct le *le = list_head(&im->l); le && h; le = le->next) {
		const struct import *import = le->data;

		if (import->version > since)
			h(import->tenant, import_json(import), arg);
	}
	(void)pthread_mutex_unlock(&im->lock);

	return version;
}


/* Going on, in the thread */


/** @return the import with the lock held; without if it was forgotten */
static struct import *hold(const struct work *w)
{
	struct imports *im = portal_imports(w->portal);
	struct import *import;

	(void)pthread_mutex_lock(&im->lock);
	import = find(im, w->id);
	if (import)
		import->version = ++im->version;
	else
		(void)pthread_mutex_unlock(&im->lock);

	return import;
}


static void release(const struct work *w)
{
	(void)pthread_mutex_unlock(&portal_imports(w->portal)->lock);
}


static void error_h(size_t line, const char *field, const char *text,
		    void *arg)
{
	const struct work *w = arg;
	struct import *im = hold(w);
	struct errors *errs = NULL;
	json_t *json;

	if (!im)
		return;

	++im->error_count;
	if (json_array_size(im->errors) < ERRORS_MAX &&
	    !errors_alloc(&errs)) {
		errors_add(errs, NULL, field, "%s", text);
		json = error_json(errors_get(errs, 0));
		(void)json_object_set_new(json, "line",
					  json_integer((json_int_t)line));
		(void)json_array_append_new(im->errors, json);
		mem_deref(errs);
	}
	release(w);
}


static void progress_h(size_t done, void *arg)
{
	const struct work *w = arg;
	struct import *im = hold(w);

	if (!im)
		return;

	im->done = done;
	release(w);
}


/* Rows */


static int row_add(json_t *rows, size_t line, json_t *value)
{
	return json_array_append_new(rows, json_pack("{s:I, s:o}", "line",
						     (json_int_t)line,
						     "value", value)) ?
		ENOMEM : 0;
}


bool import_is_column(const struct field *f)
{
	return !(f->flags & FIELD_SECRET) && f->type != FIELD_OBJECT &&
		f->type != FIELD_LIST && f->type != FIELD_STRINGS;
}


/** A cell as its field's JSON, NULL: nothing is said */
static json_t *cell_json(const struct field *f, const char *text)
{
	if (!*text)
		return f->flags & (FIELD_SECRET | FIELD_REQUIRED) ? NULL
			: f->type == FIELD_BOOL ? NULL : json_null();

	if (f->type != FIELD_BOOL)
		return json_string(text);

	if (!strcasecmp(text, "true") || !strcasecmp(text, "yes") ||
	    !strcmp(text, "1"))
		return json_true();

	if (!strcasecmp(text, "false") || !strcasecmp(text, "no") ||
	    !strcmp(text, "0"))
		return json_false();

	return json_string(text);  /* the table says what is wrong with it */
}


static int header_read(const struct work *w, struct csv *csv,
		       const struct field *fieldv[CSV_COLUMNS_MAX],
		       size_t *columnc)
{
	const char *wordv[32], *near;
	char *valuev[CSV_COLUMNS_MAX];
	char text[256];
	size_t c = 0;
	int err;

	err = csv_read(csv, valuev, columnc);
	if (err) {
		error_h(1, NULL, "want a line that names the columns",
			(void *)(uintptr_t)w);
		return EBADMSG;
	}

	for (; c < user_fields.fieldc && c < RE_ARRAY_SIZE(wordv); c++)
		wordv[c] = user_fields.fieldv[c].name;

	for (size_t i = 0; i < *columnc; i++) {
		fieldv[i] = fields_find(&user_fields, valuev[i]);
		if (fieldv[i] && (import_is_column(fieldv[i]) ||
				  (fieldv[i]->flags & FIELD_SECRET)))
			continue;

		near = errors_nearest(valuev[i], wordv, c);
		(void)re_snprintf(text, sizeof(text), near ? "users have no"
				  " %s; did you mean \"%s\"?" : "users have"
				  " no %s", valuev[i], near);
		error_h(1, valuev[i], text, (void *)(uintptr_t)w);
		err = EBADMSG;
	}

	return err;
}


static json_t *record_json(const struct field *const *fieldv,
			   char *const *valuev, size_t c)
{
	json_t *value = json_object();

	for (size_t i = 0; value && i < c; i++) {
		json_t *cell = cell_json(fieldv[i], valuev[i]);

		if (cell)
			(void)json_object_set_new(value, fieldv[i]->name,
						  cell);
	}

	return value;
}


static int csv_rows(const struct work *w, json_t *rows)
{
	const struct field *fieldv[CSV_COLUMNS_MAX];
	char *valuev[CSV_COLUMNS_MAX], text[128];
	size_t columnc, c;
	struct csv csv;
	int err;

	csv_begin(&csv, w->body, w->size);
	err = header_read(w, &csv, fieldv, &columnc);

	while (!err) {
		err = csv_read(&csv, valuev, &c);
		if (err == ENOENT)
			return 0;

		if (err || c != columnc) {
			(void)re_snprintf(text, sizeof(text), err ? "a"
					  " quotation mark is where there can"
					  " be none" : "want %zu values, found"
					  " %zu", columnc, c);
			error_h(csv.line, NULL, text, (void *)(uintptr_t)w);
			return EBADMSG;
		}

		err = row_add(rows, csv.line, record_json(fieldv, valuev, c));
	}

	return err;
}


static int json_rows(const struct work *w, json_t *rows)
{
	json_error_t error;
	json_t *json, *users, *value;
	char text[256];
	size_t i;
	int err = 0;

	if (!body_fits(w->body, w->size, text, sizeof(text))) {
		error_h(1, NULL, text, (void *)(uintptr_t)w);
		return EBADMSG;
	}

	json  = json_loadb(w->body, w->size, JSON_REJECT_DUPLICATES, &error);
	users = json_object_get(json, "users");

	if (!json)
		(void)re_snprintf(text, sizeof(text), "want JSON, but line"
				  " %d, column %d: %s", error.line,
				  error.column, error.text);
	if (!json || !json_is_array(users)) {
		error_h(json ? 1 : (size_t)error.line, json ? "users" : NULL,
			json ? "want {\"users\": [...]}" : text,
			(void *)(uintptr_t)w);
		json_decref(json);
		return EBADMSG;
	}

	json_array_foreach(users, i, value)
		if (!err)
			err = row_add(rows, i + 1, json_incref(value));

	json_decref(json);

	return err;
}


static int run(struct work *w, struct store *st, struct catalog *cat,
	       struct bulk_totals *totals)
{
	const struct bulk_conf conf = {
		.st = st, .cat = cat, .tenant = w->tenant, .mode = w->mode,
		.by = { w->who, *w->address ? w->address : NULL },
		.msp = w->msp, .dry_run = w->dry_run, .errorh = error_h,
		.progressh = progress_h, .arg = w,
	};
	json_t *rows = json_array();
	struct import *im;
	int err;

	if (!rows)
		return ENOMEM;

	err = w->csv ? csv_rows(w, rows) : json_rows(w, rows);

	im = hold(w);
	if (im) {
		im->total = json_array_size(rows);
		release(w);
	}

	if (!err)
		err = bulk_users(&conf, rows, totals);
	json_decref(rows);

	return err;
}


static void work_h(struct store *st, struct catalog *cat, void *arg)
{
	struct work *w = arg;

	w->err = st ? run(w, st, cat, &w->totals) : EIO;
	if (w->err && w->err != EBADMSG)
		error_h(0, NULL, w->err == ESTALE ? "somebody else has"
			" changed a user meanwhile: try again" :
			w->err == EPERM ? "a customer file on the node says"
			" so: change it there" : strerror(w->err), w);
}


/** Another one may begin now */
static void end_h(void *arg)
{
	struct work *w = arg;
	const struct portal_conf *conf = portal_conf(w->portal);
	struct import *im;

	if (!w->err && !w->dry_run && conf->changedh)
		conf->changedh(conf->arg);

	im = hold(w);
	if (im) {
		im->state = w->err ? "failed" : "done";
		if (!w->err) {
			im->totals = w->totals;
			im->done   = im->total;
		}
		release(w);
	}

	OPENSSL_cleanse(w->body, w->size);
	mem_deref(w->body);
	free(w);
}


/* Beginning */


static int begin(struct request *rq, struct work *w)
{
	struct imports *im = portal_imports(rq->portal);
	struct import *import;
	int err;

	import = mem_zalloc(sizeof(*import), import_destructor);
	if (!import)
		return ENOMEM;

	import->errors = json_array();
	err = import->errors ? sessions_chance(import->id) : ENOMEM;
	if (err) {
		mem_deref(import);
		return err;
	}

	memcpy(w->id, import->id, sizeof(w->id));
	str_ncpy(import->tenant, w->tenant, sizeof(import->tenant));
	import->state   = "running";
	import->dry_run = w->dry_run;

	(void)pthread_mutex_lock(&im->lock);
	import->version = ++im->version;
	list_append(&im->l, &import->le, import);
	if (list_count(&im->l) > KEEP)
		mem_deref(list_head(&im->l)->data);
	(void)pthread_mutex_unlock(&im->lock);

	return 0;
}


static void forget(struct request *rq, const char *id)
{
	struct imports *im = portal_imports(rq->portal);

	(void)pthread_mutex_lock(&im->lock);
	mem_deref(find(im, id));
	(void)pthread_mutex_unlock(&im->lock);
}


static void start(struct request *rq, struct work *w)
{
	char id[SESSION_TEXT];
	int err;

	err = begin(rq, w);
	memcpy(id, w->id, sizeof(id));
	if (!err)
		err = desk_run(portal_desk(rq->portal), work_h, end_h, w);

	if (!err) {
		reply_header(rq, "Location", "/api/v1/imports/%s", id);
		reply_json(rq, 202, json_pack("{s:s}", "id", id));
		return;
	}

	if (*id)
		forget(rq, id);
	mem_deref(w->body);
	free(w);

	if (err == EBUSY) {
		reply_header(rq, "Retry-After", "5");
		reply_error(rq, HTTP_SERVUNAVAIL, NULL, "another import"
			    " runs");
	}
	else
		reply_store(rq, err, NULL);
}


static int exists_h(const struct store_object *obj, void *arg)
{
	*(bool *)arg = !strcmp(obj->managed, "store");

	return 0;
}


void import_post(struct request *rq)
{
	static const char *const modev[] = { "merge", "create", "replace" };
	const bool csv = rq->type && !strncmp(rq->type, "text/csv", 8);
	bool dry_run = false, stored = false;
	size_t mode = 0;
	struct work *w;
	int err;

	if (!csv && (!rq->type || strncmp(rq->type, "application/json", 16))) {
		reply_error(rq, 415, "Content-Type", "want text/csv or"
			    " application/json");
		return;
	}
	if (!query_bool(rq, "dry_run", &dry_run) ||
	    !query_choice(rq, "mode", modev, RE_ARRAY_SIZE(modev), &mode))
		return;

	if (!rq->size || strlen(rq->body) != rq->size) {
		reply_error(rq, HTTP_BADREQUEST, NULL, "want users as text");
		return;
	}

	err = store_get(rq->st, STORE_TENANT, rq->param, rq->param, exists_h,
			&stored);
	if (!err && !stored)
		err = EPERM;
	w = err ? NULL : calloc(1, sizeof(*w));
	if (!w) {
		reply_store(rq, err ? err : ENOMEM, NULL);
		return;
	}

	w->portal  = rq->portal;
	w->csv     = csv;
	w->dry_run = dry_run;
	w->mode    = (enum bulk_mode)mode;
	w->msp     = rq->grant.role == STORE_MSP_ADMIN;
	str_ncpy(w->tenant, rq->param, sizeof(w->tenant));
	str_ncpy(w->who, rq->grant.name, sizeof(w->who));
	str_ncpy(w->address, rq->address, sizeof(w->address));
	w->body  = rq->body;       /* it changes owner */
	w->size  = rq->size;
	rq->body = NULL;

	start(rq, w);
}
