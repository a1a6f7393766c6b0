/**
 * @file check_call.c  A call through the PBX, with both ends here
 *
 * Some PBXs take a licence for calls and not for registrations, and many
 * deliver no call to a phone whose registration looks perfect. The first
 * account calls the second; each speaks a tone and listens for the other's.
 */
#include "bridge/model/pbx.h"
#include "bridge/sip/desc.h"
#include "bridge/sip/msg.h"
#include "checks.h"
#include "ear.h"


enum { RING_MS = 12000, TALK_MS = 2500, ROUTES = 700 };

/** The dialog of the caller */
struct dialog_facts {
	char target[300], totag[128], routes[ROUTES];
};

struct talk {
	struct run *run;
	struct agent *caller, *callee;
	struct ear *a, *b;         /* of the caller, of the callee */
	struct desc offer;         /* what the PBX offered the callee */
	bool rang, acked, ended;
	bool private;              /* media from an address of a private net */
};

static const char title[] = "A call through the PBX";


static int offer_write(char *buf, size_t size, const struct sa *sa,
		       bool full)
{
	const char *net = sa_af(sa) == AF_INET ? "IP4" : "IP6";

	/* many codecs, as a phone has by default: the INVITE grows large */
	return re_snprintf(buf, size, "v=0\r\no=- 1 1 IN %s %j\r\ns=-\r\n"
			   "c=IN %s %j\r\nt=0 0\r\n"
			   "m=audio %u RTP/AVP 8 0%s 101\r\n"
			   "a=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n"
			   "%sa=rtpmap:101 telephone-event/8000\r\n"
			   "a=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n",
			   net, sa, net, sa, sa_port(sa),
			   full ? " 9 18" : "", full ?
			   "a=rtpmap:9 G722/8000\r\na=rtpmap:18 G729/8000\r\n"
			   "a=fmtp:18 annexb=no\r\n" : "") < 0 ? ENOMEM : 0;
}


/** What a description says for our ear. @return false if it is of no use */
static bool description_take(struct talk *talk, struct ear *ear,
			     const struct sip_msg *msg, struct desc *desc)
{
	struct pl body;

	if (msg_body(msg, "application", "sdp", &body) ||
	    desc_decode(desc, &body) || !sa_port(&desc->rtp) ||
	    !desc->formatc)
		return false;

	if (is_private(&desc->rtp) &&
	    !is_private(&talk->run->wayv[talk->run->tp].addr))
		talk->private = true;

	if (!desc_format_pt(desc, 8) && !desc_format_pt(desc, 0))
		return false;

	if (ear)
		ear_peer_set(ear, &desc->rtp, desc_format_pt(desc, 8) &&
			     (!desc_format_pt(desc, 0) ||
			      desc->formatv[0].pt == 8) ? 8 : 0);

	return true;
}


/** The callee's side: ring, answer, end */
static void invited(struct talk *talk, const struct sip_msg *msg)
{
	struct agent *agent = talk->callee;
	struct desc desc;
	char sdp[640];

	talk->rang = true;

	if (!description_take(talk, talk->b, msg, &desc)) {
		talk->offer = desc;
		(void)agent_answer(agent, msg, 488, "Not Acceptable Here",
				   agent_tag(agent), NULL, NULL);
		return;
	}

	talk->offer = desc;
	if (offer_write(sdp, sizeof(sdp), ear_laddr(talk->b), false))
		return;

	if (!pl_isset(&msg->to.tag))
		(void)agent_answer(agent, msg, 180, "Ringing",
				   agent_tag(agent), NULL, NULL);
	(void)agent_answer(agent, msg, 200, NULL, agent_tag(agent),
			   "application/sdp", sdp);
}


static void incoming_h(const struct sip_msg *msg, void *arg)
{
	struct talk *talk = arg;
	struct agent *agent = talk->callee ? talk->callee : talk->caller;

	if (!pl_strcmp(&msg->met, "ACK")) {
		talk->acked = true;
		return;
	}

	if (!pl_strcmp(&msg->met, "INVITE") && talk->callee) {
		invited(talk, msg);
		return;
	}

	if (!pl_strcmp(&msg->met, "BYE"))
		talk->ended = true;

	(void)agent_answer(agent, msg, !pl_strcmp(&msg->met, "INVITE") ?
			   488 : 200, NULL, agent_tag(agent), NULL, NULL);
}


/** Where requests within the call go: Contact, and Record-Route backwards */
static void facts_take(struct dialog_facts *facts, const struct sip_msg *msg,
		       const char *target)
{
	struct pl contact = msg_hdr_value(msg, SIP_HDR_CONTACT);
	struct pl dname, uri, params;
	struct le *le;

	str_ncpy(facts->target, target, sizeof(facts->target));
	if (!msg_nameaddr(&contact, &dname, &uri, &params))
		(void)pl_strcpy(&uri, facts->target, sizeof(facts->target));
	(void)pl_strcpy(&msg->to.tag, facts->totag, sizeof(facts->totag));

	*facts->routes = '\0';
	for (le = list_tail(&msg->hdrl); le; le = le->prev) {
		const struct sip_hdr *hdr = le->data;
		const size_t l = strlen(facts->routes);

		if (hdr->id == SIP_HDR_RECORD_ROUTE)
			(void)re_snprintf(facts->routes + l, ROUTES - l,
					  "Route: %r\r\n", &hdr->val);
	}
}


static const char *call_advice(const struct talk *talk, int err,
			       unsigned scode)
{
	if (talk->callee && !talk->rang && (err || scode == 408 ||
					    scode == 480 || scode == 503))
		return "The call does not come back to the second phone,"
			" though it is registered: look at NAT and the"
			" firewall of the PBX, at its licences, and at the"
			" contact settings.";
	if (err)
		return "REGISTER is answered and INVITE is not: it is larger."
			" Fragments of UDP may be dropped (see above), or a"
			" firewall reads SIP.";

	switch (scode) {

	case 401:
	case 407:
		return "The PBX takes the credentials for registering and not"
			" for calling: look at the extension's rights.";
	case 402:
	case 403:
		return "Not allowed: the extension's rights, or a licence"
			" that is taken by calls.";
	case 404:
	case 484:
		return "The PBX does not know that number: check the dial"
			" plan, or name another by --call.";
	case 488:
	case 606:
		return "Nothing in common: codecs (G.711 at least), or the"
			" PBX demands encrypted media: set encrypt_media.";
	case 503:
		return "No line or licence is free.";
	default:
		return "The PBX's own words tell more; its log has the rest.";
	}
}


static void ear_judge(const struct talk *talk, const struct ear *ear,
		      const char *who, bool wants_tone)
{
	struct heard heard;

	ear_heard(ear, &heard);

	if (!heard.packets)
		tell(talk->run, "media", "Voice", VERDICT_FAIL,
		     talk->private ? "The PBX names an address of a private"
		     " network for its voice: set its external or public"
		     " address." : "No voice arrives: open the PBX's media"
		     " ports (UDP) in its firewall for any source, and look"
		     " at its external address.", "pbx.media.nat",
		     "%s hears nothing", who);
	else if (wants_tone && !heard.tone)
		tell(talk->run, "media", "Voice", VERDICT_FAIL,
		     "Packets arrive without the sound that was sent: voice"
		     " flows one way only, or goes somewhere else.", NULL,
		     "%s gets %u packets from %J, and not the other's tone",
		     who, heard.packets, &heard.from);
	else
		tell(talk->run, "media", "Voice", heard.lost ? VERDICT_WARN :
		     VERDICT_PASS, heard.lost ? "Voice packets are lost on"
		     " the way: look at the PBX's Internet line." : NULL,
		     NULL, "%s hears %s: %u packets of %u octets from %J, %s"
		     " its description says, %u lost", who,
		     wants_tone ? "the other" : "sound", heard.packets,
		     heard.payload, &heard.from, heard.symmetric ? "where" :
		     "not where", heard.lost);
}


static void codecs_tell(const struct talk *talk)
{
	const struct desc *desc = &talk->offer;
	char text[240] = "";
	size_t l = 0;

	for (size_t i = 0; i < desc->formatc && l < sizeof(text) - 40; i++)
		l += (size_t)re_snprintf(text + l, sizeof(text) - l, "%s%s",
					 i ? ", " : "",
					 desc->formatv[i].name);

	tell(talk->run, "codecs", "What the PBX offers", VERDICT_INFO, NULL,
	     NULL, "%s; %s; voice at %J", l ? text : "no codec",
	     desc->secure || desc->cryptoc ? "encrypted (SRTP)" :
	     "not encrypted", &desc->rtp);
}


static void private_tell(const struct talk *talk)
{
	if (talk->private)
		tell(talk->run, "address", "Address of the PBX's voice",
		     VERDICT_FAIL, "The PBX tells an address of its private"
		     " network: set its external or public address, and let"
		     " it use that for phones outside.", "pbx.media.nat",
		     "the description names a private address");
}


static void answered(struct talk *talk, const struct sip_msg *msg,
		     const char *target)
{
	struct dialog_facts facts;
	struct reply reply = {0};
	struct desc desc;
	bool usable;

	facts_take(&facts, msg, target);
	usable = description_take(talk, talk->a, msg, &desc);

	(void)agent_tell(talk->caller, &(struct ask){
			 .method = "ACK", .target = facts.target,
			 .to = target, .totag = facts.totag,
			 .head = facts.routes, .contact = true });

	/* the callee's ACK, and a re-INVITE that many PBXs send at once */
	(void)agent_serve(talk->caller, 400, NULL);
	ears_talk(talk->a, talk->b, TALK_MS);
	(void)agent_serve(talk->caller, 50, NULL);

	(void)agent_ask(talk->caller, &(struct ask){
			.method = "BYE", .target = facts.target,
			.to = target, .totag = facts.totag,
			.head = facts.routes, .contact = true,
			.limit_ms = ANSWER_MS }, &reply, NULL);
	reply_clear(&reply);
	if (talk->callee && !talk->ended)
		(void)agent_serve(talk->caller, ANSWER_MS, &talk->ended);

	tell(talk->run, "call", title, VERDICT_PASS, NULL, NULL,
	     "answered%s", talk->rang ? ", and the second phone rang" : "");
	if (talk->rang)
		codecs_tell(talk);
	private_tell(talk);
	if (!usable)
		return;

	ear_judge(talk, talk->a, "the caller", talk->callee != NULL);
	if (talk->b && talk->rang)
		ear_judge(talk, talk->b, "the called one", true);
}


static void call_try(struct talk *talk, const char *target)
{
	struct reply reply = {0};
	char sdp[640], words[160] = "no answer";
	const struct ask ask = {
		.method = "INVITE", .target = target, .contact = true,
		.head = "Allow: INVITE, ACK, BYE, CANCEL, OPTIONS\r\n",
		.ctype = "application/sdp", .body = sdp,
		.limit_ms = RING_MS,
	};
	int err;

	if (offer_write(sdp, sizeof(sdp), ear_laddr(talk->a), true))
		return;

	err = agent_ask(talk->caller, &ask, &reply, NULL);
	if (!err && reply.msg->scode < 300) {
		answered(talk, reply.msg, target);
	}
	else if (err == ETIMEDOUT && reply.provisional >= 180) {
		agent_cancel(talk->caller, &ask, &reply);
		tell(talk->run, "call", title, talk->callee ? VERDICT_FAIL :
		     VERDICT_INFO, talk->callee ?
		     call_advice(talk, err, 0) : NULL, NULL,
		     "%s rings and nobody answers", target);
	}
	else {
		if (err == ETIMEDOUT)
			agent_cancel(talk->caller, &ask, &reply);
		if (!err)
			(void)reply_words(&reply, words, sizeof(words));
		tell(talk->run, "call", title, VERDICT_FAIL,
		     call_advice(talk, err, err ? 0 : reply.msg->scode),
		     NULL, "%s: %s", target, words);
		if (talk->rang)
			codecs_tell(talk);
	}

	reply_clear(&reply);
}


void check_call(struct run *run, struct agent *caller, struct agent *callee)
{
	struct talk talk = { .run = run, .caller = caller };
	const struct sa *laddr = wire_laddr(run->wire);
	char target[300];

	if (run->conf->pbx->encrypt_media) {
		tell(run, "call", title, VERDICT_SKIP, NULL, NULL,
		     "encrypted voice is for the test plans: callbridge test"
		     " run confidence");
		return;
	}

	if (!run->conf->call)
		talk.callee = callee;

	(void)re_snprintf(target, sizeof(target), "sip:%s@%s",
			  run->conf->call ? run->conf->call :
			  agent_user(callee), run->conf->pbx->sip_domain);

	if (ear_alloc(&talk.a, laddr, 700, 1100) ||
	    ear_alloc(&talk.b, laddr, 1100, 700)) {
		tell(run, "call", title, VERDICT_SKIP, NULL, NULL,
		     "no socket for the voice");
		goto out;
	}

	agent_handler_set(caller, incoming_h, &talk);
	if (callee)
		agent_handler_set(callee, incoming_h, &talk);

	call_try(&talk, target);

	agent_handler_set(caller, NULL, NULL);
	if (callee)
		agent_handler_set(callee, NULL, NULL);
 out:
	mem_deref(talk.a);
	mem_deref(talk.b);
}
