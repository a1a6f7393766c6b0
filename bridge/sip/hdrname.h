/**
 * @file hdrname.h  The names of the headers that libre gives an id
 *
 * Private to bridge/sip.
 */
#ifndef SIP_HDRNAME_H
#define SIP_HDRNAME_H

#include "bridge/base/libre.h"

/** True if a header of that name may bear the id: the name is the id's own,
    long or compact, or the id is none of a known header */
bool hdrname_fits(enum sip_hdrid id, const struct pl *name);

/** The id of a header whose name is a frequent one in its usual spelling.
    @return false: work it out */
bool hdrname_usual(enum sip_hdrid *id, const struct pl *name);

#endif
