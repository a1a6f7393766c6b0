/**
 * @file msg.h  Reading SIP messages: header values by their true names
 *
 * libre knows a header by a 12-bit hash of its name, and hashes collide
 * (docs/libre.md). guard_message() has removed or refused every
 * header whose name does not fit its id before a handler sees the message, so
 * sip_msg_hdr() may be used on messages that come from the stack.
 */
#ifndef SIP_MSG_H
#define SIP_MSG_H

#include "bridge/base/libre.h"

struct flow;

/** The flow a received message came over; borrowed, lives with the message */
static inline struct flow *msg_flow(const struct sip_msg *msg)
{
	return msg->sock;
}

/** Value of the first header of that name, "" (NULL, 0) if absent. For
    headers that libre gives no id; matches long names without case */
struct pl msg_value(const struct sip_msg *msg, const char *name);

/** Value of the first header by id, "" if absent */
struct pl msg_hdr_value(const struct sip_msg *msg, enum sip_hdrid id);

/** Unsigned number at the start of a header's value; false if absent or not
    a number below 2^32 (comments and parameters after it are allowed) */
bool msg_hdr_uint(const struct sip_msg *msg, enum sip_hdrid id,
		  uint32_t *value);

/** True if a comma-separated header (all of that id) holds the token,
    without case: Allow, Supported, Require, Unsupported */
bool msg_has_token(const struct sip_msg *msg, enum sip_hdrid id,
		   const char *token);

/**
 * Split the next element off a comma-separated value: commas within quotes
 * and <> do not separate. @return false when nothing is left
 */
bool msg_next_element(struct pl *rest, struct pl *element);

/**
 * name-addr or addr-spec with its display name (RFC 3261 section 25.1),
 * also unquoted and glued ("John Doe<sip:...>"). Quoted names come without
 * the quotes, escapes left in.
 *
 * @param dname   Display name, "" if none
 * @param params  Parameters after it (header parameters)
 *
 * @return 0, EBADMSG
 */
int msg_nameaddr(const struct pl *val, struct pl *dname, struct pl *uri,
		 struct pl *params);

/**
 * The part of a multipart/mixed body of that type, or the body itself
 * (RFC 5621). Nesting 4, 16 parts at most.
 *
 * @return 0, ENOENT none of that type, EBADMSG
 */
int msg_body(const struct sip_msg *msg, const char *type,
	     const char *subtype, struct pl *body);

/** Print text as the inside of a quoted-string: \ and " escaped, control
    characters left out. libre %H handler, arg: const struct pl * */
int msg_quote(struct re_printf *pf, const struct pl *text);

/**
 * Write texts one after the other: what mbuf_printf() does with nothing but
 * %s, at a fraction of the cost
 *
 * @param text  First of them; the last one is followed by NULL
 *
 * @return 0, ENOMEM
 */
int msg_write(struct mbuf *mb, const char *text, ...)
	__attribute__((sentinel));

/** The same into a buffer, terminated. @return 0, EOVERFLOW */
int msg_join(char *buf, size_t size, const char *text, ...)
	__attribute__((sentinel));

/** A number in decimal for it */
enum { MSG_NUMBER = 11 };
const char *msg_number(char buf[MSG_NUMBER], uint32_t n);

#endif
