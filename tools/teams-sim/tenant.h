/**
 * @file tenant.h  Tenants, their trunks' names and their users
 */
#ifndef TEAMS_SIM_TENANT_H
#define TEAMS_SIM_TENANT_H

#include "sim.h"
#include "trunk.h"

enum {
	CLIENTS_MAX = 8,
};

/** What a user's clients do with a call */
enum answer_mode {
	ANSWER_MANUAL,
	ANSWER_AUTO,
	ANSWER_BUSY,
	ANSWER_DECLINE,
	ANSWER_NOANSWER,
};

struct tenant {
	struct le le;
	struct sim *sim;      /* borrowed */
	char *fqdn;           /* FQDN of the trunk in the SBC's Contact */
	char guid[37];
	struct tenant *base;  /* borrowed: carrier whose trunk we derive */
	struct list userl;    /* struct user, owned */
	json_t *blocked;      /* array of caller numbers, NULL: none */
	bool forward_pai;
	bool enabled;         /* new calls to the SBC may be placed */
	bool send_options;    /* off: no pings, no health, never demoted */
	struct tenant *next;  /* borrowed: trunk to try after this one */
	bool shuffle;         /* it and those after it are of equal rank */
	json_t *failover_codes; /* array: answers that try the next trunk */
	struct trunk trunk;
};

struct user {
	struct le le;
	struct tenant *tenant; /* borrowed: outlives its users */
	char *number;          /* as in the Request-URI */
	char *upn;
	char guid[37];         /* of the MRI 8:orgid:<guid> */
	uint32_t clients;      /* 0: assigned, but nobody is signed in */
	enum answer_mode mode;
	uint32_t ring_ms;
	uint32_t tone_hz;
	bool early_media;
	bool voicemail;        /* a server answers for them */
};

/** Add a tenant; an EALREADY one is returned as it is. 0, ENOMEM */
int tenant_add(struct tenant **tp, struct sim *sim, const char *fqdn);

/** The tenant of a trunk FQDN, exactly; NULL */
struct tenant *tenant_find(const struct sim *sim, const char *fqdn);

/** Like tenant_find(), then again without the first label (section 6) */
struct tenant *tenant_lookup(const struct sim *sim, const char *fqdn);

/** The trunk a tenant's calls use: its own or its carrier's */
struct trunk *tenant_trunk(struct tenant *tenant);

/** Does this answer of the SBC try the next trunk? */
bool tenant_fails_over(const struct tenant *tenant, uint16_t scode);

/** Is this caller on the tenant's list of blocked numbers? */
bool tenant_is_blocked(const struct tenant *tenant, const struct pl *number);

/** Sign in, or change who is signed in; 0, ENOMEM */
int user_add(struct user **up, struct tenant *tenant, const char *number,
	     const char *upn);

/** The user with that number in this tenant only; NULL */
struct user *user_find(const struct tenant *tenant, const struct pl *number);

/** Read an answer mode by name; 0, EINVAL */
int answer_mode_decode(enum answer_mode *modep, const char *name);

const char *answer_mode_name(enum answer_mode mode);

#endif
