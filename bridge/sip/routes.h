/**
 * @file routes.h  A list of routes as a registrar gave it
 *
 * The Service-Route of a 200 to REGISTER (RFC 3608): what the user's own
 * requests bear as Route.
 */
#ifndef SIP_ROUTES_H
#define SIP_ROUTES_H

#include "bridge/base/libre.h"

enum { ROUTES_MAX = 8, ROUTES_SIZE = 512 };

/** A libre object, not to be changed */
struct routes {
	size_t c;
	const char *v[ROUTES_MAX]; /* "<sip:edge.example;lr>"; in text     */
	char text[ROUTES_SIZE];
};

/**
 * Read the Service-Route headers of an answer
 *
 * @param rp  Takes the list, NULL where there is none. What is no list of
 *            loose routes, or too long to be carried, counts as none
 *
 * @return 0, EBADMSG unreadable or too long, ENOMEM
 */
int service_routes_read(struct routes **rp, const struct sip_msg *msg);

bool routes_equal(const struct routes *a, const struct routes *b);

#endif
