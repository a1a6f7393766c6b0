/**
 * @file report_part.h  What the ways to print a report share
 */
#ifndef TESTPLANS_REPORT_PART_H
#define TESTPLANS_REPORT_PART_H

#include "bridge/base/libre.h"

struct json_t;

/** Head of a page: its title, and how it looks */
int report_page_begin(struct re_printf *pf, const char *title);

/* report_findings.c: reports of readiness, which have findings */

bool report_has_findings(const struct json_t *report);
int  report_findings_html(struct re_printf *pf, const struct json_t *report);
int  report_findings_junit(struct re_printf *pf,
			   const struct json_t *report);
unsigned report_findings_compare(struct re_printf *pf,
				 const struct json_t *old,
				 const struct json_t *now);

#endif
