/**
 * @file report.h  What a run leaves behind
 *
 * One JSON value, described in docs/testplans.md. JUnit XML and the HTML page
 * are ways to print it; two of them can be compared, and a stopped run goes
 * on from one. A report of readiness has findings instead of plans.
 */
#ifndef TESTPLANS_REPORT_H
#define TESTPLANS_REPORT_H

#include "bridge/base/libre.h"
#include "run.h"

struct json_t;
struct outcome;
struct plan;
struct plan_case;
struct stage;
struct step;

enum { REPORT_FORMAT = 1 };

/** @return NULL without memory; the caller owns the reference */
struct json_t *report_new(const struct run_conf *conf);

/** The service and those who take part, once they are there */
void report_site(struct json_t *report, struct stage *stage);

/** Of the plan, made on first use. Borrowed */
struct json_t *report_plan(struct json_t *report, const struct plan *plan);

/** A new case of it. Borrowed */
struct json_t *report_case(struct json_t *plan, const struct plan_case *cas,
			   uint32_t round);

/** @param step  NULL for a step that was not tried */
void report_step(struct json_t *cas, const char *text,
		 const struct step *step, const struct outcome *out,
		 uint64_t ms);

/** Calls, messages, levels and captures of the case that just ended */
void report_evidence(struct json_t *cas, struct stage *stage);

/** @param reason  Why it was skipped, or NULL */
void report_case_end(struct json_t *cas, enum run_verdict verdict,
		     const char *reason, uint64_t ms);

/** Count, and give the whole its verdict */
enum run_verdict report_end(struct json_t *report, bool stopped,
			    uint64_t ms);

/** A case that passed in an earlier report. Borrowed, NULL if there is none */
const struct json_t *report_passed(const struct json_t *report,
				   const char *plan, const char *id,
				   uint32_t round);

/**
 * Read a report from a file
 *
 * @param why  Takes what is wrong with it
 *
 * @return 0, EBADMSG no report, or errno
 */
int report_load(struct json_t **reportp, const char *path, char *why,
		size_t size);

/* Ways to print one: libre %H handlers */

int report_junit(struct re_printf *pf, const struct json_t *report);
int report_html(struct re_printf *pf, const struct json_t *report);

/** What differs between two. Cases that were better before count as worse.
    @return number of those that are worse */
unsigned report_compare(struct re_printf *pf, const struct json_t *old,
			const struct json_t *now);

#endif
