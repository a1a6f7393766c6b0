/**
 * @file desc.c  Session descriptions with one audio stream
 *
 * RFC 4566 (lines), 3264 (offer and answer), 3551 (static formats), 3605
 * (a=rtcp), 4568 (a=crypto), 5761 (a=rtcp-mux).
 */
#include <stdio.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>

#include "bridge/base/base64.h"
#include "bridge/base/libre.h"
#include "desc.h"


enum {
	SIZE_MAX_      = 32768,    /* octets of a body                     */
	MEDIA_MAX      = 8,
	MEDIA_LINES    = 64,       /* lines of one media                   */
	SESSION_LINES  = 128,      /* lines before the first media         */
	PORT_MIN       = 1024,
	PT_MAX         = 127,
	PTIME_MAX      = 200,
	KEY_MAX        = 46,
	MKI_MAX        = 4,        /* octets                               */
	TAG_MAX        = 999999999,
};


/** Formats with a fixed payload type (RFC 3551 section 6) */
static const struct desc_format staticv[] = {
	{ 0, "PCMU",  8000, 1, ""},
	{ 3, "GSM",   8000, 1, ""},
	{ 4, "G723",  8000, 1, ""},
	{ 8, "PCMA",  8000, 1, ""},
	{ 9, "G722",  8000, 1, ""},
	{13, "CN",    8000, 1, ""},
	{15, "G728",  8000, 1, ""},
	{18, "G729",  8000, 1, ""},
};

/** Names as their standards write them, whatever a peer does */
static const char *const namev[] = {
	"PCMU", "PCMA", "G722", "G729", "CN", "telephone-event", "SILK",
	"RED", "SIREN", "GSM", "G723", "G728", "iLBC", "opus", "speex",
	"AMR", "AMR-WB", "L16", "G7221", "G726-32",
};

static const struct suite {
	const char *name;
	uint8_t key_size;
} suitev[] = {
	[SUITE_NONE]                    = {"NONE", 0},
	[SUITE_AES_CM_128_HMAC_SHA1_80] = {"AES_CM_128_HMAC_SHA1_80", 30},
	[SUITE_AES_CM_128_HMAC_SHA1_32] = {"AES_CM_128_HMAC_SHA1_32", 30},
	[SUITE_AES_256_CM_HMAC_SHA1_80] = {"AES_256_CM_HMAC_SHA1_80", 46},
	[SUITE_AEAD_AES_128_GCM]        = {"AEAD_AES_128_GCM", 28},
	[SUITE_AEAD_AES_256_GCM]        = {"AEAD_AES_256_GCM", 44},
};

enum { SUITES = sizeof(suitev) / sizeof(suitev[0]) };


/** A body while it is read */
struct reader {
	struct desc *desc;
	struct sa session_addr;    /* c= of the session                   */
	struct sa media_addr;      /* c= of the media being read          */
	uint16_t port;
	struct pl rtcp;            /* value of a=rtcp, "" if none         */
	int addr_err;              /* why an address is none, 0           */
	enum desc_dir session_dir;
	bool taken;                /* an audio line was taken ...         */
	bool refused;              /* ... and it has port 0               */
	bool mine;                 /* lines now belong to it              */
	bool session;              /* before the first media              */
	uint32_t dropped[4];       /* bit a payload type: not to be used  */
};


static void drop_format(struct reader *rd, uint32_t pt)
{
	rd->dropped[pt / 32] |= UINT32_C(1) << pt % 32;
}


static bool is_dropped(const struct reader *rd, uint32_t pt)
{
	return rd->dropped[pt / 32] & UINT32_C(1) << pt % 32;
}


/** Split the next word off, blanks before it skipped */
static bool next_word(struct pl *rest, struct pl *word)
{
	while (rest->l && (rest->p[0] == ' ' || rest->p[0] == '\t'))
		pl_advance(rest, 1);

	word->p = rest->p;
	word->l = 0;
	while (word->l < rest->l && word->p[word->l] != ' ' &&
	       word->p[word->l] != '\t')
		++word->l;

	pl_advance(rest, (ssize_t)word->l);

	return word->l > 0;
}


/** A whole number of digits only, at most max */
static bool read_number(const struct pl *pl, uint64_t max, uint64_t *value)
{
	uint64_t v = 0;

	if (!pl->l)
		return false;

	for (size_t i = 0; i < pl->l; i++) {

		const char c = pl->p[i];
		const uint64_t digit = (uint64_t)(c - '0');

		if (c < '0' || c > '9')
			return false;
		if (digit > max || v > (max - digit) / 10)
			return false;

		v = v * 10 + digit;
	}

	*value = v;

	return true;
}


static bool is_unicast(const struct sa *sa)
{
	if (sa_af(sa) == AF_INET)
		return sa_in(sa) >> 28 < 0xe;

	return sa->u.in6.sin6_addr.s6_addr[0] != 0xff;
}


/** "IN IP4 192.0.2.1" */
static int read_addr(struct sa *addr, const struct pl *val)
{
	struct pl rest = *val, net, type, text;
	struct sa sa;

	if (!next_word(&rest, &net) || !next_word(&rest, &type) ||
	    !next_word(&rest, &text))
		return EBADMSG;

	if (pl_strcmp(&net, "IN") || sa_set(&sa, &text, 0) ||
	    !is_unicast(&sa))
		return EAFNOSUPPORT;

	if (sa_af(&sa) != (pl_strcmp(&type, "IP6") ? AF_INET : AF_INET6))
		return EAFNOSUPPORT;

	*addr = sa;

	return 0;
}


static int read_connection(struct reader *rd, const struct pl *val)
{
	struct sa *addr = rd->session ? &rd->session_addr : &rd->media_addr;

	if (!rd->session && !rd->mine)
		return 0;

	/* a name in the session's line does not matter if each media has an
	   address of its own */
	rd->addr_err = read_addr(addr, val);

	return rd->addr_err == EBADMSG ? EBADMSG : 0;
}


static int read_origin(struct desc *desc, const struct pl *val)
{
	struct pl rest = *val, user, id, ver;

	if (!next_word(&rest, &user) || !next_word(&rest, &id) ||
	    !next_word(&rest, &ver))
		return EBADMSG;

	/* Only compared with the next one. Some write more than 64 bits */
	if (!read_number(&id, UINT64_MAX, &desc->sess_id))
		desc->sess_id = 0;
	if (!read_number(&ver, UINT64_MAX, &desc->sess_ver))
		desc->sess_ver = 0;

	return 0;
}


static const char *known_name(const struct pl *name)
{
	for (size_t i = 0; i < sizeof(namev) / sizeof(namev[0]); i++)
		if (!pl_strcasecmp(name, namev[i]))
			return namev[i];

	return NULL;
}


static struct desc_format *format_of(struct desc *desc, uint64_t pt)
{
	for (size_t i = 0; i < desc->formatc; i++)
		if (desc->formatv[i].pt == pt)
			return &desc->formatv[i];

	return NULL;
}


static bool is_name(const struct pl *name)
{
	static const char others[] = "!#$%&'*+-.^_`{|}~";

	for (size_t i = 0; i < name->l; i++) {

		const char c = name->p[i];

		if (!(c >= '0' && c <= '9') && !(c >= 'A' && c <= 'Z') &&
		    !(c >= 'a' && c <= 'z') && !strchr(others, c))
			return false;
	}

	return name->l && name->l < sizeof(staticv[0].name);
}


/** "PCMA/8000" or "L16/44100/2" */
static bool read_encoding(struct desc_format *format, const struct pl *val)
{
	struct pl name, rate, channels = PL("1");
	const char *slash = pl_strchr(val, '/'), *known;
	uint64_t hz, n;

	if (!slash)
		return false;

	name.p = val->p;
	name.l = (size_t)(slash - val->p);
	rate.p = slash + 1;
	rate.l = val->l - name.l - 1;

	slash = pl_strchr(&rate, '/');
	if (slash) {
		channels.p = slash + 1;
		channels.l = (size_t)(rate.p + rate.l - channels.p);
		rate.l     = (size_t)(slash - rate.p);
	}

	if (!is_name(&name) || !read_number(&rate, 384000, &hz) || !hz ||
	    !read_number(&channels, 8, &n) || !n)
		return false;

	known = known_name(&name);
	if (known)
		str_ncpy(format->name, known, sizeof(format->name));
	else
		(void)pl_strcpy(&name, format->name, sizeof(format->name));

	format->rate     = (uint32_t)hz;
	format->channels = (uint8_t)n;

	return true;
}


static void read_rtpmap(struct reader *rd, const struct pl *val)
{
	struct pl rest = *val, word, encoding;
	struct desc_format *format;
	uint64_t pt;

	if (!next_word(&rest, &word) || !read_number(&word, PT_MAX, &pt))
		return;

	format = format_of(rd->desc, pt);
	if (format && (!next_word(&rest, &encoding) ||
		       !read_encoding(format, &encoding)))
		drop_format(rd, (uint32_t)pt);
}


static bool is_text(const struct pl *pl)
{
	for (size_t i = 0; i < pl->l; i++)
		if ((unsigned char)pl->p[i] < 0x20 || pl->p[i] == 0x7f)
			return false;

	return true;
}


static void read_fmtp(struct reader *rd, const struct pl *val)
{
	struct pl rest = *val, word;
	struct desc_format *format;
	uint64_t pt;

	if (!next_word(&rest, &word) || !read_number(&word, PT_MAX, &pt))
		return;

	format = format_of(rd->desc, pt);
	if (!format)
		return;

	while (rest.l && rest.p[0] == ' ')
		pl_advance(&rest, 1);

	if (!rest.l || rest.l >= sizeof(format->fmtp) || !is_text(&rest) ||
	    format->fmtp[0])
		drop_format(rd, (uint32_t)pt);
	else
		(void)pl_strcpy(&rest, format->fmtp, sizeof(format->fmtp));
}


/** Exactly `size` octets of base64, its padding may be missing */
static bool read_key(uint8_t *key, size_t size, const struct pl *text)
{
	uint8_t octets[BASE64_SIZE(KEY_MAX)];
	size_t n;

	if (text->l >= sizeof(octets) ||
	    base64_read(octets, &n, BASE64_PLAIN, text->p, text->l) ||
	    n != size)
		return false;

	memcpy(key, octets, n);
	OPENSSL_cleanse(octets, n);

	return true;
}


/** "1:4": value and length in octets */
static bool read_mki(struct desc_crypto *crypto, const struct pl *val)
{
	const char *colon = pl_strchr(val, ':');
	struct pl value, length;
	uint64_t v, l;

	value.p  = val->p;
	value.l  = (size_t)(colon - val->p);
	length.p = colon + 1;
	length.l = val->l - value.l - 1;

	if (!read_number(&value, UINT32_MAX, &v) ||
	    !read_number(&length, MKI_MAX, &l) || !l || v >> (8 * l))
		return false;

	crypto->mki      = (uint32_t)v;
	crypto->mki_size = (uint8_t)l;

	return true;
}


/** Lifetime: "2^31" or a number. Calls end long before */
static bool is_lifetime(const struct pl *val)
{
	struct pl number = *val;
	uint64_t v;

	if (val->l > 2 && !memcmp(val->p, "2^", 2))
		pl_advance(&number, 2);

	return read_number(&number, UINT64_MAX, &v);
}


/** "inline:key|lifetime|mki:length", the last two optional */
static bool read_inline(struct desc_crypto *crypto, const struct pl *val)
{
	static const char prefix[] = "inline:";
	struct pl rest = *val, key;
	const char *bar;

	if (rest.l < sizeof(prefix) - 1 ||
	    strncasecmp(rest.p, prefix, sizeof(prefix) - 1))
		return false;
	pl_advance(&rest, sizeof(prefix) - 1);

	bar = pl_strchr(&rest, '|');
	key = rest;
	if (bar)
		key.l = (size_t)(bar - rest.p);
	pl_advance(&rest, (ssize_t)key.l);

	while (rest.l) {
		struct pl field = {rest.p + 1, rest.l - 1};

		bar = pl_strchr(&field, '|');
		if (bar)
			field.l = (size_t)(bar - field.p);
		pl_advance(&rest, (ssize_t)field.l + 1);

		if (pl_strchr(&field, ':') ? !read_mki(crypto, &field) :
		    !is_lifetime(&field))
			return false;
	}

	return read_key(crypto->key, crypto->key_size, &key);
}


/** Session parameters that change nothing for us */
static bool is_harmless(const struct pl *param)
{
	return !pl_strcasecmp(param, "KDR=0") ||
		(param->l > 4 && !strncasecmp(param->p, "WSH=", 4));
}


static enum desc_suite suite_of(const struct pl *name)
{
	for (unsigned i = SUITE_NONE + 1; i < SUITES; i++)
		if (!pl_strcasecmp(name, suitev[i].name))
			return (enum desc_suite)i;

	return SUITE_NONE;
}


static void read_crypto(struct desc *desc, const struct pl *val)
{
	struct pl rest = *val, tag, suite, keys, param;
	struct desc_crypto crypto;
	uint64_t n;

	if (desc->cryptoc >= DESC_CRYPTOS)
		return;

	memset(&crypto, 0, sizeof(crypto));

	if (!next_word(&rest, &tag) || !next_word(&rest, &suite) ||
	    !next_word(&rest, &keys) || !read_number(&tag, TAG_MAX, &n))
		return;

	crypto.tag      = (uint32_t)n;
	crypto.suite    = suite_of(&suite);
	crypto.key_size = desc_suite_key_size(crypto.suite);

	if (crypto.suite == SUITE_NONE || !read_inline(&crypto, &keys))
		return;

	while (next_word(&rest, &param))
		if (!is_harmless(&param))
			return;

	desc->cryptov[desc->cryptoc++] = crypto;
}


static bool read_direction(struct desc *desc, const struct pl *name)
{
	static const char *const dirv[] = {
		[DESC_INACTIVE] = "inactive", [DESC_RECVONLY] = "recvonly",
		[DESC_SENDONLY] = "sendonly", [DESC_SENDRECV] = "sendrecv",
	};

	for (unsigned i = 0; i < 4; i++) {
		if (!pl_strcmp(name, dirv[i])) {
			desc->dir = (enum desc_dir)i;
			return true;
		}
	}

	return false;
}


static void read_ptime(uint32_t *ptime_ms, const struct pl *val)
{
	uint64_t ms;

	if (read_number(val, PTIME_MAX, &ms))
		*ptime_ms = (uint32_t)ms;
}


static void read_attribute(struct reader *rd, const struct pl *val)
{
	const char *colon = pl_strchr(val, ':');
	struct pl name = *val, value = PL("");

	if (!rd->session && !rd->mine)
		return;

	if (colon) {
		name.l  = (size_t)(colon - val->p);
		value.p = colon + 1;
		value.l = val->l - name.l - 1;
		while (value.l && value.p[value.l - 1] == ' ')
			--value.l;
	}

	if (read_direction(rd->desc, &name) || rd->session)
		return;

	if (!pl_strcmp(&name, "rtpmap"))
		read_rtpmap(rd, &value);
	else if (!pl_strcmp(&name, "fmtp"))
		read_fmtp(rd, &value);
	else if (!pl_strcmp(&name, "crypto"))
		read_crypto(rd->desc, &value);
	else if (!pl_strcmp(&name, "rtcp"))
		rd->rtcp = value;
	else if (!pl_strcmp(&name, "rtcp-mux"))
		rd->desc->rtcp_mux = true;
	else if (!pl_strcmp(&name, "ptime"))
		read_ptime(&rd->desc->ptime_ms, &value);
	else if (!pl_strcmp(&name, "maxptime"))
		read_ptime(&rd->desc->maxptime_ms, &value);
}


static void add_format(struct desc *desc, uint64_t pt)
{
	struct desc_format *format;

	if (desc->formatc >= DESC_FORMATS || format_of(desc, pt))
		return;

	format = &desc->formatv[desc->formatc++];
	memset(format, 0, sizeof(*format));
	format->pt = (uint8_t)pt;

	for (size_t i = 0; i < sizeof(staticv) / sizeof(staticv[0]); i++)
		if (staticv[i].pt == pt)
			*format = staticv[i];
}


/** An audio line becomes the one we read; lines of another one before it,
    refused by port 0, are forgotten */
static void take_audio(struct reader *rd, uint64_t port,
		       const struct pl *proto, const struct pl *fmts)
{
	struct desc *desc = rd->desc;
	struct pl rest = *fmts, word;
	uint64_t pt;

	rd->taken   = true;
	rd->mine    = true;
	rd->refused = !port;
	rd->port    = (uint16_t)port;
	rd->rtcp    = (struct pl)PL("");
	memset(rd->dropped, 0, sizeof(rd->dropped));
	sa_init(&rd->media_addr, AF_UNSPEC);

	desc->media_index = desc->mediac;
	desc->secure   = !pl_strcmp(proto, "RTP/SAVP") ||
		!pl_strcmp(proto, "RTP/SAVPF");
	desc->dir      = rd->session_dir;
	desc->formatc  = 0;
	desc->cryptoc  = 0;
	desc->rtcp_mux = false;
	desc->ptime_ms = 0;
	desc->maxptime_ms = 0;

	while (next_word(&rest, &word))
		if (read_number(&word, PT_MAX, &pt))
			add_format(desc, pt);
}


static bool is_rtp(const struct pl *proto)
{
	return !pl_strcmp(proto, "RTP/AVP") ||
		!pl_strcmp(proto, "RTP/AVPF") ||
		!pl_strcmp(proto, "RTP/SAVP") ||
		!pl_strcmp(proto, "RTP/SAVPF");
}


static bool read_port(const struct pl *word, uint64_t *port)
{
	struct pl number = *word;
	const char *slash = pl_strchr(word, '/');

	if (slash)
		number.l = (size_t)(slash - word->p);

	return read_number(&number, UINT16_MAX, port) &&
		(!*port || *port >= PORT_MIN);
}


static int read_media(struct reader *rd, const struct pl *val)
{
	struct desc *desc = rd->desc;
	struct pl rest = *val, type, word, proto, fmts, fmt;
	uint64_t port;

	if (desc->mediac >= MEDIA_MAX)
		return EBADMSG;

	if (!next_word(&rest, &type) || !next_word(&rest, &word) ||
	    !next_word(&rest, &proto) || !is_text(val))
		return EBADMSG;

	fmts = rest;
	if (!next_word(&rest, &fmt))
		return EBADMSG;

	if (rd->session)
		rd->session_dir = desc->dir;

	rd->session = false;
	rd->mine    = false;

	/* cut short it would be no line to answer with */
	if (re_snprintf(desc->othermv[desc->mediac],
			sizeof(desc->othermv[0]), "%r 0 %r %r", &type,
			&proto, &fmt) < 0)
		return EBADMSG;

	if (!pl_strcmp(&type, "audio") && is_rtp(&proto)) {

		if (!read_port(&word, &port))
			return EBADMSG;

		if (!rd->taken || (rd->refused && port))
			take_audio(rd, port, &proto, &fmts);
	}

	++desc->mediac;

	return 0;
}


static int read_line(struct reader *rd, char type, const struct pl *val)
{
	switch (type) {

	case 'o':
		return rd->session ? read_origin(rd->desc, val) : 0;

	case 'c':
		return read_connection(rd, val);

	case 'm':
		return read_media(rd, val);

	case 'a':
		read_attribute(rd, val);
		return 0;

	default:
		return 0;
	}
}


static bool next_line(struct pl *rest, struct pl *line)
{
	const char *e;

	if (!rest->l)
		return false;

	e = pl_strchr(rest, '\n');
	line->p = rest->p;
	line->l = e ? (size_t)(e - rest->p) : rest->l;
	pl_advance(rest, (ssize_t)(line->l + (e ? 1 : 0)));

	if (line->l && line->p[line->l - 1] == '\r')
		--line->l;

	return true;
}


static int read_lines(struct reader *rd, const struct pl *body)
{
	struct pl rest = *body, line;
	unsigned lines = 0;
	int err;

	if (!next_line(&rest, &line) || pl_strcmp(&line, "v=0"))
		return EBADMSG;

	while (next_line(&rest, &line)) {

		struct pl val;

		if (!line.l)
			continue;

		if (line.l < 2 || line.p[1] != '=' || memchr(line.p, 0, line.l))
			return EBADMSG;

		lines = line.p[0] == 'm' ? 0 : lines + 1;
		if (lines > (rd->session ? SESSION_LINES : MEDIA_LINES))
			return EBADMSG;

		val.p = line.p + 2;
		val.l = line.l - 2;

		err = read_line(rd, line.p[0], &val);
		if (err)
			return err;
	}

	return 0;
}


/** Formats without a name (dynamic, no rtpmap) and broken ones go */
static void drop_formats(struct reader *rd)
{
	struct desc *desc = rd->desc;
	size_t n = 0;

	for (size_t i = 0; i < desc->formatc; i++) {

		const struct desc_format *format = &desc->formatv[i];

		if (format->name[0] && !is_dropped(rd, format->pt))
			desc->formatv[n++] = *format;
	}

	desc->formatc = n;
}


/** "port" or "port IN IP4 address"; what cannot be used leaves port + 1 */
static void read_rtcp(struct reader *rd)
{
	struct desc *desc = rd->desc;
	struct pl rest = rd->rtcp, word;
	uint64_t port;

	desc->rtcp = desc->rtp;
	sa_set_port(&desc->rtcp, desc->rtcp_mux ? rd->port :
		    (uint16_t)(rd->port ? rd->port + 1 : 0));

	if (!next_word(&rest, &word) || !read_port(&word, &port) || !port ||
	    !rd->port)
		return;

	sa_set_port(&desc->rtcp, (uint16_t)port);

	if (rest.l) {
		struct sa addr;

		if (!read_addr(&addr, &rest)) {
			sa_set_port(&addr, (uint16_t)port);
			desc->rtcp = addr;
		}
	}
}


/** libre's sa_isset() takes 0.0.0.0 for none; here it is one (hold) */
static bool has_addr(const struct sa *sa)
{
	return sa_af(sa) == AF_INET || sa_af(sa) == AF_INET6;
}


static int finish(struct reader *rd)
{
	struct desc *desc = rd->desc;

	if (!rd->taken)
		return ENOENT;

	desc->rtp = has_addr(&rd->media_addr) ? rd->media_addr :
		rd->session_addr;

	if (!has_addr(&desc->rtp)) {

		/* a refused line needs no address */
		if (!rd->refused)
			return rd->addr_err ? rd->addr_err : EBADMSG;

		sa_init(&desc->rtp, AF_INET);
	}

	desc->hold_zero = sa_is_any(&desc->rtp);
	sa_set_port(&desc->rtp, rd->port);

	read_rtcp(rd);
	drop_formats(rd);

	desc->crypto_bad = desc->secure && !desc->cryptoc;
	desc->othermv[desc->media_index][0] = '\0';

	return 0;
}


int desc_decode(struct desc *desc, const struct pl *body)
{
	struct desc result;
	struct reader rd;
	int err;

	if (!desc || !body)
		return EINVAL;

	if (!body->l || body->l > SIZE_MAX_)
		return EBADMSG;

	memset(&result, 0, sizeof(result));
	memset(&rd, 0, sizeof(rd));
	sa_init(&rd.session_addr, AF_UNSPEC);
	sa_init(&rd.media_addr, AF_UNSPEC);

	result.dir = DESC_SENDRECV;
	rd.desc    = &result;
	rd.session = true;

	err = read_lines(&rd, body);
	if (!err)
		err = finish(&rd);
	if (!err)
		*desc = result;

	return err;
}


static int write_crypto(struct mbuf *mb, const struct desc_crypto *crypto)
{
	char key[BASE64_SIZE(KEY_MAX)];
	int err;

	(void)base64_write(key, BASE64_PLAIN, crypto->key, crypto->key_size);
	err = mbuf_printf(mb, "a=crypto:%u %s inline:%s|2^31", crypto->tag,
			  desc_suite_name(crypto->suite), key);
	OPENSSL_cleanse(key, sizeof(key));
	if (crypto->mki_size)
		err |= mbuf_printf(mb, "|%u:%u", crypto->mki,
				   crypto->mki_size);

	return err | mbuf_write_str(mb, "\r\n");
}


static int write_format(struct mbuf *mb, const struct desc_format *format)
{
	int err;

	err = mbuf_printf(mb, "a=rtpmap:%u %s/%u", format->pt, format->name,
			  format->rate);
	if (format->channels > 1)
		err |= mbuf_printf(mb, "/%u", format->channels);
	err |= mbuf_write_str(mb, "\r\n");

	if (format->fmtp[0])
		err |= mbuf_printf(mb, "a=fmtp:%u %s\r\n", format->pt,
				   format->fmtp);

	return err;
}


static int write_media_line(struct mbuf *mb, const struct desc *desc)
{
	int err;

	err = mbuf_printf(mb, "m=audio %u %s", sa_port(&desc->rtp),
			  desc->secure ? "RTP/SAVP" : "RTP/AVP");

	for (size_t i = 0; i < desc->formatc; i++)
		err |= mbuf_printf(mb, " %u", desc->formatv[i].pt);

	if (!desc->formatc)
		err |= mbuf_write_str(mb, " 0");

	return err | mbuf_write_str(mb, "\r\n");
}


static int write_audio(struct mbuf *mb, const struct desc *desc)
{
	static const char *const dirv[] = {"inactive", "recvonly",
					   "sendonly", "sendrecv"};
	int err;

	err = write_media_line(mb, desc);

	/* the rest is meaningless for a refused line */
	if (!sa_port(&desc->rtp))
		return err;

	for (size_t i = 0; i < desc->formatc; i++)
		err |= write_format(mb, &desc->formatv[i]);

	for (size_t i = 0; i < desc->cryptoc; i++)
		err |= write_crypto(mb, &desc->cryptov[i]);

	if (sa_port(&desc->rtcp))
		err |= mbuf_printf(mb, "a=rtcp:%u\r\n", sa_port(&desc->rtcp));
	if (desc->rtcp_mux)
		err |= mbuf_write_str(mb, "a=rtcp-mux\r\n");
	if (desc->ptime_ms)
		err |= mbuf_printf(mb, "a=ptime:%u\r\n", desc->ptime_ms);
	if (desc->no_suppression)
		err |= mbuf_write_str(mb, "a=silenceSupp:off - - - -\r\n");

	return err | mbuf_printf(mb, "a=%s\r\n", dirv[desc->dir & 3]);
}


static int write_session(struct mbuf *mb, const struct desc *desc)
{
	const char *type = sa_af(&desc->rtp) == AF_INET6 ? "IP6" : "IP4";
	struct sa addr = desc->rtp;

	if (desc->hold_zero)
		sa_init(&addr, sa_af(&desc->rtp));

	return mbuf_printf(mb,
			   "v=0\r\n"
			   "o=- %llu %llu IN %s %j\r\n"
			   "s=-\r\n"
			   "c=IN %s %j\r\n"
			   "t=0 0\r\n",
			   (unsigned long long)desc->sess_id,
			   (unsigned long long)desc->sess_ver, type,
			   &desc->rtp, type, &addr);
}


int desc_encode(struct mbuf **mbp, const struct desc *desc)
{
	const unsigned mediac = desc && desc->mediac ? desc->mediac : 1;
	struct mbuf *mb;
	int err;

	if (!mbp || !desc || !has_addr(&desc->rtp) ||
	    mediac > MEDIA_MAX || desc->media_index >= mediac ||
	    desc->formatc > DESC_FORMATS || desc->cryptoc > DESC_CRYPTOS)
		return EINVAL;

	/* only a refused line may be without formats */
	if (sa_port(&desc->rtp) && !desc->formatc)
		return EINVAL;

	mb = mbuf_alloc(1024);
	if (!mb)
		return ENOMEM;

	err = write_session(mb, desc);

	for (unsigned i = 0; i < mediac; i++)
		err |= i == desc->media_index ? write_audio(mb, desc) :
			mbuf_printf(mb, "m=%s\r\n", desc->othermv[i]);

	if (err) {
		mem_deref(mb);
		return ENOMEM;
	}

	mbuf_set_pos(mb, 0);
	*mbp = mb;

	return 0;
}


const struct desc_format *desc_format_find(const struct desc *desc,
					   const char *name, uint32_t rate)
{
	for (size_t i = 0; desc && i < desc->formatc; i++)
		if (desc->formatv[i].rate == rate &&
		    !str_casecmp(desc->formatv[i].name, name))
			return &desc->formatv[i];

	return NULL;
}


const struct desc_format *desc_format_pt(const struct desc *desc, uint8_t pt)
{
	for (size_t i = 0; desc && i < desc->formatc; i++)
		if (desc->formatv[i].pt == pt)
			return &desc->formatv[i];

	return NULL;
}


bool desc_format_same(const struct desc_format *a,
		      const struct desc_format *b)
{
	return a && b && a->rate == b->rate && a->channels == b->channels &&
		!str_casecmp(a->name, b->name);
}


const char *desc_suite_name(enum desc_suite suite)
{
	return (unsigned)suite < SUITES ? suitev[suite].name : "NONE";
}


uint8_t desc_suite_key_size(enum desc_suite suite)
{
	return (unsigned)suite < SUITES ? suitev[suite].key_size : 0;
}


int desc_crypto_make(struct desc_crypto *crypto, uint32_t tag,
		     enum desc_suite suite)
{
	struct desc_crypto made;

	if (!crypto || suite == SUITE_NONE || (unsigned)suite >= SUITES)
		return EINVAL;

	memset(&made, 0, sizeof(made));
	made.tag      = tag;
	made.suite    = suite;
	made.key_size = suitev[suite].key_size;

	if (1 != RAND_bytes(made.key, made.key_size))
		return EIO;

	*crypto = made;

	return 0;
}


enum desc_dir desc_dir_reverse(enum desc_dir dir)
{
	switch (dir) {

	case DESC_SENDONLY: return DESC_RECVONLY;
	case DESC_RECVONLY: return DESC_SENDONLY;
	default:            return dir;
	}
}
