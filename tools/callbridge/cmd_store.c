/**
 * @file cmd_store.c  The store itself: backup, restore, tables, keys
 *
 * Needs no running service, and does not disturb one.
 */
#include "bridge/base/errors.h"
#include "bridge/model/nodeconf.h"
#include "bridge/store/seal.h"
#include "bridge/store/store.h"
#include "cli.h"


struct place_of {
	char *url;                 /* owned */
	char *key_file;            /* owned */
};


static void place_clear(struct place_of *place)
{
	mem_deref(place->url);
	mem_deref(place->key_file);
}


static int place_read(const struct cli *cli, struct place_of *place)
{
	struct nodeconf conf;
	int err;

	memset(place, 0, sizeof(*place));
	err = node_conf(cli, &conf);
	if (err)
		return err;

	err = conf.store.url ? str_dup(&place->url, conf.store.url) :
		re_sdprintf(&place->url, "sqlite:%s/store.db",
			    conf.state_dir);
	if (!err)
		err = conf.store.key_file ?
			str_dup(&place->key_file, conf.store.key_file) :
			re_sdprintf(&place->key_file, "%s/secrets.key",
				    conf.state_dir);
	fields_clear(&nodeconf_fields, &conf);

	return err;
}


static int tell(struct store *st, const struct errors *errs, int err,
		const char *what)
{
	if (!err)
		return EXIT_GOOD;

	if (errors_count(errs))
		term_errors(errs);
	else if (st && *store_why(st))
		term_error("store: %s: %s", what, store_why(st));
	else
		term_error("store: %s: %s", what, strerror(err));

	return EXIT_BAD;
}


typedef int (work_h)(struct store *st, const struct place_of *place,
		     const char *arg, struct errors *errs);


static int migrate_work(struct store *st, const struct place_of *place,
			const char *arg, struct errors *errs)
{
	int64_t version = 0;
	bool more = true;
	int err;
	(void)place;
	(void)arg;

	err = store_migrate(st, errs);
	while (!err && more)
		err = store_fill(st, &more);
	if (!err)
		err = store_version(st, &version);
	if (!err)
		(void)re_printf("tables of version %lld\n",
				(long long)version);

	return err;
}


static int backup_work(struct store *st, const struct place_of *place,
		       const char *arg, struct errors *errs)
{
	int err = store_backup(st, arg);
	(void)errs;

	if (!err)
		(void)re_printf("%s holds all but the keys of the passwords,"
				" which are in %s: keep both, apart\n", arg,
				place->key_file);

	return err;
}


static int restore_work(struct store *st, const struct place_of *place,
			const char *arg, struct errors *errs)
{
	int err;
	(void)place;

	err = store_migrate(st, errs);

	return err ? err : store_restore(st, arg, errs);
}


/** Nothing is sealed by the key before the last one any more: it goes. The
    last one stays until the next time, for what a running service may still
    seal by it now */
static int rotate_work(struct store *st, const struct place_of *place,
		       const char *arg, struct errors *errs)
{
	struct keyring *ring = NULL;
	size_t count = 0;
	int err;
	(void)arg;
	(void)errs;

	err = store_reseal(st, NULL);
	if (!err)
		err = keyring_prune(place->key_file);
	if (!err)
		err = keyring_rotate(place->key_file);
	if (!err)
		err = keyring_load(&ring, place->key_file);
	if (!err) {
		store_keys_set(st, ring);
		err = store_reseal(st, &count);
	}
	if (!err)
		(void)re_printf("%zu passwords are sealed by the new key in"
				" %s\n", count, place->key_file);
	mem_deref(ring);

	return err;
}


static int run(const struct cli *cli, const char *what, bool create,
	       work_h *workh, const char *arg)
{
	struct keyring *ring = NULL;
	struct errors *errs = NULL;
	struct store *st = NULL;
	struct place_of place;
	int err, status;

	if (place_read(cli, &place))
		return EXIT_BAD;

	err = errors_alloc(&errs);
	if (!err) {
		err = keyring_load(&ring, place.key_file);
		if (err == ENOENT && workh != rotate_work)
			err = 0;   /* they can be brought later */
		if (err)
			errors_add(errs, NULL, NULL, "%s: %s",
				   place.key_file, strerror(err));
	}
	if (!err)
		err = store_open(&st, place.url, create, ring, errs);
	if (!err)
		err = workh(st, &place, arg, errs);

	status = tell(st, errs, err, what);

	mem_deref(st);
	mem_deref(ring);
	mem_deref(errs);
	place_clear(&place);

	return status;
}


int cmd_store(const struct cli *cli, int argc, char *argv[])
{
	const struct opt optv[] = {{NULL, NULL, NULL}};

	if (options_read(optv, &argc, argv) || options_argc(argc, argv, 1, 2))
		return EXIT_BAD;

	if (!strcmp(argv[1], "migrate") && !options_argc(argc, argv, 1, 1))
		return run(cli, argv[1], true, migrate_work, NULL);
	if (!strcmp(argv[1], "rotate-key") && !options_argc(argc, argv, 1, 1))
		return run(cli, argv[1], false, rotate_work, NULL);
	if (!strcmp(argv[1], "backup") && !options_argc(argc, argv, 2, 2))
		return run(cli, argv[1], false, backup_work, argv[2]);
	if (!strcmp(argv[1], "restore") && !options_argc(argc, argv, 2, 2))
		return run(cli, argv[1], true, restore_work, argv[2]);

	if (strcmp(argv[1], "migrate") && strcmp(argv[1], "rotate-key") &&
	    strcmp(argv[1], "backup") && strcmp(argv[1], "restore"))
		term_error("store: want `backup FILE`, `restore FILE`,"
			   " `migrate` or `rotate-key`, found \"%s\"",
			   argv[1]);

	return EXIT_BAD;
}
