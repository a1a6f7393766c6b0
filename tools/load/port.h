/**
 * @file port.h  The PBX's SIP port: one UDP socket
 */
#ifndef LOAD_PORT_H
#define LOAD_PORT_H

#include <netinet/in.h>
#include "wire.h"

struct port;

/** A message has come */
typedef void (port_message_h)(const struct wire *msg,
			      const struct sockaddr_in *from, void *arg);

/** @return 0, ENOMEM, errno */
int port_open(struct port **pp, const struct sockaddr_in *laddr,
	      port_message_h *messageh, void *arg);
void port_close(struct port *p);

void port_send(struct port *p, const struct sockaddr_in *dst, const char *buf,
	       size_t l);

#endif
