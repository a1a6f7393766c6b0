/**
 * @file test_journal.c  The journal survives what happens to it
 */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <cmocka.h>

#include "bridge/base/libre.h"
#include "bridge/base/metrics.h"
#include "bridge/base/wheel.h"
#include "bridge/store/journal.h"
#include "bridge/store/live.h"
#include "folder.h"


enum { DEADLINE_MS = 20000 };


struct calls {
	struct call_record v[64];
	size_t c;
};


static void record(struct call_record *rec, unsigned n, uint32_t version)
{
	memset(rec, 0, sizeof(*rec));
	(void)re_snprintf(rec->id, sizeof(rec->id), "call-%06u", n);
	rec->version  = version;
	rec->start_ms = 1750000000000 + n * 1000;
	rec->state    = CALL_RINGING;
	str_ncpy(rec->caller, "+442079460018", sizeof(rec->caller));
	str_ncpy(rec->caller_name, "Ann \"Ä\"\n", sizeof(rec->caller_name));
}


static void append(struct journal *j, unsigned n, uint32_t version)
{
	struct call_record rec;

	record(&rec, n, version);
	assert_int_equal(journal_call(j, &rec), 0);
}


static int keep(const struct call_record *rec, void *arg)
{
	struct calls *calls = arg;

	assert_true(calls->c < 64);
	calls->v[calls->c++] = *rec;

	return 0;
}


static void read_calls(struct calls *calls, const char *folder,
		       size_t newest)
{
	memset(calls, 0, sizeof(*calls));
	assert_int_equal(journal_calls(folder, newest, keep, calls), 0);
}


static void assert_call(const struct call_record *rec, unsigned n,
			uint32_t version)
{
	struct call_record want;

	record(&want, n, version);
	assert_string_equal(rec->id, want.id);
	assert_int_equal(rec->version, version);
	assert_int_equal(rec->start_ms, want.start_ms);
	assert_string_equal(rec->caller_name, want.caller_name);
}


static void today(char *path, size_t size, const char *folder)
{
	const time_t now = time(NULL);
	char day[16];
	struct tm tm;

	(void)gmtime_r(&now, &tm);
	(void)strftime(day, sizeof(day), "%Y%m%d", &tm);
	assert_true(re_snprintf(path, size, "%s/journal/%s.jsonl", folder,
				day) > 0);
}


static void write_file(const char *folder, const char *name,
		       const char *text)
{
	char path[256];
	FILE *f;

	(void)re_snprintf(path, sizeof(path), "%s/journal", folder);
	(void)mkdir(path, 0700);
	(void)re_snprintf(path, sizeof(path), "%s/journal/%s", folder, name);

	f = fopen(path, "a");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}


static void wait_written(struct journal *j)
{
	const uint64_t end_ms = clock_ms() + DEADLINE_MS;
	const struct timespec pause = {.tv_nsec = 1000000};

	while (journal_held(j) && clock_ms() < end_ms)
		(void)nanosleep(&pause, NULL);
}


static void test_newest_version_of_each_call_in_order(void **state)
{
	struct journal *j = NULL;
	struct calls calls;

	assert_int_equal(journal_open(&j, *state), 0);
	append(j, 2, 1);
	append(j, 1, 1);
	append(j, 2, 2);
	append(j, 3, 1);
	append(j, 1, 2);
	append(j, 1, 3);

	/* readable while it is open: another program may look */
	read_calls(&calls, *state, 0);
	mem_deref(j);

	assert_int_equal(calls.c, 3);
	assert_call(&calls.v[0], 1, 3);
	assert_call(&calls.v[1], 2, 2);
	assert_call(&calls.v[2], 3, 1);

	read_calls(&calls, *state, 2);
	assert_int_equal(calls.c, 2);
	assert_call(&calls.v[0], 2, 2);
	assert_call(&calls.v[1], 3, 1);
}


static void test_other_lines_are_no_calls(void **state)
{
	struct reg_status st;
	struct journal *j = NULL;
	struct calls calls;

	memset(&st, 0, sizeof(st));
	str_ncpy(st.aor, "sip:101@pbx.example", sizeof(st.aor));
	str_ncpy(st.words, "\"call\":{\"id\":\"x\"}", sizeof(st.words));

	assert_int_equal(journal_open(&j, *state), 0);
	assert_int_equal(journal_reg(j, &st), 0);
	append(j, 1, 1);
	mem_deref(j);

	read_calls(&calls, *state, 0);
	assert_int_equal(calls.c, 1);
	assert_call(&calls.v[0], 1, 1);
}


static void test_no_journal_is_no_calls(void **state)
{
	struct calls calls;

	read_calls(&calls, *state, 0);
	assert_int_equal(calls.c, 0);
}


static void test_nobody_else_may_read_it(void **state)
{
	struct journal *j = NULL;
	char path[256];
	struct stat st;

	/* also in a folder that somebody has made before */
	write_file(*state, "20200101.jsonl", "");
	(void)re_snprintf(path, sizeof(path), "%s/journal", (char *)*state);
	assert_int_equal(chmod(path, 0755), 0);

	assert_int_equal(journal_open(&j, *state), 0);
	append(j, 1, 1);
	mem_deref(j);

	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);

	today(path, sizeof(path), *state);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}


static void test_a_torn_line_takes_no_other_with_it(void **state)
{
	struct journal *j = NULL;
	struct calls calls;
	char path[256];
	FILE *f;

	assert_int_equal(journal_open(&j, *state), 0);
	append(j, 1, 1);
	j = mem_deref(j);

	today(path, sizeof(path), *state);
	f = fopen(path, "a");
	assert_non_null(f);
	assert_true(fputs("{\"time_ms\":1,\"call\":{\"id\":\"call-0", f) > 0);
	assert_int_equal(fclose(f), 0);

	/* while it is torn, and after it was completed */
	read_calls(&calls, *state, 0);
	assert_int_equal(calls.c, 1);

	assert_int_equal(journal_open(&j, *state), 0);
	append(j, 2, 1);
	mem_deref(j);

	read_calls(&calls, *state, 0);
	assert_int_equal(calls.c, 2);
	assert_call(&calls.v[0], 1, 1);
	assert_call(&calls.v[1], 2, 1);
}


static void test_garbage_is_skipped(void **state)
{
	struct journal *j = NULL;
	struct calls calls;

	write_file(*state, "20200101.jsonl",
		   "\n\n{}\n[1,2]\nnull\n{\"call\":{}}\n"
		   "{\"call\":{\"id\":7}}\n"
		   "{\"call\":{\"id\":\"\"}}\n\xff\xfe\n"
		   "{\"call\":{\"id\":\"0123456789012345678901234567890123456"
		   "789012345678901234567890\"}}\n");
	write_file(*state, "notes.txt", "mine\n");
	write_file(*state, "20200101.jsonl.gz", "mine\n");

	assert_int_equal(journal_open(&j, *state), 0);
	append(j, 1, 1);
	mem_deref(j);

	read_calls(&calls, *state, 0);
	assert_int_equal(calls.c, 1);
	assert_call(&calls.v[0], 1, 1);
}


/** A call over midnight has versions in two files; a call that began before
    it may be older than the newest of the day before */
static void test_newest_over_several_days(void **state)
{
	struct calls calls;

	write_file(*state, "20250101.jsonl",
		   "{\"call\":{\"id\":\"long\",\"version\":1,"
		   "\"start_ms\":1735700000000}}\n"
		   "{\"call\":{\"id\":\"late\",\"version\":1,"
		   "\"start_ms\":1735770000000}}\n");
	write_file(*state, "20250102.jsonl",
		   "{\"call\":{\"id\":\"long\",\"version\":2,"
		   "\"start_ms\":1735700000000}}\n");

	read_calls(&calls, *state, 1);
	assert_int_equal(calls.c, 1);
	assert_string_equal(calls.v[0].id, "late");

	read_calls(&calls, *state, 0);
	assert_int_equal(calls.c, 2);
	assert_string_equal(calls.v[0].id, "long");
	assert_int_equal(calls.v[0].version, 2);
	assert_string_equal(calls.v[1].id, "late");
}


/* Killed */


/** In the child: count what was acknowledged, until killed */
static void append_for_ever(const char *folder, atomic_uint *done)
{
	struct journal *j = NULL;
	struct call_record rec;

	if (journal_open(&j, folder))
		_exit(1);

	for (;;) {
		const unsigned n = atomic_load(done);

		record(&rec, n % 16, n / 16 + 1);
		if (journal_call(j, &rec))
			_exit(1);
		atomic_store(done, n + 1);
	}
}


static void test_kill_9_loses_nothing_acknowledged(void **state)
{
	atomic_uint *done = mmap(NULL, sizeof(*done), PROT_READ | PROT_WRITE,
				 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	unsigned at_least = 0;

	assert_ptr_not_equal(done, MAP_FAILED);

	for (int round = 0; round < 10; round++) {
		const uint64_t end_ms = clock_ms() + DEADLINE_MS;
		struct calls calls;
		unsigned n;
		pid_t pid;
		int status;

		pid = fork();
		assert_true(pid >= 0);
		if (!pid)
			append_for_ever(*state, done);

		at_least += 40 + (unsigned)round;
		while (atomic_load(done) < at_least && clock_ms() < end_ms)
			;

		assert_int_equal(kill(pid, SIGKILL), 0);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status));

		n = at_least = atomic_load(done);
		assert_true(n >= 40);

		read_calls(&calls, *state, 0);
		assert_int_equal(calls.c, 16);

		/* each call's newest version is the last acknowledged one, or
		   the one that was being written */
		for (unsigned i = 0; i < 16; i++) {
			const uint32_t acked = (n + 15 - i) / 16;

			assert_in_range(calls.v[i].version, acked, acked + 1);
		}
	}

	(void)munmap(done, sizeof(*done));
}


/* Full */


static void limit_set(rlim_t octets)
{
	struct rlimit lim;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &lim), 0);
	lim.rlim_cur = octets;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &lim), 0);
}


static off_t file_size(const char *folder)
{
	char path[256];
	struct stat st;

	today(path, sizeof(path), folder);
	assert_int_equal(stat(path, &st), 0);

	return st.st_size;
}


static int full_setup(void **state)
{
	(void)signal(SIGXFSZ, SIG_IGN);

	return folder_make(state);
}


static int full_teardown(void **state)
{
	limit_set(RLIM_INFINITY);

	return folder_remove(state);
}


static void test_a_full_disk_holds_lines_back_in_order(void **state)
{
	struct journal *j = NULL;
	struct call_record rec;
	struct calls calls;

	assert_int_equal(journal_open(&j, *state), 0);
	append(j, 1, 1);

	/* in the middle of the next line */
	limit_set((rlim_t)file_size(*state) + 20);

	for (unsigned n = 2; n <= 30; n++) {
		record(&rec, n, 1);
		assert_int_equal(journal_call(j, &rec), EAGAIN);
	}
	assert_true(journal_held(j) > 29 * 100);

	/* what was there before is untouched, half a line is no call */
	read_calls(&calls, *state, 0);
	assert_int_equal(calls.c, 1);

	/* room again: a new line must not get before those that wait, least
	   of all behind half a line */
	limit_set(RLIM_INFINITY);
	record(&rec, 31, 1);
	assert_int_not_equal(journal_call(j, &rec), ENOMEM);
	wait_written(j);
	assert_int_equal(journal_held(j), 0);
	mem_deref(j);

	read_calls(&calls, *state, 0);
	assert_int_equal(calls.c, 31);
	for (unsigned n = 1; n <= 31; n++)
		assert_call(&calls.v[n - 1], n, 1);
}


static void test_what_is_held_goes_out_on_closing(void **state)
{
	struct journal *j = NULL;
	struct call_record rec;
	struct calls calls;

	assert_int_equal(journal_open(&j, *state), 0);
	limit_set((rlim_t)file_size(*state) + 20);
	record(&rec, 1, 1);
	assert_int_equal(journal_call(j, &rec), EAGAIN);
	limit_set(RLIM_INFINITY);
	mem_deref(j);

	read_calls(&calls, *state, 0);
	assert_int_equal(calls.c, 1);
	assert_call(&calls.v[0], 1, 1);
}


static void test_memory_for_lines_is_bounded(void **state)
{
	struct metric *dropped = metric_counter(
		"callbridge_journal_dropped_total", NULL, "");
	const int64_t before = metric_get(dropped);
	struct journal *j = NULL;
	struct call_record rec;
	unsigned n = 0;
	int err;

	assert_int_equal(journal_open(&j, *state), 0);
	limit_set((rlim_t)file_size(*state));

	record(&rec, 1, 1);
	memset(rec.advice, 'x', sizeof(rec.advice) - 1);
	do {
		rec.version = ++n;
		err = journal_call(j, &rec);
	} while (err == EAGAIN && n < 100000);

	assert_int_equal(err, ENOMEM);
	assert_true(journal_held(j) <= 16 * 1024 * 1024);
	assert_true(journal_held(j) > 15 * 1024 * 1024);
	assert_int_equal(metric_get(dropped) - before, 1);

	limit_set(RLIM_INFINITY);
	wait_written(j);
	assert_int_equal(journal_held(j), 0);
	mem_deref(j);
}


/* Several threads */


struct writer {
	struct journal *j;
	unsigned first;
};


static void *write_some(void *arg)
{
	const struct writer *w = arg;
	struct call_record rec;

	for (uint32_t version = 1; version <= 50; version++) {
		for (unsigned n = 0; n < 8; n++) {
			record(&rec, w->first + n, version);
			if (journal_call(w->j, &rec))
				return arg;
			(void)journal_held(w->j);
		}
	}

	return NULL;
}


static void test_threads_do_not_mix_their_lines(void **state)
{
	struct writer wv[4];
	pthread_t tv[4];
	struct journal *j = NULL;
	struct calls calls;
	void *failed;

	assert_int_equal(journal_open(&j, *state), 0);

	for (unsigned i = 0; i < 4; i++) {
		wv[i] = (struct writer){.j = j, .first = i * 8};
		assert_int_equal(pthread_create(&tv[i], NULL, write_some,
						&wv[i]), 0);
	}

	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(pthread_join(tv[i], &failed), 0);
		assert_null(failed);
	}

	mem_deref(j);

	read_calls(&calls, *state, 0);
	assert_int_equal(calls.c, 32);
	for (unsigned n = 0; n < 32; n++)
		assert_call(&calls.v[n], n, 50);
}


/* Picking up */


static void test_calls_without_an_end_get_one(void **state)
{
	struct journal *j = NULL;
	struct live *live = NULL;
	struct call_record rec;
	struct calls calls;

	assert_int_equal(journal_open(&j, *state), 0);
	append(j, 1, 4);
	record(&rec, 2, 5);
	rec.state = CALL_ENDED;
	rec.end_ms = rec.start_ms + 5;
	assert_int_equal(journal_call(j, &rec), 0);
	j = mem_deref(j);

	assert_int_equal(live_alloc(&live), 0);
	assert_int_equal(journal_open(&j, *state), 0);
	assert_int_equal(journal_recover(j, live), 0);
	/* nothing left to do for a second crash */
	assert_int_equal(journal_recover(j, NULL), 0);
	mem_deref(j);

	read_calls(&calls, *state, 0);
	assert_int_equal(calls.c, 2);
	assert_call(&calls.v[0], 1, 5);
	assert_int_equal(calls.v[0].state, CALL_ENDED);
	assert_string_equal(calls.v[0].ended_by, "bridge");
	assert_true(calls.v[0].end_ms > calls.v[0].start_ms);
	assert_true(calls.v[0].end_ms <= (int64_t)time(NULL) * 1000 + 999);
	assert_call(&calls.v[1], 2, 5);
	assert_int_equal(calls.v[1].end_ms, rec.end_ms);

	memset(&calls, 0, sizeof(calls));
	assert_int_equal(live_call_apply(live, keep, &calls), 0);
	assert_int_equal(calls.c, 2);
	assert_int_equal(calls.v[0].state, CALL_ENDED);
	live_free(live);
}


static void test_bad_folders(void **state)
{
	struct journal *j = NULL;
	char path[256];

	assert_int_equal(journal_open(&j, NULL), EINVAL);
	assert_int_equal(journal_open(&j, ""), EINVAL);

	(void)re_snprintf(path, sizeof(path), "%s/a/b", (char *)*state);
	assert_int_equal(journal_open(&j, path), ENOENT);

	/* a link to somewhere else is not followed */
	write_file(*state, "x", "");
	today(path, sizeof(path), *state);
	assert_int_equal(symlink("/tmp/elsewhere", path), 0);
	assert_int_equal(journal_open(&j, *state), ELOOP);
	assert_null(j);
}


#define TEST(f) cmocka_unit_test_setup_teardown(f, folder_make, folder_remove)
#define FULL(f) cmocka_unit_test_setup_teardown(f, full_setup, full_teardown)


int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_newest_version_of_each_call_in_order),
		TEST(test_other_lines_are_no_calls),
		TEST(test_no_journal_is_no_calls),
		TEST(test_nobody_else_may_read_it),
		TEST(test_a_torn_line_takes_no_other_with_it),
		TEST(test_garbage_is_skipped),
		TEST(test_newest_over_several_days),
		TEST(test_kill_9_loses_nothing_acknowledged),
		FULL(test_a_full_disk_holds_lines_back_in_order),
		FULL(test_what_is_held_goes_out_on_closing),
		FULL(test_memory_for_lines_is_bounded),
		TEST(test_threads_do_not_mix_their_lines),
		TEST(test_calls_without_an_end_get_one),
		TEST(test_bad_folders),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
