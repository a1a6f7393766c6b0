/**
 * @file customer.c  Customer files and templates, for offline commands
 */
#include <limits.h>

#include "bridge/base/errors.h"
#include "bridge/model/customer.h"
#include "pbx-templates/template.h"
#include "customer.h"


int customer_load(const struct cli *cli, struct catalog **catp,
		  const char *folder, struct list *tenantl,
		  char *const *pathv, size_t pathc)
{
	char own[PATH_MAX] = "";
	struct catalog *cat = NULL;
	struct errors *errs = NULL;
	int err;

	if (folder)
		str_ncpy(own, folder, sizeof(own));
	else if (node_templates(cli, own, sizeof(own)))
		return EXIT_BAD;

	err = errors_alloc(&errs);
	if (!err)
		err = catalog_load(&cat, *own ? own : NULL, errs);
	if (!err && pathc)
		err = customers_load(tenantl, pathv, pathc, catalog_apply,
				     cat, errs);

	if (err) {
		term_refusal(errs, NULL, err);
		mem_deref(cat);
	}
	else {
		*catp = cat;
	}

	mem_deref(errs);

	return err ? EXIT_BAD : EXIT_GOOD;
}
