/**
 * @file store_import.c  The journal taken over into the store
 *
 * Only whole lines are read: what has no newline yet may still be written,
 * or be completed by the next process. A line that is none of ours is passed
 * over for good.
 */
#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "bridge/base/libre.h"
#include "bridge/base/log.h"
#include "journal_file.h"
#include "store_batch.h"


enum {
	BATCH = 10000,             /* lines a transaction                    */
	BATCH_SIZE = 8 * 1024 * 1024,  /* ... and octets, at most            */
	QUEUED_MS = 300000,        /* then those who queue are put in, too   */
	REST_MS   = 2000,          /* many who came that lately will begin   */
};


struct import {
	struct store *st;          /* borrowed */
	const char *node;          /* borrowed */
	char folder[PATH_MAX];
	char path[PATH_MAX];       /* of the day's file */
	char day[JOURNAL_DAY_SIZE];
	int64_t at;                /* octets of it that are in */
};


/* Files */


static int take_at(const struct db_row *row, void *arg)
{
	*(int64_t *)arg = db_int(row, 0);

	return 0;
}


static int position_read(struct import *im)
{
	im->at = 0;

	return db_do_each(im->st->db, take_at, &im->at, "SELECT at FROM"
			  " journal_position WHERE node = $1 AND day = $2",
			  DB_TEXT(im->node), DB_TEXT(im->day));
}


static int position_write(const struct import *im)
{
	return db_do(im->st->db, "INSERT INTO journal_position"
		     " (node, day, at) VALUES ($1, $2, $3)"
		     " ON CONFLICT (node, day) DO UPDATE SET"
		     " at = excluded.at", DB_TEXT(im->node),
		     DB_TEXT(im->day), DB_INT(im->at));
}


static int lines_read(struct import *im, struct batch *b, FILE *f,
		      size_t max, size_t *count)
{
	char *line = NULL;
	size_t size = 0, c = 0;
	ssize_t l;
	int err = 0;

	if (fseeko(f, (off_t)im->at, SEEK_SET))
		return errno;

	while (c < max && batch_size(b) < BATCH_SIZE && !err &&
	       (l = getline(&line, &size, f)) > 0 && line[l - 1] == '\n') {
		err = batch_line(b, im->at, line, (size_t)l);
		im->at += l;
		++c;
	}

	free(line);
	*count = c;

	return err;
}


static int batch(struct import *im, FILE *f, size_t max, size_t *count)
{
	struct batch *b = NULL;
	int err;

	err = position_read(im);
	if (!err)
		err = batch_alloc(&b, im->st->queued, im->path);
	if (!err)
		err = lines_read(im, b, f, max, count);
	if (!err)
		err = batch_write(b, im->st, im->node, im->day);
	if (!err && *count)
		err = position_write(im);
	mem_deref(b);

	return err;
}


/* Users who queue */


static int queued_lines(struct batch *b, FILE *f, const int64_t *atv,
			size_t c)
{
	char *line = NULL;
	size_t size = 0;
	int err = 0;

	for (size_t i = 0; i < c && !err; i++) {
		ssize_t l;

		if (fseeko(f, (off_t)atv[i], SEEK_SET)) {
			err = errno;
			break;
		}

		l = getline(&line, &size, f);
		if (l > 0)
			err = batch_line(b, atv[i], line, (size_t)l);
	}
	free(line);

	return err;
}


static int queued_batch(struct import *im, FILE *f, const int64_t *atv,
			size_t c)
{
	struct batch *b = NULL;
	int err;

	err = batch_alloc(&b, NULL, "");
	if (!err)
		err = queued_lines(b, f, atv, c);
	if (!err)
		err = db_begin(im->st->db, DB_ALONE);
	if (!err)
		err = db_end(im->st->db, batch_write(b, im->st, im->node, ""));
	mem_deref(b);

	return err;
}


/** Put in those who wait, each as its line says. What came later is not
    touched: it is newer */
static int queued_write(struct import *im)
{
	struct queued *q = im->st->queued;
	int64_t *atv;
	size_t c;
	FILE *f;
	int err;

	if (!queued_count(q))
		return 0;

	err = queued_list(q, &atv, &c);
	if (err)
		return err;

	f = fopen(queued_path(q), "re");
	err = f ? 0 : errno;

	for (size_t i = 0; i < c && !err; i += BATCH)
		err = queued_batch(im, f, atv + i, c - i < BATCH ? c - i :
				   BATCH);
	if (f)
		(void)fclose(f);
	mem_deref(atv);

	/* a file that is no more has nothing to tell */
	if (!err || err == ENOENT)
		queued_clear(q);

	return err == ENOENT ? 0 : err;
}


/** While others register by the hundred most of them will have done so, too,
    before anybody looks */
static int queued_look(struct import *im, size_t count)
{
	const struct queued *q = im->st->queued;

	/* a look right after a long one finds few lines whatever goes on */
	const bool calm = count < STORE_CALM &&
		(queued_count(q) < STORE_CALM || queued_rest_ms(q) >= REST_MS);

	return calm || queued_age_ms(q) >= QUEUED_MS ? queued_write(im) : 0;
}


/* Days */


/** Is there anything new in the file? Spares a transaction for each of the
    days that are long over */
static bool is_grown(struct import *im, FILE *f)
{
	struct stat st;

	if (fstat(fileno(f), &st) || st.st_size == im->at)
		return false;

	if (st.st_size > im->at)
		return true;

	warning("store", im->folder, "%s.jsonl is shorter than what was"
		" taken over from it", im->day);

	return false;
}


static int import_file(struct import *im, FILE *f, size_t lines,
		       size_t *imported)
{
	size_t count;
	int err;

	err = position_read(im);
	if (err || !is_grown(im, f))
		return err;

	/* a new day: those who queue stand in the file of the one before */
	if (strcmp(queued_path(im->st->queued), im->path))
		err = queued_write(im);
	if (err)
		return err;

	do {
		const size_t left = lines - *imported;
		const size_t max  = left < BATCH ? left : BATCH;

		count = 0;
		err = db_begin(im->st->db, DB_ALONE);
		if (!err)
			err = db_end(im->st->db, batch(im, f, max, &count));
		if (!err)
			*imported += count;

	} while (!err && count && *imported < lines);

	return err;
}


static int import_day(struct import *im, const char *name, size_t lines,
		      size_t *imported)
{
	FILE *f;
	int err;

	str_ncpy(im->day, name, 9);

	if (re_snprintf(im->path, sizeof(im->path), "%s/%s", im->folder,
			name) < 0)
		return ENAMETOOLONG;

	f = fopen(im->path, "re");
	if (!f)
		return errno;

	err = import_file(im, f, lines, imported);
	(void)fclose(f);

	return err;
}


/** "20260131.jsonl" */
static int is_journal(const struct dirent *de)
{
	return strlen(de->d_name) == 14 &&
		strspn(de->d_name, "0123456789") == 8 &&
		!strcmp(de->d_name + 8, ".jsonl");
}


int store_import(struct store *st, const char *node, const char *state_dir,
		 size_t lines, size_t *imported)
{
	struct import im = { .st = st, .node = node };
	struct dirent **dev = NULL;
	size_t count = 0;
	int c, err;

	if (!st || !str_isset(node) || !str_isset(state_dir))
		return EINVAL;

	err = journal_folder(im.folder, state_dir);
	if (!err && !st->queued)
		err = queued_alloc(&st->queued);
	if (err)
		return err;

	/* by name is by day */
	c = scandir(im.folder, &dev, is_journal, alphasort);
	if (c < 0)
		err = errno == ENOENT ? 0 : errno;

	for (int i = 0; i < c; i++) {
		if (!err && count < lines)
			err = import_day(&im, dev[i]->d_name, lines, &count);
		free(dev[i]);
	}
	free(dev);

	if (!err)
		err = queued_look(&im, count);

	if (imported)
		*imported = count;

	return err;
}
