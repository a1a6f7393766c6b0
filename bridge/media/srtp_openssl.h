/**
 * @file srtp_openssl.h  OpenSSL's ciphers in libsrtp2's crypto kernel
 *
 * Debian's libsrtp2 does AES and HMAC in NSS, at a seventh of the speed and
 * with 750 us to open a session. Ours are put in by
 * srtp_replace_cipher_type() and srtp_replace_auth_type(); libsrtp2 tests
 * them with its own and our vectors before it takes them.
 */
#ifndef MEDIA_SRTP_OPENSSL_H
#define MEDIA_SRTP_OPENSSL_H

#include <stdbool.h>

/**
 * srtp_init() once, then replace. Before any thread and session.
 *
 * @return 0, EPROTO when srtp_init() failed. A refused replacement is logged
 *         and the built-in one stays: see srtp_openssl_used()
 */
int srtp_openssl_init(void);

/** True if all replacements were taken */
bool srtp_openssl_used(void);

/**
 * Measure what SRTP costs in this process: G.711 packets of 20 ms (172
 * octets), AES_CM_128_HMAC_SHA1_80, one thread. After srtp_openssl_init()
 *
 * @param packets       How many, at least 1
 * @param protect_ns    CPU time to protect one [ns]
 * @param unprotect_ns  CPU time to unprotect one [ns]
 *
 * @return 0, EINVAL, ENOMEM, EPROTO when a packet did not come out as it
 *         went in
 */
int srtp_openssl_bench(unsigned packets, double *protect_ns,
		       double *unprotect_ns);

#endif
