/**
 * @file matching.h  Who can call, and why others cannot: two lists together
 *
 * Microsoft's people on one side, the customer's users on the other. Each
 * of them gets one line, with the first reason that stands in the way.
 */
#ifndef SYNC_MATCHING_H
#define SYNC_MATCHING_H

#include "bridge/model/tenant.h"
#include "directory.h"

enum match_why {
	MATCH_READY,               /* nothing stands in the way             */
	MATCH_UNKNOWN,             /* Microsoft has nobody of that name     */
	MATCH_GUEST,
	MATCH_RESOURCE,            /* auto attendant or call queue          */
	MATCH_DISABLED,            /* the account at Microsoft              */
	MATCH_NO_LICENCE,
	MATCH_LICENCE_LOCKED,
	MATCH_NO_COUNTRY,
	MATCH_NOT_OURS,            /* no user of that name here             */
	MATCH_OFF,                 /* the user here is not enabled          */
	MATCH_LEFT,                /* Microsoft has had somebody of that
				      name, and has not any more            */
	MATCH_WHYC,
};

enum match_note {
	MATCH_NO_NOTE,
	MATCH_LICENCE_ENDS,        /* grace period                          */
	MATCH_OTHER_COUNTRY,       /* here it is another one                */
};

/** Borrows both; dies before them */
struct match {
	struct le le;
	struct le he;
	const struct person *person;       /* NULL: MATCH_UNKNOWN           */
	const struct user *user;   /* NULL: none here                       */
	enum match_why why;
	enum match_note note;
};

/**
 * Put the lists together: users first, in their order, then the people who
 * are not among them
 *
 * @param matchl  Takes struct match
 *
 * @return 0, ENOMEM
 */
int match_all(struct list *matchl, const struct directory *dir,
	      const struct tenant *tenant);

/** What stands in the way at Microsoft, whatever there is here */
enum match_why match_person(const struct person *person);

/** "no_licence" */
const char *match_why_name(enum match_why why);

/** The one of that name; MATCH_WHYC: none */
enum match_why match_why_named(const char *name);

/** Why not, for a person; "" if ready */
const char *match_why_text(enum match_why why);

/** What to do about it; "" if nothing */
const char *match_why_advice(enum match_why why);

/** A warning beside it; "" none */
const char *match_note_text(enum match_note note);

#endif
