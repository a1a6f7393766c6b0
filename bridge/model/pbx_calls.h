/**
 * @file pbx_calls.h  Fields of a PBX that concern who calls and what codes do
 *
 * Tables of pbx.h's struct pbx, which pbx.c takes in.
 */
#ifndef MODEL_PBX_CALLS_H
#define MODEL_PBX_CALLS_H

#include "bridge/base/field.h"

extern const struct fields pbx_caller_id_fields;
extern const struct fields pbx_feature_codes_fields;

#endif
