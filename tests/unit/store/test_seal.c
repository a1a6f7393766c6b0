/**
 * @file test_seal.c  Secrets at rest
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <cmocka.h>

#include "bridge/base/libre.h"
#include "bridge/store/seal.h"
#include "folder.h"


static const struct seal_place place = { "acme", "user", "ann@acme.example",
					 "sip_password" };


static char *key_path(void **state)
{
	static char path[128];

	(void)snprintf(path, sizeof(path), "%s/key", (char *)*state);

	return path;
}


static struct keyring *ring_make(void **state)
{
	struct keyring *ring;

	assert_int_equal(keyring_make(key_path(state)), 0);
	assert_int_equal(keyring_load(&ring, key_path(state)), 0);

	return ring;
}


static void test_what_is_sealed_opens(void **state)
{
	static const char *const v[] = { "", "s3cret", "Ä \" ' \\ %" };
	struct keyring *ring = ring_make(state);

	for (size_t i = 0; i < RE_ARRAY_SIZE(v); i++) {
		char *sealed, *secret;

		assert_int_equal(seal(&sealed, ring, &place, v[i]), 0);
		assert_true(!*v[i] || !strstr(sealed, v[i]));
		assert_int_equal(seal_open(&secret, ring, &place, sealed), 0);
		assert_string_equal(secret, v[i]);
		seal_wipe(secret);
		mem_deref(sealed);
	}

	mem_deref(ring);
}


static void test_the_same_is_never_sealed_the_same(void **state)
{
	struct keyring *ring = ring_make(state);
	char *a, *b;

	assert_int_equal(seal(&a, ring, &place, "s3cret"), 0);
	assert_int_equal(seal(&b, ring, &place, "s3cret"), 0);
	assert_string_not_equal(a, b);

	mem_deref(a);
	mem_deref(b);
	mem_deref(ring);
}


static void test_in_another_place_it_does_not_open(void **state)
{
	static const struct seal_place otherv[] = {
		{ "acmf", "user", "ann@acme.example", "sip_password" },
		{ "acme", "pbx", "ann@acme.example", "sip_password" },
		{ "acme", "user", "bob@acme.example", "sip_password" },
		{ "acme", "user", "ann@acme.example", "other" },
		{ "acmeu", "ser", "ann@acme.example", "sip_password" },
	};
	struct keyring *ring = ring_make(state);
	char *sealed, *secret;

	assert_int_equal(seal(&sealed, ring, &place, "s3cret"), 0);

	for (size_t i = 0; i < RE_ARRAY_SIZE(otherv); i++)
		assert_int_equal(seal_open(&secret, ring, &otherv[i], sealed),
				 EBADMSG);

	mem_deref(sealed);
	mem_deref(ring);
}


static void test_no_changed_octet_opens(void **state)
{
	struct keyring *ring = ring_make(state);
	char *sealed, *secret;

	assert_int_equal(seal(&sealed, ring, &place, "s3cret"), 0);

	for (size_t i = 0; sealed[i]; i++) {
		const char was = sealed[i];

		sealed[i] = was == '0' ? '1' : '0';
		assert_int_not_equal(seal_open(&secret, ring, &place, sealed),
				     0);
		sealed[i] = was;
	}

	for (size_t l = strlen(sealed); l--;) {
		sealed[l] = '\0';
		assert_int_not_equal(seal_open(&secret, ring, &place, sealed),
				     0);
	}

	mem_deref(sealed);
	mem_deref(ring);
}


static void test_old_keys_open_until_they_are_pruned(void **state)
{
	struct keyring *ring = ring_make(state);
	char *sealed, *secret;

	assert_int_equal(seal(&sealed, ring, &place, "s3cret"), 0);
	assert_false(seal_is_old(ring, sealed));
	mem_deref(ring);

	assert_int_equal(keyring_rotate(key_path(state)), 0);
	assert_int_equal(keyring_load(&ring, key_path(state)), 0);
	assert_int_equal(keyring_count(ring), 2);
	assert_true(seal_is_old(ring, sealed));
	assert_int_equal(seal_open(&secret, ring, &place, sealed), 0);
	seal_wipe(secret);
	mem_deref(ring);

	assert_int_equal(keyring_prune(key_path(state)), 0);
	assert_int_equal(keyring_load(&ring, key_path(state)), 0);
	assert_int_equal(keyring_count(ring), 1);
	assert_int_equal(seal_open(&secret, ring, &place, sealed), ENOKEY);

	mem_deref(ring);
	mem_deref(sealed);
}


static void test_a_key_that_others_may_read_is_refused(void **state)
{
	static const mode_t modev[] = { 0640, 0604, 0620, 0666 };
	struct keyring *ring;
	char link[160];

	assert_int_equal(keyring_make(key_path(state)), 0);
	assert_int_equal(keyring_make(key_path(state)), EEXIST);

	for (size_t i = 0; i < RE_ARRAY_SIZE(modev); i++) {
		assert_int_equal(chmod(key_path(state), modev[i]), 0);
		assert_int_equal(keyring_load(&ring, key_path(state)),
				 EACCES);
	}

	assert_int_equal(chmod(key_path(state), 0600), 0);
	(void)snprintf(link, sizeof(link), "%s/link", (char *)*state);
	assert_int_equal(symlink(key_path(state), link), 0);
	assert_int_equal(keyring_load(&ring, link), ELOOP);
}


static void test_what_is_no_key_file_is_refused(void **state)
{
	static const char *const v[] = {
		"", "\n", "# nothing\n", "0011223 00\n", "hello\n",
		("00112233 000000000000000000000000000000000000000000000000"
		 "000000000000000g\n"),
	};
	struct keyring *ring;

	for (size_t i = 0; i < RE_ARRAY_SIZE(v); i++) {
		FILE *f = fopen(key_path(state), "w");

		assert_non_null(f);
		assert_int_equal(chmod(key_path(state), 0600), 0);
		assert_true(fputs(v[i], f) >= 0);
		assert_int_equal(fclose(f), 0);
		assert_int_equal(keyring_load(&ring, key_path(state)),
				 EBADMSG);
	}
}


#define TEST(f) cmocka_unit_test_setup_teardown(f, folder_make, folder_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_what_is_sealed_opens),
		TEST(test_the_same_is_never_sealed_the_same),
		TEST(test_in_another_place_it_does_not_open),
		TEST(test_no_changed_octet_opens),
		TEST(test_old_keys_open_until_they_are_pruned),
		TEST(test_a_key_that_others_may_read_is_refused),
		TEST(test_what_is_no_key_file_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
