/**
 * @file call_filter.c  Which calls: options that commands share
 */
#include <stdlib.h>
#include <time.h>

#include "call_filter.h"


/** "2026-11-21", "2026-11-21 15:30", "2026-11-21T15:30:05", local time */
static bool date_read(int64_t *ms, const char *text)
{
	static const char *const formv[] = {
		"%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M",
		"%Y-%m-%dT%H:%M", "%Y-%m-%d",
	};

	for (size_t i = 0; i < RE_ARRAY_SIZE(formv); i++) {
		struct tm tm = { .tm_isdst = -1 };
		const char *end = strptime(text, formv[i], &tm);
		time_t t;

		if (!end || *end)
			continue;

		tm.tm_isdst = -1;
		t = mktime(&tm);
		if (t < 0)
			return false;

		*ms = (int64_t)t * 1000;
		return true;
	}

	return false;
}


/** "90s", "15m", "1h", "7d", "2w": so long ago */
static bool ago_read(int64_t *ms, const char *text)
{
	static const struct { char unit; int64_t s; } unitv[] = {
		{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400},
		{'w', 7 * 86400},
	};
	char *end;
	long n;

	if (*text < '0' || *text > '9')
		return false;

	n = strtol(text, &end, 10);
	if (n > 100000 || !*end || end[1])
		return false;

	for (size_t i = 0; i < RE_ARRAY_SIZE(unitv); i++) {
		if (*end != unitv[i].unit)
			continue;
		*ms = ((int64_t)time(NULL) - n * unitv[i].s) * 1000;
		return true;
	}

	return false;
}


static int moment_read(const char *name, const char *text, int64_t *ms)
{
	if (!text || ago_read(ms, text) || date_read(ms, text))
		return 0;

	term_error("--%s: want a span as in 30m, 2h, 7d or a time as in"
		   " \"2026-01-31 15:30\", found \"%s\"", name, text);

	return EINVAL;
}


int call_filter_read(struct call_filter *filter)
{
	filter->from_ms = 0;
	filter->to_ms = INT64_MAX;

	if (moment_read("since", filter->since, &filter->from_ms) ||
	    moment_read("until", filter->until, &filter->to_ms))
		return EINVAL;

	if (filter->from_ms < filter->to_ms)
		return 0;

	term_error("--until: want a time after --since");

	return EINVAL;
}


static int print_text(struct re_printf *pf, const char *name,
		      const char *value)
{
	return value ? re_hprintf(pf, "&%s=%H", name, ask_escape, value) : 0;
}


int call_filter_query(struct re_printf *pf, const struct call_filter *filter)
{
	int err = 0;

	if (filter->from_ms)
		err |= re_hprintf(pf, "&from_ms=%lld",
				  (long long)filter->from_ms);
	if (filter->to_ms != INT64_MAX)
		err |= re_hprintf(pf, "&to_ms=%lld",
				  (long long)filter->to_ms);
	err |= print_text(pf, "tenant", filter->tenant);
	err |= print_text(pf, "pbx", filter->pbx);
	err |= print_text(pf, "upn", filter->user);
	if (filter->failed)
		err |= re_hprintf(pf, "&failed=true");

	return err;
}


static bool is_of(const char *wanted, const char *value)
{
	return !wanted || !strcasecmp(wanted, value);
}


bool call_filter_takes(const struct call_filter *filter,
		       const struct call_record *rec)
{
	return rec->start_ms >= filter->from_ms &&
		rec->start_ms < filter->to_ms &&
		is_of(filter->tenant, rec->tenant) &&
		is_of(filter->pbx, rec->pbx) &&
		is_of(filter->user, rec->upn) &&
		(!filter->failed || call_record_failed(rec));
}
