/**
 * @file config.c  The config file: one JSON object
 */
#include "config.h"
#include "commands.h"
#include "pki.h"


struct reader {
	struct sim *sim;
	const char *path;
	char *why;
	size_t size;
};

struct key {
	const char *name;
	int (*h)(struct reader *rd, json_t *value);
};


static int bad(struct reader *rd, const char *key, const char *want)
{
	snprintf(rd->why, rd->size, "%s: %s: %s", rd->path, key, want);

	return EINVAL;
}


static void host_destructor(void *arg)
{
	struct host *host = arg;

	list_unlink(&host->le);
	mem_deref(host->name);
}


static void sim_destructor(void *arg)
{
	struct sim *sim = arg;

	list_flush(&sim->hostl);
	pki_close(sim);
	mem_deref(sim->id.certificate);
	mem_deref(sim->id.key);
	mem_deref(sim->id.sbc_roots);
	json_decref(sim->violations);
	if (sim->trace)
		fclose(sim->trace);
}


struct sim *config_alloc(void)
{
	static const struct {
		const char *name, *route, *contact, *site;
	} regionv[INSTANCES] = {
		{"sip.pstnhub.microsoft.com",
		 "sip-du-a-eu.pstnhub.microsoft.com",
		 "api-du-a-euwe.pstnhub.microsoft.com", "EUWE.4"},
		{"sip2.pstnhub.microsoft.com",
		 "sip-du-a-us.pstnhub.microsoft.com",
		 "api-du-a-uswe2.pstnhub.microsoft.com", "USWE2.2"},
		{"sip3.pstnhub.microsoft.com",
		 "sip-du-a-as.pstnhub.microsoft.com",
		 "api-du-a-asea.pstnhub.microsoft.com", "ASEA.1"},
	};
	struct sim *sim = mem_zalloc(sizeof(*sim), sim_destructor);

	if (!sim)
		return NULL;

	settings_init(&sim->set);
	sim->violations = json_array();
	sim->port_min = 49152;
	sim->port_max = 53247;
	for (size_t i = 0; i < INSTANCES; i++) {
		struct instance *inst = &sim->instv[i];

		inst->sim = sim;
		inst->fd = -1;
		str_ncpy(inst->name, regionv[i].name, sizeof(inst->name));
		str_ncpy(inst->route_host, regionv[i].route,
			 sizeof(inst->route_host));
		str_ncpy(inst->contact_host, regionv[i].contact,
			 sizeof(inst->contact_host));
		str_ncpy(inst->site, regionv[i].site, sizeof(inst->site));
	}

	return sim;
}


static int copy_text(char *to, size_t size, const json_t *obj,
		     const char *key)
{
	const char *text = json_string_value(json_object_get(obj, key));

	if (text && strlen(text) >= size)
		return EOVERFLOW;
	if (text)
		str_ncpy(to, text, size);

	return 0;
}


/* "127.0.0.42:5061" or an address alone: then the port is 0 */
static int read_addr(struct sa *addr, const char *text)
{
	if (!text)
		return EINVAL;
	if (!sa_decode(addr, text, strlen(text)))
		return 0;

	return sa_set_str(addr, text, 0);
}


static int read_instance(struct reader *rd, struct instance *inst,
			 json_t *obj)
{
	const char *addr =
		json_string_value(json_object_get(obj, "address"));

	if (read_addr(&inst->addr, addr))
		return bad(rd, "instances",
			   "want {address: IP or IP:PORT, name, "
			   "record_route, contact}");
	if (!sa_port(&inst->addr))
		sa_set_port(&inst->addr, 5061);

	if (copy_text(inst->name, sizeof(inst->name), obj, "name") ||
	    copy_text(inst->route_host, sizeof(inst->route_host), obj,
		      "record_route") ||
	    copy_text(inst->contact_host, sizeof(inst->contact_host), obj,
		      "contact"))
		return bad(rd, "instances", "host name too long");

	return 0;
}


static int read_instances(struct reader *rd, json_t *value)
{
	int err = 0;

	if (json_array_size(value) != INSTANCES)
		return bad(rd, "instances", "want an array of three");

	for (size_t i = 0; !err && i < INSTANCES; i++)
		err = read_instance(rd, &rd->sim->instv[i],
				    json_array_get(value, i));

	return err;
}


static int read_file_name(struct reader *rd, json_t *value, const char *key,
			  char **pathp)
{
	if (!json_is_string(value))
		return bad(rd, key, "want a PEM file");

	return str_dup(pathp, json_string_value(value));
}


static int read_certificate(struct reader *rd, json_t *value)
{
	return read_file_name(rd, value, "certificate",
			      &rd->sim->id.certificate);
}


static int read_key(struct reader *rd, json_t *value)
{
	return read_file_name(rd, value, "key", &rd->sim->id.key);
}


static int read_ca_file(struct reader *rd, json_t *value)
{
	return read_file_name(rd, value, "ca_file", &rd->sim->id.sbc_roots);
}


/* Without a port, the port is the Contact's */
static int read_host(struct reader *rd, const char *name, const char *text)
{
	struct host *host = mem_zalloc(sizeof(*host), host_destructor);

	if (!host || str_dup(&host->name, name)) {
		mem_deref(host);
		return ENOMEM;
	}

	list_append(&rd->sim->hostl, &host->le, host);
	if (read_addr(&host->addr, text))
		return bad(rd, name, "want ADDRESS or ADDRESS:PORT");

	return 0;
}


static int read_hosts(struct reader *rd, json_t *value)
{
	const char *name;
	json_t *item;
	int err = 0;

	if (!json_is_object(value))
		return bad(rd, "hosts", "want {name: ADDRESS:PORT}");

	json_object_foreach (value, name, item) {
		if (!err)
			err = read_host(rd, name, json_string_value(item));
	}

	return err;
}


static int read_media(struct reader *rd, json_t *value)
{
	int port_min = rd->sim->port_min, port_max = rd->sim->port_max;
	const char *addr = NULL;

	if (json_unpack(value, "{s?s, s?i, s?i !}", "address", &addr,
			"port_min", &port_min, "port_max", &port_max) ||
	    (addr && sa_set_str(&rd->sim->media_addr, addr, 0)) ||
	    port_min < 1024 || port_max > 65535 || port_min + 1 > port_max)
		return bad(rd, "media", "want {address: IP, port_min, "
					"port_max}");

	rd->sim->port_min = (uint16_t)port_min;
	rd->sim->port_max = (uint16_t)port_max;

	return 0;
}


static int read_options(struct reader *rd, json_t *value)
{
	const char *name;
	char why[256];
	json_t *item;

	if (!json_is_object(value))
		return bad(rd, "options", "want {setting: value}");

	json_object_foreach (value, name, item) {
		if (settings_set(&rd->sim->set, name, item, why, sizeof(why)))
			return bad(rd, "options", why);
	}

	return 0;
}


static int read_list(struct reader *rd, json_t *value, const char *key,
		     int (*h)(struct sim *, const json_t *, json_t *, char *,
			      size_t))
{
	json_t *resp = json_object();
	char why[256] = "";
	json_t *item;
	size_t i;
	int err = 0;

	if (!json_is_array(value))
		err = bad(rd, key, "want an array");

	json_array_foreach (value, i, item) {
		if (!err && h(rd->sim, item, resp, why, sizeof(why)))
			err = bad(rd, key, why);
	}

	json_decref(resp);

	return err;
}


static int read_tenants(struct reader *rd, json_t *value)
{
	return read_list(rd, value, "tenants", command_tenant_add);
}


static int read_users(struct reader *rd, json_t *value)
{
	return read_list(rd, value, "users", command_sign_in);
}


/* In the order in which they must be read */
static const struct key keyv[] = {
	{"options", read_options}, {"instances", read_instances},
	{"certificate", read_certificate}, {"key", read_key},
	{"ca_file", read_ca_file}, {"hosts", read_hosts},
	{"media", read_media},     {"tenants", read_tenants},
	{"users", read_users},
};


static int check_keys(struct reader *rd, json_t *root)
{
	static const char *const needed[] = {"instances", "certificate",
					     "key", "ca_file"};
	const char *name;
	json_t *item;

	json_object_foreach (root, name, item) {
		size_t i = 0;

		while (i < ARRAY_SIZE(keyv) && strcmp(keyv[i].name, name))
			++i;

		if (i == ARRAY_SIZE(keyv) && strcmp(name, "control"))
			return bad(rd, name, "no such key");
	}

	for (size_t i = 0; i < ARRAY_SIZE(needed); i++) {
		if (!json_object_get(root, needed[i]))
			return bad(rd, needed[i], "is missing");
	}

	return 0;
}


static int read_root(struct reader *rd, json_t *root, char **controlp)
{
	const char *control =
		json_string_value(json_object_get(root, "control"));
	int err = check_keys(rd, root);

	for (size_t i = 0; !err && i < ARRAY_SIZE(keyv); i++) {
		json_t *value = json_object_get(root, keyv[i].name);

		if (value)
			err = keyv[i].h(rd, value);
	}

	if (!err && control)
		err = str_dup(controlp, control);

	return err;
}


int config_read(struct sim *sim, const char *path, char **controlp, char *why,
		size_t size)
{
	struct reader rd = {.sim = sim, .path = path, .why = why,
			    .size = size};
	json_error_t error;
	json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
	int err;

	if (!json_is_object(root)) {
		if (!root && error.line > 0)
			snprintf(why, size, "%s:%d:%d: %s", path, error.line,
				 error.column, error.text);
		else
			snprintf(why, size, "%s: %s", path,
				 root ? "want one JSON object" : error.text);
		json_decref(root);
		return EINVAL;
	}

	err = read_root(&rd, root, controlp);
	json_decref(root);

	return err;
}
