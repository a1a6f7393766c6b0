/**
 * @file parse_room.h  Memory for one message after the other
 *
 * Private to this room: transp.c has one, parse_message.c uses it.
 */
#ifndef SIP_PARSE_ROOM_H
#define SIP_PARSE_ROOM_H

#include "bridge/base/libre.h"

struct parse_room {
	struct mbuf *mb;           /* ref, NULL: none; of the last message */
	struct sip_msg *msg;       /* ref, NULL: none                      */
	size_t headers;            /* that there is place for behind it    */
};

int parse_room_alloc(struct parse_room **roomp);

/**
 * A copy of a message as it came
 *
 * @param mbp  Its position is 0; a reference of the caller's
 *
 * @return 0, ENOMEM
 */
int parse_room_fill(struct mbuf **mbp, struct parse_room *room,
		    const uint8_t *buf, size_t size);

/**
 * The block of the message before, if nobody holds that any more
 *
 * @param headers  For so many
 *
 * @return All zero but for an empty table of headers, a reference of the
 *         caller's; NULL: there is none
 */
struct sip_msg *parse_room_take(struct parse_room *room, size_t headers);

/** The block of this message may be used again */
void parse_room_put(struct parse_room *room, struct sip_msg *msg,
		    size_t headers);

/** The message has been handled. What others hold of it is theirs alone */
void parse_room_leave(struct parse_room *room);

#endif
