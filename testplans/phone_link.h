/**
 * @file phone_link.h  A baresip process and its control port
 */
#ifndef TESTPLANS_PHONE_LINK_H
#define TESTPLANS_PHONE_LINK_H

#include "bridge/base/libre.h"

struct json_t;
struct phone_link;
struct pump;

typedef void (phone_event_h)(const struct json_t *event, void *arg);

struct phone_conf {
	const char *folder;        /* made, with its configuration          */
	const char *tone;          /* WAV that it plays                     */
	struct sa local;           /* of SIP; port 0: one is drawn          */
	const char *aor;           /* as baresip's uanew takes it           */
	bool registers;            /* wait for the registrar's answer       */
};

/**
 * Start a phone and give it its account
 *
 * @param why  Takes what went wrong
 *
 * @return 0, ENOENT no baresip, EAUTH the registrar refused, EPROTO it could
 *         not be asked, ETIMEDOUT no answer, and others
 */
int phone_link_alloc(struct phone_link **linkp, struct pump *pump,
		     const struct phone_conf *conf, phone_event_h *eventh,
		     void *arg, char *why, size_t size);

/**
 * Run a command
 *
 * @param answer  Takes the answer's text, may be NULL
 *
 * @return 0, EPROTO refused, ETIMEDOUT, ECONNRESET, ECANCELED
 */
int phone_link_do(struct phone_link *link, const char *cmd,
		  const char *params, char *answer, size_t answer_size,
		  char *why, size_t size);

/** The newest recording of what it hears. @return 0, ENOENT */
int phone_link_recording(const struct phone_link *link, char **path);

/** Recordings so far belong to the past */
int phone_link_shelve(struct phone_link *link);

/** Number of calls it has */
unsigned phone_link_calls(struct phone_link *link);

#endif
