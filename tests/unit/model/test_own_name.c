/**
 * @file test_own_name.c  This node's name in place of a customer's
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "bridge/model/own_name.h"


static void assert_name(const struct strings *names, const char *fqdn,
			const char *want)
{
	char buf[OWN_NAME_SIZE];

	assert_string_equal(own_name(names, fqdn, buf), want);
}


static void the_first_that_fits_stands_for_it(void **state)
{
	struct strings names = { NULL, 0 };
	char buf[OWN_NAME_SIZE];
	(void)state;

	assert_name(&names, "acme.sbc.example.com", "acme.sbc.example.com");

	assert_int_equal(0, strings_add(&names, "sbc.acme.example="
					"sbc2.acme.example"));
	assert_int_equal(0, strings_add(&names, "sbc.example.com="
					"west.example.net"));

	assert_name(&names, "acme.sbc.example.com", "acme.west.example.net");
	assert_name(&names, "Acme.SBC.Example.com", "Acme.west.example.net");
	assert_name(&names, "sbc.example.com", "west.example.net");
	assert_name(&names, "sbc.acme.example", "sbc2.acme.example");

	/* whole labels at the end, and nothing else */
	assert_name(&names, "mysbc.example.com", "mysbc.example.com");
	assert_name(&names, "sbc.example.com.au", "sbc.example.com.au");
	assert_name(&names, "c.au", "c.au");
	assert_null(own_name(&names, NULL, buf));

	strings_clear(&names);
}


static void what_is_no_pair_of_names_is_refused(void **state)
{
	char why[128];
	(void)state;

	assert_true(own_name_check("a.example=b.example", why, sizeof(why)));
	assert_false(own_name_check("a.example", why, sizeof(why)));
	assert_false(own_name_check("a.example=", why, sizeof(why)));
	assert_false(own_name_check("=b.example", why, sizeof(why)));
	assert_false(own_name_check("a.example=b.example=c.example", why,
				    sizeof(why)));
	assert_false(own_name_check("a.example=192.0.2.1", why,
				    sizeof(why)));
	assert_false(own_name_check("a=b.example", why, sizeof(why)));
}


int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_that_fits_stands_for_it),
		cmocka_unit_test(what_is_no_pair_of_names_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
