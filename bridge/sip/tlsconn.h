/**
 * @file tlsconn.h  One TLS connection on a socket, without waiting
 *
 * Private to bridge/sip: conn.c drives it by the socket's events.
 */
#ifndef SIP_TLSCONN_H
#define SIP_TLSCONN_H

#include "bridge/base/libre.h"

struct tlsctx;
struct tlsconn;                    /* a libre memory object */

/**
 * @param fd      Socket, connected and non-blocking; borrowed
 * @param server  True if the peer connected to us
 * @param name    As client: SNI and name to be found in the certificate,
 *                a DNS name or an address; NULL: chain only
 *
 * @return 0, ENOMEM
 */
int tlsconn_alloc(struct tlsconn **tcp, struct tlsctx *ctx, int fd,
		  bool server, const char *name);

/** One step of the handshake. @return 0 done, EAGAIN, EPROTO or errno */
int tlsconn_handshake(struct tlsconn *tc);

/** @return 0, EAGAIN, ECONNRESET (end of stream), EPROTO or errno */
int tlsconn_read(struct tlsconn *tc, uint8_t *buf, size_t size, size_t *n);

/** @return 0 (n octets taken, maybe fewer than size), EAGAIN, EPROTO or
    errno */
int tlsconn_write(struct tlsconn *tc, const uint8_t *buf, size_t size,
		  size_t *n);

/** The last step waits until the socket can be written */
bool tlsconn_wants_write(const struct tlsconn *tc);

/** Octets are decrypted already: no event of the socket will tell of them */
bool tlsconn_is_pending(const struct tlsconn *tc);

/** Say goodbye (close_notify), as far as the socket takes it */
void tlsconn_shutdown(struct tlsconn *tc);

/** The peer's certificate was verified and bears that DNS name */
bool tlsconn_has_name(const struct tlsconn *tc, const char *name);

/** What went wrong, in plain words without "TLS: "; "" if nothing did */
const char *tlsconn_why(const struct tlsconn *tc);

#endif
