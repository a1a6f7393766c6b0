/**
 * @file test_import.c  The journal taken over: a line at a time, and many
 */
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <cmocka.h>

#include "bridge/base/wheel.h"
#include "bridge/model/status.h"
#include "bridge/store/journal.h"
#include "bridge/store/journal_line.h"
#include "world.h"


enum { MUTATIONS = 60000 };


/* Lines */


static uint32_t chance(uint32_t below)
{
	static uint32_t x = 2463534242u;

	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;

	return x % below;
}


static bool same(const struct pl *pl, const json_t *json, const char *member)
{
	const char *text = json_string_value(json_object_get(json, member));

	return !pl_strcmp(pl, text ? text : "");
}


/** What is read without a parser is what a parser reads */
static void reg_compare(const struct journal_line *jl, const char *line,
			size_t l)
{
	json_t *json = json_loadb(line, l, 0, NULL);
	const json_t *reg = json_object_get(json, "reg");
	json_t *value;

	if (!json)
		print_error("%.*s", (int)l, line);
	assert_non_null(json);
	assert_int_equal(json_object_size(json), 2);
	assert_true(json_is_object(reg));
	assert_int_equal(jl->time_ms, json_integer_value(
				 json_object_get(json, "time_ms")));
	assert_int_equal(jl->since_s, json_integer_value(
				 json_object_get(reg, "since_s")));
	assert_int_equal(jl->removed, json_is_true(
				 json_object_get(reg, "removed")));
	assert_true(same(&jl->tenant, reg, "tenant"));
	assert_true(same(&jl->upn, reg, "upn"));
	assert_true(same(&jl->pbx, reg, "pbx"));
	assert_true(same(&jl->state, reg, "state"));
	assert_true(same(&jl->reason, reg, "reason"));
	assert_true(same(&jl->words, reg, "words"));

	value = json_loadb(jl->value.p, jl->value.l, 0, NULL);
	assert_true(json_equal(value, reg));
	json_decref(value);
	json_decref(json);
}


/** A line as the journal writes it */
static size_t line_make(char *line, size_t size, const struct reg_status *st)
{
	struct mbuf *mb = mbuf_alloc(1024);
	size_t l;

	assert_non_null(mb);
	assert_int_equal(mbuf_printf(mb, "{\"time_ms\":1795284408499,"
				     "\"reg\":"), 0);
	assert_int_equal(reg_status_write(mb, st), 0);
	assert_int_equal(mbuf_write_str(mb, "}\n"), 0);
	assert_true(mb->end < size);
	memcpy(line, mb->buf, mb->end);
	l = mb->end;
	mem_deref(mb);

	return l;
}


static struct reg_status status(const char *upn, enum reg_state state)
{
	struct reg_status st = { .tenant = "acme", .pbx = "hq",
		.aor = "sip:101@pbx.example", .state = state,
		.since_s = 1795284408, .scode = 200, .expires_s = 3600 };

	str_ncpy(st.upn, upn, sizeof(st.upn));

	return st;
}


static void test_a_line_is_read_as_a_parser_reads_it(void **state)
{
	struct reg_status st = status("Ann@acme.example", REG_GREEN);
	struct journal_line jl;
	char line[4096];
	size_t l;
	(void)state;

	l = line_make(line, sizeof(line), &st);
	assert_true(journal_line_read(&jl, line, l));
	reg_compare(&jl, line, l);
	assert_int_equal(jl.kind, JOURNAL_REG);

	/* what nobody needs may have escapes in it */
	str_ncpy(st.server, "PBX \"9\\10\"", sizeof(st.server));
	st.removed = true;
	l = line_make(line, sizeof(line), &st);
	assert_true(journal_line_read(&jl, line, l));
	reg_compare(&jl, line, l);

	/* what is needed goes by a parser then; so does what is not ASCII */
	str_ncpy(st.words, "603 \"No\"", sizeof(st.words));
	l = line_make(line, sizeof(line), &st);
	assert_false(journal_line_read(&jl, line, l));
	str_ncpy(st.words, "603 N\xc3\xb6", sizeof(st.words));
	l = line_make(line, sizeof(line), &st);
	assert_false(journal_line_read(&jl, line, l));
}


static void test_no_line_is_read_that_a_parser_refuses(void **state)
{
	static const char octets[] = "\"\\{}[]:,0-et\n\x7f\xff ";
	struct reg_status st = status("ann@acme.example", REG_RED);
	struct journal_line jl;
	char line[4096];
	size_t l, read = 0;
	(void)state;

	str_ncpy(st.reason, "Forbidden", sizeof(st.reason));
	str_ncpy(st.server, "A\\B", sizeof(st.server));
	l = line_make(line, sizeof(line), &st);

	for (size_t i = 0; i < l; i++)
		assert_false(journal_line_read(&jl, line, i));

	for (unsigned i = 0; i < MUTATIONS; i++) {
		char copy[4096], *at;

		memcpy(copy, line, l);
		for (uint32_t c = 1 + chance(2); c; c--)
			copy[chance((uint32_t)l)] =
				octets[chance(sizeof(octets))];

		/* with nothing behind it that could be read */
		at = malloc(l);
		assert_non_null(at);
		memcpy(at, copy, l);
		if (journal_line_read(&jl, at, l)) {
			reg_compare(&jl, at, l);
			++read;
		}
		free(at);
	}

	/* most of them are in a text, and are as good as before */
	assert_true(read > MUTATIONS / 100);
}


static void test_the_beginning_of_a_call_is_enough(void **state)
{
	static const char good[] = "{\"time_ms\":5,\"call\":{\"id\":\"a-1\","
		"\"version\":7,\"tenant\":\"acme\"}}\n";
	static const char *const badv[] = {
		"{\"time_ms\":5,\"call\":{\"id\":\"a-1\",\"version\":7,}\n",
		"{\"time_ms\":5,\"call\":{\"version\":7,\"id\":\"a\",\"x\":1}}\n",
		"{\"time_ms\":5,\"trunk\":{\"up\":true}}\n",
		"{\"call\":{\"id\":\"a-1\",\"version\":7,\"x\":1}}\n",
	};
	struct journal_line jl;
	(void)state;

	assert_true(journal_line_read(&jl, good, strlen(good)));
	assert_int_equal(jl.kind, JOURNAL_CALL);
	assert_int_equal(jl.version, 7);
	assert_int_equal(pl_strcmp(&jl.id, "a-1"), 0);
	assert_int_equal(pl_strcmp(&jl.value, "{\"id\":\"a-1\",\"version\":7,"
				   "\"tenant\":\"acme\"}"), 0);

	for (size_t i = 0; i < RE_ARRAY_SIZE(badv); i++)
		assert_false(journal_line_read(&jl, badv[i],
					       strlen(badv[i])));
}


/* Taken over */


static void append(const struct world *w, const char *day, const char *text,
		   size_t l)
{
	char path[64];
	FILE *f;

	(void)mkdir(path_of(w, "journal"), 0700);
	(void)re_snprintf(path, sizeof(path), "journal/%s.jsonl", day);
	f = fopen(path_of(w, path), "a");
	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, l, f), l);
	assert_int_equal(fclose(f), 0);
}


static void told_of(const struct world *w, const char *tenant,
		    const char *day, int64_t time_ms, unsigned first,
		    unsigned c, const char *more)
{
	char line[256];

	for (unsigned i = first; i < first + c; i++) {
		const int l = re_snprintf(line, sizeof(line), "{\"time_ms\":"
			"%lld,\"reg\":{\"tenant\":\"%s\",\"pbx\":\"hq\","
			"\"upn\":\"U%u@acme.example\",%s}}\n",
			(long long)time_ms, tenant, i, more);

		assert_true(l > 0);
		append(w, day, line, (size_t)l);
	}
}


static void told(const struct world *w, const char *day, int64_t time_ms,
		 unsigned first, unsigned c, const char *more)
{
	told_of(w, "acme", day, time_ms, first, c, more);
}


static size_t imported(struct world *w)
{
	size_t c = 0;

	assert_int_equal(store_import(w->st, "n1", w->folder, SIZE_MAX, &c),
			 0);

	return c;
}


struct seen {
	char states[8192];
	size_t c;
};


static int see(const json_t *value, void *arg)
{
	struct seen *seen = arg;
	const size_t l = strlen(seen->states);
	const char *words = json_string_value(json_object_get(value,
							      "words"));

	++seen->c;
	(void)re_snprintf(seen->states + l, sizeof(seen->states) - l,
			  "%s%s%s ", json_string_value(json_object_get(value,
							       "state")),
			  words && *words ? "/" : "", words ? words : "");

	return 0;
}


/** States of those with a row, by name */
static struct seen present(struct world *w)
{
	const struct store_span all = { .tenant = "acme" };
	struct seen seen = { .c = 0 };

	assert_int_equal(store_regs(w->st, &all, see, &seen), 0);

	return seen;
}


static size_t history(struct world *w)
{
	const struct store_span all = { .tenant = "acme" };
	struct seen seen = { .c = 0 };

	assert_int_equal(store_reg_history(w->st, &all, see, &seen), 0);

	return seen.c;
}


static const char queued[] = "\"state\":\"queued\"";
static const char registered[] = "\"state\":\"registered\"";


static void test_the_newest_status_of_many_is_the_present_one(void **state)
{
	struct world *w = *state;

	told(w, "20200101", 10, 1, 1, queued);
	told(w, "20200101", 20, 1, 1, "\"state\":\"failing\"");
	told(w, "20200101", 30, 2, 1, registered);
	told(w, "20200101", 40, 1, 1, "\"state\":\"registered\",\"words\":"
	     "\"2\\u00300 \\\"OK\\\" \xc3\xa4\"");
	told(w, "20200101", 40, 3, 1, registered);
	told(w, "20200101", 50, 3, 1, "\"state\":\"registered\","
	     "\"removed\":true");
	told(w, "20200101", 60, 4, 1, "\"removed\":true");
	told(w, "20200101", 60, 4, 1, registered);
	/* of a clock that was set back */
	told(w, "20200101", 5, 2, 1, "\"state\":\"failing\"");
	assert_int_equal(imported(w), 9);

	assert_string_equal(present(w).states, "registered/200 \"OK\" \xc3\xa4"
			    " registered registered ");
	assert_int_equal(history(w), 8);
	assert_int_equal(imported(w), 0);
}


static void test_who_queues_has_a_state_and_no_history(void **state)
{
	struct world *w = *state;

	told(w, "20200101", 10, 10, 3, queued);
	told(w, "20200101", 20, 11, 1, registered);
	told(w, "20200101", 30, 12, 1, "\"removed\":true");
	assert_int_equal(imported(w), 5);

	assert_string_equal(present(w).states, "queued registered ");
	assert_int_equal(history(w), 2);
}


static int see_count(const char *name, int64_t count, void *arg)
{
	json_t *counts = arg;

	assert_null(json_object_get(counts, name));

	return json_object_set_new(counts, name, json_integer(count));
}


/** "off queued registered lagging failing", as all their counts and one by
    one */
static void counted(struct world *w, const char *tenant, const char *want)
{
	json_t *counts = json_object();
	char found[128] = "", each[128] = "";

	assert_int_equal(store_user_states(w->st, tenant, see_count, counts),
			 0);
	for (int i = 0; i < REG_STATES; i++) {
		const char *name = reg_state_name((enum reg_state)i);
		const struct store_users which = { .tenant = tenant,
						   .state = name };
		size_t l = strlen(found), c = 12345;

		(void)re_snprintf(found + l, sizeof(found) - l, "%lld ",
				  (long long)json_integer_value(
					  json_object_get(counts, name)));
		assert_int_equal(store_user_count(w->st, &which, &c), 0);
		l = strlen(each);
		(void)re_snprintf(each + l, sizeof(each) - l, "%zu ", c);
	}
	json_decref(counts);

	assert_string_equal(found, want);
	assert_string_equal(each, want);
}


static void test_users_are_counted_by_state(void **state)
{
	struct world *w = *state;

	counted(w, NULL, "0 0 0 0 0 ");
	told(w, "20200101", 10, 1, 1, "\"state\":\"failing\"");
	assert_int_equal(imported(w), 1);
	counted(w, NULL, "0 0 0 0 1 ");

	told(w, "20200101", 20, 10, 7, registered);
	told(w, "20200101", 20, 20, 2, "\"state\":\"lagging\"");
	told(w, "20200101", 20, 30, 3, "\"state\":\"off\"");
	told_of(w, "beta", "20200101", 20, 1, 4, registered);
	told_of(w, "beta", "20200101", 20, 5, 1, "\"state\":\"failing\"");
	assert_int_equal(imported(w), 17);
	counted(w, NULL, "3 0 11 2 2 ");
	counted(w, "acme", "3 0 7 2 1 ");
	counted(w, "beta", "0 0 4 0 1 ");
	counted(w, "nobody", "0 0 0 0 0 ");
}


static const struct CMUnitTest linev[] = {
	cmocka_unit_test(test_a_line_is_read_as_a_parser_reads_it),
	cmocka_unit_test(test_no_line_is_read_that_a_parser_refuses),
	cmocka_unit_test(test_the_beginning_of_a_call_is_enough),
};

static const struct CMUnitTest tests[] = {
	TEST(test_the_newest_status_of_many_is_the_present_one),
	TEST(test_who_queues_has_a_state_and_no_history),
	TEST(test_users_are_counted_by_state),
};


int main(void)
{
	const int failed = cmocka_run_group_tests(linev, NULL, NULL);

	return failed + world_run(tests);
}
