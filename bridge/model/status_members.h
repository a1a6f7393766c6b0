/**
 * @file status_members.h  The members of what is told to people
 *
 * One table a struct says which members there are (status.c), so that what
 * is written, kept and read cannot differ. Private to this room.
 */
#ifndef MODEL_STATUS_MEMBERS_H
#define MODEL_STATUS_MEMBERS_H

#include <stddef.h>

#define COUNT(v) (sizeof(v) / sizeof((v)[0]))


enum member_type { TEXT, BOOLEAN, U16, U32, U64, I64, REAL, STATE };

struct member {
	const char *name;
	enum member_type type;
	size_t offset, size;       /* in the struct, octets                */
	const char *const *statev; /* names of STATE */
	size_t statec;
};

struct members {
	const struct member *v;
	size_t c;
};

#define MEMBER(s, m, t) { #m, t, offsetof(struct s, m), \
			  sizeof(((struct s *)0)->m), NULL, 0 }
#define MEMBER_STATE(s, m, v) { #m, STATE, offsetof(struct s, m), \
				sizeof(((struct s *)0)->m), v, COUNT(v) }
#define MEMBERS(table) { table, COUNT(table) }

extern const struct members reg_members, trunk_members, record_members,
	side_members, decision_members, transfer_members;

#endif
