/**
 * @file call_filter.h  Which calls: options that commands share
 */
#ifndef CALLBRIDGE_CALL_FILTER_H
#define CALLBRIDGE_CALL_FILTER_H

#include "bridge/model/status.h"
#include "cli.h"

struct call_filter {
	const char *since, *until; /* as written; NULL: no limit            */
	const char *tenant, *pbx, *user;       /* NULL: any                 */
	bool failed;               /* only those                            */
	int64_t from_ms, to_ms;    /* call_filter_read() sets them          */
};

/** Options of a command: the rows for options_read() */
#define CALL_FILTER_OPTS(f)						\
	{"since", &(f).since, NULL}, {"until", &(f).until, NULL},	\
	{"tenant", &(f).tenant, NULL}, {"pbx", &(f).pbx, NULL},		\
	{"user", &(f).user, NULL}, {"failed", NULL, &(f).failed}

/** Understand the times. @return 0, EINVAL (told) */
int call_filter_read(struct call_filter *filter);

/** As the query of a request, each parameter with a & before it. A libre %H
    handler */
int call_filter_query(struct re_printf *pf, const struct call_filter *filter);

bool call_filter_takes(const struct call_filter *filter,
		       const struct call_record *rec);

#endif
