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

/**
 * A roster (testplans/roster.h) of who is kept with the PBX of the path
 *
 * @param textp  Takes JSON text
 *
 * @return 0, ENOENT no such PBX, EBADMSG (errs says why), errors of the store
 */
int run_roster(char **textp, struct request *rq, struct errors *errs);

/** A customer file with the PBX of the path as it works and the users of an
    order. Returns as run_roster() */
int run_customer(char **textp, struct request *rq,
		 const struct run_order *order, struct errors *errs);

void run_text_wipe(char *text);

#endif
