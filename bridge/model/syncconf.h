/**
 * @file syncconf.h  How a customer's Microsoft 365 is asked (docs/sync.md)
 *
 * One a customer, kept in the store. Secret and certificate are sealed as
 * SIP passwords are.
 */
#ifndef MODEL_SYNCCONF_H
#define MODEL_SYNCCONF_H

#include "bridge/base/field.h"

enum syncconf_cloud {
	SYNC_WORLDWIDE, SYNC_GCC_HIGH, SYNC_DOD, SYNC_CHINA,
};

/** Who gives numbers and policies in Teams */
enum syncconf_push { SYNC_BY_SCRIPT, SYNC_BY_GRAPH };

/** Users here whom Microsoft has no more */
enum syncconf_left { SYNC_LEFT_TELL, SYNC_LEFT_DISABLE };

/** Where the number of a new user is taken from */
enum syncconf_number {
	SYNC_NUMBER_BUSINESS, SYNC_NUMBER_MOBILE, SYNC_NUMBER_NONE,
};

/** ... and the SIP username */
enum syncconf_username {
	SYNC_USERNAME_EXTENSION, SYNC_USERNAME_NUMBER, SYNC_USERNAME_UPN,
};

/** A call from the PBX to somebody who does not want to be disturbed */
enum syncconf_dnd { SYNC_DND_RINGS, SYNC_DND_BUSY, SYNC_DND_AWAY };

struct syncconf {
	struct le le;              /* as fields_item_alloc() wants it       */
	char *directory_id;        /* GUID or domain of the Microsoft tenant */
	char *client_id;           /* GUID of the app                       */
	char *client_secret;       /* secret; this one ...                  */
	char *certificate;         /* secret: PEM with key; ... or this     */
	char *secret_ends;         /* YYYY-MM-DD, NULL: not told            */
	int cloud;                 /* enum syncconf_cloud                   */
	bool scheduled;
	uint32_t every_s;
	int push;                  /* enum syncconf_push                    */
	int left;                  /* enum syncconf_left                    */
	int dnd;                   /* enum syncconf_dnd                     */
	bool dnd_show;             /* in Teams what was dialled for the PBX */
	struct {                   /* made of people who are not here yet   */
		char *pbx;         /* NULL: the customer's only one         */
		int number;        /* enum syncconf_number                  */
		int sip_username;  /* enum syncconf_username                */
		int64_t digits;    /* of an extension                       */
	} users;
};

extern const struct fields syncconf_fields;

/** Microsoft's sign-in service and Graph in that cloud; static texts */
const char *syncconf_login(int cloud);
const char *syncconf_graph(int cloud);

/** Days until the secret ends, negative: it has. @param now_s  Since 1970
    @return false if that was not told */
bool syncconf_days_left(const struct syncconf *conf, int64_t now_s,
			int64_t *days);

#endif
