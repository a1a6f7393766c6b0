/**
 * @file query.c  Reading what is asked
 */
#include <event2/http.h>
#include <jansson.h>
#include <stdlib.h>

#include "bridge/base/libre.h"
#include "api.h"


enum {
	DEPTH_MAX  = 32,
	VALUES_MAX = 100000,       /* in a body of BODY_MAX                 */
	VALUES_BIG = 1000000,      /* in a larger one: a customer's users   */
	TEXT_MAX   = 256 * 1024,   /* octets: a file that people write      */
};


/** What a JSON text costs to be read */
struct shape { size_t depth, values, text; };


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


/** Octets of a text after its quotation mark, as they are written */
static size_t text_length(const char *p, size_t l)
{
	size_t n = 0;

	while (n < l && p[n] != '"')
		n += p[n] == '\\' ? 2 : 1;

	return n < l ? n : l;
}


static void shape_read(struct shape *shape, const char *p, size_t l)
{
	size_t depth = 0;

	memset(shape, 0, sizeof(*shape));

	for (size_t i = 0; i < l; i++) {
		if (p[i] == '"') {
			const size_t n = text_length(p + i + 1, l - i - 1);

			if (n > shape->text)
				shape->text = n;
			i += n + 1;
		}
		else if (p[i] == '{' || p[i] == '[') {
			++shape->values;
			if (++depth > shape->depth)
				shape->depth = depth;
		}
		else if (p[i] == '}' || p[i] == ']') {
			depth -= depth > 0;
		}
		else if (p[i] == ',') {
			++shape->values;
		}
	}
}


bool body_fits(const char *p, size_t l, char *why, size_t size)
{
	const size_t values = l > BODY_MAX ? VALUES_BIG : VALUES_MAX;
	struct shape shape;

	shape_read(&shape, p, l);

	if (shape.depth > DEPTH_MAX)
		(void)re_snprintf(why, size, "want brackets at most %d deep,"
				  " found %zu", DEPTH_MAX, shape.depth);
	else if (shape.values > values)
		(void)re_snprintf(why, size, "want at most %zu values, found"
				  " %zu", values, shape.values);
	else if (shape.text > TEXT_MAX)
		(void)re_snprintf(why, size, "want texts of at most %d"
				  " octets, found %zu", TEXT_MAX, shape.text);
	else
		return true;

	return false;
}


static bool is_json_type(const char *type)
{
	return !type || !strncmp(type, "application/json", 16) ||
		!strncmp(type, "application/merge-patch+json", 28);
}


struct json_t *body_json(struct request *rq)
{
	json_error_t error;
	char why[128];
	json_t *json;

	if (!is_json_type(rq->type)) {
		reply_error(rq, 415, "Content-Type", "want application/json,"
			    " found \"%s\"", rq->type);
		return NULL;
	}

	if (!body_fits(rq->body, rq->size, why, sizeof(why))) {
		reply_error(rq, HTTP_BADREQUEST, NULL, "%s", why);
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
