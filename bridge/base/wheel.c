/**
 * @file wheel.c  Hierarchical timer wheel
 *
 * Eleven levels of 64 slots, six bits of the time each, span all 64 bits, so
 * that there is no horizon and no wrap. A timer hangs at the level of the
 * highest bit in which its due time differs from the cursor: on level 0 are
 * the timers of the cursor's own block of 64 ms, one slot a millisecond; on
 * level n those whose block the cursor has yet to enter. When it does, the
 * block's slot is spread over the levels below. One word of bits a level
 * tells which slots are taken, so that empty time costs nothing.
 *
 * The lowest level in use always holds the earliest timer: a timer of level n
 * shares all higher bits with the cursor and differs first, upwards, in the
 * n-th group of six.
 */
#include <time.h>

#include "libre.h"
#include "wheel.h"


enum {
	SLOT_BITS = 6,
	SLOTS     = 1 << SLOT_BITS,
	LEVELS    = (64 + SLOT_BITS - 1) / SLOT_BITS,
	LAZY_MS   = 2 * SLOTS,     /* a block begins then: nothing has to be
				      spread before                        */
};


/** Timers in the order they were started */
struct queue {
	struct wheel_tmr *first;   /* borrowed */
	struct wheel_tmr **tailp;
};


struct wheel {
	uint64_t now_ms;           /* as told by the owner                  */
	uint64_t cursor_ms;        /* how far slots were emptied; <= now_ms */
	uint64_t taken[LEVELS];    /* bit a slot: not empty                 */
	struct queue slot[LEVELS][SLOTS];
	struct queue soon;         /* delay 0: due at the next advance      */
	struct queue firing;       /* being fired now                       */
	wheel_wake_h *wakeh;       /* NULL: time is as told                 */
	void *wake_arg;
	uint64_t wake_ms;          /* what was told to it                   */
	bool advancing;
};


static void queue_init(struct queue *queue)
{
	queue->first = NULL;
	queue->tailp = &queue->first;
}


static void queue_append(struct queue *queue, struct wheel_tmr *tmr)
{
	tmr->next  = NULL;
	tmr->prevp = queue->tailp;
	*queue->tailp = tmr;
	queue->tailp = &tmr->next;
}


/** Move all timers of one queue to the end of another */
static void queue_move(struct queue *dst, struct queue *src)
{
	if (!src->first)
		return;

	src->first->prevp = dst->tailp;
	*dst->tailp = src->first;
	dst->tailp = src->tailp;
	queue_init(src);
}


static void queue_orphan(struct queue *queue)
{
	struct wheel_tmr *tmr;

	while ((tmr = queue->first)) {
		queue->first = tmr->next;
		tmr->next  = NULL;
		tmr->prevp = NULL;
		tmr->wheel = NULL;
	}

	queue_init(queue);
}


static void destructor(void *data)
{
	struct wheel *wheel = data;

	/* An owner may outlive the wheel and cancel its timer later */
	for (unsigned level = 0; level < LEVELS; level++)
		for (unsigned i = 0; i < SLOTS; i++)
			queue_orphan(&wheel->slot[level][i]);

	queue_orphan(&wheel->soon);
	queue_orphan(&wheel->firing);
}


/** Level at which a time hangs that differs from the cursor */
static unsigned level_of(const struct wheel *wheel, uint64_t due_ms)
{
	const uint64_t diff = due_ms ^ wheel->cursor_ms;

	return (63 - (unsigned)__builtin_clzll(diff | 1)) / SLOT_BITS;
}


static unsigned index_of(uint64_t due_ms, unsigned level)
{
	return (due_ms >> (level * SLOT_BITS)) & (SLOTS - 1);
}


static void hang(struct wheel *wheel, struct wheel_tmr *tmr)
{
	const unsigned level = level_of(wheel, tmr->due_ms);
	const unsigned i = index_of(tmr->due_ms, level);

	queue_append(&wheel->slot[level][i], tmr);
	wheel->taken[level] |= UINT64_C(1) << i;
}


static void queue_cut_tail(struct queue *queue, struct wheel_tmr *tmr)
{
	if (queue->tailp == &tmr->next)
		queue->tailp = tmr->prevp;
}


static void unhang(struct wheel_tmr *tmr)
{
	struct wheel *wheel = tmr->wheel;
	const unsigned level = level_of(wheel, tmr->due_ms);
	const unsigned i = index_of(tmr->due_ms, level);
	struct queue *slot = &wheel->slot[level][i];

	*tmr->prevp = tmr->next;

	if (tmr->next) {
		tmr->next->prevp = tmr->prevp;
	}
	else {
		queue_cut_tail(slot, tmr);
		queue_cut_tail(&wheel->soon, tmr);
		queue_cut_tail(&wheel->firing, tmr);
	}

	if (!slot->first)
		wheel->taken[level] &= ~(UINT64_C(1) << i);

	tmr->next  = NULL;
	tmr->prevp = NULL;
}


/** Find the earliest slot in use and when it begins; false if there is none */
static bool earliest(const struct wheel *wheel, unsigned *levelp,
		     unsigned *ip, uint64_t *begin_ms)
{
	for (unsigned level = 0; level < LEVELS; level++) {

		const unsigned shift = level * SLOT_BITS;
		const unsigned above = shift + SLOT_BITS;
		uint64_t high;
		unsigned i;

		if (!wheel->taken[level])
			continue;

		i = (unsigned)__builtin_ctzll(wheel->taken[level]);
		high = above < 64 ? wheel->cursor_ms >> above << above : 0;

		*levelp = level;
		*ip = i;
		*begin_ms = high | ((uint64_t)i << shift);
		return true;
	}

	return false;
}


/** When something has to be done, 0: at once, UINT64_MAX: never */
static uint64_t next_at(const struct wheel *wheel)
{
	uint64_t begin_ms;
	unsigned level, i;

	if (wheel->soon.first || wheel->firing.first)
		return 0;

	return earliest(wheel, &level, &i, &begin_ms) ? begin_ms : UINT64_MAX;
}


static void fire(struct wheel *wheel)
{
	struct wheel_tmr *tmr;

	while ((tmr = wheel->firing.first)) {
		unhang(tmr);
		tmr->h(tmr->arg);   /* may free the timer */
	}
}


/** The cursor enters a block: spread its timers over the levels below */
static void spread(struct wheel *wheel, struct queue *slot)
{
	struct wheel_tmr *tmr = slot->first;

	queue_init(slot);

	while (tmr) {
		struct wheel_tmr *next = tmr->next;

		hang(wheel, tmr);
		tmr = next;
	}
}


static void wake(struct wheel *wheel, uint64_t at_ms)
{
	if (!wheel->wakeh)
		return;

	wheel->wake_ms = at_ms;
	wheel->wakeh(at_ms, wheel->wake_arg);
}


/** A handler is called at one time, however long it takes: what it starts
    is not due in the same round */
static void look_at_clock(struct wheel *wheel)
{
	uint64_t now_ms;

	if (!wheel->wakeh || wheel->advancing)
		return;

	now_ms = clock_ms();
	if (now_ms > wheel->now_ms)
		wheel->now_ms = now_ms;
}


int wheel_alloc(struct wheel **wheelp, uint64_t now_ms)
{
	struct wheel *wheel;

	if (!wheelp)
		return EINVAL;

	wheel = mem_zalloc(sizeof(*wheel), destructor);
	if (!wheel)
		return ENOMEM;

	for (unsigned level = 0; level < LEVELS; level++)
		for (unsigned i = 0; i < SLOTS; i++)
			queue_init(&wheel->slot[level][i]);

	queue_init(&wheel->soon);
	queue_init(&wheel->firing);
	wheel->now_ms    = now_ms;
	wheel->cursor_ms = now_ms;

	*wheelp = wheel;

	return 0;
}


static void start_at(struct wheel *wheel, struct wheel_tmr *tmr,
		     uint64_t due_ms, wheel_h *h, void *arg)
{
	const bool soon = due_ms == wheel->now_ms;

	wheel_cancel(tmr);

	tmr->wheel  = wheel;
	tmr->h      = h;
	tmr->arg    = arg;
	tmr->due_ms = due_ms;

	if (soon)
		queue_append(&wheel->soon, tmr);
	else
		hang(wheel, tmr);

	/* at the end of an advance all is looked at */
	if (!wheel->advancing && (soon ? 0 : due_ms) < wheel->wake_ms)
		wake(wheel, soon ? 0 : due_ms);
}


void wheel_start(struct wheel *wheel, struct wheel_tmr *tmr,
		 uint64_t delay_ms, wheel_h *h, void *arg)
{
	if (!wheel || !tmr || !h)
		return;

	look_at_clock(wheel);
	if (delay_ms > UINT64_MAX - wheel->now_ms)
		delay_ms = UINT64_MAX - wheel->now_ms;

	start_at(wheel, tmr, wheel->now_ms + delay_ms, h, arg);
}


void wheel_start_lazily(struct wheel *wheel, struct wheel_tmr *tmr,
			uint64_t delay_ms, wheel_h *h, void *arg)
{
	uint64_t over;

	if (!wheel || !tmr || !h)
		return;

	look_at_clock(wheel);
	over = wheel->wakeh ? (wheel->now_ms + delay_ms) % LAZY_MS : 0;
	start_at(wheel, tmr, wheel->now_ms + delay_ms +
		 (over ? LAZY_MS - over : 0), h, arg);
}


void wheel_wake_set(struct wheel *wheel, wheel_wake_h *wakeh, void *arg)
{
	wheel->wakeh    = wakeh;
	wheel->wake_arg = arg;
	wheel->wake_ms  = UINT64_MAX;
}


void wheel_cancel(struct wheel_tmr *tmr)
{
	if (tmr && tmr->prevp)
		unhang(tmr);
}


bool wheel_is_running(const struct wheel_tmr *tmr)
{
	return tmr && tmr->prevp;
}


uint64_t wheel_left(const struct wheel_tmr *tmr)
{
	if (!wheel_is_running(tmr))
		return 0;

	look_at_clock(tmr->wheel);
	if (tmr->due_ms <= tmr->wheel->now_ms)
		return 0;

	return tmr->due_ms - tmr->wheel->now_ms;
}


uint64_t wheel_now(struct wheel *wheel)
{
	if (!wheel)
		return 0;

	look_at_clock(wheel);

	return wheel->now_ms;
}


void wheel_advance(struct wheel *wheel, uint64_t now_ms)
{
	uint64_t begin_ms;
	unsigned level, i;

	if (!wheel || wheel->advancing)
		return;

	wheel->advancing = true;

	/* Set first: what a handler starts counts from the present, however
	   late its own timer was. So no call fires a timer twice. */
	if (now_ms > wheel->now_ms)
		wheel->now_ms = now_ms;

	queue_move(&wheel->firing, &wheel->soon);
	fire(wheel);

	while (earliest(wheel, &level, &i, &begin_ms) &&
	       begin_ms <= wheel->now_ms) {

		struct queue *slot = &wheel->slot[level][i];

		wheel->cursor_ms = begin_ms;
		wheel->taken[level] &= ~(UINT64_C(1) << i);

		if (level) {
			spread(wheel, slot);
		}
		else {
			queue_move(&wheel->firing, slot);
			fire(wheel);
		}
	}

	wheel->cursor_ms = wheel->now_ms;
	wheel->advancing = false;
	wake(wheel, next_at(wheel));
}


uint64_t wheel_next(const struct wheel *wheel)
{
	const uint64_t at_ms = wheel ? next_at(wheel) : UINT64_MAX;

	if (at_ms == UINT64_MAX)
		return UINT64_MAX;

	return at_ms > wheel->now_ms ? at_ms - wheel->now_ms : 0;
}


uint64_t clock_us(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);

	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}


uint64_t clock_ms(void)
{
	return clock_us() / 1000;
}


int64_t clock_wall_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_REALTIME, &ts);

	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}
