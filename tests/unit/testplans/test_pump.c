/**
 * @file test_pump.c  Waiting, and how late one was woken
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "testplans/pump.h"


enum { STOOD_MS = 200, TIMES = 20 };


/** Stand still for a while, as on a machine that is busy with others */
static pid_t stand_still(void)
{
	const pid_t self = getpid(), child = fork();

	if (!child) {
		const struct timespec ts = { .tv_nsec = STOOD_MS * 1000000L };

		(void)kill(self, SIGSTOP);
		(void)nanosleep(&ts, NULL);
		(void)kill(self, SIGCONT);
		_exit(0);
	}

	return child;
}


static void a_machine_that_stands_still_is_noticed(void **state)
{
	struct pump *pump;
	uint32_t late_ms = 0;

	(void)state;
	assert_int_equal(pump_alloc(&pump), 0);

	/* not noticed where it was not waiting just then */
	for (int i = 0; i < TIMES && late_ms < STOOD_MS / 2; i++) {
		const pid_t child = stand_still();

		assert_true(child > 0);
		while (waitpid(child, NULL, WNOHANG) == 0)
			assert_int_equal(pump_for(pump, 20), 0);
		late_ms = pump_late_ms(pump);
	}

	assert_true(late_ms >= STOOD_MS / 2);
	assert_int_equal(pump_late_ms(pump), 0);   /* told once */
	mem_deref(pump);
}


int main(void)
{
	const struct CMUnitTest testv[] = {
		cmocka_unit_test(a_machine_that_stands_still_is_noticed),
	};

	return cmocka_run_group_tests(testv, NULL, NULL);
}
