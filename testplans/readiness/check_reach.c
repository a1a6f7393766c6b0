/**
 * @file check_reach.c  Does the PBX answer, by which transport, and how soon
 *
 * OPTIONS (RFC 3261 section 11): any answer will do, also a refusal.
 */
#include "bridge/model/pbx.h"
#include "checks.h"

#include <math.h>
#include <openssl/x509_vfy.h>
#include <time.h>


enum { PROBES = 5, DAY_S = 86400, WARN_DAYS = 30, SLOW_MS = 150 };


static const char *name_of(enum sip_transp tp)
{
	return sip_transp_name(tp);
}


/** @return 0 it answered. The wire stays open where it is wanted */
static int options(struct run *run, enum sip_transp tp, struct wire **wirep,
		   char *words, size_t size)
{
	struct agent_conf conf = {
		.domain = run->conf->pbx->sip_domain,
		.user_agent = own_agent(run),
	};
	const struct ask ask = { .method = "OPTIONS", .contact = true,
				 .limit_ms = ANSWER_MS };
	struct reply reply = {0};
	struct agent *agent = NULL;
	int err;

	err = way_open(&conf.wire, run, tp, words, size, NULL);
	if (err)
		return err;

	err = agent_alloc(&agent, &conf);
	if (!err) {
		err = agent_ask(agent, &ask, &reply, NULL);
		if (err)
			(void)re_snprintf(words, size, err == ETIMEDOUT ?
					  "no answer" : "%m", err);
	}

	if (!err) {
		(void)reply_words(&reply, words, size);
		if (!*run->server)
			(void)reply_value(&reply, SIP_HDR_SERVER, run->server,
					  sizeof(run->server));
		if (!*run->server)
			(void)reply_value(&reply, SIP_HDR_USER_AGENT,
					  run->server, sizeof(run->server));
		if (wirep)
			*wirep = mem_ref(conf.wire);
	}

	reply_clear(&reply);
	mem_deref(agent);
	mem_deref(conf.wire);

	return err;
}


/** Several in a row: how long, how even, how many are lost */
static void latency(struct run *run)
{
	const struct agent_conf conf = {
		.wire = run->wire, .domain = run->conf->pbx->sip_domain,
		.user_agent = own_agent(run),
	};
	double sum = 0, square = 0, mean, jitter;
	unsigned answers = 0, repeats = 0;
	struct agent *agent;

	if (agent_alloc(&agent, &conf))
		return;

	for (int i = 0; i < PROBES; i++) {
		const struct ask ask = { .method = "OPTIONS", .contact = true,
					 .limit_ms = ANSWER_MS };
		struct reply reply = {0};

		if (!agent_ask(agent, &ask, &reply, NULL)) {
			const double ms = reply.sent == 1 ? reply.rtt_ms : 0;

			++answers;
			repeats += reply.sent - 1;
			sum += ms;
			square += ms * ms;
		}
		reply_clear(&reply);
	}

	mem_deref(agent);

	mean   = answers ? sum / answers : 0;
	jitter = answers ? sqrt(fmax(0, square / answers - mean * mean)) : 0;

	if (answers < PROBES || repeats)
		tell(run, "latency", "Way to the PBX", VERDICT_WARN,
		     "Messages are lost on the way; voice will be too. Look"
		     " at the PBX's Internet line and its load.", NULL,
		     "%u of %u answered, %u had to be repeated", answers,
		     PROBES, repeats);
	else
		tell(run, "latency", "Way to the PBX",
		     mean > SLOW_MS ? VERDICT_WARN : VERDICT_PASS,
		     mean > SLOW_MS ? "Far away: people will talk over one"
		     " another. Run the service nearer to the PBX." : NULL,
		     NULL, "round trip %u ms, jitter %u ms, %u of %u"
		     " answered", (unsigned)lround(mean),
		     (unsigned)lround(jitter), answers, PROBES);
}


static const char *silence_advice(enum sip_transp tp)
{
	if (tp == SIP_TRANSP_UDP)
		return "Silence: a firewall, a wrong port, or the PBX does"
			" not know this address. Allow it and the service's"
			" address in the firewall and in the PBX's own access"
			" list; was this address banned for wrong passwords?";

	return "Nobody listens or a firewall is in between: switch that"
		" protocol on in the PBX, open its port, and look at the"
		" port in the SIP proxy.";
}


/** The other transports are worth knowing, no more */
static void others(struct run *run)
{
	char text[160] = "";
	size_t l = 0;

	for (int tp = SIP_TRANSP_UDP; tp <= SIP_TRANSP_TLS; tp++) {
		struct way *way = &run->wayv[tp];
		char words[128];

		if (tp == (int)run->tp || !way->known ||
		    options(run, (enum sip_transp)tp, NULL, words,
			    sizeof(words)))
			continue;

		way->reached = true;
		l += (size_t)re_snprintf(text + l, sizeof(text) - l,
					 "%s%s at %J", l ? ", " : "",
					 name_of((enum sip_transp)tp),
					 &way->addr);
	}

	tell(run, "transports", "Other protocols", VERDICT_INFO, NULL, NULL,
	     "%s", l ? text : "none answers");
}


void check_reach(struct run *run)
{
	char words[128] = "";
	int err;

	if (!run->wayv[run->tp].known)
		return;

	err = options(run, run->tp, &run->wire, words, sizeof(words));
	if (err) {
		tell(run, "reach", "The PBX answers", VERDICT_FAIL,
		     silence_advice(run->tp), "pbx.protocol",
		     "%s by %s: %s", name_of(run->tp), "OPTIONS", words);
	}
	else {
		run->wayv[run->tp].reached = true;
		tell(run, "reach", "The PBX answers", VERDICT_PASS, NULL,
		     NULL, "by %s at %J: %s%s%s", name_of(run->tp),
		     &run->wayv[run->tp].addr, words,
		     *run->server ? ", it calls itself " : "", run->server);
		latency(run);
	}

	others(run);
}


/* TLS */


/** What is wrong with a chain, in the order in which to mend it */
static const char *chain_fault(const struct wire_tls *tls, int64_t now_s,
			       const char **advice)
{
	if (tls->ends_s && tls->ends_s <= now_s) {
		*advice = "Renew the certificate on the PBX, and see to it"
			" that somebody does so each time.";
		return "it has expired";
	}

	if (tls->begins_s > now_s) {
		*advice = "Set the clock of the PBX, or of this machine.";
		return "it is not valid yet";
	}

	if (tls->self_signed) {
		*advice = "Install a certificate of a public authority on the"
			" PBX; or name the PBX's own as tls.ca_file.";
		return "it is self-signed";
	}

	if (!tls->name_good) {
		*advice = "The certificate must bear the name by which the"
			" PBX is reached: correct the SIP domain or proxy,"
			" or have the certificate made for this name.";
		return "it is for another name";
	}

	if (tls->verify == X509_V_OK)
		return NULL;

	if (tls->chainc < 2) {
		*advice = "The PBX sends its certificate alone. Install the"
			" intermediate certificates of its authority on the"
			" PBX; or name that authority as tls.ca_file.";
		return "intermediate certificates are missing";
	}

	*advice = "Nobody here trusts that authority: use one that is public,"
		" or name it as tls.ca_file.";

	return "its authority is not trusted";
}


void check_tls(struct run *run)
{
	const enum verdict bad = run->tp == SIP_TRANSP_TLS ? VERDICT_FAIL :
		VERDICT_INFO;
	const int64_t now_s = (int64_t)time(NULL);
	const char *advice = NULL, *fault;
	struct wire_tls tls = {0};
	struct wire *wire = NULL;
	char why[128];
	int64_t days;

	if (run->tp != SIP_TRANSP_TLS && !run->wayv[SIP_TRANSP_TLS].reached)
		return;

	if (way_open(&wire, run, SIP_TRANSP_TLS, why, sizeof(why), &tls)) {
		tell(run, "tls", "Certificate of the PBX", bad,
		     "The PBX must speak TLS 1.2 or 1.3 there.",
		     "pbx.protocol", "%s", why);
		return;
	}
	mem_deref(wire);

	days  = (tls.ends_s - now_s) / DAY_S;
	fault = chain_fault(&tls, now_s, &advice);

	if (fault)
		tell(run, "tls", "Certificate of the PBX", bad, advice,
		     "pbx.tls", "%s: subject %s, names %s, issued by %s, ends"
		     " in %lld days, %u sent, %s %s", fault, tls.subject,
		     *tls.names ? tls.names : "none", tls.issuer,
		     (long long)days, tls.chainc, tls.protocol, tls.cipher);
	else
		tell(run, "tls", "Certificate of the PBX",
		     days < WARN_DAYS ? VERDICT_WARN : VERDICT_PASS,
		     days < WARN_DAYS ? "It ends soon: renew it." : NULL,
		     NULL, "good for %s, issued by %s, ends in %lld days,"
		     " %s %s", run->wayv[SIP_TRANSP_TLS].host, tls.issuer,
		     (long long)days, tls.protocol, tls.cipher);
}
