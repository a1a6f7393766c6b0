/**
 * @file lease.c  Which PBXs are this node's
 */
#include <fcntl.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "bridge/base/errors.h"
#include "bridge/base/field.h"
#include "bridge/base/log.h"
#include "bridge/base/thread.h"
#include "bridge/base/wheel.h"
#include "bridge/model/tenant.h"
#include "bridge/store/store.h"
#include "lease.h"


enum {
	BEAT_MS  = STORE_LEASE_MS / 4,
	REST_MS  = 100,            /* between beats, however much changes  */
	RUN_SIZE = 33,
	KEY_SIZE = 160,            /* "tenant/pbx" */
};


/** Names in order: "tenant/pbx" */
struct places {
	char (*v)[KEY_SIZE];       /* owned, libre memory */
	size_t c;
};


struct lease {
	char *node, *software;     /* owned */
	char run[RUN_SIZE];
	int64_t since_ms;
	struct store *st;          /* the thread's while it runs; NULL: there
				      is one node                           */
	int fd;                    /* of the lock of an SQLite file, or -1  */
	bool lost;                 /* the store was, at the last beat       */
	struct log_gate gate;

	lease_ring_h *ringh;
	void *arg;
	pthread_t thread;
	bool running;
	int bell;                  /* eventfd */

	pthread_mutex_t lock;      /* for all below */
	struct places held;
	struct strings *files;     /* owned: tenants of files */
	char *about;               /* owned; NULL; not here during a beat */
	bool draining, stopping;
};


/* Places */


static void key_make(char key[KEY_SIZE], const char *tenant, const char *pbx)
{
	(void)re_snprintf(key, KEY_SIZE, "%s/%s", tenant, pbx);
}


static int key_cmp(const void *a, const void *b)
{
	return strcmp(a, b);
}


static bool places_has(const struct places *p, const char *tenant,
		       const char *pbx)
{
	char key[KEY_SIZE];

	key_make(key, tenant, pbx);

	return p->c && bsearch(key, p->v, p->c, KEY_SIZE, key_cmp);
}


/** store_lease_h */
static int place_add(const char *tenant, const char *pbx, void *arg)
{
	struct places *p = arg;

	if (!(p->c & (p->c - 1))) {
		const size_t c = p->c ? 2 * p->c : 1;
		char (*v)[KEY_SIZE] = p->v ? mem_realloc(p->v, c * KEY_SIZE)
			: mem_alloc(c * KEY_SIZE, NULL);

		if (!v)
			return ENOMEM;
		p->v = v;
	}

	memset(p->v[p->c], 0, KEY_SIZE);
	key_make(p->v[p->c++], tenant, pbx);

	return 0;
}


static bool places_equal(const struct places *a, const struct places *b)
{
	return a->c == b->c &&
		(!a->c || !memcmp(a->v, b->v, a->c * KEY_SIZE));
}


/* Customers of files */


static void files_destructor(void *data)
{
	strings_clear(data);
}


static int files_make(struct strings **filesp, const struct list *tenantl)
{
	struct strings *files = mem_zalloc(sizeof(*files), files_destructor);
	int err = files ? 0 : ENOMEM;

	for (struct le *le = list_head(tenantl); le && !err; le = le->next) {
		const struct tenant *tenant = le->data;

		if (!tenant->stored)
			err = strings_add(files, tenant->tenant);
	}

	if (err)
		mem_deref(files);
	else
		*filesp = files;

	return err;
}


/* The thread */


static int64_t now_ms(void)
{
	return (int64_t)time(NULL) * 1000;
}


/** Take what was found, and tell if it is not what it was */
static void held_set(struct lease *lease, struct places *found)
{
	struct places over;
	bool same;

	if (found->c)
		qsort(found->v, found->c, KEY_SIZE, key_cmp);

	(void)pthread_mutex_lock(&lease->lock);
	same = places_equal(&lease->held, found);
	over = lease->held;
	lease->held = *found;
	(void)pthread_mutex_unlock(&lease->lock);

	if (!same)
		info("lease", lease->node, "%zu PBXs are served here, %zu"
		     " before", found->c, over.c);
	if (!same && lease->ringh)
		lease->ringh(lease->arg);

	mem_deref(over.v);
}


/** Good for the next beat too, unless there is news */
static void about_back(struct lease *lease, char *about)
{
	(void)pthread_mutex_lock(&lease->lock);
	if (!lease->about) {
		lease->about = about;
		about = NULL;
	}
	(void)pthread_mutex_unlock(&lease->lock);

	mem_deref(about);
}


static int beat(struct lease *lease)
{
	struct store_node self = {
		.name = lease->node, .run = lease->run,
		.software = lease->software, .since_ms = lease->since_ms,
	};
	struct places found = { NULL, 0 };
	struct strings *files;
	char *about;
	int err;

	(void)pthread_mutex_lock(&lease->lock);
	self.draining = lease->draining;
	self.about = about = lease->about;
	lease->about = NULL;
	files = mem_ref(lease->files);
	(void)pthread_mutex_unlock(&lease->lock);

	err = store_node_beat(lease->st, &self, files, place_add, &found);
	mem_deref(files);
	about_back(lease, about);

	if (err)
		mem_deref(found.v);
	else
		held_set(lease, &found);

	return err;
}


static void beat_tell(struct lease *lease, int err)
{
	if (err && (!lease->lost || log_gate_pass(&lease->gate, clock_ms(),
						  NULL)))
		warning("lease", lease->node, "this node cannot say that it"
			" is there: %s; it keeps the PBXs that it has, and"
			" others may take them over",
			err == EADDRINUSE ? "another one has its name"
			: store_why(lease->st));
	if (!err && lease->lost)
		info("lease", lease->node, "the store is there again");

	lease->lost = err != 0;
}


static bool is_stopping(struct lease *lease)
{
	bool stopping;

	(void)pthread_mutex_lock(&lease->lock);
	stopping = lease->stopping;
	(void)pthread_mutex_unlock(&lease->lock);

	return stopping;
}


static void self_leave(struct lease *lease)
{
	const struct store_node self = { .name = lease->node,
					 .run = lease->run };
	const int err = store_node_leave(lease->st, &self);

	if (err)
		warning("lease", lease->node, "others take its PBXs over when"
			" it has been silent for a while: %m: %s", err,
			store_why(lease->st));
}


static void *thread_main(void *arg)
{
	struct lease *lease = arg;

	while (!is_stopping(lease)) {
		beat_tell(lease, beat(lease));

		/* a change somewhere, or the time; or we are rung */
		(void)store_wait(lease->st, lease->bell, BEAT_MS);
		sys_msleep(REST_MS);
	}

	self_leave(lease);

	return NULL;
}


int lease_start(struct lease *lease, lease_ring_h *ringh, void *arg)
{
	int err;

	if (!lease || !ringh)
		return EINVAL;

	if (!lease->st)
		return 0;

	lease->ringh = ringh;
	lease->arg   = arg;

	err = thread_start(&lease->thread, "lease", thread_main, lease);
	lease->running = !err;

	return err;
}


static void nudge(struct lease *lease)
{
	const uint64_t one = 1;

	while (write(lease->bell, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}


void lease_mark(struct lease *lease, const struct list *tenantl)
{
	struct strings *files = NULL, *over = NULL;

	if (!lease || !lease->st || files_make(&files, tenantl))
		return;

	(void)pthread_mutex_lock(&lease->lock);

	for (struct le *le = list_head(tenantl); le; le = le->next) {
		const struct tenant *tenant = le->data;

		for (struct le *l = list_head(&tenant->pbxl); l;
		     l = l->next) {
			struct pbx *pbx = l->data;

			pbx->away = !places_has(&lease->held, tenant->tenant,
						pbx->name);
		}
	}

	over = lease->files;
	lease->files = files;
	(void)pthread_mutex_unlock(&lease->lock);

	mem_deref(over);
}


void lease_about(struct lease *lease, char *about)
{
	char *over;

	if (!lease) {
		mem_deref(about);
		return;
	}

	(void)pthread_mutex_lock(&lease->lock);
	over = lease->about;
	lease->about = about;
	(void)pthread_mutex_unlock(&lease->lock);

	mem_deref(over);
}


bool lease_is_shared(const struct lease *lease)
{
	return lease && lease->st;
}


void lease_drain(struct lease *lease)
{
	if (!lease || !lease->st)
		return;

	(void)pthread_mutex_lock(&lease->lock);
	lease->draining = true;
	(void)pthread_mutex_unlock(&lease->lock);

	nudge(lease);
}


/* Opening */


/** One node alone has an SQLite file; the lock goes with the process */
static int file_lock(struct lease *lease, const char *path,
		     struct errors *errs)
{
	char *name;
	int err;

	err = re_sdprintf(&name, "%s.lock", path);
	if (err)
		return err;

	lease->fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
			 0600);
	err = lease->fd < 0 ? errno :
		flock(lease->fd, LOCK_EX | LOCK_NB) ? errno : 0;
	if (err == EWOULDBLOCK)
		errors_add(errs, NULL, "store.url", "%s: another callbridged"
			   " is running with this store: several want"
			   " PostgreSQL", path);
	else if (err)
		errors_add(errs, NULL, "store.url", "%s: %s", name,
			   strerror(err));
	mem_deref(name);

	return err ? EBADMSG : 0;
}


/** What tells this node from another one of the same name, and is the same
    after a restart */
static int run_read(struct lease *lease, const char *state_dir)
{
	uint8_t random[(RUN_SIZE - 1) / 2];
	char *path;
	ssize_t n;
	int fd, err;

	err = re_sdprintf(&path, "%s/node.id", state_dir);
	if (err)
		return err;

	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	mem_deref(path);
	if (fd < 0)
		return errno;

	n = read(fd, lease->run, RUN_SIZE - 1);
	if (n == RUN_SIZE - 1 &&
	    strspn(lease->run, "0123456789abcdef") == RUN_SIZE - 1)
		goto out;

	if (RAND_bytes(random, sizeof(random)) != 1) {
		err = EIO;
		goto out;
	}
	(void)re_snprintf(lease->run, RUN_SIZE, "%w", random,
			  sizeof(random));
	if (ftruncate(fd, 0) ||
	    pwrite(fd, lease->run, RUN_SIZE - 1, 0) != RUN_SIZE - 1)
		err = errno ? errno : EIO;

 out:
	(void)close(fd);

	return err;
}


static int first_beat(struct lease *lease, struct errors *errs)
{
	const int err = beat(lease);

	if (err == EADDRINUSE)
		errors_add(errs, NULL, "store.node", "another node is there"
			   " that is called %s: want a name of its own for"
			   " each node of a store", lease->node);
	else if (err)
		errors_add(errs, NULL, "store.url", "the store cannot be"
			   " used: %s", store_why(lease->st));

	return err ? EBADMSG : 0;
}


static int share(struct lease *lease, const struct lease_conf *conf,
		 struct errors *errs)
{
	static const char sqlite[] = "sqlite:";
	int err;

	if (!strncmp(conf->url, sqlite, sizeof(sqlite) - 1))
		return file_lock(lease, conf->url + sizeof(sqlite) - 1, errs);

	err = run_read(lease, conf->state_dir);
	if (err) {
		errors_add(errs, NULL, "state_dir", "%s/node.id: %s",
			   conf->state_dir, strerror(err));
		return EBADMSG;
	}

	err = store_open(&lease->st, conf->url, false, NULL, errs);

	return err ? EBADMSG : first_beat(lease, errs);
}


int lease_open(struct lease **leasep, const struct lease_conf *conf,
	       const struct list *tenantl, struct errors *errs)
{
	struct lease *lease;
	int err;

	if (!leasep || !conf || !errs)
		return EINVAL;

	lease = calloc(1, sizeof(*lease));
	if (!lease)
		return ENOMEM;

	(void)pthread_mutex_init(&lease->lock, NULL);
	lease->fd   = -1;
	lease->since_ms = now_ms();
	lease->bell = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	err = lease->bell < 0 ? errno : str_dup(&lease->node, conf->node);
	if (!err)
		err = str_dup(&lease->software, conf->software);
	if (!err)
		err = files_make(&lease->files, tenantl);
	if (!err)
		err = share(lease, conf, errs);

	if (err)
		lease_close(lease);
	else
		*leasep = lease;

	return err;
}


void lease_close(struct lease *lease)
{
	if (!lease)
		return;

	(void)pthread_mutex_lock(&lease->lock);
	lease->stopping = true;
	(void)pthread_mutex_unlock(&lease->lock);

	if (lease->running) {
		nudge(lease);
		(void)pthread_join(lease->thread, NULL);
	}
	else if (lease->st) {
		self_leave(lease);
	}

	mem_deref(lease->st);
	mem_deref(lease->held.v);
	mem_deref(lease->files);
	mem_deref(lease->node);
	mem_deref(lease->software);
	mem_deref(lease->about);
	if (lease->fd >= 0)
		(void)close(lease->fd);
	if (lease->bell >= 0)
		(void)close(lease->bell);
	(void)pthread_mutex_destroy(&lease->lock);
	free(lease);
}
