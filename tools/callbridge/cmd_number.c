/**
 * @file cmd_number.c  Trying a customer's number plan
 */
#include <errno.h>

#include "bridge/model/tenant.h"
#include "pbx-templates/class.h"
#include "pbx-templates/number.h"
#include "customer.h"


enum { LINE_SIZE = 512, CELLS = 3, SHOWN_SIZE = 64 };

struct ask {
	const char *file, *tenant, *pbx, *user;
	const char *from_teams, *from_pbx, *batch;
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


static int convert(struct number *number, const struct pbx *pbx,
		   const char *country, bool from_teams, const char *given)
{
	memset(number, 0, sizeof(*number));

	return from_teams ? number_to_pbx(number, pbx, country, given) :
		number_from_pbx(number, pbx, country, given);
}


/** What a Teams user would have to dial, or to call back */
static const char *advice_of(const struct pbx *pbx, bool from_teams,
			     const char *given, const struct number *number)
{
	if (number->emergency)
		return NULL;

	return number_teams_advice(pbx, from_teams ? given : number->text);
}


/** What a call policy goes by */
static void kind_print(const struct pbx *pbx, const char *country,
		       const char *dialled)
{
	char e164[NUMBER_MAX];
	const enum number_class klass =
		number_class(pbx, country, dialled, e164, sizeof(e164));

	(void)re_printf("  kind of number: %s%s\n", number_class_name(klass),
			policy_default_allows(klass) ? "" :
			" (closed unless policy.allow or policy.open says "
			"otherwise)");
}


static int number_print(const struct ask *ask, const struct pbx *pbx,
			const char *country)
{
	const bool from_teams = ask->from_teams != NULL;
	const char *given = from_teams ? ask->from_teams : ask->from_pbx;
	const char *advice;
	struct number number;

	if (convert(&number, pbx, country, from_teams, given)) {
		term_error("number: \"%s\" is no number that can be dialled",
			   given);
		return EXIT_BAD;
	}

	(void)re_printf("%s -> %s%s\n", given, number.text,
			number.emergency ? "  (emergency)" : "");

	for (size_t i = 0; i < number.rulec; i++)
		(void)re_printf("  %s\n", number.rulev[i]);

	if (from_teams)
		kind_print(pbx, country, given);

	advice = advice_of(pbx, from_teams, given, &number);
	if (advice)
		(void)re_printf("  ! %s\n", advice);

	return EXIT_GOOD;
}


/* --batch */


/** Cut a line of simple CSV into cells, without quotes and blanks around */
static size_t cells_cut(char *line, char *cellv[CELLS])
{
	size_t c = 0;

	line[strcspn(line, "\r\n")] = '\0';

	while (line && c < CELLS) {
		char *cell = line, *end = strchr(line, ',');

		line = end ? end + 1 : NULL;
		if (!end)
			end = cell + strlen(cell);

		while (cell < end && (*cell == ' ' || *cell == '"'))
			++cell;
		while (end > cell && (end[-1] == ' ' || end[-1] == '"'))
			--end;

		*end = '\0';
		cellv[c++] = cell;
	}

	return c;
}


/** What is wrong with one line; the result goes to number */
static const char *batch_one(struct number *number, const struct pbx *pbx,
			     const char *country, char *const cellv[],
			     size_t c)
{
	const bool from_teams = !strcmp(cellv[0], "teams");
	const char *advice;

	if (convert(number, pbx, country, from_teams, cellv[1]))
		return "no number that can be dialled";

	if (c > 2 && *cellv[2] && strcmp(cellv[2], number->text))
		return "not as wanted";

	advice = advice_of(pbx, from_teams, cellv[1], number);

	return advice;
}


static void batch_print(const struct number *number, char *const cellv[],
			const char *wrong)
{
	char line[2 * LINE_SIZE];
	size_t l = 0;

	for (size_t i = 0; i < number->rulec && l < sizeof(line); i++)
		l += (size_t)snprintf(line + l, sizeof(line) - l, "%s%s",
				      i ? "; " : "", number->rulev[i]);
	if (!number->rulec)
		*line = '\0';

	(void)printf("%s,%s,%s,\"%s\",\"%s\"\n", cellv[0], cellv[1],
		     number->text, wrong ? wrong : "good", line);
}


/** @return EXIT_GOOD, EXIT_FAILING if a number is wrong, EXIT_BAD */
static int batch_line(const struct ask *ask, unsigned n, char *line,
		      const struct pbx *pbx, const char *country)
{
	struct number number;
	char *cellv[CELLS];
	const char *wrong;
	size_t c;

	c = cells_cut(line, cellv);
	if (!*cellv[0] || *cellv[0] == '#' ||
	    (n == 1 && !strcmp(cellv[0], "from")))
		return EXIT_GOOD;

	for (size_t i = 0; i < c; i++) {
		if (cellv[i][strcspn(cellv[i], "\",")] ||
		    strlen(cellv[i]) >= SHOWN_SIZE) {
			term_error("%s:%u: want from,number[,want]",
				   ask->batch, n);
			return EXIT_BAD;
		}
	}

	if (c < 2 || (strcmp(cellv[0], "teams") && strcmp(cellv[0], "pbx"))) {
		term_error("%s:%u: want `teams,NUMBER` or `pbx,NUMBER`, and"
			   " perhaps what shall come of it", ask->batch, n);
		return EXIT_BAD;
	}

	wrong = batch_one(&number, pbx, country, cellv, c);
	batch_print(&number, cellv, wrong);

	return wrong ? EXIT_FAILING : EXIT_GOOD;
}


static int number_batch(const struct ask *ask, const struct pbx *pbx,
			const char *country)
{
	FILE *f = fopen(ask->batch, "r");
	char line[LINE_SIZE];
	int status = EXIT_GOOD;

	if (!f) {
		term_error("%s: %m", ask->batch, errno);
		return EXIT_BAD;
	}

	(void)puts("from,number,result,verdict,rules");

	for (unsigned n = 1; fgets(line, sizeof(line), f); n++) {
		const int s = batch_line(ask, n, line, pbx, country);

		if (s > status)
			status = s;
	}

	(void)fclose(f);

	return status;
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

	return (ask->batch ? number_batch : number_print)
		(ask, pbx, user && user->country ? user->country
		 : pbx->country);
}


/** Has what was named; with nothing named, every customer may be meant */
static bool is_meant(const struct tenant *tenant, const struct ask *ask)
{
	return (!ask->tenant || !strcmp(ask->tenant, tenant->tenant)) &&
		(!ask->pbx || tenant_pbx(tenant, ask->pbx)) &&
		(!ask->user || tenant_user(tenant, ask->user));
}


static int tenants_number(const struct list *tenantl, const struct ask *ask)
{
	const struct tenant *meant = NULL;
	struct le *le;

	/* what is not there is best told by the only customer */
	if (list_count(tenantl) == 1 && !ask->tenant)
		return tenant_number(list_ledata(list_head(tenantl)), ask);

	LIST_FOREACH(tenantl, le) {
		const struct tenant *tenant = le->data;

		if (!is_meant(tenant, ask))
			continue;

		if (meant) {
			term_error("number: %s and %s both have that: say"
				   " which one with --tenant",
				   meant->tenant, tenant->tenant);
			return EXIT_BAD;
		}
		meant = tenant;
	}

	if (!meant) {
		term_error("number: no customer of that configuration has"
			   " such a tenant, PBX or user");
		return EXIT_BAD;
	}

	return tenant_number(meant, ask);
}


/** The file that was named, or those of the service's configuration */
static int paths_find(struct strings *paths, const struct cli *cli,
		      const char *file)
{
	int err;

	err = file ? strings_add(paths, file) : node_customers(cli, paths);
	if (err)
		return EXIT_BAD;

	if (!paths->c) {
		term_error("number: want --file FILE, or --config with a"
			   " configuration that names customers");
		return EXIT_BAD;
	}

	return EXIT_GOOD;
}


int cmd_number(const struct cli *cli, int argc, char *argv[])
{
	struct ask ask = {NULL, NULL, NULL, NULL, NULL, NULL, NULL};
	const char *templates = NULL;
	const struct opt optv[] = {
		{"file", &ask.file, NULL}, {"tenant", &ask.tenant, NULL},
		{"pbx", &ask.pbx, NULL}, {"user", &ask.user, NULL},
		{"from-teams", &ask.from_teams, NULL},
		{"from-pbx", &ask.from_pbx, NULL},
		{"batch", &ask.batch, NULL},
		{"templates", &templates, NULL}, {NULL, NULL, NULL},
	};
	struct list tenantl = LIST_INIT;
	struct strings paths = {NULL, 0};
	struct catalog *cat = NULL;
	int status = EXIT_BAD;

	if (options_read(optv, &argc, argv) || options_argc(argc, argv, 0, 0))
		return EXIT_BAD;

	if (!!ask.from_teams + !!ask.from_pbx + !!ask.batch != 1) {
		term_error("number: want one of --from-teams NUMBER,"
			   " --from-pbx NUMBER and --batch CSV");
		return EXIT_BAD;
	}

	status = paths_find(&paths, cli, ask.file);
	if (status == EXIT_GOOD)
		status = customer_load(cli, &cat, templates, &tenantl,
				       paths.v, paths.c);
	if (status == EXIT_GOOD)
		status = tenants_number(&tenantl, &ask);

	list_flush(&tenantl);
	mem_deref(cat);
	strings_clear(&paths);

	return status;
}
