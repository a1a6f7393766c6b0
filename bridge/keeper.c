/**
 * @file keeper.c  The thread that waits for disks and databases
 */
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "bridge/base/errors.h"
#include "bridge/base/thread.h"
#include "bridge/base/wheel.h"
#include "bridge/store/store.h"
#include "config.h"
#include "keeper_core.h"


enum {
	WAIT_MS      = 500,        /* then the journal is looked at         */
	WAIT_BUSY_MS = 3000,       /* ... while there is much in it         */
	CALM_LINES   = 100,        /* in one look                           */
	STORM_LINES  = 1000,       /* ... or a second                       */
	WAIT_STORM_MS = 20000,
	LINES        = 10000,      /* of the journal at a time              */
	FILL_MS      = 200,        /* calls of older tables are filled...   */
	FILL_PAUSE_MS = 100,       /* ... then others may write             */
	SWEEP_MS     = 3600000,
};


static void names_free(struct strings *names)
{
	if (names)
		strings_clear(names);
	mem_deref(names);
}


static void news_destructor(void *data)
{
	struct keeper_news *news = data;

	list_unlink(&news->le);
	list_flush(&news->tenantl);
	mem_deref(news->conf);
	mem_deref(news->errs);
	mem_deref(news->shown);
	mem_deref(news->more);

	names_free(news->gone);
	names_free(news->same);
}


static struct keeper_news *news_alloc(void)
{
	struct keeper_news *news = mem_zalloc(sizeof(*news),
					      news_destructor);

	if (!news)
		return NULL;

	news->gone = mem_zalloc(sizeof(*news->gone), NULL);
	news->same = mem_zalloc(sizeof(*news->same), NULL);
	if (!news->gone || !news->same || errors_alloc(&news->errs))
		return mem_deref(news);

	return news;
}


/* The thread */


static void news_push(struct keeper *k, struct keeper_news *news)
{
	(void)pthread_mutex_lock(&k->lock);
	list_append(&k->newsl, &news->le, news);
	(void)pthread_mutex_unlock(&k->lock);

	k->ringh(k->arg);
}


/** The store's tenants without being asked */
static void look(struct keeper *k)
{
	struct keeper_news *news = news_alloc();
	int err;

	if (!news)
		return;

	err = keeper_look_store(k, news);
	if (err)
		keeper_tell(k, err);

	if (!err && (news->tenantl.head || news->gone->c))
		news_push(k, news);
	else
		mem_deref(news);
}


/** Was what we handed over last refused? Then nothing of it is known */
static bool was_refused(struct keeper *k)
{
	bool refused;

	(void)pthread_mutex_lock(&k->lock);
	refused = k->refused;
	k->refused = false;
	(void)pthread_mutex_unlock(&k->lock);

	return refused;
}


static void reread(struct keeper *k, struct keeper_news *news)
{
	if (was_refused(k))
		list_flush(&k->filel);

	news->err = config_load(&news->conf, k->path, news->errs);
	if (!news->err && k->moreh)
		news->err = k->moreh(&news->more, news->errs, k->arg);
	if (!news->err)
		news->err = keeper_files_take(k, news->conf, news->same,
					      news->errs);
	if (!news->err)
		news->err = keeper_look_store(k, news);
	if (!news->err)
		news->err = keeper_files_know(k, config_tenants(news->conf),
					      news->same);

	if (news->err && !errors_count(news->errs)) {
		errors_add(news->errs, NULL, NULL, "the store cannot be"
			   " used: %s", store_why(k->st));
		news->err = EBADMSG;
	}

	news_push(k, news);
}


/** @return the first of a list, taken out of it; NULL */
static struct keeper_news *next_of(struct keeper *k, struct list *l)
{
	struct keeper_news *news = NULL;
	struct le *le;

	(void)pthread_mutex_lock(&k->lock);
	le = list_head(l);
	if (le) {
		news = le->data;
		list_unlink(le);
	}
	(void)pthread_mutex_unlock(&k->lock);

	return news;
}


/** More customers of files, as long as nobody waits for anything else; at the
    end their tenants go back.
    @return true to go on at once */
static bool show_more(struct keeper *k)
{
	struct keeper_news *news;
	int err;

	if (!k->shown)
		return false;

	err = keeper_show_some(k);
	if (err == EAGAIN)
		return true;
	if (err) {
		keeper_tell(k, err);
		return false;
	}

	news = news_alloc();
	if (!news)
		return false;

	news->shown = k->shown;
	k->shown = NULL;
	news_push(k, news);

	return false;
}


static bool is_stopping(struct keeper *k)
{
	bool stopping;

	(void)pthread_mutex_lock(&k->lock);
	stopping = k->stopping;
	(void)pthread_mutex_unlock(&k->lock);

	return stopping;
}


/**
 * Take over what is new in the journal
 *
 * @return Time until the next look. While thousands register a longer one:
 *         each round writes nearly the same pages of tables and indices,
 *         whether it brings a hundred lines or thousands
 */
static unsigned import(struct keeper *k)
{
	const uint64_t now = clock_ms(), since = now - k->import_ms;
	size_t lines = 0;
	int err;

	k->import_ms = now;
	err = store_import(k->st, k->node, k->state_dir, LINES, &lines);
	if (err)
		keeper_tell(k, err);

	if (!err && lines == LINES)
		return 0;

	if (lines < CALM_LINES)
		return WAIT_MS;

	return lines >= STORM_LINES || lines * 1000 >= STORM_LINES * since ?
		WAIT_STORM_MS : WAIT_BUSY_MS;
}


/** Let go of what has been kept for long enough: an hour later again, or soon
    while there is more of it */
static void sweep(struct keeper *k)
{
	const uint64_t now = clock_ms();
	bool more = false;
	int err;

	if (now < k->sweep_ms)
		return;

	err = store_sweep(k->st, k->node, k->state_dir, k->keep_days, &more);
	if (err)
		keeper_tell(k, err);

	k->sweep_ms = now + (more && !err ? 0 : SWEEP_MS);
}


/** Calls of older tables get their figures while all else goes on.
    @return true if there are more */
static bool fill(struct keeper *k)
{
	const uint64_t end_ms = clock_ms() + FILL_MS;
	bool more = !k->filled;
	int err = 0;

	while (more && !err && clock_ms() < end_ms)
		err = store_fill(k->st, &more);

	if (err) {
		keeper_tell(k, err);
		return false;
	}

	if (more && !k->filling) {
		k->filling = true;
		info("keeper", "", "calls of an older version are being"
		     " counted: until that is done reports do not have them"
		     " all");
	}
	if (!more && k->filling)
		info("keeper", "", "calls of an older version are counted");
	k->filled  = !more;
	k->filling = more;

	return more;
}


static void *thread_main(void *arg)
{
	struct keeper *k = arg;
	struct keeper_news *news;
	unsigned wait_ms;

	do {
		while ((news = next_of(k, &k->askedl)))
			reread(k, news);

		look(k);
		wait_ms = import(k);
		sweep(k);
		if (fill(k) && wait_ms > FILL_PAUSE_MS)
			wait_ms = FILL_PAUSE_MS;
		if (show_more(k))
			wait_ms = 0;

		(void)store_wait(k->st, k->bell, wait_ms);

	} while (!is_stopping(k));

	/* What was written last is in the journal, and comes next time at
	   the latest */
	(void)import(k);

	return NULL;
}


int keeper_start(struct keeper *k, keeper_ring_h *ringh,
		 keeper_more_h *moreh, void *arg)
{
	int err;

	if (!k || !ringh)
		return EINVAL;

	k->ringh = ringh;
	k->moreh = moreh;
	k->arg   = arg;

	err = thread_start(&k->thread, "keeper", thread_main, k);
	k->running = !err;

	return err;
}


void keeper_nudge(struct keeper *k)
{
	const uint64_t one = 1;

	while (write(k->bell, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}


int keeper_reload(struct keeper *k, void *asker, uint64_t asked)
{
	struct keeper_news *news = news_alloc();

	if (!news)
		return ENOMEM;

	news->asker = asker;
	news->asked = asked;

	(void)pthread_mutex_lock(&k->lock);
	list_append(&k->askedl, &news->le, news);
	(void)pthread_mutex_unlock(&k->lock);

	keeper_nudge(k);

	return 0;
}


struct keeper_news *keeper_take(struct keeper *k)
{
	return next_of(k, &k->newsl);
}


void keeper_refused(struct keeper *k)
{
	(void)pthread_mutex_lock(&k->lock);
	k->refused = true;
	(void)pthread_mutex_unlock(&k->lock);
}


bool keeper_is_refused(struct keeper *k)
{
	bool refused;

	(void)pthread_mutex_lock(&k->lock);
	refused = k->refused;
	(void)pthread_mutex_unlock(&k->lock);

	return refused;
}


bool keeper_news_some(const struct keeper_news *news)
{
	return news->err || news->conf || news->tenantl.head ||
		news->gone->c;
}


const char *keeper_url(const struct keeper *k)
{
	return k->url;
}


const char *keeper_path(const struct keeper *k)
{
	return k->path;
}


const char *keeper_key_file(const struct keeper *k)
{
	return k->key_file;
}


const char *keeper_node(const struct keeper *k)
{
	return k->node;
}


/* Opening */


static int names_make(struct keeper *k, const char *path,
		      const struct nodeconf *nc)
{
	char host[64] = "";
	int err;

	(void)gethostname(host, sizeof(host) - 1);
	k->keep_days = (unsigned)nc->store.keep_days;

	err = str_dup(&k->path, path);
	if (!err)
		err = str_dup(&k->state_dir, nc->state_dir);
	if (!err)
		err = str_dup(&k->node, nc->store.node ? nc->store.node :
			      *host ? host : "node");
	if (!err && nc->templates)
		err = str_dup(&k->templates, nc->templates);
	if (!err)
		err = nc->store.url ? str_dup(&k->url, nc->store.url) :
			re_sdprintf(&k->url, "sqlite:%s/store.db",
				    nc->state_dir);
	if (!err)
		err = nc->store.key_file ?
			str_dup(&k->key_file, nc->store.key_file) :
			re_sdprintf(&k->key_file, "%s/secrets.key",
				    nc->state_dir);

	return err;
}


static void complain(struct errors *errs, const struct config *conf,
		     const char *field, const char *file, int err)
{
	struct place place;

	config_place(conf, field, &place);
	errors_add(errs, &place, field, "%s: %s", file, err == EACCES ?
		   "others may read it, or it is somebody else's: want mode"
		   " 0600" : err == EBADMSG ? "want a file of keys as"
		   " callbridge makes it" : strerror(err));
}


static int keys_open(struct keyring **ringp, struct keeper *k,
		     const struct config *conf, struct errors *errs)
{
	int err;

	err = keyring_make(k->key_file);
	if (!err)
		info("keeper", "", "%s is new: it opens the SIP passwords in"
		     " the store; keep a copy of it, apart from backups",
		     k->key_file);
	if (!err || err == EEXIST)
		err = keyring_load(ringp, k->key_file);
	if (err)
		complain(errs, conf, "store.key_file", k->key_file, err);

	return err ? EBADMSG : 0;
}


static int db_open(struct keeper *k, const struct config *conf,
		   struct errors *errs)
{
	struct keyring *ring = NULL;
	int err;

	err = keys_open(&ring, k, conf, errs);
	if (err)
		return err;

	err = store_open(&k->st, k->url, true, ring, errs);
	if (!err)
		err = store_migrate(k->st, errs);
	mem_deref(ring);

	return err ? EBADMSG : 0;
}


int keeper_open(struct keeper **kp, const char *path, struct config *conf,
		struct errors *errs)
{
	struct strings none = { NULL, 0 };
	struct keeper *k;
	int err;

	if (!kp || !path || !conf || !errs)
		return EINVAL;

	k = calloc(1, sizeof(*k));
	if (!k)
		return ENOMEM;

	(void)pthread_mutex_init(&k->lock, NULL);
	k->stamp = -1;
	k->bell  = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	err = k->bell < 0 ? errno : names_make(k, path, config_node(conf));
	if (!err)
		err = db_open(k, conf, errs);
	if (!err) {
		err = keeper_files_take(k, conf, &none, errs);
		if (!err)
			err = keeper_files_know(k, config_tenants(conf),
						NULL);
		if (err && !errors_count(errs))
			errors_add(errs, NULL, NULL, "the store cannot be"
				   " used: %s", store_why(k->st));
	}

	if (err)
		keeper_close(k);
	else
		*kp = k;

	return err == ENOMEM ? err : err ? EBADMSG : 0;
}


struct keeper_news *keeper_first(struct keeper *k, struct errors *errs)
{
	struct keeper_news *news = news_alloc();
	int err;

	if (!news)
		return NULL;

	err = keeper_look_store(k, news);
	if (err) {
		errors_add(errs, NULL, NULL, "the store cannot be used: %s",
			   store_why(k->st));
		return mem_deref(news);
	}

	return news;
}


void keeper_close(struct keeper *k)
{
	if (!k)
		return;

	(void)pthread_mutex_lock(&k->lock);
	k->stopping = true;
	(void)pthread_mutex_unlock(&k->lock);

	if (k->running) {
		keeper_nudge(k);
		(void)pthread_join(k->thread, NULL);
	}

	list_flush(&k->newsl);
	list_flush(&k->askedl);
	list_flush(&k->knownl);
	list_flush(&k->filel);
	mem_deref(k->shown);
	mem_deref(k->st);
	mem_deref(k->path);
	mem_deref(k->url);
	mem_deref(k->key_file);
	mem_deref(k->node);
	mem_deref(k->state_dir);
	mem_deref(k->templates);
	if (k->bell >= 0)
		(void)close(k->bell);
	(void)pthread_mutex_destroy(&k->lock);
	free(k);
}
