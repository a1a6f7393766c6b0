/**
 * @file wire.c  SIP messages as text: read, and written
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <openssl/evp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "wire.h"


enum { SIP_PORT = 5060 };


bool span_is(struct span s, const char *text)
{
	return s.l == strlen(text) && !strncasecmp(s.p, text, s.l);
}


unsigned span_uint(struct span s)
{
	unsigned n = 0;

	for (size_t i = 0; i < s.l && isdigit((unsigned char)s.p[i]); i++)
		n = n * 10 + (unsigned)(s.p[i] - '0');

	return n;
}


void span_copy(char *dst, size_t size, struct span s)
{
	const size_t l = s.l < size - 1 ? s.l : size - 1;

	memcpy(dst, s.p ? s.p : "", l);
	dst[l] = '\0';
}


static struct span trim(struct span s)
{
	while (s.l && isspace((unsigned char)*s.p)) {
		++s.p;
		--s.l;
	}
	while (s.l && isspace((unsigned char)s.p[s.l - 1]))
		--s.l;

	return s;
}


/** Cut a line off the front of a block */
static struct span line_of(struct span *block)
{
	const char *end = memmem(block->p, block->l, "\r\n", 2);
	struct span line = { block->p, block->l };

	if (end)
		line.l = (size_t)(end - block->p);

	block->p += line.l + (end ? 2 : 0);
	block->l -= line.l + (end ? 2 : 0);

	return line;
}


static bool start_line(struct wire *w, struct span line)
{
	const char *first = memchr(line.p, ' ', line.l), *second;

	if (!first)
		return false;

	if (!strncmp(line.p, "SIP/2.0 ", 8)) {
		w->scode = span_uint((struct span){ first + 1, 3 });
		return w->scode >= 100;
	}

	second = memchr(first + 1, ' ',
			line.l - (size_t)(first + 1 - line.p));
	if (!second)
		return false;

	w->method = (struct span){ line.p, (size_t)(first - line.p) };
	w->uri = (struct span){ first + 1, (size_t)(second - first - 1) };

	return true;
}


int wire_read(struct wire *w, const char *p, size_t l)
{
	const char *end = memmem(p, l, "\r\n\r\n", 4);
	struct span block, length;
	size_t head;

	if (!end)
		return 0;

	memset(w, 0, sizeof(*w));
	head = (size_t)(end - p) + 4;
	block = (struct span){ p, head - 4 };
	if (!start_line(w, line_of(&block)))
		return -1;

	while (block.l && w->hdrc < WIRE_HEADERS) {
		const struct span line = line_of(&block);
		const char *colon = memchr(line.p, ':', line.l);
		const size_t n = colon ? (size_t)(colon - line.p) : 0;

		if (!colon)
			return -1;

		w->hdrv[w->hdrc].name = trim((struct span){ line.p, n });
		w->hdrv[w->hdrc++].value = trim((struct span){
			colon + 1, line.l - n - 1 });
	}

	length = wire_header(w, "Content-Length");
	w->body.p = p + head;
	w->body.l = length.p ? span_uint(length) : l - head;

	return w->body.l > l - head ? 0 : (int)(head + w->body.l);
}


struct span wire_header(const struct wire *w, const char *name)
{
	for (size_t i = 0; i < w->hdrc; i++) {
		if (span_is(w->hdrv[i].name, name))
			return w->hdrv[i].value;
	}

	return (struct span){ NULL, 0 };
}


/** Value that stands behind "name=", bare or quoted */
static struct span value_at(struct span s, size_t at, const char *ends)
{
	struct span v = { s.p + at, 0 };
	const char *const end = s.p + s.l;

	if (v.p < end && *v.p == '"') {
		++v.p;
		while (v.p + v.l < end && v.p[v.l] != '"')
			++v.l;
	}
	else {
		while (v.p + v.l < end && !strchr(ends, v.p[v.l]))
			++v.l;
	}

	return v;
}


struct span wire_param(struct span value, const char *name)
{
	const size_t n = strlen(name);

	for (size_t i = 0; i + n + 2 <= value.l; i++) {
		if (value.p[i] == ';' && value.p[i + n + 1] == '=' &&
		    !strncasecmp(value.p + i + 1, name, n))
			return value_at(value, i + n + 2, ";>, \t");
	}

	return (struct span){ NULL, 0 };
}


struct span wire_field(struct span value, const char *name)
{
	const size_t n = strlen(name);
	bool quoted = false;

	for (size_t i = 0; i + n + 1 <= value.l; i++) {
		if (value.p[i] == '"')
			quoted = !quoted;
		if (!quoted && i && strchr(" ,\t", value.p[i - 1]) &&
		    value.p[i + n] == '=' &&
		    !strncasecmp(value.p + i, name, n))
			return value_at(value, i + n + 1, ", \t");
	}

	return (struct span){ NULL, 0 };
}


struct span wire_uri(struct span value)
{
	const char *open = value.l ? memchr(value.p, '<', value.l) : NULL;
	const char *close;

	if (!open) {
		close = value.l ? memchr(value.p, ';', value.l) : NULL;
		if (close)
			value.l = (size_t)(close - value.p);
		return value;
	}

	value.l -= (size_t)(open + 1 - value.p);
	value.p = open + 1;
	close = memchr(value.p, '>', value.l);
	if (close)
		value.l = (size_t)(close - value.p);

	return value;
}


bool wire_address(struct sockaddr_in *sin, struct span uri)
{
	char buf[64], *port;
	const char *at;

	at = uri.l ? memchr(uri.p, '@', uri.l) : NULL;
	if (!at)
		at = uri.l ? memchr(uri.p, ':', uri.l) : NULL;
	if (!at)
		return false;

	span_copy(buf, sizeof(buf),
		  (struct span){ at + 1, uri.l - (size_t)(at + 1 - uri.p) });
	buf[strcspn(buf, ";>?")] = '\0';

	port = strchr(buf, ':');
	if (port)
		*port++ = '\0';

	memset(sin, 0, sizeof(*sin));
	sin->sin_family = AF_INET;
	sin->sin_port = htons((uint16_t)(port ? atoi(port) : SIP_PORT));

	return inet_pton(AF_INET, buf, &sin->sin_addr) == 1;
}


static bool crypto_read(struct wire_media *m, struct span line)
{
	static const char suite[] = " AES_CM_128_HMAC_SHA1_80 inline:";
	const char *at = memmem(line.p, line.l, suite, sizeof(suite) - 1);
	uint8_t raw[33];

	if (!at || (size_t)(at - line.p) + sizeof(suite) - 1 + 40 > line.l)
		return false;

	if (EVP_DecodeBlock(raw, (const uint8_t *)at + sizeof(suite) - 1,
			    40) != 30)
		return false;

	memcpy(m->key, raw, sizeof(m->key));
	m->crypto_tag = span_uint((struct span){ line.p + 9, line.l - 9 });

	return true;
}


bool wire_media(struct wire_media *m, struct span body)
{
	char addr[32];

	memset(m, 0, sizeof(*m));
	m->rtp.sin_family = AF_INET;

	while (body.l) {
		const struct span line = line_of(&body);

		if (line.l > 9 && !strncmp(line.p, "c=IN IP4 ", 9)) {
			span_copy(addr, sizeof(addr), (struct span){
				line.p + 9, line.l - 9 });
			(void)inet_pton(AF_INET, addr, &m->rtp.sin_addr);
		}
		else if (line.l > 8 && !strncmp(line.p, "m=audio ", 8)) {
			m->rtp.sin_port = htons((uint16_t)span_uint(
				(struct span){ line.p + 8, line.l - 8 }));
		}
		else if (line.l > 9 && !m->crypto_tag &&
			 !strncmp(line.p, "a=crypto:", 9)) {
			(void)crypto_read(m, line);
		}
	}

	return m->rtp.sin_port && m->rtp.sin_addr.s_addr;
}


void text_add(struct text *t, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(t->p + t->l, t->size - t->l, fmt, ap);
	va_end(ap);

	if (n > 0)
		t->l += (size_t)n < t->size - t->l ? (size_t)n :
			t->size - t->l - 1;
}


void text_body(struct text *t, const char *body)
{
	text_add(t, "%sContent-Length: %zu\r\n\r\n%s",
		 *body ? "Content-Type: application/sdp\r\n" : "",
		 strlen(body), body);
}


void wire_reply(struct text *t, const struct wire *req, unsigned scode,
		const char *reason, const char *tag)
{
	static const char *const copied[] = {
		"Via", "From", "Call-ID", "CSeq",
	};
	const struct span to = wire_header(req, "To");

	text_add(t, "SIP/2.0 %u %s\r\n", scode, reason);

	for (size_t i = 0; i < req->hdrc; i++) {
		for (size_t j = 0; j < sizeof(copied) / sizeof(*copied); j++) {
			if (span_is(req->hdrv[i].name, copied[j]))
				text_add(t, "%s: %.*s\r\n", copied[j],
					 (int)req->hdrv[i].value.l,
					 req->hdrv[i].value.p);
		}
	}

	text_add(t, "To: %.*s%s%s\r\n", (int)to.l, to.p ? to.p : "",
		 tag ? ";tag=" : "", tag ? tag : "");
}
