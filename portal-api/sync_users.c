/**
 * @file sync_users.c  Users made of people of Microsoft 365
 *
 * Who is chosen gets a number, a name at the PBX and a country from what
 * Microsoft says and how the sync is set; what is wrong or missing can be
 * said with the choice. All of them are made, or none. A dry run tells how
 * they would be made, and what stands in the way of each.
 */
#include <ctype.h>
#include <jansson.h>

#include "api.h"
#include "bridge/base/errors.h"
#include "bridge/base/members.h"
#include "bridge/model/syncconf.h"
#include "bridge/model/tenant.h"
#include "bridge/store/store_sync.h"
#include "bulk.h"
#include "objects.h"
#include "pbx-templates/number.h"
#include "sync/matching.h"


enum { CHOSEN_MAX = 1000, NAME_MAX_OCTETS = 95 };

/* What may be said of one beside its id */
static const char *const overv[] = {
	"pbx", "number", "sip_username", "sip_auth_username", "sip_password",
	"country", "name",
};


struct making {
	struct request *rq;        /* borrowed                             */
	struct syncconf *conf;     /* owned                                */
	json_t *rows;              /* owned: for bulk_users()              */
	json_t *told;              /* owned: {"id", "value", "errors"}     */
	struct list pbxl;          /* struct pbx, owned                    */
	size_t errors;
};


/** Somebody as the store has it */
struct found {
	json_t *person;            /* owned, NULL */
	char why[32];
};


static void complain(struct making *mk, size_t i, const char *field,
		     const char *fmt, ...)
{
	json_t *errors = json_object_get(json_array_get(mk->told, i),
					 "errors");
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	(void)re_vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);

	++mk->errors;
	(void)json_array_append_new(errors, json_pack("{s:s?, s:s}", "field",
						      field, "error", text));
}


/* Numbers */


/** A number as people write it: without blanks and brackets; (0) is not
    dialled behind a + */
static void number_clean(char *dst, size_t size, const char *src)
{
	const bool plus = *src == '+';
	size_t n = 0;

	while (*src && n + 1 < size) {
		if (plus && !strncmp(src, "(0)", 3)) {
			src += 3;
			continue;
		}
		if (isdigit((unsigned char)*src) || (*src == '+' && !n))
			dst[n++] = *src;
		++src;
	}
	dst[n] = '\0';
}


static bool begins(const char *text, const char *with)
{
	return *with && !strncmp(text, with, strlen(with));
}


static bool is_national(const struct country *country, const char *digits)
{
	const size_t l = strlen(digits);

	return country->nsn_max && l >= country->nsn_min &&
		l <= country->nsn_max;
}


/** What is not written in full is read as in the person's own country; what
    then is no number there may be an extension, and stays */
static void number_complete(char *text, size_t size, const char *iso)
{
	const struct country *country = country_find(iso);
	const char *rest = NULL;
	char full[64];

	if (!country || *text == '+')
		return;

	if (begins(text, country->international))
		(void)re_snprintf(full, sizeof(full), "+%s", text +
				  strlen(country->international));
	else {
		if (begins(text, country->national))
			rest = text + strlen(country->national);
		else if (!*country->national)
			rest = text;
		if (!rest || !is_national(country, rest))
			return;

		(void)re_snprintf(full, sizeof(full), "+%s%s", country->code,
				  rest);
	}

	str_ncpy(text, full, size);
}


static void number_take(const struct making *mk, json_t *value,
			const json_t *person)
{
	const char *from = mk->conf->users.number == SYNC_NUMBER_NONE ? "" :
		text_of(person, mk->conf->users.number ==
			SYNC_NUMBER_MOBILE ? "mobile" : "phone");
	char text[64];

	number_clean(text, sizeof(text), from);
	number_complete(text, sizeof(text), text_of(person, "country"));
	if (*text)
		(void)json_object_set_new(value, "number",
					  json_string(text));
}


/* One of them */


static void username_take(const struct making *mk, json_t *value,
			  const json_t *person)
{
	const char *number = text_of(value, "number");
	const char *upn = text_of(person, "upn");
	const size_t digits = (size_t)mk->conf->users.digits;
	size_t l;

	number += *number == '+';
	l = strlen(number);

	switch (mk->conf->users.sip_username) {

	case SYNC_USERNAME_UPN:
		number = upn;
		l = strcspn(upn, "@");
		break;

	case SYNC_USERNAME_EXTENSION:
		if (l > digits) {
			number += l - digits;
			l = digits;
		}
		break;

	default:
		break;
	}

	if (l)
		(void)json_object_set_new(value, "sip_username",
					  json_stringn(number, l));
}


static struct pbx *pbx_find(struct making *mk, const char *name)
{
	struct pbx *pbx = NULL;

	for (struct le *le = list_head(&mk->pbxl); le; le = le->next) {
		pbx = le->data;
		if (!str_cmp(pbx->name, name))
			return pbx;
	}

	if (object_pbx(&pbx, mk->rq->st, mk->rq->cat, mk->rq->param, name,
		       NULL))
		return NULL;

	list_append(&mk->pbxl, &pbx->le, pbx);

	return pbx;
}


static bool needs_password(struct making *mk, const json_t *value)
{
	const struct pbx *pbx = pbx_find(mk, text_of(value, "pbx"));

	return !pbx || pbx->auth_type == PBX_AUTH_REGISTRATION;
}


static void text_take(json_t *value, const char *name, const char *text)
{
	if (*text && strlen(text) <= NAME_MAX_OCTETS)
		(void)json_object_set_new(value, name, json_string(text));
}


/** What was said goes before what follows from Microsoft's words. Who has no
    password yet is made, but off */
static json_t *value_make(struct making *mk, const json_t *chosen,
			  const json_t *person)
{
	json_t *value = json_object();

	text_take(value, "pbx", mk->conf->users.pbx ? mk->conf->users.pbx
		  : "");
	text_take(value, "upn", text_of(person, "upn"));
	text_take(value, "name", text_of(person, "name"));
	text_take(value, "country", text_of(person, "country"));
	text_take(value, "pbx", text_of(chosen, "pbx"));
	number_take(mk, value, person);
	text_take(value, "number", text_of(chosen, "number"));
	username_take(mk, value, person);

	for (size_t i = 0; i < RE_ARRAY_SIZE(overv); i++)
		if (*text_of(chosen, overv[i]))
			(void)json_object_set(value, overv[i],
					      json_object_get(chosen,
							      overv[i]));

	if (!*text_of(value, "sip_password") && needs_password(mk, value))
		(void)json_object_set_new(value, "enabled", json_false());

	return value;
}


static int found_h(const struct store_sync_line *line, void *arg)
{
	struct found *found = arg;

	json_decref(found->person);
	found->person = json_loads(line->person, 0, NULL);
	str_ncpy(found->why, line->why, sizeof(found->why));

	return 0;
}


/** What is told: without its password */
static void value_tell(struct making *mk, size_t i, const json_t *value)
{
	json_t *copy = json_copy((json_t *)(uintptr_t)value);

	(void)json_object_del(copy, "sip_password");
	(void)json_object_set_new(json_array_get(mk->told, i), "value",
				  copy);
}


static int one_make(struct making *mk, size_t i, const json_t *chosen,
		    const json_t *person)
{
	json_t *value = value_make(mk, chosen, person);
	json_t *row;

	value_tell(mk, i, value);
	if (!*text_of(value, "number"))
		complain(mk, i, "number", "want a number, Microsoft says"
			 " none");

	row = json_pack("{s:I, s:o}", "line", (json_int_t)i, "value", value);

	return row && !json_array_append_new(mk->rows, row) ? 0 : ENOMEM;
}


static int one_find(struct making *mk, size_t i, const json_t *chosen)
{
	const struct store_sync_lines which = {
		.tenant = mk->rq->param, .id = text_of(chosen, "id") };
	struct found found = { .person = NULL };
	int err;

	if (json_array_append_new(mk->told, json_pack("{s:s, s:n, s:[]}",
			"id", which.id, "value", "errors")))
		return ENOMEM;

	err = store_sync_lines(mk->rq->st, &which, found_h, &found);
	if (!err && !found.person)
		complain(mk, i, "id", "there is nobody of this id");
	else if (!err && strcmp(found.why, "no_pbx_account"))
		complain(mk, i, NULL, "%s", strcmp(found.why, "ready") &&
			 strcmp(found.why, "off") ? match_why_text(
				 match_why_named(found.why))
			 : "is a user here already");
	else if (!err)
		err = one_make(mk, i, chosen, found.person);
	json_decref(found.person);

	return err;
}


/* All of them */


static void bulk_error_told(size_t line, const char *field, const char *text,
			    void *arg)
{
	complain(arg, line, field, "%s", text);
}


static int settings_h(const struct store_object *obj, void *arg)
{
	struct making *mk = arg;

	mk->conf = fields_item_alloc(&syncconf_fields);
	if (!mk->conf)
		return ENOMEM;

	return fields_read_json(&syncconf_fields, mk->conf, obj->value, NULL,
				NULL);
}


static int name_h(const struct store_object *obj, void *arg)
{
	json_t *names = arg;

	return json_array_append_new(names, json_string(obj->name)) ? ENOMEM
		: 0;
}


/** Where there is one PBX it need not be said */
static int pbx_default(struct making *mk)
{
	json_t *names = json_array();
	int err = 0;

	if (!mk->conf->users.pbx)
		err = store_list(mk->rq->st, STORE_PBX, mk->rq->param, NULL,
				 2, name_h, names);
	if (!err && json_array_size(names) == 1)
		err = str_dup(&mk->conf->users.pbx, json_string_value(
			json_array_get(names, 0)));
	json_decref(names);

	return err;
}


static int make(struct making *mk, const json_t *chosen, bool dry,
		size_t *made)
{
	struct request *rq = mk->rq;
	struct bulk_totals totals = { 0, 0, 0, 0 };
	const struct bulk_conf conf = {
		.st = rq->st, .cat = rq->cat, .tenant = rq->param,
		.mode = BULK_CREATE, .by = rq->by,
		.msp = rq->grant.role == STORE_MSP_ADMIN,
		.errorh = bulk_error_told, .arg = mk,
	};
	struct bulk_conf check = conf;
	json_t *one;
	size_t i;
	int err;

	err = pbx_default(mk);
	json_array_foreach(chosen, i, one) {
		if (!err)
			err = one_find(mk, i, one);
	}
	if (err)
		return err;

	/* all that is wrong is told, also if some of it is already */
	check.dry_run = dry || mk->errors;
	err = bulk_users(&check, mk->rows, &totals);
	*made = totals.created;

	return err == EBADMSG || mk->errors ? EBADMSG : err;
}


static void answer(struct making *mk, int err, bool dry, size_t made)
{
	json_t *json;

	if (err && err != EBADMSG) {
		reply_store(mk->rq, err, NULL);
		return;
	}

	json = json_pack("{s:O, s:I, s:b}", "users", mk->told, "created",
			 (json_int_t)(err ? 0 : made), "dry_run", dry);
	if (err && !dry) {
		(void)json_object_set_new(json, "error", json_string(
			"none was made: see what is wrong with each"));
		(void)json_object_set_new(json, "field",
					  json_string("users"));
	}
	mk->rq->changed = !err && !dry;
	reply_json(mk->rq, !err || dry ? HTTP_OK : 422, json);
}


static bool chosen_check(struct request *rq, const json_t *chosen)
{
	const size_t c = json_array_size(chosen);

	if (c && c <= CHOSEN_MAX)
		return true;

	reply_error(rq, 422, "users", "want a list of 1 to %d {\"id\": ...}",
		    CHOSEN_MAX);

	return false;
}


void sync_users(struct request *rq)
{
	struct making mk = { .rq = rq, .rows = json_array(),
			     .told = json_array() };
	json_t *json = body_json(rq);
	const json_t *chosen = json_object_get(json, "users");
	bool dry = false;
	size_t made = 0;
	int err;

	if (json && query_bool(rq, "dry_run", &dry) &&
	    chosen_check(rq, chosen)) {
		err = store_get(rq->st, STORE_SYNC, rq->param, rq->param,
				settings_h, &mk);
		if (err)
			reply_store(rq, err, NULL);
		else {
			err = make(&mk, chosen, dry, &made);
			answer(&mk, err, dry, made);
		}
	}

	list_flush(&mk.pbxl);
	mem_deref(mk.conf);
	json_decref(mk.rows);
	json_decref(mk.told);
	json_decref(json);
}
