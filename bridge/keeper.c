/**
 * @file keeper.c  The thread that waits for disks and databases
 */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "bridge/base/errors.h"
#include "bridge/base/log.h"
#include "bridge/base/metrics.h"
#include "bridge/base/wheel.h"
#include "bridge/call/music.h"
#include "bridge/model/tenant.h"
#include "bridge/store/seal.h"
#include "bridge/store/store.h"
#include "config.h"
#include "keeper.h"
#include "pbx-templates/template.h"
#include "portal-api/catalogs.h"


enum {
	WAIT_MS      = 500,        /* then the journal is looked at         */
	WAIT_BUSY_MS = 3000,       /* ... while there is much in it         */
	STORM_LINES  = 1000,       /* in one look                           */
	WAIT_STORM_MS = 20000,
	LINES        = 10000,      /* of the journal at a time              */
	SHOW_MS      = 200,        /* that others wait for files to be shown */
	FILL_MS      = 200,        /* calls of older tables are filled...   */
	FILL_PAUSE_MS = 100,       /* ... then others may write             */
	SWEEP_MS     = 3600000,
};


/** A tenant of the store, or of a file, as the bridge has it */
struct known {
	struct le le;
	char *name;                /* owned */
	int64_t stamp;             /* of a file's: its hash */
	bool seen;
};


/**
 * Tenants of files that are to be shown in the store
 *
 * They are the SIP thread's as well, which alone may count references: here
 * they are only read, and nobody changes them. They go back to it in the
 * end, by news.
 */
struct keeper_shown {
	struct tenant **v;         /* owned; each: a reference, see above */
	size_t c;
	size_t at, end;            /* those yet to be shown               */
};


struct keeper {
	char *path;                /* owned: the configuration            */
	char *url;                 /* owned, as all below                 */
	char *key_file;
	char *node;
	char *state_dir;
	char *templates;           /* NULL                                */
	struct store *st;          /* the thread's while it runs          */
	struct keyring_seen keys;  /* that the store has                  */
	struct list knownl;        /* struct known: of the store          */
	struct list filel;         /* struct known: of files              */
	struct keeper_shown *shown;        /* owned, NULL: none            */
	int64_t stamp;             /* of what the bridge has              */
	struct log_gate gate;
	unsigned keep_days;
	uint64_t sweep_ms;         /* when to look for what is too old    */
	bool filled;               /* no calls of older tables are left   */
	bool filling;              /* ... there were some                 */

	keeper_ring_h *ringh;
	keeper_more_h *moreh;      /* NULL */
	void *arg;
	pthread_t thread;
	bool running;
	int bell;                  /* eventfd */

	pthread_mutex_t lock;      /* for all below */
	struct list newsl;         /* struct keeper_news                  */
	struct list askedl;        /* struct keeper_news, yet to be read  */
	bool stopping;
	bool refused;              /* the files that were read last       */
};


static void names_clear(struct strings *names)
{
	for (size_t i = 0; i < names->c; i++)
		mem_deref(names->v[i]);
	mem_deref(names->v);
}


static void names_free(struct strings *names)
{
	if (names)
		names_clear(names);
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


static void known_destructor(void *data)
{
	struct known *known = data;

	list_unlink(&known->le);
	mem_deref(known->name);
}


/* Tenants of the store */


struct looking {
	struct keeper *k;
	struct keeper_news *news;
	struct strings changed;    /* names */
};


static struct known *known_find(const struct list *list, const char *name)
{
	for (struct le *le = list_head(list); le; le = le->next) {
		struct known *known = le->data;

		if (!strcmp(known->name, name))
			return known;
	}

	return NULL;
}


static int known_add(struct known **knownp, struct list *list,
		     const char *name)
{
	struct known *known = mem_zalloc(sizeof(*known), known_destructor);

	if (!known)
		return ENOMEM;

	if (str_dup(&known->name, name)) {
		mem_deref(known);
		return ENOMEM;
	}

	list_append(list, &known->le, known);
	*knownp = known;

	return 0;
}


static int stamp_h(const char *name, int64_t stamp, void *arg)
{
	struct looking *lk = arg;
	struct known *known = known_find(&lk->k->knownl, name);

	if (known && known->stamp == stamp) {
		known->seen = true;
		return 0;
	}

	if (!known && known_add(&known, &lk->k->knownl, name))
		return ENOMEM;

	known->seen  = true;
	known->stamp = stamp;

	return strings_add(&lk->changed, name);
}


/** Those that were not told any more are gone */
static int gone_find(struct looking *lk)
{
	struct le *le = list_head(&lk->k->knownl);
	int err = 0;

	while (le && !err) {
		struct known *known = le->data;

		le = le->next;
		if (!known->seen) {
			err = strings_add(lk->news->gone, known->name);
			mem_deref(known);
			continue;
		}
		known->seen = false;
	}

	return err;
}


static int tenant_read(struct looking *lk, const char *name,
		       struct catalog *cat)
{
	struct errors *errs = NULL;
	struct tenant *tenant = NULL;
	int err;

	err = errors_alloc(&errs);
	if (err)
		return err;

	err = store_tenant_load(lk->k->st, name, catalog_apply, cat, &tenant,
				errs);
	if (!err)
		err = music_load(tenant, errs);
	if (!err)
		list_append(&lk->news->tenantl, &tenant->le, tenant);
	else if (err == EBADMSG || err == ENOKEY) {
		warning("keeper", name, "this customer cannot be used as the"
			" store has it, and stays as it was: %H",
			errors_print, errs);
		err = 0;
	}
	else if (err == ENOENT)
		err = 0;           /* removed meanwhile */

	if (tenant && !tenant->le.list)
		mem_deref(tenant);
	mem_deref(errs);

	return err;
}


/** After a failure all is looked at again */
static void forget(struct keeper *k)
{
	for (struct le *le = list_head(&k->knownl); le; le = le->next)
		((struct known *)le->data)->stamp = -1;
	k->stamp = -1;
}


/** Whoever rotates the keys does so while we run */
static void keys_look(struct keeper *k)
{
	struct keyring *ring = NULL;
	const int err = keyring_reload(&ring, k->key_file, &k->keys);

	if (!err)
		store_keys_set(k->st, ring);
	else if (err != EALREADY && log_gate_pass(&k->gate, clock_ms(), NULL))
		warning("keeper", "", "%s: %m: the keys that were read before"
			" stay", k->key_file, err);
	mem_deref(ring);
}


/** What has changed in the store since last time */
static int store_look(struct keeper *k, struct keeper_news *news)
{
	struct looking lk = { .k = k, .news = news };
	struct catalog *cat = NULL;
	int64_t stamp = 0;
	int err;

	keys_look(k);
	err = store_stamp(k->st, &stamp);
	if (err || stamp == k->stamp)
		return err;

	err = catalog_of_store(&cat, k->st, k->templates, news->errs);
	if (!err)
		err = store_tenant_stamps(k->st, stamp_h, &lk);
	if (!err)
		err = gone_find(&lk);

	for (size_t i = 0; i < lk.changed.c && !err; i++)
		err = tenant_read(&lk, lk.changed.v[i], cat);

	names_clear(&lk.changed);
	mem_deref(cat);

	if (err)
		forget(k);
	else
		k->stamp = stamp;

	return err;
}


static void tell_store(struct keeper *k, int err)
{
	metric_add(metric_counter("callbridge_store_failures_total", NULL,
				  "Times that the store could not be used"),
		   1);

	if (log_gate_pass(&k->gate, clock_ms(), NULL))
		warning("keeper", "", "the store cannot be used now: %m: %s;"
			" calls go on, and their records wait in the journal",
			err, store_why(k->st));
}


/* Customer files shown in the store */


static void shown_destructor(void *data)
{
	struct keeper_shown *shown = data;

	for (size_t i = 0; i < shown->c; i++)
		mem_deref(shown->v[i]);
	mem_deref(shown->v);
}


/**
 * All of a list are to be shown, and what is still to be shown of those that
 * are the same; the others from before wait for their way back
 *
 * @param same  Names
 */
static int shown_make(struct keeper *k, const struct list *tenantl,
		      const struct strings *same)
{
	struct keeper_shown *old = k->shown, *shown;
	const size_t max = list_count(tenantl) + (old ? old->c : 0);

	shown = mem_zalloc(sizeof(*shown), shown_destructor);
	if (!shown)
		return ENOMEM;

	shown->v = mem_zalloc((max + 1) * sizeof(*shown->v), NULL);
	if (!shown->v) {
		mem_deref(shown);
		return ENOMEM;
	}

	for (struct le *le = list_head(tenantl); le; le = le->next)
		shown->v[shown->c++] = mem_ref(le->data);

	for (size_t i = old ? old->at : 0; old && i < old->end; i++) {
		if (!strings_has(same, old->v[i]->tenant))
			continue;

		shown->v[shown->c++] = old->v[i];
		old->v[i] = NULL;
	}
	shown->end = shown->c;

	for (size_t i = 0; old && i < old->c; i++)
		if (old->v[i])
			shown->v[shown->c++] = old->v[i];
	if (old)
		old->c = 0;

	mem_deref(old);
	k->shown = shown;

	return 0;
}


/** One that cannot be shown is told of; the others are shown all the same */
static int show_tenant(struct keeper *k, const struct tenant *tenant)
{
	struct errors *errs = NULL;
	int err;

	err = errors_alloc(&errs);
	if (err)
		return err;

	err = store_mirror_tenant(k->st, k->node, tenant, errs);
	if (err && errors_count(errs)) {
		warning("keeper", tenant->tenant, "this customer goes by its"
			" file, but cannot be shown in the store: %H",
			errors_print, errs);
		err = 0;
	}
	mem_deref(errs);

	return err;
}


/**
 * Show more of them
 *
 * @return 0 all are shown, EAGAIN there are more, or why the store cannot be
 *         used
 */
static int show_some(struct keeper *k)
{
	const uint64_t end_ms = clock_ms() + SHOW_MS;
	struct keeper_shown *shown = k->shown;
	int err = 0;

	while (shown->at < shown->end && !err) {
		if (clock_ms() >= end_ms)
			return EAGAIN;

		err = show_tenant(k, shown->v[shown->at]);
		if (!err)
			++shown->at;
	}

	return err;
}


/* Files that were read */


struct sameness {
	struct keeper *k;
	struct strings *same;      /* borrowed: takes names */
	int err;
};


/** The bridge has it already. It is this thread's alone to let go */
static bool is_same_h(const struct tenant *tenant, void *arg)
{
	struct sameness *sn = arg;
	const struct known *known = known_find(&sn->k->filel, tenant->tenant);

	if (!known || sn->err || known->stamp !=
	    (int64_t)fields_hash(&tenant_fields, tenant, true))
		return false;

	sn->err = strings_add(sn->same, tenant->tenant);

	return !sn->err;
}


/** What the bridge has from now on */
static int files_know(struct keeper *k, const struct list *tenantl,
		      const struct strings *same)
{
	struct le *le = list_head(&k->filel);
	int err = 0;

	while (le) {
		struct known *known = le->data;

		le = le->next;
		if (!same || !strings_has(same, known->name))
			mem_deref(known);
	}

	for (le = list_head(tenantl); le && !err; le = le->next) {
		const struct tenant *tenant = le->data;
		struct known *known;

		err = known_add(&known, &k->filel, tenant->tenant);
		if (!err)
			known->stamp = (int64_t)fields_hash(&tenant_fields,
							    tenant, true);
	}

	return err;
}


/**
 * See whether the tenants of files may be, leave those out that the bridge
 * has, and begin to show the others in the store, while they are this
 * thread's alone
 */
static int files_take(struct keeper *k, struct config *conf,
		      struct strings *same, struct errors *errs)
{
	struct sameness sn = { .k = k, .same = same };
	int err;

	err = store_mirror_check(k->st, k->node, config_tenants(conf), errs);
	if (!err)
		err = store_mirror_sweep(k->st, k->node,
					 config_tenants(conf));
	if (!err) {
		config_drop_tenants(conf, is_same_h, &sn);
		err = sn.err;
	}
	if (!err)
		err = shown_make(k, config_tenants(conf), same);
	if (!err)
		err = show_some(k);

	return err == EAGAIN ? 0 : err;
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

	err = store_look(k, news);
	if (err)
		tell_store(k, err);

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
		news->err = files_take(k, news->conf, news->same, news->errs);
	if (!news->err)
		news->err = store_look(k, news);
	if (!news->err)
		news->err = files_know(k, config_tenants(news->conf),
				       news->same);

	if (news->err && !errors_count(news->errs)) {
		errors_add(news->errs, NULL, NULL, "the store cannot be"
			   " used: %s", store_why(k->st));
		news->err = EBADMSG;
	}

	news_push(k, news);
}


static struct keeper_news *asked_next(struct keeper *k)
{
	struct keeper_news *news = NULL;
	struct le *le;

	(void)pthread_mutex_lock(&k->lock);
	le = list_head(&k->askedl);
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

	err = show_some(k);
	if (err == EAGAIN)
		return true;
	if (err) {
		tell_store(k, err);
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
	size_t lines = 0;
	int err;

	err = store_import(k->st, k->node, k->state_dir, LINES, &lines);
	if (err)
		tell_store(k, err);

	if (!err && lines == LINES)
		return 0;

	return lines < STORE_CALM ? WAIT_MS : lines < STORM_LINES ?
		WAIT_BUSY_MS : WAIT_STORM_MS;
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
		tell_store(k, err);

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
		tell_store(k, err);
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
		while ((news = asked_next(k)))
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
	sigset_t all, old;
	int err;

	if (!k || !ringh)
		return EINVAL;

	k->ringh = ringh;
	k->moreh = moreh;
	k->arg   = arg;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);
	err = pthread_create(&k->thread, NULL, thread_main, k);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);

	k->running = !err;
	if (!err)
		(void)pthread_setname_np(k->thread, "keeper");

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
	struct keeper_news *news = NULL;
	struct le *le;

	(void)pthread_mutex_lock(&k->lock);
	le = list_head(&k->newsl);
	if (le) {
		news = le->data;
		list_unlink(le);
	}
	(void)pthread_mutex_unlock(&k->lock);

	return news;
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
		err = files_take(k, conf, &none, errs);
		if (!err)
			err = files_know(k, config_tenants(conf), NULL);
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

	err = store_look(k, news);
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
