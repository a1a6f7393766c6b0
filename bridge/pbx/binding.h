/**
 * @file binding.h  Our binding in a registrar's answer
 *
 * Private to this room.
 */
#ifndef PBX_BINDING_H
#define PBX_BINDING_H

#include "bridge/base/libre.h"

enum { BINDING_RIVALS = 192 };

/** What the 200 to a REGISTER says (RFC 3261 section 10.2.4) */
struct bindings {
	bool ours;                 /* our Contact is in it, or it has none */
	uint32_t expires_s;        /* granted to ours, as written; 0: not
				      said                                 */
	unsigned count;            /* bindings listed                      */
	unsigned others;           /* those of other devices               */
	char rivals[BINDING_RIVALS];       /* their contacts, as far as they
				      fit: "101@10.0.0.9, ..."; "" when
				      ours is surely among them            */
	char stale[BINDING_RIVALS];        /* "<sip:...>": our address, but
				      from before a restart; "" none       */
};

/**
 * Find our own among the bindings listed, never by the user part alone: a
 * desk phone may be on the same extension. What a PBX rewrote is recognised
 * by our parameter, else by being the only one with our user
 *
 * @param contact  Our Contact as it was sent: "<sip:...>"
 * @param token    Value of our own parameter `cb` in it, NULL:
 *                 suppressed
 */
void bindings_read(struct bindings *b, const struct sip_msg *msg,
		   const char *contact, const char *token);

#endif
