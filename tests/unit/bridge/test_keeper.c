/**
 * @file test_keeper.c  Customer files are gone by before all are shown
 */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "bridge/base/errors.h"
#include "bridge/config.h"
#include "bridge/keeper.h"
#include "bridge/store/seal.h"
#include "bridge/store/store.h"


enum { TENANTS = 12, USERS = 400, DEADLINE_MS = 60000 };


static char folder[64];
static int bellv[2];               /* a pipe: the keeper has news */


static void write_file(const char *name, unsigned first, unsigned userc)
{
	char path[128];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/customers/%s.yaml", folder,
		       name);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fprintf(f, "tenant: %s\nteams: {fqdn: %s.example.com}\n"
			    "pbx:\n  - {name: hq, country: GB, sip_domain:"
			    " pbx.example}\nusers:\n", name, name) > 0);
	for (unsigned i = first; i < first + userc; i++)
		assert_true(fprintf(f, "  - {upn: u%u@x.example, number:"
				    " \"+44%09u\", pbx: hq, sip_username:"
				    " \"%u\", sip_password: p}\n", i, i, i)
			    > 0);
	assert_int_equal(fclose(f), 0);
}


static int setup(void **state)
{
	char path[128];
	FILE *f;
	(void)state;

	str_ncpy(folder, "/tmp/keeper-XXXXXX", sizeof(folder));
	assert_non_null(mkdtemp(folder));
	(void)snprintf(path, sizeof(path), "%s/customers", folder);
	assert_int_equal(mkdir(path, 0700), 0);
	(void)snprintf(path, sizeof(path), "%s/callbridge.yaml", folder);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fprintf(f, "state_dir: %s\ncustomers: [customers]\n"
			    "store: {node: n1}\n", folder) > 0);
	assert_int_equal(fclose(f), 0);

	return pipe(bellv);
}


static int teardown(void **state)
{
	char command[128];
	(void)state;

	(void)close(bellv[0]);
	(void)close(bellv[1]);
	(void)snprintf(command, sizeof(command), "rm -r %s", folder);

	return system(command);
}


static void ring_h(void *arg)
{
	(void)arg;
	assert_int_equal(write(bellv[1], "x", 1), 1);
}


static struct keeper_news *news_wait(struct keeper *k)
{
	struct keeper_news *news = keeper_take(k);
	struct pollfd fd = { .fd = bellv[0], .events = POLLIN };
	char c;

	while (!news) {
		assert_int_equal(poll(&fd, 1, DEADLINE_MS), 1);
		assert_int_equal(read(bellv[0], &c, 1), 1);
		news = keeper_take(k);
	}

	return news;
}


/** Tenants of files that this reload brings */
static unsigned reloaded(struct keeper *k, uint64_t asked)
{
	struct keeper_news *news;
	unsigned c = 0;
	bool done;

	do {
		news = news_wait(k);
		assert_int_equal(news->err, 0);
		done = news->conf && news->asked == asked;
		if (done) {
			c = list_count(config_tenants(news->conf));
			assert_int_equal(c + news->same->c, TENANTS);
		}
		mem_deref(news);
	} while (!done);

	return c;
}


static size_t shown(struct keeper *k, struct errors *errs)
{
	const struct store_users all = { .tenant = NULL };
	struct store *st;
	size_t c = 0;

	assert_int_equal(store_open(&st, keeper_url(k), false, NULL, errs),
			 0);
	assert_int_equal(store_user_count(st, &all, &c), 0);
	mem_deref(st);

	return c;
}


static void test_files_are_shown_while_they_are_gone_by(void **state)
{
	struct errors *errs = NULL;
	struct config *conf = NULL;
	struct keeper_news *news;
	struct keeper *k = NULL;
	struct list tenantl = LIST_INIT;
	char path[128];
	(void)state;

	for (unsigned i = 0; i < TENANTS; i++) {
		char name[16];

		(void)snprintf(name, sizeof(name), "t%u", i);
		write_file(name, i * USERS, USERS);
	}

	assert_int_equal(errors_alloc(&errs), 0);
	(void)snprintf(path, sizeof(path), "%s/callbridge.yaml", folder);
	assert_int_equal(config_load(&conf, path, errs), 0);
	assert_int_equal(keeper_open(&k, path, conf, errs), 0);

	/* of the store itself there is nothing to go by */
	news = keeper_first(k, errs);
	assert_non_null(news);
	assert_false(keeper_news_some(news));
	mem_deref(news);

	/* the tenants are this thread's, and may go before they are shown */
	config_take_tenants(conf, &tenantl);
	assert_int_equal(list_count(&tenantl), TENANTS);
	list_flush(&tenantl);

	assert_int_equal(keeper_start(k, ring_h, NULL, NULL), 0);
	if (shown(k, errs) < TENANTS * USERS) {
		news = news_wait(k);
		assert_false(keeper_news_some(news));
		assert_non_null(news->shown);
		mem_deref(news);
	}
	assert_int_equal(shown(k, errs), TENANTS * USERS);

	/* read again, and once more before that was shown: the last counts */
	write_file("t0", 100000, 3 * USERS);
	assert_int_equal(keeper_reload(k, NULL, 1), 0);
	write_file("t1", 200000, 1);
	assert_int_equal(keeper_reload(k, NULL, 2), 0);
	assert_int_equal(reloaded(k, 1) + reloaded(k, 2), 2);
	while (shown(k, errs) != (TENANTS - 2) * USERS + 3 * USERS + 1)
		mem_deref(news_wait(k));

	/* what is the same is not handed over again, unless it was refused */
	assert_int_equal(keeper_reload(k, NULL, 3), 0);
	assert_int_equal(reloaded(k, 3), 0);
	write_file("t2", 300000, 1);
	assert_int_equal(keeper_reload(k, NULL, 4), 0);
	assert_int_equal(reloaded(k, 4), 1);
	keeper_refused(k);
	assert_true(keeper_is_refused(k));
	assert_int_equal(keeper_reload(k, NULL, 5), 0);
	assert_int_equal(reloaded(k, 5), TENANTS);
	assert_false(keeper_is_refused(k));

	keeper_close(k);
	mem_deref(conf);
	mem_deref(errs);
}


static void test_closed_before_all_is_shown(void **state)
{
	struct errors *errs = NULL;
	struct config *conf = NULL;
	struct keeper *k = NULL;
	char path[128];
	(void)state;

	for (unsigned i = 0; i < TENANTS; i++) {
		char name[16];

		(void)snprintf(name, sizeof(name), "t%u", i);
		write_file(name, i * USERS, USERS);
	}

	assert_int_equal(errors_alloc(&errs), 0);
	(void)snprintf(path, sizeof(path), "%s/callbridge.yaml", folder);
	assert_int_equal(config_load(&conf, path, errs), 0);
	assert_int_equal(keeper_open(&k, path, conf, errs), 0);
	assert_int_equal(keeper_start(k, ring_h, NULL, NULL), 0);
	keeper_close(k);
	mem_deref(conf);
	mem_deref(errs);
}


int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest testv[] = {
		TEST(test_files_are_shown_while_they_are_gone_by),
		TEST(test_closed_before_all_is_shown),
	};

	return cmocka_run_group_tests(testv, NULL, NULL);
}
