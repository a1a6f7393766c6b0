/**
 * @file msg.h  SIP messages in the way Teams writes them
 *
 * Upper-case header names, no compact forms, no folding, Via echoed as it
 * came.
 */
#ifndef TEAMS_SIM_MSG_H
#define TEAMS_SIM_MSG_H

#include "sim.h"

#define MSG_ALLOW "INVITE,ACK,OPTIONS,CANCEL,BYE,NOTIFY"

/** A request to be written. Strings are borrowed; NULL leaves a line out */
struct outline {
	const struct instance *inst;
	const char *method;
	const char *ruri;
	const char *from, *to;    /* whole header values, tags included */
	const char *callid;
	uint32_t cseq;
	const char *branch;
	const char *contact;      /* URI; brings RECORD-ROUTE if dialog */
	bool dialog;
	const struct list *routel; /* struct route, NULL allowed */
	const char *early, *late; /* whole lines, before and after ALLOW */
	const char *ctype, *body;
	bool allow;
};

/** One entry of a route set */
struct route {
	struct le le;
	char *value; /* "<sip:...;lr>" */
};

/** A response to be written */
struct answer {
	uint16_t scode;
	const char *reason;
	const char *tag;          /* To-tag to add, NULL: none */
	const struct instance *inst; /* for RECORD-ROUTE; NULL: none */
	const char *contact;      /* URI */
	const char *lines;        /* whole header lines */
	const char *ctype, *body;
	bool allow;
};

/** Write a request; 0 or ENOMEM */
int msg_request(struct mbuf **mbp, const struct outline *line);

/** Answer a request on its connection; 0 or errno */
int msg_reply(struct conn *conn, const struct sip_msg *req,
	      const struct answer *answer);

/**
 * Refuse a request, with REASON as Teams gives it
 *
 * @param cause  Q.850 cause; 0 leaves REASON out
 * @param text   Words after the GUID
 */
int msg_refuse(struct conn *conn, const struct sip_msg *req, uint16_t scode,
	       const char *reason, unsigned cause, const char *text);

/** Format "REASON: Q.850;cause=..;text=..\r\n" into buf */
void msg_reason(char *buf, size_t size, unsigned cause, const char *text);

/** Value of a header, found by its name (RFC 3261 section 7.3.1); pl_null */
struct pl msg_value(const struct sip_msg *msg, const char *name);

/** Like msg_value(), as a new string or NULL */
char *msg_value_dup(const struct sip_msg *msg, const char *name);

/** Does the list in a header hold the token? Header may be repeated. */
bool msg_lists(const struct sip_msg *msg, const char *name,
	       const char *token);

/** The number a value begins with; 0 if it begins with none */
uint32_t msg_number(const struct pl *val);

/** The first Contact's URI; 0, ENOENT, EBADMSG */
int msg_contact(const struct sip_msg *msg, struct sip_addr *addr);

/** Is it an IP literal? */
bool pl_is_address(const struct pl *host);

/** New terminated string of a pl; NULL without memory */
char *pl_string(const struct pl *pl);

/** Collect Record-Route of a message, topmost first; 0 or ENOMEM */
int msg_routes(struct list *routel, const struct sip_msg *msg, bool reverse);

/** Standard phrase of a status code */
const char *msg_phrase(uint16_t scode);

#endif
