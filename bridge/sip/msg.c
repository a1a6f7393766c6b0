/**
 * @file msg.c  Reading SIP messages (RFC 3261 sections 7.3 and 25.1, RFC 5621)
 */
#include "bridge/base/libre.h"
#include "msg.h"


enum {
	NESTING_MAX  = 4,          /* of multipart bodies                  */
	PARTS_MAX    = 16,         /* in all                               */
	BOUNDARY_MAX = 70,         /* RFC 2046 section 5.1.1               */
};


static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}


static void trim(struct pl *pl)
{
	while (pl->l && is_blank(pl->p[0]))
		pl_advance(pl, 1);
	while (pl->l && is_blank(pl->p[pl->l - 1]))
		--pl->l;
}


struct pl msg_value(const struct sip_msg *msg, const char *name)
{
	const struct le *le;

	for (le = msg ? list_head(&msg->hdrl) : NULL; le; le = le->next) {

		const struct sip_hdr *hdr = le->data;

		if (!pl_strcasecmp(&hdr->name, name))
			return hdr->val;
	}

	return pl_null;
}


struct pl msg_hdr_value(const struct sip_msg *msg, enum sip_hdrid id)
{
	const struct sip_hdr *hdr = msg ? sip_msg_hdr(msg, id) : NULL;

	return hdr ? hdr->val : pl_null;
}


bool msg_hdr_uint(const struct sip_msg *msg, enum sip_hdrid id,
		  uint32_t *value)
{
	struct pl val = msg_hdr_value(msg, id);
	uint64_t v = 0;
	size_t i;

	trim(&val);

	for (i = 0; i < val.l && val.p[i] >= '0' && val.p[i] <= '9'; i++) {

		v = v * 10 + (uint64_t)(val.p[i] - '0');
		if (v > UINT32_MAX)
			return false;
	}

	if (!i || (i < val.l && !is_blank(val.p[i]) &&
		   !strchr(";(,", val.p[i])))
		return false;

	*value = (uint32_t)v;

	return true;
}


bool msg_has_token(const struct sip_msg *msg, enum sip_hdrid id,
		   const char *token)
{
	const struct le *le;

	for (le = msg ? list_head(&msg->hdrl) : NULL; le; le = le->next) {

		const struct sip_hdr *hdr = le->data;
		struct pl rest = hdr->val, element;

		if (hdr->id != id)
			continue;

		while (msg_next_element(&rest, &element))
			if (!pl_strcasecmp(&element, token))
				return true;
	}

	return false;
}


/** Octets before the first unquoted `stop`; <> protects it too if `angle` */
static size_t span_to(const struct pl *pl, char stop, bool angle)
{
	bool quoted = false, inside = false;
	size_t i;

	for (i = 0; i < pl->l; i++) {

		const char c = pl->p[i];

		if (quoted) {
			if (c == '\\')
				++i;
			else if (c == '"')
				quoted = false;
			continue;
		}

		if (c == '"' && !inside)
			quoted = true;
		else if (c == stop && !inside)
			return i;
		else if (angle && c == '<')
			inside = true;
		else if (angle && c == '>')
			inside = false;
	}

	return pl->l;
}


bool msg_next_element(struct pl *rest, struct pl *element)
{
	if (!rest || !element)
		return false;

	while (rest->l) {

		const size_t l = span_to(rest, ',', true);

		element->p = rest->p;
		element->l = l;
		pl_advance(rest, (ssize_t)(l < rest->l ? l + 1 : l));

		trim(element);
		if (element->l)
			return true;
	}

	return false;
}


/** Take the quoted display name at the start of val */
static int take_quoted(struct pl *val, struct pl *dname)
{
	size_t i;

	for (i = 1; i < val->l && val->p[i] != '"'; i++)
		if (val->p[i] == '\\')
			++i;

	if (i >= val->l)
		return EBADMSG;

	dname->p = val->p + 1;
	dname->l = i - 1;
	pl_advance(val, (ssize_t)i + 1);
	trim(val);

	return val->l && val->p[0] == '<' ? 0 : EBADMSG;
}


/** val begins with "<": the URI up to ">", and what follows */
static int take_angle(const struct pl *val, struct pl *uri,
		      struct pl *params)
{
	const char *end = pl_strchr(val, '>');

	if (!end)
		return EBADMSG;

	uri->p = val->p + 1;
	uri->l = (size_t)(end - uri->p);
	trim(uri);

	params->p = end + 1;
	params->l = (size_t)(val->p + val->l - params->p);
	trim(params);

	if (!uri->l || (params->l && params->p[0] != ';'))
		return EBADMSG;

	return 0;
}


/** addr-spec: parameters after it belong to the header (section 20.10) */
static int take_plain(const struct pl *val, struct pl *uri,
		      struct pl *params)
{
	const char *end = pl_strchr(val, ';');

	*uri = *val;
	if (end)
		uri->l = (size_t)(end - val->p);

	params->p = val->p + uri->l;
	params->l = val->l - uri->l;
	trim(uri);

	for (size_t i = 0; i < uri->l; i++)
		if (is_blank(uri->p[i]) || strchr("\"<>,", uri->p[i]))
			return EBADMSG;

	return pl_strchr(uri, ':') ? 0 : EBADMSG;
}


int msg_nameaddr(const struct pl *val, struct pl *dname, struct pl *uri,
		 struct pl *params)
{
	struct pl v, dn = PL("");
	struct pl u = PL_INIT, p = PL_INIT;
	const char *angle;
	int err;

	if (!val || !dname || !uri || !params)
		return EINVAL;

	v = *val;
	trim(&v);
	if (!v.l)
		return EBADMSG;

	if (v.p[0] == '"') {
		err = take_quoted(&v, &dn);
		if (err)
			return err;
	}

	angle = pl_strchr(&v, '<');
	if (angle) {
		if (angle > v.p) {
			dn.p = v.p;
			dn.l = (size_t)(angle - v.p);
			trim(&dn);
			pl_advance(&v, angle - v.p);
		}
		err = take_angle(&v, &u, &p);
	}
	else {
		err = take_plain(&v, &u, &p);
	}

	if (err)
		return err;

	*dname  = dn;
	*uri    = u;
	*params = p;

	return 0;
}


/** A walk through the parts of a body */
struct parts {
	const char *type;          /* wanted */
	const char *subtype;
	unsigned left;             /* parts that may still come */
};


static int find_part(struct parts *parts, const struct msg_ctype *ctype,
		     const struct pl *body, unsigned nesting,
		     struct pl *found);


static int boundary_of(const struct msg_ctype *ctype, struct pl *boundary)
{
	if (msg_param_decode(&ctype->params, "boundary", boundary))
		return EBADMSG;

	if (boundary->l >= 2 && boundary->p[0] == '"' &&
	    boundary->p[boundary->l - 1] == '"') {
		++boundary->p;
		boundary->l -= 2;
	}

	return boundary->l && boundary->l <= BOUNDARY_MAX ? 0 : EBADMSG;
}


/**
 * Find the next delimiter line, "--boundary" at the start of a line
 *
 * @param before  What stands before it, without the CRLF that is its own
 * @param rest    In: where to look; out: from after the delimiter line
 * @param last    True if it was the closing one
 */
static bool next_delimiter(struct pl *rest, const struct pl *boundary,
			   struct pl *before, bool *last)
{
	const char *begin = rest->p, *p = rest->p;
	const char *end = rest->p + rest->l;

	while (p && p < end) {

		const size_t left = (size_t)(end - p);
		const char *line = memmem(p, left, "\r\n", 2);
		const char *after = p + 2 + boundary->l;

		if (left >= 2 + boundary->l && p[0] == '-' && p[1] == '-' &&
		    !memcmp(p + 2, boundary->p, boundary->l)) {

			before->p = begin;
			before->l = (size_t)(p - begin);
			if (before->l >= 2)
				before->l -= 2;

			*last = end - after >= 2 && after[0] == '-' &&
				after[1] == '-';
			rest->p = line ? line + 2 : end;
			rest->l = (size_t)(end - rest->p);
			return true;
		}

		p = line ? line + 2 : NULL;
	}

	return false;
}


/** Split a part into its Content-Type and its body */
static int read_part(const struct pl *part, struct msg_ctype *ctype,
		     struct pl *body)
{
	static const struct pl text_plain = PL("text/plain");
	struct pl rest = *part, value = text_plain;

	while (rest.l) {

		const char *e = memmem(rest.p, rest.l, "\r\n", 2);
		struct pl line = rest, name;
		const char *colon;

		if (!e)
			return EBADMSG;

		line.l = (size_t)(e - rest.p);
		pl_advance(&rest, (ssize_t)line.l + 2);

		if (!line.l) {
			*body = rest;
			return msg_ctype_decode(ctype, &value);
		}

		colon = pl_strchr(&line, ':');
		if (!colon)
			continue;

		name.p = line.p;
		name.l = (size_t)(colon - line.p);
		trim(&name);
		if (pl_strcasecmp(&name, "Content-Type") &&
		    pl_strcasecmp(&name, "c"))
			continue;

		value.p = colon + 1;
		value.l = (size_t)(line.p + line.l - value.p);
		trim(&value);
	}

	return EBADMSG;
}


static int find_in_multipart(struct parts *parts,
			     const struct msg_ctype *ctype,
			     const struct pl *body, unsigned nesting,
			     struct pl *found)
{
	struct pl rest = *body, boundary, part;
	bool last = false;
	int err;

	err = boundary_of(ctype, &boundary);
	if (err)
		return err;

	if (!next_delimiter(&rest, &boundary, &part, &last))
		return EBADMSG;

	while (!last) {

		struct msg_ctype type;
		struct pl inner = PL_INIT;

		if (!parts->left--)
			return EBADMSG;

		if (!next_delimiter(&rest, &boundary, &part, &last))
			return EBADMSG;

		memset(&type, 0, sizeof(type));
		err = read_part(&part, &type, &inner);
		if (err)
			return err;

		err = find_part(parts, &type, &inner, nesting, found);
		if (err != ENOENT)
			return err;
	}

	return ENOENT;
}


static int find_part(struct parts *parts, const struct msg_ctype *ctype,
		     const struct pl *body, unsigned nesting,
		     struct pl *found)
{
	if (msg_ctype_cmp(ctype, parts->type, parts->subtype)) {
		*found = *body;
		return 0;
	}

	if (pl_strcasecmp(&ctype->type, "multipart"))
		return ENOENT;

	if (nesting >= NESTING_MAX)
		return EBADMSG;

	return find_in_multipart(parts, ctype, body, nesting + 1, found);
}


int msg_body(const struct sip_msg *msg, const char *type,
	     const char *subtype, struct pl *body)
{
	struct parts parts = {type, subtype, PARTS_MAX};
	struct pl whole;

	if (!msg || !type || !subtype || !body)
		return EINVAL;

	pl_set_mbuf(&whole, msg->mb);
	if (!whole.l || !pl_isset(&msg->ctyp.type))
		return ENOENT;

	return find_part(&parts, &msg->ctyp, &whole, 0, body);
}


int msg_quote(struct re_printf *pf, const struct pl *text)
{
	int err = 0;

	if (!text)
		return 0;

	for (size_t i = 0; !err && i < text->l; i++) {

		const char c = text->p[i];

		if ((unsigned char)c < 0x20 || c == 0x7f)
			continue;

		if (c == '"' || c == '\\')
			err = pf->vph("\\", 1, pf->arg);
		if (!err)
			err = pf->vph(&c, 1, pf->arg);
	}

	return err;
}


/** Nearly always there is room, and then nothing to call */
static int append(struct mbuf *mb, const char *text, size_t l)
{
	if (l > mb->size - mb->pos || mb->pos != mb->end)
		return mbuf_write_mem(mb, (const uint8_t *)text, l);

	memcpy(mb->buf + mb->pos, text, l);
	mb->pos += l;
	mb->end  = mb->pos;

	return 0;
}


int msg_write(struct mbuf *mb, const char *text, ...)
{
	va_list ap;
	int err = 0;

	va_start(ap, text);
	for (; text && !err; text = va_arg(ap, const char *))
		err = append(mb, text, strlen(text));
	va_end(ap);

	return err;
}


int msg_join(char *buf, size_t size, const char *text, ...)
{
	char *p = buf;
	va_list ap;
	int err = 0;

	va_start(ap, text);
	for (; text && !err; text = va_arg(ap, const char *)) {
		const size_t l = strlen(text);

		if (l >= size - (size_t)(p - buf)) {
			err = EOVERFLOW;
			break;
		}
		memcpy(p, text, l);
		p += l;
	}
	va_end(ap);

	*p = '\0';

	return err;
}


const char *msg_number(char buf[MSG_NUMBER], uint32_t n)
{
	char *p = buf + MSG_NUMBER - 1;

	*p = '\0';
	do {
		*--p = (char)('0' + n % 10);
		n /= 10;
	} while (n);

	return p;
}
