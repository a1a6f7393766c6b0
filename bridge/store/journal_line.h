/**
 * @file journal_line.h  A line of the journal, read without building a tree
 *
 * Thousands of lines a second are taken over while a large PBX comes back,
 * and of a registration only a few members are needed to put it into its
 * row. So a line as this service writes it is walked through once. What is
 * not just so (escapes in what is needed, octets beyond ASCII, white space,
 * other members around it, a torn line, a trunk) is no error: whoever reads
 * it takes a JSON parser then. For this room alone.
 */
#ifndef STORE_JOURNAL_LINE_H
#define STORE_JOURNAL_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bridge/base/libre.h"

enum journal_kind { JOURNAL_REG, JOURNAL_CALL, JOURNAL_TRUNK };

/** Views into the line; a member that is not there is unset */
struct journal_line {
	enum journal_kind kind;
	int64_t time_ms;
	struct pl value;           /* the object, as it stands there       */
	struct pl tenant, upn, pbx, state;     /* of a registration        */
	struct pl reason, words;
	int64_t since_s;
	bool removed;
	struct pl id;              /* of a call                            */
	int64_t version;
};

/**
 * @param line  With its newline
 * @param l     Octets of it
 *
 * @return false: not as we write it, or not for certain
 */
bool journal_line_read(struct journal_line *jl, const char *line, size_t l);

#endif
