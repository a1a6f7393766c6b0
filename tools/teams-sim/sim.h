/**
 * @file sim.h  The simulator: what all its modules share
 *
 * One struct sim holds the three regional instances, the tenants with their
 * trunks and users, the calls and the connections. Everything runs in one
 * thread, on libre's loop.
 */
#ifndef TEAMS_SIM_SIM_H
#define TEAMS_SIM_SIM_H

#include <openssl/ssl.h>
#include <jansson.h>
#include "lib.h"
#include "clock.h"
#include "conform.h"
#include "settings.h"

enum {
	INSTANCES = 3,
};

struct conn;
struct sim;

/** How an instance behaves */
enum mode {
	MODE_UP,     /* as it should */
	MODE_DRAIN,  /* 503 + Retry-After to every INVITE */
	MODE_REFUSE, /* not listening */
	MODE_HANGUP, /* accepts, closes at once */
	MODE_SILENT, /* accepts, reads, never answers */
	MODE_HALF_OPEN, /* accepts TCP, never begins TLS */
};

/** One regional data centre of the SIP proxy */
struct instance {
	struct sim *sim;        /* borrowed: parent */
	char name[128];         /* sip.pstnhub.microsoft.com */
	char route_host[128];   /* host of our Record-Route */
	char contact_host[128]; /* host of our Contact */
	char site[16];          /* end of the Server string */
	struct sa addr;         /* where it listens, port included */
	enum mode mode;
	int fd;                 /* listening socket or -1 */
};

/** A name we resolve ourselves */
struct host {
	struct le le;
	char *name;
	struct sa addr; /* port 0: take the Contact's */
};

struct identity {
	char *certificate; /* PEM: our leaf and its intermediates */
	char *key;
	char *sbc_roots;   /* PEM: roots that SBC chains must end in */
	SSL_CTX *server, *client;
};

struct sim {
	struct settings set;
	struct instance instv[INSTANCES];
	struct identity id;
	struct list hostl;
	struct list connl;    /* struct conn, owned */
	struct list transl;   /* struct trans, owned */
	struct list tenantl;  /* struct tenant, owned */
	struct list calll;    /* struct call, owned */
	uint32_t call_id;     /* of the newest call */
	struct sa media_addr; /* not set: the instance's address */
	uint16_t port_min, port_max, port_next;
	json_t *violations;   /* array */
	FILE *trace;
	bool verbose;
};

/** One line on stderr with --verbose (printf format) */
void chat(const struct sim *sim, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/** A message frame has arrived; called by conn.c */
void sim_receive(struct conn *conn, struct mbuf *frame);

/** Write a message to the trace file, if there is one */
void sim_trace(struct sim *sim, bool tx, const struct conn *conn,
	       const uint8_t *text, size_t len);

/**
 * Find where a host is: our own table first, then the system's resolver
 *
 * The system's resolver may block; a simulator can wait.
 *
 * @param addr  Result, with port
 * @param port  Port, unless our table names one
 *
 * @return 0 or ENOENT
 */
int sim_resolve(const struct sim *sim, struct sa *addr, const char *host,
		uint16_t port);

/** Start and stop listening according to inst->mode; 0 or errno */
int instance_apply(struct instance *inst, enum mode mode);

/** The instance of that name or of its first label, or NULL */
struct instance *instance_find(struct sim *sim, const char *name);

/** The next region after this one */
struct instance *instance_next(struct instance *inst);

/** Read a mode by name; 0 or EINVAL */
int instance_mode(enum mode *modep, const char *name);

/** Fill buf with size-1 random hex digits */
void random_hex(char *buf, size_t size);

/** Fill buf (37 bytes or more) with a dashed GUID */
void random_guid(char *buf, size_t size);

#endif
