/**
 * @file query.c  Reading what is asked
 */
#include <event2/http.h>
#include <stdlib.h>

#include "bridge/base/libre.h"
#include "api.h"


const char *query_text(const struct request *rq, const char *name)
{
	return evhttp_find_header(&rq->query, name);
}


static bool number_read(uint32_t *value, const char *text, uint32_t min,
			uint32_t max)
{
	uint64_t n = 0;

	if (!*text || strlen(text) > 10 ||
	    text[strspn(text, "0123456789")])
		return false;

	for (; *text; text++)
		n = n * 10 + (uint64_t)(*text - '0');

	if (n < min || n > max)
		return false;

	*value = (uint32_t)n;

	return true;
}


bool query_number(struct request *rq, const char *name, uint32_t min,
		  uint32_t max, uint32_t *value)
{
	const char *text = query_text(rq, name);

	if (!text || number_read(value, text, min, max))
		return true;

	reply_error(rq, HTTP_BADREQUEST, name, "%s: want %u..%u, found"
		    " \"%s\"", name, min, max, text);

	return false;
}


bool query_moment(struct request *rq, const char *name, int64_t *value)
{
	const char *text = query_text(rq, name);
	char *end;

	if (!text)
		return true;

	errno = 0;
	*value = strtoll(text, &end, 10);
	if (!errno && *text && !*end && *value >= 0 && *text != ' ')
		return true;

	reply_error(rq, HTTP_BADREQUEST, name, "%s: want milliseconds since"
		    " 1970, found \"%s\"", name, text);

	return false;
}


bool query_bool(struct request *rq, const char *name, bool *value)
{
	const char *text = query_text(rq, name);

	if (!text)
		return true;

	if (!strcmp(text, "true") || !strcmp(text, "false")) {
		*value = text[0] == 't';
		return true;
	}

	reply_error(rq, HTTP_BADREQUEST, name, "%s: want true or false, found"
		    " \"%s\"", name, text);

	return false;
}


bool query_matches(const struct request *rq, const char *name,
		   const char *value)
{
	const char *text = query_text(rq, name);

	return !text || !strcmp(text, value);
}
