/**
 * @file pool_core.h  What the files of the pool have among themselves
 *
 * Private to pool.c (the pool, and who leaves it), account.c,
 * pool_apply.c (the new state of things), pool_find.c (whom a request is
 * for) and queueing.c (who waits for a turn).
 */
#ifndef PBX_POOL_CORE_H
#define PBX_POOL_CORE_H

#include "mwi.h"
#include "mwisub.h"
#include "pool.h"
#include "reg.h"

enum { ACCOUNT_TOKEN = 13 };

struct account {
	struct le le;              /* in the pool's accounts or leaving    */
	struct le token_le, username_le, upn_le, number_le;
	struct le group_le;        /* in its tenant's; unlinked: it leaves */
	struct le queue_le;        /* among those who queue untold         */
	uint64_t queued_ms;        /* ... since then                       */
	struct pool *pool;         /* borrowed: parent                     */
	struct site *site;         /* ref                                  */
	struct tenant *tenant;     /* ref                                  */
	struct user *user;         /* ref                                  */
	struct digest *digest;     /* owned, NULL: not registered          */
	struct listener *lsnr;     /* owned, NULL: the shared one          */
	struct reg *reg;           /* owned                                */
	char *aor;                 /* owned: "sip:101@pbx.example"         */
	char *contact;             /* owned: "<sip:101@...>"               */
	struct mwi mwi;            /* of its mailbox                       */
	struct mwisub *mwisub;     /* owned, NULL: it is not asked for     */
	char token[ACCOUNT_TOKEN]; /* our parameter's value                */
	bool leaving;              /* its un-REGISTER is out               */
	bool replaced;             /* it goes, its user stays              */
	bool twin;                 /* ... with the same binding            */
	bool lost;                 /* ... to another node                  */
	bool queue_told;           /* that it queues is remembered         */
};

struct pool {
	struct pool_conf conf;
	struct list sitel;         /* struct site, owned                   */
	struct list accountl;      /* struct account, owned                */
	struct list leavel;        /* struct account, owned                */
	struct list queuel;        /* struct account, borrowed: queueing.c */
	uint64_t queue_ms;         /* when one came to it or left          */
	struct wheel_tmr queue_tmr;
	struct hash *tokens, *usernames, *upns, *numbers;  /* owned        */
	struct hash *groups;       /* owned: struct group, owned           */
	struct wheel_tmr leave_tmr;
	pool_status_h *statush;
	pool_done_h *doneh;        /* NULL: not closing                    */
	void *arg, *done_arg;
	bool closing;
};


/** Where something is in the pool's tables */
static inline uint32_t pool_key(const char *text)
{
	return hash_joaat_str_ci(text);
}


/** A number without its + */
static inline const char *pool_digits(const char *number)
{
	return number && *number == '+' ? number + 1 : number;
}


/*
 * pool.c
 */

/** What a site tells of its PBX (site_silent_h, site_flow_h); arg: the pool */
void pool_site_silent(struct site *site, bool silent, void *arg);
void pool_site_flow(struct site *site, struct flow *flow,
		    const struct sa *mapped, void *arg);

/** Out of sight at once, out of the PBX soon. @param tell  That it is gone */
void account_end(struct account *acc, bool tell);


/*
 * account.c
 */

/** In no table yet. @return 0, ENOMEM, and errno of a port of its own */
int account_alloc(struct account **accp, struct pool *pool, struct site *site,
		  struct tenant *tenant, struct user *user);

/** Into the pool's tables, and out of them */
void account_show(struct account *acc);
void account_hide(struct account *acc);

/** Register, where it does */
void account_begin(struct account *acc);

/** Its status, to whoever wants to know */
void account_tell(struct account *acc, bool removed);

/** A NOTIFY about its mailbox: told where it is new; what cannot be read
    changes nothing */
void account_mwi_take(struct account *acc, const struct sip_msg *msg);

/** Its user's credentials. @return 0, ENOMEM */
int account_digest_make(struct digest **dp, const struct user *user,
			const struct pbx *pbx);


/*
 * queueing.c
 */

/** A status is told. @return true: it queues, and its turn may come any
    moment; it is told again when that lasts */
bool queueing_note(struct account *acc, const struct reg_status *st);

#endif
