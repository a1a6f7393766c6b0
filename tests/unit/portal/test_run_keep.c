/**
 * @file test_run_keep.c  What tests of PBXs leave behind
 */
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "bridge/base/libre.h"
#include "bridge/store/store.h"
#include "portal-api/portal.h"
#include "portal-api/run_keep.h"


static const struct store_by by = { "ann", NULL };

struct world {
	char folder[64];           /* the state folder */
	char run[128];             /* the test's */
	char id[STORE_RUN_ID_SIZE];
	struct store *st;
	json_t *found;             /* owned: the summary, with its report */
};


static void file_write(const char *folder, const char *name,
		       const char *text)
{
	char path[256];
	FILE *f;

	(void)re_snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "we");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}


static int world_make(void **state)
{
	const struct store_run run = { .summary = "{\"kind\":\"plans\","
		"\"pbx\":\"hq\",\"verdict\":\"running\"}", .node = "n1" };
	struct world *w = calloc(1, sizeof(*w));
	char url[96];

	*state = w;
	if (!w)
		return -1;

	str_ncpy(w->folder, "/tmp/callbridge-test-XXXXXX", sizeof(w->folder));
	assert_non_null(mkdtemp(w->folder));
	(void)re_snprintf(url, sizeof(url), "sqlite:%s/store.db", w->folder);
	assert_int_equal(store_open(&w->st, url, true, NULL, NULL), 0);
	assert_int_equal(store_migrate(w->st, NULL), 0);
	assert_int_equal(store_run_begin(w->st, &run, &by, w->id), 0);

	(void)re_snprintf(w->run, sizeof(w->run), "%s/test-runs", w->folder);
	assert_int_equal(mkdir(w->run, 0700), 0);
	(void)re_snprintf(w->run, sizeof(w->run), "%s/test-runs/%s",
			  w->folder, w->id);
	assert_int_equal(mkdir(w->run, 0700), 0);

	return 0;
}


static int world_remove(void **state)
{
	struct world *w = *state;

	json_decref(w->found);
	mem_deref(w->st);
	run_folder_remove(w->folder);
	free(w);

	return 0;
}


static int found_h(const struct store_run *run, void *arg)
{
	struct world *w = arg;

	json_decref(w->found);
	w->found = json_loads(run->summary, 0, NULL);
	(void)json_object_set_new(w->found, "report", json_loads(run->report,
				  JSON_DECODE_ANY, NULL));
	(void)json_object_set_new(w->found, "size", json_integer(
				  (json_int_t)strlen(run->report)));

	return 0;
}


static void keep(struct world *w, const char *why)
{
	const struct run_keep rk = {
		.id = w->id, .folder = w->run, .why = why,
		.summary = "{\"kind\":\"plans\",\"pbx\":\"hq\"}",
		.verdict = "stopped",
	};

	assert_int_equal(run_keep(w->st, &rk, NULL), 0);
	assert_int_equal(store_run_get(w->st, w->id, found_h, w), 0);
	assert_int_equal(access(w->run, F_OK), -1);
}


static void assert_member(const json_t *json, const char *name,
			  const char *want)
{
	assert_string_equal(json_string_value(json_object_get(json, name)),
			    want);
}



static void test_a_report_and_its_captures(void **state)
{
	struct world *w = *state;
	char path[160], *data = NULL;

	file_write(w->run, "report.json", "{\"format\":1,\"verdict\":"
		   "\"passed\",\"counts\":{\"passed\":1},\"plans\":[]}");
	(void)re_snprintf(path, sizeof(path), "%s/report-captures", w->run);
	assert_int_equal(mkdir(path, 0700), 0);
	file_write(path, "c1.pcapng", "abc");

	/* it had come to its end when it was told to */
	keep(w, "stopped by ann");
	assert_member(w->found, "verdict", "passed");
	assert_member(w->found, "pbx", "hq");
	assert_null(json_object_get(json_object_get(w->found, "report"),
				    "error"));
	assert_int_equal(store_run_file(w->st, w->id, "c1.pcapng", &data), 0);
	assert_string_equal(data, "YWJj");
	mem_deref(data);
}


static void test_no_report_is_told_with_its_last_words(void **state)
{
	struct world *w = *state;

	file_write(w->run, "log", "/dev/fd/3:1:9: user_a: want its number\n");
	keep(w, NULL);
	assert_member(w->found, "verdict", "stopped");
	assert_member(json_object_get(w->found, "report"), "error",
		      "/dev/fd/3:1:9: user_a: want its number");
}


static void test_one_that_was_torn_off_says_why(void **state)
{
	struct world *w = *state;

	file_write(w->run, "report.json", "{\"format\":1,\"verdict\":"
		   "\"stopped\",\"plans\":[]}");
	keep(w, "nobody answered");
	assert_member(w->found, "verdict", "stopped");
	assert_member(json_object_get(w->found, "report"), "error",
		      "nobody answered");
}


static void test_findings_have_a_verdict(void **state)
{
	struct world *w = *state;

	file_write(w->run, "report.json", "{\"format\":1,\"verdict\":"
		   "\"not ready\",\"findings\":[]}");
	keep(w, NULL);
	assert_member(w->found, "verdict", "failed");
}


/** Messages of a case that passed go first, then the others' */
static void test_a_report_that_is_too_long_is_cut(void **state)
{
	enum { LONG = 5 * 1024 * 1024, MOST = 8 * 1024 * 1024 };
	struct world *w = *state;
	char *text = malloc(2 * LONG + 1024), *fill = malloc(LONG + 1);
	const json_t *cases;

	assert_non_null(text);
	assert_non_null(fill);
	memset(fill, 'x', LONG);
	fill[LONG] = '\0';
	(void)sprintf(text, "{\"format\":1,\"verdict\":\"failed\",\"plans\":["
		      "{\"cases\":[{\"verdict\":\"passed\",\"messages\":"
		      "[\"%s\"]},{\"verdict\":\"failed\",\"messages\":"
		      "[\"%s\"]}]}]}", fill, fill);
	file_write(w->run, "report.json", text);
	free(fill);
	free(text);

	keep(w, NULL);
	assert_true(json_integer_value(json_object_get(w->found, "size")) <
		    MOST);
	cases = json_object_get(json_array_get(json_object_get(
			json_object_get(w->found, "report"), "plans"), 0),
			"cases");
	assert_null(json_object_get(json_array_get(cases, 0), "messages"));
	assert_non_null(json_object_get(json_array_get(cases, 1),
					"messages"));
}


static void test_what_a_node_has_left_is_kept_once(void **state)
{
	struct world *w = *state;
	const struct portal_conf conf = { .state_dir = w->folder,
					  .node = "n1" };
	const struct portal_conf other = { .state_dir = w->folder,
					   .node = "n2" };

	assert_int_equal(run_keep_left(w->st, &other, INT64_MAX), 0);
	assert_int_equal(run_keep_left(w->st, &conf, 1), 0);
	assert_int_equal(access(w->run, F_OK), 0);
	assert_int_equal(run_keep_left(w->st, &conf, INT64_MAX), 0);
	assert_int_equal(access(w->run, F_OK), -1);
	assert_int_equal(store_run_get(w->st, w->id, found_h, w), 0);
	assert_member(w->found, "verdict", "interrupted");
	assert_int_equal(run_keep_left(w->st, &conf, INT64_MAX), 0);
}


#define TEST(f) cmocka_unit_test_setup_teardown(f, world_make, world_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_report_and_its_captures),
		TEST(test_no_report_is_told_with_its_last_words),
		TEST(test_one_that_was_torn_off_says_why),
		TEST(test_findings_have_a_verdict),
		TEST(test_a_report_that_is_too_long_is_cut),
		TEST(test_what_a_node_has_left_is_kept_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
