/**
 * @file feature.h  Feature codes of Teams users as a PBX has them
 *
 * *30* and *31* (do not disturb on, off), *32* (forwarding off),
 * *33*NUMBER (forward all), *34*NUMBER or *34*NUMBER*SECONDS (forward when
 * not answered), *35*NUMBER (simultaneous ring), *99* (voicemail); a # may
 * end each. A profile maps them (feature_codes), or they go as dialled.
 */
#ifndef TEMPLATES_FEATURE_H
#define TEMPLATES_FEATURE_H

#include <stdbool.h>
#include <stddef.h>

struct pbx;

struct feature {
	const char *rule;          /* what it is, for number's rules; static */
	const char *pattern;       /* of the profile; NULL: as dialled      */
	char number[44];           /* behind the code, "" none              */
	char seconds[4];           /* "20" if none was dialled              */
};

/** @return true if it is one of the codes, mapped or not */
bool feature_parse(struct feature *feature, const struct pbx *pbx,
		   const char *dialled);

/** The pattern with its holes filled. @return 0, EINVAL it does not fit */
int feature_fill(char *dst, size_t size, const struct feature *feature,
		 const char *number);

/** What a code asks of do not disturb: as Teams users dial it everywhere, or
    as this PBX has it. A code that does both in turn tells nothing */
enum feature_dnd { FEATURE_DND_NONE, FEATURE_DND_ON, FEATURE_DND_OFF };

enum feature_dnd feature_dnd(const struct pbx *pbx, const char *dialled);

#endif
