/**
 * @file api.h  Requests and replies, for the resources of this room
 *
 * A resource is a method, a path and a handler, listed in resources.c. There
 * are two kinds. What is at hand is answered in the portal's thread, which
 * must not wait; what is in the store, or is long and has to be sorted, is
 * answered by a worker of the desk, with a store of its own. Both answer
 * exactly once, by the same functions; portal_command() is an answer that
 * comes later.
 */
#ifndef PORTAL_API_H
#define PORTAL_API_H

#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <stdbool.h>
#include <stdint.h>

#include "bridge/base/libre.h"
#include "bridge/store/store.h"
#include "portal.h"

struct catalog;
struct evbuffer;
struct errors;
struct json_t;
struct sheet;

enum { PARAMC_MAX = 2, QUERYC_MAX = 16, HEADERC_MAX = 8,
       ADDRESS_SIZE = 64, HEADERS_MAX = 16 * 1024, BODY_MAX = 1024 * 1024,
       BODY_BIG = 16 * 1024 * 1024 };

/** Who may ask for a resource; {} is the first name in its path */
enum access {
	ACCESS_ALL,                /* whoever                              */
	ACCESS_SIGNED_IN,          /* any role; what is not the caller's
				      tenant's is left out                 */
	ACCESS_TENANT_READ,        /* {} is a tenant: the MSP's roles, and
				      its own                              */
	ACCESS_TENANT_WRITE,       /* ... msp-admin and its tenant-admin   */
	ACCESS_ADMIN,              /* msp-admin, and tenant-admins for their
				      own: the resource looks              */
	ACCESS_MSP_READ,
	ACCESS_MSP_WRITE,
	ACCESS_SOCKET,             /* the control socket only              */
};

/** Who answers: the portal's thread (false), a worker of the desk (true), or
    one that needs no store for it and answers though that is away */
enum answerer { BY_PORTAL = false, BY_DESK = true, BY_DESK_ALONE };

struct request;
typedef void (resource_h)(struct request *rq);

struct resource {
	enum evhttp_cmd_type method;
	const char *path;
	enum access access;
	enum answerer worker;
	size_t body_max;           /* 0: it has none                       */
	resource_h *h;
	const char *queryv[QUERYC_MAX];        /* parameters it knows      */
	const char *help;          /* one line                             */
};

extern const struct resource resourcev[];
extern const size_t resourcec;

/** What has been answered, until it can be sent */
struct answer {
	int code;                  /* 0: nothing yet */
	const char *type;
	struct evbuffer *body;     /* owned, NULL */
	struct { const char *name; char *value; } headerv[HEADERC_MAX];
	size_t headerc;
};

/** A libre memory object; one thread has it at a time */
struct request {
	struct le le;
	struct portal *portal;     /* borrowed                              */
	struct evhttp_request *req; /* borrowed, until answered; the portal's
				      thread's alone                        */
	const struct resource *res;
	struct evkeyvalq query;    /* decoded                               */
	char *param;               /* borrowed: the first of paramv         */
	char *paramv[PARAMC_MAX];  /* owned; what stands for {} in the path,
				      decoded; NULL                         */
	char *body;                /* owned; terminated, NULL none          */
	size_t size;
	size_t counted;            /* of BODIES_MAX                         */
	char *path;                /* owned                                 */
	char *bearer, *cookie, *csrf, *if_match, *if_none, *key, *type,
	     *last_event; /* owned: of the headers; NULL           */
	char address[ADDRESS_SIZE];
	bool socket;               /* by the control socket                 */
	bool tls;
	bool granted;              /* it is known who asks:                 */
	struct store_grant grant;
	struct store_by by;        /* ... for the audit                     */

	bool working;              /* a worker has it; then:                */
	struct store *st;          /* borrowed                              */
	struct catalog *cat;       /* borrowed                              */
	bool changed;              /* something the bridge goes by has      */
	bool wished;               /* a sync is to be run                   */
	struct answer answer;
	struct sheet *sheet;       /* owned: a file that is told piece by
				      piece, NULL                           */
};

/* api.c: finding the resource */

/** Answer a request. An evhttp gencb; arg: the portal */
void api_request(struct evhttp_request *req, void *arg);

/** The same, from outside: with sign-in */
void api_request_remote(struct evhttp_request *req, void *arg);

/** In a worker: find out who asks, and answer what is for workers */
void api_work(struct request *rq);

/** A worker has done its part */
void api_worked(struct request *rq);

/* access.c */

/** May the caller have this? Answers if not. In either thread */
bool access_check(struct request *rq);

/** Tenant whose things alone the caller may see, NULL: all */
const char *access_tenant(const struct request *rq);

/** msp-admin, or this tenant's own */
bool access_may_change(const struct request *rq, const char *tenant);

/* reply.c, listing.c: answering */

/** One more header of the answer; before it. @param value  Copied */
void reply_header(struct request *rq, const char *name, const char *fmt, ...);

/** @param value  Taken; NULL (no memory) answers 500 */
void reply_json(struct request *rq, int code, struct json_t *value);

/** @param body  Taken, may be NULL */
void reply_body(struct request *rq, int code, const char *type,
		struct evbuffer *body);

/** 204 */
void reply_nothing(struct request *rq);

/**
 * @param field  What it is about: query parameter, path; NULL none
 * @param fmt    libre's format language
 */
void reply_error(struct request *rq, int code, const char *field,
		 const char *fmt, ...);

/** All that is wrong with a value */
void reply_errors(struct request *rq, int code, const struct errors *errs);

/** {"error", "field", "hint"} of one of them */
struct error;
struct json_t *error_json(const struct error *error);

/** What the store did not do, by its errno */
void reply_store(struct request *rq, int err, const struct errors *errs);

/** Send what was answered; the portal's thread alone */
void reply_send(struct request *rq);

/** ... its headers alone: pieces of the body follow */
void reply_start(struct request *rq);

/** For libre's printing into an evbuffer: struct re_printf's handler */
int reply_print(const char *p, size_t size, void *evbuffer);

/**
 * A list that may be long, written piece by piece: {"name": [ ... ]}
 *
 * @return NULL without memory (the request has been answered then)
 */
struct listing;
struct listing *listing_begin(struct request *rq, const char *name);
/** @param value  Taken. @return 0, ENOMEM */
int  listing_add(struct listing *list, struct json_t *value);
/**
 * Sort what is added by one of these members, if `sort` asks for it ("name",
 * "-name": descending). Not for what goes on by cursor
 *
 * @return false if that was wrong: answered and freed
 */
bool listing_sort(struct listing *list, const char *const *memberv,
		  size_t memberc);
/** Another member after the list. @param value  Taken */
void listing_member(struct listing *list, const char *name,
		    struct json_t *value);
/** "next" after the list: a cursor, NULL: that was all */
void listing_next(struct listing *list, const char *cursor);
/** "total" after the list */
void listing_total(struct listing *list, size_t total);
/** Answers and frees. @param err  0, otherwise that is the answer */
void listing_end(struct listing *list, int err);
/** It was answered otherwise: frees */
void listing_drop(struct listing *list);

/** "a b" as ["a", "b"] */
struct json_t *words_json(const char *text);

/** A page of a list that goes on by cursor. One more than its limit is to be
    read: whether there is one tells whether it goes on */
struct paging {
	struct listing *list;
	size_t limit, c;
	char last[STORE_CURSOR_SIZE];  /* takes the cursor of the one that is
					  told now, before it is added     */
	char next[STORE_CURSOR_SIZE];
	bool more;
};

/** Read `limit` and begin. @return false if the request was answered */
bool paging_begin(struct paging *pg, struct request *rq, const char *name);
/** @param value  Taken. @return 0, ENOMEM */
int  paging_add(struct paging *pg, struct json_t *value);
/** "next" after the list; then listing_end() is due */
void paging_next(struct paging *pg);
/** Both: answers and frees. @param err  0, otherwise that is the answer */
void paging_end(struct paging *pg, int err);

/* query.c: reading what is asked */

/** Value of a query parameter, NULL if it is not there */
const char *query_text(const struct request *rq, const char *name);

/** Read a number. @return false if it was wrong and has been answered */
bool query_number(struct request *rq, const char *name, uint32_t min,
		  uint32_t max, uint32_t *value);

/** Read a moment, milliseconds since 1970. @return as query_number() */
bool query_moment(struct request *rq, const char *name, int64_t *value);

/** Read "true" or "false". @return as query_number() */
bool query_bool(struct request *rq, const char *name, bool *value);

/** Read one of several words, its place among them. @return as
    query_number() */
bool query_choice(struct request *rq, const char *name,
		  const char *const *wordv, size_t wordc, size_t *value);

/** ... of a text that stands in the parameter */
bool query_choice_of(struct request *rq, const char *name, const char *text,
		     const char *const *wordv, size_t wordc, size_t *value);

/** Read "time" (oldest first) or "-time". @return as query_number() */
bool query_oldest(struct request *rq, bool *oldest);

/** True if the parameter is absent, or has this value */
bool query_matches(const struct request *rq, const char *name,
		   const char *value);

/** The body as a JSON object, NULL if it is none and that was answered. The
    caller owns the reference */
struct json_t *body_json(struct request *rq);

/** Is a JSON text one that we read: not too deep, of not too many values, none
    of its texts too long? @param why  Set where it is not */
bool body_fits(const char *p, size_t l, char *why, size_t size);

/* traces.c */

/** A message, as it is told. @return owned, NULL without memory */
struct trace_msg;
struct json_t *trace_message_json(const struct trace_msg *msg);

/* signin.c */

/** Begin a session; the cookie goes with the answer. @return 0, or as
    sessions_add() */
struct session_news;
int signin_begin(struct request *rq, const struct store_grant *grant,
		 struct session_news *news);

/* resources */

resource_h registrations_get, retry_post;      /* registrations.c */
resource_h registrations_export;
resource_h trunks_get;                         /* trunks.c        */
resource_h calls_get, call_get, call_work;     /* calls.c         */
resource_h trace_get;                          /* traces.c        */
resource_h voice_get, voice_post, voice_delete; /* voices.c       */
resource_h share_post, shares_get, share_delete; /* shares.c      */
resource_h shared_get;
resource_h version_get, metrics_get;           /* service.c       */
resource_h live_get, ready_get, reload_post;
resource_h session_get, session_post, session_delete;     /* signin.c */
resource_h oidc_start, oidc_callback;          /* oidc.c          */
resource_h password_put, first_post, signin_get, first_link;
resource_h tenants_get, pbxs_get, object_get;  /* objects_read.c  */
resource_h effective_get, summary_get;
resource_h tenants_post, pbxs_post, users_post; /* objects.c      */
resource_h object_put, object_patch, object_delete;
resource_h users_get;                          /* users.c         */
resource_h records_get, records_export;        /* records.c       */
resource_h history_get, audit_get;             /* history.c       */
resource_h history_export, audit_export;
resource_h report_calls_get, outages_get, outages_export; /* reports.c */
resource_h number_get;                         /* numbers.c       */
resource_h overview_get;                       /* overview.c      */
resource_h admins_get, admin_put, admin_delete; /* people.c       */
resource_h tokens_get, token_post, token_delete;
resource_h templates_get, template_get, template_put; /* templates.c */
resource_h template_delete, schema_get;
resource_h import_post, import_get;            /* imports.c       */
resource_h export_get;                         /* exports.c       */
resource_h apply_post;                         /* apply.c         */
resource_h runs_get, runs_post, run_get, run_delete; /* runs.c    */
resource_h run_patch, report_print_get, capture_get, compare_get;
resource_h run_start_post;                     /* run_start.c     */
resource_h run_events_get, run_answer_post, run_stop_post; /* runner.c */
resource_h plans_get, plan_check_post;         /* test_plans.c    */
resource_h nodes_get, node_drain_post, node_resume_post; /* nodes.c */
resource_h certificates_get;                   /* certificates.c  */
resource_h firewall_get;                       /* firewall.c      */
resource_h syncs_get, sync_status, sync_run_post; /* syncs.c      */
resource_h sync_people, sync_script;
resource_h sync_users;                         /* sync_users.c    */
resource_h events_get;                         /* events.c        */
resource_h openapi_get;                        /* openapi.c       */
resource_h page_get;                           /* page.c          */

/* portal.c */

const struct portal_conf *portal_conf(const struct portal *portal);

struct desk;
struct desk *portal_desk(struct portal *portal);
struct sessions;
struct sessions *portal_sessions(struct portal *portal);
struct imports;
struct imports *portal_imports(struct portal *portal);
struct recent;
struct recent *portal_overviews(struct portal *portal);
struct recent *portal_causes(struct portal *portal);
struct streams;
struct streams *portal_streams(struct portal *portal);
struct runner;
struct runner *portal_runner(struct portal *portal);
struct certificates;
struct certificates *portal_certificates(struct portal *portal);

/** Tell the bridge that something it goes by has changed. Any thread */
void portal_changed(const struct portal *portal);

/** Hand a request to a worker. Answers if there are too many */
void portal_work(struct request *rq);

/** Hand it to a worker again. @return 0, EAGAIN too many wait */
int portal_work_on(struct request *rq);

/** A whole request has come */
void portal_note_request(struct portal *portal, struct evhttp_request *req);

/** Its connection may take its time from now on */
void portal_release(struct portal *portal, struct evhttp_request *req);

/**
 * Hand on a command; the request is answered when its outcome is known
 *
 * @param cmd  Without its portal and id
 */
void portal_command(struct request *rq, struct portal_command *cmd);

#endif
