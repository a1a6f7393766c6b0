/**
 * @file records.h  Which calls are asked for
 */
#ifndef PORTAL_RECORDS_H
#define PORTAL_RECORDS_H

#include <stdbool.h>

struct request;
struct store_call_query;

/** Read all that calls are chosen and sorted by. @return false if something
    was wrong and has been answered */
bool records_read(struct request *rq, struct store_call_query *query);

/** What store_calls() did not understand. @return true if it was answered */
bool records_refused(struct request *rq, int err);

#endif
