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
};


struct import {
	struct store *st;          /* borrowed */
	const char *node;          /* borrowed */
	char folder[PATH_MAX];
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
		err = batch_alloc(&b);
	if (!err)
		err = lines_read(im, b, f, max, count);
	if (!err)
		err = batch_write(b, im->st, im->node, im->day);
	if (!err && *count)
		err = position_write(im);
	mem_deref(b);

	return err;
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
	char path[PATH_MAX];
	FILE *f;
	int err;

	str_ncpy(im->day, name, 9);

	if (re_snprintf(path, sizeof(path), "%s/%s", im->folder, name) < 0)
		return ENAMETOOLONG;

	f = fopen(path, "re");
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

	if (imported)
		*imported = count;

	return err;
}
