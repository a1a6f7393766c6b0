/**
 * @file outages.h  When registrations were lost, and for how long
 */
#ifndef CALLBRIDGE_OUTAGES_H
#define CALLBRIDGE_OUTAGES_H

#include "cli.h"

struct call_filter;

/**
 * Read the history of registrations of a time and fold it
 *
 * Each of `rows` gets `outages` (how many), `outage_s` (all together) and
 * `longest_s`; only what lies in the time counts.
 *
 * @param rows   Registrations as they are now
 * @param listp  Takes the outages, newest first, 1,000 at most: {"tenant",
 *               "pbx", "upn", "from_s", "to_s" (0: it lasts), "reason",
 *               "words"}; new reference
 *
 * @return EXIT_GOOD, EXIT_BAD (told)
 */
int outages_read(const struct cli *cli, const struct call_filter *filter,
		 const struct json_t *rows, struct json_t **listp);

#endif
