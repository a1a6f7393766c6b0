/**
 * @file testers.h  Who plays whom in a test of a PBX
 *
 * Test plans speak of user_a, user_b, external and external_2. Who they are
 * is said in a roster (testplans/roster.h), or kept with a PBX.
 */
#ifndef MODEL_TESTERS_H
#define MODEL_TESTERS_H

#include "bridge/base/field.h"

enum roster_kind { ROSTER_TEAMS, ROSTER_PHONE, ROSTER_HUMAN };
enum roster_dials { ROSTER_DIALS_NUMBER, ROSTER_DIALS_EXTENSION };

struct roster_account {
	int kind;                  /* enum roster_kind, -1: nobody          */
	char *name;                /* what people call it                   */
	char *upn;                 /* in Teams, NULL: found by the number   */
	char *number;              /* NULL: plays no part                   */
	char *extension;
	char *mailbox;             /* number that reaches the mailbox       */
	char *sip_username;        /* of a phone                            */
	char *sip_auth_username;
	char *sip_password;
	bool registers;            /* off: a trunk, the PBX has our address */
	int dials;                 /* enum roster_dials                     */
	char *outside_line_prefix; /* the phone dials it before numbers of
				      others than actors                    */
	char *address;             /* host or host:port of our own, NULL    */
	int codec;                 /* index into the choices                */
};

/** What is kept with a PBX. Users are named by their upn: number and
    extension are those that the PBX's user has, if they are not said */
struct testers {
	char *pbx;                 /* its name */
	struct roster_account user_a, user_b, external, external_2;
	char *nobody;              /* a number that nobody has              */
	char *echo;                /* a number that gives back the voice    */
};

extern const struct fields roster_account_fields, testers_fields;

/** "teams"; "nobody" for -1 */
const char *roster_kind_name(int kind);

/** "PCMA" */
const char *roster_codec_name(int codec);

/**
 * May this kind play this role?
 *
 * @param user  user_a or user_b: somebody in Teams
 *
 * @return NULL if so, otherwise what is wanted
 */
const char *roster_kind_wrong(int kind, bool user);

#endif
