/**
 * @file journal_file.h  Where the journal lies; for this room alone
 */
#ifndef STORE_JOURNAL_FILE_H
#define STORE_JOURNAL_FILE_H

#include <limits.h>
#include <stdint.h>

enum {
	JOURNAL_DAY_SIZE = 16,             /* "20260131" and a terminator */
	JOURNAL_LINE_MAX = 64 * 1024,      /* octets; longer is not ours */
};

/** Folder of the journal. @return 0, ENAMETOOLONG */
int journal_folder(char path[PATH_MAX], const char *state_dir);

/** Name of the file of one day, in UTC, without ".jsonl" */
void journal_day(char day[JOURNAL_DAY_SIZE], int64_t time_s);

/** The state folder that a journal was opened with; lives as it does */
struct journal;
const char *journal_state_dir(const struct journal *j);

/** Last time that the newest line tells [ms since 1970], 0 if there is none */
int64_t journal_last_ms(const char *state_dir);

#endif
