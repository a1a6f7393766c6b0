/**
 * @file keeper_files.c  Tenants of files: which are new, and shown in the
 *                       store
 */
#include "bridge/base/errors.h"
#include "bridge/base/wheel.h"
#include "bridge/model/tenant.h"
#include "bridge/store/store.h"
#include "config.h"
#include "keeper_core.h"


enum { SHOW_MS = 200 };            /* that others wait for files to be shown */


/**
 * Tenants of files that are to be shown in the store
 *
 * They are the SIP thread's as well, which alone may count references: here
 * they are only read, and nobody changes them. They go back to it in the
 * end, by news.
 */
struct keeper_shown {
	struct tenant **v;         /* owned; each: a reference, see above */
	size_t c;
	size_t at, end;            /* those yet to be shown               */
};


static void shown_destructor(void *data)
{
	struct keeper_shown *shown = data;

	for (size_t i = 0; i < shown->c; i++)
		mem_deref(shown->v[i]);
	mem_deref(shown->v);
}


/**
 * All of a list are to be shown, and what is still to be shown of those that
 * are the same; the others from before wait for their way back
 *
 * @param same  Names
 */
static int shown_make(struct keeper *k, const struct list *tenantl,
		      const struct strings *same)
{
	struct keeper_shown *old = k->shown, *shown;
	const size_t max = list_count(tenantl) + (old ? old->c : 0);

	shown = mem_zalloc(sizeof(*shown), shown_destructor);
	if (!shown)
		return ENOMEM;

	shown->v = mem_zalloc((max + 1) * sizeof(*shown->v), NULL);
	if (!shown->v) {
		mem_deref(shown);
		return ENOMEM;
	}

	for (struct le *le = list_head(tenantl); le; le = le->next)
		shown->v[shown->c++] = mem_ref(le->data);

	for (size_t i = old ? old->at : 0; old && i < old->end; i++) {
		if (!strings_has(same, old->v[i]->tenant))
			continue;

		shown->v[shown->c++] = old->v[i];
		old->v[i] = NULL;
	}
	shown->end = shown->c;

	for (size_t i = 0; old && i < old->c; i++)
		if (old->v[i])
			shown->v[shown->c++] = old->v[i];
	if (old)
		old->c = 0;

	mem_deref(old);
	k->shown = shown;

	return 0;
}


/** One that cannot be shown is told of; the others are shown all the same */
static int show_tenant(struct keeper *k, const struct tenant *tenant)
{
	struct errors *errs = NULL;
	int err;

	err = errors_alloc(&errs);
	if (err)
		return err;

	err = store_mirror_tenant(k->st, k->node, tenant, errs);
	if (err && errors_count(errs)) {
		warning("keeper", tenant->tenant, "this customer goes by its"
			" file, but cannot be shown in the store: %H",
			errors_print, errs);
		err = 0;
	}
	mem_deref(errs);

	return err;
}


int keeper_show_some(struct keeper *k)
{
	const uint64_t end_ms = clock_ms() + SHOW_MS;
	struct keeper_shown *shown = k->shown;
	int err = 0;

	while (shown->at < shown->end && !err) {
		if (clock_ms() >= end_ms)
			return EAGAIN;

		err = show_tenant(k, shown->v[shown->at]);
		if (!err)
			++shown->at;
	}

	return err;
}


/* Files that were read */


struct sameness {
	struct keeper *k;
	struct strings *same;      /* borrowed: takes names */
	int err;
};


/** The bridge has it already. It is this thread's alone to let go */
static bool is_same_h(const struct tenant *tenant, void *arg)
{
	struct sameness *sn = arg;
	const struct known *known = keeper_known(&sn->k->filel,
						 tenant->tenant);

	if (!known || sn->err || known->stamp !=
	    (int64_t)fields_hash(&tenant_fields, tenant, true))
		return false;

	sn->err = strings_add(sn->same, tenant->tenant);

	return !sn->err;
}


int keeper_files_know(struct keeper *k, const struct list *tenantl,
		      const struct strings *same)
{
	struct le *le = list_head(&k->filel);
	int err = 0;

	while (le) {
		struct known *known = le->data;

		le = le->next;
		if (!same || !strings_has(same, known->name))
			mem_deref(known);
	}

	for (le = list_head(tenantl); le && !err; le = le->next) {
		const struct tenant *tenant = le->data;
		struct known *known;

		err = keeper_know(&known, &k->filel, tenant->tenant);
		if (!err)
			known->stamp = (int64_t)fields_hash(&tenant_fields,
							    tenant, true);
	}

	return err;
}


int keeper_files_take(struct keeper *k, struct config *conf,
		      struct strings *same, struct errors *errs)
{
	struct sameness sn = { .k = k, .same = same };
	int err;

	err = store_mirror_check(k->st, k->node, config_tenants(conf), errs);
	if (!err)
		err = store_mirror_sweep(k->st, k->node,
					 config_tenants(conf));
	if (!err) {
		config_drop_tenants(conf, is_same_h, &sn);
		err = sn.err;
	}
	if (!err)
		err = shown_make(k, config_tenants(conf), same);
	if (!err)
		err = keeper_show_some(k);

	return err == EAGAIN ? 0 : err;
}
