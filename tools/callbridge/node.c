/**
 * @file node.c  Where the service's socket and templates are
 *
 * Taken from its own configuration, so that whoever has set another path
 * there says so once.
 */
#include <unistd.h>

#include "bridge/base/doc.h"
#include "bridge/base/errors.h"
#include "bridge/model/nodeconf.h"
#include "cli.h"

#define CONFIG_DEFAULT "/etc/callbridge/callbridge.yaml"


static int config_read(struct nodeconf *conf, const char *path)
{
	struct errors *errs = NULL;
	struct doc *doc = NULL;
	int err;

	err = errors_alloc(&errs);
	if (err)
		return err;

	err = doc_load(&doc, path, errs);
	if (!err && doc_root(doc))
		err = fields_read(&nodeconf_fields, conf, doc_root(doc), errs,
				  NULL);

	if (err)
		term_errors(errs);

	mem_deref(doc);
	mem_deref(errs);

	return err;
}


int node_conf(const struct cli *cli, struct nodeconf *conf)
{
	const char *path = cli->config;
	int err;

	memset(conf, 0, sizeof(*conf));

	err = fields_defaults(&nodeconf_fields, conf);
	if (err)
		return err;

	if (!path && !access(CONFIG_DEFAULT, R_OK))
		path = CONFIG_DEFAULT;

	err = path ? config_read(conf, path) : 0;
	if (!err && path)
		err = nodeconf_resolve(conf, path);
	if (err)
		fields_clear(&nodeconf_fields, conf);

	return err;
}


int node_socket(const struct cli *cli, char *path, size_t size)
{
	struct nodeconf conf;
	int n, err;

	if (cli->socket) {
		str_ncpy(path, cli->socket, size);
		return 0;
	}

	err = node_conf(cli, &conf);
	if (err)
		return err;

	n = conf.control ? re_snprintf(path, size, "%s", conf.control)
		: re_snprintf(path, size, "%s/control.sock", conf.state_dir);

	fields_clear(&nodeconf_fields, &conf);

	return n < 0 ? ENAMETOOLONG : 0;
}


int node_templates(const struct cli *cli, char *path, size_t size)
{
	struct nodeconf conf;
	int err;

	err = node_conf(cli, &conf);
	if (err)
		return err;

	str_ncpy(path, conf.templates ? conf.templates : "", size);
	fields_clear(&nodeconf_fields, &conf);

	return 0;
}


int node_customers(const struct cli *cli, struct strings *paths)
{
	struct nodeconf conf;
	int err;

	err = node_conf(cli, &conf);
	if (err)
		return err;

	for (size_t i = 0; !err && i < conf.customers.c; i++)
		err = strings_add(paths, conf.customers.v[i]);

	fields_clear(&nodeconf_fields, &conf);

	return err;
}
