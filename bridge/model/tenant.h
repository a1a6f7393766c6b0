/**
 * @file tenant.h  A customer: its Teams side, its PBXes and its users
 *
 * Read from a customer file (docs/connect-pbx.md), whole or not at all.
 */
#ifndef MODEL_TENANT_H
#define MODEL_TENANT_H

#include "bridge/base/field.h"
#include "pbx.h"

struct user {
	struct le le;
	char *upn;                 /* user principal name at Microsoft      */
	char *name;                /* display name, NULL                    */
	char *number;              /* +E.164 or extension; unique in tenant */
	char *country;             /* ISO 3166 alpha-2, NULL: the PBX's     */
	char *pbx;                 /* name of its PBX                       */
	char *sip_username;        /* no '@'                                */
	char *sip_auth_username;   /* NULL: the SIP username                */
	char *sip_password;        /* secret                                */
	bool enabled;
	struct user_policy policy;
};

struct tenant {
	struct le le;
	char *tenant;              /* its name: unique                      */
	struct {
		char *fqdn;        /* our name towards Teams for this tenant */
	} teams;
	struct policy policy;
	struct list pbxl;          /* struct pbx                            */
	struct list userl;         /* struct user                           */
	bool stored;               /* the store's, not a customer file's    */
};

extern const struct fields user_fields;
extern const struct fields tenant_fields;

struct pbx *tenant_pbx(const struct tenant *tenant, const char *name);
struct user *tenant_user(const struct tenant *tenant, const char *upn);

#endif
