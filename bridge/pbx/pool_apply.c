/**
 * @file pool_apply.c  The pool's accounts, made to be those of some customers
 *
 * All of it is made first, and takes effect when all of it is known to work.
 */
#include "bridge/base/errors.h"
#include "bridge/sip/digest.h"
#include "bridge/sip/stack.h"
#include "pool_core.h"


/** What the pool has of a tenant */
struct group {
	struct le le;
	struct tenant *tenant;     /* ref: as it was applied               */
	struct list sitel;         /* struct group_site, owned             */
	struct list accountl;      /* struct account, borrowed, in the order
				      of PBXs and users                    */
	bool seen;                 /* it is among those to be applied      */
};

struct group_site {
	struct le le;
	struct site *site;         /* ref                                  */
};

/** What pool_apply() will do, once all of it is known to work */
struct stage {
	struct pool *pool;         /* borrowed                             */
	struct list partl;         /* struct part, owned                   */
	struct errors *errs;       /* borrowed                             */
};

/** ... for a tenant that is new, changed or gone */
struct part {
	struct le le;
	struct pool *pool;         /* borrowed                             */
	struct group *old;         /* borrowed, NULL: it is new            */
	struct group *new;         /* owned, NULL: it is gone              */
	struct list changel;       /* struct change, owned                 */
	struct le *likely;         /* borrowed: the next user's account, if
				      they come as they came before        */
};

/** One user of the new state of things */
struct change {
	struct le le;
	struct account *old;       /* borrowed, NULL: a user who is new    */
	struct account *new;       /* owned, NULL: the old one stays       */
	struct tenant *tenant;     /* ref                                  */
	struct user *user;         /* ref                                  */
	struct digest *digest;     /* owned: other credentials; NULL       */
};


static void group_site_destructor(void *data)
{
	struct group_site *gs = data;

	list_unlink(&gs->le);
	mem_deref(gs->site);
}


static void group_destructor(void *data)
{
	struct group *group = data;

	hash_unlink(&group->le);
	list_flush(&group->sitel);
	list_clear(&group->accountl);
	mem_deref(group->tenant);
}


static void part_destructor(void *data)
{
	struct part *part = data;

	list_unlink(&part->le);
	list_flush(&part->changel);
	mem_deref(part->new);
}


static void change_destructor(void *data)
{
	struct change *change = data;

	list_unlink(&change->le);
	mem_deref(change->new);
	mem_deref(change->tenant);
	mem_deref(change->user);
	mem_deref(change->digest);
}


static struct group *group_find(const struct pool *pool, const char *name)
{
	for (struct le *le = list_head(hash_list(pool->groups,
						 hash_joaat_str(name)));
	     le; le = le->next) {
		struct group *group = le->data;

		if (!str_cmp(group->tenant->tenant, name))
			return group;
	}

	return NULL;
}


static struct site *site_find(const struct group *group, const char *pbx)
{
	if (!group)
		return NULL;

	for (struct le *le = group->sitel.head; le; le = le->next) {
		const struct group_site *gs = le->data;

		if (!str_cmp(gs->site->pbx->name, pbx))
			return gs->site;
	}

	return NULL;
}


/** It is the very one that was applied, and nothing came or went */
static bool is_applied(const struct group *group, const struct tenant *tenant)
{
	if (!group || group->tenant != tenant)
		return false;

	for (struct le *le = tenant->pbxl.head; le; le = le->next) {
		const struct pbx *pbx = le->data;
		const struct site *site = site_find(group, pbx->name);

		if (!site || site->away != pbx->away)
			return false;
	}

	return true;
}


/** The site of a PBX: the one there is when nothing of the PBX changed */
static int stage_site(struct stage *stage, struct part *part,
		      struct site **sitep, struct pbx *pbx)
{
	struct pool *pool = stage->pool;
	struct site *site = site_find(part->old, pbx->name);
	struct group_site *gs;
	int err;

	gs = mem_zalloc(sizeof(*gs), group_site_destructor);
	if (!gs)
		return ENOMEM;

	if (site && site->away == pbx->away &&
	    fields_equal(&pbx_fields, site->pbx, pbx)) {
		gs->site = mem_ref(site);
	}
	else {
		err = site_alloc(&gs->site, &pool->conf,
				 part->new->tenant->tenant, pbx,
				 pool_site_silent, pool_site_flow, pool,
				 stage->errs);
		if (err) {
			mem_deref(gs);
			return err;
		}
	}

	list_append(&part->new->sitel, &gs->le, gs);
	*sitep = gs->site;

	return 0;
}


static bool same_text(const char *a, const char *b)
{
	return !str_cmp(a ? a : "", b ? b : "");
}


/** The same phone at the PBX, perhaps with other credentials */
static bool is_same_phone(const struct account *acc, const struct site *site,
			  const struct user *user)
{
	return acc->site == site && acc->user->enabled == user->enabled &&
		same_text(acc->user->sip_username, user->sip_username);
}


static bool has_credentials(const struct account *acc,
			    const struct user *user)
{
	return same_text(acc->user->sip_auth_username,
			 user->sip_auth_username) &&
		same_text(acc->user->sip_password, user->sip_password);
}


/** The account of a user: mostly the one behind that of the last user */
static struct account *account_find(struct part *part,
				    const struct user *user)
{
	struct account *acc = list_ledata(part->likely);

	if (!acc || str_casecmp(acc->user->upn, user->upn))
		acc = pool_find_upn(part->pool, part->new->tenant->tenant,
				    user->upn);
	if (acc && acc->group_le.list)
		part->likely = acc->group_le.next;

	return acc;
}


static int stage_user(struct stage *stage, struct part *part,
		      struct site *site, struct user *user)
{
	struct tenant *tenant = part->new->tenant;
	struct account *acc = account_find(part, user);
	struct change *change;
	int err = 0;

	change = mem_zalloc(sizeof(*change), change_destructor);
	if (!change)
		return ENOMEM;

	change->tenant = mem_ref(tenant);
	change->user   = mem_ref(user);

	change->old = acc;

	if (acc && is_same_phone(acc, site, user)) {
		if (!has_credentials(acc, user))
			err = account_digest_make(&change->digest, user,
						  site->pbx);
	}
	else {
		err = account_alloc(&change->new, stage->pool, site, tenant,
				    user);
	}

	if (err && err != ENOMEM) {
		errors_add(stage->errs, NULL, "users", "%s: %s: no account"
			   " could be made: %s", tenant->tenant, user->upn,
			   strerror(err));
		err = EBADMSG;
	}

	if (err)
		mem_deref(change);
	else
		list_append(&part->changel, &change->le, change);

	return err;
}


static int stage_users(struct stage *stage, struct part *part,
		       const struct pbx *pbx, struct site *site)
{
	int err = 0;

	for (struct le *le = part->new->tenant->userl.head; le && !err;
	     le = le->next) {
		struct user *user = le->data;

		if (!str_cmp(user->pbx, pbx->name))
			err = stage_user(stage, part, site, user);
	}

	return err;
}


static int part_alloc(struct part **partp, struct stage *stage,
		      struct group *old, struct tenant *tenant)
{
	struct part *part;

	part = mem_zalloc(sizeof(*part), part_destructor);
	if (!part)
		return ENOMEM;

	part->pool   = stage->pool;
	part->old    = old;
	part->likely = old ? list_head(&old->accountl) : NULL;
	list_append(&stage->partl, &part->le, part);

	if (tenant) {
		part->new = mem_zalloc(sizeof(*part->new), group_destructor);
		if (!part->new)
			return ENOMEM;
		part->new->tenant = mem_ref(tenant);
	}
	*partp = part;

	return 0;
}


static int stage_tenant(struct stage *stage, struct tenant *tenant)
{
	struct group *old = group_find(stage->pool, tenant->tenant);
	struct part *part;
	int err;

	if (old)
		old->seen = true;
	if (is_applied(old, tenant))
		return 0;

	err = part_alloc(&part, stage, old, tenant);
	if (err)
		return err;

	for (struct le *le = tenant->pbxl.head; le; le = le->next) {
		struct pbx *pbx = le->data;
		struct site *site;
		int e;

		e = stage_site(stage, part, &site, pbx);
		if (!e)
			e = stage_users(stage, part, pbx, site);
		if (e == ENOMEM)
			return e;
		if (e)
			err = e;
	}

	return err;
}


static bool unsee_h(struct le *le, void *arg)
{
	struct group *group = le->data;
	(void)arg;

	group->seen = false;

	return false;
}


/** Tenants that are no more. @return true to stop: no memory */
static bool unseen_h(struct le *le, void *arg)
{
	struct group *group = le->data;
	struct stage *stage = arg;
	struct part *part;

	return !group->seen && part_alloc(&part, stage, group, NULL);
}


static void account_take(struct account *acc, const struct change *change)
{
	mem_deref(acc->tenant);
	acc->tenant = mem_ref(change->tenant);
	mem_deref(acc->user);
	acc->user = mem_ref(change->user);
}


/** What the number is for has changed, what the phone is has not; of most
    users nothing has */
static void account_update(struct account *acc, struct change *change)
{
	const bool told = same_text(acc->user->number, change->user->number);

	if (fields_equal(&user_fields, acc->user, change->user)) {
		account_take(acc, change);
		return;
	}

	account_hide(acc);
	account_take(acc, change);
	account_show(acc);

	if (change->digest) {
		mem_deref(acc->digest);
		acc->digest = change->digest;
		change->digest = NULL;
		if (acc->user->enabled && !acc->site->away &&
		    acc->site->pbx->auth_type == PBX_AUTH_REGISTRATION)
			reg_start(acc->reg, acc->digest, 0);
	}
	else if (!told && !acc->site->away) {
		account_tell(acc, false);
	}
}


/** The new one may have the same binding at the PBX: then the old one goes
    without a word, lest it takes that binding back */
static void account_replace(struct account *old, const struct account *new)
{
	old->replaced = true;
	old->lost = new->site->away && !old->site->away;
	old->twin = new->user->enabled && !new->site->away &&
		!str_cmp(old->aor, new->aor) &&
		!str_cmp(account_contact(old), new->contact) &&
		old->site->tp == new->site->tp &&
		old->site->port == new->site->port &&
		!str_cmp(old->site->host, new->site->host);
}


static void commit_accounts(struct part *part)
{
	struct list *accountl = &part->new->accountl;
	struct pool *pool = part->pool;
	struct le *le;

	/* Those that stay move to the new group, the others are left over */
	for (le = part->changel.head; le; le = le->next) {
		struct change *change = le->data;
		struct account *acc = change->old;

		if (change->new) {
			if (acc)
				account_replace(acc, change->new);
			continue;
		}

		list_unlink(&acc->group_le);
		list_append(accountl, &acc->group_le, acc);
		account_update(acc, change);
	}

	while (part->old && (le = list_head(&part->old->accountl))) {
		struct account *acc = le->data;

		if (acc->twin)
			mem_deref(acc);
		else
			account_end(acc, !acc->replaced || acc->lost);
	}

	for (le = part->changel.head; le; le = le->next) {
		struct change *change = le->data;
		struct account *acc = change->new;

		if (!acc)
			continue;

		change->new = NULL;
		list_append(&pool->accountl, &acc->le, acc);
		list_append(accountl, &acc->group_le, acc);
		account_show(acc);
		account_begin(acc);
	}
}


/** The pool's own references to sites are in its list */
static void commit_sites(struct part *part)
{
	struct pool *pool = part->pool;
	struct le *le;

	for (le = part->old ? part->old->sitel.head : NULL; le;
	     le = le->next) {
		struct site *site = ((struct group_site *)le->data)->site;

		list_unlink(&site->le);
		mem_deref(site);
	}

	for (le = part->new ? part->new->sitel.head : NULL; le;
	     le = le->next) {
		struct site *site = ((struct group_site *)le->data)->site;

		list_append(&pool->sitel, &site->le, mem_ref(site));
	}
}


static void commit(struct part *part)
{
	struct group none = { .seen = false };
	struct group *new = part->new;

	if (!new)
		part->new = &none;
	commit_accounts(part);
	part->new = new;
	commit_sites(part);

	mem_deref(part->old);
	part->old = NULL;
	if (!new)
		return;

	part->new = NULL;
	hash_append(part->pool->groups, hash_joaat_str(new->tenant->tenant),
		    &new->le, new);
}


int pool_apply(struct pool *pool, const struct list *tenantl,
	       struct errors *errs)
{
	struct stage stage = { .pool = pool, .errs = errs };
	int err = 0;

	if (!pool || !errs)
		return EINVAL;

	if (pool->closing)
		return ECANCELED;

	list_init(&stage.partl);
	(void)hash_apply(pool->groups, unsee_h, NULL);

	for (struct le *le = list_head(tenantl); le && err != ENOMEM;
	     le = le->next) {
		const int e = stage_tenant(&stage, le->data);

		if (e)
			err = e;
	}

	if (!err && hash_apply(pool->groups, unseen_h, &stage))
		err = ENOMEM;

	for (struct le *le = stage.partl.head; le && !err; le = le->next)
		commit(le->data);

	list_flush(&stage.partl);

	return err;
}
