/**
 * @file check_account.c  Registrations: credentials, expiry, two at a time
 */
#include "bridge/model/pbx.h"
#include "bridge/model/tenant.h"
#include "bridge/sip/msg.h"
#include "checks.h"


enum { EXPIRES = 3600, EXPIRES_LEAST = 600, SLACK = 60,
       REGISTER_MS = 10000 };

/** An account, as far as it got */
struct account {
	struct agent *agent;       /* owned */
	const struct user *user;
	char aor[300];
	bool registered;
	uint32_t expires_s;
};


/* Does the PBX only talk to phones that it knows? */


static int register_bare(const struct run *run, const char *user_agent,
			 struct reply *reply)
{
	struct agent_conf conf = {
		.wire = run->wire, .domain = run->conf->pbx->sip_domain,
		.user = user_at(run, 0), .user_agent = user_agent,
	};
	struct agent *agent;
	char to[300];
	int err;

	err = agent_alloc(&agent, &conf);
	if (err)
		return err;

	(void)re_snprintf(to, sizeof(to), "sip:%s@%s",
			  conf.user->sip_username,
			  run->conf->pbx->sip_domain);
	err = agent_ask(agent, &(struct ask){
			.method = "REGISTER", .to = to, .contact = true,
			.head = "Expires: 3600\r\n", .once = true,
			.limit_ms = ANSWER_MS }, reply, NULL);
	mem_deref(agent);

	return err;
}


static bool is_challenge(const struct reply *reply)
{
	return reply->msg && (reply->msg->scode == 401 ||
			      reply->msg->scode == 407);
}


void check_user_agent(struct run *run)
{
	static const char title[] = "The PBX admits this product";
	struct reply ours = {0}, plain = {0};
	char words[128];
	int err;

	if (!run->wire || !user_at(run, 0))
		return;

	err = register_bare(run, own_agent(run), &ours);
	if (!err && is_challenge(&ours)) {
		tell(run, "user-agent", title, VERDICT_PASS, NULL, NULL,
		     "a REGISTER of %s is challenged as it should be",
		     own_agent(run));
		goto out;
	}

	/* without a name at all: filters are lists of what is allowed or of
	   what is not; either way the difference shows */
	err = register_bare(run, NULL, &plain);
	if (!err && is_challenge(&plain))
		tell(run, "user-agent", title, VERDICT_FAIL,
		     "The PBX lets in or keeps out phones by their"
		     " User-Agent: have this one allowed there, or set"
		     " user_agent to one that is.", "pbx.user_agent",
		     "%s gets %s, a phone that tells no name is challenged",
		     own_agent(run), ours.msg ?
		     reply_words(&ours, words, sizeof(words)) : "no answer");
	else if (ours.msg)
		tell(run, "user-agent", title, VERDICT_INFO, NULL, NULL,
		     "a REGISTER without credentials gets %s",
		     reply_words(&ours, words, sizeof(words)));
 out:
	reply_clear(&ours);
	reply_clear(&plain);
}


/* Registering */


static int register_for(struct account *acc, unsigned expires,
			struct reply *reply)
{
	char head[64];

	(void)re_snprintf(head, sizeof(head), "Expires: %u\r\n", expires);

	return agent_ask(acc->agent, &(struct ask){
			 .method = "REGISTER", .to = acc->aor,
			 .contact = true, .head = head,
			 .limit_ms = REGISTER_MS }, reply, NULL);
}


/** Seconds that a 200 grants to our Contact; the Expires header as a
    fallback, as RFC 3261 section 10.2.4 has it */
static uint32_t granted(const struct account *acc, const struct reply *reply,
			bool *listed)
{
	uint32_t expires = 0;
	char mine[200];
	struct le *le;

	*listed = false;
	(void)re_snprintf(mine, sizeof(mine), "%s@%J", agent_user(acc->agent),
			  wire_laddr(agent_wire(acc->agent)));
	(void)msg_hdr_uint(reply->msg, SIP_HDR_EXPIRES, &expires);

	LIST_FOREACH(&reply->msg->hdrl, le) {
		const struct sip_hdr *hdr = le->data;
		struct pl value;

		if (hdr->id != SIP_HDR_CONTACT)
			continue;

		if (!memmem(hdr->val.p, hdr->val.l, mine, strlen(mine)))
			continue;

		*listed = true;
		if (!msg_param_decode(&hdr->val, "expires", &value))
			expires = pl_u32(&value);
	}

	return expires;
}


static const char *refusal_advice(unsigned scode, const struct user *user)
{
	switch (scode) {

	case 401:
	case 407:
		return str_isset(user->sip_auth_username) ?
			"Wrong password or auth username, or the SIP domain"
			" is another. Do not try often: the PBX may ban this"
			" address." :
			"Wrong password; or the PBX wants an auth username"
			" that differs from the SIP username, or the SIP"
			" domain is another. Do not try often: the PBX may"
			" ban this address.";
	case 403:
		return "Credentials are refused, or the PBX keeps phones from"
			" outside away, has no licence left, or only admits"
			" certain phones.";
	case 404:
		return "The PBX does not know that user or that domain: check"
			" the SIP username and the SIP domain.";
	case 503:
		return "The PBX is overloaded, or has no licence left.";
	default:
		return "The PBX's own words tell more; its log has the rest.";
	}
}


static void judge_refusal(struct run *run, const struct account *acc,
			  const struct reply *reply, int err)
{
	char words[160] = "no answer";

	if (!err)
		(void)reply_words(reply, words, sizeof(words));

	tell(run, "register", "Registration", VERDICT_FAIL,
	     err ? "The PBX answers OPTIONS and not REGISTER: a firewall that"
	     " reads SIP, or registration is off there." :
	     refusal_advice(reply->msg->scode, acc->user),
	     err ? "pbx.protocol" : "user.sip_password", "%s: %s",
	     acc->user->sip_username, words);
}


static void judge_expiry(struct run *run, const struct account *acc)
{
	if (acc->expires_s < EXPIRES_LEAST)
		tell(run, "expiry", "Time between registrations",
		     VERDICT_WARN, "Raise the longest registration time in"
		     " the PBX: 3600 s is recommended, below 600 s the PBX"
		     " works hard for nothing and a short outage loses"
		     " calls.", "pbx.registration.expires",
		     "asked for %d s, granted %u s", EXPIRES,
		     acc->expires_s);
	else
		tell(run, "expiry", "Time between registrations",
		     VERDICT_PASS, acc->expires_s < EXPIRES - SLACK ?
		     "3600 s is recommended." : NULL, NULL,
		     "asked for %d s, granted %u s", EXPIRES,
		     acc->expires_s);
}


static void judge_contact(struct run *run, const struct reply *reply)
{
	char contact[200];

	(void)reply_value(reply, SIP_HDR_CONTACT, contact, sizeof(contact));
	tell(run, "contact", "Our address in the PBX", VERDICT_INFO,
	     run->behind_nat ? NULL : "The PBX, or a router on the way,"
	     " rewrites the address of its phones. Calls to the users have to"
	     " arrive all the same; the call check tells.", NULL,
	     "the PBX lists %s, not what was sent",
	     *contact ? contact : "nothing");
}


static void account_try(struct run *run, struct account *acc)
{
	const struct agent_conf conf = {
		.wire = run->wire, .domain = run->conf->pbx->sip_domain,
		.user = acc->user, .user_agent = own_agent(run),
	};
	struct reply reply = {0};
	bool listed;
	int err;

	(void)re_snprintf(acc->aor, sizeof(acc->aor), "sip:%s@%s",
			  acc->user->sip_username,
			  run->conf->pbx->sip_domain);
	if (agent_alloc(&acc->agent, &conf))
		return;

	err = register_for(acc, EXPIRES, &reply);
	if (!err && reply.msg->scode == 423) {
		uint32_t min = 0;

		(void)msg_hdr_uint(reply.msg, SIP_HDR_MIN_EXPIRES, &min);
		reply_clear(&reply);
		err = register_for(acc, min > EXPIRES ? min : EXPIRES,
				   &reply);
	}

	if (err || reply.msg->scode >= 300) {
		judge_refusal(run, acc, &reply, err);
	}
	else {
		acc->registered = true;
		acc->expires_s  = granted(acc, &reply, &listed);
		tell(run, "register", "Registration", VERDICT_PASS, NULL,
		     NULL, "%s is registered, %u ms",
		     acc->user->sip_username, reply.rtt_ms);
		if (!listed)
			judge_contact(run, &reply);
	}

	reply_clear(&reply);
}


/** The first must still be there when the second has come from the same
    address and port: ask the PBX for its bindings */
static void judge_two(struct run *run, struct account *accv)
{
	struct reply reply = {0};
	bool listed = false;
	int err;

	err = agent_ask(accv[0].agent, &(struct ask){
			.method = "REGISTER", .to = accv[0].aor,
			.limit_ms = ANSWER_MS }, &reply, NULL);
	if (!err && reply.msg->scode < 300)
		(void)granted(&accv[0], &reply, &listed);

	if (!accv[1].registered)
		tell(run, "two-users", "Two users from one address",
		     VERDICT_FAIL, "The PBX tells its phones by address and"
		     " port: give each user a port of its own.",
		     "pbx.contact.port", "the first is registered, the second"
		     " is refused");
	else if (err || reply.msg->scode >= 300)
		tell(run, "two-users", "Two users from one address",
		     VERDICT_INFO, NULL, NULL, "both are registered; the PBX"
		     " does not tell its bindings");
	else if (!listed)
		tell(run, "two-users", "Two users from one address",
		     VERDICT_WARN, "If calls to the first user do not arrive:"
		     " give each user a port of its own.",
		     "pbx.contact.port", "both are registered; the first is"
		     " no longer listed as we sent it");
	else
		tell(run, "two-users", "Two users from one address",
		     VERDICT_PASS, NULL, NULL,
		     "both stay registered from %J",
		     wire_laddr(run->wire));

	reply_clear(&reply);
}


static void account_leave(struct account *acc)
{
	struct reply reply = {0};

	if (acc->registered)
		(void)register_for(acc, 0, &reply);

	reply_clear(&reply);
	acc->agent = mem_deref(acc->agent);
}


void check_accounts(struct run *run)
{
	struct account accv[READINESS_USERS];
	size_t c = 0;

	memset(accv, 0, sizeof(accv));

	if (!run->wire)
		return;

	while (c < READINESS_USERS && user_at(run, c)) {
		accv[c].user = user_at(run, c);
		account_try(run, &accv[c]);
		++c;

		/* a second wrong password is a second step to a ban */
		if (!accv[c - 1].registered)
			break;
	}

	if (!c) {
		tell(run, "register", "Registration", VERDICT_SKIP,
		     "Make two extensions for generic SIP phones in the PBX"
		     " and run this again with them.", NULL, "no account was"
		     " given");
		return;
	}

	if (accv[0].registered)
		judge_expiry(run, &accv[0]);
	if (c > 1 && accv[0].registered)
		judge_two(run, accv);
	if (accv[0].registered && (accv[1].registered || run->conf->call))
		check_call(run, accv[0].agent, accv[1].registered ?
			   accv[1].agent : NULL);
	else if (accv[0].registered)
		tell(run, "call", "A call", VERDICT_SKIP,
		     "Give a second account, or a number to call: some PBXs"
		     " take a licence for calls only.", NULL,
		     "only one account was given");

	while (c--)
		account_leave(&accv[c]);
}
