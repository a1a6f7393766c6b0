/**
 * @file commands.h  What a control client can ask for
 */
#ifndef TEAMS_SIM_COMMANDS_H
#define TEAMS_SIM_COMMANDS_H

#include "sim.h"

/**
 * Carry out one request object
 *
 * @param req  {"id": any, "cmd": name, ...}
 *
 * @return new answer {"id": same, "ok": bool, ...}, NULL without memory
 */
json_t *command_run(struct sim *sim, const json_t *req);

/** sign_in and tenant_add, used for the config file too; 0, errno + why */
int command_sign_in(struct sim *sim, const json_t *req, json_t *resp,
		    char *why, size_t size);
int command_tenant_add(struct sim *sim, const json_t *req, json_t *resp,
		       char *why, size_t size);

#endif
