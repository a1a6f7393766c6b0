/**
 * @file test_lender.c  What threads ask of the SIP thread, also at its end
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "bridge/base/libre.h"
#include "bridge/inbox.h"
#include "bridge/lender.h"


enum { ASKERS = 4, EACH = 1000, WISH = 7 };


struct fixture {
	struct inbox *inbox;
	struct wish *wish;
	unsigned takenc, droppedc, lastv[ASKERS];
};

struct asker {
	struct inbox *inbox;
	pthread_t thread;
	unsigned nr;
	int err;
};


static void take_h(int id, void *data, void *arg)
{
	const unsigned *nr = data;
	struct fixture *f = arg;

	/* of each asker in order */
	assert_int_equal(*nr, f->lastv[id] + 1);
	f->lastv[id] = *nr;
	mem_deref(data);

	if (++f->takenc == ASKERS * EACH)
		re_cancel();
}


static void drop_h(int id, void *data, void *arg)
{
	struct fixture *f = arg;
	(void)id;

	++f->droppedc;
	mem_deref(data);
}


static void push(struct inbox *inbox, unsigned nr, unsigned i)
{
	unsigned *data = mem_alloc(sizeof(*data), NULL);

	assert_non_null(data);
	*data = i;
	assert_int_equal(inbox_push(inbox, (int)nr, data), 0);
}


static void *push_all(void *arg)
{
	const struct asker *asker = arg;

	for (unsigned i = 1; i <= EACH; i++)
		push(asker->inbox, asker->nr, i);

	return NULL;
}


static void what_many_ask_comes_once_and_in_order(void **state)
{
	struct asker askerv[ASKERS];
	struct fixture f = { .takenc = 0 };

	(void)state;
	assert_int_equal(inbox_alloc(&f.inbox, take_h, drop_h, &f), 0);
	for (unsigned i = 0; i < ASKERS; i++) {
		askerv[i] = (struct asker){ .inbox = f.inbox, .nr = i };
		assert_int_equal(pthread_create(&askerv[i].thread, NULL,
						push_all, &askerv[i]), 0);
	}

	assert_int_equal(re_main(NULL), 0);
	for (unsigned i = 0; i < ASKERS; i++)
		(void)pthread_join(askerv[i].thread, NULL);

	assert_int_equal(f.takenc, ASKERS * EACH);
	push(f.inbox, 0, 1);
	push(f.inbox, 1, 1);
	mem_deref(f.inbox);
	assert_int_equal(f.droppedc, 2);
}


static void *ask(void *arg)
{
	struct asker *asker = arg;
	char *password = NULL;

	asker->err = wish_password(&password, asker->inbox, WISH, "acme",
				   "ann@acme.example");
	mem_deref(password);

	return NULL;
}


static void wish_h(int id, void *data, void *arg)
{
	struct fixture *f = arg;

	assert_int_equal(id, WISH);
	f->wish = data;
	re_cancel();
}


static void wish_drop_h(int id, void *data, void *arg)
{
	(void)id;
	(void)arg;
	wish_grant(data, NULL);
}


/** The sanitizer counts what is left of it */
static void a_wish_that_waits_when_the_node_ends_is_told(void **state)
{
	struct asker asker = { .err = -1 };
	struct fixture f = { .takenc = 0 };

	(void)state;
	assert_int_equal(inbox_alloc(&f.inbox, wish_h, wish_drop_h, &f), 0);
	asker.inbox = f.inbox;
	assert_int_equal(pthread_create(&asker.thread, NULL, ask, &asker), 0);
	assert_int_equal(re_main(NULL), 0);

	assert_int_equal(inbox_push(f.inbox, WISH, f.wish), 0);
	mem_deref(f.inbox);
	(void)pthread_join(asker.thread, NULL);
	assert_int_equal(asker.err, ENOENT);
}


static int open_libre(void **state)
{
	(void)state;
	return libre_init();
}


static int close_libre(void **state)
{
	(void)state;
	libre_close();
	return 0;
}


int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_many_ask_comes_once_and_in_order),
		cmocka_unit_test(a_wish_that_waits_when_the_node_ends_is_told),
	};

	return cmocka_run_group_tests(tests, open_libre, close_libre);
}
