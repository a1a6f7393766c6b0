/**
 * @file text.h  Text that may be shown: UTF-8 without control characters
 *
 * What a peer or a person wrote ends in logs, terminals and JSON. Here is
 * decided which octets may go there as they are.
 */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

struct re_printf;

/**
 * Length of the printable character at p: well-formed UTF-8 (RFC 3629), no
 * C0 or C1 control, not DEL
 *
 * @param p  Text
 * @param l  Octets that are there
 *
 * @return 1..4; 0 if there is no such character
 */
size_t text_char(const char *p, size_t l);

/**
 * Length of the well-formed UTF-8 sequence at p, controls included
 *
 * @return 1..4; 0 if malformed
 */
size_t text_utf8(const char *p, size_t l);

/**
 * Is all of it ASCII that stands for itself in a JSON string (RFC 8259
 * section 7)? Nearly every text is
 */
bool text_json_plain(const char *p, size_t l);

/** ... and of a whole JSON value: does all that is between quotes in it stand
    for itself? */
bool text_json_plain_all(const char *p, size_t l);

/**
 * Write text with every octet that is not part of a printable character as
 * \xNN, always terminated, cut between characters where it does not fit
 *
 * @param dst   Where to write
 * @param size  Octets there, at least 1
 * @param p     Text
 * @param l     Its length in octets
 *
 * @return octets written, without the terminator
 */
size_t text_escape(char *dst, size_t size, const char *p, size_t l);

/**
 * As much of a text as fits, terminated. Unlike strncpy() it leaves the rest
 * of dst as it is.
 *
 * @param size  Octets at dst, at least 1
 */
void text_copy(char *dst, const char *src, size_t size);

/**
 * Print text between tags, or in a quoted attribute, of HTML or XML; use with
 * %H. Line ends (as LF) and tabs stay; what else XML has no place for is
 * written as \xNN.
 */
int text_markup(struct re_printf *pf, const char *text);

#endif
