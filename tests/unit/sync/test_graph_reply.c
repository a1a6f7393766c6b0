/**
 * @file test_graph_reply.c  What Microsoft answers, read without trust
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <jansson.h>

#include "bridge/base/libre.h"
#include "portal-api/sync/graph_reply.h"


static int token(struct graph_token *got, const char *body)
{
	memset(got, 0, sizeof(*got));

	return graph_token_read(got, body, strlen(body));
}


static void token_is_read(void **state)
{
	struct graph_token got;
	(void)state;

	assert_int_equal(token(&got, "{\"token_type\":\"Bearer\","
			       "\"expires_in\":3599,"
			       "\"access_token\":\"a.b\"}"), 0);
	assert_string_equal(got.token, "a.b");
	assert_int_equal(got.expires_s, 3599);
	mem_deref(got.token);

	/* a number written as a text */
	assert_int_equal(token(&got, "{\"expires_in\":\"120\","
			       "\"access_token\":\"x\"}"), 0);
	assert_int_equal(got.expires_s, 120);
	mem_deref(got.token);

	/* never negative, never for ever */
	assert_int_equal(token(&got, "{\"expires_in\":-5,"
			       "\"access_token\":\"x\"}"), 0);
	assert_int_equal(got.expires_s, 0);
	mem_deref(got.token);
}


static void no_token_is_said(void **state)
{
	static const char *const bodyv[] = {
		"", "[]", "\"x\"", "{\"expires_in\":3599}",
		"{\"access_token\":7}", "{\"access_token\":\"\"}",
		"<html></html>", "{\"access_token\":\"a",
		/* it would end the header's line */
		"{\"access_token\":\"a\\r\\nX: y\"}",
		"{\"access_token\":\"a\\u0000b\"}",
		"{\"access_token\":\"\\u00e4\"}",
	};
	struct graph_token got;
	(void)state;

	for (size_t i = 0; i < RE_ARRAY_SIZE(bodyv); i++)
		assert_int_equal(token(&got, bodyv[i]), EBADMSG);
}


static void token_errors_have_a_cause(void **state)
{
	static const struct {
		long status;
		const char *error;
		enum graph_fault fault;
	} casev[] = {
		{401, "invalid_client", GRAPH_CREDENTIALS_BAD},
		{400, "unauthorized_client", GRAPH_CONSENT_MISSING},
		{400, "invalid_request", GRAPH_TENANT_BAD},
		{400, "interaction_required", GRAPH_BLOCKED},
		{400, "temporarily_unavailable", GRAPH_UNAVAILABLE},
		{500, "invalid_client", GRAPH_UNAVAILABLE},
		{429, "", GRAPH_UNAVAILABLE},
		{400, "something_new", GRAPH_REFUSED},
	};
	char body[256], why[128];
	(void)state;

	for (size_t i = 0; i < RE_ARRAY_SIZE(casev); i++) {
		(void)re_snprintf(body, sizeof(body), "{\"error\":\"%s\","
				  "\"error_codes\":[7000222],"
				  "\"error_description\":\"SECRET TEXT\"}",
				  casev[i].error);
		assert_int_equal(graph_token_fault(why, sizeof(why),
						   casev[i].status, body,
						   strlen(body)),
				 casev[i].fault);
		assert_non_null(strstr(why, "AADSTS7000222"));
		assert_null(strstr(why, "SECRET"));
	}

	assert_int_equal(graph_token_fault(why, sizeof(why), 502, "<html>", 6),
			 GRAPH_UNAVAILABLE);
	assert_string_equal(why, "no token: 502");
}


static enum graph_fault reply(long status, const char *body, char *why)
{
	struct json_t *json = NULL;
	const enum graph_fault fault = graph_reply_read(&json, why, 128,
							status, body,
							strlen(body));

	json_decref(json);

	return fault;
}


static void replies_have_a_meaning(void **state)
{
	char why[128] = "";
	(void)state;

	assert_int_equal(reply(200, "{}", why), GRAPH_GOOD);
	assert_int_equal(reply(204, "", why), GRAPH_GOOD);
	assert_int_equal(reply(403, "{\"error\":{\"code\":"
			       "\"Authorization_RequestDenied\"}}", why),
			 GRAPH_DENIED);
	assert_string_equal(why, "Graph answers 403"
			    " Authorization_RequestDenied");
	assert_int_equal(reply(404, "", why), GRAPH_GONE);
	assert_int_equal(reply(410, "", why), GRAPH_RESYNC);
	assert_int_equal(reply(400, "{\"error\":{\"code\":"
			       "\"SyncStateNotFound\"}}", why), GRAPH_RESYNC);
	assert_int_equal(reply(404, "{\"error\":{\"code\":"
			       "\"resyncRequired\"}}", why), GRAPH_RESYNC);
	assert_int_equal(reply(400, "{}", why), GRAPH_REFUSED);
	assert_int_equal(reply(302, "", why), GRAPH_REFUSED);

	for (long status = 502; status <= 504; status++)
		assert_int_equal(reply(status, "", why), GRAPH_UNAVAILABLE);
	assert_int_equal(reply(429, "", why), GRAPH_UNAVAILABLE);

	/* what a peer writes does not reach the terminal as it is */
	(void)reply(400, "{\"error\":{\"code\":\"a\\u001b[2J\"}}", why);
	assert_null(strchr(why, 0x1b));
}


static void broken_bodies_are_unreadable(void **state)
{
	static const char *const bodyv[] = {
		"", "[]", "1", "\"x\"", "{", "<html>", "{\"a\":\"\xff\"}",
		"{\"a\":\"\\u0000\"}",
	};
	char why[128], deep[512];
	(void)state;

	for (size_t i = 0; i < RE_ARRAY_SIZE(bodyv); i++)
		assert_int_equal(reply(200, bodyv[i], why), GRAPH_UNREADABLE);

	/* {"a":[[[ ... ]]]}: 31 deep is good, 32 are not */
	(void)memset(deep, 0, sizeof(deep));
	for (int n = 31; n <= 32; n++) {
		char *p = deep + sprintf(deep, "{\"a\":");

		memset(p, '[', (size_t)n);
		memset(p + n, ']', (size_t)n);
		strcpy(p + 2 * n, "}");
		assert_int_equal(reply(200, deep, why), n == 31 ? GRAPH_GOOD
				 : GRAPH_UNREADABLE);
	}

	/* brackets in a text do not count */
	(void)strcpy(deep, "{\"a\":\"\\\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["
		     "[[[[\"}");
	assert_int_equal(reply(200, deep, why), GRAPH_GOOD);
}


static void links_stay_at_home(void **state)
{
	static const char base[] = "https://graph.example";
	static const char *const foreignv[] = {
		"https://graph.example.evil/v1.0/users",
		"https://evil/graph.example",
		"http://graph.example/v1.0/users",
		"https://graph.example:8443/v1.0/users",
		"https://graph.example@evil/v1.0/users",
		"https://user@graph.example/v1.0/users",
		"https://user:pw@graph.example/v1.0/users",
		"//graph.example/x", "/v1.0", "", "ftp://graph.example/",
	};
	(void)state;

	assert_true(graph_link_is_ours(base, "https://graph.example/x?y"));
	assert_true(graph_link_is_ours(base, "https://GRAPH.example:443/x"));
	assert_true(graph_link_is_ours("https://127.0.0.1:1/",
				       "https://127.0.0.1:1/x"));

	for (size_t i = 0; i < RE_ARRAY_SIZE(foreignv); i++)
		assert_false(graph_link_is_ours(base, foreignv[i]));
}


int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(token_is_read),
		cmocka_unit_test(no_token_is_said),
		cmocka_unit_test(token_errors_have_a_cause),
		cmocka_unit_test(replies_have_a_meaning),
		cmocka_unit_test(broken_bodies_are_unreadable),
		cmocka_unit_test(links_stay_at_home),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
