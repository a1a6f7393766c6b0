/**
 * @file journal_read.c  Reading the journal back
 *
 * Two passes: the first notes for each call where its newest version lies,
 * the second reads those that are wanted. So a year of calls costs an entry
 * each, not a record each.
 */
#include <dirent.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "bridge/base/libre.h"
#include "bridge/base/log.h"
#include "journal.h"
#include "journal_file.h"
#include "live.h"


enum {
	BUCKETS       = 1 << 16,
	RECOVER_CALLS = 20000,     /* more cannot have been running */
};


/** Where the newest version of a call lies */
struct entry {
	struct entry *next;        /* owned, the bucket's list */
	char id[40];
	uint32_t version;
	int64_t start_ms;
	size_t file;               /* index                    */
	off_t offset;              /* of its line              */
};


struct files {
	char folder[PATH_MAX];
	char (*dayv)[JOURNAL_DAY_SIZE];        /* owned, newest first */
	size_t c;
};


struct catalogue {
	struct entry *bucketv[BUCKETS];        /* owned */
	size_t c;
};


/* Files */


/** "20260131.jsonl" */
static bool is_journal(const char *name)
{
	return strlen(name) == 14 && strspn(name, "0123456789") == 8 &&
		!strcmp(name + 8, ".jsonl");
}


static int day_later(const void *a, const void *b)
{
	return strcmp(b, a);
}


static int files_add(struct files *files, const char *name)
{
	void *v = realloc(files->dayv, (files->c + 1) * JOURNAL_DAY_SIZE);

	if (!v)
		return ENOMEM;

	files->dayv = v;
	memset(files->dayv[files->c], 0, JOURNAL_DAY_SIZE);
	memcpy(files->dayv[files->c++], name, 8);

	return 0;
}


static int files_find(struct files *files, const char *state_dir)
{
	const struct dirent *de;
	DIR *dir;
	int err;

	memset(files, 0, sizeof(*files));

	err = journal_folder(files->folder, state_dir);
	if (err)
		return err;

	dir = opendir(files->folder);
	if (!dir)
		return errno == ENOENT ? 0 : errno;

	while (!err && (de = readdir(dir)))
		if (is_journal(de->d_name))
			err = files_add(files, de->d_name);

	(void)closedir(dir);

	if (!err && files->c)
		qsort(files->dayv, files->c, JOURNAL_DAY_SIZE, day_later);

	return err;
}


static int files_open(const struct files *files, size_t i, FILE **fp)
{
	char path[PATH_MAX];

	*fp = NULL;
	if (re_snprintf(path, sizeof(path), "%s/%s.jsonl", files->folder,
			files->dayv[i]) < 0)
		return ENAMETOOLONG;

	*fp = fopen(path, "re");

	return *fp ? 0 : errno;
}


/** Midnight UTC at which a file begins [ms since 1970] */
static int64_t file_start_ms(const struct files *files, size_t i)
{
	struct tm tm;

	memset(&tm, 0, sizeof(tm));
	(void)strptime(files->dayv[i], "%Y%m%d", &tm);

	return (int64_t)timegm(&tm) * 1000;
}


/* Lines */


/** @return the line, NULL if it is torn or not one of ours; owned */
static json_t *line_parse(const char *line, ssize_t l)
{
	if (l > JOURNAL_LINE_MAX)
		return NULL;

	return json_loadb(line, (size_t)l, JSON_REJECT_DUPLICATES, NULL);
}


/** Does it tell of a call? Spares the parser the other lines */
static bool line_has_call(const char *line)
{
	return strstr(line, "\"call\":{") != NULL;
}


/* Catalogue */


static struct entry **catalogue_find(struct catalogue *cat, const char *id)
{
	struct entry **ep = &cat->bucketv[hash_joaat_str(id) % BUCKETS];

	while (*ep && strcmp((*ep)->id, id))
		ep = &(*ep)->next;

	return ep;
}


/** Among equal versions the later line is the newer: the same file is read
    forwards, files backwards */
static bool is_older(const struct entry *entry, uint32_t version, size_t file)
{
	return version > entry->version ||
		(version == entry->version && file == entry->file);
}


static int catalogue_add(struct catalogue *cat, const json_t *call,
			 size_t file, off_t offset)
{
	const char *id = json_string_value(json_object_get(call, "id"));
	const uint32_t version = (uint32_t)json_integer_value(
		json_object_get(call, "version"));
	struct entry **ep, *entry;

	if (!str_isset(id) || strlen(id) >= sizeof(entry->id))
		return 0;

	ep = catalogue_find(cat, id);
	entry = *ep;

	if (entry && !is_older(entry, version, file))
		return 0;

	if (!entry) {
		entry = calloc(1, sizeof(*entry));
		if (!entry)
			return ENOMEM;

		str_ncpy(entry->id, id, sizeof(entry->id));
		*ep = entry;
		++cat->c;
	}

	entry->version  = version;
	entry->start_ms = json_integer_value(json_object_get(call,
							     "start_ms"));
	entry->file     = file;
	entry->offset   = offset;

	return 0;
}


static int catalogue_read(struct catalogue *cat, const struct files *files,
			  size_t file)
{
	char *line = NULL;
	size_t size = 0;
	off_t offset = 0;
	ssize_t l;
	FILE *f;
	int err;

	err = files_open(files, file, &f);
	if (err)
		return err;

	while (!err && (l = getline(&line, &size, f)) > 0) {
		json_t *json;

		json = line_has_call(line) ? line_parse(line, l) : NULL;
		if (json)
			err = catalogue_add(cat, json_object_get(json, "call"),
					    file, offset);
		json_decref(json);
		offset += l;
	}

	free(line);
	(void)fclose(f);

	return err;
}


static void catalogue_free(struct catalogue *cat)
{
	if (!cat)
		return;

	for (size_t i = 0; i < BUCKETS; i++) {
		while (cat->bucketv[i]) {
			struct entry *entry = cat->bucketv[i];

			cat->bucketv[i] = entry->next;
			free(entry);
		}
	}

	free(cat);
}


/** Calls that are newer than any in the files before this one */
static size_t catalogue_since(const struct catalogue *cat, int64_t start_ms)
{
	const struct entry *entry;
	size_t c = 0;

	for (size_t i = 0; i < BUCKETS; i++)
		for (entry = cat->bucketv[i]; entry; entry = entry->next)
			c += entry->start_ms >= start_ms;

	return c;
}


/* What is wanted */


static int start_earlier(const void *a, const void *b)
{
	const struct entry *ea = *(const struct entry *const *)a;
	const struct entry *eb = *(const struct entry *const *)b;

	if (ea->start_ms != eb->start_ms)
		return ea->start_ms < eb->start_ms ? -1 : 1;

	return strcmp(ea->id, eb->id);
}


static const struct entry **catalogue_sorted(const struct catalogue *cat)
{
	const struct entry **v = calloc(cat->c + 1, sizeof(*v));
	const struct entry *entry;
	size_t c = 0;

	if (!v)
		return NULL;

	for (size_t i = 0; i < BUCKETS; i++)
		for (entry = cat->bucketv[i]; entry; entry = entry->next)
			v[c++] = entry;

	qsort(v, c, sizeof(*v), start_earlier);

	return v;
}


static int read_record(struct call_record *rec, FILE *f, off_t offset)
{
	char *line = NULL;
	size_t size = 0;
	json_t *json = NULL;
	ssize_t l;
	int err = EBADMSG;

	if (fseeko(f, offset, SEEK_SET))
		return errno;

	l = getline(&line, &size, f);
	if (l > 0)
		json = line_parse(line, l);
	if (json)
		err = call_record_read(rec, json_object_get(json, "call"));

	json_decref(json);
	free(line);

	return err;
}


static int tell(const struct files *files, const struct entry *const *entryv,
		size_t entryc, journal_call_h *h, void *arg)
{
	struct call_record rec;
	size_t open = SIZE_MAX;
	FILE *f = NULL;
	int err = 0;

	for (size_t i = 0; i < entryc && !err; i++) {
		const struct entry *entry = entryv[i];

		if (entry->file != open) {
			if (f)
				(void)fclose(f);
			f = NULL;
			err = files_open(files, entry->file, &f);
			if (err)
				break;
			open = entry->file;
		}

		/* One that cannot be read does not hide the others */
		memset(&rec, 0, sizeof(rec));
		if (!read_record(&rec, f, entry->offset))
			err = h(&rec, arg);
	}

	if (f)
		(void)fclose(f);

	return err;
}


int journal_calls(const char *state_dir, size_t newest, journal_call_h *h,
		  void *arg)
{
	const struct entry **entryv = NULL;
	struct catalogue *cat = NULL;
	struct files files;
	size_t skip;
	int err;

	if (!str_isset(state_dir) || !h)
		return EINVAL;

	err = files_find(&files, state_dir);
	if (err)
		goto out;

	err = ENOMEM;
	cat = calloc(1, sizeof(*cat));
	if (!cat)
		goto out;

	err = 0;
	for (size_t i = 0; i < files.c && !err; i++) {
		err = catalogue_read(cat, &files, i);
		if (newest && cat->c >= newest &&
		    catalogue_since(cat, file_start_ms(&files, i)) >= newest)
			break;
	}
	if (err)
		goto out;

	entryv = catalogue_sorted(cat);
	if (!entryv) {
		err = ENOMEM;
		goto out;
	}

	skip = newest && cat->c > newest ? cat->c - newest : 0;
	err  = tell(&files, entryv + skip, cat->c - skip, h, arg);

 out:
	free(entryv);
	catalogue_free(cat);
	free(files.dayv);

	return err;
}


/* Picking up */


/** The last time told in a file's last octets, 0 if none */
static int64_t tail_ms(FILE *f)
{
	char *line = NULL;
	size_t size = 0;
	int64_t last = 0;
	ssize_t l;

	/* Two lines fit, so there is a whole one before a torn one. The first
	   is probably half of one and then no JSON. */
	if (fseeko(f, -2 * JOURNAL_LINE_MAX, SEEK_END))
		rewind(f);

	while ((l = getline(&line, &size, f)) > 0) {
		json_t *json = line_parse(line, l);
		const int64_t ms = json_integer_value(
			json_object_get(json, "time_ms"));

		if (ms > last)
			last = ms;
		json_decref(json);
	}

	free(line);

	return last;
}


int64_t journal_last_ms(const char *state_dir)
{
	struct files files;
	int64_t last = 0;
	FILE *f;

	if (files_find(&files, state_dir))
		goto out;

	for (size_t i = 0; i < files.c && !last; i++) {
		if (files_open(&files, i, &f))
			continue;

		last = tail_ms(f);
		(void)fclose(f);
	}

 out:
	free(files.dayv);

	return last;
}


struct recovery {
	struct journal *journal;   /* borrowed */
	struct live *live;         /* borrowed */
	int64_t last_ms;
	size_t endedc;
};


/** Its true end is not known: not before the journal's last line, for then
    the process still lived */
static void end_call(struct call_record *rec, const struct recovery *rcv)
{
	rec->state = CALL_ENDED;
	++rec->version;
	rec->end_ms = rcv->last_ms > rec->start_ms ? rcv->last_ms
						   : rec->start_ms;
	str_ncpy(rec->ended_by, "bridge", sizeof(rec->ended_by));
	str_ncpy(rec->reason, "Bridge stopped", sizeof(rec->reason));
	str_ncpy(rec->advice, "The service stopped during this call; its end"
		 " is the last moment known before that. See the system's log"
		 " for why it stopped.", sizeof(rec->advice));
}


static int recover_call(const struct call_record *old, void *arg)
{
	struct recovery *rcv = arg;
	struct call_record rec = *old;

	if (rec.state != CALL_ENDED) {
		end_call(&rec, rcv);
		(void)journal_call(rcv->journal, &rec);
		++rcv->endedc;
	}

	if (rcv->live)
		live_call(rcv->live, &rec);

	return 0;
}


int journal_recover(struct journal *j, struct live *live)
{
	const char *state_dir = journal_state_dir(j);
	struct recovery rcv = {.journal = j, .live = live};
	int err;

	if (!j)
		return EINVAL;

	rcv.last_ms = journal_last_ms(state_dir);

	err = journal_calls(state_dir, RECOVER_CALLS, recover_call, &rcv);

	if (rcv.endedc)
		warning("journal", "", "%zu calls had no end: the service was"
			" not stopped in order", rcv.endedc);

	return err;
}
