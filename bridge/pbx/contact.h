/**
 * @file contact.h  Our Contact where a PBX shall have another address in it
 *
 * Private to this room.
 */
#ifndef PBX_CONTACT_H
#define PBX_CONTACT_H

#include "bridge/base/libre.h"

/**
 * Where our request came from as its answer tells (RFC 3581): received and
 * rport of our own Via
 *
 * @return 0, ENOENT the peer does not tell
 */
int contact_learn(struct sa *addr, const struct sip_msg *msg);

/** True if the Contact "<sip:101@203.0.113.9:5060;...>" has that address */
bool contact_is_at(const char *contact, const struct sa *addr);

/** The same Contact at another address. @return 0, EBADMSG, ENOMEM */
int contact_move(char **movedp, const char *contact, const struct sa *addr);

#endif
