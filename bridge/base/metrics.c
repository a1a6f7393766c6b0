/**
 * @file metrics.c  Counters, gauges, histograms, in Prometheus text form
 *
 * Families and their series only ever grow, so that printing walks them
 * without a lock and never holds up the thread that makes a new one.
 */
#include <pthread.h>

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


/** A family of its own: classes, their sum */
struct metric_histogram {
	const char *name;                 /* static */
	const char *help;                 /* static */
	const uint32_t *boundv;           /* static */
	size_t boundc;
	struct metric classv[METRIC_BOUNDS + 1];
	struct metric sum_ms;
	_Atomic(struct metric_histogram *) next;
};


static pthread_mutex_t growing = PTHREAD_MUTEX_INITIALIZER;
static _Atomic(struct family *) families;
static struct metric spare;
static _Atomic(struct metric_histogram *) histograms;
static struct metric_histogram spare_histogram;


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


/** The one with this name, made if there is none. NULL without memory */
static struct metric_histogram *histogram_get(const char *name,
					      const char *help,
					      const uint32_t *boundv,
					      size_t boundc)
{
	struct metric_histogram *h;

	for (h = atomic_load(&histograms); h; h = atomic_load(&h->next))
		if (!strcmp(h->name, name))
			return h;

	h = mem_zalloc(sizeof(*h), NULL);
	if (!h)
		return NULL;

	h->name   = name;
	h->help   = help;
	h->boundv = boundv;
	h->boundc = boundc;
	atomic_init(&h->next, atomic_load(&histograms));
	atomic_store(&histograms, h);

	return h;
}


struct metric_histogram *metric_histogram(const char *name, const char *help,
					  const uint32_t *boundv,
					  size_t boundc)
{
	struct metric_histogram *h;

	if (!name || !boundv || !boundc || boundc > METRIC_BOUNDS)
		return &spare_histogram;

	(void)pthread_mutex_lock(&growing);
	h = histogram_get(name, help, boundv, boundc);
	(void)pthread_mutex_unlock(&growing);

	return h ? h : &spare_histogram;
}


void metric_observe(struct metric_histogram *h, uint64_t ms)
{
	size_t i = 0;

	while (i < h->boundc && ms > h->boundv[i])
		++i;

	metric_add(&h->classv[i], 1);
	metric_add(&h->sum_ms, (int64_t)ms);
}


/** Classes are told with all that are below, in seconds */
static int histogram_print(struct re_printf *pf, struct metric_histogram *h)
{
	int64_t c = 0, sum_ms;
	int err = 0;

	if (h->help)
		err |= re_hprintf(pf, "# HELP %s %s\n", h->name, h->help);
	err |= re_hprintf(pf, "# TYPE %s histogram\n", h->name);

	for (size_t i = 0; i < h->boundc; i++) {
		c += metric_get(&h->classv[i]);
		err |= re_hprintf(pf, "%s_bucket{le=\"%u.%03u\"} %lld\n",
				  h->name, h->boundv[i] / 1000,
				  h->boundv[i] % 1000, (long long)c);
	}

	c += metric_get(&h->classv[h->boundc]);
	sum_ms = metric_get(&h->sum_ms);
	err |= re_hprintf(pf, "%s_bucket{le=\"+Inf\"} %lld\n", h->name,
			  (long long)c);
	err |= re_hprintf(pf, "%s_sum %lld.%03lld\n", h->name,
			  (long long)(sum_ms / 1000),
			  (long long)(sum_ms % 1000));
	err |= re_hprintf(pf, "%s_count %lld\n", h->name, (long long)c);

	return err;
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
	struct metric_histogram *h = atomic_load(&histograms);
	int err = 0;

	(void)unused;

	for (; family && !err; family = atomic_load(&family->next))
		err = family_print(pf, family);
	for (; h && !err; h = atomic_load(&h->next))
		err = histogram_print(pf, h);

	return err;
}
