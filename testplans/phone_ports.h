/**
 * @file phone_ports.h  Ports for a telephone of our own
 */
#ifndef TESTPLANS_PHONE_PORTS_H
#define TESTPLANS_PHONE_PORTS_H

#include "bridge/base/libre.h"

/**
 * Draw a SIP port that is free now: for UDP, for TCP, and the next one for
 * TLS, as baresip binds them
 *
 * Drawn from below the ports that the kernel gives to connections and below
 * those of RTP, so that nothing comes by chance between this look and
 * baresip's own bind(). Another phone may still draw the same.
 *
 * @param local  Its address; takes the port
 *
 * @return 0, EADDRINUSE none found, EADDRNOTAVAIL not an address of ours
 */
int phone_port_sip(struct sa *local);

/**
 * An address and port of loopback for a phone's control that no other process
 * of this machine draws
 *
 * @return 0, EADDRINUSE none found
 */
int phone_port_control(struct sa *control);

#endif
