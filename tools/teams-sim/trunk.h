/**
 * @file trunk.h  OPTIONS both ways, and the health that follows from them
 */
#ifndef TEAMS_SIM_TRUNK_H
#define TEAMS_SIM_TRUNK_H

#include "sim.h"

struct tenant;
struct trans;
struct trunk;

enum trunk_state {
	TRUNK_UNKNOWN, /* the SBC never sent a valid OPTIONS */
	TRUNK_UP,      /* our pings are answered */
	TRUNK_DOWN,    /* they are not */
	TRUNK_DEMOTED, /* the SBC has stopped sending OPTIONS */
};

/** One region's view of a trunk */
struct ping {
	struct trunk *trunk;     /* borrowed: parent */
	struct instance *inst;   /* borrowed */
	struct trans *trans;     /* borrowed: our OPTIONS under way */
	struct deadline period, timeout;
	uint64_t heard_ms;       /* last valid OPTIONS from the SBC, 0 never */
	uint64_t answered_ms;    /* last good answer to ours, 0 never */
	bool ok;
	uint32_t cseq;
	char why[160];           /* why the last ping failed */
};

struct trunk {
	struct tenant *tenant; /* borrowed: parent */
	enum trunk_state state;
	uint16_t port;         /* from the Contact of the SBC's OPTIONS */
	struct ping pingv[INSTANCES];
	struct deadline demote;
};

void trunk_init(struct trunk *trunk, struct tenant *tenant);
void trunk_stop(struct trunk *trunk);

/** An OPTIONS of the SBC has arrived: answer it, and judge it */
void trunk_options(struct conn *conn, const struct sip_msg *msg);

/**
 * Who is this request from? The checks common to OPTIONS and INVITE
 *
 * Contact FQDN (or topmost Record-Route), no IP literal, named by the
 * certificate of its connection, known as somebody's trunk.
 *
 * @param tenantp  Tenant
 * @param portp    The SBC's listening port
 *
 * @return 0, or the request has been refused and recorded: EPROTO
 */
int trunk_identify(struct tenant **tenantp, uint16_t *portp,
		   struct conn *conn, const struct sip_msg *msg);

/** Where the SBC of this trunk listens; 0, ENOENT */
int trunk_addr(const struct trunk *trunk, struct sa *addr);

/** Has this region had OPTIONS of the SBC lately? */
bool ping_is_fresh(const struct ping *ping);

/** @return whether calls may be placed on it */
bool trunk_is_usable(const struct trunk *trunk);

/** @return new JSON object describing the trunk's health */
json_t *trunk_json(const struct trunk *trunk);

#endif
