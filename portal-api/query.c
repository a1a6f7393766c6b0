/**
 * @file query.c  Reading what is asked
 */
#include <event2/http.h>
#include <jansson.h>
#include <stdlib.h>

#include "bridge/base/libre.h"
#include "api.h"


enum { DEPTH_MAX = 32 };


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


bool query_choice(struct request *rq, const char *name,
		  const char *const *wordv, size_t wordc, size_t *value)
{
	const char *text = query_text(rq, name);

	return !text || query_choice_of(rq, name, text, wordv, wordc, value);
}


bool query_oldest(struct request *rq, bool *oldest)
{
	static const char *const wordv[] = { "-time", "time" };
	size_t at = 0;

	if (!query_choice(rq, "sort", wordv, RE_ARRAY_SIZE(wordv), &at))
		return false;

	*oldest = at;

	return true;
}


bool query_choice_of(struct request *rq, const char *name, const char *text,
		     const char *const *wordv, size_t wordc, size_t *value)
{
	char want[256] = "";
	size_t n = 0;

	for (size_t i = 0; i < wordc; i++) {
		if (!strcmp(text, wordv[i])) {
			*value = i;
			return true;
		}
		n += (size_t)re_snprintf(want + n, sizeof(want) - n, "%s%s",
					 i ? ", " : "", wordv[i]);
	}

	reply_error(rq, HTTP_BADREQUEST, name, "%s: want one of %s, found"
		    " \"%s\"", name, want, text);

	return false;
}


/** How deep are brackets nested? Those in texts are none */
static unsigned json_depth(const char *p, size_t l)
{
	unsigned depth = 0, deepest = 0;
	bool text = false;

	for (size_t i = 0; i < l; i++) {
		if (text) {
			if (p[i] == '\\')
				++i;
			else if (p[i] == '"')
				text = false;
		}
		else if (p[i] == '"') {
			text = true;
		}
		else if (p[i] == '{' || p[i] == '[') {
			if (++depth > deepest)
				deepest = depth;
		}
		else if ((p[i] == '}' || p[i] == ']') && depth) {
			--depth;
		}
	}

	return deepest;
}


bool body_is_deep(const char *p, size_t l)
{
	return json_depth(p, l) > DEPTH_MAX;
}


static bool is_json_type(const char *type)
{
	return !type || !strncmp(type, "application/json", 16) ||
		!strncmp(type, "application/merge-patch+json", 28);
}


struct json_t *body_json(struct request *rq)
{
	json_error_t error;
	json_t *json;

	if (!is_json_type(rq->type)) {
		reply_error(rq, 415, "Content-Type", "want application/json,"
			    " found \"%s\"", rq->type);
		return NULL;
	}

	if (body_is_deep(rq->body, rq->size)) {
		reply_error(rq, HTTP_BADREQUEST, NULL, "want brackets at most"
			    " %d deep", DEPTH_MAX);
		return NULL;
	}

	json = json_loadb(rq->body ? rq->body : "", rq->size,
			  JSON_REJECT_DUPLICATES, &error);
	if (!json) {
		reply_error(rq, HTTP_BADREQUEST, NULL, "want JSON, but line"
			    " %d, column %d: %s", error.line, error.column,
			    error.text);
		return NULL;
	}

	if (!json_is_object(json)) {
		json_decref(json);
		reply_error(rq, HTTP_BADREQUEST, NULL, "want a JSON object");
		return NULL;
	}

	return json;
}
