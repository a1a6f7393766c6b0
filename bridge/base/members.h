/**
 * @file members.h  Members of a JSON object, as they mostly are wanted
 *
 * For files that know jansson; others have tables (field.h).
 */
#ifndef BASE_MEMBERS_H
#define BASE_MEMBERS_H

#include <jansson.h>

/** @return Text of a member, borrowed; "" if there is none, or it is no text */
static inline const char *text_of(const json_t *json, const char *name)
{
	const char *text = json_string_value(json_object_get(json, name));

	return text ? text : "";
}

#endif
