/**
 * @file fuzz_jwt.c  Signed tokens and key sets: a line of JSON, then a token.
 *                   What opens has claims
 */
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "portal-api/jwt.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *line = size ? memchr(data, '\n', size) : NULL;
	json_t *keys, *claims = NULL;
	size_t l;
	char *token;

	if (!line)
		return 0;

	keys  = json_loadb((const char *)data, (size_t)(line - data), 0,
			   NULL);
	l     = size - (size_t)(line + 1 - data);
	token = strndup((const char *)line + 1, l);

	if (keys && token && !jwt_open(&claims, token, keys) &&
	    !json_is_object(claims))
		abort();

	json_decref(claims);
	json_decref(keys);
	free(token);

	return 0;
}
