/**
 * @file conform.h  The rules, and what broke them
 *
 * One table names every rule that Direct Routing has for an SBC, with the
 * section of Microsoft's wire behaviour it comes from (README.md lists them).
 * A rule that a single message shows is checked here, for each message of
 * the SBC. A rule that needs a dialog, a connection or a clock is noticed
 * where that is, and recorded here too.
 */
#ifndef TEAMS_SIM_CONFORM_H
#define TEAMS_SIM_CONFORM_H

#include <jansson.h>
#include "lib.h"

struct sim;

/**
 * A message breaks a rule
 *
 * @param rule  Short fixed name
 * @param want  What the rule wants
 */
typedef void(conform_h)(const char *rule, const char *want,
			const struct sip_msg *msg, void *arg);

/** Look at one message of the SBC; the handler runs once a broken rule */
void conform_message(const struct sip_msg *msg, conform_h *h, void *arg);

/** As conform_message(), each finding recorded as a violation */
void conform_record(struct sim *sim, const struct sip_msg *msg);

/**
 * Record that the SBC broke a rule, and tell every control client
 *
 * @param sim   Simulator
 * @param rule  Name in the table
 * @param msg   Message that shows it, NULL if there is none
 * @param fmt   What was wanted and what was found (printf, not libre's)
 */
void violation(struct sim *sim, const char *rule, const struct sip_msg *msg,
	       const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/** Print the table: name, section, what is wanted */
void conform_help(FILE *f);

#endif
