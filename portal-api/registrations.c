/**
 * @file registrations.c  Registrations: how they are, and trying again
 */
#include <event2/http.h>
#include <jansson.h>

#include "bridge/base/libre.h"
#include "bridge/store/live.h"
#include "api.h"
#include "sheets.h"


struct ask {
	struct request *rq;
	struct listing *list;
	bool failing, only;        /* failing=... was asked */
};


/** Those that want a person: red, and those that cannot keep up */
static bool is_failing(const struct reg_status *st)
{
	return st->state == REG_RED || st->state == REG_LAGGING;
}


static int reg_list(const struct reg_status *st, void *arg)
{
	const struct ask *ask = arg;

	if (ask->only && ask->failing != is_failing(st))
		return 0;

	return listing_add(ask->list, reg_status_json(st));
}


void registrations_get(struct request *rq)
{
	static const char *const memberv[] = {
		"tenant", "pbx", "upn", "number", "state", "since_s",
		"reason", "rtt_ms", "flaps" };
	struct live_which which = {.unsorted = false};
	struct ask ask = {.rq = rq};

	if (!query_bool(rq, "failing", &ask.failing))
		return;
	ask.only = query_text(rq, "failing") != NULL;

	ask.list = listing_begin(rq, "registrations");
	if (!ask.list || !listing_sort(ask.list, memberv,
				       RE_ARRAY_SIZE(memberv)))
		return;

	which.tenant = query_text(rq, "tenant");
	which.pbx    = query_text(rq, "pbx");
	listing_end(ask.list, live_reg_some(portal_conf(rq->portal)->live,
					    &which, reg_list, &ask));
}


struct find {
	struct portal_command *cmd;
};


/** @return EALREADY when found, to stop */
static int reg_find(const struct reg_status *st, void *arg)
{
	const struct find *find = arg;

	str_ncpy(find->cmd->tenant, st->tenant, sizeof(find->cmd->tenant));
	str_ncpy(find->cmd->upn, st->upn, sizeof(find->cmd->upn));

	return EALREADY;
}


void retry_post(struct request *rq)
{
	struct portal_command cmd = {.type = PORTAL_RETRY};
	struct find find = {.cmd = &cmd};
	const struct live_which which = {
		.tenant = query_text(rq, "tenant"), .upn = rq->param,
	};

	if (live_reg_some(portal_conf(rq->portal)->live, &which, reg_find,
			  &find)
	    == EALREADY)
		portal_command(rq, &cmd);
	else
		reply_error(rq, HTTP_NOTFOUND, "upn",
			    "there is no user %s at this node", rq->param);
}


/* As a file: as the store has them, which is a moment behind */


static int sheet_read(struct request *rq, const char *after, char *last,
		      size_t limit, store_value_h *h, void *arg)
{
	const struct store_span span = {
		.tenant = query_text(rq, "tenant"),
		.pbx    = query_text(rq, "pbx"),
		.after  = after, .last = last, .limit = limit };

	return store_regs(rq->st, &span, h, arg);
}


static bool is_left_out(struct request *rq, const json_t *row)
{
	const char *state = json_string_value(json_object_get(row, "state"));
	const bool failing = state &&
		(!strcmp(state, reg_state_name(REG_RED)) ||
		 !strcmp(state, reg_state_name(REG_LAGGING)));
	const char *wanted = query_text(rq, "failing");

	return wanted && failing != !strcmp(wanted, "true");
}


void registrations_export(struct request *rq)
{
	static const struct sheet_column columnv[] = {
		{ "tenant", "tenant", SHEET_TEXT },
		{ "pbx", "pbx", SHEET_TEXT },
		{ "upn", "upn", SHEET_TEXT },
		{ "number", "number", SHEET_TEXT },
		{ "aor", "aor", SHEET_TEXT },
		{ "state", "state", SHEET_TEXT },
		{ "since", "since_s", SHEET_S },
		{ "next", "next_s", SHEET_S },
		{ "reason", "reason", SHEET_TEXT },
		{ "words", "words", SHEET_TEXT },
		{ "advice", "advice", SHEET_TEXT },
		{ "expires_s", "expires_s", SHEET_TEXT },
		{ "rtt_ms", "rtt_ms", SHEET_TEXT },
		{ "flaps", "flaps", SHEET_TEXT },
		{ "server", "server", SHEET_TEXT },
		{ "contact", "contact", SHEET_TEXT },
	};
	static const struct sheet_kind kind = {
		.name = "registrations", .columnv = columnv,
		.columnc = RE_ARRAY_SIZE(columnv), .readh = sheet_read,
		.skiph = is_left_out };
	bool failing;

	if (query_bool(rq, "failing", &failing))
		sheet_begin(rq, &kind);
}
