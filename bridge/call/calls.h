/**
 * @file calls.h  All calls of a node
 *
 * A call joins a leg to Teams and a leg to a PBX, and the stream of voice
 * between them. INVITEs that begin one come in here.
 */
#ifndef CALL_CALLS_H
#define CALL_CALLS_H

#include "bridge/base/libre.h"
#include "bridge/model/nodeconf.h"
#include "bridge/model/status.h"

struct stack;
struct strans;
struct media;
struct pool;
struct trunks;
struct trace;
struct tapes;
struct calls;

/** A new version of a call's record; to be safe on disk or on its way there
    when this returns */
typedef void (calls_record_h)(const struct call_record *rec, void *arg);

struct calls_conf {
	struct stack *stack;       /* all borrowed                          */
	struct media *media;
	struct pool *pool;
	struct trunks *trunks;
	struct trace *trace;       /* NULL: none                            */
	struct tapes *tapes;       /* NULL: none                            */
	const struct nodeconf *node;
	struct sa teams_laddr, pbx_laddr;      /* media sockets             */
	struct sa teams_public, pbx_public;    /* in descriptions; not set:
					          as the sockets            */
	calls_record_h *liveh;     /* how running calls go; NULL: nobody    */
};

/** @param recordh  Takes each new version of a record
    @param arg      For it and conf->liveh */
int calls_alloc(struct calls **callsp, const struct calls_conf *conf,
		calls_record_h *recordh, void *arg);

/** An INVITE out of dialog, from either side. Takes the transaction */
void calls_request(struct calls *calls, struct strans *st,
		   const struct sip_msg *msg);

/** Users who do not want to be disturbed, all of a tenant's, instead of
    those told before; known for `valid_s`. @param scode  480 or 486, for
    calls from the PBX. @return 0, ENOMEM */
struct strings;
int calls_quiet_set(struct calls *calls, const char *tenant, uint16_t scode,
		    const struct strings *upns, uint32_t valid_s);

size_t calls_count(const struct calls *calls);

/** No new calls from now on: 503. doneh once when the last has ended */
typedef void (calls_done_h)(void *arg);
void calls_drain(struct calls *calls, calls_done_h *doneh, void *arg);

/** End all calls now */
void calls_end_all(struct calls *calls, const char *why);

#endif
