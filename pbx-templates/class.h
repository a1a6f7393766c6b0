/**
 * @file class.h  What kind of number is dialled: for call policies
 */
#ifndef TEMPLATES_CLASS_H
#define TEMPLATES_CLASS_H

#include "bridge/model/policy.h"

struct pbx;

/**
 * The kind of a number that a Teams user dialled at a PBX
 *
 * What a national numbering plan tells apart (mobile, freephone, shared
 * cost, premium) is known for the countries in class.c; elsewhere such
 * numbers are national. Premium numbers abroad are premium, and numbers of
 * no known form are unknown: longer than an extension, but neither of the
 * country nor international, or a star code with so much behind it that a
 * number may be hidden there.
 *
 * What the PBX will be told is judged, so that no prefix is a disguise, and
 * the number behind a feature code that forwards to it.
 *
 * @param country  ISO 3166 alpha-2 of the user or PBX; NULL: unknown, all
 *                 that begins with + is international then
 * @param e164     Takes the number as +E.164 where it has that form, else as
 *                 dialled
 */
enum number_class number_class(const struct pbx *pbx, const char *country,
			       const char *dialled, char *e164, size_t size);

#endif
