/**
 * @file policy.c  What a user may call, how often and how many at once
 *
 * A tally counts for one tenant, one PBX or one user. A seat holds the three
 * of its call while that lasts; without seats a tally stays until it has
 * nothing to remember: its minute is over and no minutes abroad were spent
 * today.
 */
#include "bridge/base/log.h"
#include "bridge/base/metrics.h"
#include "bridge/pbx/pool.h"
#include "pbx-templates/class.h"
#include "pbx-templates/number.h"
#include "policy.h"


enum {
	BUCKETS  = 1024,
	MINUTE_MS = 60000,
	KEY_MAX  = 256,
};

enum level { TENANT, PBX, USER, LEVELS };


struct policies {
	struct hash *tallies;      /* struct tally, by key                  */
};

struct tally {
	struct le he;
	char *key;                 /* owned                                 */
	uint32_t calls;            /* now, both directions                  */
	uint32_t outgoing;
	uint64_t left_m;           /* starts left, in thousandths           */
	uint64_t at_ms;            /* ... at that time                      */
	uint64_t abroad_ms;        /* spent on that day                     */
	int64_t day;
	uint64_t told_ms;          /* of a refusal, 0: never                */
};

struct seat {
	struct tally *tallyv[LEVELS];      /* owned references              */
	bool outgoing;
	bool abroad;
};

/** The numbers that count for one call */
struct limits {
	uint64_t calls[LEVELS];            /* in all                        */
	uint64_t outgoing;                 /* of the user                   */
	uint64_t starts[LEVELS];           /* a minute                      */
	uint64_t abroad_ms;                /* a day                         */
};


static void policies_destructor(void *arg)
{
	struct policies *ps = arg;

	hash_flush(ps->tallies);
	mem_deref(ps->tallies);
}


int policies_alloc(struct policies **psp)
{
	struct policies *ps;
	int err;

	ps = mem_zalloc(sizeof(*ps), policies_destructor);
	if (!ps)
		return ENOMEM;

	err = hash_alloc(&ps->tallies, BUCKETS);
	if (err)
		mem_deref(ps);
	else
		*psp = ps;

	return err;
}


/* --- kinds of numbers --- */


const char *policy_country(const struct account *acc)
{
	const struct user *user = account_user(acc);

	return user->country ? user->country : account_pbx(acc)->country;
}


static bool begins(const char *number, const struct strings *prefixes)
{
	size_t i;

	for (i = 0; i < prefixes->c; i++) {
		if (!strncmp(number, prefixes->v[i], strlen(prefixes->v[i])))
			return true;
	}

	return false;
}


static bool class_allowed(const struct account *acc, enum number_class klass)
{
	const struct strings *const v[] = {
		&account_user(acc)->policy.allow,
		&account_pbx(acc)->policy.allow,
		&account_tenant(acc)->policy.allow,
	};
	size_t i;

	for (i = 0; i < RE_ARRAY_SIZE(v); i++) {
		if (v[i]->c)
			return strings_has(v[i], number_class_name(klass));
	}

	return policy_default_allows(klass);
}


static void forbid(struct verdict *verdict, uint16_t scode,
		   const char *reason, const char *advice)
{
	verdict->scode = scode;
	verdict->reason = reason;
	verdict->advice = advice;
}


static const char *class_advice(enum number_class klass)
{
	switch (klass) {

	case CLASS_PREMIUM:
		return "Premium numbers may not be called: add \"premium\" to "
			"policy.allow of the user, the PBX or the tenant.";
	case CLASS_INTERNATIONAL:
		return "Calls abroad are not allowed: add \"international\" "
			"to policy.allow of the user, the PBX or the tenant, "
			"or the beginning of the number to policy.open.";
	case CLASS_SATELLITE:
		return "Satellite and other numbers of no country may not be "
			"called: add \"satellite\" to policy.allow of the "
			"user, the PBX or the tenant.";
	case CLASS_HIGH_RISK:
		return "Calls to where fraud often goes are not allowed: add "
			"\"high-risk\" to policy.allow, or better only the "
			"beginning of the number to policy.open.";
	case CLASS_UNKNOWN:
		return "The number has no known form, so that it cannot be "
			"told what it is: dial it as +country..., or add "
			"\"unknown\" to policy.allow.";
	default:
		return "Numbers of this kind are not in policy.allow of the "
			"user, the PBX or the tenant.";
	}
}


enum number_class policy_judge(const struct account *acc, const char *dialled,
			       struct verdict *verdict)
{
	const struct policy *pbx = &account_pbx(acc)->policy;
	const struct policy *tenant = &account_tenant(acc)->policy;
	char number[NUMBER_MAX];
	enum number_class klass;

	memset(verdict, 0, sizeof(*verdict));
	klass = number_class(account_pbx(acc), policy_country(acc), dialled,
			     number, sizeof(number));

	if (klass == CLASS_EMERGENCY)
		return klass;

	if (begins(number, &pbx->closed) || begins(number, &tenant->closed))
		forbid(verdict, 403, "Number Not Allowed",
		       "The number begins as one of policy.closed of the PBX "
		       "or the tenant.");
	else if (!begins(number, &pbx->open) &&
		 !begins(number, &tenant->open) &&
		 !class_allowed(acc, klass))
		forbid(verdict, 403, "Number Not Allowed",
		       class_advice(klass));

	return klass;
}


/* --- limits --- */


static bool is_abroad(enum number_class klass)
{
	return klass == CLASS_INTERNATIONAL || klass == CLASS_SATELLITE ||
		klass == CLASS_PREMIUM || klass == CLASS_HIGH_RISK;
}


/** The nearest that is set; what is 0 is not set */
static uint64_t first_of(int64_t a, int64_t b, int64_t c, int64_t dflt)
{
	return (uint64_t)(a ? a : b ? b : c ? c : dflt);
}


static void limits_of(struct limits *lim, const struct account *acc)
{
	const struct policy *tenant = &account_tenant(acc)->policy;
	const struct policy *pbx = &account_pbx(acc)->policy;
	const struct user_policy *user = &account_user(acc)->policy;

	memset(lim, 0, sizeof(*lim));
	lim->calls[TENANT]  = (uint64_t)tenant->calls;
	lim->calls[PBX]     = (uint64_t)pbx->calls;
	lim->outgoing       = first_of(user->calls, pbx->calls_per_user,
				       tenant->calls_per_user,
				       POLICY_CALLS_PER_USER);
	lim->starts[TENANT] = (uint64_t)tenant->starts_per_minute;
	lim->starts[PBX]    = (uint64_t)pbx->starts_per_minute;
	lim->starts[USER]   = first_of(user->starts_per_minute,
				       pbx->starts_per_minute_user,
				       tenant->starts_per_minute_user,
				       POLICY_STARTS_PER_MINUTE_USER);
	lim->abroad_ms = (uint64_t)tenant->international_minutes * MINUTE_MS;
}


static void tally_destructor(void *arg)
{
	struct tally *ta = arg;

	hash_unlink(&ta->he);
	mem_deref(ta->key);
}


static void key_of(char *key, enum level level, const struct account *acc)
{
	const char *tenant = account_tenant(acc)->tenant;
	const char *const namev[] = {
		[TENANT] = "",
		[PBX]    = account_pbx(acc)->name,
		[USER]   = account_user(acc)->upn,
	};

	(void)re_snprintf(key, KEY_MAX, "%u %s %s", (unsigned)level, tenant,
			  namev[level]);
}


static bool key_h(struct le *le, void *arg)
{
	const struct tally *ta = le->data;

	return !strcmp(ta->key, arg);
}


/** Nothing to remember any more */
static bool is_over(const struct tally *ta, uint64_t now_ms, int64_t day)
{
	return mem_nrefs(ta) == 1 && now_ms >= ta->at_ms + MINUTE_MS &&
		now_ms >= ta->told_ms + MINUTE_MS &&
		(!ta->abroad_ms || ta->day != day);
}


/** Those that are over in the chain that a new one goes into: so none needs
    a timer, and the table does not grow */
static void sweep(struct policies *ps, const char *key, uint64_t now_ms,
		  int64_t day)
{
	struct le *le = list_head(hash_list(ps->tallies,
					    hash_joaat_str(key)));

	while (le) {
		struct tally *ta = le->data;

		le = le->next;
		if (is_over(ta, now_ms, day))
			mem_deref(ta);
	}
}


/** @return borrowed; the table holds it. NULL without memory */
static struct tally *tally_get(struct policies *ps, const char *key)
{
	struct tally *ta;

	ta = list_ledata(hash_lookup(ps->tallies, hash_joaat_str(key), key_h,
				     (void *)(uintptr_t)key));
	if (ta)
		return ta;

	ta = mem_zalloc(sizeof(*ta), tally_destructor);
	if (!ta)
		return NULL;

	if (str_dup(&ta->key, key)) {
		mem_deref(ta);
		return NULL;
	}

	hash_append(ps->tallies, hash_joaat_str(key), &ta->he, ta);

	return ta;
}


/** Starts left of a limit a minute, in thousandths: they come back evenly */
static uint64_t starts_left(const struct tally *ta, uint64_t limit,
			    uint64_t now_ms)
{
	const uint64_t full = limit * 1000;
	const uint64_t since_ms = now_ms - ta->at_ms;
	uint64_t left;

	if (!ta->at_ms || since_ms >= MINUTE_MS)
		return full;

	left = ta->left_m + full * since_ms / MINUTE_MS;

	return left < full ? left : full;
}


static bool too_many_starts(const struct seat *seat, const struct limits *lim,
			    uint64_t now_ms)
{
	size_t i;

	for (i = 0; i < LEVELS; i++) {
		if (lim->starts[i] &&
		    starts_left(seat->tallyv[i], lim->starts[i], now_ms) <
		    1000)
			return true;
	}

	return false;
}


static bool lines_full(const struct seat *seat, const struct limits *lim)
{
	return (lim->calls[TENANT] &&
		seat->tallyv[TENANT]->calls >= lim->calls[TENANT]) ||
		(lim->calls[PBX] &&
		 seat->tallyv[PBX]->calls >= lim->calls[PBX]);
}


static void judge_outgoing(const struct seat *seat, const struct limits *lim,
			   uint64_t now_ms, int64_t day,
			   struct verdict *verdict)
{
	const struct tally *tenant = seat->tallyv[TENANT];

	if (lines_full(seat, lim))
		forbid(verdict, 403, "Too Many Calls",
		       "As many calls are up as policy.calls of the PBX or "
		       "the tenant allows.");
	else if (seat->tallyv[USER]->outgoing >= lim->outgoing)
		forbid(verdict, 403, "Too Many Calls Of This User",
		       "The user has as many outgoing calls as "
		       "policy.calls_per_user of the PBX or the tenant, or "
		       "policy.calls of the user, allows.");
	else if (too_many_starts(seat, lim, now_ms))
		forbid(verdict, 403, "Too Many New Calls",
		       "More calls were begun in a minute than "
		       "policy.starts_per_minute or starts_per_minute_user "
		       "allows: is somebody else using the account?");
	else if (seat->abroad && lim->abroad_ms && tenant->day == day &&
		 tenant->abroad_ms >= lim->abroad_ms)
		forbid(verdict, 403, "Too Many Minutes Abroad",
		       "The minutes of policy.international_minutes of the "
		       "tenant are used up for today.");
}


static void judge_incoming(const struct seat *seat, const struct limits *lim,
			   const struct account *acc, struct verdict *verdict)
{
	const int64_t busy_at = account_pbx(acc)->call.busy_at;

	if (lines_full(seat, lim))
		forbid(verdict, 486, "All Lines Busy",
		       "As many calls are up as policy.calls of the PBX or "
		       "the tenant allows.");
	else if (busy_at && seat->tallyv[USER]->calls >= (uint64_t)busy_at)
		forbid(verdict, 486, "Busy Here",
		       "The user has as many calls as call.busy_at of the "
		       "PBX lets be before it is told busy.");
}


static void seat_destructor(void *arg)
{
	struct seat *seat = arg;
	size_t i;

	for (i = 0; i < LEVELS; i++) {
		struct tally *ta = seat->tallyv[i];

		if (!ta)
			continue;

		--ta->calls;
		ta->outgoing -= seat->outgoing;
		mem_deref(ta);
	}
}


/** From here on the seat counts */
static void seat_take(struct seat *seat, const struct limits *lim,
		      uint64_t now_ms)
{
	size_t i;

	for (i = 0; i < LEVELS; i++) {
		struct tally *ta = mem_ref(seat->tallyv[i]);

		++ta->calls;
		ta->outgoing += seat->outgoing;

		if (seat->outgoing) {
			const uint64_t left = starts_left(ta, lim->starts[i],
							  now_ms);

			ta->left_m = left < 1000 ? 0 : left - 1000;
			ta->at_ms = now_ms;
		}
	}
}


/** Somebody should look, but need not be told more than once a minute */
static void alarm_raise(struct tally *user, const struct account *acc,
			const struct verdict *verdict, uint64_t now_ms)
{
	static struct metric *metric;

	if (verdict->scode == 403 && (!user->told_ms ||
				      now_ms >= user->told_ms + MINUTE_MS)) {
		user->told_ms = now_ms;
		warning("policy", account_user(acc)->upn, "%s. %s",
			verdict->reason, verdict->advice);
	}

	if (!metric)
		metric = metric_counter("callbridge_calls_limited_total",
					NULL, "Calls refused by a limit of "
					"the call policy");
	metric_add(metric, 1);
}


int policy_enter(struct seat **seatp, struct policies *ps,
		 const struct account *acc, bool outgoing,
		 enum number_class klass, uint64_t now_ms, int64_t day,
		 struct verdict *verdict)
{
	struct seat *seat, view = { .outgoing = outgoing,
				    .abroad = outgoing && is_abroad(klass) };
	char keyv[LEVELS][KEY_MAX];
	struct limits lim;
	size_t i;

	memset(verdict, 0, sizeof(*verdict));

	for (i = 0; i < LEVELS; i++) {
		key_of(keyv[i], (enum level)i, acc);
		sweep(ps, keyv[i], now_ms, day);
	}

	for (i = 0; i < LEVELS; i++) {
		view.tallyv[i] = tally_get(ps, keyv[i]);
		if (!view.tallyv[i])
			return ENOMEM;
	}

	limits_of(&lim, acc);
	if (klass == CLASS_EMERGENCY)
		;
	else if (outgoing)
		judge_outgoing(&view, &lim, now_ms, day, verdict);
	else
		judge_incoming(&view, &lim, acc, verdict);

	if (verdict->scode) {
		alarm_raise(view.tallyv[USER], acc, verdict, now_ms);
		return 0;
	}

	seat = mem_zalloc(sizeof(*seat), seat_destructor);
	if (!seat)
		return ENOMEM;

	*seat = view;
	seat_take(seat, &lim, now_ms);
	*seatp = seat;

	return 0;
}


void seat_spent(struct seat *seat, uint64_t ms, int64_t day)
{
	struct tally *ta;

	if (!seat || !seat->abroad)
		return;

	ta = seat->tallyv[TENANT];
	if (ta->day != day) {
		ta->day = day;
		ta->abroad_ms = 0;
	}
	ta->abroad_ms += ms;
}
