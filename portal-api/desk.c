/**
 * @file desk.c  Workers, each with a store of its own
 */
#include <pthread.h>
#include <stdlib.h>

#include "api.h"
#include "bridge/base/errors.h"
#include "bridge/base/log.h"
#include "bridge/base/thread.h"
#include "bridge/base/wheel.h"
#include "bridge/store/phonebook.h"
#include "bridge/store/seal.h"
#include "catalogs.h"
#include "desk.h"


enum {
	WORKERC   = 4,
	WAIT_MAX  = 256,           /* requests in the row */
};


struct worker {
	struct desk *desk;         /* borrowed, parent                */
	struct store *st;          /* owned; the thread's             */
	struct catalog *cat;       /* owned; the thread's             */
	int64_t stamp;             /* of the catalog                  */
	struct keyring_seen keys;  /* that the store has              */
	pthread_t thread;
	bool running;
	desk_work_h *workh;        /* of the one that works at length */
	desk_end_h *endh;
	void *work;
};


struct desk {
	struct desk_conf conf;     /* its strings owned               */
	struct worker workerv[WORKERC];
	struct worker longer;      /* for what takes long             */
	struct log_gate gate;      /* guarded by the lock             */
	struct phonebook *pb;      /* owned; the stores' of all       */

	pthread_mutex_t lock;      /* for all below                   */
	pthread_cond_t some;
	struct list waitl;         /* struct request                  */
	struct list taskl;         /* struct desk_task                */
	bool long_runs;
	bool closing;
};


/* A worker's own */


static int store_get_open(struct worker *w)
{
	int err;

	if (w->st)
		return 0;

	err = store_open(&w->st, w->desk->conf.url, false, NULL, NULL);
	if (!err)
		store_phonebook_set(w->st, w->desk->pb);

	return err;
}


/** Whoever rotates the keys does so while we run */
static int keys_get(struct worker *w)
{
	struct keyring *ring = NULL;
	int err;

	if (!w->desk->conf.key_file)
		return 0;

	err = keyring_reload(&ring, w->desk->conf.key_file, &w->keys);
	if (!err)
		store_keys_set(w->st, ring);
	mem_deref(ring);

	return err == EALREADY ? 0 : err;
}


/** A new catalog when something has changed, which is seldom */
static int catalog_get(struct worker *w)
{
	struct catalog *cat = NULL;
	struct errors *errs = NULL;
	int64_t stamp = 0;
	int err;

	/* the first to notice that the server was away connects anew */
	err = store_stamp(w->st, &stamp);
	if (err == ECONNRESET)
		err = store_stamp(w->st, &stamp);
	if (err || (w->cat && stamp == w->stamp))
		return err;

	err = errors_alloc(&errs);
	if (!err)
		err = catalog_of_store(&cat, w->st, w->desk->conf.templates,
				   errs);
	if (!err) {
		mem_deref(w->cat);
		w->cat   = cat;
		w->stamp = stamp;
	}
	else if (err == EBADMSG && w->cat)
		err = 0;           /* a template file was spoilt: the old ones
				      stay */
	mem_deref(errs);

	return err;
}


static int ready(struct worker *w)
{
	int err;

	err = store_get_open(w);
	if (!err)
		err = keys_get(w);

	return err ? err : catalog_get(w);
}


static void complain(const struct worker *w, int err)
{
	struct desk *desk = w->desk;
	bool pass;

	(void)pthread_mutex_lock(&desk->lock);
	pass = log_gate_pass(&desk->gate, clock_ms(), NULL);
	(void)pthread_mutex_unlock(&desk->lock);

	if (pass)
		warning("portal", "", "the store cannot be used: %m: %s",
			err, w->st ? store_why(w->st) : "");
}


static void *first_take(struct list *l)
{
	struct le *le = list_head(l);
	void *data = list_ledata(le);

	list_unlink(le);

	return data;
}


/** People who wait come first. @return false when the desk closes */
static bool next(struct desk *desk, struct request **rqp,
		 struct desk_task **taskp)
{
	bool some;

	*rqp   = NULL;
	*taskp = NULL;
	(void)pthread_mutex_lock(&desk->lock);

	while (!desk->closing && !desk->waitl.head && !desk->taskl.head)
		(void)pthread_cond_wait(&desk->some, &desk->lock);

	some = !desk->closing;
	if (some)
		*rqp = first_take(&desk->waitl);
	if (some && !*rqp)
		*taskp = first_take(&desk->taskl);

	(void)pthread_mutex_unlock(&desk->lock);

	return some;
}


/** What is at hand needs no store; whose token it is, the store knows */
static bool is_storeless(const struct request *rq)
{
	return rq->res->worker == BY_DESK_ALONE &&
		(rq->granted || !rq->bearer);
}


static void request_work(struct worker *w, struct request *rq)
{
	const int err = is_storeless(rq) ? 0 : ready(w);

	rq->st  = w->st;
	rq->cat = w->cat;
	if (err) {
		complain(w, err);
		reply_store(rq, err, NULL);
	}
	else {
		api_work(rq);
	}
	rq->st  = NULL;
	rq->cat = NULL;

	w->desk->conf.doneh(rq, w->desk->conf.arg);
}


static void task_work(struct worker *w, struct desk_task *task)
{
	task->err = ready(w);
	if (task->err)
		complain(w, task->err);
	else
		task->workh(task, w->st, w->cat);

	w->desk->conf.task_doneh(task, w->desk->conf.arg);
}


static void *worker_main(void *arg)
{
	struct worker *w = arg;
	struct desk_task *task;
	struct request *rq;

	while (next(w->desk, &rq, &task)) {
		if (rq)
			request_work(w, rq);
		else
			task_work(w, task);
	}

	mem_deref(w->st);
	mem_deref(w->cat);

	return NULL;
}


static void *long_main(void *arg)
{
	struct worker *w = arg;
	desk_end_h *endh = w->endh;
	void *work = w->work;
	const int err = ready(w);

	if (err)
		complain(w, err);
	w->workh(err ? NULL : w->st, err ? NULL : w->cat, w->work);

	w->st  = mem_deref(w->st);
	w->cat = mem_deref(w->cat);
	memset(&w->keys, 0, sizeof(w->keys));

	(void)pthread_mutex_lock(&w->desk->lock);
	w->desk->long_runs = false;
	(void)pthread_mutex_unlock(&w->desk->lock);

	endh(work);

	return NULL;
}


/** The threads take no signal: the program's loop reads them */
static int worker_start(struct worker *w, struct desk *desk,
			void *(*mainh)(void *))
{
	int err;

	w->desk = desk;
	err = thread_start(&w->thread, "desk", mainh, w);
	w->running = !err;

	return err;
}


/* The desk */


static int text_copy(const char **dst, const char *src)
{
	*dst = src ? strdup(src) : NULL;

	return src && !*dst ? ENOMEM : 0;
}


int desk_open(struct desk **deskp, const struct desk_conf *conf)
{
	struct desk *desk;
	int err;

	desk = calloc(1, sizeof(*desk));
	if (!desk)
		return ENOMEM;

	(void)pthread_mutex_init(&desk->lock, NULL);
	(void)pthread_cond_init(&desk->some, NULL);

	desk->conf = *conf;
	err  = text_copy(&desk->conf.url, conf->url);
	err |= text_copy(&desk->conf.key_file, conf->key_file);
	err |= text_copy(&desk->conf.templates, conf->templates);
	if (!err)
		err = phonebook_alloc(&desk->pb);

	for (size_t i = 0; i < WORKERC && !err; i++)
		err = worker_start(&desk->workerv[i], desk, worker_main);

	if (err)
		desk_close(desk);
	else
		*deskp = desk;

	return err;
}


static int push(struct desk *desk, struct list *l, struct le *le, void *data)
{
	int err = 0;

	(void)pthread_mutex_lock(&desk->lock);
	if (desk->closing || list_count(l) >= WAIT_MAX)
		err = EAGAIN;
	else {
		list_append(l, le, data);
		(void)pthread_cond_signal(&desk->some);
	}
	(void)pthread_mutex_unlock(&desk->lock);

	return err;
}


int desk_push(struct desk *desk, struct request *rq)
{
	return desk ? push(desk, &desk->waitl, &rq->le, rq) : EAGAIN;
}


int desk_push_task(struct desk *desk, struct desk_task *task)
{
	return desk ? push(desk, &desk->taskl, &task->le, task) : EAGAIN;
}


int desk_run(struct desk *desk, desk_work_h *h, desk_end_h *endh, void *arg)
{
	struct worker *w;
	bool busy;
	int err;

	if (!desk)
		return EBUSY;

	w = &desk->longer;
	(void)pthread_mutex_lock(&desk->lock);
	busy = desk->long_runs || desk->closing;
	if (!busy)
		desk->long_runs = true;
	(void)pthread_mutex_unlock(&desk->lock);

	if (busy)
		return EBUSY;

	/* the one before has ended, but for being joined */
	if (w->running)
		(void)pthread_join(w->thread, NULL);

	w->workh = h;
	w->endh  = endh;
	w->work  = arg;
	err = worker_start(w, desk, long_main);
	if (err) {
		(void)pthread_mutex_lock(&desk->lock);
		desk->long_runs = false;
		(void)pthread_mutex_unlock(&desk->lock);
	}

	return err;
}


void desk_close(struct desk *desk)
{
	struct le *le;

	if (!desk)
		return;

	(void)pthread_mutex_lock(&desk->lock);
	desk->closing = true;
	(void)pthread_cond_broadcast(&desk->some);
	(void)pthread_mutex_unlock(&desk->lock);

	for (size_t i = 0; i < WORKERC; i++)
		if (desk->workerv[i].running)
			(void)pthread_join(desk->workerv[i].thread, NULL);
	if (desk->longer.running)
		(void)pthread_join(desk->longer.thread, NULL);

	while ((le = list_head(&desk->waitl))) {
		struct request *rq = le->data;

		list_unlink(le);
		reply_store(rq, ESHUTDOWN, NULL);
		desk->conf.doneh(rq, desk->conf.arg);
	}

	while ((le = list_head(&desk->taskl))) {
		struct desk_task *task = le->data;

		list_unlink(le);
		task->err = ESHUTDOWN;
		desk->conf.task_doneh(task, desk->conf.arg);
	}

	phonebook_free(desk->pb);
	free((void *)(uintptr_t)desk->conf.url);
	free((void *)(uintptr_t)desk->conf.key_file);
	free((void *)(uintptr_t)desk->conf.templates);
	(void)pthread_cond_destroy(&desk->some);
	(void)pthread_mutex_destroy(&desk->lock);
	free(desk);
}
