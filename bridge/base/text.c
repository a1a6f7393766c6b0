/**
 * @file text.c  Text that may be shown: UTF-8 without control characters
 */
#include "libre.h"
#include "text.h"


static bool is_tail(const char *p)
{
	return ((unsigned char)*p & 0xc0) == 0x80;
}


/** Second octets that would be overlong, a surrogate or above U+10FFFF */
static bool is_second(unsigned char first, unsigned char second)
{
	switch (first) {

	case 0xe0: return second >= 0xa0;
	case 0xed: return second <  0xa0;
	case 0xf0: return second >= 0x90;
	case 0xf4: return second <  0x90;
	default:   return true;
	}
}


size_t text_utf8(const char *p, size_t l)
{
	unsigned char first;
	size_t n;

	if (!p || !l)
		return 0;

	first = (unsigned char)p[0];

	if (first < 0x80)
		return 1;
	if (first < 0xc2 || first > 0xf4)
		return 0;

	n = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
	if (l < n || !is_second(first, (unsigned char)p[1]))
		return 0;

	for (size_t i = 1; i < n; i++)
		if (!is_tail(p + i))
			return 0;

	return n;
}


size_t text_char(const char *p, size_t l)
{
	const size_t n = text_utf8(p, l);
	unsigned char c;

	if (!n)
		return 0;

	c = (unsigned char)p[0];

	if (n == 1)
		return c >= 0x20 && c != 0x7f;

	/* C1: U+0080..U+009F, some terminals obey them */
	if (c == 0xc2 && (unsigned char)p[1] < 0xa0)
		return 0;

	return n;
}


#define EACH(c) (UINT64_C(0x0101010101010101) * (c))
#define ANY_BELOW(v, c) (((v) - EACH(c)) & ~(v) & EACH(0x80))


/** Of eight octets: other than 0 if one of them does not stand for itself
    @param awkward  Such a one, besides what never does */
static inline uint64_t odd(uint64_t v, char awkward)
{
	return (v & EACH(0x80)) | ANY_BELOW(v, ' ') |
		ANY_BELOW(v ^ EACH('\\'), 1) |
		ANY_BELOW(v ^ EACH((uint64_t)awkward), 1);
}


static inline bool is_plain(const char *p, size_t l, char awkward)
{
	uint64_t v;

	for (; l >= sizeof(v); l -= sizeof(v), p += sizeof(v)) {
		memcpy(&v, p, sizeof(v));
		if (odd(v, awkward))
			return false;
	}

	v = EACH('a');
	if (l)
		memcpy(&v, p, l);

	return !odd(v, awkward);
}


bool text_json_plain(const char *p, size_t l)
{
	return is_plain(p, l, '"');
}


bool text_json_plain_all(const char *p, size_t l)
{
	return is_plain(p, l, '\\');
}


size_t text_escape(char *dst, size_t size, const char *p, size_t l)
{
	static const char hex[] = "0123456789abcdef";
	size_t w = 0;

	if (!dst || !size)
		return 0;

	while (l) {
		const size_t n = text_char(p, l);

		if (size - w <= (n ? n : 4))
			break;

		if (n) {
			memcpy(dst + w, p, n);
			w += n;
			p += n;
			l -= n;
			continue;
		}

		dst[w++] = '\\';
		dst[w++] = 'x';
		dst[w++] = hex[(unsigned char)*p >> 4];
		dst[w++] = hex[(unsigned char)*p & 0xf];
		++p;
		--l;
	}

	dst[w] = '\0';

	return w;
}


void text_copy(char *dst, const char *src, size_t size)
{
	const size_t l = strnlen(src, size - 1);

	memcpy(dst, src, l);
	dst[l] = '\0';
}


static const char *entity(char c)
{
	switch (c) {

	case '<': return "&lt;";
	case '>': return "&gt;";
	case '&': return "&amp;";
	case '"': return "&quot;";
	default:  return NULL;
	}
}


int text_markup(struct re_printf *pf, const char *text)
{
	size_t left = strlen(text);
	int err = 0;

	while (left && !err) {
		const char *name = entity(*text);
		size_t n = text_char(text, left);

		if (!n && (*text == '\n' || *text == '\t'))
			n = 1;

		if (name)
			err = re_hprintf(pf, "%s", name);
		else if (*text == '\r' && text[1] == '\n')
			n = 1;
		else if (n)
			err = re_hprintf(pf, "%b", text, n);
		else
			err = re_hprintf(pf, "\\x%02x",
					 (unsigned char)*text);

		text += n ? n : 1;
		left -= n ? n : 1;
	}

	return err;
}
