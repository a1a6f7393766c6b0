/**
 * @file call_stats.h  Many calls as a few figures
 *
 * A fold over call records: pure, so that the command line, the portal and a
 * test count alike. The figures after ITU-T E.411 and E.425:
 *
 *   ASR  answer-seizure ratio: answered of all calls that ended
 *   NER  network effectiveness ratio: the network did its part, whatever
 *        people did: answered, busy, no answer, declined, and callers who
 *        hung up while it rang
 *   ACD  average call duration, of answered calls
 *   PDD  post-dial delay, INVITE to the first ringing (or the answer)
 */
#ifndef MODEL_CALL_STATS_H
#define MODEL_CALL_STATS_H

#include "status.h"

enum { CALL_STATS_PDD = 9, CALL_FIGURES_MAX = 48 };

/** Upper bounds of post-dial delay [ms]; longer ones count beyond the last */
extern const uint32_t call_stats_pdd_ms[CALL_STATS_PDD];

/** Figures of a group. Zeroed, it is an empty one */
struct call_stats {
	uint64_t calls;            /* that ended                            */
	uint64_t running;
	uint64_t from_teams, from_pbx;     /* of those that ended           */
	uint64_t failed;           /* call_record_failed()                  */
	uint64_t effective;        /* the numerator of NER                  */
	uint64_t resultv[CALL_RESULTS];
	uint64_t talk_ms;          /* of answered calls                     */
	uint64_t pddc, pdd_ms;     /* calls that rang, their sum            */
	uint64_t pddv[CALL_STATS_PDD + 1];
	uint64_t rx_packets, rx_lost;      /* both sides                    */
	uint64_t mosc[2];          /* sides with a MOS: Teams, PBX          */
	uint64_t mos_sum[2];       /* hundredths                            */
	uint64_t jitterc[2];       /* sides that heard something            */
	uint64_t jitter_us[2];     /* their sum                             */
	uint64_t poor;             /* calls with a side below MOS 3.1       */
};

void call_stats_add(struct call_stats *stats, const struct call_record *rec);

/** Where the counters of calls that ended are in the struct, each a uint64_t.
    They are kept in this order: new ones come last */
extern const size_t call_figurev[];
extern const size_t call_figurec;  /* CALL_FIGURES_MAX at most */

/** Add all counters, or take those of calls that ended off again */
void call_stats_sum(struct call_stats *stats, const struct call_stats *by,
		    bool minus);

/** What became of a call that has ended; records of old versions do not say
    so themselves */
enum call_result call_record_result(const struct call_record *rec);

/** MOS of the side that hears worse, hundredths; 0: not known */
unsigned call_record_mos(const struct call_record *rec);

/* Derived figures; negative if there is nothing to derive them from */
double call_stats_asr(const struct call_stats *stats);     /* percent */
double call_stats_ner(const struct call_stats *stats);     /* percent */
double call_stats_acd_s(const struct call_stats *stats);
double call_stats_pdd_mean_ms(const struct call_stats *stats);
double call_stats_loss(const struct call_stats *stats);    /* percent */
double call_stats_mos(const struct call_stats *stats, enum call_where side);
double call_stats_jitter_ms(const struct call_stats *stats,
			    enum call_where side);

/** The counters and what is derived from them. NULL without memory; the
    caller owns the reference */
struct json_t *call_stats_json(const struct call_stats *stats);

/** Post-dial delay that `percent` of the calls do not exceed, as the upper
    bound of its class [ms]; negative: none rang, or longer than all bounds */
double call_stats_pdd_below_ms(const struct call_stats *stats,
			       unsigned percent);

/* A report: one group a PBX, one a tenant, and all */

struct call_report;                /* a libre memory object */

/** @return 0, ENOMEM */
int call_report_alloc(struct call_report **reportp);

/** @return 0, ENOMEM */
int call_report_add(struct call_report *report,
		    const struct call_record *rec);

/** Figures of many calls of one PBX at once. @return 0, ENOMEM */
int call_report_sum(struct call_report *report, const char *tenant,
		    const char *pbx, const struct call_stats *stats);

/** {"total": {...}, "tenants": [...], "pbxs": [...]}, groups by name. NULL
    without memory; the caller owns the reference */
struct json_t *call_report_json(const struct call_report *report);

#endif
