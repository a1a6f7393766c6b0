/**
 * @file test_recent.c  One answer for all who ask the same
 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "bridge/base/wheel.h"
#include "portal-api/recent.h"


enum { LONG_MS = 600000, DEADLINE_S = 30 };


/** Works out an answer that says how many there were; waits before it does */
struct making {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	unsigned count;            /* that were begun                */
	bool held;                 /* they wait                      */
	int err;                   /* of the first one               */
};

struct asking {
	pthread_t thread;
	struct recent *r;
	struct making *making;
	char *text;                /* owned */
	int err;
};


/** @return false at the deadline */
static bool wait_change(struct making *m)
{
	struct timespec until;

	(void)clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += DEADLINE_S;

	return pthread_cond_timedwait(&m->changed, &m->lock, &until) !=
		ETIMEDOUT;
}


static int make_h(char **textp, void *arg)
{
	struct making *m = arg;
	unsigned mine;
	int err = 0;

	(void)pthread_mutex_lock(&m->lock);
	mine = ++m->count;
	(void)pthread_cond_broadcast(&m->changed);
	while (mine == 1 && m->held && !err)
		err = wait_change(m) ? 0 : ETIMEDOUT;
	if (mine == 1 && !err)
		err = m->err;
	(void)pthread_mutex_unlock(&m->lock);
	if (err)
		return err;

	*textp = malloc(2);
	if (!*textp)
		return ENOMEM;
	(*textp)[0] = (char)('0' + mine);
	(*textp)[1] = '\0';

	return 0;
}


static void making_init(struct making *m)
{
	memset(m, 0, sizeof(*m));
	assert_int_equal(pthread_mutex_init(&m->lock, NULL), 0);
	assert_int_equal(pthread_cond_init(&m->changed, NULL), 0);
}


static void making_end(struct making *m)
{
	(void)pthread_cond_destroy(&m->changed);
	(void)pthread_mutex_destroy(&m->lock);
}


static void let_go(struct making *m, int err)
{
	(void)pthread_mutex_lock(&m->lock);
	m->held = false;
	m->err  = err;
	(void)pthread_cond_broadcast(&m->changed);
	(void)pthread_mutex_unlock(&m->lock);
}


static void begun(struct making *m)
{
	bool some = true;

	(void)pthread_mutex_lock(&m->lock);
	while (!m->count && some)
		some = wait_change(m);
	(void)pthread_mutex_unlock(&m->lock);
	assert_true(some);
}


static void *ask(void *arg)
{
	struct asking *a = arg;

	a->err = recent_get(a->r, "key", make_h, a->making, &a->text);

	return NULL;
}


static void asking_start(struct asking *a, struct recent *r,
			 struct making *m)
{
	*a = (struct asking){ .r = r, .making = m };
	assert_int_equal(pthread_create(&a->thread, NULL, ask, a), 0);
}


static void asking_end(struct asking *a, const char *want)
{
	assert_int_equal(pthread_join(a->thread, NULL), 0);
	if (want)
		assert_string_equal(a->text, want);
	else
		assert_null(a->text);
	free(a->text);
}


static void expect(struct recent *r, const char *key, struct making *m,
		   const char *want)
{
	char *text = NULL;

	assert_int_equal(recent_get(r, key, make_h, m, &text), 0);
	assert_string_equal(text, want);
	free(text);
}


/* Tests */


static void test_who_asks_the_same_has_the_same_answer(void **state)
{
	struct recent *r;
	struct making m;
	(void)state;

	making_init(&m);
	assert_int_equal(recent_alloc(&r, LONG_MS), 0);

	expect(r, "msp all/", &m, "1");
	expect(r, "msp all/", &m, "1");
	expect(r, "msp of/acme", &m, "2");
	expect(r, "customer of/acme", &m, "3");
	expect(r, "msp of/acme", &m, "2");
	expect(r, "msp all/", &m, "1");

	recent_free(r);
	making_end(&m);
}


static void test_an_answer_is_over_when_its_time_is(void **state)
{
	const uint64_t until = clock_ms() + DEADLINE_S * 1000;
	struct recent *r;
	struct making m;
	uint64_t began;
	char *text = NULL;
	(void)state;

	making_init(&m);
	assert_int_equal(recent_alloc(&r, 5), 0);

	began = clock_ms();
	expect(r, "key", &m, "1");
	while (m.count == 1 && clock_ms() < until) {
		assert_int_equal(recent_get(r, "key", make_h, &m, &text), 0);
		free(text);
	}
	assert_int_equal(m.count, 2);
	assert_true(clock_ms() > began + 5);

	recent_free(r);
	making_end(&m);
}


static void test_who_asks_meanwhile_waits_for_it(void **state)
{
	struct asking v[4];
	struct recent *r;
	struct making m;
	(void)state;

	making_init(&m);
	m.held = true;
	assert_int_equal(recent_alloc(&r, LONG_MS), 0);

	asking_start(&v[0], r, &m);
	begun(&m);
	for (size_t i = 1; i < 4; i++)
		asking_start(&v[i], r, &m);
	/* another question is not held up */
	expect(r, "other", &m, "2");

	let_go(&m, 0);
	for (size_t i = 0; i < 4; i++)
		asking_end(&v[i], "1");
	assert_int_equal(m.count, 2);

	recent_free(r);
	making_end(&m);
}


static void test_what_fails_is_nobody_elses_answer(void **state)
{
	struct asking first, second;
	struct recent *r;
	struct making m;
	(void)state;

	making_init(&m);
	m.held = true;
	assert_int_equal(recent_alloc(&r, LONG_MS), 0);

	asking_start(&first, r, &m);
	begun(&m);
	asking_start(&second, r, &m);
	let_go(&m, EIO);
	asking_end(&first, NULL);
	assert_int_equal(first.err, EIO);
	asking_end(&second, "2");
	expect(r, "key", &m, "2");

	recent_free(r);
	making_end(&m);
}


/** What was begun long ago tells nothing of what has happened since */
static void test_a_slow_one_is_not_waited_for(void **state)
{
	const uint64_t until = clock_ms() + DEADLINE_S * 1000;
	struct asking slow;
	struct recent *r;
	struct making m;
	uint64_t now;
	(void)state;

	making_init(&m);
	m.held = true;
	assert_int_equal(recent_alloc(&r, 1), 0);

	asking_start(&slow, r, &m);
	begun(&m);
	now = clock_ms();
	while (clock_ms() < now + 2)
		assert_true(clock_ms() < until);
	expect(r, "key", &m, "2");

	let_go(&m, 0);
	asking_end(&slow, "1");

	recent_free(r);
	making_end(&m);
}


int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_who_asks_the_same_has_the_same_answer),
		cmocka_unit_test(test_an_answer_is_over_when_its_time_is),
		cmocka_unit_test(test_who_asks_meanwhile_waits_for_it),
		cmocka_unit_test(test_what_fails_is_nobody_elses_answer),
		cmocka_unit_test(test_a_slow_one_is_not_waited_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
