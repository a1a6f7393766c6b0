/**
 * @file run_order.h  What somebody wants tested
 */
#ifndef PORTAL_RUN_ORDER_H
#define PORTAL_RUN_ORDER_H

#include "bridge/base/field.h"

enum run_kind { RUN_PLANS, RUN_READINESS };

struct run_order {
	int kind;                  /* enum run_kind                         */
	struct strings plans;      /* names of plans of the house           */
	struct strings cases;      /* only these ids; none: all             */
	uint32_t times;            /* percent of the talking times          */
	int64_t repeat;            /* rounds                                */
	struct strings users;      /* upns, for readiness                   */
	char *call;                /* number for the first to call, NULL    */
};

extern const struct fields run_order_fields;

#endif
