/**
 * @file roster.h  Who plays whom in a test
 *
 * A plan speaks of user_a, user_b, external and external_2. The roster says
 * who they are on this site: users in Teams (teams-sim, or people), telephones
 * that the test brings itself, or people with a telephone in their hand.
 */
#ifndef TESTPLANS_ROSTER_H
#define TESTPLANS_ROSTER_H

#include "bridge/base/field.h"
#include "bridge/model/testers.h"
#include "step.h"

struct errors;

enum roster_protocol { ROSTER_UDP, ROSTER_TCP, ROSTER_TLS };

struct roster {
	char *roster;              /* name of the site                      */
	struct {
		char *config;      /* callbridge.yaml                       */
		bool start;        /* callbridged is started for the run    */
	} bridge;
	struct {
		char *config;      /* teams-sim's                           */
		char *control;     /* its socket                            */
		bool start;
		char *fqdn;        /* tenant's name towards Teams           */
	} teams;
	struct {
		char *sip_domain, *sip_proxy;
		int protocol;      /* enum roster_protocol                  */
		bool encrypt_media;
	} pbx;
	char *nobody;              /* a number that nobody has              */
	char *echo;                /* a number that gives back the voice    */
	struct roster_account user_a, user_b, external, external_2;
};

extern const struct fields roster_fields;

/**
 * Read a roster. Paths in it go out from its folder
 *
 * @param rosterp  Takes it, a libre memory object
 *
 * @return 0, EBADMSG, ENOENT and others when unreadable (errs says why),
 *         ENOMEM
 */
int roster_load(struct roster **rosterp, const char *path,
		struct errors *errs);

/** Account of an actor; its number is NULL if nobody plays it */
const struct roster_account *roster_account(const struct roster *roster,
					    enum step_actor actor);

/**
 * What NUMBER of a plan stands for
 *
 * @param word  user_a.number, nobody.number, or digits
 * @param buf   Takes it
 * @param why   Takes what the roster lacks
 *
 * @return 0, ENOENT not in the roster
 */
int roster_number(const struct roster *roster, const struct pl *word,
		  char *buf, size_t size, char *why, size_t why_size);

#endif
