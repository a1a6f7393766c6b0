/**
 * @file graph.c  Asking Microsoft Graph for one customer
 */
#include <ctype.h>
#include <curl/curl.h>
#include <event2/event.h>
#include <jansson.h>
#include <openssl/crypto.h>
#include <time.h>

#include "bridge/base/libre.h"
#include "bridge/base/log.h"
#include "bridge/base/wheel.h"
#include "assertion.h"
#include "graph.h"
#include "graph_reply.h"
#include "web.h"


#define LOGIN_BASE "https://login.microsoftonline.com"
#define GRAPH_BASE "https://graph.microsoft.com"

enum {
	TRIES_MAX     = 5,         /* of one request                        */
	WAIT_MAX_S    = 600,       /* at once ...                           */
	WAITS_MAX_S   = 1800,      /* ... and together                      */
	MARGIN_S      = 300,       /* a token is renewed before its end     */
	SECOND_MS     = 1000,
};

enum state {
	GRAPH_IDLE,                /* perhaps about to look what is next    */
	GRAPH_TOKEN,               /* asked for a token                     */
	GRAPH_ASKING,              /* asked what the first job wants        */
	GRAPH_WAITING,             /* told to, or after a failure           */
};


struct graph {
	struct web *web;           /* owned */
	struct web_request *rq;    /* owned, NULL */
	struct event *timer;       /* owned; IDLE: look, WAITING: go on */
	struct list jobl;          /* struct job, owned */
	enum state state;
	char *login_base, *graph_base, *tenant, *client_id;    /* owned */
	char *client_secret, *certificate; /* owned, secret; one is NULL */
	char *token;               /* owned, secret; NULL */
	uint64_t token_end_ms;
	uint64_t waited_s;
	uint32_t second_ms;
};


/** One request of the owner's */
struct job {
	struct le le;
	char *url;                 /* owned */
	char *body;                /* owned, NULL: GET */
	unsigned tries;
	bool renewed;              /* its token was refused once */
	graph_result_h *h;
	void *arg;
};


static void job_destructor(void *data)
{
	struct job *job = data;

	list_unlink(&job->le);
	mem_deref(job->url);
	mem_deref(job->body);
}


/** Forget a secret */
static char *secret_wipe(char *secret)
{
	if (secret)
		OPENSSL_cleanse(secret, strlen(secret));

	return mem_deref(secret);
}


static void destructor(void *data)
{
	struct graph *g = data;

	if (g->timer)
		event_free(g->timer);

	mem_deref(g->rq);
	mem_deref(g->web);
	list_flush(&g->jobl);
	mem_deref(g->login_base);
	mem_deref(g->graph_base);
	mem_deref(g->tenant);
	mem_deref(g->client_id);
	secret_wipe(g->client_secret);
	secret_wipe(g->certificate);
	secret_wipe(g->token);
}


/* Waiting */


static void look_soon(struct graph *g)
{
	const struct timeval tv = {0, 0};

	(void)event_add(g->timer, &tv);
}


/** 0..n-1: not for secrets */
static uint64_t some(uint64_t n)
{
	return n ? rand_u64() % n : 0;
}


/**
 * As long as was asked for, and a little: not all come back at once. What
 * asked for nothing waits up to 2, 4, 8, 16, 32 s
 *
 * @return false if that would be too long together
 */
static bool wait_begin(struct graph *g, unsigned tries, int64_t after_s)
{
	const uint64_t s = after_s > WAIT_MAX_S ? WAIT_MAX_S
		: after_s > 0 ? (uint64_t)after_s : 1ull << tries;
	uint64_t ms = s * g->second_ms;
	struct timeval tv;

	g->waited_s += s;
	if (g->waited_s > WAITS_MAX_S)
		return false;

	ms = after_s > 0 ? ms + some(ms / 10) : some(ms);
	tv.tv_sec  = (time_t)(ms / 1000);
	tv.tv_usec = (suseconds_t)(ms % 1000 * 1000);
	g->state = GRAPH_WAITING;
	(void)event_add(g->timer, &tv);

	return true;
}


/* Ends of a job */


/** The first job is over. Calls its handler last: it may free the client */
static void job_end(struct graph *g, const struct graph_result *result)
{
	struct job *job = list_ledata(list_head(&g->jobl));

	g->state = GRAPH_IDLE;
	list_unlink(&job->le);
	if (list_head(&g->jobl))
		look_soon(g);

	job->h(result, job->arg);
	mem_deref(job);
}


static void job_fail(struct graph *g, enum graph_fault fault, const char *why,
		     const struct web_reply *reply)
{
	const struct graph_result result = {
		.fault = fault, .why = why,
		.status = reply ? reply->status : 0,
		.request_id = reply ? reply->request_id : "",
		.location = "",
	};

	job_end(g, &result);
}


/** What passes is tried again, what does not is told */
static void job_again(struct graph *g, const char *why,
		      const struct web_reply *reply)
{
	struct job *job = list_ledata(list_head(&g->jobl));

	if (reply->untrusted) {
		job_fail(g, GRAPH_UNTRUSTED, why, reply);
		return;
	}

	if (++job->tries < TRIES_MAX &&
	    wait_begin(g, job->tries, reply->retry_after_s)) {
		info("sync", g->tenant, "%s: tried again", why);
		return;
	}

	job_fail(g, GRAPH_UNAVAILABLE, why, reply);
}


/* Token */


/** @return false if there is none; then the job is over */
static bool token_take(struct graph *g, const struct web_reply *reply)
{
	struct graph_token got;
	uint64_t margin_s;

	if (graph_token_read(&got, reply->body, reply->size)) {
		job_fail(g, GRAPH_UNREADABLE, "the sign-in service's reply is"
			 " no token", reply);
		return false;
	}

	margin_s = got.expires_s / 10 > MARGIN_S ? got.expires_s / 10
		: MARGIN_S;
	secret_wipe(g->token);
	g->token = got.token;
	g->token_end_ms = clock_ms() + (got.expires_s > margin_s ?
					(got.expires_s - margin_s) * 1000 : 0);

	return true;
}


static void ask(struct graph *g);


static void token_came(const struct web_reply *reply, void *arg)
{
	struct graph *g = arg;
	enum graph_fault fault;
	char why[128];

	if (reply->why) {
		job_again(g, reply->why, reply);
		return;
	}

	if (reply->status == 200) {
		if (token_take(g, reply))
			ask(g);
		return;
	}

	fault = graph_token_fault(why, sizeof(why), reply->status,
				  reply->body, reply->size);
	if (fault == GRAPH_UNAVAILABLE)
		job_again(g, why, reply);
	else
		job_fail(g, fault, why, reply);
}


/** What has a meaning in a form's body is written as %XX */
static int form_escape(struct re_printf *pf, const char *text)
{
	int err = 0;

	for (const char *p = text; *p && !err; p++) {
		const bool plain = isalnum((unsigned char)*p) ||
			strchr("-_.~", *p);

		err = re_hprintf(pf, plain ? "%c" : "%%%02X",
				 (unsigned char)*p);
	}

	return err;
}


/** What shows that it is us, as fields of the form */
static int proof_make(char **proofp, const struct graph *g, const char *url)
{
	char *jwt;
	int err;

	if (g->client_secret)
		return re_sdprintf(proofp, "client_secret=%H", form_escape,
				   g->client_secret);

	err = assertion_make(&jwt, g->certificate, url, g->client_id,
			     (int64_t)time(NULL));
	if (err)
		return err;

	err = re_sdprintf(proofp, "client_assertion_type=%H"
			  "&client_assertion=%s", form_escape, ASSERTION_TYPE,
			  jwt);
	secret_wipe(jwt);

	return err;
}


static void token_fetch(struct graph *g)
{
	struct web_ask rq = {.method = "POST",
			     .type = "application/x-www-form-urlencoded"};
	char *url = NULL, *proof = NULL, *body = NULL;
	int err;

	err = re_sdprintf(&url, "%s/%H/oauth2/v2.0/token", g->login_base,
			  form_escape, g->tenant);
	if (!err)
		err = proof_make(&proof, g, url);
	if (!err)
		err = re_sdprintf(&body, "client_id=%H&%s"
				  "&grant_type=client_credentials"
				  "&scope=%H%%2F.default",
				  form_escape, g->client_id, proof,
				  form_escape, g->graph_base);

	rq.url  = url;
	rq.body = body;
	g->rq = mem_deref(g->rq);
	if (!err)
		err = web_send(&g->rq, g->web, &rq, token_came, g);

	if (err)
		job_fail(g, GRAPH_NO_MEMORY, "no memory", NULL);
	else
		g->state = GRAPH_TOKEN;

	mem_deref(url);
	secret_wipe(proof);
	secret_wipe(body);
}


/* Asking */


/** A token may be taken back at any time: one more is asked for, once */
static void token_refused(struct graph *g, const struct web_reply *reply)
{
	struct job *job = list_ledata(list_head(&g->jobl));

	g->token = secret_wipe(g->token);
	if (job->renewed) {
		job_fail(g, GRAPH_AUTH_BROKEN, "Graph refuses a fresh token",
			 reply);
		return;
	}

	job->renewed = true;
	g->state = GRAPH_IDLE;
	look_soon(g);
}


static void reply_came(const struct web_reply *reply, void *arg)
{
	struct graph *g = arg;
	struct graph_result result = {.why = "", .status = reply->status,
				      .request_id = reply->request_id,
				      .location = reply->location};
	char why[192] = "";

	if (reply->why) {
		job_again(g, reply->why, reply);
		return;
	}

	if (reply->status == 401) {
		token_refused(g, reply);
		return;
	}

	result.fault = graph_reply_read(&result.json, why, sizeof(why),
					reply->status, reply->body,
					reply->size);
	result.why = why;
	if (result.fault == GRAPH_UNAVAILABLE) {
		json_decref(result.json);
		job_again(g, why, reply);
		return;
	}

	/* last, but for what is only ours: the client may be gone */
	job_end(g, &result);
	json_decref(result.json);
}


static void ask(struct graph *g)
{
	const struct job *job = list_ledata(list_head(&g->jobl));
	const struct web_ask rq = {
		.method = job->body ? "POST" : "GET",
		.url = job->url, .bearer = g->token, .body = job->body,
		.type = job->body ? "application/json" : NULL,
	};

	g->rq = mem_deref(g->rq);
	if (web_send(&g->rq, g->web, &rq, reply_came, g))
		job_fail(g, GRAPH_NO_MEMORY, "no memory", NULL);
	else
		g->state = GRAPH_ASKING;
}


/** Go on with the first job, if there is one */
static void job_start(struct graph *g)
{
	if (!list_head(&g->jobl))
		return;

	if (g->token && clock_ms() < g->token_end_ms)
		ask(g);
	else
		token_fetch(g);
}


static void look(evutil_socket_t fd, short what, void *arg)
{
	struct graph *g = arg;

	(void)fd;
	(void)what;

	switch (g->state) {

	case GRAPH_WAITING:
		g->state = GRAPH_IDLE;
		job_start(g);
		break;

	case GRAPH_IDLE:
		job_start(g);
		break;

	case GRAPH_TOKEN:
	case GRAPH_ASKING:
		break;
	}
}


/* Links */


/** One part of a URL is the same in both */
static bool part_equal(CURLU *a, CURLU *b, CURLUPart part, unsigned flags)
{
	char *x = NULL, *y = NULL;
	bool equal;

	equal = !curl_url_get(a, part, &x, flags) &&
		!curl_url_get(b, part, &y, flags) && !str_casecmp(x, y);

	curl_free(x);
	curl_free(y);

	return equal;
}


/** Does it name somebody to sign in as? Ours never do */
static bool has_user(CURLU *u)
{
	char *user = NULL;
	const bool has = !curl_url_get(u, CURLUPART_USER, &user, 0);

	curl_free(user);

	return has;
}


bool graph_link_is_ours(const char *base, const char *link)
{
	CURLU *a = curl_url(), *b = curl_url();
	bool ours = false;

	if (a && b && base && link &&
	    !curl_url_set(a, CURLUPART_URL, base, 0) &&
	    !curl_url_set(b, CURLUPART_URL, link, 0))
		ours = part_equal(a, b, CURLUPART_SCHEME, 0) &&
			part_equal(a, b, CURLUPART_HOST, 0) &&
			part_equal(a, b, CURLUPART_PORT, CURLU_DEFAULT_PORT) &&
			!has_user(b);

	curl_url_cleanup(a);
	curl_url_cleanup(b);

	return ours;
}


/* Public */


static bool base_is_good(const char *base)
{
	return !strncmp(base, "https://", 8) ||
		!strncmp(base, "http://127.0.0.1:", 17);
}


/** It is tried at once: a person is still there to be told */
static int certificate_take(struct graph *g, const char *pem)
{
	char *jwt;
	int err;

	err = assertion_make(&jwt, pem, "", "", 0);
	if (err)
		return err;

	mem_deref(jwt);

	return str_dup(&g->certificate, pem);
}


static int conf_take(struct graph *g, const struct graph_conf *conf)
{
	int err;

	err = str_dup(&g->login_base, conf->login_base ? conf->login_base
		      : LOGIN_BASE);
	if (!err)
		err = str_dup(&g->graph_base, conf->graph_base ?
			      conf->graph_base : GRAPH_BASE);
	if (!err)
		err = str_dup(&g->tenant, conf->tenant);
	if (!err)
		err = str_dup(&g->client_id, conf->client_id);
	if (!err && conf->client_secret)
		err = str_dup(&g->client_secret, conf->client_secret);
	else if (!err)
		err = certificate_take(g, conf->certificate);
	if (!err && (!base_is_good(g->login_base) ||
		     !base_is_good(g->graph_base)))
		err = EINVAL;

	g->second_ms = conf->second_ms ? conf->second_ms : SECOND_MS;

	return err;
}


int graph_alloc(struct graph **gp, struct event_base *base,
		const struct graph_conf *conf)
{
	struct web_conf web = {0};
	struct graph *g;
	int err;

	if (!gp || !base || !conf || !str_isset(conf->tenant) ||
	    !str_isset(conf->client_id) ||
	    (!str_isset(conf->client_secret) && !conf->certificate))
		return EINVAL;

	g = mem_zalloc(sizeof(*g), destructor);
	if (!g)
		return ENOMEM;

	err = conf_take(g, conf);
	if (err)
		goto out;

	web.ca_file = conf->ca_file;
	web.plain   = strncmp(g->graph_base, "https:", 6) != 0;
	err = web_alloc(&g->web, base, &web);
	if (err)
		goto out;

	g->timer = evtimer_new(base, look, g);
	if (!g->timer)
		err = ENOMEM;

 out:
	if (err)
		mem_deref(g);
	else
		*gp = g;

	return err;
}


int graph_send(struct graph *g, const char *where, const char *body,
	       graph_result_h *h, void *arg)
{
	struct job *job;
	int err;

	if (!g || !where || !h)
		return EINVAL;

	if (*where != '/' && !graph_link_is_ours(g->graph_base, where))
		return EPERM;

	job = mem_zalloc(sizeof(*job), job_destructor);
	if (!job)
		return ENOMEM;

	job->h   = h;
	job->arg = arg;
	err = re_sdprintf(&job->url, "%s%s", *where == '/' ? g->graph_base
			  : "", where);
	if (!err && body)
		err = str_dup(&job->body, body);
	if (err) {
		mem_deref(job);
		return err;
	}

	list_append(&g->jobl, &job->le, job);
	if (g->state == GRAPH_IDLE)
		look_soon(g);

	return 0;
}
