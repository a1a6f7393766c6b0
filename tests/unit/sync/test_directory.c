/**
 * @file test_directory.c  People read from a server of our own
 *
 * The server answers what the test has laid out, in that order; each line
 * also says what must have been asked.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <jansson.h>

#include "bridge/base/libre.h"
#include "portal-api/sync/directory.h"


#define TOKEN "{\"access_token\":\"tok\",\"expires_in\":3599}"
#define PHONE "4828C8EC-dc2e-4779-b502-87ac9ce28ab7"
#define PLAN(status) "{\"servicePlanId\":\"" PHONE "\"," \
	"\"capabilityStatus\":\"" status "\"}"

enum { DEADLINE_S = 20 };

struct line {
	const char *want;          /* a part of what was asked, body too */
	int code;
	const char *body;          /* $ is the server's address */
	const char *header, *value;
};

struct scene {
	struct event_base *base;
	struct evhttp *http;
	char address[64];
	const struct line *linev;
	size_t linec, next;
	struct graph *g;
	struct directory *dir;
	enum graph_fault fault;
	char why[128];
	bool done, late;
	bool apart;                /* gather, and commit later */
};


static void body_add(struct evbuffer *out, const struct scene *s,
		     const char *body)
{
	for (; *body; body++) {
		if (*body == '$')
			(void)evbuffer_add(out, s->address,
					   strlen(s->address));
		else
			(void)evbuffer_add(out, body, 1);
	}
}


static void asked(struct evhttp_request *req, void *arg)
{
	struct scene *s = arg;
	const struct line *line = &s->linev[s->next];
	struct evbuffer *in = evhttp_request_get_input_buffer(req);
	struct evbuffer *out = evbuffer_new();
	char what[2048];
	const int l = snprintf(what, sizeof(what), "%s ",
			       evhttp_request_get_uri(req));
	const ev_ssize_t got = evbuffer_copyout(in, what + l,
						sizeof(what) - (size_t)l - 1);

	what[l + (got > 0 ? (int)got : 0)] = '\0';
	if (s->next >= s->linec)
		fail_msg("asked too often: %s", what);
	if (!strstr(what, line->want))
		fail_msg("want %s, asked %s", line->want, what);

	++s->next;
	if (line->header)
		(void)evhttp_add_header(evhttp_request_get_output_headers(req),
					line->header, line->value);
	body_add(out, s, line->body);
	evhttp_send_reply(req, line->code, "-", out);
	evbuffer_free(out);
}


static void too_late(evutil_socket_t fd, short what, void *arg)
{
	struct scene *s = arg;

	(void)fd;
	(void)what;

	s->late = true;
	(void)event_base_loopbreak(s->base);
}


static void pulled(const struct graph_result *result, void *arg)
{
	struct scene *s = arg;

	assert_false(s->done);
	s->done  = true;
	s->fault = result->fault;
	str_ncpy(s->why, result->why, sizeof(s->why));
	(void)event_base_loopbreak(s->base);
}


static void graph_make(struct scene *s)
{
	const struct graph_conf conf = {
		.tenant = "acme.example", .client_id = "id",
		.client_secret = "a+b/c~d&e=", .second_ms = 10,
		.login_base = s->address, .graph_base = s->address,
	};

	assert_int_equal(graph_alloc(&s->g, s->base, &conf), 0);
}


static void begin(struct scene *s)
{
	struct evhttp_bound_socket *bound;
	struct sockaddr_in sin;
	socklen_t size = sizeof(sin);

	memset(s, 0, sizeof(*s));
	s->base = event_base_new();
	s->http = evhttp_new(s->base);
	bound = evhttp_bind_socket_with_handle(s->http, "127.0.0.1", 0);
	assert_non_null(bound);
	assert_int_equal(getsockname(evhttp_bound_socket_get_fd(bound),
				     (struct sockaddr *)&sin, &size), 0);
	evhttp_set_gencb(s->http, asked, s);
	(void)snprintf(s->address, sizeof(s->address), "http://127.0.0.1:%u",
		       ntohs(sin.sin_port));

	graph_make(s);
	assert_int_equal(directory_alloc(&s->dir), 0);
}


/** One round; every line must have been used */
static enum graph_fault round_go(struct scene *s, const struct line *linev,
				 size_t linec)
{
	const struct timeval tv = {DEADLINE_S, 0};
	struct event *deadline = evtimer_new(s->base, too_late, s);

	s->linev = linev;
	s->linec = linec;
	s->next  = 0;
	s->done  = false;
	(void)event_add(deadline, &tv);

	assert_int_equal((s->apart ? directory_gather : directory_pull)(
				 s->dir, s->g, pulled, s), 0);
	assert_int_equal(directory_pull(s->dir, s->g, pulled, s), EALREADY);
	while (!s->done && !s->late)
		(void)event_base_dispatch(s->base);

	event_free(deadline);
	assert_false(s->late);
	assert_int_equal(s->next, linec);

	return s->fault;
}


#define ROUND(s, v) round_go(s, v, RE_ARRAY_SIZE(v))


static void finish(struct scene *s)
{
	mem_deref(s->g);
	mem_deref(s->dir);
	evhttp_free(s->http);
	event_base_free(s->base);
}


static const struct person *person(const struct scene *s, const char *id)
{
	struct le *le;

	LIST_FOREACH(directory_people(s->dir), le) {
		const struct person *p = le->data;

		if (!strcmp(p->id, id))
			return p;
	}

	return NULL;
}


#define LIST_PATH "/v1.0/users/delta?$select=id,"

static const struct line two[] = {
	{"client_secret=a%2Bb%2Fc~d%26e%3D&grant_type=client_credentials"
	 "&scope=http%3A%2F%2F127.0.0.1%3A", 200, TOKEN, NULL, NULL},
	{LIST_PATH, 200, "{\"value\":[{\"id\":\"1\",\"userPrincipalName\":"
	 "\"ann@acme.example\",\"usageLocation\":\"GB\",\"accountEnabled\":"
	 "true,\"userType\":\"Member\",\"assignedPlans\":["
	 PLAN("Deleted") "," PLAN("Enabled") "]}],"
	 "\"@odata.nextLink\":\"$/next?a=1\"}", NULL, NULL},
	{"/next?a=1", 200, "{\"value\":[],\"@odata.NextLink\":\"$/next?a=2\"}",
	 NULL, NULL},
	{"/next?a=2", 200, "{\"value\":[{\"id\":\"2\",\"userPrincipalName\":"
	 "\"bo#EXT#@acme.example\",\"usageLocation\":null,\"userType\":"
	 "\"Guest\"}],\"@odata.deltaLink\":\"$/delta?t=1\"}", NULL, NULL},
};


static void all_then_what_changed(void **state)
{
	static const struct line changed[] = {
		{"/delta?t=1", 200, "{\"value\":[{\"id\":\"1\","
		 "\"displayName\":\"Ann\"},{\"id\":\"2\",\"@removed\":"
		 "{\"reason\":\"changed\"}},{\"id\":\"2\",\"@removed\":"
		 "{\"reason\":\"deleted\"}},{\"id\":7},{}],"
		 "\"@odata.deltaLink\":\"$/delta?t=2\"}", NULL, NULL},
	};
	static const struct line nothing[] = {
		{"/delta?t=2", 200, "{\"value\":[],\"@odata.deltaLink\":"
		 "\"$/delta?t=2\"}", NULL, NULL},
	};
	struct scene s;
	(void)state;

	begin(&s);
	assert_int_equal(ROUND(&s, two), GRAPH_GOOD);
	assert_int_equal(list_count(directory_people(s.dir)), 2);
	assert_int_equal(person(&s, "1")->licence, LICENCE_ENABLED);
	assert_string_equal(person(&s, "1")->country, "GB");
	assert_true(person(&s, "2")->guest);
	assert_string_equal(person(&s, "2")->country, "");

	/* what is not told stays as it was */
	assert_int_equal(ROUND(&s, changed), GRAPH_GOOD);
	assert_int_equal(list_count(directory_people(s.dir)), 1);
	assert_string_equal(person(&s, "1")->name, "Ann");
	assert_string_equal(person(&s, "1")->upn, "ann@acme.example");
	assert_int_equal(person(&s, "1")->licence, LICENCE_ENABLED);

	assert_int_equal(ROUND(&s, nothing), GRAPH_GOOD);
	assert_int_equal(list_count(directory_people(s.dir)), 1);
	finish(&s);
}


static void an_old_delta_link_means_all_anew(void **state)
{
	static const struct line gone[] = {
		{"/delta?t=1", 410, "{\"error\":{\"code\":\"x\"}}",
		 "Location", "http://elsewhere.example/"},
		{LIST_PATH, 200, "{\"value\":[{\"id\":\"3\"}],"
		 "\"@odata.deltaLink\":\"$/delta?t=9\"}", NULL, NULL},
	};
	static const struct line twice[] = {
		{"/delta?t=9", 400, "{\"error\":{\"code\":"
		 "\"syncStateNotFound\"}}", NULL, NULL},
		{LIST_PATH, 200, "{\"value\":[{\"id\":\"3\"}],"
		 "\"@odata.deltaLink\":\"$/delta?t=9\"}", NULL, NULL},
	};
	static const struct line always[] = {
		{"/delta?t=9", 410, "", NULL, NULL},
		{LIST_PATH, 410, "", NULL, NULL},
	};
	struct scene s;
	(void)state;

	begin(&s);
	assert_int_equal(ROUND(&s, two), GRAPH_GOOD);
	assert_int_equal(ROUND(&s, gone), GRAPH_GOOD);
	assert_non_null(person(&s, "3"));

	/* a list may lag behind: who is missing once is still there */
	assert_int_equal(list_count(directory_people(s.dir)), 3);
	assert_int_equal(list_count(directory_left(s.dir)), 0);
	assert_int_equal(ROUND(&s, twice), GRAPH_GOOD);
	assert_int_equal(list_count(directory_people(s.dir)), 1);
	assert_int_equal(list_count(directory_left(s.dir)), 2);
	assert_non_null(person(&s, "3"));

	/* ... but not for ever */
	assert_int_equal(ROUND(&s, always), GRAPH_RESYNC);
	assert_non_null(person(&s, "3"));
	finish(&s);
}


static void half_a_round_does_not_count(void **state)
{
	static const struct line broken[] = {
		{"/delta?t=1", 200, "{\"value\":[{\"id\":\"1\",\"@removed\":{"
		 "}}],\"@odata.nextLink\":\"$/n\"}", NULL, NULL},
		{"/n", 200, "{\"value\":[", NULL, NULL},
	};
	static const struct line again[] = {
		{"/delta?t=1", 200, "{\"value\":[],\"@odata.deltaLink\":"
		 "\"$/delta?t=2\"}", NULL, NULL},
	};
	struct scene s;
	(void)state;

	begin(&s);
	assert_int_equal(ROUND(&s, two), GRAPH_GOOD);
	assert_int_equal(ROUND(&s, broken), GRAPH_UNREADABLE);
	assert_non_null(person(&s, "1"));
	assert_int_equal(ROUND(&s, again), GRAPH_GOOD);
	finish(&s);
}


static void links_that_lead_astray(void **state)
{
	static const struct line foreign[] = {
		{"client_id", 200, TOKEN, NULL, NULL},
		{LIST_PATH, 200, "{\"value\":[],\"@odata.nextLink\":"
		 "\"http://127.0.0.2:1/v1.0/users\"}", NULL, NULL},
	};
	static const struct line loop[] = {
		{LIST_PATH, 200, "{\"value\":[],\"@odata.nextLink\":\"$/a\"}",
		 NULL, NULL},
		{"/a", 200, "{\"value\":[],\"@odata.nextLink\":\"$/b\"}",
		 NULL, NULL},
		{"/b", 200, "{\"value\":[],\"@odata.nextLink\":\"$/a\"}",
		 NULL, NULL},
	};
	static const struct line bare[] = {
		{LIST_PATH, 200, "{\"value\":[]}", NULL, NULL},
	};
	struct scene s;
	(void)state;

	begin(&s);
	assert_int_equal(ROUND(&s, foreign), GRAPH_LINK_FOREIGN);
	assert_int_equal(ROUND(&s, loop), GRAPH_UNREADABLE);
	assert_int_equal(ROUND(&s, bare), GRAPH_UNREADABLE);
	finish(&s);
}


static void what_passes_is_tried_again(void **state)
{
	static const struct line linev[] = {
		{"client_id", 429, "", "Retry-After", "1"},
		{"client_id", 500, "<html>", NULL, NULL},
		{"client_id", 200, "{\"access_token\":\"a\",\"expires_in\":2}",
		 NULL, NULL},
		{LIST_PATH, 401, "{}", NULL, NULL},
		{"client_id", 200, TOKEN, NULL, NULL},
		{LIST_PATH, 429, "", NULL, NULL},
		{LIST_PATH, 503, "", "Retry-After", "2"},
		{LIST_PATH, 200, "{\"value\":[],\"@odata.deltaLink\":\"$/d\"}",
		 NULL, NULL},
	};
	static const struct line tired[] = {
		{"/d", 503, "", NULL, NULL}, {"/d", 503, "", NULL, NULL},
		{"/d", 503, "", NULL, NULL}, {"/d", 503, "", NULL, NULL},
		{"/d", 503, "", NULL, NULL},
	};
	struct scene s;
	(void)state;

	begin(&s);

	/* one request has five tries in all, its tokens' with them */
	assert_int_equal(ROUND(&s, linev), GRAPH_GOOD);
	assert_int_equal(ROUND(&s, tired), GRAPH_UNAVAILABLE);
	assert_string_equal(s.why, "Graph answers 503");
	finish(&s);
}


static void what_does_not_pass_is_told_at_once(void **state)
{
	static const struct line secret[] = {
		{"client_id", 401, "{\"error\":\"invalid_client\"}", NULL,
		 NULL},
	};
	static const struct line refused[] = {
		{"client_id", 200, TOKEN, NULL, NULL},
		{LIST_PATH, 401, "", NULL, NULL},
		{"client_id", 200, TOKEN, NULL, NULL},
		{LIST_PATH, 401, "", NULL, NULL},
	};
	static const struct line denied[] = {
		{"client_id", 200, TOKEN, NULL, NULL},
		{LIST_PATH, 403, "{}", NULL, NULL},
	};
	static const struct line moved[] = {
		{LIST_PATH, 302, "", "Location", "$/elsewhere"},
	};
	struct scene s;
	(void)state;

	begin(&s);
	assert_int_equal(ROUND(&s, secret), GRAPH_CREDENTIALS_BAD);
	assert_int_equal(ROUND(&s, refused), GRAPH_AUTH_BROKEN);
	assert_int_equal(ROUND(&s, denied), GRAPH_DENIED);
	assert_int_equal(ROUND(&s, moved), GRAPH_REFUSED);
	finish(&s);
}


/** What was kept and put back is as if it had just been read; what was
    gathered counts when it is committed */
static void goes_on_where_it_was_left(void **state)
{
	static const struct line more[] = {
		{"client_id", 200, TOKEN, NULL, NULL},
		{"/delta?t=1", 200, "{\"value\":[{\"id\":\"1\","
		 "\"businessPhones\":[\"+44 20 7946 0018\"]},"
		 "{\"id\":\"2\",\"@removed\":{}}],"
		 "\"@odata.deltaLink\":\"$/delta?t=2\"}", NULL, NULL},
	};
	struct scene s;
	struct directory *first;
	struct person *ann;
	struct le *le;
	char link[128];
	(void)state;

	begin(&s);
	assert_int_equal(ROUND(&s, two), GRAPH_GOOD);
	assert_true(directory_was_full(s.dir));
	(void)snprintf(link, sizeof(link), "%s/delta?t=1", s.address);
	assert_string_equal(directory_delta(s.dir), link);

	first = s.dir;
	assert_int_equal(directory_alloc(&s.dir), 0);
	LIST_FOREACH(directory_people(first), le) {
		const struct person *p = le->data;
		struct json_t *json = person_json(p);

		assert_int_equal(directory_put(s.dir, p->id, 0, json), 0);
		assert_int_equal(directory_put(s.dir, p->id, 0, json),
				 EBADMSG);
		json_decref(json);
	}
	assert_int_equal(directory_resume(s.dir, link), 0);
	mem_deref(first);
	mem_deref(s.g);
	graph_make(&s);

	s.apart = true;
	assert_int_equal(ROUND(&s, more), GRAPH_GOOD);
	assert_int_equal(list_count(directory_people(s.dir)), 2);
	assert_int_equal(directory_commit(s.dir), 0);
	assert_int_equal(directory_commit(s.dir), EINVAL);
	assert_false(directory_was_full(s.dir));

	ann = list_ledata(list_head(directory_people(s.dir)));
	assert_string_equal(ann->upn, "ann@acme.example");
	assert_int_equal(ann->licence, LICENCE_ENABLED);
	assert_string_equal(ann->phone, "+44 20 7946 0018");
	assert_true(ann->changed);
	assert_int_equal(list_count(directory_people(s.dir)), 1);
	assert_int_equal(list_count(directory_left(s.dir)), 1);
	finish(&s);
}


/** Ended amid a request: nothing is called, nothing is left */
static void ended_on_the_way(void **state)
{
	struct scene s;
	(void)state;

	begin(&s);
	s.linev = two;
	s.linec = RE_ARRAY_SIZE(two);
	assert_int_equal(directory_pull(s.dir, s.g, pulled, &s), 0);
	for (int i = 0; i < 10000 && !s.next; i++)
		(void)event_base_loop(s.base, EVLOOP_ONCE);
	assert_int_equal(s.next, 1);
	assert_false(s.done);
	finish(&s);
}


int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_then_what_changed),
		cmocka_unit_test(an_old_delta_link_means_all_anew),
		cmocka_unit_test(half_a_round_does_not_count),
		cmocka_unit_test(links_that_lead_astray),
		cmocka_unit_test(what_passes_is_tried_again),
		cmocka_unit_test(what_does_not_pass_is_told_at_once),
		cmocka_unit_test(goes_on_where_it_was_left),
		cmocka_unit_test(ended_on_the_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
