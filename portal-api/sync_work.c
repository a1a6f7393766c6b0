/**
 * @file sync_work.c  A run of a customer's sync, what a worker does of it
 *
 * People are kept in transactions of some thousands, so that nobody else
 * waits long for the store. The delta link is kept with the last of them:
 * whoever is killed before reads the same changes again, which does no harm.
 */
#include <jansson.h>
#include <stdlib.h>

#include "bridge/base/errors.h"
#include "bridge/base/log.h"
#include "bridge/base/wheel.h"
#include "bridge/model/tenant.h"
#include "bridge/store/seal.h"
#include "objects.h"
#include "sync/matching.h"
#include "sync_run.h"


enum { CHUNK = 2000, FULL_MS = 24 * 3600 * 1000 };


const char *sync_step_name(enum sync_step step)
{
	static const char *const v[] = {
		[SYNC_CLAIMING] = "claiming", [SYNC_PROBING] = "probing",
		[SYNC_PULLING] = "pulling", [SYNC_KEEPING] = "keeping",
		[SYNC_GIVING] = "giving", [SYNC_CHECKING] = "checking",
		[SYNC_ENDING] = "ending",
	};

	return v[step];
}


const char *sync_mode_name(enum sync_mode mode)
{
	static const char *const v[] = {
		[SYNC_RUN] = "run", [SYNC_DRY_RUN] = "dry-run",
		[SYNC_TEST] = "test",
	};

	return v[mode];
}


void sync_problem_set(struct sync_problem *problem, const char *fault,
		      const char *advice, const char *why)
{
	problem->fault  = fault;
	problem->advice = advice;
	str_ncpy(problem->why, why, sizeof(problem->why));
}


void sync_problem_of(struct sync_problem *problem,
		     const struct graph_result *result)
{
	sync_problem_set(problem, graph_fault_name(result->fault),
			 graph_fault_advice(result->fault), result->why);
	str_ncpy(problem->request_id, result->request_id,
		 sizeof(problem->request_id));
}


/* Claiming */


static int settings_h(const struct store_object *obj, void *arg)
{
	struct syncconf **confp = arg;

	*confp = fields_item_alloc(&syncconf_fields);
	if (!*confp)
		return ENOMEM;

	return fields_read_json(&syncconf_fields, *confp, obj->value, NULL,
				NULL);
}


/** @return 0, also if there is none */
static int secret_read(struct store *st, const char *tenant,
		       const char *field, char **textp)
{
	const int err = store_secret(st, STORE_SYNC, tenant, tenant, field,
				     textp);

	return err == ENOENT ? 0 : err;
}


/** Why nothing can begin; no error of the store */
static void secrets_judge(const struct syncconf *conf,
			  struct sync_problem *problem, int err)
{
	if (err)
		sync_problem_set(problem, "secret_unreadable",
				 "enter the client secret again",
				 "the secret that was kept cannot be opened:"
				 " the key file is another one");
	else if (!conf->client_secret && !conf->certificate)
		sync_problem_set(problem, "secret_missing",
				 "enter the client secret, or a certificate"
				 " with its key",
				 "there is no client secret yet");
}


int sync_conf_read(struct syncconf **confp, struct sync_problem *problem,
		   struct store *st, const char *tenant)
{
	struct syncconf *conf = NULL;
	int err;

	err = store_get(st, STORE_SYNC, tenant, tenant, settings_h, &conf);
	if (!err)
		err = secret_read(st, tenant, "client_secret",
				  &conf->client_secret);
	if (!err)
		err = secret_read(st, tenant, "certificate",
				  &conf->certificate);

	if (conf && (!err || err == ENOKEY || err == EBADMSG)) {
		secrets_judge(conf, problem, err);
		*confp = conf;
		return 0;
	}

	mem_deref(conf);

	return err;
}


static int person_h(const struct store_person *person, void *arg)
{
	struct sync_run *run = arg;
	json_t *json = json_loads(person->data, 0, NULL);
	int err;

	err = directory_put(run->dir, person->id, (unsigned)person->missing,
			    json);
	json_decref(json);

	return err == EBADMSG ? 0 : err;
}


/** Whose people they are: others' are nothing to go on with */
static int origin_make(const struct sync_run *run, char **originp)
{
	return re_sdprintf(originp, "%s %s %s", run->graph_url ?
			   run->graph_url : syncconf_graph(run->conf->cloud),
			   run->conf->directory_id, run->conf->client_id);
}


/** Once a day all are read: not every change is told as one */
static int people_read(struct sync_run *run, struct store *st)
{
	char *origin;
	bool same;
	int err;

	err = origin_make(run, &origin);
	if (err)
		return err;

	same = !strcmp(origin, run->job.origin);
	mem_deref(origin);
	if (!same)
		return 0;

	if (!run->full && *run->job.delta &&
	    run->began_ms - run->job.full_ms < FULL_MS)
		err = directory_resume(run->dir, run->job.delta);

	return err ? err : store_people_load(st, run->job.tenant, person_h,
					     run);
}


static void mode_read(struct sync_run *run)
{
	run->full = !strcmp(run->job.wish, "full");
	run->mode = !strcmp(run->job.wish, "test") ? SYNC_TEST :
		!strcmp(run->job.wish, "dry-run") ? SYNC_DRY_RUN : SYNC_RUN;
	run->began_ms = clock_wall_ms();
}


void sync_claim(struct desk_task *task, struct store *st,
		struct catalog *cat)
{
	struct sync_run *run = (struct sync_run *)task;
	int err;
	(void)cat;

	err = store_sync_claim(st, run->node, &run->job);
	if (err)
		goto out;

	mode_read(run);
	run->data = json_loads(run->job.data, 0, NULL);
	if (!run->data)
		run->data = json_object();
	err = run->data ? directory_alloc(&run->dir) : ENOMEM;
	if (!err)
		err = sync_conf_read(&run->conf, &run->problem, st,
				     run->job.tenant);
	if (!err)
		err = people_read(run, st);

 out:
	task->err = err;
}


/* Keeping people */


struct keeping {
	struct sync_run *run;
	struct store *st;
	size_t c;                  /* in this transaction */
};


static int person_keep(struct keeping *k, const struct person *person,
		       bool left)
{
	json_t *json = person_json(person);
	char *data = json ? json_dumps(json, JSON_COMPACT) : NULL;
	const struct store_person row = {
		.id = person->id, .upn = person->upn, .name = person->name,
		.why = match_why_name(match_person(person)),
		.missing = person->missing, .left = left, .data = data,
	};
	int err;

	json_decref(json);
	err = data ? store_person_put(k->st, k->run->job.tenant, &row)
		: ENOMEM;
	free(data);

	if (!err && ++k->c >= CHUNK) {
		k->c = 0;
		err  = store_end(k->st, 0);
		if (!err)
			err = store_begin(k->st);
	}

	return err;
}


/** Who has no name cannot be anybody's user */
static int people_keep(struct keeping *k, const struct list *l, bool left)
{
	struct le *le;
	int err = 0;

	LIST_FOREACH(l, le) {
		const struct person *person = le->data;

		if (!err && *person->upn && (left || person->changed))
			err = person_keep(k, person, left);
	}

	return err;
}


/** The rows, then the link that says that they are there */
static int round_keep(struct sync_run *run, struct store *st,
		      const char *origin)
{
	const bool other = strcmp(origin, run->job.origin) != 0;
	struct keeping k = { run, st, 0 };
	int err = 0;

	if (other) {
		err = store_people_forget(st, run->job.tenant);
		if (!err)
			err = store_sync_delta(st, run->job.tenant,
					       run->node, "", "", 0);
	}
	if (!err)
		err = people_keep(&k, directory_left(run->dir), true);
	if (!err)
		err = people_keep(&k, directory_people(run->dir), false);

	return err ? err :
		store_sync_delta(st, run->job.tenant, run->node, origin,
				 directory_delta(run->dir),
				 directory_was_full(run->dir) ?
				 run->began_ms : 0);
}


static int directory_keep(struct sync_run *run, struct store *st)
{
	char *origin = NULL;
	int err;

	err = directory_commit(run->dir);
	if (!err)
		err = origin_make(run, &origin);
	if (!err)
		err = store_begin(st);
	if (!err)
		err = store_end(st, round_keep(run, st, origin));
	mem_deref(origin);

	return err;
}


/* Users whom Microsoft has no more */


static int left_h(const struct store_sync_line *line, void *arg)
{
	json_t *user = line->user ? json_loads(line->user, 0, NULL) : NULL;
	const json_t *enabled = json_object_get(user, "enabled");
	int err = 0;

	if (user)
		err = json_array_append_new(arg, json_pack("{s:s, s:b}",
			"upn", line->upn, "on", !json_is_false(enabled)))
			? ENOMEM : 0;
	json_decref(user);

	return err;
}


static int user_disable(struct store *st, const char *tenant,
			const char *upn)
{
	static const struct store_by by = { "sync", NULL };
	struct object_take take = { STORE_USER, NULL };
	struct errors *errs = NULL;
	json_t *value;
	int err;

	err = errors_alloc(&errs);
	if (!err)
		err = store_get(st, STORE_USER, tenant, upn, object_take_h,
				&take);
	value = json_object_get(take.json, "value");
	if (!err && json_object_set_new(value, "enabled", json_false()))
		err = ENOMEM;
	if (!err)
		err = store_put(st, STORE_USER, tenant, value,
				json_integer_value(json_object_get(take.json,
								"revision")),
				&by, errs, NULL);
	json_decref(take.json);
	mem_deref(errs);

	if (!err)
		info("sync", tenant, "%s: disabled, Microsoft 365 has this"
		     " user no more", upn);

	return err;
}


/** They are told; and disabled where that is wanted, never removed */
static int leavers_treat(struct sync_run *run, struct store *st)
{
	const bool disable = run->conf->left == SYNC_LEFT_DISABLE &&
		run->mode == SYNC_RUN;
	const struct store_sync_lines which = { .tenant = run->job.tenant,
						.why = "left" };
	json_t *left = json_array(), *one;
	size_t i;
	int err;

	err = left ? store_sync_lines(st, &which, left_h, left) : ENOMEM;
	run->left = (unsigned)json_array_size(left);

	json_array_foreach(left, i, one) {
		if (err || !disable ||
		    !json_is_true(json_object_get(one, "on")))
			continue;

		err = user_disable(st, run->job.tenant, json_string_value(
			json_object_get(one, "upn")));
		run->disabled += !err;

		/* somebody is changing or removing it right now: next time */
		if (err == ESTALE || err == ENOENT)
			err = 0;
	}
	json_decref(left);

	return err;
}


/* Who is to have number and policies */


static int ready_h(const struct store_sync_line *line, void *arg)
{
	struct sync_run *run = arg;
	json_t *user = json_loads(line->user, 0, NULL);
	const char *number = json_string_value(json_object_get(user,
							       "number"));
	struct assignment *one;
	int err = 0;

	if (number && line->id)
		err = assignment_alloc(&one, line->id, number);
	if (!err && number && line->id)
		list_append(&run->peoplel, &one->le, one);
	json_decref(user);

	return err;
}


void sync_keep(struct desk_task *task, struct store *st, struct catalog *cat)
{
	struct sync_run *run = (struct sync_run *)task;
	const struct store_sync_lines which = { .tenant = run->job.tenant,
						.why = "ready" };
	int err;
	(void)cat;

	err = directory_keep(run, st);
	if (!err)
		err = leavers_treat(run, st);
	if (!err)
		err = store_sync_lines(st, &which, ready_h, run);

	task->err = err;
}


/* Ending */


static const char *given_name(const struct assignment *one)
{
	static const char *const v[] = {
		[ASSIGN_OPEN] = "open", [ASSIGN_THERE] = "there",
		[ASSIGN_WOULD] = "missing", [ASSIGN_DONE] = "given",
		[ASSIGN_FAILED] = "failed",
	};

	return v[one->state];
}


static int teams_keep(const struct sync_run *run, struct store *st,
		      const struct assignment *one)
{
	json_t *json;
	char *text;
	int err;

	if (one->state == ASSIGN_OPEN)
		return 0;

	json = json_pack("{s:s, s:s, s:s, s:s, s:I}", "state",
			 given_name(one), "why", one->why, "wanted",
			 one->number, "number", one->has, "time_ms",
			 (json_int_t)clock_wall_ms());
	text = json ? json_dumps(json, JSON_COMPACT) : NULL;
	json_decref(json);
	err = text ? store_person_teams(st, run->job.tenant, one->id, text)
		: ENOMEM;
	free(text);

	return err;
}


static int all_teams_keep(const struct sync_run *run, struct store *st)
{
	struct le *le;
	size_t c = 0;
	int err;

	err = store_begin(st);
	if (err)
		return err;

	LIST_FOREACH(&run->peoplel, le) {
		if (!err)
			err = teams_keep(run, st, le->data);
		if (!err && ++c % CHUNK == 0) {
			err = store_end(st, 0);
			if (!err)
				err = store_begin(st);
			if (err)
				return err;
		}
	}

	return store_end(st, err);
}


void sync_end(struct desk_task *task, struct store *st, struct catalog *cat)
{
	struct sync_run *run = (struct sync_run *)task;
	char *text = json_dumps(run->data, JSON_COMPACT);
	int err;
	(void)cat;

	err = text ? all_teams_keep(run, st) : ENOMEM;
	if (!err)
		err = store_sync_end(st, run->job.tenant, run->node, text);
	free(text);

	task->err = err;
}
