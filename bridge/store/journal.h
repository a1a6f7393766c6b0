/**
 * @file journal.h  What must survive a crash, appended before it is answered
 *
 * JSON lines in state_dir/journal/YYYYMMDD.jsonl, one write(2) each, appended
 * by the SIP thread without waiting for the disk; a thread of the store syncs
 * the file every 100 ms. A full disk holds lines back in bounded memory (16
 * MiB) until there is room, in order; a torn last line is completed with a
 * newline at the next open and skipped by readers.
 */
#ifndef STORE_JOURNAL_H
#define STORE_JOURNAL_H

#include "bridge/model/status.h"

struct journal;                    /* a libre memory object */

int journal_open(struct journal **jp, const char *state_dir);

/**
 * Append one version of a call record
 *
 * @return 0 written, EAGAIN held back in memory (disk full), ENOMEM dropped
 *         (counted and logged)
 */
int journal_call(struct journal *j, const struct call_record *rec);

/** Append a change of registration state */
int journal_reg(struct journal *j, const struct reg_status *st);

/** Lines held back, octets; 0 in good times */
size_t journal_held(const struct journal *j);

/**
 * The newest version of each call, newest call last
 *
 * @param newest  At most that many calls, 0: all
 */
typedef int (journal_call_h)(const struct call_record *rec, void *arg);
int journal_calls(const char *state_dir, size_t newest, journal_call_h *h,
		  void *arg);

#endif
