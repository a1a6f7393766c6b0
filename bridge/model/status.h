/**
 * @file status.h  What is told to people: registrations, trunks and calls
 *
 * Plain values that go from the SIP thread to the store and from there to
 * whoever asks. Strings are inside, cut to size, so that a value can be
 * copied.
 */
#ifndef MODEL_STATUS_H
#define MODEL_STATUS_H

#include <stdbool.h>
#include <stdint.h>
#include <stddef.h>

struct json_t;
struct mbuf;

/** The five indicator states */
enum reg_state {
	REG_OFF,                   /* grey: not enabled                     */
	REG_QUEUED,                /* orange dot: first registration waits  */
	REG_GREEN,                 /* registered                            */
	REG_LAGGING,               /* orange ring: registers, but cannot keep
				      up with the expiry                    */
	REG_RED,                   /* failing                               */
	REG_STATES,
};

const char *reg_state_name(enum reg_state state);   /* "off", "queued",
				      "registered", "lagging", "failing"    */

struct reg_status {
	char tenant[64], pbx[64], upn[128], number[32];
	char aor[192];             /* sip:101@pbx.example                   */
	enum reg_state state;
	int64_t since_s;           /* wall clock, this state                */
	int64_t next_s;            /* next attempt or refresh, 0: none      */
	uint16_t scode;            /* last final answer, 0: none            */
	char reason[128];          /* "Unable to resolve URI", "Forbidden",
				      "No response received after 32 s"    */
	char words[128];           /* the PBX's: "403 Forbidden (Bad auth)" */
	char advice[512];
	char server[64];           /* PBX's Server or User-Agent header     */
	char contact[192];
	uint32_t expires_s;        /* granted                               */
	uint32_t rtt_ms;
	uint32_t flaps;
	bool waiting;              /* the mailbox's lamp                    */
	uint32_t waiting_new;      /* voice messages                        */
	uint32_t waiting_old;
	bool removed;              /* the user is gone: forget the row      */
	bool away;                 /* another node serves its PBX: what is
				      said here is for this process alone   */
	bool waits;                /* it queues, and not for long yet: shown,
				      but not worth remembering             */
};

struct trunk_status {
	char tenant[64], fqdn[128], proxy[128];
	bool up;                   /* we reached it                         */
	bool seen;                 /* it pings us                           */
	int64_t since_s;
	char why[128];
	uint32_t rtt_ms;
	bool removed;              /* the trunk is gone: forget the row     */
};

enum call_state { CALL_TRYING, CALL_RINGING, CALL_ANSWERED, CALL_ENDED };
enum call_direction { CALL_FROM_TEAMS, CALL_FROM_PBX };

/** What became of a call; the classes of reports and metrics */
enum call_result {
	CALL_RUNNING,
	CALL_GOOD,                 /* answered                              */
	CALL_BUSY,
	CALL_NO_ANSWER,
	CALL_DECLINED,
	CALL_CANCELLED,            /* the caller hung up before the answer  */
	CALL_UNAVAILABLE,          /* phone not registered, nobody signed in */
	CALL_NOT_FOUND,            /* no such number                        */
	CALL_FORBIDDEN,            /* not allowed, or credentials refused   */
	CALL_MEDIA,                /* no codec or encryption in common, no
				      voice                                 */
	CALL_NETWORK,              /* no connection, no answer, lost        */
	CALL_CONGESTION,           /* overload, no line free, restarting    */
	CALL_FAULT,                /* a peer or the bridge failed           */
	CALL_RESULTS,
};

/** Who or what a decision is about */
enum call_where { CALL_AT_TEAMS, CALL_AT_PBX, CALL_AT_BRIDGE };

enum call_topic {
	CALL_ROUTE,                /* which user, which proxy               */
	CALL_NUMBER,               /* a rule of the number plan, a mapping  */
	CALL_CODEC,
	CALL_SECURITY,             /* SRTP                                  */
	CALL_TIMER,
	CALL_SIGNAL,               /* codes that came and went on           */
	CALL_VOICE,                /* first packet, silence, new source     */
	CALL_HOLD,
	CALL_TRANSFER,
	CALL_FORWARD,              /* redirects, voicemail                  */
};

enum { CALL_DECISIONS = 20, CALL_DECISION_TEXT = 64 };

/** Something that the bridge decided or noticed, for `callbridge why` */
struct call_decision {
	uint32_t at_ms;            /* since the call began                  */
	enum call_topic topic;
	enum call_where where;
	char text[CALL_DECISION_TEXT];
};

/** How a leg's peer handed the call on */
enum call_transfer_kind {
	TRANSFER_BLIND,
	TRANSFER_ATTENDED,         /* after a consultation                  */
	TRANSFER_REPLACED,         /* an INVITE took the leg's place        */
};

/** Who did it */
enum call_transfer_way {
	TRANSFER_BY_PBX,           /* our REFER                             */
	TRANSFER_BY_BRIDGE,        /* a new leg of ours                     */
	TRANSFER_BY_JOIN,          /* two calls of ours joined              */
	TRANSFER_BY_PEER,          /* the peer itself, by Replaces          */
};

enum { CALL_TRANSFERS = 6 };

/** One transfer of a call, done or not */
struct call_transfer {
	uint32_t at_ms;            /* when it was asked for, since the start */
	uint32_t took_ms;          /* until its end, 0: under way           */
	enum call_where by;        /* side of the transferor                */
	enum call_transfer_kind kind;
	enum call_transfer_way way;
	char from[64];             /* number of the transferor              */
	char to[64];               /* ... of the target, "" none            */
	uint16_t scode;            /* outcome: 2xx, or why not; 0: under way */
	char call_id[40];          /* the other call of ours in it, ""      */
};

const char *call_state_name(enum call_state state);
const char *call_direction_name(enum call_direction direction);
const char *call_result_name(enum call_result result);
const char *call_where_name(enum call_where where);

struct call_record;
/** It has ended, and people could not speak, or lost each other. A busy
    callee, one who does not answer or a caller who hangs up is no failure */
bool call_record_failed(const struct call_record *rec);

struct call_side {
	char number[64];           /* as shown on that side                 */
	char callid[160];          /* SIP Call-ID                           */
	char codec[24];
	char srtp[40];             /* suite, "" plain RTP                   */
	uint16_t scode;            /* final status of this leg's INVITE as it
				      came from or went to the peer, 0: none */
	uint16_t q850;             /* cause of its Reason header, 0: none   */
	uint64_t rx_packets, tx_packets, rx_lost;
	uint32_t jitter_us, rtt_us;
	uint32_t peer_lost_permille;   /* of ours, as the peer reports      */
	uint32_t dscp;             /* of the packets we send                */
	double mos;                /* 0: not known                          */
};

/** A call, as it stands or as it ended */
struct call_record {
	char id[40];               /* ours, unique                          */
	uint32_t version;          /* counts up with each record of a call: the
				      highest one is the call               */
	char tenant[64], pbx[64], upn[128];
	enum call_direction direction;
	enum call_state state;
	char caller[64], caller_name[96], callee[64];
	char caller_raw[64], callee_raw[64];   /* numbers as they came      */
	char caller_sent[64], callee_sent[64]; /* ... and as they went on   */
	int64_t start_ms, ring_ms, answer_ms, end_ms;  /* wall clock, ms; 0 */
	struct call_side teams, pbxside;
	uint16_t scode;            /* final status, 200 for answered calls  */
	char reason[128];
	char ended_by[16];         /* "teams", "pbx", "bridge"              */
	enum call_result result;
	char failed_side[16];      /* of a failed call: "teams", "pbx",
				      "bridge"                              */
	char what[192];            /* ... what happened, in plain words     */
	char advice[768];          /* ... likely causes, in order           */
	char field[64];            /* ... the setting to look at first      */
	char voicemail[16];        /* a voicemail conflict: Teams' server
				      answered "at-once" or after "no-answer",
				      or somebody "late", after the PBX's own
				      time; "" none                         */
	char transferred_to[64];   /* by the last transfer that was done    */
	char story[40];            /* id of the first call of this story    */
	char transfer_of[40];      /* id of the call this one came from, "" */
	char replaced_by[40];      /* id of the call that goes on, ""       */
	uint32_t transfers_dropped;    /* older ones that there were        */
	uint32_t transferc;
	struct call_transfer transferv[CALL_TRANSFERS];
	uint32_t decisions_dropped;    /* there were more                   */
	uint32_t decisionc;
	struct call_decision decisionv[CALL_DECISIONS];
};

/**
 * Note a decision. When there is no room one from the middle gives way: how a
 * call began and how it ended are what people ask for
 */
void call_record_note(struct call_record *rec, uint32_t at_ms,
		      enum call_topic topic, enum call_where where,
		      const char *text);

/** Note a transfer that was asked for; the oldest gives way. @return it,
    good until the next one */
struct call_transfer *call_record_transfer(struct call_record *rec);

/** To and from JSON, the members' names as here. NULL without memory; the
    caller owns the reference */
struct json_t *reg_status_json(const struct reg_status *st);
struct json_t *trunk_status_json(const struct trunk_status *st);
struct json_t *call_record_json(const struct call_record *rec);
/** Give an object that was left short by reg_status_write() all of its
    members. @return 0, ENOMEM */
int reg_status_complete(struct json_t *value);
/** @return 0, EBADMSG wrong type, range or size (*rec is untouched); members
    that are not there are zero */
int call_record_read(struct call_record *rec, const struct json_t *json);

/** From the JSON's text: what call_record_write() wrote at a fraction of the
    cost. @return 0, EBADMSG (*rec is zero) */
int call_record_parse(struct call_record *rec, const char *text, size_t l);

/** The same JSON as text, at a tenth of the cost: appended to the buffer,
    compact, without a newline. A registration's members that are zero, false
    or empty are left out. @return 0, ENOMEM */
int reg_status_write(struct mbuf *mb, const struct reg_status *st);
int trunk_status_write(struct mbuf *mb, const struct trunk_status *st);
int call_record_write(struct mbuf *mb, const struct call_record *rec);

/**
 * As few octets as it needs, all of them within one block
 *
 * @param buf  Takes them; none is larger than the struct
 *
 * @return Octets that were used
 */
size_t reg_status_pack(char buf[sizeof(struct reg_status)],
		       const struct reg_status *st);
void reg_status_unpack(struct reg_status *st, const char *packed);

/** What a packed one is found and sorted by; views into it */
struct reg_status_key {
	const char *tenant, *pbx, *upn, *aor;
};

void reg_status_packed_key(struct reg_status_key *key, const char *packed);

/** Its state alone */
enum reg_state reg_status_packed_state(const char *packed);

/** Nothing differs but what every refresh moves: when the next one is due,
    the round-trip time */
bool reg_status_packed_same(const char *a, size_t asize, const char *b,
			    size_t bsize);

#endif
