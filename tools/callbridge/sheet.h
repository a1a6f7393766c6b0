/**
 * @file sheet.h  Reports, and cells of their forms
 */
#ifndef CALLBRIDGE_SHEET_H
#define CALLBRIDGE_SHEET_H

#include "cli.h"

struct call_filter;

enum sheet { SHEET_TEXT, SHEET_JSON, SHEET_CSV, SHEET_HTML };

/** RFC 4180. What a spreadsheet would take for a formula is made text */
void csv_cell(const char *text);

/** Text set as text, never as markup */
void html_cell(const char *tag, const char *text);

/**
 * Figures of calls by tenant and PBX
 *
 * @param state_dir  Reads the journal there, needs no service; NULL: asks
 *                   the service
 */
int report_calls(const struct cli *cli, const struct call_filter *filter,
		 const char *state_dir, enum sheet sheet);

#endif
