/**
 * @file stack.h  The SIP stack: what one SIP thread has one of
 *
 * Ties together the listeners, flows, transactions and dialogs of a node. All
 * functions of this room run on the SIP thread (libre's loop). Timers hang on
 * the wheel given at construction.
 *
 * The way of a message in: transp (frame, admit, guard, decode, tap) ->
 * response: ctrans by branch and method -> request; request: strans by
 * branch; else the dialog by Call-ID and tags; else the request handler.
 */
#ifndef SIP_STACK_H
#define SIP_STACK_H

#include "bridge/base/libre.h"
#include "bridge/base/wheel.h"

struct stack;
struct strans;
struct flow;
struct listener;

/** Timer values of RFC 3261 table 4 [ms]; zero means the RFC's */
struct stack_timers {
	uint32_t t1_ms;            /* 500  */
	uint32_t t2_ms;            /* 4000 */
	uint32_t t4_ms;            /* 5000 */
	uint32_t invite_ms;        /* Timer C-like limit on a ringing INVITE
				      client transaction, 0: none     */
};

struct stack_conf {
	struct wheel *wheel;       /* borrowed, outlives the stack */
	const char *software;      /* User-Agent and Server, e.g.
				      "Callbridge/0.1.0"; copied    */
	struct stack_timers timers;
	size_t conns_max;          /* TCP and TLS that come in, 0: 2000 */
	size_t conns_source_max;   /* of one source, 0: 20          */
	uint32_t handshakes;       /* of strangers a second, 0: 40  */
	uint32_t handshakes_source;   /* of one network, 0: 10      */
};

/**
 * A request that belongs to no transaction and no dialog of ours
 *
 * Also called for an in-dialog request whose dialog is unknown (To tag set):
 * the stack answers 481 to those itself, except ACK. CANCEL without a
 * transaction is answered 481 by the stack.
 *
 * @param st   Server transaction; the handler takes it over and must answer
 * @param msg  The request; msg_flow(msg) tells where it came from
 */
typedef void (stack_request_h)(struct strans *st, const struct sip_msg *msg,
			       void *arg);

/**
 * May this source speak to us? Asked once a datagram or new connection,
 * before anything is parsed. Flows that we opened are not asked about.
 */
typedef bool (stack_admit_h)(const struct listener *lsnr,
			     const struct sa *peer, void *arg);

/** What is known of a source that was admitted */
struct stack_source {
	bool known;                /* by its address: no stranger          */
	uint32_t rate;             /* requests a second, 0: no limit       */
	char name[128];            /* for the log, ""                      */
};

/** Asked once a handshake and, of who sends messages, once a second.
    @param src  Known, without limit or name, unless the handler says else */
typedef void (stack_source_h)(const struct listener *lsnr,
			      const struct sa *peer, struct stack_source *src,
			      void *arg);

int stack_alloc(struct stack **stackp, const struct stack_conf *conf);

/** Who is told of new requests, and who decides on sources (NULL: all) */
void stack_handlers_set(struct stack *stack, stack_request_h *requesth,
			stack_admit_h *admith, void *arg);

/** Who knows more of sources (NULL: nobody); with the argument of the other
    handlers */
void stack_source_set(struct stack *stack, stack_source_h *sourceh);

struct wheel *stack_wheel(const struct stack *stack);
const struct stack_timers *stack_timers(const struct stack *stack);
const char *stack_software(const struct stack *stack);

/** Every message that passes goes to the trace (trace.h); NULL: to none.
    Borrowed */
struct trace;
void stack_trace_set(struct stack *stack, struct trace *trace);
struct trace *stack_trace(const struct stack *stack);

/** ... and to a collector (hep.h); NULL: to none. Borrowed */
struct hep;
void stack_hep_set(struct stack *stack, struct hep *hep);
struct hep *stack_hep(const struct stack *stack);

/**
 * Until stack_uncork(), requests over UDP that go to one peer may wait to
 * leave together (cork.h). Around whatever sends many in one turn of the
 * loop; nests. The stack must live until then; NULL: nothing happens
 */
void stack_cork(struct stack *stack);
void stack_uncork(struct stack *stack);

/** Number of transactions and dialogs that live, for drain and for tests */
size_t stack_transactions(const struct stack *stack);
size_t stack_dialogs(const struct stack *stack);

/** n random lower-case hexadecimal digits from a bulk pool, and a zero;
    for tags, branches and Call-IDs. size: n + 1 at least */
void token_random(char *buf, size_t n);

/** Any number, as unguessable as a token; for jitter */
uint32_t token_number(void);

#endif
