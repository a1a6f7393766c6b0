/**
 * @file run_order.h  What somebody wants tested
 */
#ifndef PORTAL_RUN_ORDER_H
#define PORTAL_RUN_ORDER_H

#include "bridge/base/field.h"

enum run_kind { RUN_PLANS, RUN_READINESS };
enum {
	RUN_PLANS_MAX = 8,
	RUN_FILE_MAX  = 60 * 1024,     /* octets of a plan that comes along */
};

/** A plan that comes along */
struct run_file {
	struct le le;
	char *name;                /* as whoever sent it calls it           */
	char *text;                /* YAML                                  */
};

struct run_order {
	int kind;                  /* enum run_kind                         */
	struct strings plans;      /* names of plans of the house, of files */
	struct list filel;         /* struct run_file                       */
	struct strings cases;      /* only these ids; none: all             */
	struct strings tags;       /* only with one of these; none: all     */
	char *resume;              /* id of an earlier test, NULL           */
	uint32_t times;            /* percent of the talking times          */
	int64_t repeat;            /* rounds                                */
	struct strings users;      /* upns, for readiness                   */
	char *call;                /* number for the first to call, NULL    */
};

extern const struct fields run_order_fields, run_file_fields;

#endif
