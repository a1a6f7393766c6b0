/**
 * @file status_text.c  Registrations and call records as JSON text
 *
 * What the journal takes for every change. The same members and values as
 * in status.c, but written straight away: building a tree of objects first
 * costs ten times as much.
 */
#include <stdio.h>

#include "bridge/base/libre.h"
#include "bridge/base/text.h"
#include "status.h"
#include "status_members.h"


/** A line is a hundred pieces of few octets: there is room for most */
static inline int put(struct mbuf *mb, const char *p, size_t l)
{
	if (mb->pos + l > mb->size)
		return mbuf_write_mem(mb, (const uint8_t *)p, l);

	memcpy(mb->buf + mb->pos, p, l);
	mb->pos += l;
	if (mb->end < mb->pos)
		mb->end = mb->pos;

	return 0;
}


#define PUT(mb, literal) put(mb, literal, sizeof(literal) - 1)


/** Octets at p that stand for themselves in a JSON string */
static size_t plain(const char *p, size_t l)
{
	size_t i = 0;

	while (i < l && (unsigned char)p[i] >= ' ' && p[i] != '"' &&
	       p[i] != '\\')
		++i;

	return i;
}


static int escape_put(struct mbuf *mb, char c)
{
	static const char hex[] = "0123456789ABCDEF";
	char buf[6] = { '\\', 'u', '0', '0', hex[(c >> 4) & 15],
			hex[c & 15] };

	switch (c) {

	case '"':  return PUT(mb, "\\\"");
	case '\\': return PUT(mb, "\\\\");
	case '\n': return PUT(mb, "\\n");
	case '\r': return PUT(mb, "\\r");
	case '\t': return PUT(mb, "\\t");
	default:   return put(mb, buf, sizeof(buf));
	}
}


static bool is_utf8(const char *p, size_t l)
{
	size_t n;

	for (; l; p += n, l -= n) {
		n = text_utf8(p, l);
		if (!n)
			return false;
	}

	return true;
}


/** Peers write what they like: octets that are no UTF-8 become '?' */
static int awkward_put(struct mbuf *mb, const char *p, size_t l)
{
	const bool utf8 = is_utf8(p, l);
	int err = 0;

	while (l && !err) {
		size_t n = plain(p, l);

		if (n && utf8) {
			err = put(mb, p, n);
		}
		else if (n) {
			n = 1;
			err = put(mb, *p & 0x80 ? "?" : p, n);
		}
		else {
			n = 1;
			err = escape_put(mb, *p);
		}

		p += n;
		l -= n;
	}

	return err;
}


static int string_put(struct mbuf *mb, const char *p, size_t size)
{
	const size_t l = strnlen(p, size);
	int err;

	if (!l)
		return PUT(mb, "\"\"");

	err = PUT(mb, "\"");
	if (!err)
		err = text_json_plain(p, l) ? put(mb, p, l) :
			awkward_put(mb, p, l);

	return err ? err : PUT(mb, "\"");
}


static int integer_put(struct mbuf *mb, uint64_t n, bool negative)
{
	char buf[21];
	char *p = buf + sizeof(buf);

	do {
		*--p = (char)('0' + n % 10);
		n /= 10;
	} while (n);

	if (negative)
		*--p = '-';

	return put(mb, p, (size_t)(buf + sizeof(buf) - p));
}


static int signed_put(struct mbuf *mb, int64_t n)
{
	return integer_put(mb, n < 0 ? -(uint64_t)n : (uint64_t)n, n < 0);
}


/** With a point or an exponent, so that it is read back as what it was */
static int real_put(struct mbuf *mb, double real)
{
	char buf[64];
	int l = snprintf(buf, sizeof(buf), "%.17g", real);

	if (!strpbrk(buf, ".en"))
		l += snprintf(buf + l, sizeof(buf) - (size_t)l, ".0");

	return put(mb, buf, (size_t)l);
}


static int state_put(struct mbuf *mb, const struct member *m, unsigned i)
{
	const char *name = i < m->statec ? m->statev[i] : "unknown";

	return string_put(mb, name, strlen(name));
}


static int value_put(struct mbuf *mb, const struct member *m, const void *p)
{
	switch (m->type) {

	case TEXT:    return string_put(mb, p, m->size);
	case BOOLEAN: return *(const bool *)p ? PUT(mb, "true") :
				PUT(mb, "false");
	case U16:     return integer_put(mb, *(const uint16_t *)p, false);
	case U32:     return integer_put(mb, *(const uint32_t *)p, false);
	case U64:     return integer_put(mb, *(const uint64_t *)p, false);
	case I64:     return signed_put(mb, *(const int64_t *)p);
	case REAL:    return real_put(mb, *(const double *)p);
	case STATE:   return state_put(mb, m, *(const unsigned *)p);
	}

	return EINVAL;
}


/** What a reader takes a member for that is not there. Reals and states
    are always told */
static bool is_zero(const struct member *m, const void *p)
{
	switch (m->type) {

	case TEXT:    return !*(const char *)p;
	case BOOLEAN: return !*(const bool *)p;
	case U16:     return !*(const uint16_t *)p;
	case U32:     return !*(const uint32_t *)p;
	case U64:     return !*(const uint64_t *)p;
	case I64:     return !*(const int64_t *)p;
	default:      return false;
	}
}


static int member_put(struct mbuf *mb, const struct member *m,
		      const void *obj, bool first)
{
	int err;

	/* in the first, the bracket stands for the comma */
	err = first ? PUT(mb, "{") : 0;
	err |= put(mb, m->key + first, m->keyl - first);

	return err ? err : value_put(mb, m, (const char *)obj + m->offset);
}


/** "{" and all members; the object stays open */
static int members_open(struct mbuf *mb, const struct members *members,
			const void *obj)
{
	int err = 0;

	for (size_t i = 0; i < members->c && !err; i++)
		err = member_put(mb, &members->v[i], obj, !i);

	return err;
}


static int members_put(struct mbuf *mb, const struct members *members,
		       const void *obj)
{
	const int err = members_open(mb, members, obj);

	return err ? err : PUT(mb, "}");
}


/** An array of c structs of `size` octets */
static int list_put(struct mbuf *mb, const struct members *members,
		    const void *list, size_t c, size_t size)
{
	int err = PUT(mb, "[");

	for (size_t i = 0; i < c && !err; i++) {
		err = i ? PUT(mb, ",") : 0;
		if (!err)
			err = members_put(mb, members, (const char *)list +
					  i * size);
	}

	return err ? err : PUT(mb, "]");
}


int reg_status_write(struct mbuf *mb, const struct reg_status *st)
{
	int err = 0;

	if (!mb || !st)
		return EINVAL;

	/* a hundred thousand of them may come at once, and most of most is
	   empty. The first is the tenant, which is not */
	for (size_t i = 0; i < reg_members.c && !err; i++) {
		const struct member *m = &reg_members.v[i];

		if (!i || !is_zero(m, (const char *)st + m->offset))
			err = member_put(mb, m, st, !i);
	}

	return err || PUT(mb, "}") ? ENOMEM : 0;
}


int trunk_status_write(struct mbuf *mb, const struct trunk_status *st)
{
	if (!mb || !st)
		return EINVAL;

	return members_put(mb, &trunk_members, st) ? ENOMEM : 0;
}


int call_record_write(struct mbuf *mb, const struct call_record *rec)
{
	int err;

	if (!mb || !rec)
		return EINVAL;

	err  = members_open(mb, &record_members, rec);
	err |= PUT(mb, ",\"teams\":");
	err |= members_put(mb, &side_members, &rec->teams);
	err |= PUT(mb, ",\"pbxside\":");
	err |= members_put(mb, &side_members, &rec->pbxside);
	err |= PUT(mb, ",\"transfers\":");
	err |= list_put(mb, &transfer_members, rec->transferv,
			rec->transferc, sizeof(rec->transferv[0]));
	err |= PUT(mb, ",\"decisions\":");
	err |= list_put(mb, &decision_members, rec->decisionv,
			rec->decisionc, sizeof(rec->decisionv[0]));
	err |= PUT(mb, "}");

	return err ? ENOMEM : 0;
}
