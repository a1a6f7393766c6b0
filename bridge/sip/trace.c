/**
 * @file trace.c  The last messages, for `callbridge trace`
 *
 * One block of memory used round and round: each message is a record, the
 * oldest records give way. A record never wraps; what is left at the end of
 * the block stays unused until the next round. Credentials are stored as
 * they came (masking costs) and masked when they are read.
 */
#include <ctype.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "bridge/base/libre.h"
#include "trace.h"


enum {
	TAGS         = 8192,
	TAG_BUCKETS  = 16384,
	KEPT         = 16384,
	KEPT_BUCKETS = 16384,
	SIDE_MAX     = 16,
	CALLID_MAX   = 128,        /* compared; longer ones are cut        */
	RECORD_ALIGN = 16,
	MESSAGE_MAX  = 65536,
	SIZE_MIN     = 2 * MESSAGE_MAX,
};


/** Before each message in the block */
struct record {
	uint32_t span;             /* octets to the next record            */
	uint32_t size;             /* of the message; 0: the rest is unused */
	uint64_t time_us;
	int16_t tp;
	bool tx;
	char side[SIDE_MAX];
	struct sa local, peer;
};


/** A Call-ID and one subject it belongs to */
struct tag {
	struct le he;              /* by subject                          */
	char *subject;             /* owned                               */
	char *callid;              /* owned                               */
};


/** An exchange kept beside the ring */
struct kept {
	struct le he;              /* by subject                          */
	char *subject;             /* owned, NULL: the slot is free       */
	struct mbuf *mb;           /* owned; records as in the block      */
};


struct trace {
	pthread_mutex_t lock;
	uint8_t *block;            /* owned                               */
	size_t size;
	size_t head;               /* oldest record                       */
	size_t tail;               /* where the next one goes             */
	bool empty;
	struct tag tagv[TAGS];     /* round and round                     */
	size_t tagc;               /* counts up                           */
	struct hash *tags;         /* owned; borrows tagv's               */
	struct kept *keptv;        /* owned; NULL: nothing was kept yet   */
	size_t keptc;              /* counts up                           */
	struct hash *kepts;        /* owned; borrows keptv's              */
};


static void kept_clear(struct kept *kept)
{
	hash_unlink(&kept->he);
	kept->subject = mem_deref(kept->subject);
	kept->mb = mem_deref(kept->mb);
}


static void destructor(void *data)
{
	struct trace *trace = data;

	if (trace->tags)
		hash_clear(trace->tags);
	mem_deref(trace->tags);

	for (size_t i = 0; i < TAGS; i++) {
		mem_deref(trace->tagv[i].subject);
		mem_deref(trace->tagv[i].callid);
	}

	for (size_t i = 0; trace->keptv && i < KEPT; i++)
		kept_clear(&trace->keptv[i]);
	mem_deref(trace->kepts);
	free(trace->keptv);
	free(trace->block);
	(void)pthread_mutex_destroy(&trace->lock);
}


int trace_alloc(struct trace **tracep, size_t size)
{
	struct trace *trace;
	int err;

	if (!tracep)
		return EINVAL;

	trace = mem_zalloc(sizeof(*trace), destructor);
	if (!trace)
		return ENOMEM;

	(void)pthread_mutex_init(&trace->lock, NULL);

	trace->empty = true;
	trace->size  = size < SIZE_MIN ? SIZE_MIN : size;
	trace->size -= trace->size % RECORD_ALIGN;

	err = hash_alloc(&trace->tags, TAG_BUCKETS);
	if (err)
		goto out;

	trace->block = malloc(trace->size);
	if (!trace->block)
		err = ENOMEM;

 out:
	if (err)
		mem_deref(trace);
	else
		*tracep = trace;

	return err;
}


static struct record *record_at(const struct trace *trace, size_t at)
{
	return (struct record *)(void *)(trace->block + at);
}


static bool wraps(const struct trace *trace, size_t at)
{
	return trace->size - at < sizeof(struct record) ||
		!record_at(trace, at)->size;
}


/** Where the record after this one is */
static size_t after(const struct trace *trace, size_t at)
{
	at += record_at(trace, at)->span;

	return at < trace->size ? at : 0;
}


static void drop_oldest(struct trace *trace)
{
	trace->head = after(trace, trace->head);

	/* the unused rest at the end of the block */
	if (trace->head != trace->tail && wraps(trace, trace->head))
		trace->head = 0;

	if (trace->head == trace->tail)
		trace->empty = true;

	/* the next one to go: written long ago, and soon to be read */
	__builtin_prefetch(trace->block + after(trace, trace->head));
}


/** Is [tail, tail + span) free of records, head not inside of it? */
static bool has_room(const struct trace *trace, size_t span)
{
	if (trace->empty)
		return true;

	if (trace->head < trace->tail)
		return true;   /* records lie behind; the end was checked */

	return trace->head - trace->tail >= span;
}


/** Make span octets free at the tail and return where that is */
static size_t make_room(struct trace *trace, size_t span)
{
	if (trace->size - trace->tail < span) {

		/* records between tail and the end give way first */
		while (!trace->empty && trace->head >= trace->tail)
			drop_oldest(trace);

		if (trace->size - trace->tail >= sizeof(struct record)) {
			struct record *rest = record_at(trace, trace->tail);

			rest->size = 0;
			rest->span = (uint32_t)(trace->size - trace->tail);
		}

		if (trace->empty)
			trace->head = 0;
		trace->tail = 0;
	}

	while (!has_room(trace, span))
		drop_oldest(trace);

	if (trace->empty)
		trace->head = trace->tail;

	return trace->tail;
}


/** Value of a header in raw text, "" if there is none */
static struct pl find_header(const char *p, size_t size, const char *name,
			     char compact)
{
	const size_t name_l = strlen(name);
	struct pl val = PL("");
	const char *end = p + size;

	while (p < end) {

		const char *e = memchr(p, '\n', (size_t)(end - p));
		const size_t l = (size_t)((e ? e : end) - p);
		size_t n = 0;

		if (l > name_l && !strncasecmp(p, name, name_l))
			n = name_l;
		else if (l > 2 && tolower((unsigned char)*p) == compact)
			n = 1;

		while (n && n < l && (p[n] == ' ' || p[n] == '\t'))
			++n;

		if (n && n < l && p[n] == ':') {
			val.p = p + n + 1;
			val.l = l - n - 1;
			break;
		}

		if (!e || l <= 1)   /* the empty line: body begins */
			break;
		p = e + 1;
	}

	while (val.l && strchr(" \t\r", val.p[0]))
		pl_advance(&val, 1);
	while (val.l && strchr(" \t\r", val.p[val.l - 1]))
		--val.l;

	return val;
}


static struct pl find_callid(const char *p, size_t size)
{
	struct pl val = find_header(p, size, "call-id", 'i');

	if (val.l > CALLID_MAX)
		val.l = CALLID_MAX;

	return val;
}


/** A REGISTER, or an answer to one, of that AoR */
static bool is_register_of(const char *p, size_t size, const char *aor)
{
	const size_t l = strlen(aor);
	struct pl val;

	if (strncmp(aor, "sip:", 4))
		return false;

	val = find_header(p, size, "to", 't');
	if (val.l > 1 && val.p[0] == '<')
		pl_advance(&val, 1);
	if (val.l < l || strncmp(val.p, aor, l) ||
	    (val.l > l && !strchr(">;", val.p[l])))
		return false;

	val = find_header(p, size, "cseq", '\0');

	return val.l > 9 && !strncmp(val.p + val.l - 9, " REGISTER", 9);
}


static uint64_t wall_us(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_REALTIME, &ts);

	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}


void trace_add(struct trace *trace, bool tx, enum sip_transp tp,
	       const struct sa *local, const struct sa *peer,
	       const char *side, const uint8_t *data, size_t size)
{
	struct record record;
	size_t at, span;

	if (!trace || !data || !size || size > MESSAGE_MAX)
		return;

	span  = sizeof(record) + size + RECORD_ALIGN - 1;
	span -= span % RECORD_ALIGN;

	memset(&record, 0, sizeof(record));
	record.span    = (uint32_t)span;
	record.size    = (uint32_t)size;
	record.time_us = wall_us();
	record.tp      = (int16_t)tp;
	record.tx      = tx;
	str_ncpy(record.side, side ? side : "", sizeof(record.side));
	if (local)
		record.local = *local;
	if (peer)
		record.peer = *peer;

	(void)pthread_mutex_lock(&trace->lock);

	at = make_room(trace, span);
	memcpy(trace->block + at, &record, sizeof(record));
	memcpy(trace->block + at + sizeof(record), data, size);

	trace->empty = false;
	trace->tail  = at + span < trace->size ? at + span : 0;

	(void)pthread_mutex_unlock(&trace->lock);
}


struct find_tag {
	const char *subject;
	const char *callid;
};


static bool tag_handler(struct le *le, void *arg)
{
	const struct tag *tag = le->data;
	const struct find_tag *find = arg;

	return !str_cmp(tag->subject, find->subject) &&
		(!find->callid || !str_cmp(tag->callid, find->callid));
}


void trace_tag(struct trace *trace, const char *callid, const char *subject)
{
	struct find_tag find = {subject, callid};
	char *s = NULL, *c = NULL;
	struct tag *tag;

	if (!trace || !str_isset(callid) || !str_isset(subject))
		return;

	if (str_dup(&s, subject) || str_dup(&c, callid)) {
		mem_deref(s);
		return;
	}

	(void)pthread_mutex_lock(&trace->lock);

	if (!hash_lookup(trace->tags, hash_fast_str(subject), tag_handler,
			 &find)) {

		tag = &trace->tagv[trace->tagc++ % TAGS];
		hash_unlink(&tag->he);
		mem_deref(tag->subject);
		mem_deref(tag->callid);
		tag->subject = s;
		tag->callid  = c;
		s = c = NULL;
		hash_append(trace->tags, hash_fast_str(subject), &tag->he,
			    tag);
	}

	(void)pthread_mutex_unlock(&trace->lock);

	mem_deref(s);
	mem_deref(c);
}


static bool kept_handler(struct le *le, void *arg)
{
	const struct kept *kept = le->data;

	return !str_cmp(kept->subject, arg);
}


static struct kept *kept_find(const struct trace *trace, const char *subject)
{
	return trace->kepts ? list_ledata(hash_lookup(trace->kepts,
				hash_fast_str(subject), kept_handler,
				(void *)(uintptr_t)subject)) : NULL;
}


/** As a record of the block */
static int record_write(struct mbuf *mb, const struct trace_msg *msg)
{
	static const uint8_t zeros[RECORD_ALIGN];
	struct record record;
	size_t span;
	int err;

	span  = sizeof(record) + msg->size + RECORD_ALIGN - 1;
	span -= span % RECORD_ALIGN;

	memset(&record, 0, sizeof(record));
	record.span    = (uint32_t)span;
	record.size    = (uint32_t)msg->size;
	record.time_us = msg->time_us ? msg->time_us : wall_us();
	record.tp      = (int16_t)msg->tp;
	record.tx      = msg->tx;
	record.local   = msg->local;
	record.peer    = msg->peer;
	str_ncpy(record.side, msg->side ? msg->side : "",
		 sizeof(record.side));

	err  = mbuf_write_mem(mb, (const uint8_t *)&record, sizeof(record));
	err |= mbuf_write_mem(mb, (const uint8_t *)msg->data, msg->size);
	err |= mbuf_write_mem(mb, zeros, span - sizeof(record) - msg->size);

	return err;
}


/** The slots come with the first that is kept */
static int kepts_make(struct trace *trace)
{
	if (trace->keptv)
		return 0;

	if (hash_alloc(&trace->kepts, KEPT_BUCKETS))
		return ENOMEM;

	trace->keptv = calloc(KEPT, sizeof(*trace->keptv));
	if (!trace->keptv) {
		trace->kepts = mem_deref(trace->kepts);
		return ENOMEM;
	}

	return 0;
}


static void keep_locked(struct trace *trace, char *subject, struct mbuf *mb)
{
	struct kept *kept = kept_find(trace, subject);

	if (!kept)
		kept = &trace->keptv[trace->keptc++ % KEPT];

	kept_clear(kept);
	kept->subject = mem_ref(subject);
	kept->mb      = mem_ref(mb);
	hash_append(trace->kepts, hash_fast_str(subject), &kept->he, kept);
}


void trace_keep(struct trace *trace, const char *subject,
		const struct trace_msg *v, size_t c)
{
	struct mbuf *mb;
	char *copy = NULL;
	size_t size = 0;
	int err = 0;

	if (!trace || !str_isset(subject) || !v || !c)
		return;

	for (size_t i = 0; i < c; i++)
		size += sizeof(struct record) + v[i].size + RECORD_ALIGN;

	mb = mbuf_alloc(size);
	if (!mb || str_dup(&copy, subject))
		goto out;

	for (size_t i = 0; i < c && !err; i++)
		err = record_write(mb, &v[i]);
	if (err)
		goto out;

	(void)pthread_mutex_lock(&trace->lock);
	if (!kepts_make(trace))
		keep_locked(trace, copy, mb);
	(void)pthread_mutex_unlock(&trace->lock);

 out:
	mem_deref(copy);
	mem_deref(mb);
}


void trace_keep_drop(struct trace *trace, const char *subject)
{
	struct kept *kept;

	if (!trace || !str_isset(subject))
		return;

	(void)pthread_mutex_lock(&trace->lock);
	kept = kept_find(trace, subject);
	if (kept)
		kept_clear(kept);
	(void)pthread_mutex_unlock(&trace->lock);
}


/** Whether a record of this Call-ID is asked for. With the lock held */
static bool is_of(const struct trace *trace, const struct pl *callid,
		  const char *subject)
{
	const struct list *list;

	if (!pl_strcmp(callid, subject))
		return true;

	list = hash_list(trace->tags, hash_fast_str(subject));

	for (const struct le *le = list_head(list); le; le = le->next) {

		const struct tag *tag = le->data;

		if (!str_cmp(tag->subject, subject) &&
		    !pl_strcmp(callid, tag->callid))
			return true;
	}

	return false;
}


static char *find_text(char *p, char *end, const char *text, size_t l)
{
	for (; (size_t)(end - p) >= l; p++)
		if (!strncasecmp(p, text, l))
			return p;

	return NULL;
}


/** Write x over what follows each `key` on a line, up to one of `stops` */
static void mask_after(char *p, char *end, const char *key,
		       const char *stops)
{
	const size_t l = strlen(key);

	while ((p = find_text(p, end, key, l))) {

		p += l;
		while (p < end && (*p == ' ' || *p == '\t' || *p == '='))
			++p;
		if (p < end && *p == '"')
			++p;
		while (p < end && !strchr(stops, *p))
			*p++ = 'x';
	}
}


/** The whole of a body of application/dtmf; no header is so short */
static bool is_lone_digit(const char *p, const char *end)
{
	while (end > p && (end[-1] == '\r' || end[-1] == '\n'))
		--end;

	return end - p == 1 && strchr("0123456789*#ABCDabcd", *p);
}


/** The lines of a text, one after the other */
static void mask_line(char *p, char *end)
{
	if (find_text(p, end, "authorization", 13) == p ||
	    find_text(p, end, "proxy-authorization", 19) == p) {

		mask_after(p, end, "response", "\",;\r\n");
		mask_after(p, end, "cnonce", "\",;\r\n");
	}
	else if (find_text(p, end, "a=crypto:", 9) == p) {
		mask_after(p, end, "inline:", "|; \t\r\n");
	}
	else if (find_text(p, end, "k=", 2) == p) {
		mask_after(p, end, "k=", "\r\n");
	}
	else if (find_text(p, end, "a=ice-pwd:", 10) == p) {
		mask_after(p, end, "a=ice-pwd:", "\r\n");
	}
	else if (find_text(p, end, "signal", 6) == p) {
		/* a digit by INFO may be of a PIN */
		mask_after(p, end, "signal", "\r\n");
	}
	else if (is_lone_digit(p, end)) {
		*p = 'x';
	}
}


/* folded lines count as one, so that nothing hides behind a fold */
void trace_mask(char *p, size_t size)
{
	char *end = p + size;

	while (p < end) {

		char *e = p;

		do {
			e = memchr(e, '\n', (size_t)(end - e));
			e = e ? e + 1 : end;
		} while (e < end && (*e == ' ' || *e == '\t'));

		mask_line(p, e);
		p = e;
	}
}


/** What trace_apply() copied out while it held the lock */
struct copies {
	struct mbuf *mb;           /* owned; records one after the other */
	size_t kept;               /* octets of those that were kept     */
	bool registers;            /* the ring has a REGISTER            */
	int err;
};


static void copy_records(struct trace *trace, const char *subject,
			 struct copies *copies)
{
	size_t at = trace->head;
	bool first = true;

	if (trace->empty)
		return;

	while (!copies->err && (first || at != trace->tail)) {

		const struct record *record;
		const char *text;
		struct pl callid;
		bool registers;

		if (wraps(trace, at)) {
			at = 0;
			first = false;
			continue;
		}

		record = record_at(trace, at);
		text   = (const char *)(record + 1);
		callid = find_callid(text, record->size);
		registers = is_register_of(text, record->size, subject);
		copies->registers |= registers;
		if (registers || is_of(trace, &callid, subject))
			copies->err = mbuf_write_mem(copies->mb,
				(const uint8_t *)record, record->span);

		at = after(trace, at);
		first = false;
	}
}


/** Older than what the ring has, so before it */
static void copy_kept(struct trace *trace, const char *subject,
		      struct copies *copies)
{
	const struct kept *kept = kept_find(trace, subject);

	if (!kept)
		return;

	copies->err  = mbuf_write_mem(copies->mb, kept->mb->buf,
				      kept->mb->end);
	copies->kept = copies->mb->pos;
}


int trace_apply(struct trace *trace, const char *subject, trace_h *h,
		void *arg)
{
	struct copies copies = {NULL, 0, false, 0};
	size_t begin = 0;
	int err;

	if (!trace || !subject || !h)
		return EINVAL;

	copies.mb = mbuf_alloc(4096);
	if (!copies.mb)
		return ENOMEM;

	(void)pthread_mutex_lock(&trace->lock);
	copy_kept(trace, subject, &copies);
	copy_records(trace, subject, &copies);
	(void)pthread_mutex_unlock(&trace->lock);

	err = copies.err;
	if (copies.registers)
		begin = copies.kept;

	for (size_t at = begin; !err && at < copies.mb->end; ) {

		struct record record;
		struct trace_msg msg;
		char *data = (char *)copies.mb->buf + at + sizeof(record);

		memcpy(&record, copies.mb->buf + at, sizeof(record));
		at += record.span;
		trace_mask(data, record.size);

		msg.time_us = record.time_us;
		msg.tx      = record.tx;
		msg.tp      = record.tp;
		msg.local   = record.local;
		msg.peer    = record.peer;
		msg.side    = record.side;
		msg.data    = data;
		msg.size    = record.size;

		err = h(&msg, arg);
	}

	mem_deref(copies.mb);

	return err;
}
