/**
 * @file dnd.c  Who does not want to be disturbed, as Microsoft 365 tells
 */
#include "bridge/base/libre.h"
#include "dnd.h"


enum { TENANTS = 256, USERS = 64 };


struct dnd {
	struct hash *tenants;      /* owned: struct quiet_tenant */
};


struct quiet_tenant {
	struct le he;
	struct hash *users;        /* owned: struct quiet_user */
	uint64_t until_ms;
	uint16_t scode;
	char *name;                /* owned */
};


struct quiet_user {
	struct le he;
	char *upn;                 /* owned */
};


static void user_destructor(void *data)
{
	struct quiet_user *user = data;

	hash_unlink(&user->he);
	mem_deref(user->upn);
}


static void tenant_destructor(void *data)
{
	struct quiet_tenant *tenant = data;

	hash_unlink(&tenant->he);
	hash_flush(tenant->users);
	mem_deref(tenant->users);
	mem_deref(tenant->name);
}


static void destructor(void *data)
{
	struct dnd *dnd = data;

	hash_flush(dnd->tenants);
	mem_deref(dnd->tenants);
}


int dnd_alloc(struct dnd **dndp)
{
	struct dnd *dnd;
	int err;

	if (!dndp)
		return EINVAL;

	dnd = mem_zalloc(sizeof(*dnd), destructor);
	if (!dnd)
		return ENOMEM;

	err = hash_alloc(&dnd->tenants, TENANTS);
	if (err)
		mem_deref(dnd);
	else
		*dndp = dnd;

	return err;
}


static bool tenant_is(struct le *le, void *arg)
{
	const struct quiet_tenant *tenant = le->data;

	return !strcmp(tenant->name, arg);
}


static struct quiet_tenant *tenant_find(const struct dnd *dnd,
					const char *name)
{
	return list_ledata(hash_lookup(dnd->tenants, hash_joaat_str(name),
				       tenant_is, (void *)(uintptr_t)name));
}


static bool user_is(struct le *le, void *arg)
{
	const struct quiet_user *user = le->data;

	return !str_casecmp(user->upn, arg);
}


static int user_add(struct quiet_tenant *tenant, const char *upn)
{
	struct quiet_user *user;
	int err;

	user = mem_zalloc(sizeof(*user), user_destructor);
	if (!user)
		return ENOMEM;

	err = str_dup(&user->upn, upn);
	if (err) {
		mem_deref(user);
		return err;
	}

	hash_append(tenant->users, hash_joaat_str_ci(upn), &user->he, user);

	return 0;
}


int dnd_set(struct dnd *dnd, const char *name, uint16_t scode,
	    const struct strings *upns, uint64_t until_ms)
{
	struct quiet_tenant *tenant;
	int err;

	if (!dnd || !name || !upns)
		return EINVAL;

	mem_deref(tenant_find(dnd, name));
	if (!upns->c)
		return 0;

	tenant = mem_zalloc(sizeof(*tenant), tenant_destructor);
	if (!tenant)
		return ENOMEM;

	tenant->until_ms = until_ms;
	tenant->scode    = scode;
	err = str_dup(&tenant->name, name);
	if (!err)
		err = hash_alloc(&tenant->users, USERS);
	for (size_t i = 0; i < upns->c && !err; i++)
		err = user_add(tenant, upns->v[i]);
	if (err) {
		mem_deref(tenant);
		return err;
	}

	hash_append(dnd->tenants, hash_joaat_str(name), &tenant->he, tenant);

	return 0;
}


uint16_t dnd_find(const struct dnd *dnd, const char *name, const char *upn,
		  uint64_t now_ms)
{
	const struct quiet_tenant *tenant;

	if (!dnd || !name || !upn)
		return 0;

	tenant = tenant_find(dnd, name);
	if (!tenant || now_ms >= tenant->until_ms)
		return 0;

	return hash_lookup(tenant->users, hash_joaat_str_ci(upn), user_is,
			   (void *)(uintptr_t)upn) ? tenant->scode : 0;
}
