/**
 * @file problems.c  What needs a person first
 *
 * A hundred users that fail for one reason are one problem. Registrations
 * are put together by PBX, with the reason that most of some of them have;
 * a trunk to Teams counts if none of its proxies can be reached; a
 * certificate if it ends within a month, has ended or is not there.
 */
#include <jansson.h>
#include <stdlib.h>
#include <time.h>

#include "bridge/base/libre.h"
#include "bridge/base/members.h"
#include "bridge/sip/tlsctx.h"
#include "bridge/store/live.h"
#include "api.h"
#include "certificates.h"
#include "problems.h"


enum { PBXS_MAX = 20, TRUNKS_MAX = 20, SAMPLE_MAX = 50, SOON_DAYS = 30,
       DAY_S = 86400 };


static int add(json_t *list, json_t *problem)
{
	return json_array_append_new(list, problem) ? ENOMEM : 0;
}


/* Registrations */


struct pbx {
	char tenant[64], pbx[64];
	int64_t users, failing;
};

struct pbxs {
	struct pbx v[PBXS_MAX];
	size_t c;
};


static int pbx_h(const struct store_troubled *found, void *arg)
{
	struct pbxs *pbxs = arg;
	struct pbx *pbx = &pbxs->v[pbxs->c++];

	str_ncpy(pbx->tenant, found->tenant, sizeof(pbx->tenant));
	str_ncpy(pbx->pbx, found->pbx, sizeof(pbx->pbx));
	pbx->users   = found->users;
	pbx->failing = found->failing;

	return 0;
}


/** One reason, and who has it */
struct reason {
	json_t *status;            /* owned: of the first of them */
	size_t c;
};

struct sample {
	struct reason v[SAMPLE_MAX];
	size_t c;
};


static int sample_h(const json_t *status, void *arg)
{
	struct sample *sample = arg;
	struct reason *r = sample->v;

	while (r < sample->v + sample->c &&
	       strcmp(text_of(r->status, "reason"), text_of(status, "reason")))
		++r;

	if (r == sample->v + sample->c) {
		r->status = json_deep_copy(status);
		++sample->c;
	}
	++r->c;

	return 0;
}


static int pbx_problem(struct request *rq, json_t *list,
		       const struct pbx *pbx)
{
	const struct store_span span = {
		.tenant = pbx->tenant, .pbx = pbx->pbx, .limit = SAMPLE_MAX,
		.state = pbx->failing ? "failing" : "lagging" };
	struct sample *sample = calloc(1, sizeof(*sample));
	const struct reason *most;
	int err;

	if (!sample)
		return ENOMEM;

	err = store_regs(rq->st, &span, sample_h, sample);
	most = sample->v;
	for (size_t i = 1; i < sample->c; i++)
		if (sample->v[i].c > most->c)
			most = &sample->v[i];

	/* none: they have all come back in between */
	if (!err && most->status)
		err = add(list, json_pack("{s:s, s:s, s:s, s:I, s:s, s:s,"
			  " s:s, s:s, s:O}", "kind", "registrations",
			  "tenant", pbx->tenant, "pbx", pbx->pbx, "users",
			  (json_int_t)pbx->users, "reason",
			  text_of(most->status, "reason"), "words",
			  text_of(most->status, "words"), "advice",
			  text_of(most->status, "advice"), "name",
			  text_of(most->status, "upn"), "since_s",
			  json_object_get(most->status, "since_s")));

	for (size_t i = 0; i < sample->c; i++)
		json_decref(sample->v[i].status);
	free(sample);

	return err;
}


static int pbxs_find(struct request *rq, json_t *list)
{
	struct pbxs *pbxs = calloc(1, sizeof(*pbxs));
	int err;

	if (!pbxs)
		return ENOMEM;

	err = store_troubled(rq->st, query_text(rq, "tenant"), PBXS_MAX,
			     pbx_h, pbxs);
	for (size_t i = 0; i < pbxs->c && !err; i++)
		err = pbx_problem(rq, list, &pbxs->v[i]);

	free(pbxs);

	return err;
}


/* Trunks */


struct trunks {
	const struct request *rq;
	struct trunk_status v[TRUNKS_MAX];     /* of each the first proxy */
	size_t c;
	struct trunk_status now;               /* that is looked at       */
	bool up;                               /* by any of its proxies   */
};


static void trunk_end(struct trunks *trunks)
{
	if (trunks->now.fqdn[0] && !trunks->up && trunks->c < TRUNKS_MAX)
		trunks->v[trunks->c++] = trunks->now;

	trunks->now.fqdn[0] = '\0';
	trunks->up          = false;
}


/** They come in order of tenant and name */
static int trunk_h(const struct trunk_status *st, void *arg)
{
	struct trunks *trunks = arg;

	if (!query_matches(trunks->rq, "tenant", st->tenant))
		return 0;

	if (strcmp(trunks->now.fqdn, st->fqdn)) {
		trunk_end(trunks);
		trunks->now = *st;
	}
	trunks->up |= st->up;

	return 0;
}


static int trunks_find(struct request *rq, json_t *list)
{
	struct trunks *trunks = calloc(1, sizeof(*trunks));
	size_t users = 0;
	int err;

	if (!trunks)
		return ENOMEM;

	trunks->rq = rq;
	err = live_trunk_apply(portal_conf(rq->portal)->live, trunk_h,
			       trunks);
	trunk_end(trunks);

	for (size_t i = 0; i < trunks->c && !err; i++) {
		const struct trunk_status *st = &trunks->v[i];
		const struct store_users which = { .tenant = st->tenant,
						   .enabled = "true" };

		err = store_user_count(rq->st, &which, &users);
		if (!err)
			err = add(list, json_pack("{s:s, s:s, s:s, s:I, s:s,"
				  " s:I}", "kind", "trunk", "tenant",
				  st->tenant, "name", st->fqdn, "users",
				  (json_int_t)users, "reason", st->why,
				  "since_s", (json_int_t)st->since_s));
	}

	free(trunks);

	return err;
}


/* Certificates */


static int certificates_find(struct request *rq, json_t *list)
{
	const struct store_users which = {
		.tenant = query_text(rq, "tenant"), .enabled = "true" };
	struct tlsctx_about about;
	const int64_t now = time(NULL);
	size_t users = 0;
	bool has;
	int err;

	/* whoever looks after the node renews it */
	if (access_tenant(rq))
		return 0;

	has = certificates_of(portal_certificates(rq->portal),
			      PORTAL_USE_TEAMS, &about);
	if (has && about.ends_s - now > SOON_DAYS * DAY_S)
		return 0;

	err = store_user_count(rq->st, &which, &users);
	if (err || !users)
		return err;

	if (!has)
		return add(list, json_pack("{s:s, s:I}", "kind", "teams",
					   "users", (json_int_t)users));

	return add(list, json_pack("{s:s, s:s, s:I, s:I, s:b}", "kind",
		"certificate", "name", about.subject, "users",
		(json_int_t)users, "ends_s", (json_int_t)about.ends_s,
		"soon", about.ends_s > now));
}


/* Most users first, but those that suffer already before those that will */


static json_int_t weight(const json_t *problem)
{
	return json_is_true(json_object_get(problem, "soon")) ? -1 :
		json_integer_value(json_object_get(problem, "users"));
}


static int more(const void *a, const void *b)
{
	const json_int_t x = weight(*(json_t *const *)a);
	const json_int_t y = weight(*(json_t *const *)b);

	return x < y ? 1 : x > y ? -1 : 0;
}


static int sort(json_t *list)
{
	const size_t c = json_array_size(list);
	json_t **v = calloc(c ? c : 1, sizeof(*v));
	int err = v ? 0 : ENOMEM;

	for (size_t i = 0; v && i < c; i++)
		v[i] = json_incref(json_array_get(list, i));
	if (v)
		qsort(v, c, sizeof(*v), more);
	for (size_t i = 0; v && i < c; i++)
		err |= json_array_set_new(list, i, v[i]);

	free(v);

	return err ? ENOMEM : 0;
}


int problems_find(struct request *rq, json_t *list)
{
	int err;

	err = pbxs_find(rq, list);
	if (!err)
		err = trunks_find(rq, list);
	if (!err)
		err = certificates_find(rq, list);
	if (!err)
		err = sync_problems_find(rq, list);

	return err ? err : sort(list);
}
