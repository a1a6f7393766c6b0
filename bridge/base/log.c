/**
 * @file log.c  The log: one line an event
 *
 * A caller formats its line on its own stack and copies it into a ring of
 * octets; the lock is held for that copy alone. The writer takes what is
 * there, lets go of the lock, and writes.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

#include "libre.h"
#include "text.h"
#include "thread.h"
#include "log.h"


enum {
	RING_SIZE   = 1 << 20,     /* octets that wait to be written       */
	CHUNK_SIZE  = 1 << 15,     /* octets of one write                  */
	MESSAGE_MAX = 4096,        /* octets of a message, before escaping */
	FIELD_MAX   = 256,         /* octets of a subject, after           */
	LINE_SIZE   = 3 * MESSAGE_MAX,
	GATE_MS     = 1000,
	REST_NS     = 50000000,    /* between two writes                   */
};


/** A line under construction; what does not fit is cut */
struct line {
	size_t len;
	char text[LINE_SIZE];
};


/** A message under construction */
struct message {
	size_t len;
	bool cut;
	char text[MESSAGE_MAX];
};


static struct {
	pthread_mutex_t lock;      /* for all that is not atomic */
	pthread_cond_t bell;
	pthread_t thread;
	bool running;
	bool stopping;
	bool reopening;
	bool waiting;              /* the writer, for the next line */
	char *ring;                /* owned, RING_SIZE           */
	size_t head;               /* counts up; next to write   */
	size_t tail;               /* counts up; next to fill    */
	uint64_t reported;         /* of dropped, in the log     */
	char *path;                /* owned, NULL for stderr     */
	int fd;                    /* the writer's while running */

	_Atomic enum log_format format;
	_Atomic enum log_level level;
	_Atomic uint64_t dropped;
} lg = {
	.lock  = PTHREAD_MUTEX_INITIALIZER,
	.bell  = PTHREAD_COND_INITIALIZER,
	.fd    = STDERR_FILENO,
	.level = LOG_INFO_LEVEL,
};


static const char *level_name(enum log_level level)
{
	switch (level) {

	case LOG_DEBUG_LEVEL:   return "debug";
	case LOG_INFO_LEVEL:    return "info";
	case LOG_WARNING_LEVEL: return "warning";
	}

	return "?";
}


/* Lines */


/** Room for the end of a line is kept, so that a cut one still closes */
static void put(struct line *line, const char *p, size_t l)
{
	const size_t room = sizeof(line->text) - 8 - line->len;

	if (l > room)
		l = room;

	memcpy(line->text + line->len, p, l);
	line->len += l;
}


static void put_str(struct line *line, const char *str)
{
	put(line, str, strlen(str));
}


static void put_end(struct line *line, const char *end)
{
	const size_t l = strlen(end);

	memcpy(line->text + line->len, end, l);
	line->len += l;
}


/** The seconds of a time; thousands of lines may be of the same */
static const char *second_text(time_t second)
{
	static _Thread_local time_t last = -1;
	static _Thread_local char text[32];
	struct tm tm;

	if (second != last) {
		(void)gmtime_r(&second, &tm);
		(void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
		last = second;
	}

	return text;
}


static void put_time(struct line *line)
{
	struct timespec ts;
	unsigned ms;

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	ms = (unsigned)(ts.tv_nsec / 1000000);

	const char fraction[] = {
		'.', (char)('0' + ms / 100), (char)('0' + ms / 10 % 10),
		(char)('0' + ms % 10), 'Z',
	};

	put_str(line, second_text(ts.tv_sec));
	put(line, fraction, sizeof(fraction));
}


/** Octets at p that nobody needs to look at twice */
static size_t plain(const char *p, size_t l)
{
	size_t i = 0;

	while (i < l && p[i] >= ' ' && p[i] < 0x7f && p[i] != '"' &&
	       p[i] != '\\')
		++i;

	return i;
}


/** Escape piece by piece; a piece is at most one character */
static void put_text(struct line *line, const char *p, size_t l)
{
	for (;;) {
		const size_t same = plain(p, l);

		put(line, p, same);
		p += same;
		l -= same;
		if (!l)
			break;

		const size_t n = text_char(p, l);
		const size_t step = n ? n : 1;
		char buf[8];

		put(line, buf, text_escape(buf, sizeof(buf), p, step));
		p += step;
		l -= step;
	}
}


/** The same as a JSON string: quote and backslash are escaped too */
static void put_json(struct line *line, const char *p, size_t l)
{
	put(line, "\"", 1);

	while (l) {
		const size_t n = text_char(p, l);
		const size_t step = n ? n : 1;
		char buf[8];

		/* Whole escapes or none: half of one would break the string */
		if (sizeof(line->text) - line->len < 24)
			break;

		if (!n || *p == '"' || *p == '\\')
			put(line, "\\", 1);

		put(line, buf, text_escape(buf, sizeof(buf), p, step));
		p += step;
		l -= step;
	}

	put_end(line, "\"");
}


static void line_text(struct line *line, enum log_level level,
		      const char *module, const char *subject,
		      const struct message *msg)
{
	put_time(line);
	put_str(line, " ");
	put_str(line, level_name(level));
	put_str(line, " ");
	put_str(line, module);

	if (*subject) {
		put_str(line, " ");
		put_text(line, subject, strnlen(subject, FIELD_MAX));
	}

	put_str(line, ": ");
	put_text(line, msg->text, msg->len);
	put_end(line, msg->cut ? "...\n" : "\n");
}


static void line_json(struct line *line, enum log_level level,
		      const char *module, const char *subject,
		      const struct message *msg)
{
	put_str(line, "{\"time\":\"");
	put_time(line);
	put_str(line, "\",\"level\":\"");
	put_str(line, level_name(level));
	put_str(line, "\",\"module\":");
	put_json(line, module, strlen(module));
	put_str(line, ",\"subject\":");
	put_json(line, subject, strnlen(subject, FIELD_MAX));
	put_str(line, ",\"message\":");
	put_json(line, msg->text, msg->len);
	put_end(line, "}\n");
}


static int message_print(const char *p, size_t size, void *arg)
{
	struct message *msg = arg;
	const size_t room = sizeof(msg->text) - msg->len;

	if (size > room) {
		msg->cut = true;
		size = room;
	}

	memcpy(msg->text + msg->len, p, size);
	msg->len += size;

	return 0;
}


static void line_make(struct line *line, enum log_level level,
		      const char *module, const char *subject,
		      const char *fmt, va_list ap)
{
	struct message msg;

	msg.len  = 0;
	msg.cut  = false;
	line->len = 0;

	(void)re_vhprintf(fmt, ap, message_print, &msg);

	while (msg.len && msg.text[msg.len - 1] == '\n')
		--msg.len;

	if (atomic_load(&lg.format) == LOG_JSON)
		line_json(line, level, module, subject, &msg);
	else
		line_text(line, level, module, subject, &msg);
}


static void line_makef(struct line *line, enum log_level level,
		       const char *module, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	line_make(line, level, module, "", fmt, ap);
	va_end(ap);
}


/* The writer */


static size_t count_lines(const char *p, size_t l)
{
	size_t n = 0;

	for (size_t i = 0; i < l; i++)
		n += p[i] == '\n';

	return n;
}


/** @return false if the end could not be written */
static bool write_all(int fd, const char *p, size_t l)
{
	while (l) {
		const ssize_t n = write(fd, p, l);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			atomic_fetch_add(&lg.dropped, count_lines(p, l));
			return false;
		}

		p += n;
		l -= (size_t)n;
	}

	return true;
}


static int file_open(const char *path, int *fdp)
{
	const int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC,
			    0640);

	if (fd < 0)
		return errno;

	*fdp = fd;

	return 0;
}


static void reopen(void)
{
	struct line line;
	int fd = -1, err;

	if (!lg.path)
		return;

	err = file_open(lg.path, &fd);
	if (err) {
		line_makef(&line, LOG_WARNING_LEVEL, "log",
			   "cannot open %s again, writing on to the old"
			   " file: %m", lg.path, err);
		(void)write_all(lg.fd, line.text, line.len);
		return;
	}

	(void)close(lg.fd);
	lg.fd = fd;
}


/** Whole lines only, so that what is said between chunks stands alone */
static size_t take(char *chunk)
{
	size_t l = lg.tail - lg.head;
	size_t first;

	if (l > CHUNK_SIZE) {
		l = CHUNK_SIZE;
		while (lg.ring[(lg.head + l - 1) % RING_SIZE] != '\n')
			--l;
	}

	first = RING_SIZE - lg.head % RING_SIZE;
	if (first > l)
		first = l;

	memcpy(chunk, lg.ring + lg.head % RING_SIZE, first);
	memcpy(chunk + first, lg.ring, l - first);
	lg.head += l;

	return l;
}


static void report_dropped(void)
{
	const uint64_t dropped = atomic_load(&lg.dropped);
	struct line line;

	if (dropped == lg.reported)
		return;

	line_makef(&line, LOG_WARNING_LEVEL, "log", "%llu lines dropped",
		   (unsigned long long)(dropped - lg.reported));

	if (write_all(lg.fd, line.text, line.len))
		lg.reported = dropped;
	else
		/* The notice itself is not a line that was lost */
		atomic_fetch_sub(&lg.dropped, 1);
}


static bool is_half_full(void)
{
	return lg.tail - lg.head > RING_SIZE / 2;
}


/** Let lines gather for a moment: a wake-up each would cost the threads
    that log more than the line itself */
static void rest(void)
{
	struct timespec until;

	if (lg.stopping || lg.reopening || is_half_full())
		return;

	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += REST_NS;
	if (until.tv_nsec >= 1000000000L) {
		until.tv_nsec -= 1000000000L;
		++until.tv_sec;
	}

	(void)pthread_cond_clockwait(&lg.bell, &lg.lock, CLOCK_MONOTONIC,
				     &until);
}


static void *writer(void *arg)
{
	static char chunk[CHUNK_SIZE];

	(void)arg;
	(void)pthread_mutex_lock(&lg.lock);

	for (;;) {
		const bool again = lg.reopening;
		size_t l;

		if (lg.head == lg.tail && !again) {
			if (lg.stopping)
				break;
			lg.waiting = true;
			(void)pthread_cond_wait(&lg.bell, &lg.lock);
			lg.waiting = false;
			continue;
		}

		lg.reopening = false;
		l = take(chunk);
		(void)pthread_mutex_unlock(&lg.lock);

		if (write_all(lg.fd, chunk, l))
			report_dropped();
		if (again)
			reopen();

		(void)pthread_mutex_lock(&lg.lock);
		rest();
	}

	(void)pthread_mutex_unlock(&lg.lock);

	return NULL;
}


/* Callers */


static void ring_put(const struct line *line)
{
	const size_t at = lg.tail % RING_SIZE;
	size_t first = RING_SIZE - at;

	if (first > line->len)
		first = line->len;

	memcpy(lg.ring + at, line->text, first);
	memcpy(lg.ring, line->text + first, line->len - first);
	lg.tail += line->len;
}


static void submit(const struct line *line)
{
	bool running;

	(void)pthread_mutex_lock(&lg.lock);

	running = lg.running;
	if (running) {
		if (RING_SIZE - (lg.tail - lg.head) >= line->len)
			ring_put(line);
		else
			atomic_fetch_add(&lg.dropped, 1);

		if (lg.waiting || is_half_full())
			(void)pthread_cond_signal(&lg.bell);
	}

	(void)pthread_mutex_unlock(&lg.lock);

	if (!running)
		(void)write_all(STDERR_FILENO, line->text, line->len);
}


static void vlog(enum log_level level, const char *module,
		 const char *subject, const char *fmt, va_list ap)
{
	struct line line;

	if (!fmt)
		return;

	line_make(&line, level, module ? module : "?",
		  subject ? subject : "", fmt, ap);
	submit(&line);
}


void debug(const char *module, const char *subject, const char *fmt, ...)
{
	va_list ap;

	if (!log_is_on(LOG_DEBUG_LEVEL))
		return;

	va_start(ap, fmt);
	vlog(LOG_DEBUG_LEVEL, module, subject, fmt, ap);
	va_end(ap);
}


void info(const char *module, const char *subject, const char *fmt, ...)
{
	va_list ap;

	if (!log_is_on(LOG_INFO_LEVEL))
		return;

	va_start(ap, fmt);
	vlog(LOG_INFO_LEVEL, module, subject, fmt, ap);
	va_end(ap);
}


void warning(const char *module, const char *subject, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vlog(LOG_WARNING_LEVEL, module, subject, fmt, ap);
	va_end(ap);
}


/* Opening and closing */


static void clear(void)
{
	if (lg.fd != STDERR_FILENO)
		(void)close(lg.fd);

	lg.fd   = STDERR_FILENO;
	lg.ring = mem_deref(lg.ring);
	lg.path = mem_deref(lg.path);
	lg.head = 0;
	lg.tail = 0;
	lg.stopping  = false;
	lg.reopening = false;
}


int log_open(const char *path, enum log_format format, enum log_level level)
{
	int err = 0;

	if (lg.running)
		return EALREADY;

	lg.ring = mem_alloc(RING_SIZE, NULL);
	if (!lg.ring) {
		err = ENOMEM;
		goto out;
	}

	if (path) {
		err = str_dup(&lg.path, path);
		if (err)
			goto out;

		err = file_open(path, &lg.fd);
		if (err)
			goto out;
	}

	err = thread_start(&lg.thread, "log", writer, NULL);
	if (err)
		goto out;

	atomic_store(&lg.format, format);
	log_level_set(level);

	(void)pthread_mutex_lock(&lg.lock);
	lg.running = true;
	(void)pthread_mutex_unlock(&lg.lock);

 out:
	if (err)
		clear();

	return err;
}


void log_close(void)
{
	bool running;

	(void)pthread_mutex_lock(&lg.lock);
	running = lg.running;
	lg.running  = false;
	lg.stopping = true;
	(void)pthread_cond_signal(&lg.bell);
	(void)pthread_mutex_unlock(&lg.lock);

	if (running) {
		(void)pthread_join(lg.thread, NULL);
		clear();
	}

	lg.stopping = false;
}


void log_reopen(void)
{
	(void)pthread_mutex_lock(&lg.lock);
	lg.reopening = lg.running;
	(void)pthread_cond_signal(&lg.bell);
	(void)pthread_mutex_unlock(&lg.lock);
}


void log_level_set(enum log_level level)
{
	atomic_store(&lg.level, level);
}


bool log_is_on(enum log_level level)
{
	return level >= atomic_load(&lg.level);
}


uint64_t log_dropped(void)
{
	return atomic_load(&lg.dropped);
}


bool log_gate_pass(struct log_gate *gate, uint64_t now_ms, uint64_t *held)
{
	if (!gate)
		return true;

	if (now_ms < gate->next_ms) {
		++gate->held;
		return false;
	}

	if (held)
		*held = gate->held;

	gate->held    = 0;
	gate->next_ms = now_ms + GATE_MS;

	return true;
}
