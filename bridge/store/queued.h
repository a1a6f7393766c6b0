/**
 * @file queued.h  Users who wait for their first registration, not yet told
 *
 * When 100,000 users start, each is queued, and registered soon after. To
 * put the first into the store only to replace it at once would cost more
 * than all the rest. So what is kept of those who queue is where in the
 * journal it stands; they are put in when little else happens, or when they
 * have waited for long. With the process it is forgotten: the next one
 * tells of all of its users anew. For this room alone.
 */
#ifndef STORE_QUEUED_H
#define STORE_QUEUED_H

#include <limits.h>
#include <stdint.h>

#include "bridge/base/libre.h"

struct queued;                     /* a libre memory object */

/** @return 0, ENOMEM */
int queued_alloc(struct queued **qp);

/** The file that `at` is of, "" while nobody waits */
const char *queued_path(const struct queued *q);

/**
 * @param path         File of the journal: the same for all who wait
 * @param tenant, upn  Whose line it is; upn folded
 * @param at           Where it begins
 *
 * @return 0, ENOMEM
 */
int queued_put(struct queued *q, const char *path, const struct pl *tenant,
	       const char *upn, int64_t at);

/** Another status of this user has come */
void queued_drop(struct queued *q, const struct pl *tenant, const char *upn);

size_t queued_count(const struct queued *q);

/** How long ago the first of them came [ms], 0: nobody waits */
uint64_t queued_age_ms(const struct queued *q);

/** How long ago the last of them came [ms], 0: nobody waits */
uint64_t queued_rest_ms(const struct queued *q);

/**
 * Where their lines begin, in that order
 *
 * @param atvp  Takes a vector, libre memory; NULL when nobody waits
 *
 * @return 0, ENOMEM
 */
int queued_list(const struct queued *q, int64_t **atvp, size_t *c);

/** All were put in */
void queued_clear(struct queued *q);

#endif
