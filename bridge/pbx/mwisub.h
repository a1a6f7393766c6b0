/**
 * @file mwisub.h  Message waiting asked for (RFC 3842, RFC 6665)
 *
 * One standing SUBSCRIBE of an account, renewed while the account is. A PBX
 * that refuses is not asked again: what it sends unasked is taken all the
 * same. Private to this room.
 */
#ifndef PBX_MWISUB_H
#define PBX_MWISUB_H

#include "bridge/base/libre.h"
#include "bridge/sip/dialog.h"

struct mwisub;

/** Fill in how the account speaks to its PBX now; strings are copied from it
    before it returns to the loop */
typedef void (mwisub_param_h)(struct dialog_param *prm, void *arg);

/** A NOTIFY with a summary; it is answered elsewhere */
typedef void (mwisub_notify_h)(const struct sip_msg *msg, void *arg);

/**
 * Subscribe, a little later
 *
 * @param aor  "sip:101@pbx.example", borrowed from whoever owns this
 */
int mwisub_alloc(struct mwisub **subp, struct stack *stack, const char *aor,
		 mwisub_param_h *paramh, mwisub_notify_h *notifyh, void *arg);

#endif
