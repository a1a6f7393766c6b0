/**
 * @file account.c  What a PBX gave us for one Teams user
 */
#include "bridge/base/log.h"
#include "bridge/base/text.h"
#include "bridge/sip/digest.h"
#include "bridge/sip/msg.h"
#include "bridge/sip/routes.h"
#include "bridge/sip/stack.h"
#include "bridge/sip/transp.h"
#include "pool_core.h"


enum {
	SPREAD_MS = 500,           /* of first registrations               */
};


void account_hide(struct account *acc)
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
	list_unlink(&acc->queue_le);
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


void account_tell(struct account *acc, bool removed)
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
	st.waits = queueing_note(acc, &st);

	acc->pool->statush(&st, acc->pool->arg);
}


/** Told where it is new; what cannot be read changes nothing */
void account_mwi_take(struct account *acc, const struct sip_msg *msg)
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
	account_tell(acc, false);
}


static void mwi_notified(const struct sip_msg *msg, void *arg)
{
	account_mwi_take(arg, msg);
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
	account_tell(acc, false);
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


int account_digest_make(struct digest **dp, const struct user *user,
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
static int token_make(char token[ACCOUNT_TOKEN], const struct site *site,
		      const struct user *user)
{
	uint8_t md[MD5_SIZE];
	int err;

	err = md5_printf(md, "%s %s %s %s", site->tenant, site->pbx->name,
			 user->upn, user->sip_username);
	if (err)
		return err;

	(void)re_snprintf(token, ACCOUNT_TOKEN, "%w", md,
			  (size_t)(ACCOUNT_TOKEN / 2));

	return 0;
}


int account_alloc(struct account **accp, struct pool *pool,
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

	err = account_digest_make(&acc->digest, user, site->pbx);
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


void account_show(struct account *acc)
{
	struct pool *pool = acc->pool;

	hash_append(pool->tokens, pool_key(acc->token), &acc->token_le, acc);
	hash_append(pool->usernames, pool_key(acc->user->sip_username),
		    &acc->username_le, acc);
	hash_append(pool->upns, pool_key(acc->user->upn), &acc->upn_le, acc);
	if (acc->user->enabled)
		hash_append(pool->numbers,
			    pool_key(pool_digits(acc->user->number)),
			    &acc->number_le, acc);
}


void account_begin(struct account *acc)
{
	const bool spread = acc->pool->conf.spread;

	/* it is another node's to register, and to tell of */
	if (acc->site->away)
		return;

	if (!acc->user->enabled)
		account_tell(acc, false);
	else if (acc->site->pbx->auth_type == PBX_AUTH_NONE)
		reg_static(acc->reg);
	else
		reg_start(acc->reg, acc->digest,
			  spread ? token_number() % SPREAD_MS : 0);
}


/* ------------------------------------------------------------------ */
/* What is asked of it                                                 */


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
