/**
 * @file template_doctor.c  Which settings a PBX takes, tried on the PBX
 *
 * Registers one user with one setting changed at a time, and takes each
 * binding back. A refusal may count towards a ban at the PBX: the doctor
 * stops at a few of them, and tries what needs none first.
 */
#include <jansson.h>
#include <stdlib.h>
#include <time.h>

#include "bridge/base/errors.h"
#include "bridge/model/nodeconf.h"
#include "bridge/model/status.h"
#include "bridge/model/tenant.h"
#include "pbx-templates/template.h"
#include "customer.h"
#include "station.h"
#include "template_doctor.h"


enum { TRIALS = 16, EXPIRES_LEAST_S = 600 };

/** When a variant is worth a try */
enum when {
	WHEN_SILENT,               /* nobody answered, or no connection     */
	WHEN_REFUSED,              /* the PBX said no                       */
	WHEN_GOOD,                 /* it works: what else does it take?     */
};

struct variant {
	enum when when;
	const char *path, *value;  /* of pbx_fields; value NULL: the user's
				      field is left out                     */
	const char *why;           /* what it is good for                   */
};

struct trial {
	const struct variant *variant; /* NULL: as written                  */
	char proxy[264];           /* another proxy had to go with it, or "" */
	struct reg_status st;
};

struct doctor {
	const struct doctor_conf *conf;
	const struct nodeconf *node;
	long refusals;             /* so far                                */
	struct trial trialv[TRIALS];
	size_t trialc;
	const char *fault;         /* why it stopped, NULL                  */
};


static const struct variant variantv[] = {
	{ WHEN_SILENT, "protocol", "tls", "the PBX listens there" },
	{ WHEN_SILENT, "protocol", "tcp", "the PBX listens there" },
	{ WHEN_SILENT, "protocol", "udp", "the PBX listens there" },
	{ WHEN_REFUSED, "suppress_contact_data", "true",
	  "the PBX refuses our parameter in the Contact" },
	{ WHEN_REFUSED, "contact.port", "per-user",
	  "the PBX tells phones by their port" },
	{ WHEN_REFUSED, "sip_auth_username", NULL,
	  "the PBX knows the phone by its SIP username" },
	{ WHEN_REFUSED, "registration.expires", "600s",
	  "the PBX wants a shorter expiry" },
	{ WHEN_GOOD, "suppress_contact_data", "true",
	  "for a PBX that cannot take our parameter" },
	{ WHEN_GOOD, "contact.port", "per-user",
	  "for a PBX that tells phones by their port" },
	{ WHEN_GOOD, "registration.expires", "7200s",
	  "fewer registrations" },
	{ WHEN_GOOD, "protocol", "tcp", "when large messages are lost" },
	{ WHEN_GOOD, "protocol", "tls", "encrypted" },
};


static bool is_good(const struct reg_status *st)
{
	return st->state == REG_GREEN || st->state == REG_LAGGING;
}


/** May count towards a ban: the PBX looked at credentials and said no */
static bool is_refusal(const struct reg_status *st)
{
	return !is_good(st) && st->scode >= 400 && st->scode < 500 &&
		st->scode != 408 && st->scode != 423;
}


/** Has it that value already? */
static bool is_same(const struct pbx *pbx, const struct variant *variant)
{
	char *text = NULL;
	bool same;

	if (!variant->value ||
	    fields_get(&pbx_fields, pbx, variant->path, &text))
		return false;

	same = !strcmp(text, variant->value);
	mem_deref(text);

	return same;
}


/** The usual port of one protocol is not that of the other */
static int port_follow(struct pbx *pbx)
{
	const char *from = pbx->protocol == PBX_TLS ? ":5060" : ":5061";
	const size_t l = str_len(pbx->sip_proxy), n = strlen(from);
	char *text;
	int err;

	if (l <= n || strcmp(pbx->sip_proxy + l - n, from))
		return 0;

	err = re_sdprintf(&text, "%b%s", pbx->sip_proxy, l - n,
			  pbx->protocol == PBX_TLS ? ":5061" : ":5060");
	if (err)
		return err;

	mem_deref(pbx->sip_proxy);
	pbx->sip_proxy = text;

	return 0;
}


static int variant_set(struct pbx *pbx, struct user *user,
		       const struct variant *variant)
{
	struct errors *errs = NULL;
	int err;

	if (!variant->value) {
		user->sip_auth_username = mem_deref(user->sip_auth_username);
		return 0;
	}

	err = errors_alloc(&errs);
	if (!err)
		err = fields_set(&pbx_fields, pbx, variant->path,
				 variant->value, errs);
	if (err)
		term_errors(errs);
	mem_deref(errs);

	if (!err && !strcmp(variant->path, "protocol"))
		err = port_follow(pbx);

	return err;
}


/** The named user alone, at its PBX alone */
static int single_out(struct tenant *tenant, const char *name,
		      struct pbx **pbxp, struct user **userp)
{
	struct user *user = tenant_user(tenant, name);
	struct pbx *pbx;
	struct le *le, *next;

	if (!user) {
		term_error("template: %s has no user %s", tenant->tenant,
			   name);
		return ENOENT;
	}

	pbx = tenant_pbx(tenant, user->pbx);
	user->enabled = true;

	for (le = list_head(&tenant->userl); le; le = next) {
		next = le->next;
		if (le->data != user) {
			list_unlink(le);
			mem_deref(le->data);
		}
	}

	*pbxp  = pbx;
	*userp = user;

	return pbx ? 0 : ENOENT;
}


/** The customer as it stands in its file, with one setting changed */
static int tenant_read(struct list *tenantl, struct pbx **pbxp,
		       struct user **userp, const struct doctor *doctor,
		       const struct variant *variant)
{
	const struct doctor_conf *conf = doctor->conf;
	struct catalog *cat = NULL;
	char *path = NULL;
	int err;

	err = str_dup(&path, conf->file);
	if (!err && customer_load(conf->cli, &cat, conf->templates, tenantl,
				  &path, 1))
		err = EBADMSG;
	mem_deref(cat);
	mem_deref(path);

	if (!err && !list_head(tenantl))
		err = ENOENT;
	if (!err)
		err = single_out(list_ledata(list_head(tenantl)), conf->user,
				 pbxp, userp);
	if (!err && variant)
		err = variant_set(*pbxp, *userp, variant);

	return err;
}


/* What is shown */


static const char *verdict(const struct reg_status *st)
{
	if (is_good(st))
		return "registered";

	return st->scode ? "refused" : "no answer";
}


static void setting_print(const struct variant *variant)
{
	char text[80];

	if (!variant)
		str_ncpy(text, "as written", sizeof(text));
	else if (!variant->value)
		(void)re_snprintf(text, sizeof(text), "without %s",
				  variant->path);
	else
		(void)re_snprintf(text, sizeof(text), "%s: %s",
				  variant->path, variant->value);

	(void)re_printf("  %-36s", text);
}


static void trial_print(const struct trial *trial)
{
	const struct reg_status *st = &trial->st;

	(void)re_printf("%-11s", verdict(st));
	if (is_good(st))
		(void)re_printf("for %us, %u ms%s%s\n", st->expires_s,
				st->rtt_ms, *st->server ? ", " : "",
				st->server);
	else
		(void)re_printf("%s\n", *st->words ? st->words : st->reason);
	(void)fflush(stdout);
}


/* Trying */


/** Not faster than a phone that is being set up */
static void pause_between(void)
{
	const struct timespec half = { 0, 500 * 1000000L };

	(void)nanosleep(&half, NULL);
}


static int try(struct doctor *doctor, const struct variant *variant)
{
	struct trial *trial = &doctor->trialv[doctor->trialc];
	struct list tenantl = LIST_INIT;
	struct station *station = NULL;
	struct user *user = NULL;
	struct pbx *pbx = NULL;
	int err;

	err = tenant_read(&tenantl, &pbx, &user, doctor, variant);
	if (!err && variant && !strcmp(variant->path, "protocol"))
		str_ncpy(trial->proxy, pbx->sip_proxy ? pbx->sip_proxy : "",
			 sizeof(trial->proxy));
	if (!err)
		err = station_alloc(&station, doctor->node);
	if (!err) {
		if (doctor->trialc)
			pause_between();
		if (!doctor->conf->json)
			setting_print(variant);
		(void)fflush(stdout);
		err = station_register(station, &tenantl, &trial->st);
	}

	mem_deref(station);
	list_flush(&tenantl);

	if (err)
		return err;

	trial->variant = variant;
	++doctor->trialc;
	if (is_refusal(&trial->st))
		++doctor->refusals;
	if (!doctor->conf->json)
		trial_print(trial);

	return 0;
}


/** What nobody can be asked for gently is not tried */
static bool is_worth(const struct doctor *doctor, const struct pbx *pbx,
		     const struct user *user, const struct variant *variant)
{
	if (is_same(pbx, variant))
		return false;

	/* nothing would change, but for one more refusal */
	if (!variant->value)
		return str_isset(user->sip_auth_username) &&
			strcmp(user->sip_auth_username, user->sip_username);

	/* credentials were looked at: the Contact is not what is wrong */
	if (variant->when == WHEN_REFUSED &&
	    (doctor->trialv[0].st.scode == 401 ||
	     doctor->trialv[0].st.scode == 407))
		return false;

	return true;
}


static int variants_try(struct doctor *doctor, enum when when)
{
	struct list tenantl = LIST_INIT;
	struct user *user = NULL;
	struct pbx *pbx = NULL;
	int err;

	err = tenant_read(&tenantl, &pbx, &user, doctor, NULL);

	for (size_t i = 0; i < RE_ARRAY_SIZE(variantv) && !err; i++) {
		const struct variant *variant = &variantv[i];

		if (variant->when != when ||
		    !is_worth(doctor, pbx, user, variant))
			continue;

		if (doctor->refusals >= doctor->conf->refusals) {
			doctor->fault = "stopped: one more refusal and the"
				" PBX may ban this address (--refusals)";
			break;
		}

		if (doctor->trialc < TRIALS)
			err = try(doctor, variant);

		/* one setting that works is what was asked for */
		if (!err && when != WHEN_GOOD &&
		    is_good(&doctor->trialv[doctor->trialc - 1].st))
			break;
	}

	list_flush(&tenantl);

	return err;
}


static int examine(struct doctor *doctor)
{
	const struct reg_status *first = &doctor->trialv[0].st;
	int err;

	err = try(doctor, NULL);
	if (err)
		return err;

	return variants_try(doctor, is_good(first) ? WHEN_GOOD :
			    first->scode ? WHEN_REFUSED : WHEN_SILENT);
}


/* What comes of it */


static const struct trial *best(const struct doctor *doctor)
{
	for (size_t i = 0; i < doctor->trialc; i++)
		if (is_good(&doctor->trialv[i].st))
			return &doctor->trialv[i];

	return NULL;
}


/** "a.b" and "v" as "a: { b: v }" */
static void yaml_print(const struct trial *trial)
{
	const char *path = trial->variant->path, *dot = strchr(path, '.');
	const char *value = trial->variant->value;

	if (!value)
		(void)re_printf("    # users without %s", path);
	else if (dot)
		(void)re_printf("    %b: { %s: %s }", path,
				(size_t)(dot - path), dot + 1, value);
	else
		(void)re_printf("    %s: %s", path, value);

	if (*trial->proxy)
		(void)re_printf("\n    sip_proxy: \"%s\"", trial->proxy);
}


/** Settings that work beside the written ones, and what they are for */
static void others_print(const struct doctor *doctor)
{
	bool first = true;

	for (size_t i = 1; i < doctor->trialc; i++) {
		const struct trial *trial = &doctor->trialv[i];

		if (!is_good(&trial->st))
			continue;

		if (first)
			(void)puts("\nTaken too, should you need it:\n");
		first = false;
		yaml_print(trial);
		(void)re_printf("    # %s\n", trial->variant->why);
	}
}


static void expiry_print(const struct reg_status *st)
{
	if (st->expires_s && st->expires_s < EXPIRES_LEAST_S)
		(void)re_printf("\nThe PBX grants %u s: that is many"
				" registrations, and a user is gone soon"
				" after a short outage.\nRaise the longest"
				" expiry at the PBX to %d s or more.\n",
				st->expires_s, EXPIRES_LEAST_S);
}


static void proposal_print(const struct doctor *doctor)
{
	const struct trial *trial = best(doctor);
	const struct reg_status *st = &doctor->trialv[0].st;

	if (doctor->fault)
		(void)re_printf("\n%s\n", doctor->fault);

	(void)re_printf("\n%ld of at most %ld refusals. Nothing is left"
			" registered.\n", doctor->refusals,
			doctor->conf->refusals);

	if (!trial) {
		(void)re_printf("\nNothing that was tried works.\n%s%s%s\n",
				st->reason, *st->advice ? ": " : "",
				st->advice);
		return;
	}

	if (trial->variant) {
		(void)re_printf("\nProposed for %s (%s):\n\n", st->pbx,
				trial->variant->why);
		yaml_print(trial);
		(void)puts("");
	}
	else {
		(void)puts("\nThe settings work as written.");
		others_print(doctor);
	}

	expiry_print(&trial->st);
}


static int doctor_json(const struct doctor *doctor)
{
	const struct trial *good = best(doctor);
	json_t *json, *trials = json_array();
	int status;

	for (size_t i = 0; i < doctor->trialc; i++) {
		const struct trial *trial = &doctor->trialv[i];
		const struct variant *variant = trial->variant;

		json_array_append_new(trials, json_pack(
			"{s:s?, s:s?, s:s, s:i, s:s, s:s, s:i, s:i, s:s}",
			"field", variant ? variant->path : NULL,
			"value", variant ? variant->value : NULL,
			"verdict", verdict(&trial->st),
			"code", (int)trial->st.scode,
			"words", trial->st.words,
			"reason", trial->st.reason,
			"expires_s", (int)trial->st.expires_s,
			"rtt_ms", (int)trial->st.rtt_ms,
			"server", trial->st.server));
	}

	json = json_pack("{s:s, s:s, s:o, s:I, s:b, s:s?, s:s?}",
			 "pbx", doctor->trialv[0].st.pbx,
			 "user", doctor->conf->user, "trials", trials,
			 "refusals", (json_int_t)doctor->refusals,
			 "registers", good != NULL,
			 "field", good && good->variant ?
			 good->variant->path : NULL,
			 "value", good && good->variant ?
			 good->variant->value : NULL);
	status = json ? term_json(json) : EXIT_BAD;
	json_decref(json);

	return status;
}


int template_doctor(const struct doctor_conf *conf)
{
	struct doctor *doctor;
	struct nodeconf node;
	int status = EXIT_BAD;
	int err;

	if (node_conf(conf->cli, &node))
		return EXIT_BAD;

	doctor = calloc(1, sizeof(*doctor));
	err = doctor ? station_init() : ENOMEM;
	if (err)
		goto out;

	doctor->conf = conf;
	doctor->node = &node;

	err = examine(doctor);
	station_close();

	if (err == EINTR)
		term_error("template: stopped; nothing is left registered");
	if (err)
		goto out;

	status = best(doctor) ? EXIT_GOOD : EXIT_FAILING;
	if (!conf->json)
		proposal_print(doctor);
	else if (doctor_json(doctor))
		status = EXIT_BAD;
 out:
	free(doctor);
	fields_clear(&nodeconf_fields, &node);

	return status;
}
