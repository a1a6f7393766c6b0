/**
 * @file store.h  What is kept of customers, calls and those who manage them
 *
 * One interface, two databases:
 *
 *   sqlite:/var/lib/callbridge/store.db      a file, nothing to set up
 *   postgresql://user@host/database          libpq's URL
 *
 * A store is one connection, used by one thread at a time; a thread that
 * needs its own opens its own. Calls wait for the disk or the server: never
 * from the SIP thread. Handlers make no other call to their store.
 *
 * Errors beside those named: ENOMEM; EBUSY locked by somebody else for 5 s;
 * ECONNRESET the server went away (the next call connects anew); ENOSPC,
 * EROFS; EBADMSG the database is damaged; EIO everything else; store_why()
 * has the database's words for the log. What returned an error has changed
 * nothing, but for ECONNRESET: the server may have heard the last word.
 *
 * Times are wall clock, ms since 1970.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct errors;
struct json_t;
struct keyring;
struct store;                      /* a libre memory object */

/**
 * Open
 *
 * @param url     See above
 * @param create  SQLite: make the file if there is none; without it a store
 *                that has gone is an error, not an empty one
 * @param ring    Keys of the secrets, referenced; NULL: none can be kept
 * @param errs    Says why it cannot be opened
 *
 * @return 0; EINVAL no such kind of URL; ENOENT; EACCES others may read the
 *         file; ECONNREFUSED; EBADMSG no database
 */
int store_open(struct store **stp, const char *url, bool create,
	       struct keyring *ring, struct errors *errs);

/**
 * Bring the tables to this program's version, in one transaction; to be
 * called after opening. What may take long is left to store_fill(). A store
 * that a newer program has changed is refused: what it keeps this one might
 * lose.
 *
 * @return 0, EPROTO newer (errs says so), EIO
 */
int store_migrate(struct store *st, struct errors *errs);

/**
 * Calls that older tables have: fill their columns and count their figures,
 * some hundreds in a transaction. To be called until there are no more, while
 * all else goes on; whoever is killed goes on where he was
 *
 * @return 0, or why the store cannot be used
 */
int store_fill(struct store *st, bool *more);

/** Version of the tables, 0: none yet */
int store_version(struct store *st, int64_t *version);

/** What the database said last, for the log; never NULL */
const char *store_why(const struct store *st);


/* Tenants, PBXs and users: values as in a customer file, by the field tables
   (bridge/model/tenant.h); and who plays whom in tests of a PBX. A PBX's
   value is what was written over its template. Each change is in the audit
   log, without secrets. */

enum store_kind { STORE_TENANT, STORE_PBX, STORE_USER,
		  STORE_SYNC,      /* one a tenant: store_sync.h */
		  STORE_TESTERS }; /* by the name of their PBX; also of a
				      customer file's */

/** Who changes something */
struct store_by {
	const char *who;           /* admin, token or program            */
	const char *address;       /* from where, NULL: here             */
};

enum { STORE_ANY = -1, STORE_NEW = 0, STORE_TOKEN_SIZE = 48 };

struct store_object {
	const char *tenant;
	const char *name;          /* tenant, PBX's name, or user's upn  */
	int64_t revision;          /* counts up from 1 with each change  */
	int64_t changed_ms;
	const char *managed;       /* "store", or "file": of a customer file */
	const char *secrets;       /* dotted paths of those that are set,
				      comma-separated                       */
	const struct json_t *value; /* borrowed; secrets left out           */
	const struct json_t *status; /* a user's registration, NULL         */
};

/** @return 0, other stops */
typedef int (store_object_h)(const struct store_object *obj, void *arg);

/**
 * Make or replace one
 *
 * A secret that is left out stays as it was, null or an empty one removes
 * it. Types, ranges and what must be set are checked by the field table, for
 * a PBX without what its template may set.
 *
 * @param tenant    Whose; for a tenant the same as in the value
 * @param revision  STORE_ANY, STORE_NEW, or the one that is to be replaced
 * @param errs      Says what is wrong with the value
 * @param new_revision  May be NULL
 *
 * @return 0; EBADMSG (see errs); EEXIST the number or FQDN is another's;
 *         ENOENT no such tenant or PBX; ESTALE another revision is there;
 *         EPERM the tenant is a customer file's; ENOKEY a secret, and no keys
 */
int store_put(struct store *st, enum store_kind kind, const char *tenant,
	      const struct json_t *value, int64_t revision,
	      const struct store_by *by, struct errors *errs,
	      int64_t *new_revision);

/** One of them. @return 0, ENOENT, or what the handler returned */
int store_get(struct store *st, enum store_kind kind, const char *tenant,
	      const char *name, store_object_h *h, void *arg);

/**
 * Several in order of name
 *
 * @param tenant  Whose; NULL: all tenants, for STORE_TENANT
 * @param after   Name to begin after, NULL: from the first
 * @param limit   At most so many, 0: all
 */
int store_list(struct store *st, enum store_kind kind, const char *tenant,
	       const char *after, size_t limit, store_object_h *h,
	       void *arg);

/** Which of them, and in what order: of name, or of their last change */
struct store_objects {
	const char *tenant;
	bool by_change, descending;
	const char *after;         /* cursor, NULL: from the first         */
	char *last;                /* STORE_CURSOR_SIZE: takes that; NULL  */
	size_t limit;              /* 0: all                               */
};

/** As store_list(). @return EINVAL a cursor that is none */
int store_object_list(struct store *st, enum store_kind kind,
		      const struct store_objects *which, store_object_h *h,
		      void *arg);

/** Remove; a tenant with all that is its, but for its calls and the audit.
    @return 0, ENOENT, ESTALE, EPERM, ENOTEMPTY a PBX that has users */
int store_remove(struct store *st, enum store_kind kind, const char *tenant,
		 const char *name, int64_t revision,
		 const struct store_by *by);

/** A secret in clear, for the bridge alone. The caller frees it by
    seal_wipe(). @return 0, ENOENT, ENOKEY, EBADMSG changed or moved */
int store_secret(struct store *st, enum store_kind kind, const char *tenant,
		 const char *name, const char *field, char **secretp);

/** Several changes in one transaction; what happens between is kept whole or
    not at all */
int store_begin(struct store *st);

/** @param err  0 keeps it, other undoes it and is returned */
int store_end(struct store *st, int err);

enum store_sort { STORE_BY_UPN, STORE_BY_NUMBER, STORE_BY_PBX };

/** Which users */
struct store_users {
	const char *tenant;        /* NULL: all; then by upn only           */
	const char *pbx, *state;   /* NULL: all                             */
	const char *q;             /* part of a name, of a number as people
				      write it ...; NULL: all               */
	const char *enabled;       /* "true", "false"; NULL: all            */
	enum store_sort sort;
	bool descending;
	const char *after;         /* a cursor, NULL: from the first        */
	char *last;                /* STORE_CURSOR_SIZE: takes the cursor of
				      the last one that was told; NULL      */
	size_t limit;              /* 0: all                                */
	size_t *total;             /* takes how many there are of them, as
				      store_user_count() does; NULL         */
};

/** Users in order. @return 0, EINVAL a cursor that is none, or what the
    handler returned */
int store_user_list(struct store *st, const struct store_users *which,
		    store_object_h *h, void *arg);

/** Let go of number and SIP username until the user is put anew, in the same
    transaction: users may swap theirs */
int store_user_aside(struct store *st, const char *tenant, const char *upn);

/** How many there are of them; sort, after and limit do not count */
int store_user_count(struct store *st, const struct store_users *which,
		     size_t *count);

/** How many users of a tenant (NULL: all) are in each state */
typedef int (store_count_h)(const char *name, int64_t count, void *arg);
int store_user_states(struct store *st, const char *tenant,
		      store_count_h *h, void *arg);


/* What the bridge goes by */

struct list;
struct pbx;

/** Counts up with each change of tenants, PBXs, users and templates */
int store_stamp(struct store *st, int64_t *stamp);

/**
 * Wait until another program says that something has changed (PostgreSQL), a
 * bell rings, or the time is over
 *
 * @param bell  eventfd(2), emptied here; -1 none
 */
int store_wait(struct store *st, int bell, unsigned ms);

/** As customer_template_h (bridge/model/customer.h) */
typedef int (store_base_h)(struct pbx *pbx, const char *template,
			   const char **nearest, struct errors *errs,
			   void *arg);

/** Names of all tenants that the store manages, with the stamp of the last
    change of each */
int store_tenant_stamps(struct store *st, store_count_h *h, void *arg);

/**
 * One tenant as the bridge goes by it: PBXs over their templates, users with
 * their passwords
 *
 * @param tenantp  struct tenant, a libre object
 *
 * @return 0, ENOENT, EBADMSG (errs says what cannot be used), ENOKEY
 */
struct tenant;
int store_tenant_load(struct store *st, const char *name,
		      store_base_h *baseh, void *arg, struct tenant **tenantp,
		      struct errors *errs);

/*
 * Customer files are shown beside what the store manages; passwords stay in
 * the files. First it is looked whether that can be at all; what was shown
 * before and is not there any more goes; then each tenant is put in, in a
 * transaction of its own.
 *
 * node is the name of the bridge whose files they are, tenantl a list of
 * struct tenant.
 */

/** @return 0, EEXIST a tenant, or an FQDN, is somebody else's (errs says
    which) */
int store_mirror_check(struct store *st, const char *node,
		       const struct list *tenantl, struct errors *errs);
int store_mirror_sweep(struct store *st, const char *node,
		       const struct list *tenantl);
/** @return 0, EEXIST as above: it has changed since */
int store_mirror_tenant(struct store *st, const char *node,
			const struct tenant *tenant, struct errors *errs);


/* Own templates: YAML */

typedef int (store_template_h)(const char *name, int64_t revision,
			       const char *text, void *arg);

int store_template_list(struct store *st, store_template_h *h, void *arg);

/** @param text  NULL removes it. @return 0, ENOENT, ESTALE */
int store_template_put(struct store *st, const char *name, const char *text,
		       int64_t revision, const struct store_by *by);


/* Answers to creations, for whoever asks again (Idempotency-Key) */

/** @param hash  Of the request. @return 0 and the answer, libre memory;
    ENOENT none; ESTALE to another request */
int store_answer_find(struct store *st, const char *caller, const char *key,
		      const char *hash, char **answerp);

/** Kept for 24 hours */
int store_answer_keep(struct store *st, const char *caller, const char *key,
		      const char *hash, const char *answer);


/* Secrets */

/** Other keys from now on, referenced: the key file has changed */
void store_keys_set(struct store *st, struct keyring *ring);

/** Seal by the newest key what older ones have sealed; all or nothing.
    @param resealed  How many, may be NULL */
int store_reseal(struct store *st, size_t *resealed);


/* Calls and registrations, out of the journal */

/**
 * Take over what the journal has since last time, each line exactly once,
 * whatever is killed when: how far it was read is kept in the transaction
 * that keeps what was read. Any number of programs may do this at once.
 *
 * @param node       Name of the bridge that wrote it, unique in the store
 * @param state_dir  As journal_open()
 * @param lines      At most so many; one transaction each 10,000
 * @param imported   Lines read by this call, may be NULL; fewer than `lines`:
 *                   that was all
 */
int store_import(struct store *st, const char *node, const char *state_dir,
		 size_t lines, size_t *imported);

/**
 * Let go of what is older than that: calls, changes of registrations and
 * outages that are over; files of the node's journal that have been taken
 * over; links that are good no more. Figures stay for five years at least.
 *
 * @param days  More than 0
 * @param more  There is more: a slice of each is taken at a time
 *
 * @return 0, errno of unlink(2), or of the store
 */
int store_sweep(struct store *st, const char *node, const char *state_dir,
		unsigned days, bool *more);

struct store_span {
	const char *tenant, *pbx, *upn;    /* NULL: all                     */
	int64_t from_ms, to_ms;    /* from <= time < to; 0: no limit        */
	size_t limit;              /* 0: all                                */
	const char *after;         /* cursor of the last one, NULL          */
	char *last;                /* STORE_CURSOR_SIZE: takes that; NULL   */
	const char *kind, *who;    /* of the audit alone; NULL: all         */
	const char *name;          /* likewise: part of the object's name   */
	const char *state;         /* of store_regs() alone; NULL: all      */
	bool oldest;               /* ... first, of what comes newest first */
};

enum { STORE_CURSOR_SIZE = 512 };

/** @param value  As bridge/model/status.h writes it, borrowed */
typedef int (store_value_h)(const struct json_t *value, void *arg);

enum store_call_sort { STORE_CALLS_BY_START, STORE_CALLS_BY_TALK,
		       STORE_CALLS_BY_MOS };

/** Which calls; NULL and 0: all */
struct store_call_query {
	struct store_span span;            /* upn: of a user, whole         */
	const char *user;          /* part of a present user's name, number */
	const char *number;        /* of either side: as much of its end as is
				      known, as people write it; 3 digits   */
	const char *result;        /* call_result_name()                    */
	const char *failed;        /* "true", "false"                       */
	const char *direction;     /* call_direction_name()                 */
	unsigned mos_below;        /* of the side that hears worse [1/100]  */
	enum store_call_sort sort; /* by MOS: those that have one           */
	bool ascending;
};

/** Calls, newest start first if nothing else is asked for. @return 0,
    EINVAL a cursor that is none, EDOM no number, E2BIG so many users match,
    or what the handler returned */
int store_calls(struct store *st, const struct store_call_query *query,
		store_value_h *h, void *arg);

/** One call; no call of the handler: there is none */
int store_call(struct store *st, const char *id, store_value_h *h, void *arg);

struct store_totals {
	int64_t calls, failed;     /* failed: call_record_failed()          */
};

/** Calls that have ended, of those that began in the hours since
    @param since_ms  Begin of an hour (UTC)
    @param tenant    NULL: all */
int store_call_totals(struct store *st, const char *tenant, int64_t since_ms,
		      struct store_totals *totals);

/** Which figures; calls count in the hour (UTC) in which they began */
struct store_figures {
	const char *tenant, *pbx;  /* NULL: all                             */
	int64_t from_ms, to_ms;    /* its hour is the first; to_ms 0: no end */
	int64_t step_ms;           /* whole hours; 0: all together          */
	int64_t zone_ms;           /* east of Greenwich: when days begin    */
	bool by_pbx;               /* ... apart                             */
	bool exact;                /* times to the ms, and calls that run  */
	const char *upn;           /* NULL: all; wants exact                */
	bool failed;               /* only those; wants exact               */
	size_t limit;              /* of groups, more are E2BIG; 0: none    */
};

/** Figures of a step and PBX ("" if not by PBX); other than 0 stops */
struct call_stats;
typedef int (store_figures_h)(int64_t time_ms, const char *tenant,
			      const char *pbx, const struct call_stats *stats,
			      void *arg);

/** Figures of all calls that ended, in order of time, tenant, PBX. What hours
    do not tell apart is counted call by call */
int store_call_figures(struct store *st, const struct store_figures *asked,
		       store_figures_h *h, void *arg);

/** Users of a PBX lost together, or proxies of a trunk */
struct store_outage {
	const char *kind;          /* "user", "trunk"                       */
	const char *tenant, *pbx;  /* pbx: of a trunk its name              */
	int64_t from_ms, to_ms;    /* to_ms 0: it lasts                     */
	int64_t lost_ms;           /* of all of them together               */
	const char *const *namev;  /* upns or proxies, each once            */
	size_t count;
	const char *reason, *words;
};

typedef int (store_outage_h)(const struct store_outage *outage, void *arg);

/** Outages that touch a time, newest first. Of the span tenant, pbx, kind,
    the times and the limit count. @return 0, E2BIG too many to be told
    (200,000 of single users): ask for less, or what the handler returned */
int store_outages(struct store *st, const struct store_span *span,
		  store_outage_h *h, void *arg);

/** Registrations as they are, in order of user; the times do not count */
int store_regs(struct store *st, const struct store_span *span,
	       store_value_h *h, void *arg);

/** A PBX with users that fail or lag */
struct store_troubled {
	const char *tenant, *pbx;
	int64_t users, failing;    /* failing: of the users */
};

typedef int (store_troubled_h)(const struct store_troubled *pbx, void *arg);

/** ... most users first; tenant NULL: all */
int store_troubled(struct store *st, const char *tenant, size_t limit,
		   store_troubled_h *h, void *arg);

/** Registrations as they changed, newest first */
int store_reg_history(struct store *st, const struct store_span *span,
		      store_value_h *h, void *arg);


/* Reports of test runs */

enum { STORE_RUN_ID_SIZE = 33 };

struct store_run {
	const char *id, *tenant;           /* tenant NULL: nobody's         */
	const char *who;
	int64_t time_ms;
	const char *summary;               /* JSON text, for lists          */
	const char *report;                /* JSON text; NULL in lists      */
	const char *node;                  /* that runs it, NULL: over      */
	bool pinned;                       /* stays when newer ones come    */
};

/** What lies beside a report */
struct store_file {
	const char *name;
	const char *data;                  /* base64                        */
};

typedef int (store_run_h)(const struct store_run *run, void *arg);

/** Newest first; of the span the tenant, limit and cursor count */
int store_run_list(struct store *st, const struct store_span *span,
		   store_run_h *h, void *arg);

/** @return 0, ENOENT, or what the handler returned */
int store_run_get(struct store *st, const char *id, store_run_h *h,
		  void *arg);

/** Keep one: its tenant, summary and report. @return 0, ENOENT no such
    tenant */
int store_run_keep(struct store *st, const struct store_run *run,
		   const struct store_by *by, char id[STORE_RUN_ID_SIZE]);

/** One begins: its tenant, summary and node. Returns as store_run_keep() */
int store_run_begin(struct store *st, const struct store_run *run,
		    const struct store_by *by, char id[STORE_RUN_ID_SIZE]);

/**
 * It is over. Those of its tenant that are not pinned go, but for the newest
 * hundred
 *
 * @param run  Its id, summary and report
 *
 * @return 0, ENOENT no such one, or it was over
 */
int store_run_end(struct store *st, const struct store_run *run,
		  const struct store_file *filev, size_t filec);

/** Those that a node is said to run, as of a moment; without reports */
int store_run_left(struct store *st, const char *node, int64_t before_ms,
		   store_run_h *h, void *arg);

/** @return 0, ENOENT */
int store_run_pin(struct store *st, const char *id, bool pinned,
		  const struct store_by *by);

/** @param datap  base64, libre memory. @return 0, ENOENT */
int store_run_file(struct store *st, const char *id, const char *name,
		   char **datap);

/** @return 0, ENOENT, EBUSY it is not over */
int store_run_remove(struct store *st, const char *id,
		     const struct store_by *by);


/* Calls that are shown by a link */

struct store_share {
	const char *id, *tenant, *call, *who;
	bool redacted;                     /* without its people            */
	int64_t time_ms, expires_ms;
	int64_t opened, opened_ms;         /* how often, and when last      */
	const char *data;                  /* JSON text; NULL in lists      */
};

typedef int (store_share_h)(const struct store_share *share, void *arg);

/** Newest first, those that are good; of the span the tenant, limit and
    cursor count. @param call  Of one call, NULL: all */
int store_share_list(struct store *st, const struct store_span *span,
		     const char *call, store_share_h *h, void *arg);

/** Keep one: its tenant, call, redacted, end and data. The token is told here
    and never again */
int store_share_make(struct store *st, const struct store_share *share,
		     const struct store_by *by, char id[STORE_RUN_ID_SIZE],
		     char token[STORE_TOKEN_SIZE]);

/** @return 0, ENOENT, or what the handler returned */
int store_share_get(struct store *st, const char *id, store_share_h *h,
		    void *arg);

/** What a token shows; it counts. @return 0, ENOENT unknown or over, or what
    the handler returned */
int store_share_open(struct store *st, const char *token, store_share_h *h,
		     void *arg);

/** @return 0, ENOENT */
int store_share_remove(struct store *st, const char *id,
		       const struct store_by *by);


/* Who may do what */

struct store_audit {
	int64_t time_ms;
	const char *who, *address;         /* address: NULL here            */
	const char *tenant;                /* NULL: nobody's                */
	const char *action;                /* "create", "change", "remove"  */
	const char *kind, *name;
	const char *before, *after;        /* JSON text, NULL               */
};

typedef int (store_audit_h)(const struct store_audit *entry, void *arg);

/** Newest first; of the span the tenant, the times, kind, who, name, limit
    and cursor count. @return 0, EINVAL a name that is none */
int store_audit_list(struct store *st, const struct store_span *span,
		     store_audit_h *h, void *arg);

enum store_role { STORE_MSP_ADMIN, STORE_MSP_SUPPORT, STORE_TENANT_ADMIN,
		  STORE_TENANT_VIEWER };

const char *store_role_name(enum store_role role);    /* "msp-admin" ... */

struct store_grant {
	char name[64];             /* of the admin or the token             */
	enum store_role role;
	char tenant[64];           /* "" for the MSP's                      */
	int64_t expires_ms;        /* 0: never                              */
};

/**
 * Make an API token. Its text is told here and never again: only a hash of
 * it is kept.
 *
 * @return 0, EEXIST the name is taken, ENOENT no such tenant, EINVAL a role
 *         that does not go with the tenant
 */
int store_token_make(struct store *st, const struct store_grant *grant,
		     const struct store_by *by,
		     char token[STORE_TOKEN_SIZE]);

/** Whom a token stands for. @return 0, ENOENT unknown or expired */
int store_token_check(struct store *st, const char *token,
		      struct store_grant *grant);

/** @return 0, ENOENT */
int store_token_remove(struct store *st, const char *name,
		       const struct store_by *by);

typedef int (store_grant_h)(const struct store_grant *grant, void *arg);

/** In order of name; tenant NULL: all */
int store_token_list(struct store *st, const char *tenant, store_grant_h *h,
		     void *arg);
int store_admin_list(struct store *st, const char *tenant, store_grant_h *h,
		     void *arg);

/** Change role, tenant and end of an admin; the password stays. @return as
    store_admin_put(); ENOENT no such admin too */
int store_admin_change(struct store *st, const struct store_grant *grant,
		       const struct store_by *by);

/** @return 0, ENOENT unknown or expired; without a password: for whom another
    has vouched */
int store_admin_find(struct store *st, const char *name,
		     struct store_grant *grant);

/** Add to the audit log what is no change of an object: a sign-in */
int store_audit_note(struct store *st, const struct store_by *by,
		     const char *tenant, const char *action,
		     const char *kind, const char *name);

/** Make or replace an admin; the password (12..255 octets) is kept as
    scrypt's hash (RFC 7914). Returns as store_token_make() */
int store_admin_put(struct store *st, const struct store_grant *grant,
		    const char *password, const struct store_by *by);

/** @return 0, ENOENT unknown, wrong or expired: as slow for each */
int store_admin_check(struct store *st, const char *name,
		      const char *password, struct store_grant *grant);

/** @return 0, ENOENT */
int store_admin_remove(struct store *st, const char *name,
		       const struct store_by *by);


/* Several bridges on one store (PostgreSQL): each PBX is served by one */

struct strings;

/** A node's word holds for so long after it was given */
enum { STORE_LEASE_MS = 5000 };

struct store_node {
	const char *name;          /* unique in the store                   */
	const char *run;           /* of its state folder: the same after a
				      restart; not told                     */
	const char *software;
	const char *about;         /* how it is reached and stands: JSON text,
				      NULL                                  */
	bool draining;             /* it wants to go, or shall              */
	int64_t since_ms;
	int64_t seen_ms;           /* told: its last beat                   */
	bool alive;                /* told: that was lately                 */
	bool drained;              /* told: somebody wants it to hand over  */
	size_t pbxs;               /* told: that it serves, or served       */
};

/** A PBX that is the node's own now. @return 0 */
typedef int (store_lease_h)(const char *tenant, const char *pbx, void *arg);
typedef int (store_node_h)(const struct store_node *node, void *arg);
typedef int (store_place_h)(const char *tenant, const char *pbx,
			    const char *node, int64_t since_ms, void *arg);

/** May several nodes use it at once? */
bool store_is_shared(const struct store *st);

/**
 * Say that a node is there, take over PBXs that have none, and tell which are
 * its own: all others are not
 *
 * To be called several times within STORE_LEASE_MS. A node that is draining
 * takes nothing, and keeps what it has until others have taken it.
 *
 * @param files  Names of tenants that the node has customer files of; those
 *               of the store every node can serve
 *
 * @return 0, EADDRINUSE another node of this name is there
 */
int store_node_beat(struct store *st, const struct store_node *self,
		    const struct strings *files, store_lease_h *h,
		    void *arg);

/**
 * Have a node hand its PBXs over to others, while it goes on running; or no
 * more. A restart forgets it
 *
 * @return 0, ENOENT there is no such node now, EBUSY there is no other one
 *         that could take them
 */
int store_node_drain(struct store *st, const char *node, bool drain,
		     const struct store_by *by);

/** It goes: its PBXs are free at once */
int store_node_leave(struct store *st, const struct store_node *self);

/** All nodes, those that were there within a day too */
int store_nodes(struct store *st, store_node_h *h, void *arg);

/** Which node has, or had last, each PBX; tenant NULL: of all */
int store_places(struct store *st, const char *tenant, store_place_h *h,
		 void *arg);


/* Backup */

/**
 * All of it as of one moment, JSON lines, secrets sealed as they are: the
 * key file is to be kept elsewhere. The same for both databases.
 *
 * @param path  New file, mode 0600; EEXIST if there is one
 */
int store_backup(struct store *st, const char *path);

/** Into a migrated store that is empty; one of an older version is migrated.
    @return 0, ENOTEMPTY, EBADMSG no backup, or not whole; EPROTO of a newer
    version (errs says so) */
int store_restore(struct store *st, const char *path, struct errors *errs);

#endif
