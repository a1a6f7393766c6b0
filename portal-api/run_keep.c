/**
 * @file run_keep.c  What tests leave behind, into the store
 */
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <jansson.h>
#include <limits.h>
#include <re_types.h>
#include <re_base64.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api.h"
#include "bridge/base/log.h"
#include "bridge/base/wheel.h"
#include "run_keep.h"
#include "run_process.h"
#include "runner.h"


enum {
	REPORT_MAX   = 8 * 1024 * 1024,    /* octets that are kept           */
	FILE_MAX     = 64 * 1024 * 1024,   /* octets that are read           */
	CAPTURE_MAX  = 2 * 1024 * 1024,
	CAPTURES_MAX = 8 * 1024 * 1024,
	CAPTUREC     = 64,
	LOG_TAIL     = 800,
	PATIENCE_MS  = 120 * 1000,         /* for what is left to end        */
};

#define REPORT   "report.json"


/** What lies beside the report */
struct captures {
	struct store_file v[CAPTUREC];     /* owned, libre memory */
	size_t c, octets;
};


/* Folders */


static int remove_h(const char *path, const struct stat *st, int type,
		    struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;

	(void)remove(path);

	return 0;
}


void run_folder_remove(const char *folder)
{
	(void)nftw(folder, remove_h, 8, FTW_DEPTH | FTW_PHYS);
}


bool run_name_is_plain(const char *name)
{
	return *name && *name != '.' && !strchr(name, '/');
}


int run_folder_write(const char *folder, const char *name, const void *data,
		     size_t size)
{
	char path[PATH_MAX];
	int fd, err = 0;
	FILE *f;

	if (re_snprintf(path, sizeof(path), "%s/%s", folder, name) < 0)
		return ENAMETOOLONG;

	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
		  0600);
	if (fd < 0)
		return errno;

	f = fdopen(fd, "wb");
	if (!f) {
		err = errno;
		(void)close(fd);
		return err;
	}

	if (fwrite(data, 1, size, f) != size)
		err = EIO;
	if (fclose(f) && !err)
		err = errno;

	return err;
}


/** A whole file. @return libre memory, terminated; NULL */
static char *file_read(const char *folder, const char *name, size_t max,
		       size_t *sizep)
{
	char path[PATH_MAX], *text = NULL;
	struct stat entry;
	size_t n;
	FILE *f;

	if (re_snprintf(path, sizeof(path), "%s/%s", folder, name) < 0)
		return NULL;

	f = fopen(path, "rbe");
	if (!f)
		return NULL;

	if (!fstat(fileno(f), &entry) && S_ISREG(entry.st_mode) &&
	    entry.st_size <= (off_t)max)
		text = mem_alloc((size_t)entry.st_size + 1, NULL);
	if (text) {
		n = fread(text, 1, (size_t)entry.st_size, f);
		text[n] = '\0';
		*sizep  = n;
	}
	(void)fclose(f);

	return text;
}


/* The report */


/** The last words of a program that left no report */
static void last_words(char *buf, size_t size, const char *folder)
{
	size_t l = 0;
	char *log = file_read(folder, "log", FILE_MAX, &l);
	const char *from = log && l > LOG_TAIL ? log + l - LOG_TAIL : log;

	str_ncpy(buf, from ? from : "", size);
	l = strlen(buf);
	while (l && (buf[l - 1] == '\n' || buf[l - 1] == ' '))
		buf[--l] = '\0';
	mem_deref(log);
}


static json_t *report_read(const struct run_keep *keep)
{
	size_t size = 0;
	char *text = file_read(keep->folder, REPORT, FILE_MAX, &size);
	json_t *report = text ? json_loadb(text, size, 0, NULL) : NULL;

	mem_deref(text);

	return json_is_object(report) ? report : NULL;
}


/** It ended before there was anything to report */
static json_t *report_none(const struct run_keep *keep,
			   const json_t *summary)
{
	char words[LOG_TAIL + 1];

	last_words(words, sizeof(words), keep->folder);

	return json_pack("{s:i, s:s, s:O?, s:[], s:{}, s:s}", "format", 1,
			 "verdict", "stopped", "site",
			 json_object_get(summary, "pbx"), "plans", "counts",
			 "error", *words ? words : "it ended without a"
			 " report");
}


static bool is_readiness(const json_t *report)
{
	return json_is_array(json_object_get(report, "findings"));
}


static const char *verdict_of(const json_t *report)
{
	const char *verdict = json_string_value(json_object_get(report,
								"verdict"));

	if (!verdict)
		return "stopped";
	if (!is_readiness(report))
		return verdict;

	return !strncmp(verdict, "ready", 5) ? "passed" :
		!strcmp(verdict, "not ready") ? "failed" : verdict;
}


/** Take what is long out of a report, the least wanted first */
static void slim(json_t *report, bool all)
{
	json_t *plan, *cas;
	size_t i, j;

	json_array_foreach(json_object_get(report, "plans"), i, plan) {
		json_array_foreach(json_object_get(plan, "cases"), j, cas) {
			const char *verdict = json_string_value(
				json_object_get(cas, "verdict"));

			if (all || (verdict && !strcmp(verdict, "passed")))
				(void)json_object_del(cas, "messages");
			if (all)
				(void)json_object_del(cas, "levels");
		}
	}
}


/** @return text of jansson, NULL */
static char *report_print(json_t *report)
{
	char *text = json_dumps(report, JSON_COMPACT);

	for (int turn = 0; text && strlen(text) > REPORT_MAX && turn < 2;
	     turn++) {
		free(text);
		slim(report, turn > 0);
		text = json_dumps(report, JSON_COMPACT);
	}

	return text;
}


static char *summary_print(const json_t *began, const json_t *report,
			   const char *verdict)
{
	json_t *summary = json_deep_copy(began);
	json_t *counts = json_object_get(report, "counts");
	json_t *started = json_object_get(report, "started");
	char *text;

	(void)json_object_set_new(summary, "verdict", json_string(verdict));
	if (counts)
		(void)json_object_set(summary, "counts", counts);
	if (started)
		(void)json_object_set(summary, "started", started);
	text = json_dumps(summary, JSON_COMPACT);
	json_decref(summary);

	return text;
}


/* Captures */


static void captures_clear(struct captures *caps)
{
	for (size_t i = 0; i < caps->c; i++) {
		mem_deref((void *)(uintptr_t)caps->v[i].name);
		mem_deref((void *)(uintptr_t)caps->v[i].data);
	}
}


static void capture_take(struct captures *caps, const char *folder,
			 const char *name)
{
	size_t size = 0, l;
	char *data = file_read(folder, name, CAPTURE_MAX, &size), *copy;
	char *text = NULL;

	if (data && caps->octets + size <= CAPTURES_MAX) {
		l    = size / 3 * 4 + 8;
		text = mem_alloc(l, NULL);
		if (text && !base64_encode((const uint8_t *)data, size, text,
					   &l))
			text[l] = '\0';
		else
			text = mem_deref(text);
	}
	mem_deref(data);

	if (!text || str_dup(&copy, name)) {
		mem_deref(text);
		return;
	}

	caps->octets += size;
	caps->v[caps->c].name   = copy;
	caps->v[caps->c++].data = text;
}


static void captures_read(struct captures *caps, const char *folder)
{
	char path[PATH_MAX];
	struct dirent *entry;
	DIR *dir;

	if (re_snprintf(path, sizeof(path), "%s/" RUN_CAPTURES, folder) < 0)
		return;

	dir = opendir(path);
	if (!dir)
		return;

	while (caps->c < CAPTUREC && (entry = readdir(dir)))
		if (*entry->d_name != '.')
			capture_take(caps, path, entry->d_name);

	(void)closedir(dir);
}


/* Keeping */


static int keep_all(struct store *st, const struct run_keep *keep,
		    const json_t *began, json_t *report, const char *verdict)
{
	struct captures caps = { .c = 0 };
	char *text = report_print(report);
	char *summary = summary_print(began, report, verdict);
	const struct store_run run = {
		.id = keep->id, .summary = summary, .report = text,
	};
	int err = ENOMEM;

	captures_read(&caps, keep->folder);
	if (text && summary)
		err = store_run_end(st, &run, caps.v, caps.c);

	captures_clear(&caps);
	free(summary);
	free(text);

	return err == ENOENT ? 0 : err;    /* its customer was removed */
}


int run_keep(struct store *st, const struct run_keep *keep, char **verdictp)
{
	json_t *began = json_loads(keep->summary, 0, NULL);
	json_t *report = report_read(keep);
	const char *verdict;
	int err;

	if (!began)
		began = json_object();
	if (!report)
		report = report_none(keep, began);

	/* What had come to its end just so is not called torn off */
	verdict = verdict_of(report);
	if (keep->why && !strcmp(verdict, "stopped")) {
		verdict = keep->verdict;
		(void)json_object_set_new(report, "error",
					  json_string(keep->why));
	}

	err = report ? keep_all(st, keep, began, report, verdict) : ENOMEM;
	if (!err && verdictp)
		err = str_dup(verdictp, verdict);
	if (!err && run_process_is_left(keep->folder)) {
		warning("tests", keep->id, "something that it had started did"
			" not end by itself");
		run_process_kill_left(keep->folder);
	}
	if (!err)
		run_folder_remove(keep->folder);

	json_decref(report);
	json_decref(began);

	return err;
}


/* What was left */


struct left {
	struct le le;
	char id[STORE_RUN_ID_SIZE];
	char *summary;             /* owned */
};


static void left_destructor(void *data)
{
	struct left *left = data;

	list_unlink(&left->le);
	mem_deref(left->summary);
}


static int left_h(const struct store_run *run, void *arg)
{
	struct left *left = mem_zalloc(sizeof(*left), left_destructor);

	if (!left)
		return ENOMEM;

	list_append(arg, &left->le, left);
	str_ncpy(left->id, run->id, sizeof(left->id));

	return str_dup(&left->summary, run->summary);
}


static int left_keep(struct store *st, const struct portal_conf *conf,
		     const struct left *left, int64_t since_ms)
{
	char folder[PATH_MAX];
	const struct run_keep keep = {
		.id = left->id, .summary = left->summary, .folder = folder,
		.why = "the service was stopped while this ran",
		.verdict = "interrupted",
	};
	int err;

	err = runner_folder(folder, sizeof(folder), conf, left->id);
	if (err)
		return err;

	/* it ends by itself, but not for ever */
	if (run_process_is_left(folder) &&
	    clock_wall_ms() - since_ms < PATIENCE_MS)
		return EAGAIN;

	info("tests", left->id, "was interrupted; what it has left is kept");

	return run_keep(st, &keep, NULL);
}


int run_keep_left(struct store *st, const struct portal_conf *conf,
		  int64_t since_ms)
{
	struct list leftl = LIST_INIT;
	int err, left = 0;

	err = store_run_left(st, runner_node(conf), since_ms, left_h, &leftl);

	for (struct le *le = list_head(&leftl); le && !err; le = le->next) {
		err = left_keep(st, conf, le->data, since_ms);
		if (err == EAGAIN) {
			left = err;
			err  = 0;
		}
	}
	list_flush(&leftl);

	return err ? err : left;
}
