/**
 * @file choice.h  Which cases of which plans are wanted, and whom they want
 */
#ifndef TESTPLANS_CHOICE_H
#define TESTPLANS_CHOICE_H

#include "plan.h"

/** All of it borrowed */
struct choice {
	struct plan *const *planv;
	size_t planc;
	const char *const *casev;  /* only these ids; none: all             */
	size_t casec;
	const char *const *tagv;   /* only with one of these tags           */
	size_t tagc;
};

/** Is this case of one of the plans wanted? */
bool choice_has(const struct choice *ch, const struct plan_case *cas);

/**
 * Are there the cases and tags that are spoken of?
 *
 * @param errs  Takes what there is not ("cases", "tags"), and what was
 *              probably meant
 *
 * @return 0, EBADMSG there is something else, or nothing is left of the plans
 */
int choice_check(const struct choice *ch, struct errors *errs);

/** Somebody, or something, that a case speaks of: "user_a", "nobody",
    "mailbox". Not terminated. May be told more than once */
typedef void (choice_need_h)(const char *name, size_t l, void *arg);

/** What a case wants, as its sentences have it */
void choice_needs(const struct plan_case *cas, choice_need_h *h, void *arg);

#endif
