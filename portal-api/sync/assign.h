/**
 * @file assign.h  Numbers and policies given to people, by Graph
 *
 * First what each of them has is read; who has the wanted number and
 * policies is left alone, and so is a number that somebody else has. Then
 * one person after another: number first, then voice routing policy and
 * dial plan. A failure is that person's alone; a missing permission ends it
 * all. Policies have to be there: the script makes them (script.h).
 */
#ifndef SYNC_ASSIGN_H
#define SYNC_ASSIGN_H

#include "graph.h"

enum assign_state {
	ASSIGN_OPEN,               /* not looked at: it ended before        */
	ASSIGN_THERE,              /* had it all                            */
	ASSIGN_WOULD,              /* a dry run would have done it          */
	ASSIGN_DONE,
	ASSIGN_FAILED,             /* see why                               */
};

/** One person; the caller's, who sets id and number. A libre object */
struct assignment {
	struct le le;
	char *id;                  /* owned: GUID at Microsoft              */
	char *number;              /* owned: as Teams shall have it         */
	void *arg;                 /* the caller's                          */
	enum assign_state state;
	char why[160];
	char has[24];              /* number that Teams showed, "" none     */
};

struct assign;
struct event_base;

struct assign_conf {
	const char *policy;        /* name of routing policy and dial plan  */
	uint32_t second_ms;        /* of waits; 0: 1000                     */
	bool dry;                  /* only look                             */
};

/** Called exactly once; after GRAPH_GOOD each has a state of its own */
typedef void (assign_h)(const struct graph_result *result, void *arg);

int assignment_alloc(struct assignment **ap, const char *id,
		     const char *number);

/**
 * @param g      Borrowed until the handler is called
 * @param people struct assignment; borrowed likewise
 */
int assign_begin(struct assign **ap, struct event_base *base,
		 struct graph *g, struct list *people,
		 const struct assign_conf *conf, assign_h *h, void *arg);

#endif
