/**
 * @file test_log.c  Lines: whole, in order, never forged, never in the way
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>
#include <jansson.h>
#include <cmocka.h>

#include "bridge/base/libre.h"
#include "bridge/base/log.h"
#include "bridge/base/text.h"
#include "bridge/base/wheel.h"


enum { THREADS = 4, LINES = 2000, WAIT_MS = 20000, FILE_SIZE = 1 << 21 };


static char folder[64];
static char path[96];
static char text[FILE_SIZE];


static int make_folder(void **state)
{
	(void)state;
	(void)snprintf(folder, sizeof(folder), "/tmp/callbridge-log-XXXXXX");
	(void)snprintf(path, sizeof(path), "%s", "");
	if (!mkdtemp(folder))
		return -1;

	(void)snprintf(path, sizeof(path), "%s/log", folder);

	return 0;
}


static int remove_folder(void **state)
{
	(void)state;
	log_close();
	(void)unlink(path);

	return rmdir(folder);
}


static const char *read_log(const char *from)
{
	FILE *f = fopen(from, "r");
	size_t n;

	assert_non_null(f);
	n = fread(text, 1, sizeof(text) - 1, f);
	text[n] = '\0';
	(void)fclose(f);

	return text;
}


static void lines_are_as_documented(void **state)
{
	const char *line;
	unsigned ms;

	(void)state;
	assert_int_equal(log_open(path, LOG_TEXT, LOG_INFO_LEVEL), 0);
	assert_int_equal(log_open(path, LOG_TEXT, LOG_INFO_LEVEL), EALREADY);

	info("reg", "101@pbx", "expires in %u s\n", 60);
	debug("reg", "101@pbx", "not shown");
	log_level_set(LOG_DEBUG_LEVEL);
	debug("reg", "", "now shown");
	log_level_set(LOG_WARNING_LEVEL);
	info("reg", "", "not shown");
	warning("sip", NULL, "%m", ECONNRESET);
	assert_false(log_is_on(LOG_INFO_LEVEL));
	log_close();

	line = read_log(path);
	assert_int_equal(sscanf(line, "20%*2u-%*2u-%*2uT%*2u:%*2u:%*2u.%3uZ",
				&ms), 1);
	assert_int_equal(strncmp(line + 24, " info reg 101@pbx: expires in 60"
				 " s\n", 35), 0);
	assert_non_null(strstr(line, "Z debug reg: now shown\n"));
	assert_non_null(strstr(line, "Z warning sip: Connection reset by"
			       " peer\n"));
	assert_null(strstr(line, "not shown"));
}


static void a_peer_cannot_forge_a_line(void **state)
{
	(void)state;
	assert_int_equal(log_open(path, LOG_TEXT, LOG_INFO_LEVEL), 0);
	info("sip", "a\nb", "said \"%s\"", "x\r\n2026 info\x1b[2J\xc2\x9b"
	     "\xff gr\xc3\xbc\xc3\x9f");
	log_close();
	assert_non_null(strstr(read_log(path), " info sip a\\x0ab: said \"x"
			       "\\x0d\\x0a2026 info\\x1b[2J\\xc2\\x9b\\xff"
			       " gr\xc3\xbc\xc3\x9f\"\n"));
}


static void json_lines_hold_the_same(void **state)
{
	char *long_text = malloc(20001);
	const char *p;
	size_t lines = 0;

	(void)state;
	memset(long_text, '\x01', 20000);
	long_text[20000] = '\0';

	assert_int_equal(log_open(path, LOG_JSON, LOG_INFO_LEVEL), 0);
	info("sip", "c\"1\\", "said \"%s\"", "x\n\xff");
	info("sip", long_text, "%s", long_text);
	log_close();
	free(long_text);

	for (p = read_log(path); *p; p = strchr(p, '\n') + 1, ++lines) {
		json_t *json = json_loadb(p, strcspn(p, "\n"), 0, NULL);

		assert_non_null(json);
		assert_int_equal(json_object_size(json), 5);
		assert_string_equal(json_string_value(json_object_get(
			json, "module")), "sip");
		if (!lines) {
			assert_string_equal(json_string_value(json_object_get(
				json, "level")), "info");
			assert_string_equal(json_string_value(json_object_get(
				json, "subject")), "c\"1\\");
			assert_string_equal(json_string_value(json_object_get(
				json, "message")), "said \"x\\x0a\\xff\"");
		}
		json_decref(json);
	}
	assert_int_equal(lines, 2);
}


static void *talk(void *arg)
{
	for (int i = 0; i < LINES; i++)
		info("test", arg, "line %d", i);

	return NULL;
}


static void threads_lose_nothing(void **state)
{
	static char namev[THREADS][4] = { "t0", "t1", "t2", "t3" };
	pthread_t threadv[THREADS];
	int nextv[THREADS] = { 0 };
	const uint64_t dropped = log_dropped();
	const char *p;

	(void)state;
	assert_int_equal(log_open(path, LOG_TEXT, LOG_INFO_LEVEL), 0);
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threadv[i], NULL, talk,
						namev[i]), 0);
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(threadv[i], NULL), 0);
	log_close();

	assert_int_equal(log_dropped(), dropped);
	for (p = read_log(path); *p; p = strchr(p, '\n') + 1) {
		unsigned who;
		int n;

		assert_int_equal(sscanf(p + 24, " info test t%u: line %d\n",
					&who, &n), 2);
		assert_int_equal(n, nextv[who]++);
	}
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(nextv[i], LINES);
}


static void reopens_where_logrotate_has_moved_it(void **state)
{
	const uint64_t end_ms = clock_ms() + WAIT_MS;
	char moved[128];
	struct stat st;

	(void)state;
	(void)snprintf(moved, sizeof(moved), "%s.1", path);
	assert_int_equal(log_open(path, LOG_TEXT, LOG_INFO_LEVEL), 0);
	info("test", "", "before");
	assert_int_equal(rename(path, moved), 0);
	log_reopen();

	while (stat(path, &st) && clock_ms() < end_ms)
		(void)poll(NULL, 0, 1);
	info("test", "", "after");
	log_close();

	assert_non_null(strstr(read_log(path), "after"));
	assert_null(strstr(read_log(path), "before"));
	assert_non_null(strstr(read_log(moved), "before"));
	assert_int_equal(unlink(moved), 0);
}


/** Read a pipe until the text is seen. @return false after the deadline */
static bool drain_until(int fd, const char *wanted)
{
	const uint64_t end_ms = clock_ms() + WAIT_MS;
	size_t n = 0;

	while (clock_ms() < end_ms) {
		struct pollfd pfd = { .fd = fd, .events = POLLIN };
		ssize_t got;

		if (poll(&pfd, 1, 100) != 1)
			continue;

		got = read(fd, text + n, sizeof(text) - 1 - n);
		if (got <= 0)
			return false;

		n += (size_t)got;
		text[n] = '\0';
		if (strstr(text, wanted))
			return true;
	}

	return false;
}


static void a_stuck_disk_drops_lines_and_says_how_many(void **state)
{
	const uint64_t before = log_dropped();
	const uint64_t end_ms = clock_ms() + WAIT_MS;
	char wanted[64];
	int fd;

	(void)state;
	assert_int_equal(mkfifo(path, 0600), 0);
	fd = open(path, O_RDWR | O_NONBLOCK);
	assert_true(fd >= 0);
	assert_int_equal(log_open(path, LOG_TEXT, LOG_INFO_LEVEL), 0);

	/* Nobody reads: the writer is stuck, the callers are not */
	while (log_dropped() < before + 10 && clock_ms() < end_ms)
		info("test", "", "%0100d", 1);
	assert_int_equal(log_dropped(), before + 10);

	(void)snprintf(wanted, sizeof(wanted), "warning log: 10 lines"
		       " dropped\n");
	assert_true(drain_until(fd, wanted));
	info("test", "", "and on it goes");
	assert_true(drain_until(fd, "and on it goes\n"));
	assert_null(strstr(text, "dropped"));

	/* It is said once */
	info("test", "", "the end");
	assert_true(drain_until(fd, "the end\n"));
	assert_null(strstr(text, "dropped"));

	log_close();
	(void)close(fd);
}


static void a_bad_path_is_an_error(void **state)
{
	(void)state;
	assert_int_equal(log_open("/nowhere/log", LOG_TEXT, LOG_INFO_LEVEL),
			 ENOENT);
}


static void a_gate_opens_once_a_second(void **state)
{
	struct log_gate gate = { 0, 0 };
	uint64_t held = 77;

	(void)state;
	assert_true(log_gate_pass(&gate, 5000, &held));
	assert_int_equal(held, 0);
	for (int i = 0; i < 9; i++)
		assert_false(log_gate_pass(&gate, 5000 + 100 * i, &held));
	assert_false(log_gate_pass(&gate, 5999, &held));
	assert_true(log_gate_pass(&gate, 6000, &held));
	assert_int_equal(held, 10);
	assert_false(log_gate_pass(&gate, 6001, &held));
}


static void escapes_between_characters(void **state)
{
	char buf[8];

	(void)state;
	assert_int_equal(text_escape(buf, 8, "abcdef\n", 7), 6);
	assert_string_equal(buf, "abcdef");
	assert_int_equal(text_escape(buf, 8, "abc\nx", 5), 7);
	assert_string_equal(buf, "abc\\x0a");
	assert_int_equal(text_escape(buf, 4, "ab\xc3\xbc", 4), 2);
	assert_int_equal(text_escape(buf, 5, "ab\xc3\xbc", 4), 4);
	assert_int_equal(text_utf8("\xf4\x90\x80\x80", 4), 0);
	assert_int_equal(text_utf8("\xf4\x8f\xbf\xbf", 4), 4);
	assert_int_equal(text_utf8("\xe0\x9f\xbf", 3), 0);
	assert_int_equal(text_utf8("\xf0\x8f\xbf\xbf", 4), 0);
	assert_int_equal(text_utf8("\xe2\x82", 2), 0);
	assert_int_equal(text_char("\x7f", 1), 0);
	assert_int_equal(text_char(" ", 1), 1);
}


static void text_between_tags(void **state)
{
	char buf[128];

	(void)state;
	assert_true(re_snprintf(buf, sizeof(buf), "%H", text_markup,
				"<a b=\"c\">&\r\n\t\x1b\xc3\xbc\xff\r") > 0);
	assert_string_equal(buf, "&lt;a b=&quot;c&quot;&gt;&amp;\n\t\\x1b"
				 "\xc3\xbc\\xff\\x0d");
}


int main(void)
{
	#define FILED(f) cmocka_unit_test_setup_teardown(f, make_folder, \
							 remove_folder)
	const struct CMUnitTest tests[] = {
		FILED(lines_are_as_documented),
		FILED(a_peer_cannot_forge_a_line),
		FILED(json_lines_hold_the_same),
		FILED(threads_lose_nothing),
		FILED(reopens_where_logrotate_has_moved_it),
		FILED(a_stuck_disk_drops_lines_and_says_how_many),
		cmocka_unit_test(a_bad_path_is_an_error),
		cmocka_unit_test(a_gate_opens_once_a_second),
		cmocka_unit_test(escapes_between_characters),
		cmocka_unit_test(text_between_tags),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
