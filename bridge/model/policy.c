/**
 * @file policy.c  The fields of a call policy
 */
#include "check.h"
#include "policy.h"


#define COUNT(v) (sizeof(v) / sizeof((v)[0]))


static const char *const classv[] = {
	[CLASS_INTERNAL]      = "internal",
	[CLASS_SERVICE]       = "service",
	[CLASS_NATIONAL]      = "national",
	[CLASS_MOBILE]        = "mobile",
	[CLASS_FREEPHONE]     = "freephone",
	[CLASS_SHARED_COST]   = "shared-cost",
	[CLASS_PREMIUM]       = "premium",
	[CLASS_INTERNATIONAL] = "international",
	[CLASS_SATELLITE]     = "satellite",
	[CLASS_HIGH_RISK]     = "high-risk",
	[CLASS_UNKNOWN]       = "unknown",
};

#define ALLOW_HELP "Kinds of numbers that may be called"
#define ALLOW_DEFAULT "; unset: internal, service, national, mobile, " \
	"freephone and shared-cost. Emergency calls are always allowed"


static const struct field policyv[] = {
	{ .name = "allow", .type = FIELD_STRINGS, .choicev = classv,
	  .choicec = COUNT(classv), .max = CLASSES,
	  .offset = offsetof(struct policy, allow),
	  .help = ALLOW_HELP ALLOW_DEFAULT },
	{ .name = "open", .type = FIELD_STRINGS, .max = 200,
	  .offset = offsetof(struct policy, open),
	  .checkh = check_e164_prefix, .flags = FIELD_ADVANCED,
	  .help = "Beginnings of numbers that may be called whatever their "
		  "kind, e.g. +4930" },
	{ .name = "closed", .type = FIELD_STRINGS, .max = 200,
	  .offset = offsetof(struct policy, closed),
	  .checkh = check_e164_prefix, .flags = FIELD_ADVANCED,
	  .help = "Beginnings of numbers that may not be called whatever "
		  "their kind; goes before open" },
	{ .name = "calls", .type = FIELD_INT, .max = 100000,
	  .offset = offsetof(struct policy, calls), .dflt = "0",
	  .help = "Calls at once in both directions, e.g. the lines of the "
		  "PBX; 0: no limit" },
	{ .name = "calls_per_user", .type = FIELD_INT, .max = 100000,
	  .offset = offsetof(struct policy, calls_per_user), .dflt = "0",
	  .flags = FIELD_ADVANCED,
	  .help = "Outgoing calls at once of one user; 0: as the tenant's, "
		  "which is 4 if not set" },
	{ .name = "starts_per_minute", .type = FIELD_INT, .max = 100000,
	  .offset = offsetof(struct policy, starts_per_minute),
	  .dflt = "0", .flags = FIELD_ADVANCED,
	  .help = "Outgoing calls begun in a minute, by all users together; "
		  "0: no limit" },
	{ .name = "starts_per_minute_user", .type = FIELD_INT,
	  .max = 100000, .dflt = "0", .flags = FIELD_ADVANCED,
	  .offset = offsetof(struct policy, starts_per_minute_user),
	  .help = "Outgoing calls begun in a minute by one user; 0: as the "
		  "tenant's, which is 10 if not set" },
	{ .name = "international_minutes", .type = FIELD_INT,
	  .max = 1000000, .dflt = "0", .flags = FIELD_ADVANCED,
	  .offset = offsetof(struct policy, international_minutes),
	  .help = "Minutes a day of calls abroad, satellite and premium "
		  "calls of all users together, then no more begin; 0: no "
		  "limit" },
};

const struct fields policy_fields = {
	.name   = "policy",
	.help   = "What may be called, and how much",
	.size   = sizeof(struct policy),
	.fieldv = policyv,
	.fieldc = COUNT(policyv),
};


static const struct field user_policyv[] = {
	{ .name = "allow", .type = FIELD_STRINGS, .choicev = classv,
	  .choicec = COUNT(classv), .max = CLASSES,
	  .offset = offsetof(struct user_policy, allow),
	  .help = ALLOW_HELP "; unset: as the PBX's or the tenant's policy "
		  "says" },
	{ .name = "calls", .type = FIELD_INT, .max = 100000,
	  .offset = offsetof(struct user_policy, calls), .dflt = "0",
	  .flags = FIELD_ADVANCED,
	  .help = "Outgoing calls at once; 0: calls_per_user of the PBX or "
		  "the tenant" },
	{ .name = "starts_per_minute", .type = FIELD_INT, .max = 100000,
	  .offset = offsetof(struct user_policy, starts_per_minute),
	  .dflt = "0", .flags = FIELD_ADVANCED,
	  .help = "Outgoing calls begun in a minute; 0: "
		  "starts_per_minute_user of the PBX or the tenant" },
};

const struct fields user_policy_fields = {
	.name   = "policy",
	.help   = "What this user may call, where it differs",
	.size   = sizeof(struct user_policy),
	.fieldv = user_policyv,
	.fieldc = COUNT(user_policyv),
};


const char *number_class_name(enum number_class klass)
{
	return klass < CLASSES ? classv[klass] : "emergency";
}


bool policy_default_allows(enum number_class klass)
{
	switch (klass) {

	case CLASS_PREMIUM:
	case CLASS_INTERNATIONAL:
	case CLASS_SATELLITE:
	case CLASS_HIGH_RISK:
	case CLASS_UNKNOWN:
		return false;

	default:
		return true;
	}
}
