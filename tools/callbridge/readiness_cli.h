/**
 * @file readiness_cli.h  Findings of readiness, for people
 */
#ifndef CALLBRIDGE_READINESS_CLI_H
#define CALLBRIDGE_READINESS_CLI_H

#include "cli.h"

struct json_t;

/** A finding as reports and events have it (docs/readiness.md) */
void readiness_line(const struct json_t *finding);

/** The last line of a report. @return EXIT_FAILING if something is not as it
    must be, EXIT_BAD if it was stopped */
int readiness_summary(const struct json_t *report);

#endif
