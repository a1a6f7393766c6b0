/**
 * @file readiness.c  The checks in their order
 */
#include "bridge/model/pbx.h"
#include "bridge/model/tenant.h"
#include "checks.h"


const char *verdict_name(enum verdict verdict)
{
	static const char *const namev[] = {
		[VERDICT_PASS] = "pass", [VERDICT_INFO] = "info",
		[VERDICT_WARN] = "warn", [VERDICT_FAIL] = "fail",
		[VERDICT_SKIP] = "skip",
	};

	return namev[verdict];
}


void tell(const struct run *run, const char *check, const char *title,
	  enum verdict verdict, const char *advice, const char *field,
	  const char *fmt, ...)
{
	struct finding finding = {
		.check = check, .title = title, .verdict = verdict,
		.advice = advice, .field = field,
	};
	va_list ap;

	va_start(ap, fmt);
	(void)re_vsnprintf(finding.evidence, sizeof(finding.evidence), fmt,
			   ap);
	va_end(ap);

	run->h(&finding, run->arg);
}


bool is_private(const struct sa *sa)
{
	const uint32_t in = sa_in(sa);

	if (sa_af(sa) == AF_INET)
		return in >> 24 == 10 || in >> 20 == 0xac1 ||
			in >> 16 == 0xc0a8 || in >> 16 == 0xa9fe ||
			in >> 22 == 0x191;

	return (sa->u.in6.sin6_addr.s6_addr[0] & 0xfe) == 0xfc ||
		sa_is_linklocal(sa);
}


const char *own_agent(const struct run *run)
{
	return str_isset(run->conf->pbx->user_agent) ?
		run->conf->pbx->user_agent :
		"Callbridge/" CALLBRIDGE_VERSION;
}


const struct user *user_at(const struct run *run, size_t i)
{
	return i < READINESS_USERS ? run->conf->userv[i] : NULL;
}


int way_open(struct wire **wirep, const struct run *run, enum sip_transp tp,
	     char *why, size_t size, struct wire_tls *tls)
{
	const struct way *way = &run->wayv[tp];
	const struct wire_conf conf = {
		.tp = tp, .laddr = run->conf->laddr, .peer = way->addr,
		.host = way->host, .ca_file = run->conf->pbx->tls.ca_file,
		.limit_ms = CONNECT_MS,
	};

	if (!way->known) {
		(void)re_snprintf(why, size, "no address");
		return ENOENT;
	}

	return wire_open(wirep, &conf, why, size, tls);
}


static enum sip_transp transport(const struct pbx *pbx)
{
	return pbx->protocol == PBX_TLS ? SIP_TRANSP_TLS :
		pbx->protocol == PBX_TCP ? SIP_TRANSP_TCP : SIP_TRANSP_UDP;
}


int readiness_run(const struct readiness_conf *conf, finding_h *h, void *arg)
{
	static void (*const checkv[])(struct run *run) = {
		check_dns, check_reach, check_tls, check_echo,
		check_fragments, check_user_agent, check_accounts,
	};
	struct run run = {
		.conf = conf, .h = h, .arg = arg,
		.tp = transport(conf->pbx),
	};

	for (size_t i = 0; i < RE_ARRAY_SIZE(checkv); i++) {
		if (conf->stop && *conf->stop)
			break;

		checkv[i](&run);
	}

	mem_deref(run.wire);

	return conf->stop && *conf->stop ? EINTR : 0;
}
