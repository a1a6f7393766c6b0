/**
 * @file customer.c  Reading customer files
 *
 * A file is read twice: once against the tables, so that every error of it
 * is told, and once with each PBX's template below what the customer wrote.
 * Of the document only the places of names stay until all files were
 * compared with each other: it takes ten times the file's size.
 */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "bridge/base/doc.h"
#include "bridge/base/errors.h"
#include "customer.h"
#include "twins.h"


/** One customer file while all are read */
struct file {
	struct le le;
	char *path;                /* owned                                */
	struct place tenant_at, fqdn_at;       /* of both names, in path   */
	struct tenant *tenant;     /* owned until all is well              */
};

struct loading {
	struct list filel;         /* struct file, owned                   */
	customer_template_h *templateh;
	void *arg;
	struct errors *errs;       /* borrowed                             */
};


static void file_destructor(void *data)
{
	struct file *file = data;

	list_unlink(&file->le);
	mem_deref(file->path);
	mem_deref(file->tenant);
}


static void complain_at(struct loading *ld, const struct place *place,
			const char *field, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	(void)re_vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);

	errors_add(ld->errs, place, field, "%s", text);
}


static struct place place_of(const struct doc_node *node)
{
	struct place place = { NULL, 0, 0 };

	if (node) {
		place.file   = node->file;
		place.line   = node->line;
		place.column = node->column;
	}

	return place;
}


static void complain(struct loading *ld, const struct doc_node *at,
		     const char *field, const char *fmt, ...)
{
	const struct place place = place_of(at);
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	(void)re_vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);

	errors_add(ld->errs, &place, field, "%s", text);
}


/** The member if it was written, else the mapping it is missing from */
static const struct doc_node *near(const struct doc_node *node,
				   const char *key)
{
	const struct doc_node *member = doc_member(node, key);

	return member ? member : node;
}


static const struct doc_node *item_node(const struct doc_node *root,
					const char *list, size_t i)
{
	const struct doc_node *node = doc_member(root, list);

	node = node ? node->child : NULL;

	while (node && i--)
		node = node->next;

	return node;
}


/* ------------------------------------------------------------------ */
/* PBXs over their templates                                           */


static int template_apply(struct loading *ld, struct pbx *pbx,
			  const struct doc_node *node)
{
	const struct doc_node *member = doc_member(node, "template");
	const char *name = member && member->type == DOC_SCALAR ?
		member->value : "generic";
	const char *nearest = NULL;
	int err;

	err = ld->templateh(pbx, name, &nearest, ld->errs, ld->arg);
	if (err == ENOENT) {
		complain(ld, near(node, "template"), "pbx.template",
			 nearest ? "want the name of a template, found"
			 " \"%s\"; did you mean \"%s\"?" :
			 "want the name of a template, found \"%s\"",
			 name, nearest);
		err = EBADMSG;
	}

	return err;
}


/** One PBX; only its template is checked when `tenant` is NULL */
static int pbx_read(struct loading *ld, struct tenant *tenant,
		    const struct doc_node *node)
{
	struct pbx *pbx;
	int err;

	pbx = fields_item_alloc(&pbx_fields);
	if (!pbx)
		return ENOMEM;

	err = template_apply(ld, pbx, node);
	if (err || !tenant)
		goto out;

	err = fields_read(&pbx_fields, pbx, node, ld->errs, NULL);
	if (err)
		goto out;

	list_append(&tenant->pbxl, &pbx->le, mem_ref(pbx));

 out:
	mem_deref(pbx);

	return err;
}


static int pbxs_read(struct loading *ld, struct tenant *tenant,
		     const struct doc_node *root)
{
	const struct doc_node *node = doc_member(root, "pbx");
	int err = 0, first = 0;

	if (!node || node->type != DOC_SEQUENCE)
		return 0;

	if (tenant)
		list_flush(&tenant->pbxl);

	for (node = node->child; node && err != ENOMEM; node = node->next) {
		if (node->type != DOC_MAPPING)
			continue;

		err = pbx_read(ld, tenant, node);
		if (!first)
			first = err;
	}

	return err == ENOMEM ? err : first;
}


/* ------------------------------------------------------------------ */
/* One tenant by itself                                                */


static void check_pbxs(struct loading *ld, const struct tenant *tenant,
		       const struct doc_node *root)
{
	size_t i = 0;

	for (struct le *le = list_head(&tenant->pbxl); le;
	     le = le->next, i++) {
		const struct pbx *pbx = le->data;

		if (tenant_pbx(tenant, pbx->name) != pbx)
			complain(ld, near(item_node(root, "pbx", i), "name"),
				 "pbx.name", "want a name that no other PBX"
				 " of the tenant has, found \"%s\" again",
				 pbx->name);
	}
}


static const char *nearest_pbx(const struct tenant *tenant, const char *name)
{
	const char *namev[64];
	size_t c = 0;

	for (struct le *le = list_head(&tenant->pbxl); le && c < 64;
	     le = le->next)
		namev[c++] = ((const struct pbx *)le->data)->name;

	return errors_nearest(name, namev, c);
}


struct misfit {
	struct loading *ld;        /* borrowed */
	const struct doc_node *node;
};


static void misfit_h(const char *field, const char *text, void *arg)
{
	const struct misfit *misfit = arg;
	char path[64];

	(void)re_snprintf(path, sizeof(path), "users.%s", field);
	complain(misfit->ld, near(misfit->node, field), path, "%s", text);
}


static void check_account(struct loading *ld, const struct tenant *tenant,
			  const struct user *user,
			  const struct doc_node *node)
{
	const struct pbx *pbx = tenant_pbx(tenant, user->pbx);
	struct misfit misfit = { ld, node };
	const char *nearest;

	if (pbx) {
		customer_user_fits(user, pbx, str_isset(user->sip_password),
				   misfit_h, &misfit);
		return;
	}

	nearest = nearest_pbx(tenant, user->pbx);
	complain(ld, near(node, "pbx"), "users.pbx", nearest ?
		 "want the name of one of the tenant's PBXs, found"
		 " \"%s\"; did you mean \"%s\"?" :
		 "want the name of one of the tenant's PBXs, found"
		 " \"%s\"", user->pbx, nearest);
}


/** What no two users may share */
static void check_twins(struct loading *ld, const struct user *user,
			const struct twin *twin, const struct doc_node *node)
{
	if (twin->upn)
		complain(ld, near(node, "upn"), "users.upn",
			 "want each user once, found \"%s\" again",
			 user->upn);

	if (twin->number && twin->number != twin->upn)
		complain(ld, near(node, "number"), "users.number",
			 "want a number that nobody else has, but %s is also"
			 " that of %s", user->number, twin->number->upn);

	if (twin->sip_username)
		complain(ld, near(node, "sip_username"),
			 "users.sip_username", "want a SIP username that"
			 " nobody else has on this PBX, but %s is also that"
			 " of %s", user->sip_username,
			 twin->sip_username->upn);
}


static int check_users(struct loading *ld, const struct tenant *tenant,
		       const struct doc_node *root)
{
	const struct doc_node *node = item_node(root, "users", 0);
	struct twins *twins;
	int err;

	err = twins_alloc(&twins, list_count(&tenant->userl));
	if (err)
		return err;

	for (struct le *le = list_head(&tenant->userl); le; le = le->next) {
		const struct user *user = le->data;
		struct twin twin;

		check_account(ld, tenant, user, node);
		twins_add(twins, user, &twin);
		check_twins(ld, user, &twin, node);

		node = node ? node->next : NULL;
	}

	mem_deref(twins);

	return 0;
}


static int tenant_read(struct loading *ld, struct file *file,
		       const struct doc_node *root)
{
	int err, perr;

	file->tenant = fields_item_alloc(&tenant_fields);
	if (!file->tenant)
		return ENOMEM;

	err = fields_read(&tenant_fields, file->tenant, root, ld->errs,
			  NULL);
	if (err == ENOMEM)
		return err;

	/* A wrong template is told together with everything else */
	perr = pbxs_read(ld, err ? NULL : file->tenant, root);
	if (err || perr)
		return perr == ENOMEM ? perr : EBADMSG;

	err = fields_required(&tenant_fields, file->tenant, root, ld->errs);
	if (err)
		return err;

	check_pbxs(ld, file->tenant, root);

	return check_users(ld, file->tenant, root);
}


/* ------------------------------------------------------------------ */
/* Files                                                               */


static int read_file(struct loading *ld, struct file *file)
{
	const struct doc_node *root;
	struct doc *doc = NULL;
	int err;

	err = doc_load_large(&doc, file->path, ld->errs);
	if (err)
		return err;

	root = doc_root(doc);
	file->tenant_at = place_of(near(root, "tenant"));
	file->fqdn_at   = place_of(near(doc_member(root, "teams"), "fqdn"));
	file->tenant_at.file = file->fqdn_at.file = file->path;

	err = tenant_read(ld, file, root);
	mem_deref(doc);

	return err;
}


static int load_file(struct loading *ld, const char *path)
{
	struct file *file;
	int err;

	file = mem_zalloc(sizeof(*file), file_destructor);
	if (!file)
		return ENOMEM;

	err = str_dup(&file->path, path);
	if (!err)
		err = read_file(ld, file);

	if (err)
		mem_deref(file);
	else
		list_append(&ld->filel, &file->le, file);

	return err;
}


static int load_folder(struct loading *ld, const char *folder)
{
	struct dirent **entryv;
	int c, i, err = 0;

	c = scandir(folder, &entryv, doc_is_entry, alphasort);
	if (c < 0) {
		err = errno;
		complain(ld, NULL, NULL, "%s: %m", folder, err);
		return err;
	}

	for (i = 0; i < c; i++) {
		char *path = NULL;
		int e = ENOMEM;

		if (err != ENOMEM)
			e = re_sdprintf(&path, "%s/%s", folder,
					entryv[i]->d_name);
		if (!e)
			e = load_file(ld, path);
		if (e && err != ENOMEM)
			err = e;

		mem_deref(path);
		free(entryv[i]);
	}

	free(entryv);

	return err;
}


static int load_path(struct loading *ld, const char *path)
{
	struct stat st;

	if (stat(path, &st)) {
		const int err = errno;

		complain(ld, NULL, NULL, "%s: %m", path, err);
		return err;
	}

	return S_ISDIR(st.st_mode) ? load_folder(ld, path) :
		load_file(ld, path);
}


static void check_tenants(struct loading *ld)
{
	for (struct le *le = list_head(&ld->filel); le; le = le->next) {
		const struct file *file = le->data;
		const struct tenant *tenant = file->tenant;

		for (struct le *o = list_head(&ld->filel); o != le;
		     o = o->next) {
			const struct file *other = o->data;

			if (!str_cmp(tenant->tenant, other->tenant->tenant))
				complain_at(ld, &file->tenant_at, "tenant",
					 "want a name that no other customer"
					 " has, but \"%s\" is also in %s",
					 tenant->tenant, other->path);

			if (!str_casecmp(tenant->teams.fqdn,
					 other->tenant->teams.fqdn))
				complain_at(ld, &file->fqdn_at, "teams.fqdn",
					 "want a name that no other customer"
					 " has, but \"%s\" is also in %s",
					 tenant->teams.fqdn, other->path);
		}
	}
}


static void hand_over(struct list *tenantl, struct list *filel)
{
	for (struct le *le = list_head(filel); le; le = le->next) {
		struct file *file = le->data;

		list_append(tenantl, &file->tenant->le, file->tenant);
		file->tenant = NULL;
	}
}


int customers_load(struct list *tenantl, char *const *pathv, size_t pathc,
		   customer_template_h *templateh, void *arg,
		   struct errors *errs)
{
	struct loading ld = {
		.filel = LIST_INIT, .templateh = templateh, .arg = arg,
		.errs = errs,
	};
	const size_t before = errors_count(errs);
	int err = 0;

	if (!tenantl || (!pathv && pathc) || !templateh || !errs)
		return EINVAL;

	for (size_t i = 0; i < pathc && err != ENOMEM; i++) {
		const int e = load_path(&ld, pathv[i]);

		if (e)
			err = e;
	}

	if (!err)
		check_tenants(&ld);
	if (!err && errors_count(errs) != before)
		err = EBADMSG;

	if (!err)
		hand_over(tenantl, &ld.filel);

	list_flush(&ld.filel);

	return err;
}
