/**
 * @file builtin.h  The catalog as compiled in
 *
 * Written by embed.cmake from the catalog folder.
 */
#ifndef TEMPLATES_BUILTIN_H
#define TEMPLATES_BUILTIN_H

#include <stddef.h>

struct builtin {
	const char *file;          /* "catalog/3cx.yaml"            */
	const char *text;          /* what is in it, not terminated */
	size_t size;
};

extern const struct builtin builtinv[];
extern const size_t builtinc;

#endif
