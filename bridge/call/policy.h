/**
 * @file policy.h  What a user may call, how often and how many at once
 *
 * Judged for each call to a PBX, and again for the target of a redirect or a
 * transfer, which counts as a call of the user who sends it there. Calls from
 * a PBX are judged by the lines and the user's calls alone. Emergency calls
 * are never refused.
 */
#ifndef CALL_POLICY_H
#define CALL_POLICY_H

#include "bridge/base/libre.h"
#include "bridge/model/tenant.h"

struct account;
struct policies;

/** A call's place among those that limits count; deref gives it back */
struct seat;

/** Why a call is not allowed */
struct verdict {
	uint16_t scode;            /* 0: it is allowed                      */
	const char *reason;        /* reason phrase; static                 */
	const char *advice;        /* plain words, the field to change;
				      static                                */
};

int policies_alloc(struct policies **psp);

/** Country whose numbering plan a user dials by, NULL: not known */
const char *policy_country(const struct account *acc);

/**
 * May this user call that number? For new calls, and for the targets of
 * redirects and transfers
 *
 * @return the kind of number it is
 */
enum number_class policy_judge(const struct account *acc, const char *dialled,
			       struct verdict *verdict);

/**
 * A new call takes its place, or is refused
 *
 * @param seatp     Takes the place, if there is one
 * @param outgoing  From Teams to the PBX
 * @param klass     Of the number called; CLASS_INTERNAL of an incoming one
 * @param now_ms    Monotonic time
 * @param day       Number of the day, for what is counted by day
 *
 * @return 0 (see verdict), ENOMEM
 */
int policy_enter(struct seat **seatp, struct policies *ps,
		 const struct account *acc, bool outgoing,
		 enum number_class klass, uint64_t now_ms, int64_t day,
		 struct verdict *verdict);

/** The call was answered that long; for the minutes of its tenant */
void seat_spent(struct seat *seat, uint64_t ms, int64_t day);

#endif
