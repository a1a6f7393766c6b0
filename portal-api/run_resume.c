/**
 * @file run_resume.c  A test that goes on where an earlier one ended
 */
#include <jansson.h>
#include <limits.h>
#include <re_types.h>
#include <re_base64.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "bridge/base/errors.h"
#include "run_keep.h"
#include "run_resume.h"


/** An earlier test, as far as it is of the same customer */
struct earlier {
	const char *tenant;        /* borrowed */
	json_t *summary, *report;  /* owned */
};


static int earlier_h(const struct store_run *run, void *arg)
{
	struct earlier *earlier = arg;

	if (!run->tenant || strcmp(run->tenant, earlier->tenant))
		return ENOENT;

	earlier->summary = json_loads(run->summary, 0, NULL);
	earlier->report  = run->report ? json_loads(run->report, 0, NULL)
		: NULL;

	return 0;
}


static bool is_passed(const json_t *cas)
{
	const char *verdict = json_string_value(json_object_get(cas,
								"verdict"));

	return verdict && !strcmp(verdict, "passed");
}


/** Whatever did not pass is done anew. @return number of those that did */
static size_t passed_keep(json_t *report)
{
	json_t *plan, *cases;
	size_t i, c = 0;

	json_array_foreach(json_object_get(report, "plans"), i, plan) {
		cases = json_object_get(plan, "cases");

		for (size_t n = json_array_size(cases); n--;)
			if (!is_passed(json_array_get(cases, n)))
				(void)json_array_remove(cases, n);
		c += json_array_size(cases);
	}

	return c;
}


static int earlier_check(const struct earlier *earlier, const char *id,
			 const char *pbx, struct errors *errs)
{
	const char *of = json_string_value(json_object_get(earlier->summary,
							   "pbx"));

	if (of && strcmp(of, pbx))
		errors_add(errs, NULL, "resume", "want a test of %s: %s is of"
			   " %s", pbx, id, of);
	else if (!json_is_object(earlier->report))
		errors_add(errs, NULL, "resume", "test %s has not ended", id);
	else if (!json_is_array(json_object_get(earlier->report, "plans")))
		errors_add(errs, NULL, "resume", "want a test of plans: %s is"
			   " one of readiness", id);
	else if (!passed_keep(earlier->report))
		errors_add(errs, NULL, "resume", "nothing of test %s has"
			   " passed: begin it anew", id);
	else
		return 0;

	return EBADMSG;
}


int run_resume_get(json_t **reportp, struct request *rq, const char *id,
		   struct errors *errs)
{
	struct earlier earlier = { .tenant = rq->param };
	int err;

	err = store_run_get(rq->st, id, earlier_h, &earlier);
	if (err == ENOENT) {
		errors_add(errs, NULL, "resume", "%s has no test %s",
			   rq->param, id);
		err = EBADMSG;
	}
	if (!err)
		err = earlier_check(&earlier, id, rq->paramv[1], errs);

	if (!err)
		*reportp = earlier.report;
	else
		json_decref(earlier.report);
	json_decref(earlier.summary);

	return err;
}


/* Its captures */


static int capture_copy(struct store *st, const char *id, const char *name,
			const char *folder)
{
	uint8_t *data = NULL;
	char *text = NULL;
	size_t size;
	int err;

	err = store_run_file(st, id, name, &text);
	if (err)
		return err;

	size = strlen(text);
	data = mem_alloc(size + 1, NULL);
	err  = data ? base64_decode(text, strlen(text), data, &size) : ENOMEM;
	if (!err)
		err = run_folder_write(folder, name, data, size);
	mem_deref(data);
	mem_deref(text);

	return err;
}


/** A link to a capture that is gone would lead nowhere */
static int case_captures(json_t *cas, struct store *st, const char *id,
			 const char *folder)
{
	json_t *files = json_object_get(cas, "captures");
	int err = 0;

	for (size_t i = json_array_size(files); i-- && !err;) {
		const char *path = json_string_value(json_array_get(files,
								    i));
		const char *slash = path ? strrchr(path, '/') : NULL;

		err = slash && run_name_is_plain(slash + 1) ?
			capture_copy(st, id, slash + 1, folder) : ENOENT;
		if (err != ENOENT && err != EEXIST)
			continue;
		if (err == ENOENT)
			(void)json_array_remove(files, i);
		err = 0;
	}

	return err;
}


int run_resume_write(json_t *report, struct store *st, const char *id,
		     const char *folder)
{
	char path[PATH_MAX], *text;
	json_t *plan, *cas;
	size_t i, n;
	int err = 0;

	if (re_snprintf(path, sizeof(path), "%s/" RUN_CAPTURES, folder) < 0)
		return ENAMETOOLONG;
	if (mkdir(path, 0700))
		return errno;

	json_array_foreach(json_object_get(report, "plans"), i, plan) {
		json_array_foreach(json_object_get(plan, "cases"), n, cas)
			err = err ? err : case_captures(cas, st, id, path);
	}
	if (err)
		return err;

	text = json_dumps(report, JSON_COMPACT);
	err  = text ? run_folder_write(folder, RUN_RESUME_FILE, text,
				       strlen(text)) : ENOMEM;
	free(text);

	return err;
}
