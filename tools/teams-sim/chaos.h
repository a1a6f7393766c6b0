/**
 * @file chaos.h  What goes wrong with Teams, on command
 */
#ifndef TEAMS_SIM_CHAOS_H
#define TEAMS_SIM_CHAOS_H

#include <jansson.h>
#include "lib.h"

struct sim;

/** `drop`: the connections of an instance, or all, break */
int chaos_drop(struct sim *sim, const json_t *req, json_t *resp, char *why,
	       size_t size);

/** `certificate`: another certificate and key, for new connections */
int chaos_certificate(struct sim *sim, const json_t *req, json_t *resp,
		      char *why, size_t size);

/** `host`: a name of the SBC is somewhere else from now on */
int chaos_host(struct sim *sim, const json_t *req, json_t *resp, char *why,
	       size_t size);

#endif
