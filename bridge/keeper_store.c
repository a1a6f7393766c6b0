/**
 * @file keeper_store.c  Tenants of the store, read when they have changed
 */
#include "bridge/base/errors.h"
#include "bridge/base/metrics.h"
#include "bridge/base/wheel.h"
#include "bridge/call/music.h"
#include "bridge/model/tenant.h"
#include "bridge/store/store.h"
#include "keeper_core.h"
#include "portal-api/catalogs.h"
#include "pbx-templates/template.h"


static void known_destructor(void *data)
{
	struct known *known = data;

	list_unlink(&known->le);
	mem_deref(known->name);
}


struct known *keeper_known(const struct list *list, const char *name)
{
	for (struct le *le = list_head(list); le; le = le->next) {
		struct known *known = le->data;

		if (!strcmp(known->name, name))
			return known;
	}

	return NULL;
}


int keeper_know(struct known **knownp, struct list *list,
		const char *name)
{
	struct known *known = mem_zalloc(sizeof(*known), known_destructor);

	if (!known)
		return ENOMEM;

	if (str_dup(&known->name, name)) {
		mem_deref(known);
		return ENOMEM;
	}

	list_append(list, &known->le, known);
	*knownp = known;

	return 0;
}


struct looking {
	struct keeper *k;
	struct keeper_news *news;
	struct strings changed;    /* names */
};


static int stamp_h(const char *name, int64_t stamp, void *arg)
{
	struct looking *lk = arg;
	struct known *known = keeper_known(&lk->k->knownl, name);

	if (known && known->stamp == stamp) {
		known->seen = true;
		return 0;
	}

	if (!known && keeper_know(&known, &lk->k->knownl, name))
		return ENOMEM;

	known->seen  = true;
	known->stamp = stamp;

	return strings_add(&lk->changed, name);
}


/** Those that were not told any more are gone */
static int gone_find(struct looking *lk)
{
	struct le *le = list_head(&lk->k->knownl);
	int err = 0;

	while (le && !err) {
		struct known *known = le->data;

		le = le->next;
		if (!known->seen) {
			err = strings_add(lk->news->gone, known->name);
			mem_deref(known);
			continue;
		}
		known->seen = false;
	}

	return err;
}


static int tenant_read(struct looking *lk, const char *name,
		       struct catalog *cat)
{
	struct errors *errs = NULL;
	struct tenant *tenant = NULL;
	int err;

	err = errors_alloc(&errs);
	if (err)
		return err;

	err = store_tenant_load(lk->k->st, name, catalog_apply, cat, &tenant,
				errs);
	if (!err)
		err = music_load(tenant, errs);
	if (!err)
		list_append(&lk->news->tenantl, &tenant->le, tenant);
	else if (err == EBADMSG || err == ENOKEY) {
		warning("keeper", name, "this customer cannot be used as the"
			" store has it, and stays as it was: %H",
			errors_print, errs);
		err = 0;
	}
	else if (err == ENOENT)
		err = 0;           /* removed meanwhile */

	if (tenant && !tenant->le.list)
		mem_deref(tenant);
	mem_deref(errs);

	return err;
}


/** After a failure all is looked at again */
static void forget(struct keeper *k)
{
	for (struct le *le = list_head(&k->knownl); le; le = le->next) {
		struct known *known = le->data;

		known->stamp = -1;
		known->seen  = false;
	}
	k->stamp = -1;
}


/** Whoever rotates the keys does so while we run */
static void keys_look(struct keeper *k)
{
	struct keyring *ring = NULL;
	const int err = keyring_reload(&ring, k->key_file, &k->keys);

	if (!err)
		store_keys_set(k->st, ring);
	else if (err != EALREADY && log_gate_pass(&k->gate, clock_ms(), NULL))
		warning("keeper", "", "%s: %m: the keys that were read before"
			" stay", k->key_file, err);
	mem_deref(ring);
}


int keeper_look_store(struct keeper *k, struct keeper_news *news)
{
	struct looking lk = { .k = k, .news = news };
	struct catalog *cat = NULL;
	int64_t stamp = 0;
	int err;

	keys_look(k);
	err = store_stamp(k->st, &stamp);
	if (err || stamp == k->stamp)
		return err;

	err = catalog_of_store(&cat, k->st, k->templates, news->errs);
	if (!err)
		err = store_tenant_stamps(k->st, stamp_h, &lk);
	if (!err)
		err = gone_find(&lk);

	for (size_t i = 0; i < lk.changed.c && !err; i++)
		err = tenant_read(&lk, lk.changed.v[i], cat);

	strings_clear(&lk.changed);
	mem_deref(cat);

	if (err)
		forget(k);
	else
		k->stamp = stamp;

	return err;
}


void keeper_tell(struct keeper *k, int err)
{
	metric_add(metric_counter("callbridge_store_failures_total", NULL,
				  "Times that the store could not be used"),
		   1);

	if (log_gate_pass(&k->gate, clock_ms(), NULL))
		warning("keeper", "", "the store cannot be used now: %m: %s;"
			" calls go on, and their records wait in the journal",
			err, store_why(k->st));
}
