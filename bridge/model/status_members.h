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
	const char *key;           /* how it stands in a line: ,"name":    */
	size_t keyl;
	enum member_type type;
	size_t offset, size;       /* in the struct, octets                */
	const char *const *statev; /* names of STATE */
	size_t statec;
};

struct members {
	const struct member *v;
	size_t c;
};

#define MEMBER_NAME(m) #m, ",\"" #m "\":", sizeof(",\"" #m "\":") - 1
#define MEMBER(s, m, t) { MEMBER_NAME(m), t, offsetof(struct s, m), \
			  sizeof(((struct s *)0)->m), NULL, 0 }
#define MEMBER_STATE(s, m, v) { MEMBER_NAME(m), STATE, \
				offsetof(struct s, m), \
				sizeof(((struct s *)0)->m), v, COUNT(v) }
#define MEMBERS(table) { table, COUNT(table) }

extern const struct members reg_members, trunk_members, record_members,
	side_members, decision_members, transfer_members;

#endif
