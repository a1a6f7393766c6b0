/**
 * @file chaos.c  What goes wrong with Teams, on command
 */
#include "chaos.h"
#include "conn.h"
#include "pki.h"
#include "sim.h"


static const char *text(const json_t *req, const char *key)
{
	return json_string_value(json_object_get(req, key));
}


int chaos_drop(struct sim *sim, const json_t *req, json_t *resp, char *why,
	       size_t size)
{
	const char *name = text(req, "instance");
	struct instance *inst = name ? instance_find(sim, name) : NULL;
	json_int_t dropped = 0;
	struct le *le = sim->connl.head;

	if (name && !inst) {
		snprintf(why, size, "no instance %s", name);
		return ENOENT;
	}

	while (le) {
		struct conn *conn = le->data;

		le = le->next;
		if (inst && conn_instance(conn) != inst)
			continue;

		conn_close(conn, ECONNRESET);
		++dropped;
		le = sim->connl.head; /* others may be gone with it */
	}

	json_object_set_new(resp, "dropped", json_integer(dropped));

	return 0;
}


/* The new identity is read whole before the old one goes */
int chaos_certificate(struct sim *sim, const json_t *req, json_t *resp,
		      char *why, size_t size)
{
	const char *cert = text(req, "certificate"), *key = text(req, "key");
	const struct identity old = sim->id;
	int err;
	(void)resp;

	if (!cert || !key) {
		snprintf(why, size, "certificate and key are missing");
		return EINVAL;
	}

	sim->id.certificate = NULL;
	sim->id.key = NULL;
	sim->id.server = sim->id.client = NULL;
	err = str_dup(&sim->id.certificate, cert);
	if (!err)
		err = str_dup(&sim->id.key, key);
	if (!err)
		err = pki_open(sim, why, size);

	if (err) {
		pki_close(sim);
		mem_deref(sim->id.certificate);
		mem_deref(sim->id.key);
		sim->id = old;
		return err;
	}

	SSL_CTX_free(old.server);
	SSL_CTX_free(old.client);
	mem_deref(old.certificate);
	mem_deref(old.key);

	return 0;
}


int chaos_host(struct sim *sim, const json_t *req, json_t *resp, char *why,
	       size_t size)
{
	const char *name = text(req, "name"), *addr = text(req, "address");
	struct le *le;
	struct sa sa;
	(void)resp;

	if (!name || !addr || sa_decode(&sa, addr, strlen(addr))) {
		snprintf(why, size, "want name, and address as IP:PORT");
		return EINVAL;
	}

	LIST_FOREACH(&sim->hostl, le)
	{
		struct host *host = le->data;

		if (!strcasecmp(host->name, name)) {
			host->addr = sa;
			return 0;
		}
	}

	snprintf(why, size, "no host %s in the config", name);

	return ENOENT;
}
