/**
 * @file page.h  The page's files, built in
 *
 * A fixed table, made when the program is built (page.cmake): no path of a
 * request touches the file system.
 */
#ifndef PORTAL_PAGE_H
#define PORTAL_PAGE_H

#include <stdbool.h>
#include <stddef.h>

struct request;

struct page_file {
	const char *path;          /* "/app.js"; the page itself is "/"     */
	const char *type;          /* Content-Type                          */
	const char *tag;           /* changes with what is in it            */
	const unsigned char *data;
	size_t size;
};

extern const struct page_file page_filev[];
extern const size_t page_filec;

/** Answer with one of them. @return false: there is none of this path */
bool page_answer(struct request *rq, const char *path);

#endif
