/**
 * @file sync_days.h  How long the secrets hold with which Microsoft 365 is
 * asked
 */
#ifndef PORTAL_SYNC_DAYS_H
#define PORTAL_SYNC_DAYS_H

struct json_t;
struct store;

/**
 * Days until each customer's secret ends, negative: it has, where that day
 * was told
 *
 * @param tenant  NULL: of all
 * @param days    Takes them, by tenant; NULL: no memory
 *
 * @return 0, ENOENT that tenant's is not set up, ENOMEM, or of the store
 */
int sync_days_read(struct store *st, const char *tenant, struct json_t *days);

#endif
