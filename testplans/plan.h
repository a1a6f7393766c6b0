/**
 * @file plan.h  Test plans, as people write them
 */
#ifndef TESTPLANS_PLAN_H
#define TESTPLANS_PLAN_H

#include "bridge/base/field.h"

struct errors;
struct json_t;

struct plan_case {
	struct le le;
	char *id;
	char *title;
	struct strings tags;
	struct strings steps;      /* each one is good for step_parse() */
};

struct plan {
	char *plan;
	char *title;
	struct list casel;         /* struct plan_case */
};

extern const struct fields plan_fields;

/**
 * Read a plan file; everything that is wrong is told at once
 *
 * @param planp  Takes it, a libre memory object
 * @param errs   Takes the errors
 *
 * @return 0, EBADMSG, ENOENT and others when unreadable, ENOMEM
 */
int plan_load(struct plan **planp, const char *path, struct errors *errs);

/** The same from memory, from wherever that came (doc_parse_sent()); `name`
    stands for the file in messages */
int plan_parse(struct plan **planp, const char *name, const char *text,
	       size_t size, struct errors *errs);

/**
 * Read a plan of the house by its name, as in "single-calls"
 *
 * @return as plan_parse(); ENOENT there is none of that name
 */
int plan_find(struct plan **planp, const char *name, struct errors *errs);

/** Name of a plan of the house, "" behind the last */
const char *plan_name(char *buf, size_t size, size_t i);

/**
 * The plan of the house whose name is nearest to what somebody wrote, for "did
 * you mean"
 *
 * @param buf  Takes its name
 *
 * @return buf, NULL if none is near (errors_nearest())
 */
const char *plan_nearest(char *buf, size_t size, const char *name);

/** JSON Schema (draft 2020-12) of a plan, for editors; the caller owns the
    reference */
struct json_t *plan_schema(void);

/** Number of steps in all cases */
size_t plan_steps(const struct plan *plan);

#endif
