/**
 * @file ring.c  Values from one thread to another
 *
 * The indices count up for ever and are masked when used, so that full and
 * empty differ. Each side keeps to its own cache line.
 */
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "libre.h"
#include "ring.h"


enum { CACHE_LINE = 64, COUNT_MAX = 1 << 30 };


struct ring {
	size_t size;               /* octets of a value      */
	size_t mask;               /* count - 1              */
	uint8_t *valuev;           /* owned                  */
	int fd;                    /* eventfd, owned         */
	char pad0[CACHE_LINE];
	atomic_size_t head;        /* consumer: next to take */
	char pad1[CACHE_LINE];
	atomic_size_t tail;        /* producer: next to fill */
};


static void destructor(void *data)
{
	struct ring *ring = data;

	mem_deref(ring->valuev);
	if (ring->fd >= 0)
		(void)close(ring->fd);
}


static size_t power_of_two(size_t count)
{
	size_t n = 1;

	while (n < count)
		n <<= 1;

	return n;
}


static void bell_ring(const struct ring *ring)
{
	const uint64_t one = 1;

	/* Can only fail with the counter at its limit, when it rings anyway */
	while (write(ring->fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}


int ring_alloc(struct ring **ringp, size_t size, size_t count)
{
	struct ring *ring;
	int err = 0;

	if (!ringp || !size || !count || count > COUNT_MAX)
		return EINVAL;

	ring = mem_zalloc(sizeof(*ring), destructor);
	if (!ring)
		return ENOMEM;

	ring->fd   = -1;
	ring->size = size;
	ring->mask = power_of_two(count) - 1;

	ring->valuev = mem_reallocarray(NULL, ring->mask + 1, size, NULL);
	if (!ring->valuev) {
		err = ENOMEM;
		goto out;
	}

	ring->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (ring->fd < 0)
		err = errno;

 out:
	if (err)
		mem_deref(ring);
	else
		*ringp = ring;

	return err;
}


int ring_push(struct ring *ring, const void *value)
{
	size_t head, tail;

	if (!ring || !value)
		return EINVAL;

	tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
	head = atomic_load_explicit(&ring->head, memory_order_acquire);

	if (tail - head > ring->mask)
		return EAGAIN;

	memcpy(ring->valuev + (tail & ring->mask) * ring->size, value,
	       ring->size);
	atomic_store_explicit(&ring->tail, tail + 1, memory_order_release);

	/* Pairs with the fence in ring_pop(): either the consumer, about to
	   rest, sees this value, or we see that it has taken all others. */
	atomic_thread_fence(memory_order_seq_cst);

	if (atomic_load_explicit(&ring->head, memory_order_relaxed) == tail)
		bell_ring(ring);

	return 0;
}


bool ring_pop(struct ring *ring, void *value)
{
	size_t head, tail;

	if (!ring || !value)
		return false;

	head = atomic_load_explicit(&ring->head, memory_order_relaxed);
	tail = atomic_load_explicit(&ring->tail, memory_order_acquire);

	if (head == tail) {
		atomic_thread_fence(memory_order_seq_cst);
		tail = atomic_load_explicit(&ring->tail, memory_order_acquire);
		if (head == tail)
			return false;
	}

	memcpy(value, ring->valuev + (head & ring->mask) * ring->size,
	       ring->size);
	atomic_store_explicit(&ring->head, head + 1, memory_order_release);

	return true;
}


int ring_fd(const struct ring *ring)
{
	return ring ? ring->fd : -1;
}


void ring_bell_clear(struct ring *ring)
{
	uint64_t count;

	if (!ring)
		return;

	/* EAGAIN: it was silent */
	while (read(ring->fd, &count, sizeof(count)) < 0 && errno == EINTR)
		;
}
