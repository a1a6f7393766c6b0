/**
 * @file run_keep.h  What tests leave behind, into the store
 *
 * A test writes its report into a folder of its own in the state folder; it
 * is kept from there when it has ended, or when the service runs again. In a
 * worker.
 */
#ifndef PORTAL_RUN_KEEP_H
#define PORTAL_RUN_KEEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct portal_conf;
struct store;

/** What lies beside the report of a test, as its links have it */
#define RUN_CAPTURES "report-captures"

struct run_keep {
	const char *id;
	const char *summary;       /* as it was when the test began: JSON   */
	const char *folder;
	const char *why;           /* it did not come to its end, NULL      */
	const char *verdict;       /* what it is called then: "stopped",
				      "interrupted"                         */
};

/**
 * Keep the report and captures of a test, and remove its folder
 *
 * @param verdictp  Takes what it was called, libre memory; NULL
 *
 * @return 0, also if nobody wants it any more; errors of the store
 */
int run_keep(struct store *st, const struct run_keep *keep, char **verdictp);

/**
 * Keep what tests have left that this node ran before it ran anew
 *
 * @param since_ms  It runs since, wall clock
 *
 * @return 0, EAGAIN something of them still ends: again later; errors of the
 *         store
 */
int run_keep_left(struct store *st, const struct portal_conf *conf,
		  int64_t since_ms);

/** Write a file that is not there yet into the folder of a test.
    @param name  Ours, or one that run_name_is_plain(). @return 0, errno */
int run_folder_write(const char *folder, const char *name, const void *data,
		     size_t size);

/** A name that stays in its folder, whoever gave it */
bool run_name_is_plain(const char *name);

/** Remove a folder with all in it */
void run_folder_remove(const char *folder);

#endif
