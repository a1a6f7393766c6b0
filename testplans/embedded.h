/**
 * @file embedded.h  The plans of the house, as compiled in
 *
 * Written from the plans folder by cmake (pbx-templates/embed.cmake).
 */
#ifndef TESTPLANS_EMBEDDED_H
#define TESTPLANS_EMBEDDED_H

#include <stddef.h>

struct embedded {
	const char *file;          /* "plans/hold.yaml"             */
	const char *text;          /* what is in it, not terminated */
	size_t size;
};

extern const struct embedded embeddedv[];
extern const size_t embeddedc;

#endif
