/**
 * @file bulk.c  Many users at once
 */
#include <jansson.h>

#include "bridge/base/errors.h"
#include "bridge/base/members.h"
#include "bulk.h"
#include "objects.h"


enum { PROGRESS = 500, KEY_SIZE = 256 };


struct bulk {
	const struct bulk_conf *conf;
	json_t *had;               /* owned: folded upn to what is there     */
	json_t *planv;             /* owned: {"line","value","old"} to write */
	json_t *seen;              /* owned: folded upn to line              */
	json_t *numbers, *sips;    /* owned: to the upn that has it          */
	json_t *gone;              /* owned: names                           */
	struct list pbxl;          /* struct known_pbx                       */
	struct bulk_totals totals;
	size_t errors;
};


struct known_pbx {
	struct le le;
	char *name;                /* owned */
	struct pbx *pbx;           /* owned, NULL: there is none, or it
				      cannot be used */
};


static void known_destructor(void *data)
{
	struct known_pbx *known = data;

	list_unlink(&known->le);
	mem_deref(known->name);
	mem_deref(known->pbx);
}


static void fold(char key[KEY_SIZE], const char *text)
{
	size_t i;

	for (i = 0; text[i] && i + 1 < KEY_SIZE; i++)
		key[i] = text[i] >= 'A' && text[i] <= 'Z' ?
			(char)(text[i] - 'A' + 'a') : text[i];
	key[i] = '\0';
}


static void complain(struct bulk *b, const json_t *plan, const char *field,
		     const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	(void)re_vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);

	++b->errors;
	b->conf->errorh((size_t)json_integer_value(json_object_get(plan,
								   "line")),
			field, text, b->conf->arg);
}


static void complain_all(struct bulk *b, const json_t *plan,
			 const struct errors *errs)
{
	for (size_t i = 0; errors_get(errs, i); i++)
		complain(b, plan, errors_get(errs, i)->field, "%s",
			 errors_get(errs, i)->message);
}


/* What is there */


static int had_h(const struct store_object *obj, void *arg)
{
	struct bulk *b = arg;
	json_t *had;

	had = json_pack("{s:O, s:I, s:s}", "value", obj->value, "revision",
			(json_int_t)obj->revision, "secrets", obj->secrets);

	return json_object_set_new(b->had, obj->name, had) ? ENOMEM : 0;
}


static struct pbx *pbx_find(struct bulk *b, const char *name)
{
	struct known_pbx *known;
	struct errors *errs = NULL;

	for (struct le *le = list_head(&b->pbxl); le; le = le->next) {
		known = le->data;
		if (!strcmp(known->name, name))
			return known->pbx;
	}

	known = mem_zalloc(sizeof(*known), known_destructor);
	if (!known)
		return NULL;

	if (str_dup(&known->name, name) || errors_alloc(&errs)) {
		mem_deref(known);
		return NULL;
	}

	(void)object_pbx(&known->pbx, b->conf->st, b->conf->cat,
			 b->conf->tenant, name, errs);
	mem_deref(errs);
	list_append(&b->pbxl, &known->le, known);

	return known->pbx;
}


/* What will be there */


static bool is_same(const json_t *value, const json_t *old)
{
	return old && !json_object_get(value, "sip_password") &&
		json_equal(value, json_object_get(old, "value"));
}


static int plan_add(struct bulk *b, size_t line, json_t *value, json_t *old)
{
	json_t *plan;

	plan = json_pack("{s:I, s:O}", "line", (json_int_t)line, "value",
			 value);
	if (plan && old && json_object_set(plan, "old", old)) {
		json_decref(plan);
		return ENOMEM;
	}

	return json_array_append_new(b->planv, plan) ? ENOMEM : 0;
}


/** The row over what is there */
static json_t *merged(const struct bulk *b, json_t *row, const json_t *old)
{
	json_t *value;

	if (!old || b->conf->whole)
		return json_incref(row);

	value = json_deep_copy(json_object_get(old, "value"));
	if (value && object_merge(STORE_USER, value, row)) {
		json_decref(value);
		return NULL;
	}

	return value;
}


static int row_take(struct bulk *b, json_t *row)
{
	const size_t line = (size_t)json_integer_value(
		json_object_get(row, "line"));
	json_t *change = json_object_get(row, "value"), *old, *value;
	char key[KEY_SIZE];
	int err = 0;

	fold(key, text_of(change, "upn"));
	if (!*key) {
		complain(b, row, "upn", "want a user principal name, found"
			 " nothing");
		return 0;
	}

	if (json_object_get(b->seen, key)) {
		complain(b, row, "upn", "want each user once, but %s is in"
			 " line %d too", key, (int)json_integer_value(
				 json_object_get(b->seen, key)));
		return 0;
	}
	if (json_object_set_new(b->seen, key, json_integer((json_int_t)line)))
		return ENOMEM;

	old = json_object_get(b->had, key);
	if (old && b->conf->mode == BULK_CREATE) {
		complain(b, row, "upn", "%s is there already", key);
		return 0;
	}

	value = merged(b, change, old);
	if (!value)
		return ENOMEM;

	if (is_same(value, old)) {
		++b->totals.unchanged;
		if (b->conf->check_all)
			err = plan_add(b, line, value, old);
	}
	else {
		++*(old ? &b->totals.changed : &b->totals.created);
		err = plan_add(b, line, value, old);
	}
	json_decref(value);

	return err;
}


static int gone_find(struct bulk *b)
{
	const char *key;
	json_t *old;

	if (b->conf->mode != BULK_REPLACE)
		return 0;

	json_object_foreach(b->had, key, old) {
		if (json_object_get(b->seen, key))
			continue;

		if (json_array_append_new(b->gone, json_string(key)))
			return ENOMEM;
		++b->totals.removed;
	}

	return 0;
}


/* Checking */


/** Two users, one number: told with both of them */
static void twin_check(struct bulk *b, json_t *map, const json_t *plan,
		       const char *key, const char *field, const char *upn)
{
	const char *other = json_string_value(json_object_get(map, key));

	if (!*key || !strcmp(key, "/"))
		return;

	if (other)
		complain(b, plan, field, "want one that nobody else has, but"
			 " %s has it too", other);
	else
		(void)json_object_set_new(map, key, json_string(upn));
}


static void twins_check(struct bulk *b, const json_t *plan,
			const json_t *value)
{
	char sip[2 * KEY_SIZE];

	(void)re_snprintf(sip, sizeof(sip), "%s/%s", text_of(value, "pbx"),
			  text_of(value, "sip_username"));
	twin_check(b, b->numbers, plan, text_of(value, "number"), "number",
		   text_of(value, "upn"));
	twin_check(b, b->sips, plan, sip, "sip_username",
		   text_of(value, "upn"));
}


/** Those that stay as they are hold on to their numbers */
static void stayers_note(struct bulk *b)
{
	const char *key;
	json_t *old, *plan;
	json_t *planned = json_object();
	char folded[KEY_SIZE];
	size_t i;

	json_array_foreach(b->planv, i, plan) {
		fold(folded, text_of(json_object_get(plan, "value"), "upn"));
		(void)json_object_set_new(planned, folded, json_true());
	}
	json_array_foreach(b->gone, i, plan)
		(void)json_object_set_new(planned, json_string_value(plan),
					  json_true());

	json_object_foreach(b->had, key, old)
		if (!json_object_get(planned, key))
			twins_check(b, NULL, json_object_get(old, "value"));

	json_decref(planned);
}


static int plan_check(struct bulk *b, const json_t *plan)
{
	const json_t *value = json_object_get(plan, "value");
	const json_t *old   = json_object_get(plan, "old");
	struct request rq = { .grant.role = b->conf->msp ? STORE_MSP_ADMIN
			      : STORE_TENANT_ADMIN };
	const char *name = text_of(value, "pbx");
	struct pbx *pbx = *name ? pbx_find(b, name) : NULL;
	struct errors *errs = NULL;
	int err;

	err = errors_alloc(&errs);
	if (err)
		return err;

	if (*name && !pbx)
		errors_add(errs, NULL, "pbx", "want the name of one of the"
			   " tenant's PBXs, found \"%s\"", name);

	err = object_may_set(&rq, STORE_USER, value,
			     json_object_get(old, "value"), errs);
	if (!err && pbx)
		err = object_user_fits(value, text_of(old, "secrets"), pbx,
				       errs);
	if (!*name)
		errors_add(errs, NULL, "pbx", "want the name of the user's"
			   " PBX, found nothing");

	complain_all(b, plan, errs);
	mem_deref(errs);
	twins_check(b, plan, value);

	return err == EBADMSG ? 0 : err;
}


static int check(struct bulk *b)
{
	json_t *plan;
	size_t i;
	int err = 0;

	stayers_note(b);

	json_array_foreach(b->planv, i, plan) {
		err = plan_check(b, plan);
		if (err)
			return err;
	}

	return b->errors ? EBADMSG : 0;
}


/* Writing */


static void tell(const struct bulk *b)
{
	json_t *plan, *name;
	size_t i;

	if (!b->conf->changeh)
		return;

	json_array_foreach(b->gone, i, name)
		b->conf->changeh("remove", json_string_value(name),
				 json_object_get(json_object_get(b->had,
				 json_string_value(name)), "value"), NULL,
				 b->conf->arg);

	json_array_foreach(b->planv, i, plan) {
		const json_t *value = json_object_get(plan, "value");
		const json_t *old   = json_object_get(plan, "old");

		if (!is_same(value, old))
			b->conf->changeh(old ? "change" : "create",
					 text_of(value, "upn"),
					 json_object_get(old, "value"), value,
					 b->conf->arg);
	}
}


/** Users who swap their numbers stand aside first: there is no moment at
    which two have the same */
static int stand_aside(struct bulk *b)
{
	json_t *plan;
	size_t i;
	int err = 0;

	json_array_foreach(b->planv, i, plan) {
		const json_t *now = json_object_get(plan, "value");
		const json_t *was = json_object_get(json_object_get(plan,
							"old"), "value");

		if (!was || (!strcmp(text_of(now, "number"),
				     text_of(was, "number")) &&
			     !strcmp(text_of(now, "sip_username"),
				     text_of(was, "sip_username")) &&
			     !strcmp(text_of(now, "pbx"),
				     text_of(was, "pbx"))))
			continue;

		err = store_user_aside(b->conf->st, b->conf->tenant,
				       text_of(now, "upn"));
		if (err)
			break;
	}

	return err;
}


static int plan_write(struct bulk *b, const json_t *plan)
{
	const json_t *value = json_object_get(plan, "value");
	const json_t *old   = json_object_get(plan, "old");
	struct errors *errs = NULL;
	int err;

	if (is_same(value, old))
		return 0;

	err = errors_alloc(&errs);
	if (err)
		return err;

	err = store_put(b->conf->st, STORE_USER, b->conf->tenant, value,
			json_integer_value(json_object_get(old, "revision")),
			&b->conf->by, errs, NULL);
	complain_all(b, plan, errs);
	mem_deref(errs);

	return err && b->errors ? EBADMSG : err;
}


static int write_all(struct bulk *b)
{
	json_t *plan, *name;
	size_t i;
	int err = 0;

	json_array_foreach(b->gone, i, name) {
		err = store_remove(b->conf->st, STORE_USER, b->conf->tenant,
				   json_string_value(name), STORE_ANY,
				   &b->conf->by);
		if (err)
			return err;
	}

	err = stand_aside(b);

	json_array_foreach(b->planv, i, plan) {
		if (err)
			break;

		err = plan_write(b, plan);
		if (b->conf->progressh && (i + 1) % PROGRESS == 0)
			b->conf->progressh(i + 1, b->conf->arg);
	}

	return err;
}


static int write(struct bulk *b)
{
	int err;

	if (b->conf->dry_run && !b->conf->inside)
		return 0;

	if (b->conf->inside)
		return write_all(b);

	err = store_begin(b->conf->st);

	return err ? err : store_end(b->conf->st, write_all(b));
}


int bulk_users(const struct bulk_conf *conf, json_t *rows,
	       struct bulk_totals *totals)
{
	const struct store_users all = { .tenant = conf->tenant };
	struct bulk b = {
		.conf = conf, .had = json_object(), .planv = json_array(),
		.seen = json_object(), .numbers = json_object(),
		.sips = json_object(), .gone = json_array(),
	};
	json_t *row;
	size_t i;
	int err;

	err = b.had && b.planv && b.seen && b.numbers && b.sips && b.gone ?
		store_user_list(conf->st, &all, had_h, &b) : ENOMEM;

	json_array_foreach(rows, i, row) {
		if (err)
			break;
		err = row_take(&b, row);
	}

	if (!err)
		err = gone_find(&b);
	if (!err)
		err = check(&b);
	if (!err)
		tell(&b);
	if (!err)
		err = write(&b);
	if (!err)
		*totals = b.totals;

	list_flush(&b.pbxl);
	json_decref(b.had);
	json_decref(b.planv);
	json_decref(b.seen);
	json_decref(b.numbers);
	json_decref(b.sips);
	json_decref(b.gone);

	return err;
}
