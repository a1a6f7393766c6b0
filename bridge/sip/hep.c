/**
 * @file hep.c  Copies of SIP messages to a collector, by HEPv3
 *
 * The SIP thread writes records into a block that is used round and round;
 * the thread here takes them out, one by one, and sends them. A name is
 * asked for anew with each connection, so that a collector may move.
 */
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "bridge/base/libre.h"
#include "bridge/base/log.h"
#include "bridge/base/metrics.h"
#include "bridge/base/thread.h"
#include "hep.h"
#include "trace.h"


enum {
	BLOCK_SIZE  = 4 * 1024 * 1024,
	ALIGN       = 16,
	MESSAGE_MAX = 64000,       /* octets: a frame has 16 bits for all   */
	CALLID_MAX  = 256,
	SEND_S      = 3,           /* for a connection or a write           */
	AGAIN_S     = 5,           /* before another try                    */

	CHUNK_FAMILY   = 1,
	CHUNK_PROTOCOL = 2,
	CHUNK_SRC4     = 3,
	CHUNK_DST4     = 4,
	CHUNK_SRC6     = 5,
	CHUNK_DST6     = 6,
	CHUNK_SPORT    = 7,
	CHUNK_DPORT    = 8,
	CHUNK_SECONDS  = 9,
	CHUNK_MICROS   = 10,
	CHUNK_TYPE     = 11,
	CHUNK_AGENT    = 12,
	CHUNK_KEY      = 14,
	CHUNK_PAYLOAD  = 15,
	CHUNK_CALLID   = 17,
	CHUNK_HEAD     = 6,
	HEAD           = 6,        /* "HEP3" and the length                 */
};


/** Before each message in the block */
struct record {
	uint32_t span;             /* octets to the next record             */
	uint32_t size;             /* of the message; 0: the rest is unused */
	uint64_t time_us;
	int16_t tp;
	uint8_t type;              /* enum hep_type                         */
	uint16_t callid;           /* octets of it before a report, with 0  */
	struct sa src, dst;
};


struct hep {
	char *host, *port;         /* owned                                 */
	char *password;            /* owned, NULL                           */
	uint32_t capture_id;
	bool tcp;
	pthread_t thread;
	bool running;              /* the thread is to be joined            */

	pthread_mutex_t lock;      /* for all below                         */
	pthread_cond_t bell;
	uint8_t *block;            /* owned                                 */
	size_t head, tail;         /* oldest record, where the next goes    */
	size_t used;               /* octets between them                   */
	bool stopping;

	int fd;                    /* the thread's; -1 none                 */
	bool told;                 /* ... it said that sending fails        */
	uint8_t frame[HEP_FRAME_MAX];          /* ... too                   */
	char message[MESSAGE_MAX];
	struct metric *sent, *dropped;
};


/* Frames */


struct writer {
	uint8_t *p;
	size_t l;
};


static void put(uint8_t *p, uint32_t v, size_t octets)
{
	while (octets--) {
		p[octets] = (uint8_t)v;
		v >>= 8;
	}
}


static void chunk_mem(struct writer *w, uint16_t type, const void *data,
		      size_t l)
{
	uint8_t *p = w->p + w->l;

	put(p, 0, 2);
	put(p + 2, type, 2);
	put(p + 4, (uint32_t)(CHUNK_HEAD + l), 2);
	memcpy(p + CHUNK_HEAD, data, l);
	w->l += CHUNK_HEAD + l;
}


static void chunk_int(struct writer *w, uint16_t type, uint32_t v,
		      size_t octets)
{
	uint8_t octetv[4];

	put(octetv, v, octets);
	chunk_mem(w, type, octetv, octets);
}


static void addresses(struct writer *w, const struct hep_frame *frame)
{
	uint8_t src[16], dst[16];

	if (sa_af(&frame->src) == AF_INET) {
		chunk_int(w, CHUNK_FAMILY, AF_INET, 1);
		chunk_int(w, CHUNK_SRC4, sa_in(&frame->src), 4);
		chunk_int(w, CHUNK_DST4, sa_in(&frame->dst), 4);
		return;
	}

	sa_in6(&frame->src, src);
	sa_in6(&frame->dst, dst);
	chunk_int(w, CHUNK_FAMILY, AF_INET6, 1);
	chunk_mem(w, CHUNK_SRC6, src, sizeof(src));
	chunk_mem(w, CHUNK_DST6, dst, sizeof(dst));
}


size_t hep_encode(uint8_t *buf, const struct hep_frame *frame,
		  uint32_t capture_id, const char *password)
{
	struct writer w = { buf, HEAD };
	const int af = sa_af(&frame->src);

	if (frame->size > MESSAGE_MAX || af != sa_af(&frame->dst) ||
	    (af != AF_INET && af != AF_INET6))
		return 0;

	memcpy(buf, "HEP3", 4);
	addresses(&w, frame);
	chunk_int(&w, CHUNK_PROTOCOL, frame->tp == SIP_TRANSP_UDP ?
		  IPPROTO_UDP : IPPROTO_TCP, 1);
	chunk_int(&w, CHUNK_SPORT, sa_port(&frame->src), 2);
	chunk_int(&w, CHUNK_DPORT, sa_port(&frame->dst), 2);
	chunk_int(&w, CHUNK_SECONDS, (uint32_t)(frame->time_us / 1000000), 4);
	chunk_int(&w, CHUNK_MICROS, (uint32_t)(frame->time_us % 1000000), 4);
	chunk_int(&w, CHUNK_TYPE, frame->type, 1);
	chunk_int(&w, CHUNK_AGENT, capture_id, 4);
	if (password)
		chunk_mem(&w, CHUNK_KEY, password, strlen(password));
	if (frame->callid)
		chunk_mem(&w, CHUNK_CALLID, frame->callid,
			  strlen(frame->callid));
	chunk_mem(&w, CHUNK_PAYLOAD, frame->data, frame->size);
	put(buf + 4, (uint32_t)w.l, 2);

	return w.l;
}


/* Sending. The thread alone */


static void disconnect(struct hep *hep)
{
	if (hep->fd >= 0)
		(void)close(hep->fd);
	hep->fd = -1;
}


static int connect_to(struct hep *hep, const struct addrinfo *ai)
{
	const struct timeval limit = { .tv_sec = SEND_S };
	const int on = 1;

	hep->fd = socket(ai->ai_family, ai->ai_socktype | SOCK_CLOEXEC,
			 ai->ai_protocol);
	if (hep->fd < 0)
		return errno;

	/* Linux: this also bounds connect(2) */
	(void)setsockopt(hep->fd, SOL_SOCKET, SO_SNDTIMEO, &limit,
			 sizeof(limit));
	if (hep->tcp)
		(void)setsockopt(hep->fd, IPPROTO_TCP, TCP_NODELAY, &on,
				 sizeof(on));

	if (!connect(hep->fd, ai->ai_addr, ai->ai_addrlen))
		return 0;

	disconnect(hep);

	return errno ? errno : EIO;
}


static int reach(struct hep *hep)
{
	const struct addrinfo hints = {
		.ai_family   = AF_UNSPEC,
		.ai_socktype = hep->tcp ? SOCK_STREAM : SOCK_DGRAM,
	};
	struct addrinfo *list = NULL;
	int err = EHOSTUNREACH;

	if (getaddrinfo(hep->host, hep->port, &hints, &list))
		return ENOENT;

	for (struct addrinfo *ai = list; ai && err; ai = ai->ai_next)
		err = connect_to(hep, ai);

	freeaddrinfo(list);

	return err;
}


static int send_all(struct hep *hep, size_t l)
{
	size_t at = 0;

	while (at < l) {
		const ssize_t n = send(hep->fd, hep->frame + at, l - at,
				       MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? errno : EIO;

		at += (size_t)n;
	}

	return 0;
}


/** Say it once when it begins to fail, and once when it is over */
static void tell(struct hep *hep, int err)
{
	if (err && !hep->told)
		warning("hep", hep->host, "no messages reach the collector at"
			" %s:%s: %m", hep->host, hep->port, err);
	else if (!err && hep->told)
		info("hep", hep->host, "messages reach the collector again");

	hep->told = err != 0;
}


/** A datagram that nobody took is told with the next one: try it twice */
static int deliver(struct hep *hep, size_t l)
{
	int err = 0;

	for (int i = 0; i < 2; i++) {
		err = hep->fd < 0 ? reach(hep) : 0;
		if (!err)
			err = send_all(hep, l);
		if (!err)
			break;
		disconnect(hep);
	}

	tell(hep, err);
	metric_add(err ? hep->dropped : hep->sent, 1);

	return err;
}


/* The block. The lock is held */


static struct record *record_at(const struct hep *hep, size_t at)
{
	return (struct record *)(void *)(hep->block + at);
}


static void pop(struct hep *hep)
{
	const uint32_t span = record_at(hep, hep->head)->span;

	hep->head += span;
	hep->used -= span;
	if (hep->head == BLOCK_SIZE)
		hep->head = 0;
}


/** @return true if there is room for span octets in a row at the tail */
static bool make_room(struct hep *hep, size_t span)
{
	const bool wrapped = hep->used && hep->tail <= hep->head;
	struct record *filler;
	size_t rest;

	if (!hep->used)
		hep->head = hep->tail = 0;

	rest = (wrapped ? hep->head : BLOCK_SIZE) - hep->tail;
	if (rest >= span)
		return true;

	if (wrapped || hep->head < span)
		return false;

	filler = record_at(hep, hep->tail);
	filler->size = 0;
	filler->span = (uint32_t)rest;
	hep->used += rest;
	hep->tail = 0;

	return true;
}


/** @param data1  Comes first; data2 behind it */
static void record_add(struct hep *hep, struct record *record,
		       const void *data1, size_t size1, const void *data2,
		       size_t size2)
{
	const size_t size = size1 + size2;
	struct timespec ts;
	bool room;

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	record->span = (uint32_t)((sizeof(*record) + size + ALIGN - 1) /
				  ALIGN * ALIGN);
	record->size = (uint32_t)size;
	record->time_us = (uint64_t)ts.tv_sec * 1000000 +
		(uint64_t)ts.tv_nsec / 1000;

	(void)pthread_mutex_lock(&hep->lock);

	room = make_room(hep, record->span);
	if (room) {
		uint8_t *p = hep->block + hep->tail;

		memcpy(p, record, sizeof(*record));
		memcpy(p + sizeof(*record), data1, size1);
		memcpy(p + sizeof(*record) + size1, data2, size2);
		hep->tail += record->span;
		hep->used += record->span;
		if (hep->tail == BLOCK_SIZE)
			hep->tail = 0;
		(void)pthread_cond_signal(&hep->bell);
	}

	(void)pthread_mutex_unlock(&hep->lock);

	if (!room)
		metric_add(hep->dropped, 1);
}


void hep_add(struct hep *hep, bool tx, enum sip_transp tp,
	     const struct sa *local, const struct sa *peer,
	     const uint8_t *data, size_t size)
{
	struct record record;

	if (!hep || !data || !size || size > MESSAGE_MAX)
		return;

	memset(&record, 0, sizeof(record));
	record.type = HEP_SIP;
	record.tp   = (int16_t)tp;
	record.src  = tx ? *local : *peer;
	record.dst  = tx ? *peer : *local;
	record_add(hep, &record, "", 0, data, size);
}


void hep_report(struct hep *hep, const struct sa *src, const struct sa *dst,
		const char *callid, const char *json)
{
	struct record record;

	if (!hep || !callid || !json || strlen(callid) >= CALLID_MAX ||
	    strlen(json) >= MESSAGE_MAX - CALLID_MAX)
		return;

	memset(&record, 0, sizeof(record));
	record.type   = HEP_REPORT;
	record.tp     = SIP_TRANSP_UDP;
	record.callid = (uint16_t)(strlen(callid) + 1);
	record.src    = *src;
	record.dst    = *dst;
	record_add(hep, &record, callid, record.callid, json, strlen(json));
}


/** Take the oldest message out. @return octets of its frame, 0 none */
static size_t take(struct hep *hep)
{
	struct hep_frame frame = { .data = hep->message };
	struct record record;

	memcpy(&record, record_at(hep, hep->head), sizeof(record.span) +
	       sizeof(record.size));
	if (!record.size) {
		pop(hep);
		return 0;
	}

	memcpy(&record, record_at(hep, hep->head), sizeof(record));
	memcpy(hep->message, hep->block + hep->head + sizeof(record),
	       record.size);
	pop(hep);

	(void)pthread_mutex_unlock(&hep->lock);

	if (record.type == HEP_SIP)
		trace_mask(hep->message, record.size);
	else
		frame.callid = hep->message;

	frame.type = (enum hep_type)record.type;
	frame.data += record.callid;
	frame.time_us = record.time_us;
	frame.tp   = (enum sip_transp)record.tp;
	frame.src  = record.src;
	frame.dst  = record.dst;
	frame.size = record.size - record.callid;
	frame.size = hep_encode(hep->frame, &frame, hep->capture_id,
				hep->password);

	(void)pthread_mutex_lock(&hep->lock);

	return frame.size;
}


/** Not before a while is over, or somebody stops us */
static void rest(struct hep *hep)
{
	struct timespec until;

	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += AGAIN_S;

	while (!hep->stopping &&
	       pthread_cond_clockwait(&hep->bell, &hep->lock,
				      CLOCK_MONOTONIC, &until) != ETIMEDOUT)
		;
}


static void *run(void *arg)
{
	struct hep *hep = arg;

	(void)pthread_mutex_lock(&hep->lock);

	while (!hep->stopping) {
		size_t l;
		int err;

		if (!hep->used) {
			(void)pthread_cond_wait(&hep->bell, &hep->lock);
			continue;
		}

		l = take(hep);
		if (!l)
			continue;

		(void)pthread_mutex_unlock(&hep->lock);
		err = deliver(hep, l);
		(void)pthread_mutex_lock(&hep->lock);

		if (err)
			rest(hep);
	}

	(void)pthread_mutex_unlock(&hep->lock);

	return NULL;
}


/* Opening and closing */


static void destructor(void *arg)
{
	struct hep *hep = arg;

	if (hep->running) {
		(void)pthread_mutex_lock(&hep->lock);
		hep->stopping = true;
		(void)pthread_cond_broadcast(&hep->bell);
		(void)pthread_mutex_unlock(&hep->lock);
		(void)pthread_join(hep->thread, NULL);
	}

	disconnect(hep);
	(void)pthread_cond_destroy(&hep->bell);
	(void)pthread_mutex_destroy(&hep->lock);
	free(hep->block);
	mem_deref(hep->host);
	mem_deref(hep->port);
	mem_deref(hep->password);
}


static int collector_read(struct hep *hep, const char *text)
{
	struct pl host, port = pl_null;
	int err;

	if (re_regex(text, strlen(text), "\\[[^\\]]+\\][:]*[0-9]*", &host,
		     NULL, &port) &&
	    re_regex(text, strlen(text), "[^:]+[:]*[0-9]*", &host, NULL,
		     &port))
		return EINVAL;

	err = pl_strdup(&hep->host, &host);
	if (err)
		return err;

	return pl_isset(&port) ? pl_strdup(&hep->port, &port) :
		re_sdprintf(&hep->port, "%u", HEP_PORT);
}


int hep_alloc(struct hep **hepp, const struct hep_conf *conf)
{
	struct hep *hep;
	int err;

	hep = mem_zalloc(sizeof(*hep), destructor);
	if (!hep)
		return ENOMEM;

	hep->fd = -1;
	hep->tcp = conf->tcp;
	hep->capture_id = conf->capture_id;
	(void)pthread_mutex_init(&hep->lock, NULL);
	(void)pthread_cond_init(&hep->bell, NULL);
	hep->sent = metric_counter("callbridge_hep_sent_total", NULL,
				   "SIP messages sent to the collector");
	hep->dropped = metric_counter("callbridge_hep_dropped_total", NULL,
				      "SIP messages that the collector did"
				      " not get");

	err = collector_read(hep, conf->collector);
	if (!err && conf->password)
		err = str_dup(&hep->password, conf->password);
	if (err)
		goto out;

	hep->block = malloc(BLOCK_SIZE);
	err = hep->block ? thread_start(&hep->thread, "hep", run, hep) :
		ENOMEM;
	hep->running = !err;

 out:
	if (err)
		mem_deref(hep);
	else
		*hepp = hep;

	return err;
}
