/**
 * @file policy.h  What may be called, and how much
 *
 * A tenant, a PBX and a user may each have one; what is not set at the user
 * is taken from its PBX, then from the tenant, then from policy_default.
 * Emergency calls are never refused by any of it.
 */
#ifndef MODEL_POLICY_H
#define MODEL_POLICY_H

#include "bridge/base/field.h"

/** Kinds of numbers, as policy.allow names them */
enum number_class {
	CLASS_INTERNAL,            /* extensions                            */
	CLASS_SERVICE,             /* star and hash codes of the PBX        */
	CLASS_NATIONAL,
	CLASS_MOBILE,              /* mobile, where told apart from national */
	CLASS_FREEPHONE,
	CLASS_SHARED_COST,
	CLASS_PREMIUM,
	CLASS_INTERNATIONAL,
	CLASS_SATELLITE,           /* and networks of no country            */
	CLASS_HIGH_RISK,           /* where fraud goes, by experience       */
	CLASS_UNKNOWN,             /* of no known form                      */
	CLASSES,
	CLASS_EMERGENCY = CLASSES, /* no choice: always allowed             */
};

/** "internal", "high-risk"..., "emergency" */
const char *number_class_name(enum number_class klass);

struct policy {
	struct strings allow;      /* names of classes; empty: as above     */
	struct strings open;       /* prefixes that may be called anyhow    */
	struct strings closed;     /* ... that may not; goes before `open`  */
	int64_t calls;             /* at once, all in all; 0: no limit      */
	int64_t calls_per_user;    /* outgoing at once; 0: as above         */
	int64_t starts_per_minute; /* outgoing, all in all; 0: no limit     */
	int64_t starts_per_minute_user;    /* 0: as above                   */
	int64_t international_minutes;     /* a day, all in all; 0: no limit */
};

/** Of a user: what is its own */
struct user_policy {
	struct strings allow;
	int64_t calls;             /* outgoing at once; 0: as the PBX's     */
	int64_t starts_per_minute; /* 0: as the PBX's                       */
};

extern const struct fields policy_fields;
extern const struct fields user_policy_fields;

enum {
	POLICY_CALLS_PER_USER = 4,
	POLICY_STARTS_PER_MINUTE_USER = 10,
};

/** May a class be called where nothing is written? */
bool policy_default_allows(enum number_class klass);

#endif
