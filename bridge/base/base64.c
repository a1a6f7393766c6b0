/**
 * @file base64.c  Octets as text (RFC 4648)
 */
#include <errno.h>

#include "base64.h"


static const char common[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	"abcdefghijklmnopqrstuvwxyz0123456789";
static const char last[][2] = {
	[BASE64_PLAIN] = { '+', '/' },
	[BASE64_URL]   = { '-', '_' },
};


static char digit(enum base64_form form, uint32_t value)
{
	value &= 63;

	return value < 62 ? common[value] : last[form][value - 62];
}


static int value_of(enum base64_form form, char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == last[form][0])
		return 62;

	return c == last[form][1] ? 63 : -1;
}


size_t base64_write(char *text, enum base64_form form, const void *data,
		    size_t size)
{
	const uint8_t *p = data;
	size_t l = 0;

	for (size_t i = 0; i < size; i += 3) {
		const size_t n = size - i < 3 ? size - i : 3;
		const uint32_t v = (uint32_t)p[i] << 16 |
			(n > 1 ? (uint32_t)p[i + 1] << 8 : 0) |
			(n > 2 ? (uint32_t)p[i + 2] : 0);

		for (size_t j = 0; j <= n; j++)
			text[l++] = digit(form, v >> (18 - 6 * j));
		for (size_t j = n; j < 3 && form == BASE64_PLAIN; j++)
			text[l++] = '=';
	}

	text[l] = '\0';

	return l;
}


/** @return length without padding */
static size_t stripped(const char *text, size_t l)
{
	size_t n = l;

	while (n && l - n < 2 && text[n - 1] == '=')
		--n;

	/* as much as completes four digits, or none */
	return n == l || l % 4 == 0 ? n : l;
}


int base64_read(uint8_t *data, size_t *size, enum base64_form form,
		const char *text, size_t l)
{
	uint32_t bits = 0;
	unsigned bitc = 0;
	size_t n = 0;

	if (form == BASE64_PLAIN)
		l = stripped(text, l);
	if (l % 4 == 1)
		return EBADMSG;

	for (size_t i = 0; i < l; i++) {
		const int value = value_of(form, text[i]);

		if (value < 0)
			return EBADMSG;

		bits = bits << 6 | (uint32_t)value;
		bitc += 6;
		if (bitc >= 8) {
			bitc -= 8;
			data[n++] = (uint8_t)(bits >> bitc);
			bits &= (1u << bitc) - 1;
		}
	}

	if (bits && form == BASE64_URL)
		return EBADMSG;

	*size = n;

	return 0;
}
