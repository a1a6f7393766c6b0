/**
 * @file parse_room.c  Memory for one message after the other
 *
 * A message is read, handled and gone before the next one comes; its octets,
 * its headers and their table are five blocks of memory, one of them too
 * large for malloc()'s fast lists. So the blocks stay for the next message,
 * unless somebody holds on to this one.
 */
#include "parse.h"
#include "parse_room.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(p, size) ((void)(p), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(p, size) ((void)(p), (void)(size))
#endif


enum {
	OCTETS_KEPT  = 8192,       /* more goes back to the system         */
	HEADERS_KEPT = 128,
};


/** The octets as they are between two messages: whoever still looks at them
    is found by the address sanitizer */
static void octets_close(struct mbuf *mb)
{
	ASAN_POISON_MEMORY_REGION(mb->buf, mb->size);
}


static void octets_open(struct mbuf *mb)
{
	ASAN_UNPOISON_MEMORY_REGION(mb->buf, mb->size);
}


static void octets_drop(struct parse_room *room)
{
	if (room->mb)
		octets_open(room->mb);

	room->mb = mem_deref(room->mb);
}


static void destructor(void *data)
{
	struct parse_room *room = data;

	octets_drop(room);
	mem_deref(room->msg);
}


int parse_room_alloc(struct parse_room **roomp)
{
	struct parse_room *room;

	if (!roomp)
		return EINVAL;

	room = mem_zalloc(sizeof(*room), destructor);
	if (!room)
		return ENOMEM;

	*roomp = room;

	return 0;
}


/** Does nobody but the room hold it? */
static bool is_ours(void *block)
{
	return block && mem_nrefs(block) == 1;
}


int parse_room_fill(struct mbuf **mbp, struct parse_room *room,
		    const uint8_t *buf, size_t size)
{
	int err;

	if (!mbp || !room || !buf)
		return EINVAL;

	if (is_ours(room->mb)) {
		octets_open(room->mb);
		mbuf_rewind(room->mb);
	}
	else {
		octets_drop(room);
		room->mb = mbuf_alloc(size);
		if (!room->mb)
			return ENOMEM;
	}

	err = mbuf_write_mem(room->mb, buf, size);
	if (err)
		return err;

	mbuf_set_pos(room->mb, 0);
	*mbp = mem_ref(room->mb);

	return 0;
}


struct sip_msg *parse_room_take(struct parse_room *room, size_t headers)
{
	struct sip_msg *msg = room->msg;
	struct hash *hdrht;

	if (!is_ours(msg) || room->headers < headers)
		return NULL;

	hdrht = msg->hdrht;
	hash_clear(hdrht);
	memset(msg, 0, sizeof(*msg));
	msg->hdrht = hdrht;

	return mem_ref(msg);
}


void parse_room_put(struct parse_room *room, struct sip_msg *msg,
		    size_t headers)
{
	mem_deref(room->msg);
	room->msg     = mem_ref(msg);
	room->headers = headers;
}


void parse_room_leave(struct parse_room *room)
{
	if (!room)
		return;

	if (is_ours(room->msg) && room->headers <= HEADERS_KEPT) {
		room->msg->sock = mem_deref(room->msg->sock);
		room->msg->mb   = mem_deref(room->msg->mb);
	}
	else {
		room->msg = mem_deref(room->msg);
	}

	if (is_ours(room->mb) && room->mb->size <= OCTETS_KEPT)
		octets_close(room->mb);
	else
		octets_drop(room);
}
