/**
 * @file checks.h  What the checks share: what is known so far
 */
#ifndef READINESS_CHECKS_H
#define READINESS_CHECKS_H

#include "agent.h"
#include "readiness.h"

/** Where the PBX is by one transport */
struct way {
	bool known;
	bool reached;              /* it answered SIP                       */
	struct sa addr;
	char host[256];            /* name behind it, for TLS               */
};

struct run {
	const struct readiness_conf *conf;
	finding_h *h;
	void *arg;
	struct way wayv[SIP_TRANSP_TLS + 1];
	enum sip_transp tp;        /* the one that is set                   */
	struct wire *wire;         /* owned, by that one; NULL not reached  */
	char server[128];          /* the PBX's own name, ""                */
	bool behind_nat;           /* it sees another address than ours     */
};

enum { CONNECT_MS = 4000, ANSWER_MS = 4000 };

/** Make a finding. @param advice  NULL: nothing to do */
void tell(const struct run *run, const char *check, const char *title,
	  enum verdict verdict, const char *advice, const char *field,
	  const char *fmt, ...);

/** A socket of one transport to the PBX, as wire_open() */
int way_open(struct wire **wirep, const struct run *run, enum sip_transp tp,
	     char *why, size_t size, struct wire_tls *tls);

/** 10/8, 172.16/12, 192.168/16, 169.254/16, 100.64/10, fc00::/7, fe80::/10 */
bool is_private(const struct sa *sa);

/** The product's own User-Agent */
const char *own_agent(const struct run *run);

/** Password-free user of the account, NULL */
const struct user *user_at(const struct run *run, size_t i);

/* The checks, in this order */
void check_dns(struct run *run);
void check_reach(struct run *run);
void check_tls(struct run *run);
void check_echo(struct run *run);
void check_fragments(struct run *run);
void check_user_agent(struct run *run);
void check_accounts(struct run *run);   /* and the calls between them */

/** A call between two accounts that are registered on the wire */
void check_call(struct run *run, struct agent *caller, struct agent *callee);

#endif
