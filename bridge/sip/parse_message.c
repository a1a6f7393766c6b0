/**
 * @file parse_message.c  A message and its headers (RFC 3261 section 7)
 *
 * An ordinary message is one block: libre's struct and all headers behind
 * it. As in libre, a header whose value is a list is in the table once for
 * each element and in the list once as a line, but for Via and Route, which
 * are in both element by element.
 */
#include "hdrname.h"
#include "parse.h"
#include "parse_room.h"


enum {
	BUCKETS       = 32,        /* as libre                             */
	HEADERS_USUAL = 32,        /* room where it is used again          */
	CSEQ_DIGITS   = 9,
	STATUS_DIGITS = 3,
};


/** A message that is being read */
struct reader {
	const char *p, *end;       /* what is left                         */
	struct sip_msg *msg;
	struct sip_hdr *first;     /* of all, behind msg                   */
	struct sip_hdr *hdr;       /* the next free one                    */
};


static void destructor(void *data)
{
	struct sip_msg *msg = data;

	mem_deref(msg->hdrht);
	mem_deref(msg->sock);
	mem_deref(msg->mb);
}


static struct pl cut(const char *begin, const char *end)
{
	const struct pl pl = { begin, (size_t)(end - begin) };

	return pl;
}


static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}


/** One line without its CRLF; false: none, or not a plain one */
static bool next_line(struct reader *r, struct pl *line)
{
	const char *lf = memchr(r->p, '\n', (size_t)(r->end - r->p));

	if (!lf || lf == r->p || lf[-1] != '\r')
		return false;

	*line = cut(r->p, lf - 1);
	r->p  = lf + 1;

	return !memchr(line->p, '\r', line->l);
}


static int status_line(struct sip_msg *msg, const struct pl *line)
{
	static const char head[] = "SIP/2.0 ";
	const size_t l = sizeof(head) - 1;
	const char *p = line->p + l;

	if (line->l < l + STATUS_DIGITS + 1 || memcmp(line->p, head, l))
		return ENOSYS;

	for (size_t i = 0; i < STATUS_DIGITS; i++) {
		if (p[i] < '0' || p[i] > '9')
			return ENOSYS;
		msg->scode = (uint16_t)(msg->scode * 10 + (p[i] - '0'));
	}

	/* one blank, then the phrase if there is one */
	p += STATUS_DIGITS;
	if (msg->scode < 100 || *p != ' ' ||
	    p + 1 == line->p + line->l || is_blank(p[1]))
		return ENOSYS;

	msg->ver    = cut(line->p, line->p + l - 1);
	msg->reason = cut(p + 1, line->p + line->l);

	return pl_strcmp(&msg->reason, "SIP/2.0") ? 0 : ENOSYS;
}


static int request_line(struct sip_msg *msg, const struct pl *line)
{
	static const char tail[] = " SIP/2.0";
	const size_t l = sizeof(tail) - 1;
	const char *const end = line->p + line->l;
	const char *sp = memchr(line->p, ' ', line->l);

	if (!sp || sp == line->p || line->l < l + 3 ||
	    memcmp(end - l, tail, l) || end - l <= sp + 1)
		return ENOSYS;

	msg->req  = true;
	msg->met  = cut(line->p, sp);
	msg->ruri = cut(sp + 1, end - l);
	msg->ver  = cut(end - l + 1, end);

	for (size_t i = 0; i < msg->ruri.l; i++)
		if (is_blank(msg->ruri.p[i]))
			return ENOSYS;
	if (memchr(msg->met.p, '\t', msg->met.l))
		return ENOSYS;

	return parse_uri(&msg->uri, &msg->ruri) ? ENOSYS : 0;
}


static int taddr_read(struct sip_taddr *taddr, const struct pl *val)
{
	struct sip_addr addr;

	memset(&addr, 0, sizeof(addr));
	if (taddr->val.p || parse_addr(&addr, val))
		return ENOSYS;

	taddr->dname  = addr.dname;
	taddr->auri   = addr.auri;
	taddr->uri    = addr.uri;
	taddr->params = addr.params;
	taddr->val    = *val;
	(void)parse_param(&taddr->params, "tag", &taddr->tag);

	return 0;
}


static int cseq_read(struct sip_cseq *cseq, const struct pl *val)
{
	const char *const end = val->p + val->l;
	const char *p = val->p;

	if (cseq->met.p)
		return ENOSYS;

	for (; p < end && *p >= '0' && *p <= '9'; p++)
		cseq->num = cseq->num * 10 + (uint32_t)(*p - '0');

	if (p == val->p || p - val->p > CSEQ_DIGITS || p == end || *p != ' ')
		return ENOSYS;

	cseq->met = cut(p + 1, end);
	for (++p; p < end; p++)
		if (*p < 'A' || *p > 'Z')
			return ENOSYS;

	return cseq->met.l ? 0 : ENOSYS;
}


/** The first of its kind; a second is a story for libre and the guard */
static int once(struct pl *dst, const struct pl *val)
{
	if (dst->p)
		return ENOSYS;

	*dst = *val;

	return 0;
}


static int known_read(struct sip_msg *msg, enum sip_hdrid id,
		      const struct pl *val)
{
	switch (id) {

	case SIP_HDR_VIA:
		return pl_isset(&msg->via.sentby) ? 0 :
			parse_via(&msg->via, val) ? ENOSYS : 0;

	case SIP_HDR_TO:             return taddr_read(&msg->to, val);
	case SIP_HDR_FROM:           return taddr_read(&msg->from, val);
	case SIP_HDR_CSEQ:           return cseq_read(&msg->cseq, val);
	case SIP_HDR_CALL_ID:        return once(&msg->callid, val);
	case SIP_HDR_MAX_FORWARDS:   return once(&msg->maxfwd, val);
	case SIP_HDR_CONTENT_LENGTH: return once(&msg->clen, val);
	case SIP_HDR_EXPIRES:        return once(&msg->expires, val);

	case SIP_HDR_CONTENT_TYPE:
		return pl_isset(&msg->ctyp.type) ||
			msg_ctype_decode(&msg->ctyp, val) ? ENOSYS : 0;

	default:
		return 0;
	}
}


static struct sip_hdr *hdr_next(struct reader *r, enum sip_hdrid id,
				const struct pl *name, const struct pl *val)
{
	struct sip_hdr *hdr = r->hdr++;

	*hdr = (struct sip_hdr) { .id = id, .name = *name, .val = *val };

	return hdr;
}


static int whole_add(struct reader *r, enum sip_hdrid id,
		     const struct pl *name, const struct pl *val)
{
	struct sip_hdr *hdr = hdr_next(r, id, name, val);

	hash_append(r->msg->hdrht, (uint32_t)id, &hdr->he, hdr);
	list_append(&r->msg->hdrl, &hdr->le, hdr);

	return known_read(r->msg, id, val);
}


/** What a comma means in the value of this header */
enum comma { COMMA_SPLITS, COMMA_IS_TEXT, COMMA_UNKNOWN };


static enum comma comma_of(enum sip_hdrid id)
{
	switch (id) {

	case SIP_HDR_ACCEPT:
	case SIP_HDR_ALLOW:
	case SIP_HDR_ALLOW_EVENTS:
	case SIP_HDR_CONTACT:
	case SIP_HDR_RECORD_ROUTE:
	case SIP_HDR_REQUIRE:
	case SIP_HDR_ROUTE:
	case SIP_HDR_SUPPORTED:
	case SIP_HDR_VIA:
		return COMMA_SPLITS;

	case SIP_HDR_AUTHORIZATION:
	case SIP_HDR_AUTHENTICATION_INFO:
	case SIP_HDR_DATE:
	case SIP_HDR_PROXY_AUTHENTICATE:
	case SIP_HDR_PROXY_AUTHORIZATION:
	case SIP_HDR_SERVER:
	case SIP_HDR_USER_AGENT:
	case SIP_HDR_WWW_AUTHENTICATE:
		return COMMA_IS_TEXT;

	default:
		return COMMA_UNKNOWN;
	}
}


/** Not empty, and without quotes. @return 0, ENOSYS */
static int element_cut(struct pl *element, const char *begin, const char *end)
{
	while (begin < end && is_blank(*begin))
		++begin;
	while (end > begin && is_blank(end[-1]))
		--end;

	*element = cut(begin, end);

	return element->l && !memchr(begin, '"', element->l) ? 0 : ENOSYS;
}


static int split_add(struct reader *r, enum sip_hdrid id,
		     const struct pl *name, const struct pl *val)
{
	const bool apart = id == SIP_HDR_VIA || id == SIP_HDR_ROUTE;
	const char *const end = val->p + val->l;
	const char *p = val->p;

	while (p <= end) {
		const char *comma = memchr(p, ',', (size_t)(end - p));
		struct sip_hdr *hdr;
		struct pl element;
		int err;

		err = element_cut(&element, p, comma ? comma : end);
		if (err)
			return err;

		hdr = hdr_next(r, id, name, &element);
		hash_append(r->msg->hdrht, (uint32_t)id, &hdr->he, hdr);
		if (apart) {
			list_append(&r->msg->hdrl, &hdr->le, hdr);
			err = known_read(r->msg, id, &element);
			if (err)
				return err;
		}

		p = comma ? comma + 1 : end + 1;
	}

	if (!apart) {
		struct sip_hdr *hdr = hdr_next(r, id, name, val);

		list_append(&r->msg->hdrl, &hdr->le, hdr);
	}

	return 0;
}


/** Long names alone, and none that only looks like a known one */
static int id_of(enum sip_hdrid *id, const struct pl *name)
{
	if (hdrname_usual(id, name))
		return 0;

	if (name->l < 2 || (name->p[0] | 0x20) == 'x')
		return ENOSYS;

	*id = (enum sip_hdrid)(hash_joaat_ci(name->p, name->l) & 0xfff);

	return hdrname_fits(*id, name) ? 0 : ENOSYS;
}


static int header_read(struct reader *r, const struct pl *line)
{
	const char *colon = memchr(line->p, ':', line->l);
	const char *begin, *end = line->p + line->l;
	enum sip_hdrid id;
	struct pl name, val;
	int err;

	if (!colon || is_blank(line->p[0]) || colon == line->p ||
	    is_blank(colon[-1]))
		return ENOSYS;

	name = cut(line->p, colon);
	err  = id_of(&id, &name);
	if (err)
		return err;

	for (begin = colon + 1; begin < end && is_blank(*begin); begin++)
		;
	while (end > begin && is_blank(end[-1]))
		--end;

	val = cut(begin, end);
	if (!val.l)
		return ENOSYS;

	if (!memchr(val.p, ',', val.l))
		return whole_add(r, id, &name, &val);

	switch (comma_of(id)) {

	case COMMA_SPLITS:  return split_add(r, id, &name, &val);
	case COMMA_IS_TEXT: return whole_add(r, id, &name, &val);
	default:            return ENOSYS;
	}
}


static size_t count(const char *p, const char *end, char c)
{
	size_t n = 0;

	while ((p = memchr(p, c, (size_t)(end - p)))) {
		++n;
		++p;
	}

	return n;
}


/**
 * Where the body begins, behind the first empty line
 *
 * @param lines  Lines before it, with it
 *
 * @return NULL if there is no such line
 */
static const char *body_find(const char *p, const char *end, size_t *lines)
{
	const char *const begin = p;

	*lines = 0;

	while ((p = memchr(p, '\n', (size_t)(end - p)))) {
		++*lines;
		++p;
		if (p - begin >= 4 && !memcmp(p - 4, "\r\n\r", 3))
			return p;
	}

	return NULL;
}


static int block_alloc(struct sip_msg **msgp, size_t headers)
{
	struct sip_msg *msg;
	int err;

	msg = mem_alloc(sizeof(*msg) + headers * sizeof(struct sip_hdr),
			destructor);
	if (!msg)
		return ENOMEM;

	memset(msg, 0, sizeof(*msg));
	err = hash_alloc(&msg->hdrht, BUCKETS);
	if (err)
		mem_deref(msg);
	else
		*msgp = msg;

	return err;
}


static int block_get(struct sip_msg **msgp, struct parse_room *room,
		     size_t headers)
{
	int err;

	if (!room)
		return block_alloc(msgp, headers);

	*msgp = parse_room_take(room, headers);
	if (*msgp)
		return 0;

	if (headers < HEADERS_USUAL)
		headers = HEADERS_USUAL;

	err = block_alloc(msgp, headers);
	if (!err)
		parse_room_put(room, *msgp, headers);

	return err;
}


/** Room for as many headers as lines and commas allow */
static int message_alloc(struct reader *r, struct parse_room *room,
			 struct mbuf *mb)
{
	size_t headers;
	const char *body = body_find(r->p, r->end, &headers);
	int err;

	if (!body)
		return ENOSYS;

	r->end   = body;
	headers += 2 * count(r->p, r->end, ',');

	err = block_get(&r->msg, room, headers);
	if (err)
		return err;

	r->first = r->hdr = (struct sip_hdr *)(void *)(r->msg + 1);
	r->msg->mb = mem_ref(mb);

	return 0;
}


static int message_read(struct reader *r)
{
	struct pl line;
	int err;

	if (!next_line(r, &line))
		return ENOSYS;

	err = memcmp(line.p, "SIP/2.0 ", line.l < 8 ? line.l : 8) ?
		request_line(r->msg, &line) : status_line(r->msg, &line);

	while (!err) {
		if (!next_line(r, &line))
			return ENOSYS;
		if (!line.l)
			return list_isempty(&r->msg->hdrl) ? ENOSYS : 0;

		err = header_read(r, &line);
	}

	return err;
}


int parse_message(struct sip_msg **msgp, size_t *plainc,
		  struct parse_room *room, struct mbuf *mb)
{
	struct reader r;
	int err;

	if (!msgp || !plainc || !mb)
		return EINVAL;

	*plainc = 0;
	memset(&r, 0, sizeof(r));
	r.p   = (const char *)mbuf_buf(mb);
	r.end = r.p + mbuf_get_left(mb);

	err = message_alloc(&r, room, mb);
	if (!err)
		err = message_read(&r);

	if (err) {
		mem_deref(r.msg);
		return err == ENOSYS ? sip_msg_decode(msgp, mb) : err;
	}

	mb->pos = (size_t)(r.p - (const char *)mb->buf);
	*plainc = (size_t)(r.hdr - r.first);
	*msgp = r.msg;

	return 0;
}
