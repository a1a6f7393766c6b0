/**
 * @file csv.c  Comma-separated values (RFC 4180)
 */
#include <errno.h>
#include <event2/buffer.h>
#include <string.h>

#include "csv.h"


void csv_begin(struct csv *csv, char *text, size_t size)
{
	static const char mark[] = "\xef\xbb\xbf";
	const char *comma, *semicolon, *nl;

	memset(csv, 0, sizeof(*csv));
	csv->p    = text;
	csv->end  = text + size;
	csv->next = 1;

	if (size >= 3 && !memcmp(text, mark, 3))
		csv->p += 3;

	nl        = memchr(csv->p, '\n', (size_t)(csv->end - csv->p));
	comma     = strchr(csv->p, ',');
	semicolon = strchr(csv->p, ';');
	csv->separator = semicolon && (!nl || semicolon < nl) &&
		(!comma || semicolon < comma) ? ';' : ',';
}


/** In quotation marks: two of them stand for one */
static int quoted(struct csv *csv, char **valuep)
{
	char *to = ++csv->p;

	*valuep = to;
	for (; csv->p < csv->end; csv->p++) {
		if (*csv->p == '"') {
			if (csv->p + 1 >= csv->end || csv->p[1] != '"')
				break;
			++csv->p;
		}
		else if (*csv->p == '\n') {
			++csv->next;
		}
		*to++ = *csv->p;
	}

	if (csv->p >= csv->end)
		return EBADMSG;

	++csv->p;                  /* the closing one */
	if (csv->p < csv->end && *csv->p != csv->separator &&
	    *csv->p != '\r' && *csv->p != '\n')
		return EBADMSG;

	/* where it ends there is a mark, or what has been read already */
	*to = '\0';

	return 0;
}


static void plain(struct csv *csv, char **valuep)
{
	*valuep = csv->p;
	while (csv->p < csv->end && *csv->p != csv->separator &&
	       *csv->p != '\r' && *csv->p != '\n')
		++csv->p;
}


static void lines_skip(struct csv *csv)
{
	while (csv->p < csv->end && (*csv->p == '\r' || *csv->p == '\n'))
		csv->next += *csv->p++ == '\n';
}


int csv_read(struct csv *csv, char *valuev[CSV_COLUMNS_MAX], size_t *valuec)
{
	size_t c = 0;
	int err = 0;
	char end;

	lines_skip(csv);
	if (csv->p >= csv->end)
		return ENOENT;

	csv->line = csv->next;

	do {
		if (c == CSV_COLUMNS_MAX)
			return E2BIG;

		if (csv->p < csv->end && *csv->p == '"')
			err = quoted(csv, &valuev[c]);
		else
			plain(csv, &valuev[c]);
		if (err)
			return err;

		++c;
		end = csv->p < csv->end ? *csv->p : '\n';
		if (csv->p < csv->end) {
			csv->next += *csv->p == '\n';
			*csv->p++ = '\0';
		}
	} while (end == csv->separator);

	*valuec = c;

	return 0;
}


void csv_write(struct evbuffer *out, const char *value, int last)
{
	/* a number with its + is no formula */
	const int digits = *value == '+' && value[1] &&
		!value[1 + strspn(value + 1, "0123456789")];
	const int formula = *value && strchr("=+-@\t\r", *value) && !digits;

	if (!formula && !strpbrk(value, ",;\"\r\n")) {
		(void)evbuffer_add(out, value, strlen(value));
	}
	else {
		(void)evbuffer_add(out, formula ? "\"'" : "\"",
				   formula ? 2 : 1);
		for (; *value; value++)
			(void)evbuffer_add(out, *value == '"' ? "\"\""
					   : value, *value == '"' ? 2 : 1);
		(void)evbuffer_add(out, "\"", 1);
	}

	(void)evbuffer_add(out, last ? "\r\n" : ",", last ? 2 : 1);
}
