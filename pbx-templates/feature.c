/**
 * @file feature.c  Feature codes of Teams users as a PBX has them
 */
#include <errno.h>
#include <string.h>

#include "bridge/base/libre.h"
#include "bridge/model/pbx.h"
#include "feature.h"


#define CODE(member) offsetof(struct pbx, feature_codes.member)

static const struct {
	const char *code;
	size_t offset;
	bool with_number;
	const char *rule;
} codev[] = {
	{ "*30*", CODE(dnd_on), false,
	  "do not disturb on, as this PBX has it" },
	{ "*31*", CODE(dnd_off), false,
	  "do not disturb off, as this PBX has it" },
	{ "*32*", CODE(forward_off), false,
	  "forwarding off, as this PBX has it" },
	{ "*33*", CODE(forward_all), true,
	  "forward all calls, as this PBX has it" },
	{ "*34*", CODE(forward_no_answer), true,
	  "forward when not answered, as this PBX has it" },
	{ "*35*", CODE(simultaneous_ring), true,
	  "simultaneous ring, as this PBX has it" },
	{ "*99*", CODE(voicemail), false,
	  "voicemail, as this PBX has it" },
};


/** NUMBER, NUMBER*SECONDS, each perhaps with # behind. @return false if it
    is not so */
static bool tail_read(struct feature *feature, const char *tail)
{
	const size_t plus = *tail == '+';
	size_t l = plus + strspn(tail + plus, "0123456789");

	if (l >= sizeof(feature->number))
		return false;

	memcpy(feature->number, tail, l);
	feature->number[l] = '\0';
	str_ncpy(feature->seconds, "20", sizeof(feature->seconds));
	tail += l;

	if (*tail == '*') {
		l = strspn(++tail, "0123456789");
		if (!l || l >= sizeof(feature->seconds))
			return false;

		memcpy(feature->seconds, tail, l);
		feature->seconds[l] = '\0';
		tail += l;
	}

	return !strcmp(tail, "") || !strcmp(tail, "#");
}


bool feature_parse(struct feature *feature, const struct pbx *pbx,
		   const char *dialled)
{
	const char *tail;
	size_t i;

	for (i = 0; i < RE_ARRAY_SIZE(codev); i++) {
		if (!strncmp(dialled, codev[i].code, strlen(codev[i].code)))
			break;
	}
	if (i == RE_ARRAY_SIZE(codev))
		return false;

	memset(feature, 0, sizeof(*feature));
	feature->rule = codev[i].rule;
	memcpy(&feature->pattern, (const char *)pbx + codev[i].offset,
	       sizeof(feature->pattern));

	tail = dialled + strlen(codev[i].code);

	return codev[i].with_number ? tail_read(feature, tail) :
		!*tail || !strcmp(tail, "#");
}


/** Does a hole stand here? @return its length, 0 none */
static size_t hole(const char *at, const char *name)
{
	return strncmp(at, name, strlen(name)) ? 0 : strlen(name);
}


int feature_fill(char *dst, size_t size, const struct feature *feature,
		 const char *number)
{
	const char *p = feature->pattern;
	size_t n = 0;

	while (*p) {
		const char octet[] = { *p, '\0' }, *put = octet;
		size_t l;

		if ((l = hole(p, "{number}")))
			put = number;
		else if ((l = hole(p, "{seconds}")))
			put = feature->seconds;
		else
			l = 1;

		if (n + strlen(put) >= size)
			return EINVAL;

		memcpy(dst + n, put, strlen(put));
		n += strlen(put);
		p += l;
	}

	dst[n] = '\0';

	return n ? 0 : EINVAL;
}


/** Is it that code, perhaps with # behind? */
static bool is_code(const char *dialled, const char *code)
{
	const size_t l = code ? strlen(code) : 0;

	return l && !strncmp(dialled, code, l) &&
		(!dialled[l] || !strcmp(dialled + l, "#"));
}


enum feature_dnd feature_dnd(const struct pbx *pbx, const char *dialled)
{
	const bool on = is_code(dialled, "*30*") ||
		is_code(dialled, pbx->feature_codes.dnd_on);
	const bool off = is_code(dialled, "*31*") ||
		is_code(dialled, pbx->feature_codes.dnd_off);

	return on == off ? FEATURE_DND_NONE :
		on ? FEATURE_DND_ON : FEATURE_DND_OFF;
}
