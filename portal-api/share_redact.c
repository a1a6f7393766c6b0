/**
 * @file share_redact.c  A call without its people
 *
 * Numbers and names stand in members of their own, and again in sentences:
 * what happened, what was decided. In these, whatever is the same as one of
 * the members, and all that is as long as a number, becomes another one.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/base/libre.h"
#include "bridge/sip/redact.h"
#include "shares.h"


enum { KNOWN_MIN = 3, DIGITS_MIN = 7, KNOWN_MAX = 64 };


struct redacting {
	const struct redact_key *key;
	char *knownv[KNOWN_MAX];   /* owned */
	size_t knownc;
};


static bool is_one_of(const char *name, const char *const *namev)
{
	for (; *namev; namev++)
		if (!strcmp(*namev, name))
			return true;

	return false;
}


/** Members that are a number or a name and nothing else */
static bool is_person(const char *name)
{
	static const char *const namev[] = {
		"caller", "caller_name", "callee", "caller_raw",
		"callee_raw", "caller_sent", "callee_sent", "number", "from",
		"to", "transferred_to", "upn", NULL };

	return is_one_of(name, namev);
}


/** Members that name things: they stay */
static bool is_thing(const char *name)
{
	static const char *const namev[] = {
		"id", "tenant", "pbx", "story", "transfer_of", "replaced_by",
		"call_id", "callid", "codec", "srtp", "direction", "state",
		"result", "ended_by", "failed_side", "field", "voicemail",
		"where", "topic", "by", "kind", "way", NULL };

	return is_one_of(name, namev);
}


/** A domain is no person */
static size_t person_length(const char *text)
{
	return strcspn(text, "@");
}


/* Collecting who is in it */


static void known_add(struct redacting *r, const char *text)
{
	const size_t l = person_length(text);

	if (l < KNOWN_MIN || r->knownc == KNOWN_MAX)
		return;

	for (size_t i = 0; i < r->knownc; i++)
		if (strlen(r->knownv[i]) == l &&
		    !strncmp(r->knownv[i], text, l))
			return;

	r->knownv[r->knownc] = strndup(text, l);
	r->knownc += r->knownv[r->knownc] != NULL;
}


static void collect(struct redacting *r, const char *name,
		    const json_t *value)
{
	const char *key;
	json_t *each;
	size_t i;

	if (json_is_string(value) && is_person(name))
		known_add(r, json_string_value(value));

	json_object_foreach((json_t *)(uintptr_t)value, key, each)
		collect(r, key, each);
	json_array_foreach(value, i, each)
		collect(r, name, each);
}


static int longer_first(const void *a, const void *b)
{
	const size_t x = strlen(*(char *const *)a);
	const size_t y = strlen(*(char *const *)b);

	return x < y ? 1 : x > y ? -1 : 0;
}


/* Redacting */


/** Somebody who is known begins here. @return length, 0: no */
static size_t known_at(const struct redacting *r, const char *p)
{
	for (size_t i = 0; i < r->knownc; i++) {
		const size_t l = strlen(r->knownv[i]);

		if (!strncmp(r->knownv[i], p, l))
			return l;
	}

	return 0;
}


static void sentence(const struct redacting *r, char *text)
{
	char *p = text;

	while (*p) {
		const size_t digits = strspn(p, "0123456789");
		size_t l = known_at(r, p);

		if (!l && digits >= DIGITS_MIN)
			l = digits;
		if (l)
			redact_word(r->key, p, l);

		p += l ? l : digits ? digits : 1;
	}
}


/** @return new reference; null without memory, never the text as it was */
static json_t *text_redacted(const struct redacting *r, const char *name,
			     const char *text)
{
	char *copy = strdup(text);
	json_t *json;

	if (!copy)
		return json_null();

	if (is_person(name))
		redact_word(r->key, copy, person_length(copy));
	else
		sentence(r, copy);

	json = json_string(copy);
	free(copy);

	return json ? json : json_null();
}


/**
 * Another text for what is one; what is in it, for all else
 *
 * @param name  Of the member, that of the array for what is in an array
 * @return new reference, NULL: it stays the value it was
 */
static json_t *redacted(const struct redacting *r, const char *name,
			json_t *value)
{
	const char *key;
	json_t *each, *other;
	void *next;
	size_t i;

	if (json_is_string(value))
		return is_thing(name) ? NULL :
			text_redacted(r, name, json_string_value(value));

	json_object_foreach_safe(value, next, key, each) {
		other = redacted(r, key, each);
		if (other)
			(void)json_object_set_new(value, key, other);
	}

	json_array_foreach(value, i, each) {
		other = redacted(r, name, each);
		if (other)
			(void)json_array_set_new(value, i, other);
	}

	return NULL;
}


void share_redact(struct json_t *call, const struct redact_key *key)
{
	struct redacting r = { .key = key };

	collect(&r, "", call);
	qsort(r.knownv, r.knownc, sizeof(*r.knownv), longer_first);
	(void)redacted(&r, "", call);

	for (size_t i = 0; i < r.knownc; i++)
		free(r.knownv[i]);
}
