/**
 * @file version.h  Which program this is and what it stands on
 *
 * The libraries are asked at run time, where they can be: the answer is what
 * is loaded, not what the program was built with.
 */
#ifndef BASE_VERSION_H
#define BASE_VERSION_H

#include <stddef.h>

struct re_printf;

struct version {
	const char *name;          /* "OpenSSL"; static   */
	const char *version;       /* "3.0.15"; static    */
};

/** Our own version, e.g. "0.1.0" */
const char *version_software(void);

/**
 * Versions of the libraries in use
 *
 * @param v     Takes them
 * @param size  Room in v
 *
 * @return how many there are; at most `size` were written
 */
size_t version_libraries(struct version *v, size_t size);

/** Name and version of the program, then a line a library; for --version.
    A libre %H handler, `name` is a string: the program's name */
int version_print(struct re_printf *pf, const char *name);

#endif
