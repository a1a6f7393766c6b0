/**
 * @file shares.h  A call without its people
 */
#ifndef PORTAL_SHARES_H
#define PORTAL_SHARES_H

struct json_t;
struct redact_key;

/** Other numbers and names in a call's record, in place; the same as
    redact_message() gives by this key */
void share_redact(struct json_t *call, const struct redact_key *key);

#endif
