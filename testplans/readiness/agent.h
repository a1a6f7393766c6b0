/**
 * @file agent.h  A phone that does one thing at a time, on one wire
 */
#ifndef READINESS_AGENT_H
#define READINESS_AGENT_H

#include "wire.h"

struct digest;
struct user;
struct agent;

/** An answer to one of our requests */
struct reply {
	struct sip_msg *msg;       /* ref; NULL: none came                  */
	uint32_t rtt_ms;           /* to the first answer                   */
	unsigned sent;             /* how often the request went out        */
	unsigned provisional;      /* last 1xx, 0: none                     */
};

void reply_clear(struct reply *reply);

/** "403 Forbidden", or "" */
const char *reply_words(const struct reply *reply, char *buf, size_t size);

/** Value of a header, "" */
const char *reply_value(const struct reply *reply, enum sip_hdrid id,
			char *buf, size_t size);

struct agent_conf {
	struct wire *wire;         /* referenced                            */
	const char *domain;        /* of the PBX, as users have it          */
	const struct user *user;   /* NULL: nobody, for OPTIONS             */
	const char *user_agent;    /* NULL: none is sent                    */
};

/** Called for requests of the PBX while we wait; answers by agent_answer() */
typedef void (agent_request_h)(const struct sip_msg *msg, void *arg);

int agent_alloc(struct agent **agentp, const struct agent_conf *conf);
void agent_handler_set(struct agent *agent, agent_request_h *h, void *arg);

/** One request. What is NULL or 0 is as for an ordinary phone */
struct ask {
	const char *method;
	const char *target;        /* Request-URI; NULL: sip:domain         */
	const char *to;            /* To-URI; NULL: the target              */
	const char *totag;         /* in a dialog                           */
	const char *head;          /* further lines, each with CRLF         */
	const char *via_params;    /* ";x=y"                                */
	const char *callid;        /* NULL: the agent's                     */
	const char *ctype, *body;
	bool contact;              /* with Contact                          */
	unsigned pad;              /* grow the message to that size         */
	bool pad_echoed;           /* ... by what the answer repeats        */
	unsigned limit_ms;         /* 0: 8 s                                */
	bool once;                 /* do not answer challenges              */
};

/**
 * Send, repeat over UDP, and wait for the final answer; challenges are
 * answered with the user's credentials, once
 *
 * @param sent  Takes the size of the last message; may be NULL
 *
 * @return 0, ETIMEDOUT, ECONNREFUSED, ECONNRESET, ENOMEM...
 */
int agent_ask(struct agent *agent, const struct ask *ask, struct reply *reply,
	      size_t *sent);

/** Give an INVITE up that is not answered: CANCEL, and ACK of its end */
void agent_cancel(struct agent *agent, const struct ask *ask,
		  struct reply *reply);

/** Send without waiting for an answer (ACK) */
int agent_tell(struct agent *agent, const struct ask *ask);

/** Answer a request of the PBX */
int agent_answer(struct agent *agent, const struct sip_msg *msg,
		 unsigned scode, const char *reason, const char *totag,
		 const char *ctype, const char *body);

/** Serve requests of the PBX for a while, or until *done */
int agent_serve(struct agent *agent, unsigned limit_ms, const bool *done);

/** What the last answer did not repeat as it was sent, "" nothing */
const char *agent_echo(const struct agent *agent);

/** Our address as the PBX saw it. @return false if it does not say */
bool agent_seen_as(const struct reply *reply, struct sa *sa);

struct wire *agent_wire(const struct agent *agent);
const char *agent_user(const struct agent *agent);   /* "101", ""          */
const char *agent_tag(const struct agent *agent);
int agent_contact(struct re_printf *pf, const struct agent *agent);

#endif
