/**
 * @file portal.h  The service's REST API, in a thread of its own
 *
 * Serves HTTP/1.1 on a Unix socket for `callbridge` and whatever else runs
 * as the same user, and over TCP with sign-in: see docs/api.md for its
 * resources. What it shows it takes from the live state, the traces and the
 * store; it changes the store, and says that it has; what it is asked to do
 * it hands on as a command and answers when told the outcome.
 */
#ifndef PORTAL_PORTAL_H
#define PORTAL_PORTAL_H

#include <stdint.h>

#include "bridge/base/field.h"

struct live;
struct trace;
struct tapes;
struct portal;                     /* portal_start/portal_stop */

enum portal_command_type {
	PORTAL_RELOAD,             /* read configuration and customers again */
	PORTAL_RETRY,              /* register this user now                 */
};

/** A value; may be copied to another thread */
struct portal_command {
	struct portal *portal;     /* for portal_reply(), borrowed */
	uint64_t id;               /* for portal_reply() */
	enum portal_command_type type;
	char tenant[64];           /* PORTAL_RETRY */
	char upn[128];             /* PORTAL_RETRY */
};

/**
 * Somebody wants something done. Called in the portal's thread: hand it on
 * and return. Exactly one portal_reply() is due for each command that was
 * taken, from any thread, also before this returns.
 *
 * @return 0 taken, EAGAIN too many wait already
 */
typedef int (portal_command_h)(const struct portal_command *cmd, void *arg);

/** What a certificate of ours is for */
enum portal_use { PORTAL_USE_TEAMS, PORTAL_USE_PBX, PORTAL_USE_PORTAL };

/** Where peers meet us, for those who are to allow it on their firewalls */
struct portal_reach {
	char pbx_address[128];     /* host that PBXs see                    */
	char teams_address[128];   /* ... that Teams sees, "": no Teams     */
	uint16_t udp_port, tcp_port, tls_port; /* towards PBXs, 0: none     */
	uint16_t teams_port, proxy_port;
	uint16_t media_min, media_max;
	char proxies[1100];        /* names of Teams, a space between them  */
	char ranges[3200];         /* CIDRs, "": as Microsoft says          */
};

/** Who of a customer's users does not want to be disturbed: all of them,
    instead of those told before. A libre object with its texts */
struct portal_quiet {
	char *tenant;
	uint16_t scode;            /* what their calls are answered        */
	uint32_t valid_s;          /* after that nothing is known          */
	struct strings upns;
};

struct portal_conf {
	const char *socket_path;   /* copied                                */
	struct live *live;         /* borrowed until portal_stop()          */
	struct trace *trace;       /* borrowed until portal_stop()          */
	struct tapes *tapes;       /* borrowed until portal_stop(); NULL    */
	const char *state_dir;     /* copied; watched for room              */
	portal_command_h *commandh; /* NULL: commands are refused           */
	void *arg;
	const char *software;      /* copied; "Callbridge/1.2.3"            */
	/** Something that the bridge goes by has changed in the store. In any
	    thread; NULL: nobody wants to know */
	void (*changedh)(void *arg);
	/** See struct portal_quiet, which is the receiver's. In the portal's
	    thread; NULL: nobody wants to know */
	void (*quieth)(struct portal_quiet *quiet, void *arg);
	/** The SIP password of a user of a customer file: libre memory for
	    seal_wipe(). In a worker, which may wait for it. 0, ENOENT, or why
	    it is not told; NULL: none is */
	int (*passwordh)(char **passwordp, const char *tenant,
			 const char *upn, void *arg);
	const char *store_url;     /* copied; NULL: no store, and nothing
				      that is in it                         */
	const char *key_file;      /* copied; of the store's secrets, NULL  */
	const char *templates;     /* copied; folder of own ones, NULL      */
	const char *address;       /* copied; to listen on, NULL: not       */
	uint16_t port;
	const char *certificate, *key; /* copied; PEM files, NULL: HTTP     */
	const char *url;           /* copied; as people reach it, NULL: by
				      address and port                      */
	struct oidc_conf {         /* all copied                            */
		const char *issuer;        /* NULL: none */
		const char *client_id, *client_secret;
		const char *claim, *title, *ca_file;
	} oidc;
	struct portal_reach reach; /* a value                               */
	const char *node;          /* copied; its name in the store, NULL:
				      no sync and no test is run here       */
	struct {                   /* all copied                            */
		const char *login_url, *graph_url; /* NULL: the cloud's     */
		const char *ca_file;       /* NULL: the system's            */
		const char *carrier;       /* name above customers', NULL */
		struct strings own_names;  /* this node's: own_name()       */
		int64_t port;      /* ours towards Teams                    */
		unsigned presence_s;       /* between two questions; 0: 15  */
	} microsoft;
	const char *config;        /* copied; our configuration's file, for
				      programs that we start; NULL          */
	struct {                   /* tests of PBXs                         */
		unsigned at_once;          /* so many at most, 0: none      */
		unsigned question_ms;      /* unanswered so long: ended     */
		const char *teams_sim;     /* copied; control socket, NULL  */
	} tests;
	unsigned reply_limit_ms;   /* wait for portal_reply(); 0: 10,000    */
	unsigned request_limit_ms; /* for a whole request; 0: 30,000        */
	unsigned conns;            /* over TCP in all; 0: 500               */
	unsigned conns_source;     /* of one address; 0: 50                 */
};

/**
 * Listen on the socket and start the thread
 *
 * A socket file that nobody listens on (left by a crash) is replaced. The
 * file gets mode 0600.
 *
 * @param pp    Portal
 * @param conf  How; its strings are copied
 *
 * @return 0, EADDRINUSE a running service has the socket, ENAMETOOLONG,
 *         ENOTSOCK the path is another kind of file, ENOMEM, or errno of
 *         socket(2), bind(2) or pthread_create(3); EBADMSG certificate or
 *         key cannot be used (errs says why)
 */
struct errors;
int portal_start(struct portal **pp, const struct portal_conf *conf,
		 struct errors *errs);

/** How people reach it over TCP, "" if it does not listen there */
const char *portal_url(const struct portal *p);

/**
 * A certificate of ours was read. From any thread
 *
 * @param about  Copied; NULL: there is none of that use
 */
struct tlsctx_about;
void portal_certificate(struct portal *p, enum portal_use use,
			const struct tlsctx_about *about);

/** The service is about to stop: tests of PBXs end, and no more begin. From
    any thread; NULL is fine */
void portal_drain(struct portal *p);

/** Stop the thread, close all connections, remove the socket. Nobody may reply
    any more. NULL is fine */
void portal_stop(struct portal *p);

/**
 * Tell the outcome of a command. From any thread; never blocks on I/O
 *
 * @param p     The command's portal (a command may come before
 *              portal_start() has returned)
 * @param id    The command's
 * @param err   0 done, ENOENT no such user, EBADMSG what was read is wrong
 *              (nothing was changed), others: failed
 * @param text  What to tell the person, a line for each thing that is wrong;
 *              copied, NULL or "" for nothing to say
 */
void portal_reply(struct portal *p, uint64_t id, int err, const char *text);

#endif
