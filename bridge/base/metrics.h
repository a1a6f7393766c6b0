/**
 * @file metrics.h  Counters and gauges, printed in Prometheus text form
 *
 * A metric is found by name and label set once and then counted through its
 * pointer: atomic, relaxed, from any thread. Metrics live as long as the
 * process. Names: callbridge_<noun>_<unit or total>.
 */
#ifndef BASE_METRICS_H
#define BASE_METRICS_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

struct re_printf;

struct metric { atomic_int_fast64_t value; };

/**
 * Find or make a counter (only ever grows)
 *
 * @param name    e.g. "callbridge_sip_dropped_total"; a static string
 * @param labels  e.g. "reason=\"start-line\"", NULL for none; copied
 * @param help    One line for # HELP; a static string
 *
 * @return never NULL: without memory a spare metric that nobody prints
 */
struct metric *metric_counter(const char *name, const char *labels,
			      const char *help);

/** Find or make a gauge (goes up and down); arguments as above */
struct metric *metric_gauge(const char *name, const char *labels,
			    const char *help);

enum { METRIC_BOUNDS = 16 };

/** Times by class. Found as counters are, but without labels */
struct metric_histogram;

/**
 * Find or make a histogram of times, told in seconds
 *
 * @param boundv  Upper bounds of the classes [ms], growing; a static array
 * @param boundc  1..METRIC_BOUNDS
 *
 * @return never NULL, as above
 */
struct metric_histogram *metric_histogram(const char *name, const char *help,
					  const uint32_t *boundv,
					  size_t boundc);

void metric_observe(struct metric_histogram *h, uint64_t ms);

static inline void metric_add(struct metric *m, int64_t n)
{
	atomic_fetch_add_explicit(&m->value, n, memory_order_relaxed);
}

static inline void metric_set(struct metric *m, int64_t n)
{
	atomic_store_explicit(&m->value, n, memory_order_relaxed);
}

static inline int64_t metric_get(struct metric *m)
{
	return atomic_load_explicit(&m->value, memory_order_relaxed);
}

/** Print all metrics, text/plain; version=0.0.4. A libre %H handler */
int metrics_print(struct re_printf *pf, void *unused);

#endif
