/**
 * @file redirect.c  A PBX that answers a call with 3xx (RFC 3261 section
 * 8.1.3.4)
 */
#include <stdlib.h>

#include "bridge/base/log.h"
#include "bridge/sip/msg.h"
#include "call_core.h"
#include "pbx-templates/number.h"
#include "redirect.h"


enum { TRIED_MAX = 6 };


/** Numbers that a call was sent to so far, as the PBX has them */
struct redirects {
	char v[TRIED_MAX][64];
	size_t c;
};

/** The best Contact so far */
struct search {
	const struct call *call;
	const struct sip_msg *msg;
	char number[64];           /* "" none                               */
	unsigned q;                /* in thousandths                        */
};


/** A number that this PBX itself would reach: its domain, its host, the
    address that the answer came from, or a number without a place */
static bool is_of_pbx(const struct call *call, const struct sip_msg *msg,
		      const struct uri *uri)
{
	char host[256], addr[64];
	uint16_t port;

	if (!pl_strcasecmp(&uri->scheme, "tel") ||
	    !pl_strcasecmp(&uri->host, call->pbx->sip_domain))
		return true;

	if (!pbx_host(call->pbx, host, sizeof(host), &port) &&
	    !pl_strcasecmp(&uri->host, host))
		return true;

	re_snprintf(addr, sizeof(addr), "%j", &msg->src);

	return !pl_strcasecmp(&uri->host, addr);
}


/** q=0.7 as 700; none is the best (RFC 3261 section 20.10) */
static unsigned q_of(const struct pl *params)
{
	struct pl value;
	char text[8];

	if (msg_param_decode(params, "q", &value) ||
	    pl_strcpy(&value, text, sizeof(text)))
		return 1000;

	return (unsigned)(strtod(text, NULL) * 1000.0 + 0.5);
}


static bool contact_h(const struct sip_hdr *hdr, const struct sip_msg *msg,
		      void *arg)
{
	struct search *search = arg;
	struct pl rest = hdr->val, el, dname, uripl, params;
	char number[64];
	struct uri uri;
	(void)msg;

	while (msg_next_element(&rest, &el)) {

		if (msg_nameaddr(&el, &dname, &uripl, &params) ||
		    uri_decode(&uri, &uripl) ||
		    callerid_user(number, sizeof(number), &uripl) ||
		    !is_of_pbx(search->call, search->msg, &uri))
			continue;

		if (search->number[0] && q_of(&params) <= search->q)
			continue;

		str_ncpy(search->number, number, sizeof(search->number));
		search->q = q_of(&params);
	}

	return false;
}


/** Where the PBX sends the call, as it has numbers; "" nowhere that counts */
static void target_of(char *number, size_t size, const struct call *call,
		      const struct sip_msg *msg)
{
	struct search search = { .call = call, .msg = msg };

	/* 305 and 380 name no other place for the same call */
	if (msg->scode <= 302)
		(void)sip_msg_hdr_apply(msg, true, SIP_HDR_CONTACT,
					contact_h, &search);

	str_ncpy(number, search.number, size);
}


static bool was_tried(struct redirects *rd, const char *number)
{
	size_t i;

	for (i = 0; i < rd->c; i++) {
		if (!strcmp(rd->v[i], number))
			return true;
	}

	return false;
}


static void tried(struct redirects *rd, const char *number)
{
	if (rd->c < TRIED_MAX)
		str_ncpy(rd->v[rd->c++], number, sizeof(rd->v[0]));
}


/** As Teams would dial it: so policies judge it like any other call */
static void as_dialled(char *dst, size_t size, const struct call *call,
		       const char *number)
{
	struct number num;

	if (number_from_pbx(&num, call->pbx, policy_country(call->acc),
			    number))
		str_ncpy(dst, number, size);
	else
		str_ncpy(dst, num.text, size);
}


/** @return NULL: follow; else why not */
static const char *why_not(struct call *call, const char *number)
{
	struct redirects *rd = call->redirects;
	struct verdict verdict;
	char dialled[64];

	if (!*number)
		return "names nobody at this PBX";

	if (was_tried(rd, number))
		return "goes round in a circle";

	/* what was dialled first is no redirect */
	if (rd->c > (size_t)call->pbx->call.redirect_limit)
		return "is one too many (call.redirect_limit)";

	as_dialled(dialled, sizeof(dialled), call, number);
	(void)policy_judge(call->acc, dialled, &verdict);

	return verdict.scode ? "is to a number that is not allowed" : NULL;
}


bool redirect_follow(struct leg *leg, const struct sip_msg *msg, char *ruri,
		     size_t size, void *arg)
{
	struct call *call = arg;
	char number[64];
	const char *why;
	struct pl pl;

	if (call_side_of(call, leg) != SIDE_PBX ||
	    call->pbx->call.redirects != PBX_REDIRECTS_FOLLOW)
		return false;

	if (!call->redirects) {
		call->redirects = mem_zalloc(sizeof(*call->redirects), NULL);
		if (!call->redirects)
			return false;
		tried(call->redirects, call->rec.pbxside.number);
	}

	target_of(number, sizeof(number), call, msg);
	why = why_not(call, number);
	if (why) {
		info("call", call->rec.id, "the redirect %s", why);
		record_note(call, CALL_FORWARD, CALL_AT_PBX,
			    "%u not followed: it %s", msg->scode, why);
		return false;
	}

	tried(call->redirects, number);
	info("call", call->rec.id, "redirected to %s", number);
	record_note(call, CALL_FORWARD, CALL_AT_PBX, "%u followed to %s",
		    msg->scode, number);

	pl_set_str(&pl, number);
	re_snprintf(ruri, size, "sip:%H@%s", uri_user_escape, &pl,
		    call->pbx->sip_domain);

	return true;
}


bool redirect_pass(struct call *call, const struct sip_msg *msg, char *hdr,
		   size_t size)
{
	char number[64], dialled[64];
	struct pl pl;

	if (!msg || msg->scode < 300 || msg->scode > 399 ||
	    call->pbx->call.redirects != PBX_REDIRECTS_PASS)
		return false;

	target_of(number, sizeof(number), call, msg);
	if (!*number)
		return false;

	as_dialled(dialled, sizeof(dialled), call, number);
	record_note(call, CALL_FORWARD, CALL_AT_PBX, "%u passed on: %s",
		    msg->scode, dialled);

	pl_set_str(&pl, dialled);

	return re_snprintf(hdr, size,
			   "Contact: <sip:%H@%s:%u;user=phone;transport=tls>"
			   "\r\n", uri_user_escape, &pl,
			   trunk_fqdn(call->trunk),
			   trunk_port(call->trunk)) > 0;
}
