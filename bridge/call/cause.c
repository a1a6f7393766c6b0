/**
 * @file cause.c  The table of failures
 *
 * Q.850 causes are those of RFC 3398 (and RFC 4497, which agrees). Where the
 * RFC leaves it to a Warning header (488, 606) the media did not fit: cause
 * 88. Codes that say something about our own request (405, 420, 422...) are
 * no answer to the caller's: they become a failure of the call.
 */
#include "bridge/sip/msg.h"
#include "cause.h"


static const struct cause causev[] = {
	{ 300, 480, 480,  31, "Temporarily Unavailable" },
	{ 400, 400, 400,  41, "Bad Request" },
	{ 401, 403, 403,  21, "Forbidden" },
	{ 402, 403, 403,  21, "Forbidden" },
	{ 403, 403, 403,  21, "Forbidden" },
	{ 404, 404, 404,   1, "Not Found" },
	{ 405, 405, 405,  63, "Method Not Allowed" },
	{ 406, 488, 488,  79, "Not Acceptable Here" },
	{ 407, 403, 403,  21, "Forbidden" },
	{ 408, 480, 480, 102, "Temporarily Unavailable" },
	{ 410, 410, 410,  22, "Gone" },
	{ 412, 484, 484,  28, "Address Incomplete" },
	{ 413, 500, 500, 127, "Server Internal Error" },
	{ 414, 500, 500, 127, "Server Internal Error" },
	{ 415, 488, 488,  79, "Not Acceptable Here" },
	{ 416, 500, 500, 127, "Server Internal Error" },
	{ 417, 500, 500, 127, "Server Internal Error" },
	{ 420, 420, 420, 127, "Bad Extension" },
	{ 421, 500, 500, 127, "Server Internal Error" },
	{ 422, 480, 480, 127, "Temporarily Unavailable" },
	{ 423, 480, 480, 127, "Temporarily Unavailable" },
	{ 424, 424, 424, 127, "Bad Location Information" },
	{ 428, 403, 403,  21, "Forbidden" },
	{ 429, 403, 403,  21, "Forbidden" },
	{ 430, 480, 480,  27, "Temporarily Unavailable" },
	{ 433, 433, 433,  24, "Anonymity Disallowed" },
	{ 436, 403, 403,  21, "Forbidden" },
	{ 437, 403, 403,  21, "Forbidden" },
	{ 438, 403, 403,  21, "Forbidden" },
	{ 439, 500, 500, 127, "Server Internal Error" },
	{ 440, 500, 500,  25, "Server Internal Error" },
	{ 469, 500, 500, 127, "Server Internal Error" },
	{ 470, 403, 403,  21, "Forbidden" },
	{ 480, 480, 480,  18, "Temporarily Unavailable" },
	{ 481, 480, 480,  41, "Temporarily Unavailable" },
	{ 482, 482, 482,  25, "Loop Detected" },
	{ 483, 483, 483,  25, "Too Many Hops" },
	{ 484, 484, 484,  28, "Address Incomplete" },
	{ 485, 404, 404,   1, "Not Found" },
	{ 486, 486, 486,  17, "Busy Here" },
	{ 487, 487, 487,  16, "Request Terminated" },
	{ 488, 488, 488,  88, "Not Acceptable Here" },
	{ 489, 500, 500, 127, "Server Internal Error" },
	{ 491, 500, 500,  41, "Server Internal Error" },
	{ 493, 488, 488,  88, "Not Acceptable Here" },
	{ 494, 403, 403,  21, "Forbidden" },
	{ 500, 500, 500,  41, "Server Internal Error" },
	{ 501, 501, 501,  79, "Not Implemented" },
	{ 502, 502, 502,  38, "Bad Gateway" },
	{ 503, 503, 503,  41, "Service Unavailable" },
	{ 504, 504, 504, 102, "Server Time-out" },
	{ 505, 500, 500, 127, "Server Internal Error" },
	{ 513, 500, 500, 127, "Server Internal Error" },
	{ 580, 488, 488,  47, "Not Acceptable Here" },
	{ 600, 486, 486,  17, "Busy Here" },
	{ 603, 603, 486,  21, "Decline" },
	{ 604, 404, 404,   1, "Not Found" },
	{ 606, 488, 488,  88, "Not Acceptable Here" },
	{ 607, 603, 486,  21, "Decline" },
	{ 608, 603, 486,  21, "Decline" },
};


const struct cause *cause_find(uint16_t scode)
{
	const struct cause *klass = NULL;
	size_t i;

	for (i = 0; i < RE_ARRAY_SIZE(causev); i++) {
		if (causev[i].scode == scode)
			return &causev[i];
		if (causev[i].scode == scode / 100 * 100)
			klass = &causev[i];
	}

	return klass ? klass : cause_find(500);
}


/** The first cause of each protocol counts */
static bool element_hear(const struct sip_hdr *hdr, const struct sip_msg *msg,
			 void *arg)
{
	struct cause_heard *heard = arg;
	struct pl proto, val;
	uint32_t cause;
	(void)msg;

	if (re_regex(hdr->val.p, hdr->val.l, "[^; \t]+", &proto) ||
	    msg_param_decode(&hdr->val, "cause", &val))
		return false;

	cause = pl_u32(&val);
	if (!pl_strcasecmp(&proto, "Q.850") && !heard->q850 && cause > 0 &&
	    cause < 128)
		heard->q850 = (uint16_t)cause;
	else if (!pl_strcasecmp(&proto, "SIP") && !heard->sip &&
		 cause >= 100 && cause < 700)
		heard->sip = (uint16_t)cause;

	return false;
}


void cause_hear(struct cause_heard *heard, const struct sip_msg *msg)
{
	memset(heard, 0, sizeof(*heard));
	if (msg)
		(void)sip_msg_hdr_apply(msg, true, SIP_HDR_REASON,
					element_hear, heard);
}


void cause_reason(char *buf, size_t size, const struct cause_heard *heard,
		  uint16_t q850)
{
	const uint16_t q = heard->q850 || heard->sip ? heard->q850 : q850;

	if (q && heard->sip)
		re_snprintf(buf, size, "Reason: Q.850;cause=%u, SIP;cause=%u"
			    "\r\n", q, heard->sip);
	else if (q)
		re_snprintf(buf, size, "Reason: Q.850;cause=%u\r\n", q);
	else if (heard->sip)
		re_snprintf(buf, size, "Reason: SIP;cause=%u\r\n",
			    heard->sip);
	else
		buf[0] = '\0';
}


static const struct {
	uint16_t q850;
	const char *name;
} namev[] = {
	{   1, "unallocated number" },
	{   2, "no route to transit network" },
	{   3, "no route to destination" },
	{  16, "normal clearing" },
	{  17, "user busy" },
	{  18, "no user responding" },
	{  19, "no answer from user" },
	{  20, "subscriber absent" },
	{  21, "call rejected" },
	{  22, "number changed" },
	{  24, "rejected by the callee's settings" },
	{  25, "exchange routing error" },
	{  26, "answered elsewhere" },
	{  27, "destination out of order" },
	{  28, "address incomplete" },
	{  29, "facility rejected" },
	{  31, "normal, unspecified" },
	{  34, "no circuit available" },
	{  38, "network out of order" },
	{  41, "temporary failure" },
	{  42, "switching equipment congestion" },
	{  44, "requested circuit not available" },
	{  47, "resource unavailable" },
	{  50, "facility not subscribed" },
	{  52, "outgoing calls barred" },
	{  54, "incoming calls barred" },
	{  55, "incoming calls barred within the group" },
	{  57, "bearer capability not authorized" },
	{  58, "bearer capability not available" },
	{  63, "service not available" },
	{  65, "bearer capability not implemented" },
	{  69, "facility not implemented" },
	{  79, "service not implemented" },
	{  87, "not a member of the group" },
	{  88, "incompatible destination" },
	{ 102, "recovery on timer expiry" },
	{ 111, "protocol error" },
	{ 127, "interworking, unspecified" },
};


const char *cause_q850_name(uint16_t q850)
{
	for (size_t i = 0; i < RE_ARRAY_SIZE(namev); i++) {
		if (namev[i].q850 == q850)
			return namev[i].name;
	}

	return "";
}
