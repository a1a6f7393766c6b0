/**
 * @file pool_find.c  Whom a request of a PBX is for, and what a phone answers
 */
#include "bridge/sip/msg.h"
#include "bridge/sip/parse.h"
#include "bridge/sip/stack.h"
#include "bridge/sip/strans.h"
#include "bridge/sip/transp.h"
#include "pool_core.h"


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

	for (struct le *le = hash_list(pool->usernames, pool_key(user))->head;
	     le; le = le->next) {
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

	for (struct le *le = hash_list(pool->upns, pool_key(upn))->head; le;
	     le = le->next) {
		struct account *acc = le->data;

		if (!str_casecmp(acc->user->upn, upn) &&
		    !str_cmp(acc->tenant->tenant, tenant))
			return acc;
	}

	return NULL;
}


struct account *pool_find_number(struct pool *pool, const char *tenant,
				 const char *number)
{
	if (!pool || !tenant || !str_isset(number))
		return NULL;

	number = pool_digits(number);

	for (struct le *le = hash_list(pool->numbers, pool_key(number))->head;
	     le; le = le->next) {
		struct account *acc = le->data;

		if (!str_cmp(pool_digits(acc->user->number), number) &&
		    !str_cmp(acc->tenant->tenant, tenant))
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


void pool_source(const struct pool *pool, const struct sa *peer,
		 struct stack_source *src)
{
	bool limited = true;

	for (const struct le *le = pool->sitel.head; le; le = le->next) {
		const struct site *site = le->data;

		if (!site_has(site, peer))
			continue;

		if (!src->name[0])
			(void)re_snprintf(src->name, sizeof(src->name),
					  "%s/%s", site->tenant,
					  site->pbx->name);
		src->rate += (uint32_t)site->pbx->requests_per_second;
		limited = limited && site->pbx->requests_per_second;
	}

	if (!limited)
		src->rate = 0;
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
		account_mwi_take(acc, msg);
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
