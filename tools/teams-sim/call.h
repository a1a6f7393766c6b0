/**
 * @file call.h  One call: a dialog with the SBC and its media
 *
 * call.c     life of a call: lookup, requests in the dialog, hang-up, end
 * session.c  offers and answers
 * inbound.c  calls from the SBC, with their forks
 * outbound.c calls to the SBC, with failover
 * midcall.c  hold, resume, move, and what the SBC does in the dialog
 * transfer.c REFER, or transfer inside Teams
 *
 * "incoming" is the SBC's INVITE, "outgoing" is ours.
 */
#ifndef TEAMS_SIM_CALL_H
#define TEAMS_SIM_CALL_H

#include "sim.h"
#include "media.h"
#include "msg.h"
#include "tenant.h"

struct trans;
struct transfer;

enum { TRUNKS = 8 };

enum call_state {
	CALL_RINGING,    /* incoming, our 100 is out */
	CALL_DIALING,    /* outgoing, no final answer yet */
	CALL_CANCELLING, /* outgoing, given up, final answer awaited */
	CALL_ANSWERED,   /* incoming, our 200 is out, no ACK yet */
	CALL_UP,
	CALL_ENDED,      /* kept a while for its counters */
};

/** What the other call of a pair is to this one */
enum peer_role {
	PEER_NONE,
	PEER_FORWARD,  /* we dial for an incoming call that waits for us */
	PEER_TRANSFER, /* we dial; the other is connected meanwhile */
	PEER_WAITING,  /* the other one of either pair */
	PEER_JOINED,   /* they hear each other */
	PEER_MEETING,  /* ... and the user hears both: a conference */
};

struct call {
	struct le le;
	uint32_t id;
	struct sim *sim;         /* borrowed */
	struct instance *inst;   /* borrowed */
	struct tenant *tenant;   /* borrowed: tenants stay */
	struct tenant *trunkv[TRUNKS]; /* those to try, in order; borrowed */
	size_t trunkc, trunk;
	struct user *user;       /* ref, NULL for an unknown caller */
	bool incoming;
	enum call_state state;

	char *callid;
	char local_tag[33];
	char *remote_tag;        /* NULL until known */
	char *local, *remote;    /* From and To without tags */
	char *contact;           /* our URI in this dialog */
	char *target;            /* their Contact's URI */
	struct list routel;      /* struct route */
	uint32_t local_cseq, remote_cseq;
	struct conn *conn;       /* ref: for our requests */

	struct sip_msg *invite;  /* ref: INVITE that we have to answer */
	struct conn *invite_conn;/* ref */
	struct trans *trans;     /* our INVITE under way */
	unsigned tried;          /* instances tried, one bit each */

	uint32_t clients;
	char tagv[CLIENTS_MAX][33];
	bool early_sent;         /* 183 with SDP has gone out */
	bool provisional;        /* any answer came to our INVITE */
	bool cancel_wanted;

	struct media *media;     /* owned */
	uint64_t session;        /* o= id */
	struct desc desc;        /* the SBC's last */
	struct crypto crypto;    /* its line in use */
	bool answer_seen;        /* SDP of the SBC taken in this offer */
	bool held;               /* by us */
	bool held_by_sbc;
	enum { CHANGE_NONE, CHANGE_HOLD, CHANGE_RESUME, CHANGE_MOVE,
	       CHANGE_REFRESH, CHANGE_RETARGET } change;

	bool allow_refer, allow_notify, replaces; /* what the SBC announced */
	uint32_t expires_s;      /* session timer, 0: none */
	bool we_refresh;

	struct call *peer;       /* borrowed; each clears the other */
	enum peer_role role;
	struct transfer *xfer;   /* owned: a transfer of this call */

	char *from_number, *to_number;
	uint32_t tone_hz;
	uint64_t began_ms, answered_ms;

	struct deadline ring;    /* ringing time of the clients */
	struct deadline guard;   /* failover, then ACK */
	struct deadline watch;   /* media */
	struct deadline refresh; /* session timer */
	struct deadline glare;
	struct deadline linger;
};

/* call.c */

/** New call with its media, in the simulator's list; 0 or errno */
int call_alloc(struct call **cp, struct sim *sim, struct instance *inst,
	       struct tenant *tenant, bool incoming);

/** By its number; NULL */
struct call *call_find(const struct sim *sim, uint32_t id);

/** By Call-ID and tags of a request of the SBC; NULL */
struct call *call_dialog(const struct sim *sim, const struct sip_msg *msg);

const char *call_state_name(const struct call *call);

/** @return new object describing the call */
json_t *call_json(const struct call *call);

/**
 * Something long that nobody knows, as the setting `padding_octets` wants
 *
 * @param linep  New string: before, padding, after; empty when off
 */
int call_padding(char **linep, const struct call *call, const char *before,
		 const char *after);

/** Write our Contact in this dialog; 0, ENOMEM */
int call_contact(struct call *call, const struct pl *callid);

/** Connection for our next request in the dialog; 0 or errno */
int call_conn(struct call *call, struct conn **connp);

/**
 * Send a request in the dialog
 *
 * @param tp     As for trans_request(); NULL for ACK: no transaction
 * @param early  Header lines before ALLOW, NULL
 * @param late   Header lines after it, NULL
 * @param body   SDP, NULL
 */
int call_request(struct call *call, const char *method, struct trans **tp,
		 const char *early, const char *late, const char *body,
		 void (*h)(int, const struct sip_msg *, void *));

/** Acknowledge a 2xx; 0 or errno */
int call_ack(struct call *call, uint32_t cseq);

/**
 * End it the way its state asks for: refuse, CANCEL or BYE
 *
 * @param who    "teams", "control", "peer" ...: told in the event
 * @param scode  Status code if it is still to be refused, else told only
 * @param cause  Q.850 cause for REASON
 * @param text   Words for REASON
 */
void call_hangup(struct call *call, const char *who, uint16_t scode,
		 unsigned cause, const char *text);

/** It has ended; tells so, and lets the peer go. The one door to ENDED */
void call_end(struct call *call, const char *who, uint16_t scode,
	      const char *reason);

/** Tell an event of this call; fmt as for control_event() */
void call_event(const struct call *call, const char *name, const char *fmt,
		...);

/** The dialog is up or changes hands: media and session timer guards */
void call_connected(struct call *call);

/** Answered: from now on media must come (see media_guard_ms) */
void call_watch(struct call *call);

/** (Re)arm the session timer */
void call_session_timer(struct call *call);

/** Let two connected calls hear each other */
int call_join(struct call *a, struct call *b);

/**
 * A user makes a conference of two calls: both move to another place, where
 * each party hears the other one and the user
 *
 * @return 0, ENOTCONN, EBUSY, errno
 */
int call_confer(struct call *a, struct call *b);

/** Give the stream back its own tone */
int call_play_own(struct call *call);

/** All calls, media frame by media frame */
void calls_frame(struct sim *sim, uint64_t now_ms);

/* session.c */

/**
 * Take the SBC's offer from an INVITE
 *
 * @param scode  On error: how to refuse it
 * @param text   On error: words for REASON
 */
int session_offer_in(struct call *call, const struct sip_msg *msg,
		     uint16_t *scode, char *text, size_t size);

/** Write our answer to it as a new string */
int session_answer(struct call *call, char **sdp);

/** Write our offer as a new string */
int session_offer(struct call *call, char **sdp);

/** Take the SBC's answer; violations are recorded. EPROTO: no media */
int session_answer_in(struct call *call, const struct sip_msg *msg);

/** Send or be quiet, as state and hold demand */
void session_update(struct call *call);

/** Remember from Allow how the SBC can be asked to transfer */
void session_abilities(struct call *call, const struct sip_msg *msg);

/* inbound.c */

void inbound_invite(struct conn *conn, const struct sip_msg *msg);
void inbound_cancel(struct conn *conn, const struct sip_msg *msg);

/** 180 on each client's tag */
void inbound_ring(struct call *call);

/** 183 with SDP, once; fresh: on a tag of its own */
int inbound_early(struct call *call, bool fresh);

/** 200 on a client's tag, or with client < 0 on a fresh one; 0 or errno */
int inbound_answer(struct call *call, int client);

/** Final failure to the INVITE; does not end the call */
void inbound_refuse(struct call *call, uint16_t scode, unsigned cause,
		    const char *text);

/* outbound.c */

struct dial {
	struct tenant *tenant;
	struct instance *inst;  /* NULL: the first that is up */
	const char *from, *to;
	const char *display;    /* NULL: from the UPN */
	bool anonymous;
	const char *pai;        /* P-ASSERTED-IDENTITY value, NULL */
	const char *lines;      /* more header lines, NULL */
	bool emergency;         /* with the caller's location */
	uint32_t tone_hz;
};

int outbound_dial(struct call **cp, const struct dial *dial);

/** Give up: CANCEL as soon as one may be sent */
void outbound_cancel(struct call *call);

/** A 2xx that no transaction waits for: acknowledged again */
bool outbound_stray(struct sim *sim, const struct sip_msg *msg);

/* midcall.c */

/** Start a re-INVITE for the change; 0, EBUSY, ENOTCONN */
int midcall_change(struct call *call, int change);

void midcall_request(struct conn *conn, const struct sip_msg *msg);

/* transfer.c */

/**
 * @param to       Number
 * @param consult  The call to that number that the user made before; NULL:
 *                 a blind transfer
 *
 * @return 0, EBUSY, ENOTCONN, ENOTSUP the SBC allows no REFER, errno
 */
int transfer_start(struct call *call, const char *to,
		   const struct call *consult);

/**
 * Another user takes the call over by an INVITE with Replaces (RFC 3891)
 *
 * @param freshp  The new call
 *
 * @return 0, ENOTCONN, ENOTSUP the SBC announced none, errno
 */
int transfer_replace(struct call **freshp, const struct call *call,
		     const struct user *by);

void transfer_stop(struct call *call);
bool transfer_is_ringing(const struct call *call);
int transfer_answer(struct call *call);
void transfer_failed(struct call *call, uint16_t scode, const char *why);
void transfer_done(struct call *call);
void transfer_notify(struct call *call, const struct sip_msg *msg);
void transfer_early_bye(struct call *call, const struct sip_msg *msg);

/**
 * Does this INVITE carry out a REFER of ours?
 *
 * @return the call that was transferred, NULL if none or refused
 */
struct call *transfer_match(struct sim *sim, const struct sip_msg *msg);

/** Who is to ring: a user, or NULL and a number */
struct user *transfer_target(const struct call *call, const char **number);

#endif
