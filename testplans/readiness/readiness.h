/**
 * @file readiness.h  Is a PBX ready to be used? Before anything is set up
 *
 * A list of checks, from DNS to a call, each with a verdict, what it rests
 * on, and advice in plain words. It needs nothing but the PBX's address; an
 * account lets it look at registrations, two accounts at a call through the
 * PBX. Everything is put back: what it registered, it unregisters.
 *
 * Runs by itself on blocking sockets, one thing after the other: a few dozen
 * messages, at the pace of a phone that is being set up.
 */
#ifndef TESTPLANS_READINESS_H
#define TESTPLANS_READINESS_H

#include "bridge/base/libre.h"

struct pbx;
struct user;

enum verdict {
	VERDICT_PASS,
	VERDICT_INFO,              /* a fact, neither good nor bad          */
	VERDICT_WARN,              /* will work, but somebody should know   */
	VERDICT_FAIL,
	VERDICT_SKIP,              /* could not be looked at; says why      */
};

const char *verdict_name(enum verdict verdict);   /* "pass", "info", "warn",
				      "fail", "skip"                        */

/** What one check found */
struct finding {
	const char *check;         /* its name: "dns", "fragments"; static  */
	const char *title;         /* static                                */
	enum verdict verdict;
	char evidence[512];        /* what was seen                         */
	const char *advice;        /* what to do, NULL nothing; static      */
	const char *field;         /* setting to change, NULL none; static  */
};

enum { READINESS_USERS = 2, READINESS_SERVERS = 4 };

struct readiness_conf {
	const struct pbx *pbx;     /* how to reach it; borrowed             */
	const struct user *userv[READINESS_USERS]; /* borrowed; NULL: none  */
	const char *call;          /* number for the first user to call;
				      NULL: the second user's               */
	struct sa laddr;           /* address to send from; unset: any      */
	struct sa dnsv[READINESS_SERVERS]; size_t dnsc; /* 0: the system's  */
	const struct list *hosts;  /* struct nodeconf_host, before DNS      */
	bool *stop;                /* set by a signal: end soon, put back   */
};

/** Told of each finding as it is made; copy what must last */
typedef void (finding_h)(const struct finding *finding, void *arg);

/**
 * Run all checks that apply
 *
 * @return 0 also when checks failed; EINTR stopped; ENOMEM
 */
int readiness_run(const struct readiness_conf *conf, finding_h *h, void *arg);

#endif
