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

/** The five indicator states */
enum reg_state {
	REG_OFF,                   /* grey: not enabled                     */
	REG_QUEUED,                /* orange dot: first registration waits  */
	REG_GREEN,                 /* registered                            */
	REG_LAGGING,               /* orange ring: registers, but cannot keep
				      up with the expiry                    */
	REG_RED,                   /* failing                               */
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
	char reason[128];          /* "Unable to resolve URI", "No response
				      received after 32 seconds", "Forbidden" */
	char words[128];           /* the PBX's own: "403 Forbidden (Bad auth)" */
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
};

struct trunk_status {
	char tenant[64], fqdn[128], proxy[128];
	bool up;                   /* we reached it                         */
	bool seen;                 /* it pings us                           */
	int64_t since_s;
	char why[128];
	uint32_t rtt_ms;
};

enum call_state { CALL_TRYING, CALL_RINGING, CALL_ANSWERED, CALL_ENDED };
enum call_direction { CALL_FROM_TEAMS, CALL_FROM_PBX };

const char *call_state_name(enum call_state state);
const char *call_direction_name(enum call_direction direction);

struct call_side {
	char number[64];           /* as shown on that side                 */
	char callid[160];          /* SIP Call-ID                           */
	char codec[24];
	uint64_t rx_packets, tx_packets, rx_lost;
	uint32_t jitter_us, rtt_us;
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
	int64_t start_ms, ring_ms, answer_ms, end_ms;  /* wall clock, ms; 0 */
	struct call_side teams, pbxside;
	uint16_t scode;            /* final status, 200 for answered calls  */
	char reason[128];
	char ended_by[16];         /* "teams", "pbx", "bridge"              */
	char advice[512];          /* of a failed call                      */
	char transferred_to[64];
};

/** To and from JSON, the members' names as here. NULL without memory; the
    caller owns the reference */
struct json_t *reg_status_json(const struct reg_status *st);
struct json_t *trunk_status_json(const struct trunk_status *st);
struct json_t *call_record_json(const struct call_record *rec);
/** @return 0, EBADMSG wrong type, range or size (*rec is untouched); members
    that are not there are zero */
int call_record_read(struct call_record *rec, const struct json_t *json);

#endif
