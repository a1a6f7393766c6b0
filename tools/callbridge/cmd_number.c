/**
 * @file cmd_number.c  Trying a customer's number plan
 */
#include "bridge/model/tenant.h"
#include "pbx-templates/number.h"
#include "customer.h"


struct ask {
	const char *file, *pbx, *user, *from_teams, *from_pbx;
};


/** The PBX that is meant: by name, the user's, or the only one */
static const struct pbx *pbx_find(const struct tenant *tenant,
				  const struct ask *ask,
				  const struct user *user)
{
	const char *name = ask->pbx ? ask->pbx : user ? user->pbx : NULL;
	const struct pbx *pbx;

	if (name) {
		pbx = tenant_pbx(tenant, name);
		if (!pbx)
			term_error("number: %s has no PBX \"%s\"",
				   tenant->tenant, name);
		return pbx;
	}

	if (list_count(&tenant->pbxl) == 1)
		return list_ledata(list_head(&tenant->pbxl));

	term_error("number: %s has %u PBXes: say which one with --pbx",
		   tenant->tenant, list_count(&tenant->pbxl));

	return NULL;
}


static int number_print(const struct ask *ask, const struct pbx *pbx,
			const char *country)
{
	const char *given = ask->from_teams ? ask->from_teams : ask->from_pbx;
	struct number number;
	int err;

	memset(&number, 0, sizeof(number));

	err = ask->from_teams ?
		number_to_pbx(&number, pbx, country, given) :
		number_from_pbx(&number, pbx, country, given);
	if (err) {
		term_error("number: \"%s\" is no number that can be dialled",
			   given);
		return EXIT_BAD;
	}

	(void)re_printf("%s -> %s%s\n", given, number.text,
			number.emergency ? "  (emergency)" : "");

	for (size_t i = 0; i < number.rulec; i++)
		(void)re_printf("  %s\n", number.rulev[i]);

	return EXIT_GOOD;
}


static int tenant_number(const struct tenant *tenant, const struct ask *ask)
{
	const struct user *user = NULL;
	const struct pbx *pbx;

	if (ask->user) {
		user = tenant_user(tenant, ask->user);
		if (!user) {
			term_error("number: %s has no user %s",
				   tenant->tenant, ask->user);
			return EXIT_BAD;
		}
	}

	pbx = pbx_find(tenant, ask, user);
	if (!pbx)
		return EXIT_BAD;

	return number_print(ask, pbx, user && user->country ? user->country
			    : pbx->country);
}


int cmd_number(const struct cli *cli, int argc, char *argv[])
{
	struct ask ask = {NULL, NULL, NULL, NULL, NULL};
	const char *templates = NULL;
	const struct opt optv[] = {
		{"file", &ask.file, NULL}, {"pbx", &ask.pbx, NULL},
		{"user", &ask.user, NULL},
		{"from-teams", &ask.from_teams, NULL},
		{"from-pbx", &ask.from_pbx, NULL},
		{"templates", &templates, NULL}, {NULL, NULL, NULL},
	};
	struct list tenantl = LIST_INIT;
	struct catalog *cat = NULL;
	char *path = NULL;
	int status = EXIT_BAD;

	if (options_read(optv, &argc, argv) || options_argc(argc, argv, 0, 0))
		return EXIT_BAD;

	if (!ask.file || !ask.from_teams == !ask.from_pbx) {
		term_error("number: want --file FILE and one of --from-teams"
			   " NUMBER and --from-pbx NUMBER");
		return EXIT_BAD;
	}

	if (str_dup(&path, ask.file))
		return EXIT_BAD;

	status = customer_load(cli, &cat, templates, &tenantl, &path, 1);
	if (status == EXIT_GOOD && list_head(&tenantl))
		status = tenant_number(list_ledata(list_head(&tenantl)),
				       &ask);

	list_flush(&tenantl);
	mem_deref(cat);
	mem_deref(path);

	return status;
}
