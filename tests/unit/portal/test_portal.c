/**
 * @file test_portal.c  The API over its Unix socket, as a client sees it
 */
#include <curl/curl.h>
#include <dirent.h>
#include <jansson.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

#include "bridge/base/libre.h"
#include "bridge/base/wheel.h"
#include "bridge/sip/trace.h"
#include "bridge/store/live.h"
#include "bridge/store/store.h"
#include "pbx-templates/template.h"
#include "portal-api/portal.h"
#include "tests/unit/store/folder.h"


enum { CONNS_MAX = 50, BODY_SIZE = 1 << 20 };


struct fixture {
	char *folder;              /* owned */
	char socket[128];
	char url[160];
	struct live *live;
	struct trace *trace;
	struct portal *portal;
	struct portal_conf conf;

	/* what the command handler saw, and what it does */
	pthread_mutex_t lock;
	struct portal_command cmd;
	unsigned cmdc;
	int refuse;                /* errno to return             */
	bool silent;               /* never replies               */
	int err;                   /* to reply                    */
	const char *text;
};


struct reply {
	long code;
	char type[64], allow[64];
	char *text;                /* owned */
	size_t size;
	json_t *json;              /* owned, NULL if it is none */
};


/* The service */


static int command_handler(const struct portal_command *cmd, void *arg)
{
	struct fixture *f = arg;

	(void)pthread_mutex_lock(&f->lock);
	f->cmd = *cmd;
	++f->cmdc;
	(void)pthread_mutex_unlock(&f->lock);

	if (f->refuse)
		return f->refuse;

	if (!f->silent)
		portal_reply(cmd->portal, cmd->id, f->err, f->text);

	return 0;
}


static void fill_regs(struct live *live)
{
	static const char *const namev[] = {"ann", "bob", "cid"};
	static const enum reg_state statev[] = {
		REG_GREEN, REG_RED, REG_LAGGING,
	};
	struct reg_status st;

	for (unsigned i = 0; i < 3; i++) {
		memset(&st, 0, sizeof(st));
		str_ncpy(st.tenant, i == 2 ? "other" : "contoso",
			 sizeof(st.tenant));
		str_ncpy(st.pbx, "hq", sizeof(st.pbx));
		(void)re_snprintf(st.upn, sizeof(st.upn),
				  "%s@contoso.example", namev[i]);
		(void)re_snprintf(st.number, sizeof(st.number),
				  "+44207946001%u", i);
		(void)re_snprintf(st.aor, sizeof(st.aor),
				  "sip:10%u@pbx.example", i);
		st.state   = statev[i];
		st.since_s = 1000;
		str_ncpy(st.words, i == 1 ? "403 Forbidden (\"Ä\")"
			 : "200 OK", sizeof(st.words));
		live_reg(live, &st);
	}
}


static void fill_calls(struct live *live)
{
	struct call_record rec;

	for (unsigned n = 1; n <= 120; n++) {
		memset(&rec, 0, sizeof(rec));
		(void)re_snprintf(rec.id, sizeof(rec.id), "call-%03u", n);
		str_ncpy(rec.tenant, n == 7 ? "other" : "contoso",
			 sizeof(rec.tenant));
		rec.version  = 1;
		rec.start_ms = n;
		rec.state    = n == 120 ? CALL_ANSWERED : CALL_ENDED;
		live_call(live, &rec);
	}
}


static void fill_trace(struct trace *trace)
{
	static const char msg[] =
		"OPTIONS sip:pbx.example SIP/2.0\r\n"
		"Call-ID: abc/def@host\r\n"
		"Subject: \xff\r\n"
		"Content-Length: 0\r\n\r\n";
	struct sa local, peer;

	assert_int_equal(sa_set_str(&local, "127.0.0.1", 5060), 0);
	assert_int_equal(sa_set_str(&peer, "127.0.0.2", 5061), 0);

	trace_tag(trace, "abc/def@host", "sip:100@pbx.example");
	trace_tag(trace, "abc/def@host", "call-001");
	trace_add(trace, true, SIP_TRANSP_UDP, &local, &peer, "pbx",
		  (const uint8_t *)msg, sizeof(msg) - 1);
}


static void store_make(struct fixture *f)
{
	struct store *st;

	(void)re_snprintf(f->url, sizeof(f->url), "sqlite:%s/store.db",
			  f->folder);
	assert_int_equal(store_open(&st, f->url, true, NULL, NULL), 0);
	assert_int_equal(store_migrate(st, NULL), 0);
	mem_deref(st);
}


static int begin(void **state, unsigned reply_ms, unsigned request_ms)
{
	struct fixture *f = calloc(1, sizeof(*f));
	void *folder;

	if (!f || folder_make(&folder))
		return -1;

	*state = f;
	f->folder = folder;
	(void)pthread_mutex_init(&f->lock, NULL);
	(void)re_snprintf(f->socket, sizeof(f->socket), "%s/control.sock",
			  f->folder);

	assert_int_equal(live_alloc(&f->live), 0);
	assert_int_equal(trace_alloc(&f->trace, 1 << 20), 0);
	fill_regs(f->live);
	fill_calls(f->live);
	fill_trace(f->trace);

	store_make(f);
	(void)template_table();
	f->conf = (struct portal_conf){
		.store_url = f->url,
		.socket_path = f->socket, .live = f->live, .trace = f->trace,
		.state_dir = f->folder, .commandh = command_handler, .arg = f,
		.software = "Callbridge/test", .reply_limit_ms = reply_ms,
		.request_limit_ms = request_ms,
	};

	return portal_start(&f->portal, &f->conf, NULL);
}


/* Limits that a machine which stands still does not meet */
static int start(void **state)
{
	return begin(state, 60000, 60000);
}


/* Limits that are waited for */
static int start_hasty(void **state)
{
	return begin(state, 200, 300);
}


static int stop(void **state)
{
	struct fixture *f = *state;
	void *folder = f->folder;

	portal_stop(f->portal);
	live_free(f->live);
	mem_deref(f->trace);
	(void)pthread_mutex_destroy(&f->lock);
	free(f);

	return folder_remove(&folder);
}


/* The client */


static size_t take(char *p, size_t size, size_t n, void *arg)
{
	struct reply *r = arg;
	char *text = realloc(r->text, r->size + size * n + 1);

	assert_non_null(text);
	memcpy(text + r->size, p, size * n);
	r->text  = text;
	r->size += size * n;
	text[r->size] = '\0';

	return size * n;
}


static size_t take_header(char *p, size_t size, size_t n, void *arg)
{
	struct reply *r = arg;
	const struct pl line = {.p = p, .l = size * n};
	struct pl v;

	if (!re_regex(line.p, line.l, "Content-Type: [^\r]+", &v))
		(void)pl_strcpy(&v, r->type, sizeof(r->type));
	if (!re_regex(line.p, line.l, "Allow: [^\r]+", &v))
		(void)pl_strcpy(&v, r->allow, sizeof(r->allow));

	return size * n;
}


static CURL *client(const struct fixture *f, struct reply *r,
		    const char *target)
{
	CURL *curl = curl_easy_init();
	char url[4096];

	memset(r, 0, sizeof(*r));
	assert_non_null(curl);
	assert_true(re_snprintf(url, sizeof(url), "http://x%s", target) > 0);

	curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, f->socket);
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT, 30L);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, r);
	curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header);
	curl_easy_setopt(curl, CURLOPT_HEADERDATA, r);

	return curl;
}


static void perform(CURL *curl, struct reply *r)
{
	assert_int_equal(curl_easy_perform(curl), CURLE_OK);
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &r->code);
	curl_easy_cleanup(curl);

	if (r->size)
		r->json = json_loadb(r->text, r->size,
				     JSON_REJECT_DUPLICATES, NULL);
}


static void get(const struct fixture *f, struct reply *r, const char *target)
{
	perform(client(f, r, target), r);
}


static void post(const struct fixture *f, struct reply *r,
		 const char *target)
{
	CURL *curl = client(f, r, target);

	curl_easy_setopt(curl, CURLOPT_POSTFIELDS, "");
	perform(curl, r);
}


static void done(struct reply *r)
{
	json_decref(r->json);
	free(r->text);
}


static const char *text_of(const json_t *json, const char *name)
{
	const char *text = json_string_value(json_object_get(json, name));

	assert_non_null(text);

	return text;
}


/** Each row's member, in a row: "a b c" */
static void assert_rows(const struct reply *r, const char *list,
			const char *member, const char *want)
{
	char found[512] = "";
	const json_t *row, *rows = json_object_get(r->json, list);
	size_t i;

	assert_int_equal(r->code, 200);
	assert_string_equal(r->type, "application/json");
	assert_true(json_is_array(rows));

	json_array_foreach(rows, i, row) {
		const size_t l = strlen(found);

		(void)re_snprintf(found + l, sizeof(found) - l, "%s%s",
				  i ? " " : "", text_of(row, member));
	}

	assert_string_equal(found, want);
}


static void assert_error(const struct fixture *f, const char *target,
			 long code, const char *error, const char *field)
{
	struct reply r;

	get(f, &r, target);
	assert_int_equal(r.code, code);
	assert_string_equal(r.type, "application/json");
	assert_string_equal(text_of(r.json, "error"), error);

	if (field)
		assert_string_equal(text_of(r.json, "field"), field);
	else
		assert_true(json_is_null(json_object_get(r.json, "field")));

	done(&r);
}


/* Reading */


static void test_registrations(void **state)
{
	const struct fixture *f = *state;
	struct reply r;

	get(f, &r, "/api/v1/registrations");
	assert_rows(&r, "registrations", "upn", "ann@contoso.example"
		    " bob@contoso.example cid@contoso.example");
	assert_string_equal(text_of(json_array_get(json_object_get(
		r.json, "registrations"), 1), "words"),
		"403 Forbidden (\"Ä\")");
	done(&r);

	get(f, &r, "/api/v1/registrations?failing=true");
	assert_rows(&r, "registrations", "state", "failing lagging");
	done(&r);

	get(f, &r, "/api/v1/registrations?failing=false");
	assert_rows(&r, "registrations", "state", "registered");
	done(&r);

	get(f, &r, "/api/v1/registrations?failing=true&tenant=contoso&pbx=hq");
	assert_rows(&r, "registrations", "upn", "bob@contoso.example");
	done(&r);

	get(f, &r, "/api/v1/registrations?tenant=nobody");
	assert_rows(&r, "registrations", "upn", "");
	done(&r);
}


static void test_trunks(void **state)
{
	const struct fixture *f = *state;
	struct trunk_status st;
	struct reply r;

	get(f, &r, "/api/v1/trunks");
	assert_rows(&r, "trunks", "proxy", "");
	done(&r);

	memset(&st, 0, sizeof(st));
	str_ncpy(st.tenant, "contoso", sizeof(st.tenant));
	str_ncpy(st.proxy, "sip.pstnhub.example", sizeof(st.proxy));
	live_trunk(f->live, &st);

	get(f, &r, "/api/v1/trunks?tenant=contoso");
	assert_rows(&r, "trunks", "proxy", "sip.pstnhub.example");
	done(&r);
}


static void test_calls(void **state)
{
	const struct fixture *f = *state;
	struct reply r;

	get(f, &r, "/api/v1/calls?limit=3");
	assert_rows(&r, "calls", "id", "call-118 call-119 call-120");
	done(&r);

	get(f, &r, "/api/v1/calls");
	assert_int_equal(json_array_size(json_object_get(r.json, "calls")),
			 100);
	done(&r);

	get(f, &r, "/api/v1/calls?limit=1000");
	assert_int_equal(json_array_size(json_object_get(r.json, "calls")),
			 120);
	done(&r);

	get(f, &r, "/api/v1/calls?tenant=other");
	assert_rows(&r, "calls", "id", "call-007");
	done(&r);

	get(f, &r, "/api/v1/calls/call-007");
	assert_int_equal(r.code, 200);
	assert_string_equal(text_of(r.json, "tenant"), "other");
	done(&r);

	assert_error(f, "/api/v1/calls/call-999", 404,
		     "there is no call call-999", "id");

	/* as people type it: how it begins */
	get(f, &r, "/api/v1/calls/call-12");
	assert_int_equal(r.code, 200);
	assert_string_equal(text_of(r.json, "id"), "call-120");
	done(&r);
	assert_error(f, "/api/v1/calls/call-00", 400, "9 calls begin with"
		     " call-00: want more of the id", "id");
	assert_error(f, "/api/v1/calls/cal", 404, "there is no call cal",
		     "id");
}


static void test_which_calls(void **state)
{
	const struct fixture *f = *state;
	struct reply r;

	get(f, &r, "/api/v1/calls?failed=true");
	assert_int_equal(r.code, 200);
	done(&r);
	get(f, &r, "/api/v1/calls?to_ms=1");
	assert_int_equal(json_array_size(json_object_get(r.json, "calls")),
			 0);
	done(&r);
	get(f, &r, "/api/v1/calls?from_ms=0&failed=false&limit=1000");
	assert_int_equal(json_array_size(json_object_get(r.json, "calls")),
			 120);
	done(&r);

	assert_error(f, "/api/v1/calls?failed=yes", 400,
		     "failed: want true or false, found \"yes\"", "failed");
	assert_error(f, "/api/v1/calls?from_ms=yesterday", 400,
		     "from_ms: want milliseconds since 1970, found"
		     " \"yesterday\"", "from_ms");
}


static void test_traces_by_any_name(void **state)
{
	static const char *const namev[] = {
		"ann%40contoso.example", "ANN@contoso.example",
		"+442079460010", "sip:100@pbx.example", "100@pbx.example",
		"call-001", "abc%2Fdef@host",
	};
	const struct fixture *f = *state;
	struct reply r;

	for (size_t i = 0; i < sizeof(namev) / sizeof(namev[0]); i++) {
		char target[128];

		(void)re_snprintf(target, sizeof(target),
				  "/api/v1/trace/%s", namev[i]);
		get(f, &r, target);
		assert_int_equal(r.code, 200);
		assert_string_equal(r.type, "text/plain; charset=utf-8");
		assert_non_null(strstr(r.text, "OPTIONS"));
		done(&r);
	}

	get(f, &r, "/api/v1/trace/call-001?format=json");
	assert_rows(&r, "messages", "transport", "UDP");
	assert_non_null(strstr(text_of(json_array_get(json_object_get(
		r.json, "messages"), 0), "data"),
		"\r\nSubject: \\xff\r\nContent-Length: 0\r\n\r\n"));
	done(&r);

	assert_error(f, "/api/v1/trace/nobody", 404, "no messages are kept of"
		     " nobody: want a user (name, number or AoR), a call's id"
		     " or a Call-ID", "subject");
	assert_error(f, "/api/v1/trace/call-001?format=xml", 400,
		     "format: want ladder, json or pcapng, found \"xml\"", "format");
}


static void test_version_metrics_health(void **state)
{
	const struct fixture *f = *state;
	struct reply r;

	get(f, &r, "/api/v1/version");
	assert_int_equal(r.code, 200);
	assert_string_equal(text_of(r.json, "software"), "Callbridge/test");
	assert_int_equal(json_object_size(json_object_get(r.json,
							  "libraries")), 7);
	done(&r);

	get(f, &r, "/metrics");
	assert_int_equal(r.code, 200);
	assert_string_equal(r.type,
			    "text/plain; version=0.0.4; charset=utf-8");
	assert_non_null(strstr(r.text,
		"callbridge_registrations{state=\"failing\"} 1\n"));
	assert_non_null(strstr(r.text,
		"callbridge_registrations{state=\"queued\"} 0\n"));
	assert_non_null(strstr(r.text, "\ncallbridge_calls 1\n"));
	done(&r);

	get(f, &r, "/health/live");
	assert_int_equal(r.code, 200);
	done(&r);

	get(f, &r, "/health/ready");
	assert_int_equal(r.code, 200);
	assert_string_equal(text_of(r.json, "status"), "ready");
	done(&r);
}


static void test_not_ready_without_a_disk(void **state)
{
	struct fixture *f = *state;
	struct reply r;

	portal_stop(f->portal);
	f->conf.state_dir = "/nonexistent";
	assert_int_equal(portal_start(&f->portal, &f->conf, NULL), 0);

	get(f, &r, "/health/ready");
	assert_int_equal(r.code, 503);
	assert_string_equal(text_of(r.json, "field"), "state_dir");
	done(&r);
}


/* Asking wrongly */


static void test_wrong_questions_are_answered_in_json(void **state)
{
	const struct fixture *f = *state;
	struct reply r;

	assert_error(f, "/page", 404, "there is no /page", NULL);
	assert_error(f, "/api/v1/call", 404, "there is no /api/v1/call",
		     NULL);
	assert_error(f, "/api/v1/calls/", 404, "there is no /api/v1/calls/",
		     NULL);
	assert_error(f, "/api/v1/trace/a/b", 404,
		     "there is no /api/v1/trace/a/b", NULL);
	assert_error(f, "/api/v1/trace/a%00b", 400,
		     "path: a name in it cannot be read", NULL);
	assert_error(f, "/api/v1/trace/%ff", 400,
		     "path: a name in it cannot be read", NULL);
	assert_error(f, "/api/v1/trace/%0aX", 400,
		     "path: a name in it cannot be read", NULL);
	assert_error(f, "/api/v1/calls?limit=0", 400,
		     "limit: want 1..1000, found \"0\"", "limit");
	assert_error(f, "/api/v1/calls?limit=1001", 400,
		     "limit: want 1..1000, found \"1001\"", "limit");
	assert_error(f, "/api/v1/calls?limit=99999999999999999999", 400,
		     "limit: want 1..1000, found \"99999999999999999999\"",
		     "limit");
	assert_error(f, "/api/v1/calls?limit=-1", 400,
		     "limit: want 1..1000, found \"-1\"", "limit");
	assert_error(f, "/api/v1/calls?limti=1", 400,
		     "/api/v1/calls has no parameter \"limti\"", "limti");
	assert_error(f, "/api/v1/registrations?failing=yes", 400,
		     "failing: want true or false, found \"yes\"", "failing");
	assert_error(f, "/api/v1/reload", 405, "want POST", NULL);

	post(f, &r, "/api/v1/calls");
	assert_int_equal(r.code, 405);
	assert_string_equal(r.allow, "GET");
	done(&r);
}


/** Octets as they are; @return what came back until it was closed */
static size_t raw(const struct fixture *f, const char *p, size_t l, char *buf,
		  size_t size)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	struct pollfd pfd = {.fd = fd, .events = POLLIN};
	size_t n = 0;

	str_ncpy(un.sun_path, f->socket, sizeof(un.sun_path));
	assert_int_equal(connect(fd, (struct sockaddr *)&un, sizeof(un)), 0);

	while (l) {
		const ssize_t sent = send(fd, p, l, MSG_NOSIGNAL);

		if (sent <= 0)
			break;
		p += sent;
		l -= (size_t)sent;
	}

	while (n < size - 1 && poll(&pfd, 1, 30000) == 1) {
		const ssize_t got = recv(fd, buf + n, size - 1 - n, 0);

		if (got <= 0)
			break;
		n += (size_t)got;
	}

	assert_true(poll(&pfd, 1, 30000) == 1);
	(void)close(fd);
	buf[n] = '\0';

	return n;
}


static void test_too_much_is_refused(void **state)
{
	static char req[2 * BODY_SIZE], buf[4096];
	const struct fixture *f = *state;
	struct reply r;
	size_t l;

	/* headers: 16 KiB */
	l = (size_t)re_snprintf(req, sizeof(req),
				"GET /health/live HTTP/1.1\r\nHost: x\r\n"
				"Connection: close\r\nX: ");
	memset(req + l, 'x', 17 * 1024);
	l += 17 * 1024;
	memcpy(req + l, "\r\n\r\n", 4);
	(void)raw(f, req, l + 4, buf, sizeof(buf));
	assert_non_null(strstr(buf, "HTTP/1.1 431 "));
	assert_non_null(strstr(buf, "want at most 16384 octets"));

	/* and far more, which nobody reads to its end */
	l = (size_t)re_snprintf(req, sizeof(req),
				"GET /health/live HTTP/1.1\r\nHost: x\r\n"
				"X: ");
	memset(req + l, 'x', 70 * 1024);
	(void)raw(f, req, l + 70 * 1024, buf, sizeof(buf));
	assert_true(!*buf || strstr(buf, "HTTP/1.1 400 "));

	l = (size_t)re_snprintf(req, sizeof(req),
				"GET /health/live HTTP/1.1\r\nHost: x\r\n"
				"Connection: close\r\nX: ");
	memset(req + l, 'x', 15 * 1024);
	l += 15 * 1024;
	memcpy(req + l, "\r\n\r\n", 4);
	(void)raw(f, req, l + 4, buf, sizeof(buf));
	assert_non_null(strstr(buf, "200 OK"));

	/* body: 1 MiB */
	l = (size_t)re_snprintf(req, sizeof(req),
				"POST /api/v1/reload HTTP/1.1\r\nHost: x\r\n"
				"Content-Length: %u\r\n\r\n", BODY_SIZE + 1);
	memset(req + l, 'x', BODY_SIZE + 1);
	(void)raw(f, req, l + BODY_SIZE + 1, buf, sizeof(buf));
	assert_null(strstr(buf, "200 OK"));
	assert_int_equal(f->cmdc, 0);

	/* nobody else noticed */
	get(f, &r, "/health/live");
	assert_int_equal(r.code, 200);
	done(&r);
}


static void test_no_http_is_no_request(void **state)
{
	static const char *const textv[] = {
		"\r\n\r\n", "\0\0\0\0", "GET\r\n\r\n",
		"GET / HTTP/9.9\r\n\r\n",
		"FLY /health/live HTTP/1.1\r\nHost: x\r\n\r\n",
		"POST /api/v1/reload HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
		"POST /api/v1/reload HTTP/1.1\r\nContent-Length: 1e9\r\n\r\n",
	};
	const struct fixture *f = *state;
	struct reply r;
	char buf[4096];

	for (size_t i = 0; i < sizeof(textv) / sizeof(textv[0]); i++) {
		(void)raw(f, textv[i], i == 1 ? 4 : strlen(textv[i]), buf,
			  sizeof(buf));
		assert_null(strstr(buf, "200 OK"));
	}

	assert_int_equal(f->cmdc, 0);
	get(f, &r, "/health/live");
	assert_int_equal(r.code, 200);
	done(&r);
}


static void test_a_slow_sender_is_cut_off(void **state)
{
	const struct fixture *f = *state;
	const uint64_t start_ms = clock_ms();
	char buf[256];

	/* a head without its end: the limit is 300 ms here */
	(void)raw(f, "GET / HTTP/1.1\r\n", 16, buf, sizeof(buf));
	assert_in_range(clock_ms() - start_ms, 290, 20000);
	assert_non_null(strstr(buf, "HTTP/1.1 408 Request Timeout\r\n"));
	assert_non_null(strstr(buf, "not whole in time"));

	/* and a body without its end */
	(void)raw(f, "POST /api/v1/reload HTTP/1.1\r\nHost: x\r\n"
		  "Content-Length: 9\r\n\r\nx", 61, buf, sizeof(buf));
	assert_non_null(strstr(buf, "HTTP/1.1 408 Request Timeout\r\n"));
	assert_int_equal(f->cmdc, 0);
}


static void test_who_says_nothing_is_told_nothing(void **state)
{
	static const char one[] = "GET /health/live HTTP/1.1\r\nHost: x\r\n"
		"\r\n";
	const struct fixture *f = *state;
	char buf[1024];

	(void)raw(f, "", 0, buf, sizeof(buf));
	assert_string_equal(buf, "");

	/* kept alive after an answer */
	(void)raw(f, one, sizeof(one) - 1, buf, sizeof(buf));
	assert_non_null(strstr(buf, "200 OK"));
	assert_null(strstr(buf, "408"));
}


/** Descriptors of this process, which is the service's too */
static unsigned fd_count(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned c = 0;

	assert_non_null(dir);
	while (readdir(dir))
		++c;
	(void)closedir(dir);

	return c;
}


static void test_too_many_connections_are_closed(void **state)
{
	struct fixture *f = *state;
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	int fdv[CONNS_MAX + 1];
	const uint64_t end_ms = clock_ms() + 30000;
	struct pollfd pfd;
	unsigned before;
	char c;

	before = fd_count();

	str_ncpy(un.sun_path, f->socket, sizeof(un.sun_path));
	for (int i = 0; i <= CONNS_MAX; i++) {
		fdv[i] = socket(AF_UNIX, SOCK_STREAM, 0);
		assert_int_equal(connect(fdv[i], (struct sockaddr *)&un,
					 sizeof(un)), 0);
	}

	/* the last one goes, the others stay */
	pfd = (struct pollfd){.fd = fdv[CONNS_MAX], .events = POLLIN};
	assert_int_equal(poll(&pfd, 1, 30000), 1);
	assert_int_equal(recv(pfd.fd, &c, 1, 0), 0);

	pfd.fd = fdv[0];
	assert_int_equal(poll(&pfd, 1, 0), 0);

	for (int i = 0; i <= CONNS_MAX; i++)
		(void)close(fdv[i]);

	/* their places are free again, nothing is left of them */
	while (fd_count() > before && clock_ms() < end_ms)
		;
	assert_int_equal(fd_count(), before);
}


/* Commands */


static void test_a_command_tells_its_outcome(void **state)
{
	struct fixture *f = *state;
	struct reply r;

	f->text = "2 customers\n";
	post(f, &r, "/api/v1/reload");
	assert_int_equal(r.code, 200);
	assert_string_equal(text_of(r.json, "status"), "done");
	assert_int_equal(json_array_size(json_object_get(r.json, "details")),
			 1);
	assert_int_equal(f->cmd.type, PORTAL_RELOAD);
	done(&r);

	f->err  = EBADMSG;
	f->text = "a.yaml:3:1: one\nb.yaml:4:2: two\n";
	post(f, &r, "/api/v1/reload");
	assert_int_equal(r.code, 422);
	assert_string_equal(text_of(r.json, "error"),
			    "what was read is wrong; nothing was changed");
	assert_string_equal(json_string_value(json_array_get(json_object_get(
		r.json, "details"), 1)), "b.yaml:4:2: two");
	done(&r);

	f->err  = ENOENT;
	f->text = NULL;
	post(f, &r, "/api/v1/registrations/BOB%40contoso.example/retry");
	assert_int_equal(r.code, 404);
	assert_int_equal(f->cmd.type, PORTAL_RETRY);
	assert_string_equal(f->cmd.upn, "bob@contoso.example");
	assert_string_equal(f->cmd.tenant, "contoso");
	done(&r);

	assert_int_equal(f->cmdc, 3);
}


static void test_a_user_that_is_not_there_cannot_retry(void **state)
{
	const struct fixture *f = *state;
	struct reply r;

	post(f, &r, "/api/v1/registrations/eve@contoso.example/retry");
	assert_int_equal(r.code, 404);
	assert_string_equal(text_of(r.json, "error"),
			    "there is no user eve@contoso.example at this"
			    " node");
	done(&r);

	post(f, &r,
	     "/api/v1/registrations/bob@contoso.example/retry?tenant=other");
	assert_int_equal(r.code, 404);
	done(&r);

	assert_int_equal(f->cmdc, 0);
}


static void test_a_command_that_takes_long_is_under_way(void **state)
{
	struct fixture *f = *state;
	struct reply r;

	f->silent = true;
	post(f, &r, "/api/v1/reload");
	assert_int_equal(r.code, 202);
	assert_string_equal(text_of(r.json, "status"), "under way");
	done(&r);

	/* the outcome comes late, and twice: nobody minds */
	portal_reply(f->portal, f->cmd.id, 0, NULL);
	portal_reply(f->portal, f->cmd.id, 0, NULL);
	get(f, &r, "/health/live");
	assert_int_equal(r.code, 200);
	done(&r);
}


static void test_a_command_may_be_refused(void **state)
{
	struct fixture *f = *state;
	struct reply r;

	f->refuse = EAGAIN;
	post(f, &r, "/api/v1/reload");
	assert_int_equal(r.code, 503);
	done(&r);

	portal_stop(f->portal);
	f->conf.commandh = NULL;
	assert_int_equal(portal_start(&f->portal, &f->conf, NULL), 0);
	post(f, &r, "/api/v1/reload");
	assert_int_equal(r.code, 503);
	done(&r);
}


static void *post_reload(void *arg)
{
	static long code;
	struct reply r;
	CURL *curl = client(arg, &r, "/api/v1/reload");

	/* no assertion here: they work in the main thread only */
	curl_easy_setopt(curl, CURLOPT_POSTFIELDS, "");
	(void)curl_easy_perform(curl);
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &code);
	curl_easy_cleanup(curl);
	done(&r);

	return &code;
}


static void test_stopping_with_a_command_under_way(void **state)
{
	struct fixture *f = *state;
	const uint64_t end_ms = clock_ms() + 30000;
	unsigned cmdc = 0;
	pthread_t t;
	void *code;

	f->silent = true;
	assert_int_equal(pthread_create(&t, NULL, post_reload, f), 0);

	while (!cmdc && clock_ms() < end_ms) {
		(void)pthread_mutex_lock(&f->lock);
		cmdc = f->cmdc;
		(void)pthread_mutex_unlock(&f->lock);
	}
	assert_int_equal(cmdc, 1);

	portal_stop(f->portal);
	f->portal = NULL;
	assert_int_equal(pthread_join(t, &code), 0);
	assert_int_equal(*(long *)code, 503);
	assert_true(clock_ms() < end_ms);
}


/* The socket */


static void test_only_the_owner_may_connect(void **state)
{
	const struct fixture *f = *state;
	struct stat st;

	assert_int_equal(stat(f->socket, &st), 0);
	assert_true(S_ISSOCK(st.st_mode));
	assert_int_equal(st.st_mode & 0777, 0600);
}


static void test_a_socket_in_use_is_left_alone(void **state)
{
	struct fixture *f = *state;
	struct portal *second = NULL;
	struct reply r;

	assert_int_equal(portal_start(&second, &f->conf, NULL), EADDRINUSE);
	assert_null(second);

	get(f, &r, "/health/live");
	assert_int_equal(r.code, 200);
	done(&r);
}


/** ... also one of a program that knows nothing of our lock file */
static void test_a_strangers_socket_is_left_alone(void **state)
{
	struct fixture *f = *state;
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	struct portal *second = NULL;
	struct stat st;

	(void)re_snprintf(un.sun_path, sizeof(un.sun_path), "%s/other",
			  f->folder);
	assert_int_equal(bind(fd, (struct sockaddr *)&un, sizeof(un)), 0);
	assert_int_equal(listen(fd, 1), 0);

	f->conf.socket_path = un.sun_path;
	assert_int_equal(portal_start(&second, &f->conf, NULL), EADDRINUSE);
	assert_int_equal(stat(un.sun_path, &st), 0);

	/* once nobody listens it is what a crash leaves behind */
	(void)close(fd);
	assert_int_equal(portal_start(&second, &f->conf, NULL), 0);
	portal_stop(second);
	assert_int_equal(stat(un.sun_path, &st), -1);
}


static void test_another_file_is_left_alone(void **state)
{
	struct fixture *f = *state;
	struct portal *second = NULL;
	char path[128];
	FILE *file;

	(void)re_snprintf(path, sizeof(path), "%s/file", f->folder);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fclose(file), 0);

	f->conf.socket_path = path;
	assert_int_equal(portal_start(&second, &f->conf, NULL), ENOTSOCK);
	assert_int_equal(access(path, F_OK), 0);
}


static void test_names_that_no_socket_can_have(void **state)
{
	struct fixture *f = *state;
	struct portal *second = NULL;
	char path[200];

	memset(path, 'x', sizeof(path) - 1);
	path[0] = '/';
	path[sizeof(path) - 1] = '\0';

	f->conf.socket_path = path;
	assert_int_equal(portal_start(&second, &f->conf, NULL), ENAMETOOLONG);
	f->conf.socket_path = "/nonexistent/control.sock";
	assert_int_equal(portal_start(&second, &f->conf, NULL), ENOENT);
	f->conf.socket_path = "";
	assert_int_equal(portal_start(&second, &f->conf, NULL), EINVAL);
	portal_stop(NULL);
}


#define TEST(f) cmocka_unit_test_setup_teardown(f, start, stop)
#define HASTY(f) cmocka_unit_test_setup_teardown(f, start_hasty, stop)


int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_registrations),
		TEST(test_trunks),
		TEST(test_calls),
		TEST(test_which_calls),
		TEST(test_traces_by_any_name),
		TEST(test_version_metrics_health),
		TEST(test_not_ready_without_a_disk),
		TEST(test_wrong_questions_are_answered_in_json),
		TEST(test_too_much_is_refused),
		HASTY(test_no_http_is_no_request),
		HASTY(test_a_slow_sender_is_cut_off),
		HASTY(test_who_says_nothing_is_told_nothing),
		TEST(test_too_many_connections_are_closed),
		TEST(test_a_command_tells_its_outcome),
		TEST(test_a_user_that_is_not_there_cannot_retry),
		HASTY(test_a_command_that_takes_long_is_under_way),
		TEST(test_a_command_may_be_refused),
		TEST(test_stopping_with_a_command_under_way),
		TEST(test_only_the_owner_may_connect),
		TEST(test_a_socket_in_use_is_left_alone),
		TEST(test_a_strangers_socket_is_left_alone),
		TEST(test_another_file_is_left_alone),
		TEST(test_names_that_no_socket_can_have),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	(void)curl_global_init(CURL_GLOBAL_DEFAULT);

	return cmocka_run_group_tests(tests, NULL, NULL);
}
