/**
 * @file test_metrics.c  Counters from several threads, printed by family
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <pthread.h>
#include <cmocka.h>

#include "bridge/base/libre.h"
#include "bridge/base/metrics.h"
#include "oom.h"


enum { THREADS = 4, COUNTS = 50000 };


static void *count(void *arg)
{
	struct metric *m = metric_counter("callbridge_test_total", NULL,
					  "Things counted");

	assert_ptr_equal(m, arg);
	for (int i = 0; i < COUNTS; i++)
		metric_add(m, 1);

	return NULL;
}


static void threads_count_together(void **state)
{
	struct metric *m = metric_counter("callbridge_test_total", NULL,
					  "Things counted");
	pthread_t threadv[THREADS];

	(void)state;
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threadv[i], NULL, count, m),
				 0);
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(threadv[i], NULL), 0);

	assert_int_equal(metric_get(m), THREADS * COUNTS);
}


static void prints_families_together(void **state)
{
	struct metric *a, *b, *gauge;
	char *text;

	(void)state;
	a = metric_counter("callbridge_dropped_total", "reason=\"rate\"",
			   "Messages dropped");
	gauge = metric_gauge("callbridge_calls", NULL, "Calls now");
	b = metric_counter("callbridge_dropped_total", "reason=\"syntax\"",
			   "Messages dropped");
	assert_ptr_not_equal(a, b);
	assert_ptr_equal(a, metric_counter("callbridge_dropped_total",
					   "reason=\"rate\"", NULL));
	metric_add(a, 3);
	metric_add(b, 1);
	metric_set(gauge, -2);

	assert_int_equal(re_sdprintf(&text, "%H", metrics_print, NULL), 0);
	assert_string_equal(text,
		"# HELP callbridge_test_total Things counted\n"
		"# TYPE callbridge_test_total counter\n"
		"callbridge_test_total 200000\n"
		"# HELP callbridge_dropped_total Messages dropped\n"
		"# TYPE callbridge_dropped_total counter\n"
		"callbridge_dropped_total{reason=\"rate\"} 3\n"
		"callbridge_dropped_total{reason=\"syntax\"} 1\n"
		"# HELP callbridge_calls Calls now\n"
		"# TYPE callbridge_calls gauge\n"
		"callbridge_calls -2\n");
	mem_deref(text);
}


static void without_memory_there_is_a_spare(void **state)
{
	(void)state;

	for (oom_left = 0; oom_left < 3; oom_left++) {
		const long granted = oom_left;
		struct metric *m = metric_counter("callbridge_spare_total",
						  "a=\"b\"", "Spare");

		assert_non_null(m);
		metric_add(m, 1);
		oom_left = granted;
	}
	oom_left = -1;

	/* Now there is memory: what was lost is lost, the name is not */
	assert_non_null(metric_counter("callbridge_spare_total", "a=\"b\"",
				       "Spare"));
	assert_non_null(metric_gauge(NULL, NULL, NULL));
}


/** Prometheus wants classes with all below, in seconds, and their sum */
static void histograms_are_cumulative(void **state)
{
	static const uint32_t boundv[] = { 250, 1000, 20000 };
	struct metric_histogram *h = metric_histogram(
		"callbridge_test_seconds", "Times", boundv, 3);
	char text[8192];
	(void)state;

	assert_ptr_equal(h, metric_histogram("callbridge_test_seconds",
					     "Times", boundv, 3));
	metric_observe(h, 0);
	metric_observe(h, 250);
	metric_observe(h, 251);
	metric_observe(h, 20001);

	assert_true(re_snprintf(text, sizeof(text), "%H", metrics_print,
				NULL) > 0);
	assert_non_null(strstr(text,
		"# HELP callbridge_test_seconds Times\n"
		"# TYPE callbridge_test_seconds histogram\n"
		"callbridge_test_seconds_bucket{le=\"0.250\"} 2\n"
		"callbridge_test_seconds_bucket{le=\"1.000\"} 3\n"
		"callbridge_test_seconds_bucket{le=\"20.000\"} 3\n"
		"callbridge_test_seconds_bucket{le=\"+Inf\"} 4\n"
		"callbridge_test_seconds_sum 20.502\n"
		"callbridge_test_seconds_count 4\n"));

	/* what cannot be made is counted nowhere */
	metric_observe(metric_histogram("x", NULL, boundv, 0), 5);
}


int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(threads_count_together),
		cmocka_unit_test(prints_families_together),
		cmocka_unit_test(without_memory_there_is_a_spare),
		cmocka_unit_test(histograms_are_cumulative),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
