/**
 * @file route.c  Who is meant by an INVITE, and how each side is spoken to
 *
 * From Teams: the tenant by our FQDN that was called, the user by the
 * calling number. From a PBX: the account by the Contact that we registered.
 * A header that the caller writes never chooses the tenant.
 */
#include <time.h>

#include "bridge/base/log.h"
#include "bridge/model/tenant.h"
#include "bridge/sip/msg.h"
#include "bridge/sip/stack.h"
#include "call_core.h"
#include "dnd.h"
#include "identity.h"
#include "loopmark.h"
#include "pbx-templates/number.h"


enum {
	REDIRECTS_MAX = 5,         /* before a call came here               */
};

#define PBX_ALLOW "INVITE, ACK, CANCEL, BYE, OPTIONS, NOTIFY, UPDATE, " \
	"PRACK, INFO"


static void refuse(struct route *route, uint16_t scode, const char *reason,
		   const char *advice)
{
	route->scode = scode;
	route->reason = reason;
	route->advice = advice;
}


int route_header(struct route *route, const char *fmt, ...)
{
	const size_t l = strlen(route->hdrs);
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = re_vsnprintf(route->hdrs + l, sizeof(route->hdrs) - l, fmt, ap);
	va_end(ap);

	if (n >= 0)
		return 0;

	/* never half a header */
	route->hdrs[l] = '\0';

	return ENOMEM;
}


void route_note(struct route *route, enum call_topic topic,
		enum call_where where, const char *fmt, ...)
{
	va_list ap;
	size_t i = route->notec;

	if (i == ROUTE_NOTES)
		return;

	va_start(ap, fmt);
	(void)re_vsnprintf(route->notev[i].text, sizeof(route->notev[i].text),
			   fmt, ap);
	va_end(ap);
	route->notev[i].topic = topic;
	route->notev[i].where = where;
	++route->notec;
}


void route_note_number(struct route *route, enum call_where where,
		       const char *from, const struct number *num)
{
	for (size_t i = 0; i < num->rulec; i++)
		route_note(route, CALL_NUMBER, where, "%s", num->rulev[i]);

	route_note(route, CALL_NUMBER, where, "%s -> %s", from, num->text);
}


static void forbid(struct route *route, const struct verdict *verdict)
{
	refuse(route, verdict->scode, verdict->reason, verdict->advice);
}


static void teams_leg(struct leg_conf *conf, const struct trunk *trunk,
		      const struct pbx *pbx, struct stack *stack)
{
	const bool refer = pbx->supports_refer ||
		pbx->transfer.blind == PBX_TRANSFER_BRIDGE ||
		pbx->transfer.attended == PBX_TRANSFER_BRIDGE;

	memset(conf, 0, sizeof(*conf));
	conf->stack = stack;
	conf->side = "teams";
	/* Teams sends REFER only where it is allowed; without it, it sends
	   an INVITE with Replaces or moves the call by itself (Microsoft:
	   Direct Routing, SIP protocol) */
	conf->allow = refer ? TRUNK_ALLOW ", REFER" : TRUNK_ALLOW;
	conf->replaces = true;
	conf->session_timer = true;
	conf->session_expires_s = 1800;
	conf->min_se_s = 300;
	conf->answer_limit_s = pbx->call.answer_limit_s;
	conf->hopc = trunk_hops(trunk, conf->hopv);
	conf->failoverc = trunk_failover(trunk, conf->failoverv,
					 RE_ARRAY_SIZE(conf->failoverv));
}


static void teams_contact(char *buf, size_t size, const char *user,
			  const struct trunk *trunk)
{
	struct pl pl;

	pl_set_str(&pl, user);
	if (!str_casecmp(user, "anonymous"))
		re_snprintf(buf, size, "<sip:%s:%u;transport=tls>",
			    trunk_fqdn(trunk), trunk_port(trunk));
	else
		re_snprintf(buf, size, "<sip:%H@%s:%u;transport=tls>",
			    uri_user_escape, &pl, trunk_fqdn(trunk),
			    trunk_port(trunk));
}


static void pbx_leg(struct leg_conf *conf, struct account *acc,
		    struct stack *stack)
{
	const struct pbx *pbx = account_pbx(acc);

	memset(conf, 0, sizeof(*conf));
	conf->stack = stack;
	conf->side = "pbx";
	conf->contact = account_contact(acc);
	conf->allow = pbx->transfer.from_pbx ? PBX_ALLOW ", REFER" :
		PBX_ALLOW;
	conf->user_agent = pbx->user_agent;
	conf->digest = account_digest(acc);
	conf->session_timer = pbx->call.session_timers;
	conf->session_expires_s = pbx->call.session_expires_s;
	conf->min_se_s = pbx->call.min_se_s;
	conf->prack = pbx->call.prack;
	conf->info = true;
	conf->replaces = pbx->supports_refer;
	conf->answer_limit_s = pbx->call.answer_limit_s;
	conf->routes = account_routes(acc);
	account_hop(acc, &conf->hopv[0]);
	conf->hopc = 1;
}


void route_again(const struct call *call, enum side side,
		 struct leg_conf *conf, char *contact, size_t size)
{
	const char *party = call->rec.direction == CALL_FROM_PBX ?
		call->rec.caller : call->rec.callee;

	if (side == SIDE_PBX) {
		pbx_leg(conf, call->acc, call->calls->conf.stack);
		return;
	}

	teams_leg(conf, call->trunk, call->pbx, call->calls->conf.stack);
	teams_contact(contact, size, party, call->trunk);
	conf->contact = contact;
}


/** Hops that the request may still go; 0: it went far enough */
static uint32_t hops_left(const struct sip_msg *msg)
{
	uint32_t n;

	if (!msg_hdr_uint(msg, SIP_HDR_MAX_FORWARDS, &n))
		return 70;

	return n ? n - 1 : 0;
}


static void hops_set(struct route *route, uint32_t left)
{
	size_t i, j;

	for (i = 0; i < SIDES; i++) {
		for (j = 0; j < route->confv[i].hopc; j++)
			route->confv[i].hopv[j].max_forwards = left;
	}
}


/** The account of a call from Teams: the asserted number, else From's, else
    that of the user who forwards, for then From is the original caller */
static struct account *teams_user(const struct calls *calls,
				  const struct route *route,
				  const struct sip_msg *msg)
{
	const char *tenant = trunk_tenant(route->trunk);
	const struct pl referred = msg_hdr_value(msg, SIP_HDR_REFERRED_BY);
	struct account *acc;
	struct pl dname, uri, params;
	char number[64];
	size_t i;

	acc = pool_find_number(calls->conf.pool, tenant, route->caller_raw);
	if (!acc && !callerid_user(number, sizeof(number), &msg->from.auri))
		acc = pool_find_number(calls->conf.pool, tenant, number);

	for (i = route->history.c; i > 0 && !acc; i--)
		acc = pool_find_number(calls->conf.pool, tenant,
				       route->history.v[i - 1].number);

	if (!acc && pl_isset(&referred) &&
	    !msg_nameaddr(&referred, &dname, &uri, &params) &&
	    !callerid_user(number, sizeof(number), &uri))
		acc = pool_find_number(calls->conf.pool, tenant, number);

	return acc;
}


static void refuse_history(struct route *route)
{
	refuse(route, 482, "Too Many Redirections",
	       "The call was redirected too often: look for forwarding in "
	       "both directions.");
}


/**
 * The phone has no binding through us: 503 has Teams try its next gateway,
 * which is the other node
 *
 * An emergency call is tried all the same: who serves the PBX may just have
 * died, and a PBX knows a phone by its credentials as well. If it is refused,
 * Teams gets its 503 then.
 */
static void unregistered(struct route *route)
{
	if (route->klass == CLASS_EMERGENCY) {
		route->unregistered = true;
		route_note(route, CALL_ROUTE, CALL_AT_PBX, "emergency call:"
			   " tried without a registration");
	}
	else if (account_is_away(route->acc))
		refuse(route, 503, "Served by Another Node",
		       "Another node of this store serves the user's PBX: "
		       "Teams is to have it as the next gateway of the "
		       "route.");
	else
		refuse(route, 503, "User Not Registered",
		       "The user's phone is not registered at the PBX: see "
		       "`callbridge status` for the reason.");
}


static void to_pbx(struct calls *calls, struct route *route,
		   const struct sip_msg *msg)
{
	const struct pbx *pbx;
	const struct user *user;
	struct verdict verdict;
	struct number num;
	struct pl pl;

	route->acc = teams_user(calls, route, msg);
	if (!route->acc) {
		refuse(route, 403, "No match for Service User Part",
		       "No enabled user of this tenant has the calling "
		       "number: check the number assigned in Teams against "
		       "the user's number here.");
		return;
	}

	pbx = account_pbx(route->acc);
	user = account_user(route->acc);
	route_note(route, CALL_ROUTE, CALL_AT_TEAMS, "%s by calling number",
		   user->upn);

	if (number_to_pbx(&num, pbx, policy_country(route->acc),
			  route->callee_raw)) {
		refuse(route, 484, "Address Incomplete",
		       "The dialled number cannot be dialled on this PBX.");
		return;
	}

	route_note_number(route, CALL_AT_PBX, route->callee_raw, &num);
	str_ncpy(route->callee, num.text, sizeof(route->callee));

	route->klass = policy_judge(route->acc, route->callee_raw, &verdict);
	route_note(route, CALL_NUMBER, CALL_AT_BRIDGE, "kind of number: %s",
		   number_class_name(route->klass));
	if (verdict.scode) {
		forbid(route, &verdict);
		return;
	}

	if (!account_is_registered(route->acc)) {
		unregistered(route);
		if (route->scode)
			return;
	}

	pl_set_str(&pl, route->callee);
	re_snprintf(route->ruri, sizeof(route->ruri), "sip:%H@%s",
		    uri_user_escape, &pl, pbx->sip_domain);
	str_ncpy(route->to_uri, route->ruri, sizeof(route->to_uri));

	if (identity_to_pbx(route, msg))
		refuse_history(route);
}


static void from_teams(struct calls *calls, struct route *route,
		       const struct sip_msg *msg)
{
	struct trunks *trunks = calls->conf.trunks;

	route->direction = CALL_FROM_TEAMS;
	route->trunk = trunks_find(trunks, &msg->uri.host);
	callerid_read(&route->caller, msg);
	str_ncpy(route->caller_raw, route->caller.number,
		 sizeof(route->caller_raw));

	if (!route->trunk) {
		refuse(route, 404, "Unknown FQDN",
		       "Teams called a name that no tenant has: check the "
		       "FQDN of the gateway in Teams and of the tenant here.");
		return;
	}

	if (callerid_called(route->callee_raw, sizeof(route->callee_raw),
			    msg)) {
		refuse(route, 484, "Address Incomplete",
		       "The request names no number.");
		return;
	}

	to_pbx(calls, route, msg);
	if (route->scode)
		return;

	teams_contact(route->teams_contact, sizeof(route->teams_contact),
		      route->callee_raw, route->trunk);
}


static void to_teams(struct route *route)
{
	const struct user *user = account_user(route->acc);
	const uint16_t port = trunk_port(route->trunk);
	struct hop hopv[TRUNK_PROXIES];
	struct pl callee, caller;

	(void)trunk_hops(route->trunk, hopv);
	str_ncpy(route->callee, user->number, sizeof(route->callee));

	pl_set_str(&callee, route->callee);
	pl_set_str(&caller, route->caller.number);
	re_snprintf(route->ruri, sizeof(route->ruri),
		    "sip:%H@%s:%u;user=phone;transport=tls",
		    uri_user_escape, &callee, hopv[0].host, hopv[0].port);
	re_snprintf(route->to_uri, sizeof(route->to_uri),
		    "sip:%H@%s;user=phone", uri_user_escape, &callee,
		    hopv[0].host);
	re_snprintf(route->from_uri, sizeof(route->from_uri),
		    "sip:%H@%s:%u;user=phone", uri_user_escape, &caller,
		    trunk_fqdn(route->trunk), port);

	teams_contact(route->teams_contact, sizeof(route->teams_contact),
		      route->caller.number, route->trunk);
}


/** @return false if the user called does not want to be disturbed */
static bool may_ring(const struct calls *calls, struct route *route)
{
	const uint16_t scode = dnd_find(calls->dnd,
		account_tenant(route->acc)->tenant,
		account_user(route->acc)->upn,
		wheel_now(stack_wheel(calls->conf.stack)));

	if (!scode)
		return true;

	refuse(route, scode, "Do Not Disturb",
	       "The user shows Do not disturb in Teams. Whether such calls "
	       "ring is the setting dnd of the customer's sync.");

	return false;
}


static void from_pbx(struct calls *calls, struct route *route,
		     const struct sip_msg *msg)
{
	route->direction = CALL_FROM_PBX;
	callerid_read(&route->caller, msg);
	str_ncpy(route->caller_raw, route->caller.number,
		 sizeof(route->caller_raw));
	(void)callerid_called(route->callee_raw, sizeof(route->callee_raw),
			      msg);

	route->acc = pool_find_request(calls->conf.pool, msg);
	if (!route->acc || !account_is_from(route->acc, msg)) {
		route->acc = NULL;
		refuse(route, 404, "Not Found",
		       "The PBX called a phone that is none of ours: it does "
		       "not return the Contact that was registered. Try "
		       "contact.port per-user, or another contact form.");
		return;
	}

	route_note(route, CALL_ROUTE, CALL_AT_PBX, "%s by the Contact called",
		   account_user(route->acc)->upn);
	if (!may_ring(calls, route))
		return;

	route->trunk = trunks_of(calls->conf.trunks,
				 account_tenant(route->acc)->tenant);
	if (!route->trunk) {
		refuse(route, 480, "No Trunk to Teams", NULL);
		return;
	}

	if (!account_user(route->acc)->number) {
		refuse(route, 480, "No Number in Teams", NULL);
		return;
	}

	identity_shown(route, msg);
	to_teams(route);
	if (identity_to_teams(route))
		refuse_history(route);
}


int route_enter(struct calls *calls, struct route *route)
{
	struct verdict verdict;
	int err;

	err = policy_enter(&route->seat, calls->policies, route->acc,
			   route->direction == CALL_FROM_TEAMS, route->klass,
			   wheel_now(stack_wheel(calls->conf.stack)),
			   time(NULL) / 86400, &verdict);
	if (err)
		refuse(route, 500, "Server Internal Error",
		       "The bridge is out of memory.");
	else if (verdict.scode)
		forbid(route, &verdict);

	return err;
}


/** @return true if it is a call that came back, which is refused */
static bool loop_check(struct route *route, const struct sip_msg *msg)
{
	char way[320];
	const struct loopmark mark = { .msg = msg, .way = way };

	re_snprintf(way, sizeof(way), "%s %s %s",
		    call_direction_name(route->direction),
		    account_tenant(route->acc)->tenant,
		    account_aor(route->acc));

	if (loopmark_is_loop(msg, way)) {
		refuse(route, 482, "Loop Detected",
		       "The call came back to where it had been: look for "
		       "forwarding in both directions.");
		return true;
	}

	(void)route_header(route, "%H", loopmark_print, &mark);

	return false;
}


void route_find(struct calls *calls, struct route *route,
		const struct sip_msg *msg)
{
	const uint32_t left = hops_left(msg);

	memset(route, 0, sizeof(*route));
	history_read(&route->history, msg);

	if (trunks_is_from(calls->conf.trunks, msg))
		from_teams(calls, route, msg);
	else
		from_pbx(calls, route, msg);

	if (route->scode)
		return;

	if (route->history.count > REDIRECTS_MAX) {
		refuse_history(route);
		return;
	}

	if (loop_check(route, msg))
		return;

	if (!left) {
		refuse(route, 483, "Too Many Hops",
		       "The call went round in a circle: look for forwarding "
		       "in both directions.");
		return;
	}

	teams_leg(&route->confv[SIDE_TEAMS], route->trunk,
		  account_pbx(route->acc), calls->conf.stack);
	route->confv[SIDE_TEAMS].contact = route->teams_contact;
	pbx_leg(&route->confv[SIDE_PBX], route->acc, calls->conf.stack);
	hops_set(route, left);
}
