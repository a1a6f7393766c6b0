/**
 * @file link.h  TLS connections that carry SIP
 */
#ifndef LOAD_LINK_H
#define LOAD_LINK_H

#include <netinet/in.h>
#include <stddef.h>
#include "wire.h"

struct door;
struct link;

/** A whole message has come */
typedef void (link_message_h)(struct link *link, const struct wire *msg,
			      void *arg);

struct door_conf {
	const char *certificate;   /* PEM, with intermediates            */
	const char *key;           /* PEM                                */
	const char *ca_file;       /* whose certificates a client needs  */
};

/**
 * Listen at addresses. Clients must show a certificate
 *
 * @return 0, ENOMEM, EBADMSG (said on stderr), errno
 */
int door_open(struct door **dp, const struct door_conf *conf,
	      const struct sockaddr_in *addrv, size_t addrc,
	      link_message_h *messageh, void *arg);
void door_close(struct door *d);

/** Send a message; a connection that is gone takes it silently */
void link_send(struct link *link, const char *p, size_t l);

#endif
