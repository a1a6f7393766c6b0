/**
 * @file redirect.h  Where a 3xx to REGISTER leads (RFC 3261 section 8.1.3.4)
 *
 * Private to this room.
 */
#ifndef PBX_REDIRECT_H
#define PBX_REDIRECT_H

#include "site.h"

/** Another place for one user's registration; a libre object */
struct redirect {
	char *host;                /* owned; without brackets              */
	uint16_t port;             /* 0: by DNS or default                 */
	bool target;               /* 301, 302: also the Request-URI; 305
				      Use Proxy: only where it goes        */
	bool once;                 /* 302: not for the next attempt        */
};

/**
 * The first Contact of a 3xx that may be followed: within the SIP domain, at
 * the SIP proxy, or where registration.redirect_to lists it, over the
 * transport that the profile has. Credentials go nowhere else.
 *
 * @return 0, EACCES there are others only, ENOENT none, ENOMEM
 */
int redirect_read(struct redirect **rp, const struct site *site,
		  const struct sip_msg *msg);

/** "sip:host:port" of the request; with a host that is an address of IPv6 in
    brackets. libre %H handler, arg: const struct redirect * */
int redirect_uri_print(struct re_printf *pf, const struct redirect *r);

#endif
