/**
 * @file capture.h  Traced messages as a capture that Wireshark opens
 *
 * pcapng (draft-ietf-opsawg-pcapng) of IP packets with the addresses and
 * ports that the messages really had. What came over TLS is there in the
 * clear, as UDP: behind a TLS port a reader would look for TLS. A comment on
 * each packet tells side, direction and transport.
 */
#ifndef SIP_CAPTURE_H
#define SIP_CAPTURE_H

#include "trace.h"

struct capture;                    /* a libre memory object */

/** @param software  Told in the file, e.g. "Callbridge/1.2.3" */
int capture_alloc(struct capture **capp, const char *software);

/** @return 0, EINVAL no addresses, ENOMEM */
int capture_add(struct capture *cap, const struct trace_msg *msg);

/** The file so far; borrowed. From its beginning */
const struct mbuf *capture_file(const struct capture *cap);

#endif
