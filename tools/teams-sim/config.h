/**
 * @file config.h  The config file: one JSON object
 */
#ifndef TEAMS_SIM_CONFIG_H
#define TEAMS_SIM_CONFIG_H

#include "sim.h"

/** A simulator with its defaults; NULL without memory */
struct sim *config_alloc(void);

/**
 * Read a config file
 *
 * @param sim       Filled in; on error to be thrown away
 * @param path      JSON file
 * @param controlp  New string: the control socket; NULL if not named
 * @param why       On error: file, line, what was wanted and found
 *
 * @return 0, EINVAL, ENOMEM
 */
int config_read(struct sim *sim, const char *path, char **controlp, char *why,
		size_t size);

#endif
