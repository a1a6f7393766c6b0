/**
 * @file srtp_speed.c  srtp-speed: which ciphers SRTP uses here, and how fast
 */
#include <stdio.h>
#include <stdlib.h>

#include "bridge/media/srtp_openssl.h"


enum { PACKETS = 200000 };


int main(void)
{
	double protect_ns, unprotect_ns;

	if (srtp_openssl_init() ||
	    srtp_openssl_bench(PACKETS, &protect_ns, &unprotect_ns)) {
		(void)fprintf(stderr, "srtp-speed: SRTP does not work here\n");
		return EXIT_FAILURE;
	}

	(void)printf("SRTP ciphers: %s (protect %.0f ns, unprotect %.0f ns)\n",
		     srtp_openssl_used() ? "OpenSSL" : "libsrtp2's own",
		     protect_ns, unprotect_ns);

	return EXIT_SUCCESS;
}
