/**
 * @file tenant.c  The fields of a customer and of its users
 */
#include "check.h"
#include "tenant.h"


#define COUNT(v) (sizeof(v) / sizeof((v)[0]))


static const struct field userv[] = {
	{ .name = "upn", .type = FIELD_STRING, .max = 127,
	  .offset = offsetof(struct user, upn),
	  .checkh = check_upn, .flags = FIELD_REQUIRED | FIELD_KEY,
	  .help = "User principal name of the Teams user" },
	{ .name = "name", .type = FIELD_STRING, .max = 95,
	  .offset = offsetof(struct user, name),
	  .checkh = check_line,
	  .help = "Display name, shown to whoever the user calls" },
	{ .name = "number", .type = FIELD_STRING, .max = 16,
	  .offset = offsetof(struct user, number),
	  .checkh = check_number, .flags = FIELD_REQUIRED,
	  .help = "Phone number in Teams: +country code and number, or an "
		  "extension; nobody else in the tenant has it" },
	{ .name = "country", .type = FIELD_STRING,
	  .offset = offsetof(struct user, country),
	  .checkh = check_country,
	  .help = "Country of the user, if not that of the PBX" },
	{ .name = "pbx", .type = FIELD_STRING, .max = 63,
	  .offset = offsetof(struct user, pbx),
	  .checkh = check_name, .flags = FIELD_REQUIRED,
	  .help = "Name of the user's PBX" },
	{ .name = "sip_username", .type = FIELD_STRING, .max = 63,
	  .offset = offsetof(struct user, sip_username),
	  .checkh = check_username, .flags = FIELD_REQUIRED,
	  .help = "User or device at the PBX, often the extension; without "
		  "@ and domain" },
	{ .name = "sip_auth_username", .type = FIELD_STRING, .max = 127,
	  .offset = offsetof(struct user, sip_auth_username),
	  .checkh = check_line,
	  .help = "Name for authentication, if the PBX has one of its own "
		  "(Authentication ID); unset: the SIP username" },
	{ .name = "sip_password", .type = FIELD_STRING, .max = 255,
	  .offset = offsetof(struct user, sip_password),
	  .checkh = check_line, .flags = FIELD_SECRET,
	  .help = "Password of the SIP user or device" },
	{ .name = "enabled", .type = FIELD_BOOL, .dflt = "true",
	  .offset = offsetof(struct user, enabled),
	  .help = "Off: the user is kept, but not registered" },
	{ .name = "policy", .type = FIELD_OBJECT, .sub = &user_policy_fields,
	  .offset = offsetof(struct user, policy),
	  .flags = FIELD_ADVANCED | FIELD_MSP,
	  .help = "What this user may call, where it differs" },
};

const struct fields user_fields = {
	.name   = "user",
	.help   = "A Teams user and its phone at the PBX",
	.size   = sizeof(struct user),
	.fieldv = userv,
	.fieldc = COUNT(userv),
};


static const struct field teamsv[] = {
	{ .name = "fqdn", .type = FIELD_STRING, .max = 127,
	  .offset = offsetof(struct tenant, teams.fqdn),
	  .checkh = check_fqdn, .flags = FIELD_REQUIRED,
	  .help = "Name under which Teams reaches this tenant's gateway" },
};

static const struct fields teams_fields = {
	.size = sizeof(struct tenant),     /* offsets count from it */
	.name = "teams", .fieldv = teamsv, .fieldc = COUNT(teamsv),
	.help = "The Microsoft Teams side",
};

static const struct field tenantv[] = {
	{ .name = "tenant", .type = FIELD_STRING, .max = 63,
	  .offset = offsetof(struct tenant, tenant),
	  .checkh = check_name, .flags = FIELD_REQUIRED | FIELD_KEY,
	  .help = "Name of the customer" },
	{ .name = "teams", .type = FIELD_OBJECT, .sub = &teams_fields,
	  .help = "The Microsoft Teams side" },
	{ .name = "policy", .type = FIELD_OBJECT, .sub = &policy_fields,
	  .offset = offsetof(struct tenant, policy),
	  .help = "What may be called, and how much" },
	{ .name = "pbx", .type = FIELD_LIST, .sub = &pbx_fields,
	  .offset = offsetof(struct tenant, pbxl),
	  .help = "The customer's PBXs" },
	{ .name = "users", .type = FIELD_LIST, .sub = &user_fields,
	  .offset = offsetof(struct tenant, userl),
	  .help = "The customer's Teams users" },
};

const struct fields tenant_fields = {
	.name   = "tenant",
	.help   = "A customer: its Teams side, its PBXs and its users",
	.size   = sizeof(struct tenant),
	.fieldv = tenantv,
	.fieldc = COUNT(tenantv),
};


struct pbx *tenant_pbx(const struct tenant *tenant, const char *name)
{
	if (!tenant || !name)
		return NULL;

	for (struct le *le = list_head(&tenant->pbxl); le; le = le->next) {
		struct pbx *pbx = le->data;

		if (!str_cmp(pbx->name, name))
			return pbx;
	}

	return NULL;
}


struct user *tenant_user(const struct tenant *tenant, const char *upn)
{
	if (!tenant || !upn)
		return NULL;

	for (struct le *le = list_head(&tenant->userl); le; le = le->next) {
		struct user *user = le->data;

		if (!str_casecmp(user->upn, upn))
			return user;
	}

	return NULL;
}
