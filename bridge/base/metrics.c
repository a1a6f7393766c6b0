/**
 * @file metrics.c  Counters and gauges, printed in Prometheus text form
 *
 * Families and their series only ever grow, so that printing walks them
 * without a lock and never holds up the thread that makes a new one.
 */
#include <pthread.h>
#include <stdlib.h>

#include "libre.h"
#include "metrics.h"


enum kind { COUNTER, GAUGE };


/** One label set of a family */
struct series {
	struct metric metric;
	char *labels;                     /* owned, NULL for none */
	_Atomic(struct series *) next;
};


/** All series of one name */
struct family {
	const char *name;                 /* static */
	const char *help;                 /* static */
	enum kind kind;
	_Atomic(struct series *) series;
	_Atomic(struct family *) next;
};


static pthread_mutex_t growing = PTHREAD_MUTEX_INITIALIZER;
static _Atomic(struct family *) families;
static struct metric spare;


static struct family *family_get(const char *name, const char *help,
				 enum kind kind)
{
	_Atomic(struct family *) *fp = &families;
	struct family *family;

	for (; (family = atomic_load(fp)); fp = &family->next)
		if (!strcmp(family->name, name))
			return family;

	family = mem_zalloc(sizeof(*family), NULL);
	if (!family)
		return NULL;

	family->name = name;
	family->help = help;
	family->kind = kind;
	atomic_store(fp, family);

	return family;
}


static bool same_labels(const char *a, const char *b)
{
	return !strcmp(a ? a : "", b ? b : "");
}


static struct series *series_get(struct family *family, const char *labels)
{
	_Atomic(struct series *) *sp = &family->series;
	struct series *series;

	for (; (series = atomic_load(sp)); sp = &series->next)
		if (same_labels(series->labels, labels))
			return series;

	series = mem_zalloc(sizeof(*series), NULL);
	if (!series)
		return NULL;

	if (str_isset(labels) && str_dup(&series->labels, labels)) {
		mem_deref(series);
		return NULL;
	}

	atomic_store(sp, series);

	return series;
}


static struct metric *find_or_make(const char *name, const char *labels,
				   const char *help, enum kind kind)
{
	struct family *family;
	struct series *series = NULL;

	if (!name)
		return &spare;

	(void)pthread_mutex_lock(&growing);

	family = family_get(name, help, kind);
	if (family)
		series = series_get(family, labels);

	(void)pthread_mutex_unlock(&growing);

	return series ? &series->metric : &spare;
}


struct metric *metric_counter(const char *name, const char *labels,
			      const char *help)
{
	return find_or_make(name, labels, help, COUNTER);
}


struct metric *metric_gauge(const char *name, const char *labels,
			    const char *help)
{
	return find_or_make(name, labels, help, GAUGE);
}


static int series_print(struct re_printf *pf, const struct family *family,
			struct series *series)
{
	const int64_t value = metric_get(&series->metric);

	if (series->labels)
		return re_hprintf(pf, "%s{%s} %lld\n", family->name,
				  series->labels, (long long)value);

	return re_hprintf(pf, "%s %lld\n", family->name, (long long)value);
}


static int family_print(struct re_printf *pf, struct family *family)
{
	struct series *series = atomic_load(&family->series);
	int err = 0;

	if (!series)
		return 0;

	if (family->help)
		err |= re_hprintf(pf, "# HELP %s %s\n", family->name,
				  family->help);
	err |= re_hprintf(pf, "# TYPE %s %s\n", family->name,
			  family->kind == COUNTER ? "counter" : "gauge");

	for (; series && !err; series = atomic_load(&series->next))
		err = series_print(pf, family, series);

	return err;
}


int metrics_print(struct re_printf *pf, void *unused)
{
	struct family *family = atomic_load(&families);
	int err = 0;

	(void)unused;

	for (; family && !err; family = atomic_load(&family->next))
		err = family_print(pf, family);

	return err;
}
