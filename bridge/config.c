/**
 * @file config.c  Reading callbridge.yaml and what it names
 */
#include <unistd.h>

#include "bridge/base/doc.h"
#include "bridge/base/errors.h"
#include "bridge/call/music.h"
#include "bridge/model/customer.h"
#include "config.h"
#include "pbx-templates/template.h"


struct config {
	char *path;                /* owned                 */
	struct doc *doc;           /* owned: the node's file */
	struct nodeconf node;
	struct list tenantl;       /* struct tenant, owned */
};


static void destructor(void *arg)
{
	struct config *conf = arg;

	list_flush(&conf->tenantl);
	fields_clear(&nodeconf_fields, &conf->node);
	mem_deref(conf->doc);
	mem_deref(conf->path);
}


static int node_read(struct config *conf, const char *path,
		     struct errors *errs)
{
	const struct doc_node *root;
	int err;

	err = str_dup(&conf->path, path);
	if (!err)
		err = fields_defaults(&nodeconf_fields, &conf->node);
	if (!err)
		err = doc_load(&conf->doc, path, errs);
	if (err)
		return err;

	/* an empty file is a node with nothing but defaults */
	root = doc_root(conf->doc);
	if (!root)
		return 0;

	err = fields_read(&nodeconf_fields, &conf->node, root, errs, NULL);
	if (!err)
		err = fields_required(&nodeconf_fields, &conf->node, root,
				      errs);

	return err;
}


static int load_music(const struct config *conf, struct errors *errs)
{
	int err = 0;

	for (const struct le *le = list_head(&conf->tenantl); le;
	     le = le->next) {
		const int e = music_load(le->data, errs);

		if (e)
			err = e;
	}

	return err;
}


/** The folder that is the default need not be there: customers may all be in
    the store */
static size_t customers_count(const struct config *conf)
{
	struct place place;

	config_place(conf, "customers", &place);
	if (!place.line && conf->node.customers.c &&
	    access(conf->node.customers.v[0], F_OK))
		return 0;

	return conf->node.customers.c;
}


int config_load(struct config **confp, const char *path, struct errors *errs)
{
	struct catalog *catalog = NULL;
	struct config *conf;
	int err;

	conf = mem_zalloc(sizeof(*conf), destructor);
	if (!conf)
		return ENOMEM;

	err = node_read(conf, path, errs);
	if (err)
		goto out;

	err = nodeconf_resolve(&conf->node, path);
	if (err)
		goto out;

	err = catalog_load(&catalog, conf->node.templates, errs);
	if (err)
		goto out;

	err = customers_load(&conf->tenantl, conf->node.customers.v,
			     customers_count(conf), catalog_apply, catalog,
			     errs);
	if (!err)
		err = load_music(conf, errs);
 out:
	mem_deref(catalog);
	if (!err && errors_count(errs))
		err = EBADMSG;

	if (err)
		mem_deref(conf);
	else
		*confp = conf;

	return err;
}


const struct nodeconf *config_node(const struct config *conf)
{
	return &conf->node;
}


const struct list *config_tenants(const struct config *conf)
{
	return &conf->tenantl;
}


void config_take_tenants(struct config *conf, struct list *tenantl)
{
	struct le *le;

	while ((le = list_head(&conf->tenantl))) {
		list_unlink(le);
		list_append(tenantl, le, le->data);
	}
}


void config_drop_tenants(struct config *conf, config_tenant_h *h, void *arg)
{
	struct le *le = list_head(&conf->tenantl);

	while (le) {
		struct tenant *tenant = le->data;

		le = le->next;
		if (h(tenant, arg)) {
			list_unlink(&tenant->le);
			mem_deref(tenant);
		}
	}
}


void config_place(const struct config *conf, const char *field,
		  struct place *place)
{
	const struct doc_node *node = doc_root(conf->doc);
	char name[64];

	memset(place, 0, sizeof(*place));
	place->file = conf->path;

	while (node && *field) {
		const size_t len = strcspn(field, ".");

		if (len >= sizeof(name))
			return;
		memcpy(name, field, len);
		name[len] = '\0';

		node = doc_member(node, name);
		field += field[len] ? len + 1 : len;
	}

	if (node) {
		place->line = node->line;
		place->column = node->column;
	}
}
