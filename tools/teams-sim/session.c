/**
 * @file session.c  Offers and answers of a call
 */
#include "call.h"
#include "conn.h"


static struct pl body_of(const struct sip_msg *msg)
{
	struct pl pl = {(const char *)mbuf_buf(msg->mb),
			mbuf_get_left(msg->mb)};

	return pl;
}


static bool is_sdp(const struct sip_msg *msg)
{
	return mbuf_get_left(msg->mb) > 0 &&
	       msg_ctype_cmp(&msg->ctyp, "application", "sdp");
}


static void check_direction(struct call *call, const struct sip_msg *msg)
{
	const enum direction dir = call->desc.dir;

	if (dir == DIR_SENDONLY || dir == DIR_RECVONLY)
		violation(call->sim, "hold-direction", msg,
			  "a=%s is not understood, hold is a=inactive",
			  direction_name(dir));
}


/* RFC 3264 section 8: the o= of a dialog stays, but for its version, which
 * rises by one with each change */
static void check_origin(struct call *call, const struct desc *desc,
			 const struct sip_msg *msg)
{
	const struct desc *old = &call->desc;

	if (!old->origin[0])
		return;

	if (strcmp(old->origin, desc->origin))
		violation(call->sim, "sdp-origin", msg,
			  "o= was %s before", old->origin);
	else if (desc->content != old->content &&
		 desc->version != old->version + 1)
		violation(call->sim, "sdp-origin", msg,
			  "a changed description has version %llu after %llu",
			  (unsigned long long)desc->version,
			  (unsigned long long)old->version);
}


static void check_key(struct call *call, const struct desc *desc,
		      const struct crypto *crypto, const struct sip_msg *msg)
{
	if (call->desc.origin[0] && desc->dir == DIR_INACTIVE &&
	    memcmp(crypto->key, call->crypto.key, sizeof(crypto->key)))
		violation(call->sim, "hold-key", msg,
			  "a=inactive comes with another key");
}


static int take(struct call *call, const struct desc *desc,
		const struct crypto *crypto, const struct sip_msg *msg)
{
	const int err = media_remote(call->media, desc, crypto);

	if (err)
		return err;

	check_origin(call, desc, msg);
	check_key(call, desc, crypto, msg);
	call->desc = *desc;
	call->crypto = *crypto;
	call->held_by_sbc = desc->dir == DIR_INACTIVE && !call->held;
	check_direction(call, msg);

	return 0;
}


int session_offer_in(struct call *call, const struct sip_msg *msg,
		     uint16_t *scode, char *text, size_t size)
{
	const struct pl body = body_of(msg);
	const char *why = "";
	struct desc desc;
	int err;

	if (!is_sdp(msg)) {
		*scode = 415;
		snprintf(text, size, "offer missing or not application/sdp");
		return EPROTO;
	}

	err = desc_decode(&desc, &body, text, size);
	if (err) {
		*scode = (uint16_t)call->sim->set.bad_sdp_code;
		return err;
	}

	*scode = desc_judge(&desc, &why);
	if (*scode) {
		snprintf(text, size, "%s", why);
		return EPROTO;
	}

	err = take(call, &desc, desc_crypto(&desc), msg);
	if (err) {
		*scode = 488;
		snprintf(text, size, "%s", strerror(err));
	}

	return err;
}


static void local_addr(const struct call *call, char *buf, size_t size)
{
	const struct sim *sim = call->sim;
	const struct sa *sa =
		sim->media_addr.len ? &sim->media_addr : &call->inst->addr;

	re_snprintf(buf, size, "%j", sa);
}


static enum direction answer_direction(const struct call *call)
{
	if (call->held)
		return DIR_INACTIVE;

	switch (call->desc.dir) {

	case DIR_SENDONLY:
		return DIR_RECVONLY;

	case DIR_RECVONLY:
		return DIR_SENDONLY;

	default:
		return call->desc.dir;
	}
}


int session_answer(struct call *call, char **sdp)
{
	char addr[64];
	struct desc_local local = {
		.addr = addr,
		.dir = answer_direction(call),
		.session = call->session,
		.is_answer = true,
		.tag = call->crypto.tag,
		.offer = &call->desc,
	};

	local_addr(call, addr, sizeof(addr));
	media_local(call->media, &local);

	return desc_encode(sdp, &local);
}


int session_offer(struct call *call, char **sdp)
{
	char addr[64];
	struct desc_local local = {
		.addr = addr,
		.dir = call->held ? DIR_INACTIVE : DIR_SENDRECV,
		.profile = (enum sdp_profile)call->sim->set.sdp_profile,
		.silk = call->sim->set.silk,
		.session = call->session,
	};

	local_addr(call, addr, sizeof(addr));
	media_local(call->media, &local);

	return desc_encode(sdp, &local);
}


/* Our offers have one usable line, tag 3 (see desc_encode) */
static const char *judge_answer(const struct desc *desc)
{
	if (desc->cryptoc != 1)
		return "answer must have exactly one a=crypto line";
	if (strcmp(desc->cryptov[0].suite, "AES_CM_128_HMAC_SHA1_80"))
		return "answer has a suite that was not offered";
	if (desc->cryptov[0].tag != DESC_OFFER_TAG)
		return "answer has another crypto tag than the line without "
		       "MKI";
	if (!desc_was_offered(desc))
		return "answer has a format that was not offered so";

	return NULL;
}


int session_answer_in(struct call *call, const struct sip_msg *msg)
{
	const struct pl body = body_of(msg);
	const char *why = NULL, *fault;
	char text[128];
	struct desc desc;

	if (!is_sdp(msg))
		why = "no application/sdp where the answer belongs";
	else if (desc_decode(&desc, &body, text, sizeof(text)) ||
		 desc_judge(&desc, &fault))
		return EPROTO; /* recorded by conform.c */
	else
		why = judge_answer(&desc);

	if (why) {
		violation(call->sim, "sdp-answer", msg, "%s", why);
		return EPROTO;
	}

	if (call->held && desc.dir != DIR_INACTIVE)
		violation(call->sim, "hold-answer", msg,
			  "answer to a=inactive is a=%s",
			  direction_name(desc.dir));

	if (take(call, &desc, desc_crypto(&desc), msg))
		return EPROTO;

	call->answer_seen = true;

	return 0;
}


void session_update(struct call *call)
{
	const bool connected =
		call->state == CALL_ANSWERED || call->state == CALL_UP;
	const bool early = call->state == CALL_RINGING && call->early_sent &&
			   call->user && call->user->early_media;

	media_send(call->media, (connected || early) && !call->held &&
					!call->held_by_sbc);
}


void session_abilities(struct call *call, const struct sip_msg *msg)
{
	const struct pl allow = msg_value(msg, "Allow");

	if (!pl_isset(&allow))
		return;

	call->replaces = msg_lists(msg, "Supported", "replaces");
	call->allow_refer = msg_lists(msg, "Allow", "REFER");
	call->allow_notify = msg_lists(msg, "Allow", "NOTIFY");
}
