/**
 * @file callerid.h  Reading who calls: P-Asserted-Identity and the like, From
 */
#ifndef CALL_CALLERID_H
#define CALL_CALLERID_H

#include "bridge/base/libre.h"

struct party {
	char number[64];           /* user part, unescaped; "anonymous"     */
	char name[96];             /* display name, UTF-8, "" none          */
	bool anonymous;            /* the caller wants not to be shown      */
};

/**
 * The calling party of an INVITE, in the order P-Asserted-Identity (tel or
 * sip, the first with a number), P-Preferred-Identity, Remote-Party-ID, From
 * (RFC 3325, RFC 3261); "anonymous" if none tells a number
 */
void callerid_read(struct party *party, const struct sip_msg *msg);

/** The same by From alone, and the wish not to be shown */
void callerid_from(struct party *party, const struct sip_msg *msg);

/** User part of a URI, unescaped, parameters such as ;ext= cut; a tel: URI's
    number. @return 0, EBADMSG none or too long or with control characters */
int callerid_user(char *buf, size_t size, const struct pl *uri);

/** A display name without the escapes and folds of a quoted-string (RFC 3261
    section 25.1), cut to size between characters; "" if it is none */
void callerid_name(char *buf, size_t size, const struct pl *dname);

/** The called party of a request: user part of its Request-URI */
int callerid_called(char *buf, size_t size, const struct sip_msg *msg);

#endif
