/**
 * @file journal.h  What must survive a crash, appended before it is answered
 *
 * JSON lines in state_dir/journal/YYYYMMDD.jsonl (UTC), appended by the SIP
 * thread without waiting for the disk, a call record with a write(2) at once,
 * statuses of registrations a few milliseconds later, together; a thread of
 * the store syncs the file every 100 ms. A full disk holds lines back in bounded
 * memory (16 MiB) until there is room, in order; a torn last line is
 * completed with a newline at the next open and skipped by readers.
 *
 * A line is {"time_ms": wall clock, "call": {...}}, {..., "reg": {...}} or
 * {..., "trunk": {...}}, the values as bridge/model/status.h writes them. A file size limit of the
 * process (RLIMIT_FSIZE) counts as a full disk if SIGXFSZ is ignored.
 */
#ifndef STORE_JOURNAL_H
#define STORE_JOURNAL_H

#include "bridge/model/status.h"

struct journal;                    /* a libre memory object */
struct live;

/**
 * Open for appending, start the thread that syncs
 *
 * The folder gets mode 0700, files 0600. Dereferencing the journal writes
 * and syncs what is left.
 *
 * @param jp         Journal
 * @param state_dir  Folder of the service's state; made if missing
 *
 * @return 0, ENOMEM, ENAMETOOLONG, or errno of mkdir(2), open(2) or
 *         pthread_create(3). A full disk is no error
 */
int journal_open(struct journal **jp, const char *state_dir);

/**
 * Append one version of a call record
 *
 * @return 0 written, EAGAIN held back in memory (disk full), ENOMEM dropped
 *         (counted and logged)
 */
int journal_call(struct journal *j, const struct call_record *rec);

/**
 * Append a change of registration state
 *
 * Nobody is told of it who would rely on it, so it may wait: it is written
 * by journal_flush(), or before, with the next call record or when there are
 * many. All from one thread.
 *
 * @return 0 gathered, otherwise as journal_call()
 */
int journal_reg(struct journal *j, const struct reg_status *st);

/** Append a change of a trunk; as journal_reg() */
int journal_trunk(struct journal *j, const struct trunk_status *st);

/** Write what was gathered; once a turn of the loop.
    Returns as journal_call() */
int journal_flush(struct journal *j);

/** Lines held back, octets; 0 in good times */
size_t journal_held(const struct journal *j);

/**
 * The newest version of each call, newest call last
 *
 * Needs no running service. Reads from the newest file back, no further than
 * needed.
 *
 * @param newest  At most that many calls, 0: all
 * @param h       Takes each; other than 0 stops
 *
 * @return 0 (also when there is no journal yet), ENOMEM, errno of opendir(3)
 *         or open(2), or what the handler returned
 */
typedef int (journal_call_h)(const struct call_record *rec, void *arg);
int journal_calls(const char *state_dir, size_t newest, journal_call_h *h,
		  void *arg);

/**
 * Pick up after the process before this one: its newest ended calls go into
 * the live state, and a call that it left without an end gets one, at the
 * last time that the journal knows it alive. To be called once, before
 * the first call of ours.
 *
 * @param j     Journal, takes the ends
 * @param live  Takes the calls, may be NULL
 *
 * @return as journal_calls()
 */
int journal_recover(struct journal *j, struct live *live);

#endif
