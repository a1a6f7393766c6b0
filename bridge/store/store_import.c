/**
 * @file store_import.c  The journal taken over into the store
 *
 * Only whole lines are read: what has no newline yet may still be written,
 * or be completed by the next process. A line that is none of ours is passed
 * over for good.
 */
#include <dirent.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "bridge/base/libre.h"
#include "bridge/base/log.h"
#include "bridge/model/status.h"
#include "journal_file.h"
#include "store_core.h"


enum { BATCH = 5000 };              /* lines a transaction */


struct import {
	struct store *st;          /* borrowed */
	const char *node;          /* borrowed */
	char folder[PATH_MAX];
	char day[JOURNAL_DAY_SIZE];
	int64_t at;                /* octets of the day's file that are in */
	struct figures *figures;   /* owned */
};


/* Lines */


static const char *text_of(const json_t *json, const char *member)
{
	const char *text = json_string_value(json_object_get(json, member));

	return text ? text : "";
}


static int import_call(const struct import *im, const json_t *call,
		       const char *data)
{
	struct call_record rec;

	if (call_record_read(&rec, call))
		return 0;

	return store_call_put(im->st, im->figures, &rec, data);
}


static int reg_history(const struct import *im, int64_t at,
		       const char *tenant, const char *upn, const char *pbx,
		       int64_t time_ms, const char *data)
{
	return db_do(im->st->db, "INSERT INTO registration_history (node,"
		     " day, at, tenant, upn, pbx, time_ms, data) VALUES"
		     " ($1, $2, $3, $4, $5, $6, $7, $8)", DB_TEXT(im->node),
		     DB_TEXT(im->day), DB_INT(at), DB_TEXT(tenant),
		     DB_TEXT(upn), DB_TEXT(pbx), DB_INT(time_ms),
		     DB_TEXT(data));
}


static int reg_present(const struct import *im, const char *tenant,
		       const char *upn, const char *pbx, const char *state,
		       int64_t time_ms, const char *data)
{
	return db_do(im->st->db, "INSERT INTO registrations (tenant, upn,"
		     " pbx, state, time_ms, data)"
		     " VALUES ($1, $2, $3, $4, $5, $6)"
		     " ON CONFLICT (tenant, upn) DO UPDATE SET"
		     " pbx = excluded.pbx, state = excluded.state,"
		     " time_ms = excluded.time_ms, data = excluded.data"
		     " WHERE excluded.time_ms >= registrations.time_ms",
		     DB_TEXT(tenant), DB_TEXT(upn), DB_TEXT(pbx),
		     DB_TEXT(state), DB_INT(time_ms), DB_TEXT(data));
}


static int import_reg(const struct import *im, int64_t at,
		      const json_t *reg, int64_t time_ms, const char *data)
{
	const char *tenant = text_of(reg, "tenant");
	const char *pbx    = text_of(reg, "pbx");
	char upn[STORE_NAME_SIZE];
	int err = 0;

	if (!json_is_object(reg) || store_fold(upn, text_of(reg, "upn")))
		return 0;

	/* that somebody waits for a first registration is how things stand,
	   and nothing that anybody asks about later */
	if (strcmp(text_of(reg, "state"), "queued"))
		err = reg_history(im, at, tenant, upn, pbx, time_ms, data);
	if (err)
		return err;

	err = store_outage_reg(im->st, reg, upn, time_ms);
	if (err)
		return err;

	if (!json_is_true(json_object_get(reg, "removed")))
		return reg_present(im, tenant, upn, pbx,
				   text_of(reg, "state"), time_ms, data);

	return db_do(im->st->db, "DELETE FROM registrations WHERE"
		     " tenant = $1 AND upn = $2 AND time_ms <= $3",
		     DB_TEXT(tenant), DB_TEXT(upn), DB_INT(time_ms));
}


/**
 * The value of a line as it stands there, compact as the journal writes it:
 * {"time_ms":1,"reg":VALUE} and a newline
 *
 * @return owned; NULL if it is not the journal that wrote it, or there is no
 *         memory
 */
static char *value_cut(const char *line, size_t l)
{
	static const char head[] = "{\"time_ms\":";
	const char *const end = line + l - 2;
	const char *p = line + sizeof(head) - 1;

	if (l < sizeof(head) + 10 || memcmp(line, head, sizeof(head) - 1) ||
	    memcmp(end, "}\n", 2))
		return NULL;

	while (p < end && *p >= '0' && *p <= '9')
		++p;

	if (end - p > 7 && !memcmp(p, ",\"reg\":", 7))
		p += 7;
	else if (end - p > 8 && !memcmp(p, ",\"call\":", 8))
		p += 8;
	else
		return NULL;

	/* the value is the line's last member, and there is one alone */
	return *p == '{' && end[-1] == '}' && l < JOURNAL_LINE_MAX ?
		strndup(p, (size_t)(end - p)) : NULL;
}


/** @param at  Where in the file the line begins */
static int import_line(const struct import *im, int64_t at, const char *line,
		       size_t l)
{
	json_t *json = NULL, *call, *reg, *trunk;
	char *data = NULL;
	int64_t time_ms;
	int err = 0;

	if (l <= JOURNAL_LINE_MAX)
		json = json_loadb(line, l, JSON_REJECT_DUPLICATES, NULL);

	call    = json_object_get(json, "call");
	reg     = json_object_get(json, "reg");
	trunk   = json_object_get(json, "trunk");
	time_ms = json_integer_value(json_object_get(json, "time_ms"));

	if (json_object_size(json) == 2)
		data = value_cut(line, l);

	if (!data && (call || reg)) {
		data = json_dumps(call ? call : reg,
				  JSON_COMPACT | JSON_ENCODE_ANY);
		if (!data)
			err = ENOMEM;
	}

	if (data && call)
		err = import_call(im, call, data);
	else if (data)
		err = import_reg(im, at, reg, time_ms, data);
	else if (trunk && !err)
		err = store_outage_trunk(im->st, trunk, im->node, time_ms);

	free(data);
	json_decref(json);

	return err;
}


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


static int lines_read(struct import *im, FILE *f, size_t max, size_t *count)
{
	char *line = NULL;
	size_t size = 0, c = 0;
	ssize_t l;
	int err = 0;

	if (fseeko(f, (off_t)im->at, SEEK_SET))
		return errno;

	while (c < max && !err && (l = getline(&line, &size, f)) > 0 &&
	       line[l - 1] == '\n') {
		err = import_line(im, im->at, line, (size_t)l);
		im->at += l;
		++c;
	}

	free(line);
	*count = c;

	return err;
}


static int batch(struct import *im, FILE *f, size_t max, size_t *count)
{
	int err;

	err = position_read(im);
	if (!err)
		err = lines_read(im, f, max, count);
	if (!err)
		err = figures_flush(im->figures, im->st);
	if (!err && *count)
		err = position_write(im);

	return err;
}


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

	} while (!err && count == BATCH && *imported < lines);

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

	err = figures_alloc(&im.figures);
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
	mem_deref(im.figures);

	if (imported)
		*imported = count;

	return err;
}
