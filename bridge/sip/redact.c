/**
 * @file redact.c  A message without its people, to be passed on
 *
 * Nothing is parsed that need not be: a message that is broken is redacted
 * as well. User parts are found by their scheme, display names by the header
 * they stand in. Bodies of which nothing is known lose all their letters and
 * digits.
 */
#include <ctype.h>

#include "bridge/base/libre.h"
#include "redact.h"


/** A piece of the message; all functions stay inside of it */
struct span {
	char *p, *end;
};


void redact_key_make(struct redact_key *key)
{
	rand_bytes((uint8_t *)key, sizeof(*key));
}


static uint64_t mix(uint64_t h, uint64_t c)
{
	h ^= c + 0x9e3779b97f4a7c15ull + (h << 6) + (h >> 2);
	h *= 0xbf58476d1ce4e5b9ull;

	return h ^ (h >> 29);
}


static bool is_letter(char c)
{
	return isalpha((unsigned char)c) || (unsigned char)c >= 0x80;
}


static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}


/** Each character by all that follow it, so that equal ends stay equal */
static void rename_span(const struct redact_key *key, char *p, char *end)
{
	uint64_t h = key->v[0];

	while (end-- > p) {
		const char c = *end;

		/* %23: the escape stays one */
		if (end - p >= 2 && end[-2] == '%' && isxdigit(
		    (unsigned char)c)) {
			end -= 2;
			continue;
		}

		h = mix(h, (uint64_t)(unsigned char)c ^ key->v[1]);
		if (is_digit(c))
			*end = (char)('0' + h % 10);
		else if (is_letter(c))
			*end = (char)('a' + h % 26);
	}
}


void redact_word(const struct redact_key *key, char *p, size_t size)
{
	rename_span(key, p, p + size);
}


static void blank(char *p, const char *end)
{
	for (; p < end; p++) {
		if (is_digit(*p) || is_letter(*p))
			*p = 'x';
	}
}


static char *find(struct span s, const char *text)
{
	const size_t l = strlen(text);

	for (; (size_t)(s.end - s.p) >= l; s.p++) {
		if (!strncasecmp(s.p, text, l))
			return s.p;
	}

	return NULL;
}


/** User parts of sip: and sips: URIs: up to an @ of the same word */
static void sip_users(const struct redact_key *key, struct span s)
{
	while ((s.p = find(s, "sip"))) {
		char *at;

		s.p += 3;
		if (s.p < s.end && (*s.p == 's' || *s.p == 'S'))
			++s.p;
		if (s.p >= s.end || *s.p != ':')
			continue;

		for (at = ++s.p; at < s.end && !strchr("@<> \t\r\n\",?", *at);
		     at++)
			;
		if (at < s.end && *at == '@') {
			rename_span(key, s.p, at);
			s.p = at;
		}
	}
}


static void tel_numbers(const struct redact_key *key, struct span s)
{
	while ((s.p = find(s, "tel:"))) {
		char *begin = s.p += 4;

		while (s.p < s.end && strchr("+0123456789*#-.()", *s.p))
			++s.p;
		rename_span(key, begin, s.p);
	}
}


/** Ids of Teams users: x-m=8:orgid:<guid> */
static void org_ids(const struct redact_key *key, struct span s)
{
	while ((s.p = find(s, "orgid:"))) {
		char *begin = s.p += 6;

		while (s.p < s.end && (isxdigit((unsigned char)*s.p) ||
				       *s.p == '-'))
			++s.p;
		rename_span(key, begin, s.p);
	}
}


/** username="..." of credentials */
static void usernames(const struct redact_key *key, struct span s)
{
	while ((s.p = find(s, "username"))) {
		char *begin;

		for (s.p += 8; s.p < s.end && strchr(" \t=\"", *s.p); s.p++)
			;
		for (begin = s.p; s.p < s.end && !strchr("\",;\r\n@", *s.p);
		     s.p++)
			;
		rename_span(key, begin, s.p);
	}
}


static void uris(const struct redact_key *key, struct span s)
{
	sip_users(key, s);
	tel_numbers(key, s);
	org_ids(key, s);
}


/** What stands before a < that is not inside of quotes, in each element */
static void display_names(const struct redact_key *key, struct span s)
{
	char *begin = s.p;
	bool quoted = false, inside = false;

	for (; s.p < s.end; s.p++) {
		if (*s.p == '\\' && quoted && s.p + 1 < s.end) {
			++s.p;
		}
		else if (*s.p == '"') {
			quoted = !quoted;
		}
		else if (!quoted && *s.p == '<') {
			rename_span(key, begin, s.p);
			inside = true;
		}
		else if (!quoted && *s.p == '>') {
			inside = false;
		}
		else if (!quoted && !inside && *s.p == ',') {
			begin = s.p + 1;
		}
	}
}


static bool has_name(const struct span *line, const char *name)
{
	const size_t l = strlen(name);
	const char *p = line->p + l;

	if ((size_t)(line->end - line->p) <= l ||
	    strncasecmp(line->p, name, l))
		return false;

	while (p < line->end && (*p == ' ' || *p == '\t'))
		++p;

	return p < line->end && *p == ':';
}


static bool is_one_of(const struct span *line, const char *const *namev)
{
	for (; *namev; namev++) {
		if (has_name(line, *namev))
			return true;
	}

	return false;
}


static void header(const struct redact_key *key, struct span line)
{
	static const char *const namedv[] = {
		"From", "f", "To", "t", "Contact", "m",
		"P-Asserted-Identity", "P-Preferred-Identity",
		"Remote-Party-ID", "Diversion", "History-Info", "Refer-To",
		"r", "Referred-By", "b", "Reply-To", "Call-Info", "Route",
		"Record-Route", "P-Called-Party-ID", NULL,
	};
	static const char *const textv[] = {
		"Subject", "s", "Organization", "Geolocation", NULL,
	};
	struct span value = line;

	value.p = memchr(line.p, ':', (size_t)(line.end - line.p));
	if (!value.p)
		return;

	++value.p;
	if (is_one_of(&line, textv)) {
		blank(value.p, value.end);
		return;
	}

	uris(key, value);
	if (is_one_of(&line, namedv))
		display_names(key, value);
	if (find(line, "uthorization:") || find(line, "uthorization :"))
		usernames(key, value);
}


/** The line from p on, with the lines that are folded to it */
static struct span line_at(char *p, char *end)
{
	struct span line = { p, p };

	do {
		line.end = memchr(line.end, '\n', (size_t)(end - line.end));
		line.end = line.end ? line.end + 1 : end;
	} while (line.end < end && line.end[-1] == '\n' && line.end - p > 2 &&
		 (*line.end == ' ' || *line.end == '\t'));

	return line;
}


static void sdp_line(const struct redact_key *key, struct span line)
{
	if (line.end - line.p < 3 || line.p[1] != '=')
		return;

	if (strchr("siepu", *line.p)) {
		blank(line.p + 2, line.end);
	}
	else if (*line.p == 'o') {
		char *space = memchr(line.p, ' ', (size_t)(line.end -
				     line.p));

		if (space)
			rename_span(key, line.p + 2, space);
	}
}


static void body_redact(const struct redact_key *key, struct span body,
			const char *type)
{
	if (type && !strncasecmp(type, "application/sdp", 15)) {
		while (body.p < body.end) {
			const struct span line = line_at(body.p, body.end);

			sdp_line(key, line);
			body.p = line.end;
		}
	}
	else if (type && (!strncasecmp(type, "message/sipfrag", 15) ||
		 !strncasecmp(type, "application/simple-message-summary",
			      34))) {
		uris(key, body);
	}
	else {
		blank(body.p, body.end);
	}
}


void redact_message(const struct redact_key *key, char *p, size_t size)
{
	char *end = p + size;
	const char *type = NULL;
	struct span line = line_at(p, end);

	uris(key, line);

	for (p = line.end; p < end; p = line.end) {
		line = line_at(p, end);

		if (*p == '\r' || *p == '\n') {
			struct span body = { line.end, end };

			body_redact(key, body, type);
			return;
		}

		if (has_name(&line, "Content-Type") || has_name(&line, "c")) {
			type = memchr(p, ':', (size_t)(line.end - p));
			for (++type; type < line.end && (*type == ' ' ||
			     *type == '\t'); type++)
				;
			continue;
		}

		header(key, line);
	}
}
