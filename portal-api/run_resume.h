/**
 * @file run_resume.h  A test that goes on where an earlier one ended
 *
 * In a worker.
 */
#ifndef PORTAL_RUN_RESUME_H
#define PORTAL_RUN_RESUME_H

#include "api.h"

struct errors;

/**
 * What passed in an earlier test of the PBX of the path
 *
 * @param id       The earlier test
 * @param reportp  Takes the cases of its report that passed; the caller owns
 *                 the reference
 *
 * @return 0, EBADMSG there is none that could be taken over (errs says why),
 *         errors of the store
 */
int run_resume_get(struct json_t **reportp, struct request *rq,
		   const char *id, struct errors *errs);

/** Write it with the captures of its calls into the folder of the new test.
    @param report  Loses the captures that are not there any more.
    @return 0, errno, errors of the store */
#define RUN_RESUME_FILE "resume.json"
int run_resume_write(struct json_t *report, struct store *st, const char *id,
		     const char *folder);

#endif
