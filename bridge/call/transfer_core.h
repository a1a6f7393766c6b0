/**
 * @file transfer_core.h  Inside of a transfer; for the transfer*.c alone
 *
 *   transfer.c       REFER comes in; who is told what; the ends
 *   transfer_pass.c  the PBX does it, by a REFER of ours
 *   transfer_dial.c  we do it, by a new leg
 *   transfer_wait.c  the target still rings
 */
#ifndef CALL_TRANSFER_CORE_H
#define CALL_TRANSFER_CORE_H

#include "call_core.h"
#include "transfer.h"

enum transfer_state {
	TRANSFER_PASSED,           /* the PBX has our REFER                 */
	TRANSFER_DIALLING,         /* the new leg is being called           */
	TRANSFER_WAITING,          /* for the answer of the one consulted   */
	TRANSFER_DONE,             /* success was told, the old leg goes    */
};

struct transfer {
	enum transfer_state state;
	struct call *call;         /* borrowed: parent                      */
	enum side side;            /* of the one who transfers              */
	struct leg *old;           /* owned: the leg that transferred, once
				      it is out of the call                 */
	struct leg *fresh;         /* owned: the new one, until it is in    */
	struct desc_crypto key;    /* of the new leg                        */
	char *refer_to;            /* owned; URI, verbatim, no headers      */
	char *replaces;            /* owned; of Refer-To, unescaped; NULL   */
	char *referred_by;         /* owned; header value, verbatim; NULL   */
	char target[64];           /* number, "" if the target is none      */
	char peer[40];             /* id of the consultation call, "" none  */
	bool quiet;                /* no NOTIFY wanted (RFC 4488)           */
	bool heard;                /* the PBX said something by NOTIFY      */
	bool rung;
	bool joined;               /* the new leg is in the call            */
	bool waited;               /* the target rang when this was asked   */
	struct wheel_tmr tmr;
};

/** Say how it goes to the one who transfers, if still there */
void transfer_tell(struct transfer *tf, uint16_t scode, const char *reason,
		   bool last);
/** Success: told, written down; the old leg has a while to go */
void transfer_done(struct transfer *tf);
/** The first call goes on, if there is one left; *tf is gone */
void transfer_failed(struct transfer *tf, uint16_t scode,
		     const char *reason);
void transfer_drop(struct transfer *tf);
void transfer_timer(struct transfer *tf, uint64_t ms, void (*h)(void *arg));
/** The consultation call, NULL if there is none (any more) */
struct call *transfer_peer(const struct transfer *tf);

/** The ways in the order that the profile says, until one can be begun.
    @return 0, or an errno when none can be */
int transfer_begin(struct transfer *tf);

/** transfer_wait.c: does Refer-To name a call to the target that is not
    answered? Then its answer is waited for */
bool transfer_wait(struct transfer *tf);
/** It was accepted: tell how far that call is */
void transfer_wait_begins(struct transfer *tf);
/** A leg of the call to the target has ended. @return true if it was the one
    who transfers, and the target rings on */
bool transfer_wait_left(struct call *peer, enum side side,
			const struct leg_end *end);
/** The transfer ends without success: so does the call to the target, if
    nobody else is left in it */
void transfer_wait_end(struct transfer *tf);

/** transfer_pass.c @return 0, or an errno when it cannot be */
int transfer_pass(struct transfer *tf);
/** transfer_dial.c: join with the consultation call, or call the target.
    @return 0, or an errno when it cannot be */
int transfer_bridge(struct transfer *tf);
/** May the PBX's profile have it done by ourselves? */
bool transfer_may_dial(const struct transfer *tf);

#endif
