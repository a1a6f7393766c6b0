/**
 * @file trace.h  The last messages, for `callbridge trace`
 *
 * A ring of fixed size in memory that every message passes through. Written
 * by the SIP thread; read by any (a lock, held for a copy). A message is found
 * by its Call-ID; the calls and users that a Call-ID belongs to are told by
 * trace_tag(). A REGISTER and its answers are found by their To. Failed
 * registrations are kept when the ring has gone on.
 */
#ifndef SIP_TRACE_H
#define SIP_TRACE_H

#include "bridge/base/libre.h"

struct trace;

struct trace_msg {
	uint64_t time_us;          /* wall clock, microseconds since 1970 */
	bool tx;                   /* true: we sent it                    */
	enum sip_transp tp;
	struct sa local, peer;
	const char *side;          /* listener's name: "pbx", "teams"     */
	char *data; size_t size;   /* the reader's own copy            */
};

/** @param size  Octets of memory for messages, e.g. 16 MiB */
int trace_alloc(struct trace **tracep, size_t size);

/** Take a message; hot path: one memcpy */
void trace_add(struct trace *trace, bool tx, enum sip_transp tp,
	       const struct sa *local, const struct sa *peer,
	       const char *side, const uint8_t *data, size_t size);

/** Messages with this Call-ID belong to `subject` too: a call's id or a
    user's AoR. Kept for the newest 8,192 Call-IDs */
void trace_tag(struct trace *trace, const char *callid, const char *subject);

/**
 * Keep an exchange of a subject beside the ring, in place of the one that was
 * kept of it before. The newest 16,384 subjects have one
 *
 * @param v  In order; copied
 */
void trace_keep(struct trace *trace, const char *subject,
		const struct trace_msg *v, size_t c);

/** It does not matter any more */
void trace_keep_drop(struct trace *trace, const char *subject);

typedef int (trace_h)(const struct trace_msg *msg, void *arg);

/**
 * All messages of a subject (or a Call-ID), oldest first. Credentials are
 * masked (`response`, `cnonce`, a=crypto keys); each is a copy that dies
 * when the handler returns. The lock is not held during the handler. What was
 * kept by trace_keep() comes where the ring has no REGISTER of the subject.
 *
 * @return 0, or what the handler returned to stop
 */
int trace_apply(struct trace *trace, const char *subject, trace_h *h,
		void *arg);

/** Write x over a message's credentials and media keys, in place */
void trace_mask(char *p, size_t size);

/** Print a ladder for people: of one side, or of both, the PBX on the left and
    Teams on the right. libre %H-like print */
int trace_ladder(struct re_printf *pf, struct trace *trace,
		 const char *subject);

#endif
