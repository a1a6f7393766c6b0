/**
 * @file check_path.c  What lies between us and the PBX: NAT, ALG, fragments
 */
#include "bridge/model/pbx.h"
#include "bridge/sip/msg.h"
#include "checks.h"


enum { TRIES = 3, TRY_MS = 1200, ETHERNET = 1500 };


static int agent_on(struct agent **agentp, const struct run *run,
		    struct wire *wire)
{
	const struct agent_conf conf = {
		.wire = wire, .domain = run->conf->pbx->sip_domain,
		.user_agent = own_agent(run),
	};

	return agent_alloc(agentp, &conf);
}


/* SIP ALG and NAT */


static const char alg_advice[] =
	"A router on the way reads and rewrites SIP (SIP ALG, helper,"
	" inspection, fixup). Switch that off in the router; else use tls,"
	" which it cannot read; else another port at the PBX.";


/** Is what another transport shows untouched? Tells an ALG from a PBX with
    habits of its own */
static const char *elsewhere(const struct run *run)
{
	for (int tp = SIP_TRANSP_UDP; tp <= SIP_TRANSP_TLS; tp++) {
		const struct ask ask = { .method = "OPTIONS", .contact = true,
					 .limit_ms = TRY_MS };
		struct reply reply = {0};
		struct agent *agent = NULL;
		struct wire *wire = NULL;
		const char *text = NULL;
		char why[64];

		if (tp == (int)run->tp || !run->wayv[tp].reached ||
		    way_open(&wire, run, (enum sip_transp)tp, why,
			     sizeof(why), NULL))
			continue;

		if (!agent_on(&agent, run, wire) &&
		    !agent_ask(agent, &ask, &reply, NULL))
			text = *agent_echo(agent) ?
				"; the same by another protocol" :
				"; untouched by another protocol";

		reply_clear(&reply);
		mem_deref(agent);
		mem_deref(wire);
		if (text)
			return text;
	}

	return "";
}


static void judge_nat(struct run *run, const struct reply *reply)
{
	const struct sa *ours = wire_laddr(run->wire);
	struct sa seen;

	if (!agent_seen_as(reply, &seen)) {
		tell(run, "nat", "Our address, as the PBX sees it",
		     VERDICT_INFO, NULL, NULL,
		     "it does not say (no rport in its answer)");
		return;
	}

	run->behind_nat = !sa_cmp(ours, &seen, SA_ADDR);
	if (!run->behind_nat && sa_port(ours) == sa_port(&seen))
		tell(run, "nat", "Our address, as the PBX sees it",
		     VERDICT_PASS, NULL, NULL, "%J, as it is", &seen);
	else
		tell(run, "nat", "Our address, as the PBX sees it",
		     VERDICT_INFO,
		     "This machine is behind NAT: set sip.public_address on"
		     " the service, or run it with a public address.",
		     "node.sip.public_address", "%J, and we are %J", &seen,
		     ours);
}


void check_echo(struct run *run)
{
	const struct ask ask = { .method = "OPTIONS", .contact = true,
				 .limit_ms = ANSWER_MS };
	struct reply reply = {0};
	struct agent *agent = NULL;

	if (!run->wire || agent_on(&agent, run, run->wire))
		return;

	if (!agent_ask(agent, &ask, &reply, NULL)) {
		if (*agent_echo(agent))
			tell(run, "alg", "Nobody rewrites SIP on the way",
			     VERDICT_FAIL, alg_advice, "pbx.protocol", "%s%s",
			     agent_echo(agent), elsewhere(run));
		else
			tell(run, "alg", "Nobody rewrites SIP on the way",
			     VERDICT_PASS, NULL, NULL,
			     "Via, Call-ID and tags came back as sent");

		judge_nat(run, &reply);
	}

	reply_clear(&reply);
	mem_deref(agent);
}


/* Fragments */


/** @return true if that size is answered */
static bool answered(struct agent *agent, unsigned size, bool echoed)
{
	for (int i = 0; i < TRIES; i++) {
		const struct ask ask = {
			.method = "OPTIONS", .contact = true, .pad = size,
			.pad_echoed = echoed, .limit_ms = TRY_MS,
		};
		struct reply reply = {0};
		const int err = agent_ask(agent, &ask, &reply, NULL);

		/* 513: it came, and is too large for the PBX itself */
		const bool came = !err && reply.msg->scode != 513;

		reply_clear(&reply);
		if (came)
			return true;
		if (err && err != ETIMEDOUT)
			return false;
	}

	return false;
}


static const unsigned sizev[] = { 1200, 1300, 1400, 1460, 1600, 2000, 2400 };

enum { SIZES = sizeof(sizev) / sizeof(sizev[0]) };


/** Largest step of the ladder that is answered, 0 none */
static unsigned climb(struct run *run, struct agent *agent, bool echoed)
{
	unsigned best = 0;

	for (size_t i = 0; i < SIZES; i++) {
		if (run->conf->stop && *run->conf->stop)
			break;

		if (!answered(agent, sizev[i], echoed))
			break;
		best = sizev[i];
	}

	return best;
}


static const char fragments_advice[] =
	"Large messages are lost: a router or firewall drops fragments of"
	" UDP. Registrations work, calls time out. Use tcp or tls. (A PBX in"
	" Azure never gets fragments.)";


void check_fragments(struct run *run)
{
	const enum verdict bad = run->tp == SIP_TRANSP_UDP ? VERDICT_FAIL :
		VERDICT_INFO;
	const unsigned top = sizev[SIZES - 1];
	struct agent *agent = NULL;
	struct wire *wire = NULL;
	unsigned there, back, mtu;
	char why[128];

	if (!run->wayv[SIP_TRANSP_UDP].reached)
		return;

	if (way_open(&wire, run, SIP_TRANSP_UDP, why, sizeof(why), NULL) ||
	    agent_on(&agent, run, wire))
		goto out;

	mtu   = wire_mtu(wire);
	there = climb(run, agent, false);
	back  = there < top ? 0 : climb(run, agent, true);

	if (there < top)
		tell(run, "fragments", "Large messages by UDP", bad,
		     fragments_advice, "pbx.protocol", "to the PBX: up to %u"
		     " octets are answered, %u are not", there,
		     there < 1200 ? 1200 : sizev[SIZES - 1]);
	else if (back < top)
		tell(run, "fragments", "Large messages by UDP", bad,
		     fragments_advice, "pbx.protocol", "to the PBX all sizes"
		     " up to %u octets pass; from the PBX answers of up to %u"
		     " arrive, larger ones do not", top, back);
	else
		tell(run, "fragments", "Large messages by UDP", VERDICT_PASS,
		     NULL, NULL, "up to %u octets both ways%s", top,
		     mtu > ETHERNET ? ", but the way out of this machine"
		     " takes them whole: try from where the service will run"
		     : "");
 out:
	mem_deref(agent);
	mem_deref(wire);
}
