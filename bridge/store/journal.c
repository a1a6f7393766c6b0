/**
 * @file journal.c  What must survive a crash, appended before it is answered
 *
 * The SIP thread writes, the journal's own thread does all that may take
 * long: it syncs, changes to the next day's file, and tries again what a
 * full disk has refused. A file is closed by that thread alone, so it may be
 * synced without the lock.
 *
 * Once a line is held back all later ones queue behind it: lines never
 * overtake each other. Statuses of registrations, of which thousands a second
 * may come, are gathered and go with what is written next; where there are
 * only those, a file is synced once a second: who was registered when a
 * machine lost its power has to register again anyway.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "bridge/base/libre.h"
#include "bridge/base/log.h"
#include "bridge/base/metrics.h"
#include "bridge/base/thread.h"
#include "bridge/base/wheel.h"
#include "journal.h"
#include "journal_file.h"


enum {
	SYNC_MS  = 100,
	SYNC_LATE = 10,            /* rounds: for statuses alone        */
	HELD_MAX = 16 * 1024 * 1024,       /* octets */
	LINE_SIZE = 1024,          /* most are shorter */
	GATHER_MAX = 64 * 1024,    /* octets           */
};


/** A line, or the rest of one, that waits for room */
struct held {
	struct held *next;         /* owned                    */
	char *text;                /* owned                    */
	size_t size;               /* octets of text           */
	size_t at;                 /* octets of it in the file */
};


struct journal {
	char *state_dir;           /* owned                            */
	char folder[PATH_MAX];
	pthread_t thread;
	bool running;              /* the thread is to be joined       */

	pthread_mutex_t gathering; /* for both below; taken before `lock` */
	struct mbuf *gathered;     /* owned; lines yet to be written   */
	size_t gatheredc;

	pthread_mutex_t lock;      /* for all below                    */
	pthread_cond_t bell;       /* stopping, on the monotonic clock */
	bool stopping;
	int fd;                    /* -1: could not be opened yet      */
	bool dirty;                /* written since the last sync      */
	bool urgent;               /* ... and it is not statuses alone */
	struct held *head, **tailp; /* owned                           */
	atomic_size_t held;        /* octets; read without the lock    */

	char day[JOURNAL_DAY_SIZE]; /* the thread's                    */
	unsigned latec;            /* the thread's: rounds that a sync
				      could wait                       */
	struct log_gate gate;      /* the thread's                     */

	struct metric *lines, *dropped, *waiting, *sync_errors;
};


/* Names */


int journal_folder(char path[PATH_MAX], const char *state_dir)
{
	if (re_snprintf(path, PATH_MAX, "%s/journal", state_dir) < 0)
		return ENAMETOOLONG;

	return 0;
}


void journal_day(char day[JOURNAL_DAY_SIZE], int64_t time_s)
{
	const time_t t = (time_t)time_s;
	struct tm tm;

	(void)gmtime_r(&t, &tm);
	(void)strftime(day, JOURNAL_DAY_SIZE, "%Y%m%d", &tm);
}


/* Lines that wait. The lock is held */


static int hold(struct journal *j, const char *text, size_t size, size_t at)
{
	struct held *held;

	if (j->held + size > HELD_MAX)
		return ENOMEM;

	held = malloc(sizeof(*held));
	if (!held)
		return ENOMEM;

	*held = (struct held){.text = malloc(size), .size = size, .at = at};
	if (!held->text) {
		free(held);
		return ENOMEM;
	}
	memcpy(held->text, text, size);

	*j->tailp = held;
	j->tailp  = &held->next;
	j->held  += size;
	metric_set(j->waiting, (int64_t)j->held);

	return EAGAIN;
}


static void held_pop(struct journal *j)
{
	struct held *held = j->head;

	j->head = held->next;
	if (!j->head)
		j->tailp = &j->head;

	j->held -= held->size;
	metric_set(j->waiting, (int64_t)j->held);

	free(held->text);
	free(held);
}


/**
 * Write what can be written
 *
 * @param at  Octets of it that are in the file; moved on
 *
 * @return 0 if all of it, otherwise errno of write(2)
 */
static int write_from(struct journal *j, const char *text, size_t size,
		      size_t *at)
{
	if (j->fd < 0)
		return EBADF;

	while (*at < size) {
		const ssize_t n = write(j->fd, text + *at, size - *at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno;
		if (n == 0)
			return ENOSPC;

		j->dirty = true;
		*at += (size_t)n;
	}

	return 0;
}


/**
 * Write or hold
 *
 * @param text    Line with its newline; copied if it has to wait
 * @param urgent  To be synced with the next round
 *
 * @return 0, EAGAIN, ENOMEM
 */
static int append(struct journal *j, const char *text, size_t size,
		  bool urgent)
{
	size_t at = 0;
	int err = 0;

	(void)pthread_mutex_lock(&j->lock);

	j->urgent = j->urgent || urgent;
	if (j->head || write_from(j, text, size, &at))
		err = hold(j, text, size, at);

	/* A line that is cut in the file and cannot be held would take the
	   next one with it */
	if (err == ENOMEM && at &&
	    ftruncate(j->fd, lseek(j->fd, 0, SEEK_END) - (off_t)at))
		warning("journal", "", "a torn line stays in the file: %m",
			errno);

	(void)pthread_mutex_unlock(&j->lock);

	return err;
}


/** The gathering lock is held. @param urgent  There is more than statuses in
    it */
static int gathered_write(struct journal *j, bool urgent)
{
	struct mbuf *mb = j->gathered;
	int err;

	if (!mb || !mb->end)
		return 0;

	err = append(j, (const char *)mb->buf, mb->end, urgent);
	metric_add(err == ENOMEM ? j->dropped : j->lines,
		   (int64_t)j->gatheredc);
	mbuf_rewind(mb);
	j->gatheredc = 0;

	return err;
}


int journal_flush(struct journal *j)
{
	int err;

	if (!j)
		return 0;

	(void)pthread_mutex_lock(&j->gathering);
	err = gathered_write(j, false);
	(void)pthread_mutex_unlock(&j->gathering);

	return err;
}


/** What every line begins with: joined, for there may be thousands a second.
    @return 0, ENOMEM */
static int line_begin(struct journal *j, const char *kind)
{
	char digits[20], *end = digits + sizeof(digits), *p = end;
	uint64_t ms = (uint64_t)clock_wall_ms();
	int err;

	if (!j->gathered)
		j->gathered = mbuf_alloc(GATHER_MAX + LINE_SIZE);
	if (!j->gathered)
		return ENOMEM;

	do {
		*--p = (char)('0' + ms % 10);
		ms /= 10;
	} while (ms);

	err  = mbuf_write_str(j->gathered, "{\"time_ms\":");
	err |= mbuf_write_mem(j->gathered, (uint8_t *)p, (size_t)(end - p));
	err |= mbuf_write_str(j->gathered, ",\"");
	err |= mbuf_write_str(j->gathered, kind);
	err |= mbuf_write_str(j->gathered, "\":");

	return err ? ENOMEM : 0;
}


/**
 * The line is whole, or not there at all
 *
 * @param start  Where it begins
 * @param err    Of what was written so far
 */
static int line_end(struct journal *j, size_t start, int err)
{
	if (!err)
		err = mbuf_write_str(j->gathered, "}\n");

	if (!err) {
		++j->gatheredc;
		return 0;
	}

	if (j->gathered)
		j->gathered->pos = j->gathered->end = start;
	metric_add(j->dropped, 1);

	return ENOMEM;
}


static size_t gathered_end(const struct journal *j)
{
	return j->gathered ? j->gathered->end : 0;
}


/* The thread: files */


/** A process that was killed, or a disk that was full, leaves half a line */
static bool is_torn(int fd)
{
	const off_t size = lseek(fd, 0, SEEK_END);
	char last;

	return size > 0 && pread(fd, &last, 1, size - 1) == 1 && last != '\n';
}


static void folder_sync(const struct journal *j)
{
	const int fd = open(j->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return;

	(void)fsync(fd);
	(void)close(fd);
}


static int file_open(const struct journal *j, const char *day, int *fdp)
{
	char path[PATH_MAX];
	int fd;

	if (re_snprintf(path, sizeof(path), "%s/%s.jsonl", j->folder, day) < 0)
		return ENAMETOOLONG;

	fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
		  0600);
	if (fd < 0)
		return errno;

	*fdp = fd;

	return 0;
}


/** The file of this day is the one to write from now on */
static int file_begin(struct journal *j, const char *day)
{
	bool torn;
	int fd, old, err;

	err = file_open(j, day, &fd);
	if (err)
		return err;

	torn = is_torn(fd);

	(void)pthread_mutex_lock(&j->lock);
	old   = j->fd;
	j->fd = fd;
	(void)pthread_mutex_unlock(&j->lock);

	if (torn)
		(void)append(j, "\n", 1, true);

	if (old >= 0) {
		(void)fdatasync(old);
		(void)close(old);
	}

	folder_sync(j);
	str_ncpy(j->day, day, sizeof(j->day));

	return 0;
}


/** While lines are held the file stays: half a line may be in it */
static void file_turn(struct journal *j)
{
	char day[JOURNAL_DAY_SIZE];
	int err;

	journal_day(day, clock_wall_ms() / 1000);

	if (!strcmp(day, j->day) || journal_held(j))
		return;

	err = file_begin(j, day);
	if (err && log_gate_pass(&j->gate, clock_ms(), NULL))
		warning("journal", j->folder, "cannot open %s.jsonl: %m",
			day, err);
}


/** @param all  Also what could wait */
static void file_sync(struct journal *j, bool all)
{
	bool dirty;
	int fd;

	(void)pthread_mutex_lock(&j->lock);
	dirty = j->dirty && (j->urgent || all || ++j->latec >= SYNC_LATE);
	fd    = j->fd;
	if (dirty) {
		j->dirty = j->urgent = false;
		j->latec = 0;
	}
	(void)pthread_mutex_unlock(&j->lock);

	if (!dirty || !fdatasync(fd))
		return;

	metric_add(j->sync_errors, 1);
	if (log_gate_pass(&j->gate, clock_ms(), NULL))
		warning("journal", j->folder, "cannot sync to disk: %m",
			errno);
}


/* The thread: lines that wait */


static void report_full(struct journal *j, int err)
{
	if (log_gate_pass(&j->gate, clock_ms(), NULL))
		warning("journal", j->folder, "cannot write: %m; %zu octets"
			" wait in memory, %lld lines were dropped", err,
			journal_held(j), (long long)metric_get(j->dropped));
}


/** Write what waits; the lock is let go between lines */
static void drain(struct journal *j)
{
	bool more, had = false;
	int err = 0;

	do {
		(void)pthread_mutex_lock(&j->lock);

		if (j->head) {
			had = true;
			err = write_from(j, j->head->text, j->head->size,
					 &j->head->at);
			if (!err)
				held_pop(j);
		}
		more = j->head && !err;

		(void)pthread_mutex_unlock(&j->lock);

	} while (more);

	if (err)
		report_full(j, err);
	else if (had)
		info("journal", j->folder, "what was held back is written");
}


static void round_once(struct journal *j, bool all)
{
	drain(j);
	file_turn(j);
	file_sync(j, all);
}


/** @return false when it is time to stop */
static bool wait_round(struct journal *j)
{
	struct timespec ts;
	bool stopping;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	ts.tv_nsec += SYNC_MS * 1000000l;
	if (ts.tv_nsec >= 1000000000l) {
		ts.tv_nsec -= 1000000000l;
		++ts.tv_sec;
	}

	(void)pthread_mutex_lock(&j->lock);

	while (!j->stopping &&
	       !pthread_cond_timedwait(&j->bell, &j->lock, &ts))
		;
	stopping = j->stopping;

	(void)pthread_mutex_unlock(&j->lock);

	return !stopping;
}


static void *thread_main(void *arg)
{
	struct journal *j = arg;

	while (wait_round(j))
		round_once(j, false);

	round_once(j, true);

	return NULL;
}


static void thread_stop(struct journal *j)
{
	if (!j->running)
		return;

	(void)pthread_mutex_lock(&j->lock);
	j->stopping = true;
	(void)pthread_cond_signal(&j->bell);
	(void)pthread_mutex_unlock(&j->lock);

	(void)pthread_join(j->thread, NULL);
}


/* Opening and closing */


static void destructor(void *data)
{
	struct journal *j = data;

	(void)journal_flush(j);
	thread_stop(j);

	if (j->held)
		warning("journal", j->folder, "closed with %zu octets that"
			" could not be written", journal_held(j));

	while (j->head)
		held_pop(j);

	if (j->fd >= 0)
		(void)close(j->fd);

	(void)pthread_cond_destroy(&j->bell);
	(void)pthread_mutex_destroy(&j->lock);
	(void)pthread_mutex_destroy(&j->gathering);
	mem_deref(j->gathered);
	mem_deref(j->state_dir);
}


static int folder_make(const char *path)
{
	if (mkdir(path, 0700) && errno != EEXIST)
		return errno;

	return 0;
}


/** It tells who called whom: nobody else's business, also in a folder that
    somebody made beforehand */
static int folders_make(const struct journal *j)
{
	int err;

	err = folder_make(j->state_dir);
	if (err)
		return err;

	err = folder_make(j->folder);
	if (err)
		return err;

	return chmod(j->folder, 0700) ? errno : 0;
}


static void lock_init(struct journal *j)
{
	pthread_condattr_t attr;

	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&j->bell, &attr);
	(void)pthread_condattr_destroy(&attr);
	(void)pthread_mutex_init(&j->lock, NULL);
	(void)pthread_mutex_init(&j->gathering, NULL);
}


static void metrics_init(struct journal *j)
{
	j->lines = metric_counter("callbridge_journal_lines_total", NULL,
				  "Lines given to the journal");
	j->dropped = metric_counter("callbridge_journal_dropped_total", NULL,
				    "Lines lost: no room, on disk and in"
				    " memory");
	j->waiting = metric_gauge("callbridge_journal_held_octets", NULL,
				  "Octets that wait for room on the disk");
	j->sync_errors = metric_counter("callbridge_journal_sync_errors_total",
					NULL, "Failures to sync to disk");
}


int journal_open(struct journal **jp, const char *state_dir)
{
	char day[JOURNAL_DAY_SIZE];
	struct journal *j;
	int err;

	if (!jp || !str_isset(state_dir))
		return EINVAL;

	j = mem_zalloc(sizeof(*j), destructor);
	if (!j)
		return ENOMEM;

	j->fd    = -1;
	j->tailp = &j->head;
	lock_init(j);
	metrics_init(j);

	err = str_dup(&j->state_dir, state_dir);
	if (err)
		goto out;

	err = journal_folder(j->folder, state_dir);
	if (err)
		goto out;

	err = folders_make(j);
	if (err)
		goto out;

	journal_day(day, clock_wall_ms() / 1000);
	err = file_begin(j, day);
	if (err)
		goto out;

	err = thread_start(&j->thread, "journal", thread_main, j);
	j->running = !err;

 out:
	if (err)
		mem_deref(j);
	else
		*jp = j;

	return err;
}


/** A record goes out at once, with the statuses that came before it */
static int call_write(struct journal *j, const struct call_record *rec)
{
	const size_t start = gathered_end(j);
	int err, flushed;

	err = line_begin(j, "call");
	if (!err)
		err = call_record_write(j->gathered, rec);
	err = line_end(j, start, err);
	flushed = gathered_write(j, true);

	return err ? err : flushed;
}


int journal_call(struct journal *j, const struct call_record *rec)
{
	int err;

	if (!j || !rec)
		return EINVAL;

	(void)pthread_mutex_lock(&j->gathering);
	err = call_write(j, rec);
	(void)pthread_mutex_unlock(&j->gathering);

	return err;
}


/** Statuses wait for each other. @param err  Of what was written since
    start */
static int status_end(struct journal *j, size_t start, int err)
{
	err = line_end(j, start, err);
	if (err)
		return err;

	return gathered_end(j) < GATHER_MAX ? 0 : gathered_write(j, false);
}


int journal_reg(struct journal *j, const struct reg_status *st)
{
	size_t start;
	int err;

	if (!j || !st)
		return EINVAL;

	(void)pthread_mutex_lock(&j->gathering);
	start = gathered_end(j);
	err = line_begin(j, "reg");
	if (!err)
		err = reg_status_write(j->gathered, st);
	err = status_end(j, start, err);
	(void)pthread_mutex_unlock(&j->gathering);

	return err;
}


int journal_trunk(struct journal *j, const struct trunk_status *st)
{
	size_t start;
	int err;

	if (!j || !st)
		return EINVAL;

	(void)pthread_mutex_lock(&j->gathering);
	start = gathered_end(j);
	err = line_begin(j, "trunk");
	if (!err)
		err = trunk_status_write(j->gathered, st);
	err = status_end(j, start, err);
	(void)pthread_mutex_unlock(&j->gathering);

	return err;
}


size_t journal_held(const struct journal *j)
{
	return j ? atomic_load(&j->held) : 0;
}


const char *journal_state_dir(const struct journal *j)
{
	return j ? j->state_dir : NULL;
}
