/**
 * @file term.c  Text for people
 *
 * What comes from a PBX or a caller is escaped before it gets to a terminal.
 * Colours only where stdout is one, and NO_COLOR is not set.
 */
#include <jansson.h>
#include <stdlib.h>
#include <unistd.h>

#include "bridge/base/errors.h"
#include "bridge/base/text.h"
#include "cli.h"


enum {
	CELL_MAX      = 640,       /* octets; the longest text is advice */
	LINE_MAX_SIZE = 2048,      /* octets */
};

#define COLOUR_END "\033[0m"


struct row {
	struct le le;
	const char *colour;        /* static, NULL */
	char *cellv[TABLE_COLUMNS];  /* owned */
};


struct table {
	size_t columns;
	size_t widthv[TABLE_COLUMNS];          /* characters */
	struct list rowl;          /* struct row */
};


/* Streams */


static int print_file(const char *p, size_t size, void *arg)
{
	return fwrite(p, 1, size, arg) == size ? 0 : EIO;
}


struct re_printf *term_out(void)
{
	static struct re_printf pf = {.vph = print_file};

	pf.arg = stdout;

	return &pf;
}


struct re_printf *term_err(void)
{
	static struct re_printf pf = {.vph = print_file};

	pf.arg = stderr;

	return &pf;
}


void term_line(FILE *f, const char *text)
{
	char shown[LINE_MAX_SIZE];

	(void)text_escape(shown, sizeof(shown), text, strlen(text));
	(void)fprintf(f, "%s\n", shown);
}


void term_error(const char *fmt, ...)
{
	char text[LINE_MAX_SIZE];
	va_list ap;

	va_start(ap, fmt);
	(void)re_vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);

	(void)fputs("callbridge: ", stderr);
	term_line(stderr, text);
}


void text_print(const char *text, size_t size)
{
	char shown[1024];

	while (size) {
		const size_t line = strcspn(text, "\n");
		const size_t l = line < sizeof(shown) / 4 - 1 ? line :
			sizeof(shown) / 4 - 1;

		(void)text_escape(shown, sizeof(shown), text, l);
		(void)fputs(shown, stdout);
		text += l;
		size -= l;

		if (size && *text == '\n') {
			(void)putchar('\n');
			++text;
			--size;
		}
	}
}


void term_errors(const struct errors *errs)
{
	(void)errors_print(term_err(), errs);
}


void term_refusal(const struct errors *errs, const char *what, int err)
{
	const size_t c = errors_count(errs);

	if (c)
		term_errors(errs);
	else
		term_error("%s%s%m", what ? what : "", what ? ": " : "", err);

	if (c > 1)
		term_error("%zu errors", c);
}


const char *term_colour(enum term_colour colour)
{
	if (!isatty(STDOUT_FILENO) || getenv("NO_COLOR"))
		return NULL;

	switch (colour) {

	case TERM_GREEN:  return "\033[32m";
	case TERM_YELLOW: return "\033[33m";
	case TERM_RED:    return "\033[31m";
	case TERM_GREY:   return "\033[90m";
	}

	return NULL;
}


void term_duration(char *buf, size_t size, int64_t seconds)
{
	const int64_t s = seconds > 0 ? seconds : 0;
	const int64_t m = s / 60, h = m / 60, d = h / 24;

	if (d)
		(void)snprintf(buf, size, "%lldd%02lldh", (long long)d,
			       (long long)(h % 24));
	else if (h)
		(void)snprintf(buf, size, "%lldh%02lldm", (long long)h,
			       (long long)(m % 60));
	else if (m)
		(void)snprintf(buf, size, "%lldm%02llds", (long long)m,
			       (long long)(s % 60));
	else
		(void)snprintf(buf, size, "%llds", (long long)s);
}


int term_json(const json_t *json)
{
	if (json_dumpf(json, stdout, JSON_INDENT(2)) || putchar('\n') == EOF)
		return EXIT_BAD;

	return EXIT_GOOD;
}


/* Tables */


static void row_destructor(void *data)
{
	struct row *row = data;

	list_unlink(&row->le);
	for (size_t i = 0; i < TABLE_COLUMNS; i++)
		mem_deref(row->cellv[i]);
}


static void table_destructor(void *data)
{
	struct table *table = data;

	list_flush(&table->rowl);
}


/** Characters, not octets; wide ones count as one */
static size_t width(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;

	return n;
}


static int cell_set(struct table *table, struct row *row, size_t i,
		    const char *text)
{
	char shown[CELL_MAX];
	int err;

	(void)text_escape(shown, sizeof(shown), text, strlen(text));

	err = str_dup(&row->cellv[i], shown);
	if (err)
		return err;

	if (width(shown) > table->widthv[i])
		table->widthv[i] = width(shown);

	return 0;
}


int table_row(struct table *table, const char *colour,
	      const char *const *cellv)
{
	struct row *row;
	int err = 0;

	row = mem_zalloc(sizeof(*row), row_destructor);
	if (!row)
		return ENOMEM;

	row->colour = colour;

	for (size_t i = 0; i < table->columns && !err; i++)
		err = cell_set(table, row, i, cellv[i]);

	if (err)
		mem_deref(row);
	else
		list_append(&table->rowl, &row->le, row);

	return err;
}


int table_alloc(struct table **tablep, const char *const *headv,
		size_t columns)
{
	struct table *table;
	int err;

	if (!columns || columns > TABLE_COLUMNS)
		return EINVAL;

	table = mem_zalloc(sizeof(*table), table_destructor);
	if (!table)
		return ENOMEM;

	table->columns = columns;

	err = table_row(table, term_colour(TERM_GREY), headv);
	if (err)
		mem_deref(table);
	else
		*tablep = table;

	return err;
}


/** Columns up to the last one that says something */
static size_t row_length(const struct table *table, const struct row *row)
{
	size_t c = table->columns;

	while (c && !*row->cellv[c - 1])
		--c;

	return c;
}


static void cell_print(const struct table *table, const struct row *row,
		       size_t i, bool last)
{
	const bool coloured = i == 0 && row->colour;

	if (i)
		(void)fputs("  ", stdout);
	if (coloured)
		(void)fputs(row->colour, stdout);

	(void)fputs(row->cellv[i], stdout);

	if (coloured)
		(void)fputs(COLOUR_END, stdout);

	for (size_t n = width(row->cellv[i]); !last && n < table->widthv[i];
	     n++)
		(void)putchar(' ');
}


void table_print(const struct table *table)
{
	struct le *le;

	LIST_FOREACH(&table->rowl, le) {
		const size_t c = row_length(table, le->data);

		for (size_t i = 0; i < c; i++)
			cell_print(table, le->data, i, i + 1 == c);
		(void)putchar('\n');
	}
}
