/**
 * @file cork.h  Datagrams that leave together
 *
 * A socket write costs five times what its datagram costs: of the CPU of a
 * registration a quarter was that. So while the cork is in, the first
 * transmissions of requests over UDP wait, and all that go to one peer and
 * are of one size (the last may be shorter) leave by one system call, cut up
 * by the kernel or the network card (UDP_SEGMENT, udp(7)). On the wire they
 * are what they were: one datagram a message. Users of one PBX have numbers
 * of one length, so mostly they are of one size.
 *
 * Who puts the cork in takes it out before the thread waits for anything:
 * the loop's tick and the reader of datagrams. What is on its way to a peer
 * stays in order.
 *
 * Where the kernel cannot cut up, each leaves alone, as without a cork. An
 * error that one meets is told as an ICMP error would be (flow_watch()).
 */
#ifndef SIP_CORK_H
#define SIP_CORK_H

#include "bridge/base/libre.h"

struct cork;                       /* a libre memory object */
struct flow;

/** What still waits when it ends is lost: see cork_flush() */
int cork_alloc(struct cork **corkp);

/** Put it in; as often as it is taken out */
void cork_in(struct cork *cork);

/** Take it out: all leave, and errors are told. From the loop, never from
    inside of what may not lose its flow */
void cork_out(struct cork *cork);

/**
 * Let a message wait. Refers to mb, whose octets must not change any more
 *
 * @return false: there is no cork, or it has to be sent as usual
 */
bool cork_take(struct cork *cork, struct flow *flow, struct mbuf *mb);

/** What waits leaves now, for something comes that must not overtake it, or
    the socket closes. Errors are told when the cork is taken out */
void cork_flush(struct cork *cork);

#endif
