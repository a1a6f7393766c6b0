/**
 * @file tape.c  The voice of a call, kept for a while because somebody asked
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/time.h>

#include "tape.h"
#include "wheel.h"


enum {
	ORDERS      = 32,
	ENTRIES     = 64,
	PER_SECOND  = 65536,       /* both ways on both sides, and to spare */
	ALIGN       = 8,
	MASK        = 0xff,        /* no event has this number              */
};


/** Before each packet */
struct record {
	uint64_t us;               /* monotonic                             */
	struct sa peer;
	uint16_t size;
	uint8_t side;
	bool tx;
};

struct tape {
	atomic_uint refs;
	atomic_size_t *budget;     /* borrowed: of the tapes                */
	uint64_t from_us, until_us;    /* monotonic                         */
	int64_t wall_us;           /* from there to the wall clock          */
	struct sa localv[TAPE_SIDES];
	atomic_bool stopped;
	size_t size;
	atomic_size_t used;
	_Alignas(8) uint8_t data[];
};

struct order {
	char tenant[64], subject[128];
	uint64_t until_us;         /* 0: free                               */
};

struct entry {
	char tenant[64], id[40], upn[128];
	struct tape *tape;         /* held; NULL: free                      */
};

struct tapes {
	pthread_mutex_t lock;
	size_t limit;
	atomic_size_t used;        /* octets, also of those let go of that
				      a stream still has                    */
	atomic_bool any;           /* there are orders or entries           */
	struct order orderv[ORDERS];
	struct entry entryv[ENTRIES];  /* in order of time                  */
};


/* ---- a tape ------------------------------------------------------------ */


static int tape_alloc(struct tape **tapep, struct tapes *tapes, size_t size,
		      uint64_t until_us, const struct sa localv[TAPE_SIDES])
{
	struct tape *tape;
	struct timeval tv;

	tape = calloc(1, sizeof(*tape) + size);
	if (!tape)
		return ENOMEM;

	(void)gettimeofday(&tv, NULL);
	atomic_init(&tape->refs, 1);
	atomic_init(&tape->stopped, false);
	atomic_init(&tape->used, 0);
	tape->budget    = &tapes->used;
	tape->from_us   = clock_us();
	tape->until_us  = until_us;
	tape->wall_us   = (int64_t)tv.tv_sec * 1000000 + tv.tv_usec -
		(int64_t)tape->from_us;
	tape->localv[0] = localv[0];
	tape->localv[1] = localv[1];
	tape->size      = size;
	atomic_fetch_add(&tapes->used, size);
	*tapep = tape;

	return 0;
}


static struct tape *tape_ref(struct tape *tape)
{
	atomic_fetch_add(&tape->refs, 1);

	return tape;
}


void tape_unref(struct tape *tape)
{
	if (!tape || atomic_fetch_sub(&tape->refs, 1) != 1)
		return;

	atomic_fetch_sub(tape->budget, tape->size);
	explicit_bzero(tape->data, atomic_load(&tape->used));
	free(tape);
}


static bool is_over(const struct tape *tape, uint64_t now_us)
{
	return now_us >= tape->until_us || atomic_load(&tape->stopped);
}


void tape_add(struct tape *tape, unsigned side, bool tx,
	      const struct sa *peer, const uint8_t *p, size_t size,
	      size_t digit, uint64_t now_us)
{
	const size_t at = atomic_load_explicit(&tape->used,
					       memory_order_relaxed);
	struct record *record = (void *)(tape->data + at);
	size_t span = sizeof(*record) + size + ALIGN - 1;

	span -= span % ALIGN;
	if (digit >= size || size > UINT16_MAX || span > tape->size - at ||
	    is_over(tape, now_us))
		return;

	record->us   = now_us;
	record->peer = *peer;
	record->size = (uint16_t)size;
	record->side = (uint8_t)side;
	record->tx   = tx;
	memcpy(record + 1, p, size);

	if (digit)
		((uint8_t *)(record + 1))[digit] = MASK;

	/* what stands before is whole for whoever sees this */
	atomic_store_explicit(&tape->used, at + span, memory_order_release);
}


bool tape_next(const struct tape *tape, size_t *at, struct tape_packet *pkt)
{
	const struct record *record = (const void *)(tape->data + *at);
	size_t span;

	if (*at >= atomic_load_explicit(&tape->used, memory_order_acquire))
		return false;

	*pkt = (struct tape_packet){
		.time_us = (uint64_t)((int64_t)record->us + tape->wall_us),
		.side = record->side, .tx = record->tx,
		.local = tape->localv[record->side], .peer = record->peer,
		.p = (const uint8_t *)(record + 1), .size = record->size,
	};
	span = sizeof(*record) + record->size + ALIGN - 1;
	*at += span - span % ALIGN;

	return true;
}


/* ---- those of a node --------------------------------------------------- */


static void destructor(void *data)
{
	struct tapes *tapes = data;

	for (size_t i = 0; i < ENTRIES; i++)
		tape_unref(tapes->entryv[i].tape);
	(void)pthread_mutex_destroy(&tapes->lock);
}


int tapes_alloc(struct tapes **tapesp, size_t limit)
{
	struct tapes *tapes;

	tapes = mem_zalloc(sizeof(*tapes), destructor);
	if (!tapes)
		return ENOMEM;

	(void)pthread_mutex_init(&tapes->lock, NULL);
	atomic_init(&tapes->used, 0);
	atomic_init(&tapes->any, false);
	tapes->limit = limit;
	*tapesp = tapes;

	return 0;
}


bool tapes_are_on(const struct tapes *tapes)
{
	return tapes && tapes->limit;
}


static void entry_drop(struct tapes *tapes, size_t i)
{
	struct tape *tape = tapes->entryv[i].tape;

	atomic_store(&tape->stopped, true);
	tape_unref(tape);
	memmove(&tapes->entryv[i], &tapes->entryv[i + 1],
		(ENTRIES - 1 - i) * sizeof(tapes->entryv[0]));
	memset(&tapes->entryv[ENTRIES - 1], 0, sizeof(tapes->entryv[0]));
}


static void sweep(struct tapes *tapes, uint64_t now_us)
{
	bool any = false;

	for (size_t i = 0; i < ORDERS; i++) {
		if (tapes->orderv[i].until_us <= now_us)
			tapes->orderv[i].until_us = 0;
		any |= tapes->orderv[i].until_us != 0;
	}

	for (size_t i = 0; i < ENTRIES && tapes->entryv[i].tape;) {
		if (tapes->entryv[i].tape->until_us +
		    TAPE_KEPT_S * 1000000ull <= now_us) {
			entry_drop(tapes, i);
			continue;
		}
		any = true;
		i++;
	}

	atomic_store(&tapes->any, any);
}


void tapes_sweep(struct tapes *tapes)
{
	if (!tapes || !atomic_load(&tapes->any))
		return;

	(void)pthread_mutex_lock(&tapes->lock);
	sweep(tapes, clock_us());
	(void)pthread_mutex_unlock(&tapes->lock);
}


/** @return NULL if nobody asked for it */
static struct order *order_find(struct tapes *tapes, const char *tenant,
				const char *subject)
{
	for (size_t i = 0; i < ORDERS; i++) {
		struct order *order = &tapes->orderv[i];

		if (order->until_us && !str_cmp(order->tenant, tenant) &&
		    !str_casecmp(order->subject, subject))
			return order;
	}

	return NULL;
}


int tapes_order(struct tapes *tapes, const char *tenant, const char *subject,
		uint32_t seconds)
{
	struct order *order;
	int err = EAGAIN;

	if (!tapes_are_on(tapes))
		return ENOTSUP;
	if (!seconds || seconds > TAPE_SECONDS_MAX)
		return EINVAL;

	(void)pthread_mutex_lock(&tapes->lock);
	sweep(tapes, clock_us());

	order = order_find(tapes, tenant, subject);
	for (size_t i = 0; i < ORDERS && !order; i++) {
		if (!tapes->orderv[i].until_us)
			order = &tapes->orderv[i];
	}

	if (order) {
		str_ncpy(order->tenant, tenant, sizeof(order->tenant));
		str_ncpy(order->subject, subject, sizeof(order->subject));
		order->until_us = clock_us() + seconds * 1000000ull;
		atomic_store(&tapes->any, true);
		err = 0;
	}
	(void)pthread_mutex_unlock(&tapes->lock);

	return err;
}


bool tapes_are_asked(struct tapes *tapes, const char *tenant,
		     const char *subject)
{
	bool asked;

	if (!tapes)
		return false;

	(void)pthread_mutex_lock(&tapes->lock);
	sweep(tapes, clock_us());
	asked = order_find(tapes, tenant, subject);
	(void)pthread_mutex_unlock(&tapes->lock);

	return asked;
}


static bool is_of(const struct entry *entry, const char *tenant,
		  const char *subject)
{
	return !str_cmp(entry->tenant, tenant) &&
		(!str_cmp(entry->id, subject) ||
		 !str_casecmp(entry->upn, subject));
}


int tapes_cancel(struct tapes *tapes, const char *tenant, const char *subject)
{
	struct order *order;
	int err = ENOENT;

	if (!tapes)
		return ENOENT;

	(void)pthread_mutex_lock(&tapes->lock);
	order = order_find(tapes, tenant, subject);
	if (order) {
		order->until_us = 0;
		err = 0;
	}

	for (size_t i = 0; i < ENTRIES && tapes->entryv[i].tape;) {
		if (!is_of(&tapes->entryv[i], tenant, subject)) {
			i++;
			continue;
		}
		entry_drop(tapes, i);
		err = 0;
	}
	sweep(tapes, clock_us());
	(void)pthread_mutex_unlock(&tapes->lock);

	return err;
}


/** Until when is it asked for? 0: it is not */
static uint64_t asked_until(const struct tapes *tapes, const char *tenant,
			    const char *id, const char *upn)
{
	uint64_t until_us = 0;

	for (size_t i = 0; i < ORDERS; i++) {
		const struct order *o = &tapes->orderv[i];

		if (o->until_us > until_us && !str_cmp(o->tenant, tenant) &&
		    (!str_cmp(o->subject, id) ||
		     !str_casecmp(o->subject, upn)))
			until_us = o->until_us;
	}

	return until_us;
}


/** Older ones that are over give way. @return ENTRIES: there is no room */
static size_t make_room(struct tapes *tapes, size_t size, uint64_t now_us)
{
	size_t i, n = 0;

	while (n < ENTRIES && tapes->entryv[n].tape)
		n++;

	for (i = 0; i < n && (n == ENTRIES ||
			      atomic_load(&tapes->used) + size >
			      tapes->limit);) {
		if (!is_over(tapes->entryv[i].tape, now_us)) {
			i++;
			continue;
		}
		entry_drop(tapes, i);
		n--;
	}

	return atomic_load(&tapes->used) + size <= tapes->limit ? n : ENTRIES;
}


static struct tape *take(struct tapes *tapes, const struct entry *call,
			 const struct sa localv[TAPE_SIDES], uint64_t now_us,
			 uint64_t until_us)
{
	const size_t size = (size_t)((until_us - now_us) / 1000000 + 1) *
		PER_SECOND;
	struct entry *entry;
	size_t i;

	for (i = 0; i < ENTRIES && tapes->entryv[i].tape; i++) {
		if (is_of(&tapes->entryv[i], call->tenant, call->id))
			return NULL;
	}

	i = make_room(tapes, size, now_us);
	if (i == ENTRIES)
		return NULL;

	entry = &tapes->entryv[i];
	*entry = *call;
	if (tape_alloc(&entry->tape, tapes, size, until_us, localv))
		return NULL;

	return tape_ref(entry->tape);
}


struct tape *tapes_take(struct tapes *tapes, const char *tenant,
			const char *id, const char *upn,
			const struct sa localv[TAPE_SIDES], uint32_t *left_s)
{
	const uint64_t now_us = clock_us();
	struct tape *tape = NULL;
	struct entry call;
	uint64_t until_us;

	if (!tapes || !atomic_load(&tapes->any))
		return NULL;

	memset(&call, 0, sizeof(call));
	str_ncpy(call.tenant, tenant, sizeof(call.tenant));
	str_ncpy(call.id, id, sizeof(call.id));
	str_ncpy(call.upn, upn, sizeof(call.upn));

	(void)pthread_mutex_lock(&tapes->lock);
	sweep(tapes, now_us);
	until_us = asked_until(tapes, tenant, id, upn);
	if (until_us)
		tape = take(tapes, &call, localv, now_us, until_us);
	(void)pthread_mutex_unlock(&tapes->lock);

	*left_s = tape ? (uint32_t)((until_us - now_us) / 1000000) : 0;

	return tape;
}


struct tape *tapes_find(struct tapes *tapes, const char *tenant,
			const char *subject, size_t i)
{
	struct tape *tape = NULL;

	if (!tapes)
		return NULL;

	(void)pthread_mutex_lock(&tapes->lock);
	for (size_t k = 0; k < ENTRIES && tapes->entryv[k].tape; k++) {
		if (!is_of(&tapes->entryv[k], tenant, subject) || i--)
			continue;
		tape = tape_ref(tapes->entryv[k].tape);
		break;
	}
	(void)pthread_mutex_unlock(&tapes->lock);

	return tape;
}
