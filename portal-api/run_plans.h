/**
 * @file run_plans.h  The plans of an order, read
 */
#ifndef PORTAL_RUN_PLANS_H
#define PORTAL_RUN_PLANS_H

#include "run_order.h"
#include "testplans/choice.h"

struct errors;

/** Zeroed before it is read */
struct run_plans {
	struct plan *planv[RUN_PLANS_MAX];     /* owned                      */
	const struct run_file *filev[RUN_PLANS_MAX]; /* of the order; NULL:
						one of the house             */
	struct choice choice;      /* borrows of the order                   */
	unsigned needs;            /* bit map, for run_plans_want()          */
};

/**
 * Read them
 *
 * @param order  Stays while they are used
 *
 * @return 0, EBADMSG (errs has all that is wrong, files with line and
 *         column), ENOMEM
 */
int run_plans_read(struct run_plans *plans, const struct run_order *order,
		   struct errors *errs);
void run_plans_clear(struct run_plans *plans);

/** Does one of the cases that were chosen want it? "user_a", "mailbox" */
bool run_plans_want(const struct run_plans *plans, const char *name);

enum { RUN_PLANS_FILE_SIZE = 24 };

/** What the file of a plan is called in the folder of the test.
    @return name, NULL it is one of the house */
const char *run_plans_file(const struct run_plans *plans, size_t i,
			   char name[RUN_PLANS_FILE_SIZE]);

/** Write the files that came with the order into the folder of the test.
    @return 0, errno */
int run_plans_write(const struct run_plans *plans, const char *folder);

#endif
