/**
 * @file run_roster.h  Who takes part in a test, out of the store
 *
 * In a worker. What is made holds passwords: it is for the program that goes
 * through the test alone, and is to be freed by run_text_wipe().
 */
#ifndef PORTAL_RUN_ROSTER_H
#define PORTAL_RUN_ROSTER_H

#include "api.h"

struct errors;
struct run_order;
struct run_plans;

/**
 * A roster (testplans/roster.h) of who is kept with the PBX of the path, as
 * far as the plans want them
 *
 * @param textp  Takes JSON text
 * @param who    Takes whom no other test may want meanwhile, in words
 *
 * @return 0, ENOENT no such PBX, EBADMSG (errs says why), errors of the store
 */
int run_roster(char **textp, struct request *rq,
	       const struct run_plans *plans, struct strings *who,
	       struct errors *errs);

/** A customer file with the PBX of the path as it works and the users of an
    order. Returns as run_roster() */
int run_customer(char **textp, struct request *rq,
		 const struct run_order *order, struct strings *who,
		 struct errors *errs);

void run_text_wipe(char *text);

#endif
