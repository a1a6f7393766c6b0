/**
 * @file pool.c  Every account of the node and its registration
 *
 * The pool owns the accounts; each refers to its site, which goes with the
 * last of them. Accounts that were removed stay a moment among those that
 * leave, until the PBX has let their bindings go.
 */
#include "bridge/base/errors.h"
#include "bridge/base/log.h"
#include "bridge/base/text.h"
#include "bridge/sip/digest.h"
#include "bridge/sip/msg.h"
#include "bridge/sip/routes.h"
#include "bridge/sip/parse.h"
#include "bridge/sip/stack.h"
#include "bridge/sip/strans.h"
#include "bridge/sip/transp.h"
#include "mwi.h"
#include "mwisub.h"
#include "reg.h"
#include "pool.h"


enum {
	BUCKETS     = 4096,        /* of each table                        */
	GROUPS      = 256,         /* of the table of tenants              */
	TOKEN_SIZE  = 13,
	SPREAD_MS   = 500,         /* of first registrations               */
	LEAVE_BATCH = 20,          /* un-REGISTERs in one go               */
	LEAVE_MS    = 10,          /* between two of them                  */
	CHECKS      = 2,           /* users that find out, when a PBX does
				      not answer keepalives                */
};


struct account {
	struct le le;              /* in the pool's accounts or leaving    */
	struct le token_le, username_le, upn_le, number_le;
	struct le group_le;        /* in its tenant's; unlinked: it leaves */
	struct pool *pool;         /* borrowed: parent                     */
	struct site *site;         /* ref                                  */
	struct tenant *tenant;     /* ref                                  */
	struct user *user;         /* ref                                  */
	struct digest *digest;     /* owned, NULL: not registered          */
	struct listener *lsnr;     /* owned, NULL: the shared one          */
	struct reg *reg;           /* owned                                */
	char *aor;                 /* owned: "sip:101@pbx.example"         */
	char *contact;             /* owned: "<sip:101@...>"               */
	struct mwi mwi;            /* of its mailbox                       */
	struct mwisub *mwisub;     /* owned, NULL: it is not asked for     */
	char token[TOKEN_SIZE];    /* our parameter's value                */
	bool leaving;              /* its un-REGISTER is out               */
	bool replaced;             /* it goes, its user stays              */
	bool twin;                 /* ... with the same binding            */
	bool lost;                 /* ... to another node                  */
};

struct pool {
	struct pool_conf conf;
	struct list sitel;         /* struct site, owned                   */
	struct list accountl;      /* struct account, owned                */
	struct list leavel;        /* struct account, owned                */
	struct hash *tokens, *usernames, *upns, *numbers;  /* owned        */
	struct hash *groups;       /* owned: struct group, owned           */
	struct wheel_tmr leave_tmr;
	pool_status_h *statush;
	pool_done_h *doneh;        /* NULL: not closing                    */
	void *arg, *done_arg;
	bool closing;
};

/** What the pool has of a tenant */
struct group {
	struct le le;
	struct tenant *tenant;     /* ref: as it was applied               */
	struct list sitel;         /* struct group_site, owned             */
	struct list accountl;      /* struct account, borrowed, in the order
				      of PBXs and users                    */
	bool seen;                 /* it is among those to be applied      */
};

struct group_site {
	struct le le;
	struct site *site;         /* ref                                  */
};

/** What pool_apply() will do, once all of it is known to work */
struct stage {
	struct pool *pool;         /* borrowed                             */
	struct list partl;         /* struct part, owned                   */
	struct errors *errs;       /* borrowed                             */
};

/** ... for a tenant that is new, changed or gone */
struct part {
	struct le le;
	struct pool *pool;         /* borrowed                             */
	struct group *old;         /* borrowed, NULL: it is new            */
	struct group *new;         /* owned, NULL: it is gone              */
	struct list changel;       /* struct change, owned                 */
	struct le *likely;         /* borrowed: the next user's account, if
				      they come as they came before        */
};

/** One user of the new state of things */
struct change {
	struct le le;
	struct account *old;       /* borrowed, NULL: a user who is new    */
	struct account *new;       /* owned, NULL: the old one stays       */
	struct tenant *tenant;     /* ref                                  */
	struct user *user;         /* ref                                  */
	struct digest *digest;     /* owned: other credentials; NULL       */
};


static void leave_some(void *arg);


static uint32_t key(const char *text)
{
	return hash_joaat_str_ci(text);
}


static const char *digits_of(const char *number)
{
	return number && *number == '+' ? number + 1 : number;
}


/* ------------------------------------------------------------------ */
/* Accounts                                                            */


static void account_hide(struct account *acc)
{
	hash_unlink(&acc->token_le);
	hash_unlink(&acc->username_le);
	hash_unlink(&acc->upn_le);
	hash_unlink(&acc->number_le);
}


static void account_destructor(void *data)
{
	struct account *acc = data;

	account_hide(acc);
	list_unlink(&acc->group_le);
	list_unlink(&acc->le);
	mem_deref(acc->mwisub);
	mem_deref(acc->reg);
	mem_deref(acc->digest);
	mem_deref(acc->lsnr);
	mem_deref(acc->aor);
	mem_deref(acc->contact);
	mem_deref(acc->user);
	mem_deref(acc->tenant);
	mem_deref(acc->site);
}


static void status_tell(const struct account *acc, bool removed)
{
	struct reg_status st;

	memset(&st, 0, sizeof(st));

	text_copy(st.tenant, acc->tenant->tenant, sizeof(st.tenant));
	text_copy(st.pbx, acc->site->pbx->name, sizeof(st.pbx));
	text_copy(st.upn, acc->user->upn, sizeof(st.upn));
	text_copy(st.number, acc->user->number, sizeof(st.number));
	text_copy(st.aor, acc->aor, sizeof(st.aor));
	reg_status_fill(acc->reg, &st);
	st.waiting     = acc->mwi.waiting;
	st.waiting_new = acc->mwi.new_count;
	st.waiting_old = acc->mwi.old_count;
	st.removed = removed;
	st.away = acc->site->away || acc->lost;

	acc->pool->statush(&st, acc->pool->arg);
}


/** Told where it is new; what cannot be read changes nothing */
static void mwi_take(struct account *acc, const struct sip_msg *msg)
{
	struct mwi mwi;
	struct pl body;

	if (acc->site->pbx->mwi == PBX_MWI_NONE)
		return;

	body.p = (const char *)mbuf_buf(msg->mb);
	body.l = mbuf_get_left(msg->mb);

	if (mwi_read(&mwi, &body) || mwi_equal(&mwi, &acc->mwi))
		return;

	acc->mwi = mwi;
	info("mwi", acc->aor, "%s, %u new and %u old voice messages",
	     mwi.waiting ? "messages wait" : "no messages wait",
	     mwi.new_count, mwi.old_count);
	status_tell(acc, false);
}


static void mwi_notified(const struct sip_msg *msg, void *arg)
{
	mwi_take(arg, msg);
}


static void mwi_param(struct dialog_param *prm, void *arg)
{
	const struct account *acc = arg;
	const struct routes *routes = account_routes(acc);

	prm->contact    = account_contact(acc);
	prm->digest     = acc->digest;
	prm->user_agent = acc->site->pbx->user_agent;
	prm->routev     = routes ? routes->v : NULL;
	prm->routec     = routes ? routes->c : 0;
	account_hop(acc, &prm->hop);
}


/** Where the profile wants to be asked, and the phone is known there */
static void mwi_subscribe(struct account *acc)
{
	if (acc->mwisub || acc->site->pbx->mwi != PBX_MWI_SUBSCRIBE ||
	    !account_is_registered(acc))
		return;

	(void)mwisub_alloc(&acc->mwisub, acc->pool->conf.stack, acc->aor,
			   mwi_param, mwi_notified, acc);
}


static void reg_changed(struct reg *reg, void *arg)
{
	struct account *acc = arg;
	(void)reg;

	if (acc->le.list != &acc->pool->accountl)
		return;

	mwi_subscribe(acc);
	status_tell(acc, false);
}


static struct listener *account_lsnr(const struct account *acc)
{
	return acc->lsnr ? acc->lsnr :
		acc->pool->conf.lsnrv[acc->site->tp];
}


/** Some PBXs tell phones apart by their port (Cisco CUCM over UDP) */
static int lsnr_alloc(struct account *acc)
{
	const struct listener *shared = acc->pool->conf.lsnrv[acc->site->tp];
	struct listener_conf conf = {
		.name  = listener_name(shared),
		.tp    = acc->site->tp,
		.laddr = *listener_laddr(shared),
		.tls   = acc->site->tls,
	};
	char host[256], *colon;

	if (re_snprintf(host, sizeof(host), "%H", listener_sentby,
			shared) < 0)
		return EOVERFLOW;

	/* without the port, of which each has its own */
	colon = strrchr(host, ':');
	if (colon)
		*colon = '\0';

	conf.host = host;
	sa_set_port(&conf.laddr, 0);

	return listener_alloc(&acc->lsnr, acc->pool->conf.stack, &conf);
}


static int names_make(struct account *acc)
{
	const struct pbx *pbx = acc->site->pbx;
	const char *transport =
		acc->site->tp == SIP_TRANSP_TLS ? ";transport=tls" :
		acc->site->tp == SIP_TRANSP_TCP ? ";transport=tcp" : "";
	const bool data = !pbx->suppress_contact_data;
	struct pl user;
	int err;

	pl_set_str(&user, acc->user->sip_username);

	err = re_sdprintf(&acc->aor, "sip:%H@%s", uri_user_escape, &user,
			  pbx->sip_domain);
	if (err)
		return err;

	return re_sdprintf(&acc->contact, "<sip:%H@%H%s%s%s>",
			   uri_user_escape, &user, listener_sentby,
			   account_lsnr(acc), transport,
			   data ? ";cb=" : "", data ? acc->token : "");
}


static int digest_make(struct digest **dp, const struct user *user,
		       const struct pbx *pbx)
{
	struct digest *digest;
	int err;

	err = digest_alloc(&digest, str_isset(user->sip_auth_username) ?
			   user->sip_auth_username : user->sip_username,
			   user->sip_password ? user->sip_password : "",
			   str_isset(pbx->realm) ? pbx->realm : NULL);
	if (err)
		return err;

	if (str_isset(pbx->call.realm))
		err = digest_realm_add(digest, pbx->call.realm);

	if (err)
		mem_deref(digest);
	else
		*dp = digest;

	return err;
}


/** Our parameter's value: the same after a restart, so that the binding is
    renewed and not made a second time */
static int token_make(char token[TOKEN_SIZE], const struct site *site,
		      const struct user *user)
{
	uint8_t md[MD5_SIZE];
	int err;

	err = md5_printf(md, "%s %s %s %s", site->tenant, site->pbx->name,
			 user->upn, user->sip_username);
	if (err)
		return err;

	(void)re_snprintf(token, TOKEN_SIZE, "%w", md,
			  (size_t)(TOKEN_SIZE / 2));

	return 0;
}


static int account_alloc(struct account **accp, struct pool *pool,
			 struct site *site, struct tenant *tenant,
			 struct user *user)
{
	struct reg_conf conf;
	struct account *acc;
	int err;

	acc = mem_zalloc(sizeof(*acc), account_destructor);
	if (!acc)
		return ENOMEM;

	acc->pool   = pool;
	acc->site   = mem_ref(site);
	acc->tenant = mem_ref(tenant);
	acc->user   = mem_ref(user);

	err = token_make(acc->token, site, user);
	if (err)
		goto out;

	err = site->pbx->contact.port == PBX_PORT_PER_USER ?
		lsnr_alloc(acc) : 0;
	if (err)
		goto out;

	err = names_make(acc);
	if (err)
		goto out;

	err = digest_make(&acc->digest, user, site->pbx);
	if (err)
		goto out;

	conf = (struct reg_conf) {
		.site    = site,
		.aor     = acc->aor,
		.contact = acc->contact,
		.token   = site->pbx->suppress_contact_data ? NULL :
			acc->token,
		.lsnr    = acc->lsnr,
	};
	err = reg_alloc(&acc->reg, &conf, reg_changed, acc);

 out:
	if (err)
		mem_deref(acc);
	else
		*accp = acc;

	return err;
}


static void account_show(struct account *acc)
{
	struct pool *pool = acc->pool;

	hash_append(pool->tokens, key(acc->token), &acc->token_le, acc);
	hash_append(pool->usernames, key(acc->user->sip_username),
		    &acc->username_le, acc);
	hash_append(pool->upns, key(acc->user->upn), &acc->upn_le, acc);
	if (acc->user->enabled)
		hash_append(pool->numbers, key(digits_of(acc->user->number)),
			    &acc->number_le, acc);
}


static void account_begin(struct account *acc)
{
	const bool spread = acc->pool->conf.spread;

	/* it is another node's to register, and to tell of */
	if (acc->site->away)
		return;

	if (!acc->user->enabled)
		status_tell(acc, false);
	else if (acc->site->pbx->auth_type == PBX_AUTH_NONE)
		reg_static(acc->reg);
	else
		reg_start(acc->reg, acc->digest,
			  spread ? token_number() % SPREAD_MS : 0);
}


/** Out of sight at once, out of the PBX soon */
static void account_end(struct account *acc, bool tell)
{
	struct pool *pool = acc->pool;

	if (tell)
		status_tell(acc, true);

	account_hide(acc);
	acc->mwisub = mem_deref(acc->mwisub);
	list_unlink(&acc->group_le);
	list_unlink(&acc->le);
	list_append(&pool->leavel, &acc->le, acc);

	if (!wheel_is_running(&pool->leave_tmr))
		wheel_start(stack_wheel(pool->conf.stack), &pool->leave_tmr,
			    0, leave_some, pool);
}


/* ------------------------------------------------------------------ */
/* Leaving                                                             */


static void done_check(struct pool *pool)
{
	pool_done_h *doneh = pool->doneh;

	if (!doneh || !list_isempty(&pool->leavel))
		return;

	pool->doneh = NULL;
	doneh(pool->done_arg);     /* it may free us */
}


static void account_left(void *arg)
{
	struct account *acc = arg;
	struct pool *pool = acc->pool;

	mem_deref(acc);
	done_check(pool);
}


/** A few at a time: un-REGISTERs of a large PBX at once would drown it */
static void leave_some(void *arg)
{
	struct pool *pool = arg;
	unsigned n = 0;

	for (struct le *le = pool->leavel.head; le; le = le->next) {
		struct account *acc = le->data;

		if (acc->leaving)
			continue;

		if (n++ == LEAVE_BATCH) {
			wheel_start(stack_wheel(pool->conf.stack),
				    &pool->leave_tmr, LEAVE_MS, leave_some,
				    pool);
			return;
		}

		acc->leaving = true;
		reg_leave(acc->reg, account_left, acc);
	}

	done_check(pool);
}


void pool_unregister_all(struct pool *pool, pool_done_h *doneh, void *arg)
{
	if (!pool)
		return;

	pool->closing  = true;
	pool->doneh    = doneh;
	pool->done_arg = arg;

	while (!list_isempty(&pool->accountl))
		account_end(list_ledata(pool->accountl.head), false);

	wheel_start(stack_wheel(pool->conf.stack), &pool->leave_tmr, 0,
		    leave_some, pool);
}


/* ------------------------------------------------------------------ */
/* The pool                                                            */


static void pool_destructor(void *data)
{
	struct pool *pool = data;

	wheel_cancel(&pool->leave_tmr);
	list_flush(&pool->leavel);
	list_flush(&pool->accountl);
	list_flush(&pool->sitel);
	hash_flush(pool->groups);
	mem_deref(pool->groups);
	mem_deref(pool->tokens);
	mem_deref(pool->usernames);
	mem_deref(pool->upns);
	mem_deref(pool->numbers);
}


int pool_alloc(struct pool **poolp, const struct pool_conf *conf,
	       pool_status_h *statush, void *arg)
{
	struct pool *pool;
	int err;

	if (!poolp || !conf || !conf->stack || !statush)
		return EINVAL;

	pool = mem_zalloc(sizeof(*pool), pool_destructor);
	if (!pool)
		return ENOMEM;

	pool->conf    = *conf;
	pool->statush = statush;
	pool->arg     = arg;

	err = hash_alloc(&pool->tokens, BUCKETS);
	if (!err)
		err = hash_alloc(&pool->groups, GROUPS);
	if (!err)
		err = hash_alloc(&pool->usernames, BUCKETS);
	if (!err)
		err = hash_alloc(&pool->upns, BUCKETS);
	if (!err)
		err = hash_alloc(&pool->numbers, BUCKETS);

	if (err)
		mem_deref(pool);
	else
		*poolp = pool;

	return err;
}


/** Time until so many had their turn at the PBX's pace */
static uint32_t storm_s(const struct pbx *pbx, unsigned userc)
{
	const int64_t per_second = pbx->registration.per_second;

	return (uint32_t)((userc + per_second - 1) / per_second);
}


/** Those who heard nothing come back, and are told when */
static void site_wake(struct pool *pool, const struct site *site)
{
	unsigned userc = 0;
	uint32_t wait_s;

	for (struct le *le = pool->accountl.head; le; le = le->next) {
		const struct account *acc = le->data;

		userc += acc->site == site && reg_is_unheard(acc->reg);
	}

	wait_s = storm_s(site->pbx, userc);
	if (userc)
		info("pbx", site->pbx->name, "%s: all %u users back in %u s",
		     site->tenant, userc, wait_s);

	for (struct le *le = pool->accountl.head; le; le = le->next) {
		struct account *acc = le->data;

		if (acc->site == site)
			reg_wake(acc->reg, userc, wait_s);
	}
}


/** It shows elsewhere, or no more: all may have moved, two are enough to
    find out whether the PBX is silent */
static void site_flow(struct site *site, struct flow *flow,
		      const struct sa *mapped, void *arg)
{
	struct pool *pool = arg;
	unsigned n = 0;

	if (mapped)
		site->mapped = *mapped;

	for (struct le *le = pool->accountl.head; le; le = le->next) {
		struct account *acc = le->data;

		if (acc->site != site)
			continue;

		if (mapped)
			reg_remap(acc->reg, flow, mapped);
		else if (n < CHECKS && reg_check(acc->reg, flow))
			++n;
	}
}


static void site_silent(struct site *site, bool silent, void *arg)
{
	struct pool *pool = arg;

	if (!silent) {
		site_wake(pool, site);
		return;
	}

	for (struct le *le = pool->accountl.head; le; le = le->next) {
		struct account *acc = le->data;

		if (acc->site == site)
			reg_hold(acc->reg);
	}
}


/* ------------------------------------------------------------------ */
/* Applying                                                            */


static void group_site_destructor(void *data)
{
	struct group_site *gs = data;

	list_unlink(&gs->le);
	mem_deref(gs->site);
}


static void group_destructor(void *data)
{
	struct group *group = data;

	hash_unlink(&group->le);
	list_flush(&group->sitel);
	list_clear(&group->accountl);
	mem_deref(group->tenant);
}


static void part_destructor(void *data)
{
	struct part *part = data;

	list_unlink(&part->le);
	list_flush(&part->changel);
	mem_deref(part->new);
}


static void change_destructor(void *data)
{
	struct change *change = data;

	list_unlink(&change->le);
	mem_deref(change->new);
	mem_deref(change->tenant);
	mem_deref(change->user);
	mem_deref(change->digest);
}


static struct group *group_find(const struct pool *pool, const char *name)
{
	for (struct le *le = list_head(hash_list(pool->groups,
						 hash_joaat_str(name)));
	     le; le = le->next) {
		struct group *group = le->data;

		if (!str_cmp(group->tenant->tenant, name))
			return group;
	}

	return NULL;
}


static struct site *site_find(const struct group *group, const char *pbx)
{
	if (!group)
		return NULL;

	for (struct le *le = group->sitel.head; le; le = le->next) {
		const struct group_site *gs = le->data;

		if (!str_cmp(gs->site->pbx->name, pbx))
			return gs->site;
	}

	return NULL;
}


/** It is the very one that was applied, and nothing came or went */
static bool is_applied(const struct group *group, const struct tenant *tenant)
{
	if (!group || group->tenant != tenant)
		return false;

	for (struct le *le = tenant->pbxl.head; le; le = le->next) {
		const struct pbx *pbx = le->data;
		const struct site *site = site_find(group, pbx->name);

		if (!site || site->away != pbx->away)
			return false;
	}

	return true;
}


/** The site of a PBX: the one there is when nothing of the PBX changed */
static int stage_site(struct stage *stage, struct part *part,
		      struct site **sitep, struct pbx *pbx)
{
	struct pool *pool = stage->pool;
	struct site *site = site_find(part->old, pbx->name);
	struct group_site *gs;
	int err;

	gs = mem_zalloc(sizeof(*gs), group_site_destructor);
	if (!gs)
		return ENOMEM;

	if (site && site->away == pbx->away &&
	    fields_equal(&pbx_fields, site->pbx, pbx)) {
		gs->site = mem_ref(site);
	}
	else {
		err = site_alloc(&gs->site, &pool->conf,
				 part->new->tenant->tenant, pbx, site_silent,
				 site_flow, pool, stage->errs);
		if (err) {
			mem_deref(gs);
			return err;
		}
	}

	list_append(&part->new->sitel, &gs->le, gs);
	*sitep = gs->site;

	return 0;
}


static bool same_text(const char *a, const char *b)
{
	return !str_cmp(a ? a : "", b ? b : "");
}


/** The same phone at the PBX, perhaps with other credentials */
static bool is_same_phone(const struct account *acc, const struct site *site,
			  const struct user *user)
{
	return acc->site == site && acc->user->enabled == user->enabled &&
		same_text(acc->user->sip_username, user->sip_username);
}


static bool has_credentials(const struct account *acc,
			    const struct user *user)
{
	return same_text(acc->user->sip_auth_username,
			 user->sip_auth_username) &&
		same_text(acc->user->sip_password, user->sip_password);
}


/** The account of a user: mostly the one behind that of the last user */
static struct account *account_find(struct part *part,
				    const struct user *user)
{
	struct account *acc = list_ledata(part->likely);

	if (!acc || str_casecmp(acc->user->upn, user->upn))
		acc = pool_find_upn(part->pool, part->new->tenant->tenant,
				    user->upn);
	if (acc && acc->group_le.list)
		part->likely = acc->group_le.next;

	return acc;
}


static int stage_user(struct stage *stage, struct part *part,
		      struct site *site, struct user *user)
{
	struct tenant *tenant = part->new->tenant;
	struct account *acc = account_find(part, user);
	struct change *change;
	int err = 0;

	change = mem_zalloc(sizeof(*change), change_destructor);
	if (!change)
		return ENOMEM;

	change->tenant = mem_ref(tenant);
	change->user   = mem_ref(user);

	change->old = acc;

	if (acc && is_same_phone(acc, site, user)) {
		if (!has_credentials(acc, user))
			err = digest_make(&change->digest, user, site->pbx);
	}
	else {
		err = account_alloc(&change->new, stage->pool, site, tenant,
				    user);
	}

	if (err && err != ENOMEM) {
		errors_add(stage->errs, NULL, "users", "%s: %s: no account"
			   " could be made: %s", tenant->tenant, user->upn,
			   strerror(err));
		err = EBADMSG;
	}

	if (err)
		mem_deref(change);
	else
		list_append(&part->changel, &change->le, change);

	return err;
}


static int stage_users(struct stage *stage, struct part *part,
		       const struct pbx *pbx, struct site *site)
{
	int err = 0;

	for (struct le *le = part->new->tenant->userl.head; le && !err;
	     le = le->next) {
		struct user *user = le->data;

		if (!str_cmp(user->pbx, pbx->name))
			err = stage_user(stage, part, site, user);
	}

	return err;
}


static int part_alloc(struct part **partp, struct stage *stage,
		      struct group *old, struct tenant *tenant)
{
	struct part *part;

	part = mem_zalloc(sizeof(*part), part_destructor);
	if (!part)
		return ENOMEM;

	part->pool   = stage->pool;
	part->old    = old;
	part->likely = old ? list_head(&old->accountl) : NULL;
	list_append(&stage->partl, &part->le, part);

	if (tenant) {
		part->new = mem_zalloc(sizeof(*part->new), group_destructor);
		if (!part->new)
			return ENOMEM;
		part->new->tenant = mem_ref(tenant);
	}
	*partp = part;

	return 0;
}


static int stage_tenant(struct stage *stage, struct tenant *tenant)
{
	struct group *old = group_find(stage->pool, tenant->tenant);
	struct part *part;
	int err;

	if (old)
		old->seen = true;
	if (is_applied(old, tenant))
		return 0;

	err = part_alloc(&part, stage, old, tenant);
	if (err)
		return err;

	for (struct le *le = tenant->pbxl.head; le; le = le->next) {
		struct pbx *pbx = le->data;
		struct site *site;
		int e;

		e = stage_site(stage, part, &site, pbx);
		if (!e)
			e = stage_users(stage, part, pbx, site);
		if (e == ENOMEM)
			return e;
		if (e)
			err = e;
	}

	return err;
}


static bool unsee_h(struct le *le, void *arg)
{
	struct group *group = le->data;
	(void)arg;

	group->seen = false;

	return false;
}


/** Tenants that are no more. @return true to stop: no memory */
static bool unseen_h(struct le *le, void *arg)
{
	struct group *group = le->data;
	struct stage *stage = arg;
	struct part *part;

	return !group->seen && part_alloc(&part, stage, group, NULL);
}


static void account_take(struct account *acc, const struct change *change)
{
	mem_deref(acc->tenant);
	acc->tenant = mem_ref(change->tenant);
	mem_deref(acc->user);
	acc->user = mem_ref(change->user);
}


/** What the number is for has changed, what the phone is has not; of most
    users nothing has */
static void account_update(struct account *acc, struct change *change)
{
	const bool told = same_text(acc->user->number, change->user->number);

	if (fields_equal(&user_fields, acc->user, change->user)) {
		account_take(acc, change);
		return;
	}

	account_hide(acc);
	account_take(acc, change);
	account_show(acc);

	if (change->digest) {
		mem_deref(acc->digest);
		acc->digest = change->digest;
		change->digest = NULL;
		if (acc->user->enabled && !acc->site->away &&
		    acc->site->pbx->auth_type == PBX_AUTH_REGISTRATION)
			reg_start(acc->reg, acc->digest, 0);
	}
	else if (!told && !acc->site->away) {
		status_tell(acc, false);
	}
}


/** The new one may have the same binding at the PBX: then the old one goes
    without a word, lest it takes that binding back */
static void account_replace(struct account *old, const struct account *new)
{
	old->replaced = true;
	old->lost = new->site->away && !old->site->away;
	old->twin = new->user->enabled && !new->site->away &&
		!str_cmp(old->aor, new->aor) && !str_cmp(account_contact(old), new->contact) &&
		old->site->tp == new->site->tp &&
		old->site->port == new->site->port &&
		!str_cmp(old->site->host, new->site->host);
}


static void commit_accounts(struct part *part)
{
	struct list *accountl = &part->new->accountl;
	struct pool *pool = part->pool;
	struct le *le;

	/* Those that stay move to the new group, the others are left over */
	for (le = part->changel.head; le; le = le->next) {
		struct change *change = le->data;
		struct account *acc = change->old;

		if (change->new) {
			if (acc)
				account_replace(acc, change->new);
			continue;
		}

		list_unlink(&acc->group_le);
		list_append(accountl, &acc->group_le, acc);
		account_update(acc, change);
	}

	while (part->old && (le = list_head(&part->old->accountl))) {
		struct account *acc = le->data;

		if (acc->twin)
			mem_deref(acc);
		else
			account_end(acc, !acc->replaced || acc->lost);
	}

	for (le = part->changel.head; le; le = le->next) {
		struct change *change = le->data;
		struct account *acc = change->new;

		if (!acc)
			continue;

		change->new = NULL;
		list_append(&pool->accountl, &acc->le, acc);
		list_append(accountl, &acc->group_le, acc);
		account_show(acc);
		account_begin(acc);
	}
}


/** The pool's own references to sites are in its list */
static void commit_sites(struct part *part)
{
	struct pool *pool = part->pool;
	struct le *le;

	for (le = part->old ? part->old->sitel.head : NULL; le;
	     le = le->next) {
		struct site *site = ((struct group_site *)le->data)->site;

		list_unlink(&site->le);
		mem_deref(site);
	}

	for (le = part->new ? part->new->sitel.head : NULL; le;
	     le = le->next) {
		struct site *site = ((struct group_site *)le->data)->site;

		list_append(&pool->sitel, &site->le, mem_ref(site));
	}
}


static void commit(struct part *part)
{
	struct group none = { .seen = false };
	struct group *new = part->new;

	if (!new)
		part->new = &none;
	commit_accounts(part);
	part->new = new;
	commit_sites(part);

	mem_deref(part->old);
	part->old = NULL;
	if (!new)
		return;

	part->new = NULL;
	hash_append(part->pool->groups, hash_joaat_str(new->tenant->tenant),
		    &new->le, new);
}


int pool_apply(struct pool *pool, const struct list *tenantl,
	       struct errors *errs)
{
	struct stage stage = { .pool = pool, .errs = errs };
	int err = 0;

	if (!pool || !errs)
		return EINVAL;

	if (pool->closing)
		return ECANCELED;

	list_init(&stage.partl);
	(void)hash_apply(pool->groups, unsee_h, NULL);

	for (struct le *le = list_head(tenantl); le && err != ENOMEM;
	     le = le->next) {
		const int e = stage_tenant(&stage, le->data);

		if (e)
			err = e;
	}

	if (!err && hash_apply(pool->groups, unseen_h, &stage))
		err = ENOMEM;

	for (struct le *le = stage.partl.head; le && !err; le = le->next)
		commit(le->data);

	list_flush(&stage.partl);

	return err;
}


/* ------------------------------------------------------------------ */
/* Finding                                                             */


/** The account whose parameter a URI bears */
static struct account *find_token(const struct pool *pool,
				  const struct sip_msg *msg)
{
	struct pl val;

	if (parse_param(&msg->uri.params, "cb", &val))
		return NULL;

	for (struct le *le = hash_list(pool->tokens,
				       hash_joaat_ci(val.p, val.l))->head;
	     le; le = le->next) {
		struct account *acc = le->data;

		if (!pl_strcmp(&val, acc->token))
			return acc;
	}

	return NULL;
}


/** The account that has the local port to itself */
static struct account *find_lsnr(const struct pool *pool,
				 const struct sip_msg *msg)
{
	const struct flow *flow = msg_flow(msg);
	const struct listener *lsnr = flow ? flow_listener(flow) : NULL;

	for (struct le *le = pool->accountl.head; le && lsnr; le = le->next) {
		struct account *acc = le->data;

		if (acc->lsnr == lsnr)
			return acc;
	}

	return NULL;
}


static bool is_shared(const struct pool *pool, const struct sip_msg *msg)
{
	const struct flow *flow = msg_flow(msg);

	for (size_t i = 0; i < RE_ARRAY_SIZE(pool->conf.lsnrv); i++)
		if (flow && flow_listener(flow) == pool->conf.lsnrv[i])
			return true;

	return false;
}


static bool has_domain(const struct account *acc, const struct sip_msg *msg)
{
	const char *domain = acc->site->pbx->sip_domain;

	return !pl_strcasecmp(&msg->to.uri.host, domain) ||
		!pl_strcasecmp(&msg->from.uri.host, domain);
}


/**
 * By user part, among the accounts of the PBX that it came from. The same
 * extension of several tenants behind one address is told apart by domain;
 * if that does not help, it is nobody's
 */
static struct account *find_username(const struct pool *pool,
				     const struct sip_msg *msg)
{
	struct account *found = NULL, *by_domain = NULL;
	unsigned foundc = 0, domainc = 0;
	char user[128];

	if (re_snprintf(user, sizeof(user), "%H", uri_user_unescape,
			&msg->uri.user) < 0)
		return NULL;

	for (struct le *le = hash_list(pool->usernames, key(user))->head; le;
	     le = le->next) {
		struct account *acc = le->data;

		if (str_cmp(acc->user->sip_username, user) ||
		    !acc->user->enabled || !account_is_from(acc, msg))
			continue;

		found = acc;
		++foundc;

		if (has_domain(acc, msg)) {
			by_domain = acc;
			++domainc;
		}
	}

	if (foundc == 1)
		return found;

	return domainc == 1 ? by_domain : NULL;
}


struct account *pool_find_request(struct pool *pool,
				  const struct sip_msg *msg)
{
	struct account *acc;

	if (!pool || !msg)
		return NULL;

	acc = find_token(pool, msg);
	if (!acc && !is_shared(pool, msg))
		acc = find_lsnr(pool, msg);
	if (!acc)
		acc = find_username(pool, msg);

	return acc && acc->user->enabled ? acc : NULL;
}


struct account *pool_find_upn(struct pool *pool, const char *tenant,
			      const char *upn)
{
	if (!pool || !tenant || !upn)
		return NULL;

	for (struct le *le = hash_list(pool->upns, key(upn))->head; le;
	     le = le->next) {
		struct account *acc = le->data;

		if (!str_casecmp(acc->user->upn, upn) &&
		    !str_cmp(acc->tenant->tenant, tenant))
			return acc;
	}

	return NULL;
}


struct account *pool_find_number(struct pool *pool, const char *fqdn,
				 const char *number)
{
	if (!pool || !fqdn || !str_isset(number))
		return NULL;

	number = digits_of(number);

	for (struct le *le = hash_list(pool->numbers, key(number))->head; le;
	     le = le->next) {
		struct account *acc = le->data;

		if (!str_cmp(digits_of(acc->user->number), number) &&
		    !str_casecmp(acc->tenant->teams.fqdn, fqdn))
			return acc;
	}

	return NULL;
}


bool pool_admits(const struct pool *pool, const struct sa *peer)
{
	if (!pool || !peer)
		return false;

	for (const struct le *le = pool->sitel.head; le; le = le->next)
		if (site_has(le->data, peer))
			return true;

	return false;
}


/* ------------------------------------------------------------------ */
/* What is asked of an account                                         */


bool account_is_from(const struct account *acc, const struct sip_msg *msg)
{
	const struct flow *flow = msg ? msg_flow(msg) : NULL;

	if (!acc || !msg)
		return false;

	/* Over a connection that we opened it is whom we trust by TLS */
	if (flow && flow == reg_flow(acc->reg))
		return true;

	return site_has(acc->site, &msg->src);
}


const struct tenant *account_tenant(const struct account *acc)
{
	return acc->tenant;
}


const struct pbx *account_pbx(const struct account *acc)
{
	return acc->site->pbx;
}


const struct user *account_user(const struct account *acc)
{
	return acc->user;
}


const char *account_aor(const struct account *acc)
{
	return acc->aor;
}


struct digest *account_digest(const struct account *acc)
{
	return acc->digest;
}


bool account_is_away(const struct account *acc)
{
	return acc->site->away;
}


bool account_is_registered(const struct account *acc)
{
	return acc->user->enabled && reg_is_registered(acc->reg);
}


void account_hop(const struct account *acc, struct hop *hop)
{
	reg_hop(acc->reg, hop);
}


const char *account_contact(const struct account *acc)
{
	return reg_contact(acc->reg);
}


const struct routes *account_routes(const struct account *acc)
{
	return reg_routes(acc->reg);
}


int account_register_now(struct account *acc)
{
	if (!acc)
		return EINVAL;

	if (!acc->user->enabled || acc->pool->closing)
		return 0;

	if (acc->site->away)
		return EHOSTUNREACH;

	if (!str_isset(acc->site->pbx->realm))
		digest_realm_forget(acc->digest);
	reg_now(acc->reg);

	return 0;
}


/* ------------------------------------------------------------------ */
/* What a PBX asks of a phone                                          */


static void answer_options(struct pool *pool, struct strans *st,
			   const struct sip_msg *msg)
{
	/* Without a user it is the node that is asked for */
	if (pl_isset(&msg->uri.user) && !pool_find_request(pool, msg)) {
		strans_reject(st, 404, "Not Found");
		return;
	}

	strans_rejectf(st, 200, "OK",
		       "Allow: " POOL_ALLOW "\r\n"
		       "Accept: application/sdp\r\n");
}


/** Message waiting alone; nobody reboots or reconfigures us */
static void answer_notify(struct pool *pool, struct strans *st,
			  const struct sip_msg *msg)
{
	struct account *acc = pool_find_request(pool, msg);
	struct pl event = msg_hdr_value(msg, SIP_HDR_EVENT);
	const char *end = pl_strchr(&event, ';');

	if (end)
		event.l = (size_t)(end - event.p);
	while (event.l && event.p[event.l - 1] == ' ')
		--event.l;

	if (!acc || !account_is_from(acc, msg))
		strans_reject(st, 404, "Not Found");
	else if (pl_strcasecmp(&event, "message-summary"))
		strans_rejectf(st, 489, "Bad Event",
			       "Allow-Events: message-summary\r\n");
	else {
		mwi_take(acc, msg);
		strans_reject(st, 200, "OK");
	}
}


static bool is_one_of(const struct pl *met, const char *const *v, size_t c)
{
	for (size_t i = 0; i < c; i++)
		if (!pl_strcmp(met, v[i]))
			return true;

	return false;
}


bool pool_request(struct pool *pool, struct strans *st,
		  const struct sip_msg *msg)
{
	static const char *const refusedv[] = {
		"REGISTER", "PUBLISH", "MESSAGE", "SUBSCRIBE",
	};
	static const char *const indialogv[] = {
		"REFER", "INFO", "UPDATE", "PRACK", "BYE",
	};

	if (!pool || !st || !msg)
		return false;

	if (!pl_strcmp(&msg->met, "OPTIONS"))
		answer_options(pool, st, msg);
	else if (!pl_strcmp(&msg->met, "NOTIFY"))
		answer_notify(pool, st, msg);
	else if (is_one_of(&msg->met, refusedv, RE_ARRAY_SIZE(refusedv)))
		strans_rejectf(st, 405, "Method Not Allowed",
			       "Allow: " POOL_ALLOW "\r\n");
	else if (is_one_of(&msg->met, indialogv, RE_ARRAY_SIZE(indialogv)))
		strans_reject(st, 481, "Call/Transaction Does Not Exist");
	else
		return false;

	return true;
}
