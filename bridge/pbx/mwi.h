/**
 * @file mwi.h  Message waiting (RFC 3842)
 *
 * Private to this room.
 */
#ifndef PBX_MWI_H
#define PBX_MWI_H

#include "bridge/base/libre.h"

/** A mailbox as its owner's phone shows it */
struct mwi {
	bool waiting;              /* the lamp                             */
	uint32_t new_count;        /* voice messages not heard yet         */
	uint32_t old_count;
};

/**
 * Read an application/simple-message-summary. Lines that are not understood
 * are passed over; counts end at 9999, which no mailbox holds
 *
 * @param mwi   Written on success only
 * @param body  The body as it came
 *
 * @return 0, EBADMSG it does not say whether messages wait, or is too large
 */
int mwi_read(struct mwi *mwi, const struct pl *body);

bool mwi_equal(const struct mwi *a, const struct mwi *b);

#endif
