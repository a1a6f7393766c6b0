/**
 * @file trace.h  The last messages, for `callbridge trace`
 *
 * A ring of fixed size in memory that every message passes through. Written
 * by the SIP thread; read by any (a lock, held for a copy). A message is found
 * by its Call-ID; the calls and users that a Call-ID belongs to are told by
 * trace_tag().
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

typedef int (trace_h)(const struct trace_msg *msg, void *arg);

/**
 * All messages of a subject (or a Call-ID), oldest first. Credentials are
 * masked (`response`, `cnonce`, a=crypto keys); each is a copy that dies
 * when the handler returns. The lock is not held during the handler.
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
