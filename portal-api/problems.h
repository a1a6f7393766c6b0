/**
 * @file problems.h  What needs a person first
 */
#ifndef PORTAL_PROBLEMS_H
#define PORTAL_PROBLEMS_H

struct json_t;
struct request;

/**
 * Find what is wrong, by how many users suffer from it. In a worker
 *
 * @param list  Takes {"kind": "registrations"|"trunk"|"certificate"|
 *              "teams" (no certificate for it)|"sync"|"sync-secret",
 *              "tenant", "pbx", "users", "reason", "advice", "name",
 *              "since_s", "ends_s", "soon": true for what will be wrong}
 *
 * @return 0, ENOMEM, or of the store
 */
int problems_find(struct request *rq, struct json_t *list);

/** The same of Microsoft 365: a sync that fails, a secret that ends */
int sync_problems_find(struct request *rq, struct json_t *list);

#endif
