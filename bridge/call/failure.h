/**
 * @file failure.h  What a failed call means, in plain words
 *
 * One table: who failed, with which code, cause, error or words -> class of
 * result, what happened, and the likely causes in order. Which causes are
 * told, and how, depends on the PBX's profile: an outside line prefix that is
 * set is asked about otherwise than one that is not.
 */
#ifndef CALL_FAILURE_H
#define CALL_FAILURE_H

#include "bridge/model/status.h"

struct pbx;

/** What is known of a failure. All borrowed */
struct failure_in {
	enum call_direction direction;
	enum call_where by;        /* who ended or refused it               */
	uint16_t scode;            /* that side's final status; 0: none     */
	uint16_t q850;             /* of its Reason header; 0: none         */
	int err;                   /* without an answer: errno; 0           */
	bool rung;                 /* the callee's phone was ringing        */
	bool answered;             /* it was running already                */
	const char *words;         /* reason phrase, or plain words of err  */
	const char *given;         /* advice of who refused it; NULL        */
	const struct pbx *pbx;     /* profile; NULL: not known              */
	const char *callee;        /* number as sent on, "" not known       */
	const char *user;          /* Microsoft name, "" not known          */
};

struct failure {
	enum call_result result;
	enum call_where side;      /* where it failed                       */
	char what[192];
	char advice[768];          /* "1. ... 2. ..."                       */
	char field[64];            /* for `callbridge explain`, "" none     */
};

void failure_explain(struct failure *failure, const struct failure_in *in);

/** The settings that an advice may name, one by one; NULL after the last.
    For the check that each of them exists */
const char *failure_field(size_t i);

#endif
