/**
 * @file tenant.c  Tenants, their trunks' names and their users
 */
#include "tenant.h"
#include "msg.h"


static const char *const mode_names[] = {
	[ANSWER_MANUAL] = "manual",     [ANSWER_AUTO] = "auto",
	[ANSWER_BUSY] = "busy",         [ANSWER_DECLINE] = "decline",
	[ANSWER_NOANSWER] = "noanswer",
};


static void tenant_destructor(void *arg)
{
	struct tenant *tenant = arg;

	trunk_stop(&tenant->trunk);
	list_unlink(&tenant->le);
	list_flush(&tenant->userl);
	json_decref(tenant->blocked);
	json_decref(tenant->failover_codes);
	mem_deref(tenant->fqdn);
}


int tenant_add(struct tenant **tp, struct sim *sim, const char *fqdn)
{
	struct tenant *tenant = tenant_find(sim, fqdn);

	if (tenant) {
		*tp = tenant;
		return 0;
	}

	tenant = mem_zalloc(sizeof(*tenant), tenant_destructor);
	if (!tenant)
		return ENOMEM;

	tenant->sim = sim;
	tenant->enabled = true;
	tenant->send_options = true;
	tenant->failover_codes = json_pack("[i, i, i]", 408, 503, 504);
	if (!tenant->failover_codes || str_dup(&tenant->fqdn, fqdn)) {
		mem_deref(tenant);
		return ENOMEM;
	}

	random_guid(tenant->guid, sizeof(tenant->guid));
	trunk_init(&tenant->trunk, tenant);
	list_append(&sim->tenantl, &tenant->le, tenant);
	*tp = tenant;

	return 0;
}


struct tenant *tenant_find(const struct sim *sim, const char *fqdn)
{
	struct le *le;

	LIST_FOREACH(&sim->tenantl, le)
	{
		struct tenant *tenant = le->data;

		if (!strcasecmp(tenant->fqdn, fqdn))
			return tenant;
	}

	return NULL;
}


struct tenant *tenant_lookup(const struct sim *sim, const char *fqdn)
{
	struct tenant *tenant = tenant_find(sim, fqdn);
	const char *dot = strchr(fqdn, '.');

	if (tenant || !dot)
		return tenant;

	return tenant_find(sim, dot + 1);
}


struct trunk *tenant_trunk(struct tenant *tenant)
{
	return tenant->base ? &tenant->base->trunk : &tenant->trunk;
}


bool tenant_fails_over(const struct tenant *tenant, uint16_t scode)
{
	size_t i;
	json_t *item;

	json_array_foreach (tenant->failover_codes, i, item) {
		if (json_integer_value(item) == scode)
			return true;
	}

	return false;
}


bool tenant_is_blocked(const struct tenant *tenant, const struct pl *number)
{
	size_t i;
	json_t *item;

	json_array_foreach (tenant->blocked, i, item) {
		const char *blocked = json_string_value(item);

		if (blocked && !pl_strcmp(number, blocked))
			return true;
	}

	return false;
}


static void user_destructor(void *arg)
{
	struct user *user = arg;

	list_unlink(&user->le);
	mem_deref(user->number);
	mem_deref(user->upn);
}


int user_add(struct user **up, struct tenant *tenant, const char *number,
	     const char *upn)
{
	struct user *user;
	struct pl pl;
	char *copy = NULL;

	if (upn && str_dup(&copy, upn))
		return ENOMEM;

	pl_set_str(&pl, number);
	user = user_find(tenant, &pl);
	if (!user) {
		user = mem_zalloc(sizeof(*user), user_destructor);
		if (!user || str_dup(&user->number, number)) {
			mem_deref(user);
			mem_deref(copy);
			return ENOMEM;
		}

		user->tenant = tenant;
		random_guid(user->guid, sizeof(user->guid));
		list_append(&tenant->userl, &user->le, user);
	}

	if (copy) {
		mem_deref(user->upn);
		user->upn = copy;
	}

	*up = user;

	return 0;
}


struct user *user_find(const struct tenant *tenant, const struct pl *number)
{
	struct le *le;

	LIST_FOREACH(&tenant->userl, le)
	{
		struct user *user = le->data;

		if (!pl_strcmp(number, user->number))
			return user;
	}

	return NULL;
}


int answer_mode_decode(enum answer_mode *modep, const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(mode_names); i++) {
		if (!strcmp(mode_names[i], name)) {
			*modep = (enum answer_mode)i;
			return 0;
		}
	}

	return EINVAL;
}


const char *answer_mode_name(enum answer_mode mode)
{
	return mode_names[mode];
}
