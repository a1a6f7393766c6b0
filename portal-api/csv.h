/**
 * @file csv.h  Comma-separated values (RFC 4180)
 */
#ifndef PORTAL_CSV_H
#define PORTAL_CSV_H

#include <stddef.h>

struct evbuffer;

enum { CSV_COLUMNS_MAX = 64 };

struct csv {
	char *p;                   /* what is left; written over           */
	char *end;
	char separator;            /* ',' or, as in many countries, ';'    */
	size_t line;               /* of the record that was read, from 1  */
	size_t next;               /* line on which the next one begins    */
};

/** @param text  Terminated; is written over while it is read. A byte order
    mark is passed over. The first line tells the separator */
void csv_begin(struct csv *csv, char *text, size_t size);

/**
 * Read a record; empty lines are passed over
 *
 * @param valuev  Its values, in the text
 *
 * @return 0; ENOENT that was all; E2BIG too many values; EBADMSG a quotation
 *         mark where there can be none, or none at the end
 */
int csv_read(struct csv *csv, char *valuev[CSV_COLUMNS_MAX], size_t *valuec);

/** Write a value. What a spreadsheet would take for a formula gets an
    apostrophe in front: names are what strangers chose */
void csv_write(struct evbuffer *out, const char *value, int last);

#endif
