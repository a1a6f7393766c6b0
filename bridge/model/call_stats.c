/**
 * @file call_stats.c  Many calls as a few figures
 */
#include <stddef.h>

#include <jansson.h>

#include "bridge/base/libre.h"
#include "call_stats.h"


#define MOS_POOR 3.1               /* G.107 annex B: many users dissatisfied */


const uint32_t call_stats_pdd_ms[CALL_STATS_PDD] = {
	250, 500, 1000, 2000, 3000, 5000, 8000, 12000, 20000,
};


#define FIGURE(m)        offsetof(struct call_stats, m)
#define FIGURE_SIDES(m)  FIGURE(m[CALL_AT_TEAMS]), FIGURE(m[CALL_AT_PBX])

const size_t call_figurev[] = {
	FIGURE(calls), FIGURE(from_teams), FIGURE(from_pbx), FIGURE(failed),
	FIGURE(effective),
	FIGURE(resultv[CALL_GOOD]), FIGURE(resultv[CALL_BUSY]),
	FIGURE(resultv[CALL_NO_ANSWER]), FIGURE(resultv[CALL_DECLINED]),
	FIGURE(resultv[CALL_CANCELLED]), FIGURE(resultv[CALL_UNAVAILABLE]),
	FIGURE(resultv[CALL_NOT_FOUND]), FIGURE(resultv[CALL_FORBIDDEN]),
	FIGURE(resultv[CALL_MEDIA]), FIGURE(resultv[CALL_NETWORK]),
	FIGURE(resultv[CALL_CONGESTION]), FIGURE(resultv[CALL_FAULT]),
	FIGURE(talk_ms), FIGURE(pddc), FIGURE(pdd_ms),
	FIGURE(pddv[0]), FIGURE(pddv[1]), FIGURE(pddv[2]), FIGURE(pddv[3]),
	FIGURE(pddv[4]), FIGURE(pddv[5]), FIGURE(pddv[6]), FIGURE(pddv[7]),
	FIGURE(pddv[8]), FIGURE(pddv[9]),
	FIGURE(rx_packets), FIGURE(rx_lost),
	FIGURE_SIDES(mosc), FIGURE_SIDES(mos_sum), FIGURE_SIDES(jitterc),
	FIGURE_SIDES(jitter_us), FIGURE(poor),
};

const size_t call_figurec = RE_ARRAY_SIZE(call_figurev);


void call_stats_sum(struct call_stats *stats, const struct call_stats *by,
		    bool minus)
{
	for (size_t i = 0; i < call_figurec; i++) {
		const size_t at = call_figurev[i];
		uint64_t *to = (uint64_t *)(void *)((char *)stats + at);
		const uint64_t n = *(const uint64_t *)(const void *)
			((const char *)by + at);

		*to = minus ? *to - n : *to + n;
	}

	/* not of calls that ended, and kept nowhere */
	if (!minus)
		stats->running += by->running;
}


enum call_result call_record_result(const struct call_record *rec)
{
	if (rec->result != CALL_RUNNING)
		return rec->result;
	if (rec->answer_ms)
		return CALL_GOOD;

	switch (rec->scode) {

	case 404: case 484: case 604: return CALL_NOT_FOUND;
	case 401: case 403: case 407: return CALL_FORBIDDEN;
	case 480:                     return CALL_UNAVAILABLE;
	case 486: case 600:           return CALL_BUSY;
	case 487:                     return CALL_CANCELLED;
	case 488: case 415: case 606: return CALL_MEDIA;
	case 503:                     return CALL_CONGESTION;
	case 603:                     return CALL_DECLINED;
	case 0: case 408:             return CALL_NETWORK;
	default:                      return CALL_FAULT;
	}
}


static bool is_effective(enum call_result result,
			 const struct call_record *rec)
{
	switch (result) {

	case CALL_GOOD:
	case CALL_BUSY:
	case CALL_NO_ANSWER:
	case CALL_DECLINED:
		return true;

	case CALL_CANCELLED:
		return rec->ring_ms != 0;

	default:
		return false;
	}
}


static void pdd_add(struct call_stats *stats, const struct call_record *rec)
{
	const int64_t at_ms = rec->ring_ms ? rec->ring_ms : rec->answer_ms;
	uint64_t ms;
	size_t i = 0;

	if (!at_ms || at_ms < rec->start_ms)
		return;

	ms = (uint64_t)(at_ms - rec->start_ms);
	while (i < CALL_STATS_PDD && ms > call_stats_pdd_ms[i])
		++i;

	++stats->pddv[i];
	++stats->pddc;
	stats->pdd_ms += ms;
}


static unsigned hundredths(double mos)
{
	return mos > 0 && mos < 10 ? (unsigned)(mos * 100 + 0.5) : 0;
}


unsigned call_record_mos(const struct call_record *rec)
{
	const unsigned teams = hundredths(rec->teams.mos);
	const unsigned pbx = hundredths(rec->pbxside.mos);

	return !pbx || (teams && teams < pbx) ? teams : pbx;
}


static bool side_add(struct call_stats *stats, enum call_where where,
		     const struct call_side *side)
{
	stats->rx_packets += side->rx_packets;
	stats->rx_lost += side->rx_lost;

	if (side->rx_packets) {
		++stats->jitterc[where];
		stats->jitter_us[where] += side->jitter_us;
	}

	if (side->mos <= 0)
		return false;

	++stats->mosc[where];
	stats->mos_sum[where] += hundredths(side->mos);

	return side->mos < MOS_POOR;
}


void call_stats_add(struct call_stats *stats, const struct call_record *rec)
{
	enum call_result result;
	bool poor;

	if (rec->state != CALL_ENDED) {
		++stats->running;
		return;
	}

	result = call_record_result(rec);
	++stats->calls;
	++stats->resultv[result];
	++*(rec->direction == CALL_FROM_TEAMS ? &stats->from_teams :
	    &stats->from_pbx);
	stats->failed += call_record_failed(rec);
	stats->effective += is_effective(result, rec);
	pdd_add(stats, rec);

	if (rec->answer_ms && rec->end_ms > rec->answer_ms)
		stats->talk_ms += (uint64_t)(rec->end_ms - rec->answer_ms);

	poor = side_add(stats, CALL_AT_TEAMS, &rec->teams);
	if (side_add(stats, CALL_AT_PBX, &rec->pbxside) || poor)
		++stats->poor;
}


static double ratio(double part, uint64_t all)
{
	return all ? part / (double)all : -1;
}


double call_stats_asr(const struct call_stats *stats)
{
	return ratio(100.0 * (double)stats->resultv[CALL_GOOD], stats->calls);
}


double call_stats_ner(const struct call_stats *stats)
{
	return ratio(100.0 * (double)stats->effective, stats->calls);
}


double call_stats_acd_s(const struct call_stats *stats)
{
	return ratio((double)stats->talk_ms / 1000,
		     stats->resultv[CALL_GOOD]);
}


double call_stats_pdd_mean_ms(const struct call_stats *stats)
{
	return ratio((double)stats->pdd_ms, stats->pddc);
}


double call_stats_loss(const struct call_stats *stats)
{
	return ratio(100.0 * (double)stats->rx_lost,
		     stats->rx_packets + stats->rx_lost);
}


double call_stats_mos(const struct call_stats *stats, enum call_where side)
{
	return ratio((double)stats->mos_sum[side] / 100, stats->mosc[side]);
}


double call_stats_jitter_ms(const struct call_stats *stats,
			    enum call_where side)
{
	return ratio((double)stats->jitter_us[side] / 1000,
		     stats->jitterc[side]);
}


double call_stats_pdd_below_ms(const struct call_stats *stats,
			       unsigned percent)
{
	uint64_t c = 0;

	for (size_t i = 0; i < CALL_STATS_PDD && stats->pddc; i++) {
		c += stats->pddv[i];
		if (c * 100 >= stats->pddc * percent)
			return call_stats_pdd_ms[i];
	}

	return -1;
}


/* Reports */


struct group {
	struct le le;
	char tenant[64], pbx[64];  /* "" of a tenant's */
	struct call_stats stats;
};

struct call_report {
	struct call_stats total;
	struct list tenantl, pbxl; /* struct group, by name */
};


static void destructor(void *arg)
{
	struct call_report *report = arg;

	list_flush(&report->tenantl);
	list_flush(&report->pbxl);
}


int call_report_alloc(struct call_report **reportp)
{
	struct call_report *report;

	report = mem_zalloc(sizeof(*report), destructor);
	if (!report)
		return ENOMEM;

	*reportp = report;

	return 0;
}


static int group_compare(const struct group *group, const char *tenant,
			 const char *pbx)
{
	const int by_tenant = strcmp(group->tenant, tenant);

	return by_tenant ? by_tenant : strcmp(group->pbx, pbx);
}


static void group_destructor(void *arg)
{
	struct group *group = arg;

	list_unlink(&group->le);
}


/** The group, made in its place if there is none yet. NULL without memory */
static struct group *group_get(struct list *groupl, const char *tenant,
			       const char *pbx)
{
	struct group *group;
	struct le *le = list_head(groupl);

	while (le && group_compare(le->data, tenant, pbx) < 0)
		le = le->next;

	if (le && !group_compare(le->data, tenant, pbx))
		return le->data;

	group = mem_zalloc(sizeof(*group), group_destructor);
	if (!group)
		return NULL;

	str_ncpy(group->tenant, tenant, sizeof(group->tenant));
	str_ncpy(group->pbx, pbx, sizeof(group->pbx));

	if (le)
		list_insert_before(groupl, le, &group->le, group);
	else
		list_append(groupl, &group->le, group);

	return group;
}


int call_report_add(struct call_report *report,
		    const struct call_record *rec)
{
	struct group *tenant, *pbx;

	tenant = group_get(&report->tenantl, rec->tenant, "");
	pbx = group_get(&report->pbxl, rec->tenant, rec->pbx);
	if (!tenant || !pbx)
		return ENOMEM;

	call_stats_add(&report->total, rec);
	call_stats_add(&tenant->stats, rec);
	call_stats_add(&pbx->stats, rec);

	return 0;
}


int call_report_sum(struct call_report *report, const char *tenant,
		    const char *pbx, const struct call_stats *stats)
{
	struct group *of_tenant, *of_pbx;

	of_tenant = group_get(&report->tenantl, tenant, "");
	of_pbx = group_get(&report->pbxl, tenant, pbx);
	if (!of_tenant || !of_pbx)
		return ENOMEM;

	call_stats_sum(&report->total, stats, false);
	call_stats_sum(&of_tenant->stats, stats, false);
	call_stats_sum(&of_pbx->stats, stats, false);

	return 0;
}


static int set_count(json_t *json, const char *name, uint64_t value)
{
	return json_object_set_new(json, name,
				   json_integer((json_int_t)value));
}


/** null where there is nothing to derive a figure from */
static int set_figure(json_t *json, const char *name, double value)
{
	return json_object_set_new(json, name, value < 0 ? json_null() :
				   json_real(value));
}


json_t *call_stats_json(const struct call_stats *st)
{
	json_t *json = json_object(), *results = json_object();
	int err = !json || !results;

	for (int i = CALL_GOOD; i < CALL_RESULTS && !err; i++)
		err = set_count(results, call_result_name((enum call_result)
				i), st->resultv[i]);

	err |= set_count(json, "calls", st->calls);
	err |= set_count(json, "running", st->running);
	err |= set_count(json, "from_teams", st->from_teams);
	err |= set_count(json, "from_pbx", st->from_pbx);
	err |= set_count(json, "failed", st->failed);
	err |= set_count(json, "poor", st->poor);
	err |= set_count(json, "talk_s", st->talk_ms / 1000);
	err |= set_figure(json, "asr", call_stats_asr(st));
	err |= set_figure(json, "ner", call_stats_ner(st));
	err |= set_figure(json, "acd_s", call_stats_acd_s(st));
	err |= set_figure(json, "pdd_ms", call_stats_pdd_mean_ms(st));
	err |= set_figure(json, "pdd_95_ms",
			  call_stats_pdd_below_ms(st, 95));
	err |= set_figure(json, "loss", call_stats_loss(st));
	err |= set_figure(json, "mos_teams",
			  call_stats_mos(st, CALL_AT_TEAMS));
	err |= set_figure(json, "mos_pbx", call_stats_mos(st, CALL_AT_PBX));
	err |= set_figure(json, "jitter_teams_ms",
			  call_stats_jitter_ms(st, CALL_AT_TEAMS));
	err |= set_figure(json, "jitter_pbx_ms",
			  call_stats_jitter_ms(st, CALL_AT_PBX));
	err |= json_object_set_new(json, "results", results);

	if (err) {
		json_decref(json);
		return NULL;
	}

	return json;
}


static json_t *groups_json(const struct list *groupl, bool pbx)
{
	json_t *json = json_array();
	struct le *le;

	for (le = list_head(groupl); json && le; le = le->next) {
		const struct group *group = le->data;
		json_t *row = call_stats_json(&group->stats);
		int err = json_array_append_new(json, row);

		err |= json_object_set_new(row, "tenant",
					   json_string(group->tenant));
		if (pbx)
			err |= json_object_set_new(row, "pbx",
						   json_string(group->pbx));
		if (err) {
			json_decref(json);
			return NULL;
		}
	}

	return json;
}


json_t *call_report_json(const struct call_report *report)
{
	return json_pack("{s:o, s:o, s:o}",
			 "total", call_stats_json(&report->total),
			 "tenants", groups_json(&report->tenantl, false),
			 "pbxs", groups_json(&report->pbxl, true));
}
