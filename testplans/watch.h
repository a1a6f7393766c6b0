/**
 * @file watch.h  What the service itself says of a test
 *
 * Registrations, call records and traces, over its REST API. Everything is
 * optional: without a service, nothing is known.
 */
#ifndef TESTPLANS_WATCH_H
#define TESTPLANS_WATCH_H

#include "run.h"

struct roster_account;
struct watch;

struct watch_reg {
	char upn[128], state[16], reason[128], words[128], advice[512];
	char aor[192], server[64];
	uint32_t expires_s;
	int64_t next_s;            /* wall clock */
	uint32_t waiting_new, waiting_old;
	bool waiting;
};

/** @return 0, ENOMEM */
int watch_alloc(struct watch **watchp, const struct run_conf *conf);

/** Is there a service that answers? */
bool watch_is_there(const struct watch *watch);

/** Registration of a user, by its upn or number. @return 0, ENOENT */
int watch_registration(struct watch *watch, const struct roster_account *acc,
		       struct watch_reg *reg);

/** Register a user now. @return 0 or errno */
int watch_retry(struct watch *watch, const char *upn);

/** Calls up to now are not of this case */
void watch_mark(struct watch *watch);

/** Calls since the mark, oldest first. Borrowed until the next call of
    watch_calls(). At most every 200 ms the service is asked anew */
const struct json_t *watch_calls(struct watch *watch);

/** The newest of them that is a user's: borrowed, NULL if none */
const struct json_t *watch_call_of(struct watch *watch,
				   const struct roster_account *acc);

/** Messages of a call or user. NULL if there are none; the caller owns the
    reference */
struct json_t *watch_trace(struct watch *watch, const char *subject);

/** Capture of a call into a file. @return 0 or errno */
int watch_pcap(struct watch *watch, const char *call, const char *path);

/** The service's version and libraries. NULL; the caller owns it */
struct json_t *watch_version(struct watch *watch);

/** All registrations. NULL; the caller owns it */
struct json_t *watch_registrations(struct watch *watch);

#endif
