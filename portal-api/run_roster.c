/**
 * @file run_roster.c  Who takes part in a test, out of the store
 */
#include <jansson.h>
#include <openssl/crypto.h>
#include <stdlib.h>

#include "bridge/base/errors.h"
#include "bridge/base/members.h"
#include "bridge/model/tenant.h"
#include "bridge/model/testers.h"
#include "bridge/store/seal.h"
#include "objects.h"
#include "run_order.h"
#include "run_plans.h"
#include "run_roster.h"


/** What is made, and of what */
struct making {
	struct request *rq;        /* borrowed */
	const char *tenant, *pbx;  /* borrowed; of the path */
	const struct run_plans *plans;     /* borrowed; NULL: readiness */
	struct strings *who;       /* borrowed: those who are busy then */
	const char *domain;        /* borrowed; of the PBX */
	struct errors *errs;       /* borrowed */
	json_t *testers;           /* owned: what is kept with the PBX */
	char fqdn[256];            /* our name towards Teams */
	bool teams;                /* somebody is in teams-sim */
};


void run_text_wipe(char *text)
{
	if (text)
		OPENSSL_cleanse(text, strlen(text));
	free(text);
}


static int value_h(const struct store_object *obj, void *arg)
{
	json_t **jsonp = arg;

	*jsonp = json_deep_copy(obj->value);

	return *jsonp ? 0 : ENOMEM;
}


/** @param jsonp  Takes the value; NULL if there is none */
static int value_get(const struct making *mk, enum store_kind kind,
		     const char *name, json_t **jsonp)
{
	int err;

	*jsonp = NULL;
	err = store_get(mk->rq->st, kind, mk->tenant, name, value_h, jsonp);

	return err == ENOENT ? 0 : err;
}


static int fqdn_get(struct making *mk)
{
	json_t *tenant;
	int err;

	err = value_get(mk, STORE_TENANT, mk->tenant, &tenant);
	str_ncpy(mk->fqdn, text_of(json_object_get(tenant, "teams"), "fqdn"),
		 sizeof(mk->fqdn));
	json_decref(tenant);

	return err;
}


/* Who is busy then */


static int who_add(struct making *mk, const char *fmt, ...)
{
	char words[512];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = re_vsnprintf(words, sizeof(words), fmt, ap);
	va_end(ap);

	return n < 0 ? EOVERFLOW : strings_add(mk->who, words);
}


/** A number in full is the same everywhere, an extension at its PBX alone */
static int who_number(struct making *mk, const char *number)
{
	if (!*number)
		return 0;

	return *number == '+' ? who_add(mk, "%s", number) :
		who_add(mk, "%s at %s", number, mk->domain);
}


/** What baresip would bind, and register as, cannot be there twice */
static int who_phone(struct making *mk, const json_t *account)
{
	const bool registers = !json_is_false(json_object_get(account,
							      "registers"));
	const char *address = text_of(account, "address");
	const char *name = text_of(account, "sip_username");
	int err = 0;

	if (!*name)
		name = text_of(account, "extension");
	if (!*name)
		name = text_of(account, "number");

	if (*address || !registers)
		err = who_add(mk, "the telephone at %s", *address ? address
			      : "port 5060 of this node");

	return err || !registers ? err : who_add(mk, "the telephone %s of"
						 " %s", name, mk->domain);
}


static int who_account(struct making *mk, const json_t *account)
{
	const char *upn = text_of(account, "upn");
	int err = 0;

	if (*upn)
		err = who_add(mk, "%s", upn);
	if (!err)
		err = who_number(mk, text_of(account, "number"));
	if (!err && !strcmp(text_of(account, "kind"), "phone"))
		err = who_phone(mk, account);

	return err;
}


/** A secret into a value, if it is set */
static int secret_add(const struct making *mk, enum store_kind kind,
		      const char *name, const char *field, json_t *value)
{
	char *secret;
	int err;

	err = store_secret(mk->rq->st, kind, mk->tenant, name, field,
			   &secret);
	if (err)
		return err == ENOENT ? 0 : err;

	err = json_object_set_new(value, "sip_password",
				  json_string(secret)) ? ENOMEM : 0;
	seal_wipe(secret);

	return err;
}


/* A roster */


static void set_missing(json_t *account, const char *name,
			const json_t *user, const char *as)
{
	if (!*text_of(account, name) && *text_of(user, as))
		(void)json_object_set(account, name, json_object_get(user,
								     as));
}


/** A user of the PBX brings its number along */
static int user_add(const struct making *mk, const char *role,
		    json_t *account)
{
	const char *upn = text_of(account, "upn");
	char field[32];
	json_t *user;
	int err;

	if (!*upn)
		return 0;

	err = value_get(mk, STORE_USER, upn, &user);
	if (err)
		return err;

	if (strcmp(text_of(user, "pbx"), mk->pbx)) {
		(void)re_snprintf(field, sizeof(field), "%s.upn", role);
		errors_add(mk->errs, NULL, field, "want a user of %s, found"
			   " %s", mk->pbx, upn);
		err = EBADMSG;
	}
	else {
		set_missing(account, "number", user, "number");
		set_missing(account, "extension", user, "sip_username");
		set_missing(account, "name", user, "name");
	}
	json_decref(user);

	return err;
}


static int account_add(struct making *mk, json_t *roster, const char *role)
{
	json_t *account = json_object_get(mk->testers, role);
	const char *kind = text_of(account, "kind");
	char field[64];
	int err;

	/* cases that want somebody who is not there are skipped */
	if (!*kind || !run_plans_want(mk->plans, role))
		return 0;

	mk->teams |= !strcmp(kind, "teams");
	err = user_add(mk, role, account);
	(void)re_snprintf(field, sizeof(field), "%s.sip_password", role);
	if (!err && !strcmp(kind, "phone"))
		err = secret_add(mk, STORE_TESTERS, mk->pbx, field, account);

	if (!err && !*text_of(account, "number")) {
		(void)re_snprintf(field, sizeof(field), "%s.number", role);
		errors_add(mk->errs, NULL, field, "want the number by which"
			   " it is called");
		err = EBADMSG;
	}

	if (!err)
		err = who_account(mk, account);

	return err ? err : json_object_set(roster, role, account) ? ENOMEM
		: 0;
}


/** teams-sim plays users only where this node has one */
static int sim_add(const struct making *mk, json_t *roster)
{
	const char *sim = portal_conf(mk->rq->portal)->tests.teams_sim;

	if (!mk->teams)
		return 0;

	if (!sim) {
		errors_add(mk->errs, NULL, "user_a.kind", "want human: no"
			   " teams-sim is set on this node"
			   " (tests.teams_sim)");
		return EBADMSG;
	}

	return json_object_set_new(roster, "teams", json_pack("{s:s, s:s}",
				   "control", sim, "fqdn", mk->fqdn))
		? ENOMEM : 0;
}


static json_t *phones_place(const struct pbx *pbx)
{
	static const char *const protocolv[] = {
		[PBX_UDP] = "udp", [PBX_TCP] = "tcp", [PBX_TLS] = "tls",
	};

	return json_pack("{s:s, s:s*, s:s, s:b}", "sip_domain",
			 pbx->sip_domain, "sip_proxy", pbx->sip_proxy,
			 "protocol", protocolv[pbx->protocol],
			 "encrypt_media", (int)pbx->encrypt_media);
}


static int roster_make(struct making *mk, const struct pbx *pbx,
		       json_t *roster)
{
	static const char *const rolev[] = {
		"user_a", "user_b", "external", "external_2",
	};
	static const char *const numberv[] = {"nobody", "echo"};
	int err;

	mk->domain = pbx->sip_domain;
	err = fqdn_get(mk);
	for (size_t i = 0; i < RE_ARRAY_SIZE(rolev) && !err; i++)
		err = account_add(mk, roster, rolev[i]);
	if (!err)
		err = sim_add(mk, roster);
	if (err)
		return err;

	for (size_t i = 0; i < RE_ARRAY_SIZE(numberv); i++)
		if (*text_of(mk->testers, numberv[i]))
			(void)json_object_set(roster, numberv[i],
				json_object_get(mk->testers, numberv[i]));

	return json_object_set_new(roster, "roster", json_string(mk->pbx)) ||
		json_object_set_new(roster, "pbx", phones_place(pbx))
		? ENOMEM : 0;
}


static int text_take(char **textp, json_t *json)
{
	*textp = json_dumps(json, JSON_COMPACT);

	return *textp ? 0 : ENOMEM;
}


int run_roster(char **textp, struct request *rq,
	       const struct run_plans *plans, struct strings *who,
	       struct errors *errs)
{
	struct making mk = { .rq = rq, .tenant = rq->param,
			     .pbx = rq->paramv[1], .plans = plans,
			     .who = who, .errs = errs };
	json_t *roster = json_object();
	struct pbx *pbx = NULL;
	int err;

	err = object_pbx(&pbx, rq->st, rq->cat, mk.tenant, mk.pbx, errs);
	if (!err)
		err = value_get(&mk, STORE_TESTERS, mk.pbx, &mk.testers);
	if (!err && !mk.testers) {
		errors_add(errs, NULL, "testers", "say first who plays whom"
			   " in tests of %s", mk.pbx);
		err = EBADMSG;
	}
	if (!err)
		err = roster_make(&mk, pbx, roster);
	if (!err)
		err = text_take(textp, roster);

	json_decref(mk.testers);
	json_decref(roster);
	mem_deref(pbx);

	return err;
}


/* A customer file */


/** A user of a customer file: the bridge alone has read that */
static int password_add(const struct making *mk, const char *upn,
			json_t *user)
{
	const struct portal_conf *conf = portal_conf(mk->rq->portal);
	char *password = NULL;
	int err;

	err = conf->passwordh ? conf->passwordh(&password, mk->tenant, upn,
						conf->arg) : ENOENT;
	if (!err)
		err = json_object_set_new(user, "sip_password",
					  json_string(password)) ? ENOMEM : 0;
	else if (err == ENOENT)
		err = 0;
	seal_wipe(password);

	return err;
}


static int customer_user(struct making *mk, const char *upn,
			 json_t *users)
{
	json_t *user;
	int err;

	err = value_get(mk, STORE_USER, upn, &user);
	if (!err && strcmp(text_of(user, "pbx"), mk->pbx)) {
		errors_add(mk->errs, NULL, "users", "want users of %s, found"
			   " %s", mk->pbx, upn);
		err = EBADMSG;
	}
	if (!err)
		err = secret_add(mk, STORE_USER, upn, "sip_password", user);
	if (!err && !*text_of(user, "sip_password"))
		err = password_add(mk, upn, user);
	if (!err && !*text_of(user, "sip_password")) {
		errors_add(mk->errs, NULL, "users", "the password of %s is"
			   " not in the store: it is in a customer file of"
			   " another node, or there is none", upn);
		err = EBADMSG;
	}
	if (!err)
		err = who_account(mk, user);
	if (err)
		json_decref(user);

	return err ? err : json_array_append_new(users, user) ? ENOMEM : 0;
}


/** With its template's settings in it, for the reader need not have that */
static json_t *customer_pbx_json(const struct pbx *pbx)
{
	json_t *json = fields_json(&pbx_fields, pbx, false);

	if (json)
		(void)json_object_set_new(json, "template",
					  json_string("generic"));

	return json;
}


int run_customer(char **textp, struct request *rq,
		 const struct run_order *order, struct strings *who,
		 struct errors *errs)
{
	struct making mk = { .rq = rq, .tenant = rq->param,
			     .pbx = rq->paramv[1], .who = who,
			     .errs = errs };
	json_t *users = json_array(), *json = NULL;
	struct pbx *pbx = NULL;
	int err;

	err = object_pbx(&pbx, rq->st, rq->cat, mk.tenant, mk.pbx, errs);
	if (!err) {
		mk.domain = pbx->sip_domain;
		err = fqdn_get(&mk);
	}
	if (!err && order->call)
		err = who_number(&mk, order->call);
	for (size_t i = 0; i < order->users.c && !err; i++)
		err = customer_user(&mk, order->users.v[i], users);

	if (!err) {
		json = json_pack("{s:s, s:{s:s}, s:[o], s:O}", "tenant",
				 mk.tenant, "teams", "fqdn", mk.fqdn, "pbx",
				 customer_pbx_json(pbx), "users", users);
		err = json ? text_take(textp, json) : ENOMEM;
	}

	json_decref(json);
	json_decref(users);
	mem_deref(pbx);

	return err;
}
