/**
 * @file elsewhere.h  PBXs that other nodes of the store serve
 */
#ifndef CALLBRIDGE_ELSEWHERE_H
#define CALLBRIDGE_ELSEWHERE_H

#include "cli.h"

struct json_t;

/**
 * Those that the asked service does not serve itself
 *
 * @param tenant, pbx  NULL: all
 *
 * @return new reference to an array, empty if there are none or that cannot
 *         be known; NULL without memory
 */
struct json_t *elsewhere_read(const struct cli *cli, const char *tenant,
			      const char *pbx);

/** A line each. @return exit status */
int elsewhere_print(const struct json_t *places);

/** A table of them, nothing if there are none */
void elsewhere_html(const struct json_t *places);

#endif
