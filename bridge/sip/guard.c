/**
 * @file guard.c  What is checked around libre's parser
 *
 * RFC 3261 sections 7.3, 8.1.1, 8.1.3.3, 18.3 and 20.
 */
#include "bridge/base/libre.h"
#include "bridge/base/metrics.h"
#include "flow.h"
#include "guard.h"
#include "hdrname.h"
#include "msg.h"
#include "parse.h"


enum {
	MESSAGE_MAX     = 65536,   /* octets                               */
	START_LINE_MAX  = 2048,
	HEADER_MAX      = 8192,    /* octets of one, folds included        */
	HEADERS_MAX     = 256,
	VIAS_MAX        = 32,
	ROUTES_MAX      = 32,
	CONTACTS_MAX    = 64,
	MAX_FORWARDS_MAX = 255,
	STATUS_DIGITS   = 3,
};


static const char version[] = "SIP/2.0";


void refusal_count(enum refusal reason)
{
	static const char *const labelv[REFUSALS] = {
		[REFUSED_SOURCE]      = "reason=\"source\"",
		[REFUSED_START_LINE]  = "reason=\"start-line\"",
		[REFUSED_FRAME]       = "reason=\"frame\"",
		[REFUSED_PARSER]      = "reason=\"parser\"",
		[REFUSED_HEADERS]     = "reason=\"headers\"",
		[REFUSED_COLLISION]   = "reason=\"header-name\"",
		[REFUSED_STRAY]       = "reason=\"stray\"",
		[REFUSED_CONNECTIONS] = "reason=\"connections\"",
		[REFUSED_SLOW]        = "reason=\"slow\"",
		[REFUSED_TLS]         = "reason=\"tls\"",
		[REFUSED_HANDSHAKES]  = "reason=\"handshakes\"",
		[REFUSED_RATE]        = "reason=\"rate\"",
	};
	static _Thread_local struct metric *metricv[REFUSALS];

	if (!metricv[reason])
		metricv[reason] = metric_counter(
			"callbridge_sip_refused_total", labelv[reason],
			"SIP messages and connections refused");

	metric_add(metricv[reason], 1);
}


/** Length of the line at p without its CRLF; false if none ends here, or
    one ends without CR, which is no line of ours */
static bool line_len(const char *p, size_t size, size_t *len)
{
	const char *e = size ? memchr(p, '\n', size) : NULL;

	if (!e || e == p || e[-1] != '\r')
		return false;

	*len = (size_t)(e - p) - 1;

	return true;
}


/** Request lines have exactly two blanks (RFC 3261 section 7.1) */
static bool is_request_line(const char *p, size_t l)
{
	const size_t vl = sizeof(version) - 1;
	size_t blanks = 0;

	if (l < vl + 4 || memcmp(p + l - vl, version, vl))
		return false;

	for (size_t i = 0; i < l; i++) {
		if (p[i] == ' ')
			blanks++;
		else if (p[i] == '\t')
			return false;
	}

	return blanks == 2 && p[0] != ' ' && p[l - vl - 1] == ' ' &&
		p[l - vl - 2] != ' ';
}


/** Status lines begin with version, blank, three digits (section 7.2) */
static bool is_status_line(const char *p, size_t l)
{
	const size_t vl = sizeof(version) - 1;

	if (l < vl + 1 + STATUS_DIGITS || memcmp(p, version, vl) ||
	    p[vl] != ' ')
		return false;

	p += vl + 1;
	for (size_t i = 0; i < STATUS_DIGITS; i++)
		if (p[i] < '0' || p[i] > '9')
			return false;

	return p[0] >= '1' && p[0] <= '6' &&
		(l == vl + 1 + STATUS_DIGITS || p[STATUS_DIGITS] == ' ');
}


/** No NUL, and CR only as CRLF: for the inside of a line of line_len(), in
    which there is no LF */
static bool line_is_clean(const char *p, size_t l)
{
	return !memchr(p, '\0', l) && !memchr(p, '\r', l);
}


static bool is_fold(const char *p, size_t left)
{
	return left && (*p == ' ' || *p == '\t');
}


/** Headers from p to the empty line: number, length and octets */
static int check_headers(const char *p, size_t left)
{
	size_t headers = 0, whole = 0, len;

	while (line_len(p, left, &len)) {

		if (!len)
			return 0;

		if (!line_is_clean(p, len))
			return EBADMSG;

		if (is_fold(p, left)) {
			whole += len;
		}
		else {
			whole = len;
			++headers;
		}

		if (whole > HEADER_MAX || headers > HEADERS_MAX)
			return EBADMSG;

		p    += len + 2;
		left -= len + 2;
	}

	return EBADMSG;
}


int guard_start(const uint8_t *buf, size_t size)
{
	const char *p = (const char *)buf;
	size_t len;

	if (!buf || size > MESSAGE_MAX)
		return EBADMSG;

	if (!line_len(p, size < START_LINE_MAX ? size : START_LINE_MAX, &len))
		return EBADMSG;

	if (!line_is_clean(p, len))
		return EBADMSG;

	if (!is_request_line(p, len) && !is_status_line(p, len))
		return EBADMSG;

	return check_headers(p + len + 2, size - len - 2);
}


/** A Content-Length of digits only, folds and blanks around it allowed */
static int length_value(const char *p, size_t l, size_t *value)
{
	size_t v = 0, digits = 0;

	while (l && strchr(" \t\r\n", *p)) {
		++p;
		--l;
	}
	while (l && strchr(" \t\r\n", p[l - 1]))
		--l;

	for (; digits < l; digits++) {

		const char c = p[digits];

		if (c < '0' || c > '9')
			return EBADMSG;

		v = v * 10 + (size_t)(c - '0');
		if (v > MESSAGE_MAX)
			return EMSGSIZE;
	}

	if (!digits)
		return EBADMSG;

	*value = v;

	return 0;
}


/** Value part of a header line if it is Content-Length in either form */
static bool is_content_length(const char *p, size_t l, size_t *skip)
{
	static const char name[] = "content-length";
	const size_t nl = sizeof(name) - 1;
	size_t n;

	if (l > nl && !strncasecmp(p, name, nl))
		n = nl;
	else if (l > 1 && (*p == 'l' || *p == 'L'))
		n = 1;
	else
		return false;

	while (n < l && (p[n] == ' ' || p[n] == '\t'))
		++n;

	if (n >= l || p[n] != ':')
		return false;

	*skip = n + 1;

	return true;
}


/** The one Content-Length among whole headers, size octets of them */
static int find_length(const char *p, size_t size, size_t *value)
{
	size_t len, skip;
	bool found = false;
	int err;

	while (line_len(p, size, &len) && len) {

		size_t whole = len;

		while (is_fold(p + whole + 2, size - whole - 2) &&
		       line_len(p + whole + 2, size - whole - 2, &len))
			whole += 2 + len;

		if (is_content_length(p, whole, &skip)) {

			if (found)
				return EBADMSG;

			err = length_value(p + skip, whole - skip, value);
			if (err)
				return err;

			found = true;
		}

		p    += whole + 2;
		size -= whole + 2;
	}

	return found ? 0 : EBADMSG;
}


/** What is there has no end of headers yet: can it still become good? */
static int check_unfinished(const char *p, size_t left)
{
	size_t len;

	if (left > MESSAGE_MAX)
		return EMSGSIZE;

	if (left >= START_LINE_MAX && !line_len(p, START_LINE_MAX, &len))
		return EBADMSG;

	return 0;
}


int guard_frame(const uint8_t *buf, size_t avail, size_t *skip, size_t *size)
{
	const char *p = (const char *)buf, *end;
	size_t crlfs = 0, headers, body = 0;
	int err;

	if (!buf || !skip || !size)
		return EINVAL;

	while (avail - crlfs >= 2 && !memcmp(p + crlfs, "\r\n", 2))
		crlfs += 2;

	*skip = crlfs;
	*size = 0;
	p     += crlfs;
	avail -= crlfs;

	end = avail ? memmem(p, avail, "\r\n\r\n", 4) : NULL;
	if (!end)
		return check_unfinished(p, avail);

	headers = (size_t)(end - p) + 4;
	if (headers > MESSAGE_MAX)
		return EMSGSIZE;

	err = guard_start((const uint8_t *)p, headers);
	if (err)
		return err;

	err = find_length(p, headers, &body);
	if (err)
		return err;

	if (headers + body > MESSAGE_MAX)
		return EMSGSIZE;

	if (avail >= headers + body)
		*size = headers + body;

	return 0;
}


static const struct pl *true_value(const struct sip_msg *msg,
				   enum sip_hdrid id)
{
	const struct sip_hdr *hdr = sip_msg_hdr(msg, id);

	return hdr ? &hdr->val : &pl_null;
}


static int read_taddr(struct sip_taddr *taddr, const struct pl *val)
{
	struct sip_addr addr;
	int err;

	memset(taddr, 0, sizeof(*taddr));
	if (!pl_isset(val))
		return 0;

	memset(&addr, 0, sizeof(addr));
	err = parse_addr(&addr, val);
	if (err)
		return err;

	taddr->dname  = addr.dname;
	taddr->auri   = addr.auri;
	taddr->uri    = addr.uri;
	taddr->params = addr.params;
	taddr->val    = *val;
	(void)parse_param(&taddr->params, "tag", &taddr->tag);

	return 0;
}


/** A stranger had overwritten what the parser keeps: read it again */
static int read_again(struct sip_msg *msg)
{
	const struct pl *via  = true_value(msg, SIP_HDR_VIA);
	const struct pl *cseq = true_value(msg, SIP_HDR_CSEQ);
	const struct pl *ctyp = true_value(msg, SIP_HDR_CONTENT_TYPE);

	msg->callid  = *true_value(msg, SIP_HDR_CALL_ID);
	msg->maxfwd  = *true_value(msg, SIP_HDR_MAX_FORWARDS);
	msg->expires = *true_value(msg, SIP_HDR_EXPIRES);
	msg->clen    = *true_value(msg, SIP_HDR_CONTENT_LENGTH);

	memset(&msg->via, 0, sizeof(msg->via));
	memset(&msg->cseq, 0, sizeof(msg->cseq));
	memset(&msg->ctyp, 0, sizeof(msg->ctyp));

	if (!pl_isset(via) || sip_via_decode(&msg->via, via))
		return EBADMSG;
	if (!pl_isset(cseq) || sip_cseq_decode(&msg->cseq, cseq))
		return EBADMSG;
	if (pl_isset(ctyp) && msg_ctype_decode(&msg->ctyp, ctyp))
		return EBADMSG;
	if (read_taddr(&msg->to, true_value(msg, SIP_HDR_TO)))
		return EBADMSG;

	return read_taddr(&msg->from, true_value(msg, SIP_HDR_FROM));
}


/** List and table held one each, or one for both: by libre's version */
static void drop_references(struct sip_hdr *hdr)
{
	for (uint32_t n = mem_nrefs(hdr); n; n--)
		mem_deref(hdr);
}


/** Take headers out whose id belongs to another name */
static int remove_strangers(struct sip_msg *msg)
{
	struct le *le = list_head(&msg->hdrl);
	bool found = false;

	while (le) {
		struct sip_hdr *hdr = le->data;

		le = le->next;

		if (hdrname_fits(hdr->id, &hdr->name))
			continue;

		hash_unlink(&hdr->he);
		list_unlink(&hdr->le);
		drop_references(hdr);
		found = true;
	}

	if (!found)
		return 0;

	refusal_count(REFUSED_COLLISION);

	return read_again(msg);
}


static bool is_single(const struct sip_msg *msg, enum sip_hdrid id)
{
	return sip_msg_hdr_count(msg, id) == 1;
}


/** Digits only, zeros before them allowed, at most max */
static bool is_number(const struct pl *pl, uint32_t max)
{
	uint64_t v = 0;

	for (size_t i = 0; i < pl->l; i++) {

		if (pl->p[i] < '0' || pl->p[i] > '9')
			return false;

		v = v * 10 + (uint64_t)(pl->p[i] - '0');
		if (v > max)
			return false;
	}

	return pl->l > 0;
}


/** What every message has, and has once */
static const char *check_counts(const struct sip_msg *msg)
{
	static const enum sip_hdrid singlev[] = {
		SIP_HDR_CONTENT_LENGTH, SIP_HDR_CONTENT_TYPE,
		SIP_HDR_MAX_FORWARDS, SIP_HDR_EXPIRES
	};

	if (!is_single(msg, SIP_HDR_FROM))
		return "Missing or Repeated From";
	if (!is_single(msg, SIP_HDR_TO))
		return "Missing or Repeated To";
	if (!is_single(msg, SIP_HDR_CALL_ID))
		return "Missing or Repeated Call-ID";
	if (!is_single(msg, SIP_HDR_CSEQ))
		return "Missing or Repeated CSeq";

	for (size_t i = 0; i < sizeof(singlev) / sizeof(singlev[0]); i++)
		if (sip_msg_hdr_count(msg, singlev[i]) > 1)
			return "Repeated Header";

	return NULL;
}


/** The same of an ordinary message: nothing of it is there twice */
static const char *check_presence(const struct sip_msg *msg)
{
	if (!msg->from.val.p)
		return "Missing or Repeated From";
	if (!msg->to.val.p)
		return "Missing or Repeated To";
	if (!msg->callid.p)
		return "Missing or Repeated Call-ID";
	if (!msg->cseq.met.p)
		return "Missing or Repeated CSeq";

	return NULL;
}


static const char *check_headers_there(const struct sip_msg *msg,
				       size_t plainc)
{
	const char *why = plainc ? check_presence(msg) : check_counts(msg);

	if (!why && (!pl_isset(&msg->callid) || !pl_isset(&msg->from.auri) ||
		     !pl_isset(&msg->to.auri)))
		why = "Empty Header";

	return why;
}


/** CSeq below 2^31 (section 8.1.1.5); libre reads an overflow as 0 */
static bool is_cseq_number(const struct sip_msg *msg)
{
	const struct pl *val = true_value(msg, SIP_HDR_CSEQ);
	struct pl digits = {val->p, 0};

	while (digits.l < val->l && !strchr(" \t\r\n", digits.p[digits.l]))
		++digits.l;

	return is_number(&digits, INT32_MAX);
}


static const char *check_cseq(const struct sip_msg *msg, size_t plainc)
{
	/* ordinary ones have nine digits at most */
	if (!plainc && !is_cseq_number(msg))
		return "Bad CSeq";

	if (msg->req && pl_cmp(&msg->cseq.met, &msg->met))
		return "CSeq Method Differs";

	return NULL;
}


/** Quotes and angles are balanced; the parser takes what it finds */
static bool is_nameaddr(const struct sip_taddr *taddr)
{
	struct pl dname, uri, params;

	return !msg_nameaddr(&taddr->val, &dname, &uri, &params);
}


/** An IPv6 address without brackets cannot be told from a port (RFC 5118
    section 4.2); the parser would take "2001" of it for the host */
static bool is_host_clear(const struct sip_msg *msg)
{
	const char *p = msg->uri.host.p;
	const char *end = msg->ruri.p + msg->ruri.l;
	unsigned colons = 0;

	if (!pl_isset(&msg->uri.host) ||
	    (pl_strcasecmp(&msg->uri.scheme, "sip") &&
	     pl_strcasecmp(&msg->uri.scheme, "sips")))
		return true;

	if (p > msg->ruri.p && p[-1] == '[')
		p += msg->uri.host.l;

	for (; p < end && *p != ';' && *p != '?'; p++)
		if (*p == ':')
			++colons;

	return colons <= 1;
}


static const char *check_values(const struct sip_msg *msg, size_t plainc)
{
	const char *why = check_cseq(msg, plainc);

	if (why)
		return why;

	if (!pl_isset(&msg->via.branch))
		return "Via Without Branch";

	if (pl_isset(&msg->maxfwd) &&
	    !is_number(&msg->maxfwd, MAX_FORWARDS_MAX))
		return "Bad Max-Forwards";

	if (!is_nameaddr(&msg->from))
		return "Bad From";
	if (!is_nameaddr(&msg->to))
		return "Bad To";

	if (msg->req && !is_host_clear(msg))
		return "Bad Request-URI";

	return NULL;
}


static bool is_within_limits(const struct sip_msg *msg, size_t plainc)
{
	if (plainc && plainc <= VIAS_MAX)
		return true;

	return sip_msg_hdr_count(msg, SIP_HDR_VIA) <= VIAS_MAX &&
		sip_msg_hdr_count(msg, SIP_HDR_ROUTE) <= ROUTES_MAX &&
		sip_msg_hdr_count(msg, SIP_HDR_RECORD_ROUTE) <= ROUTES_MAX &&
		sip_msg_hdr_count(msg, SIP_HDR_CONTACT) <= CONTACTS_MAX;
}


/** Cut a datagram's body to Content-Length; one too short is bad (18.3) */
static const char *cut_body(struct sip_msg *msg, bool datagram)
{
	size_t len;

	if (!pl_isset(&msg->clen))
		return datagram ? NULL : "Missing Content-Length";

	if (length_value(msg->clen.p, msg->clen.l, &len))
		return "Bad Content-Length";

	if (len > mbuf_get_left(msg->mb))
		return "Content-Length Beyond the Message";

	msg->mb->end = msg->mb->pos + len;

	return NULL;
}


static int refuse(uint16_t *scodep, const char **whyp, uint16_t scode,
		  const char *why)
{
	refusal_count(REFUSED_HEADERS);

	*scodep = scode;
	*whyp   = why;

	return EBADMSG;
}


int guard_message(struct sip_msg *msg, size_t plainc, bool datagram,
		  uint16_t *scode, const char **why)
{
	const uint16_t bad = msg && msg->req ? 400 : 0;
	const char *text;

	if (!msg || !scode || !why)
		return EINVAL;

	/* without these there is nowhere to send an answer to */
	if ((!plainc && remove_strangers(msg)) ||
	    !pl_isset(&msg->via.sentby))
		return refuse(scode, why, 0, "Unreadable Header");

	text = check_headers_there(msg, plainc);
	if (text)
		return refuse(scode, why, bad, text);

	text = check_values(msg, plainc);
	if (text)
		return refuse(scode, why, bad, text);

	if (!is_within_limits(msg, plainc))
		return refuse(scode, why, msg->req ? 513 : 0,
			      "Message Too Large");

	/* not ours: section 8.1.3.3 */
	if (!msg->req && !is_single(msg, SIP_HDR_VIA))
		return refuse(scode, why, 0, "More Than One Via");

	text = cut_body(msg, datagram);
	if (text)
		return refuse(scode, why, bad, text);

	return 0;
}
