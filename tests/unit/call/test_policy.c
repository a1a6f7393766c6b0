/**
 * @file test_policy.c  What a user may call, how often and how many at once
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "bridge/base/libre.h"
#include "bridge/call/policy.h"
#include "bridge/pbx/pool.h"


enum { NOW = 1000000, DAY = 20000 };


/* an account without registration: what the policy asks of one */
struct account {
	struct tenant *tenant;
	struct pbx *pbx;
	struct user *user;
};

static struct account ann, ben;
static struct policies *policies;


const struct tenant *account_tenant(const struct account *acc)
{
	return acc->tenant;
}


const struct pbx *account_pbx(const struct account *acc)
{
	return acc->pbx;
}


const struct user *account_user(const struct account *acc)
{
	return acc->user;
}


static void set(const struct fields *t, void *obj, const char *path,
		const char *text)
{
	assert_int_equal(0, fields_set(t, obj, path, text, NULL));
}


static int setup(void **state)
{
	(void)state;

	ann.tenant = fields_item_alloc(&tenant_fields);
	ann.pbx    = fields_item_alloc(&pbx_fields);
	ann.user   = fields_item_alloc(&user_fields);
	set(&tenant_fields, ann.tenant, "tenant", "contoso");
	set(&pbx_fields, ann.pbx, "name", "hq");
	set(&pbx_fields, ann.pbx, "country", "GB");
	set(&user_fields, ann.user, "upn", "ann@contoso.example");

	ben = ann;
	ben.user = fields_item_alloc(&user_fields);
	set(&user_fields, ben.user, "upn", "ben@contoso.example");

	return policies_alloc(&policies);
}


static int teardown(void **state)
{
	(void)state;

	policies = mem_deref(policies);
	mem_deref(ben.user);
	mem_deref(ann.user);
	mem_deref(ann.pbx);
	mem_deref(ann.tenant);

	return 0;
}


static uint16_t judge(const char *dialled)
{
	struct verdict verdict;

	(void)policy_judge(&ann, dialled, &verdict);
	if (verdict.scode) {
		assert_non_null(verdict.reason);
		assert_non_null(verdict.advice);
	}

	return verdict.scode;
}


/** @return NULL if refused; *scode then */
static struct seat *enter(const struct account *acc, bool outgoing,
			  enum number_class klass, uint64_t now_ms,
			  uint16_t *scode)
{
	struct seat *seat = NULL;
	struct verdict verdict;

	assert_int_equal(0, policy_enter(&seat, policies, acc, outgoing,
					 klass, now_ms, DAY, &verdict));
	*scode = verdict.scode;
	assert_true(seat ? !verdict.scode : verdict.scode);

	return seat;
}


static bool can_call(enum number_class klass, uint64_t now_ms)
{
	uint16_t scode;
	struct seat *seat = enter(&ann, true, klass, now_ms, &scode);

	mem_deref(seat);

	return seat != NULL;
}


static void only_home_may_be_called_at_first(void **state)
{
	(void)state;

	assert_int_equal(0, judge("1001"));
	assert_int_equal(0, judge("*21#"));
	assert_int_equal(0, judge("+442079460018"));
	assert_int_equal(0, judge("02079460018"));
	assert_int_equal(0, judge("+447700900123"));
	assert_int_equal(0, judge("+448081570192"));
	assert_int_equal(0, judge("112"));
	assert_int_equal(0, judge("999"));

	assert_int_equal(403, judge("+4930555010"));
	assert_int_equal(403, judge("004930555010"));
	assert_int_equal(403, judge("+449061234567"));
	assert_int_equal(403, judge("+8816123456789"));
	assert_int_equal(403, judge("+25261234567"));
}


static void a_code_does_not_hide_a_number(void **state)
{
	(void)state;

	assert_int_equal(0, judge("*72*1001"));
	assert_int_equal(403, judge("*72008816123456789"));
	assert_int_equal(403, judge("9008816123456789"));
}


static void the_nearest_list_counts(void **state)
{
	(void)state;

	set(&tenant_fields, ann.tenant, "policy.allow", "internal");
	assert_int_equal(403, judge("+442079460018"));
	set(&pbx_fields, ann.pbx, "policy.allow", "national");
	assert_int_equal(0, judge("+442079460018"));
	assert_int_equal(403, judge("1001"));
	set(&user_fields, ann.user, "policy.allow", "international");
	assert_int_equal(0, judge("+4930555010"));
	assert_int_equal(403, judge("+442079460018"));
	assert_int_equal(0, judge("112"));
}


static void beginnings_open_and_close(void **state)
{
	(void)state;

	set(&tenant_fields, ann.tenant, "policy.open", "+4930");
	assert_int_equal(0, judge("+4930555010"));
	assert_int_equal(0, judge("004930555010"));
	assert_int_equal(403, judge("+4940555010"));
	set(&pbx_fields, ann.pbx, "policy.closed", "+49305");
	assert_int_equal(403, judge("+4930555010"));
	set(&pbx_fields, ann.pbx, "policy.closed", "1");
	assert_int_equal(0, judge("112"));
}


static void a_user_has_so_many_calls(void **state)
{
	struct seat *v[POLICY_CALLS_PER_USER], *other;
	uint16_t scode;
	size_t i;
	(void)state;

	for (i = 0; i < POLICY_CALLS_PER_USER; i++)
		assert_non_null(v[i] = enter(&ann, true, CLASS_NATIONAL, NOW,
					     &scode));
	assert_null(enter(&ann, true, CLASS_NATIONAL, NOW, &scode));
	assert_int_equal(403, scode);

	other = enter(&ben, true, CLASS_NATIONAL, NOW, &scode);
	assert_non_null(other);
	mem_deref(other);
	assert_true(can_call(CLASS_EMERGENCY, NOW));

	mem_deref(v[0]);
	assert_true(can_call(CLASS_NATIONAL, NOW));
	for (i = 1; i < POLICY_CALLS_PER_USER; i++)
		mem_deref(v[i]);
}


static void starts_come_back_evenly(void **state)
{
	const uint64_t each_ms = 60000 / POLICY_STARTS_PER_MINUTE_USER;
	size_t i;
	(void)state;

	for (i = 0; i < POLICY_STARTS_PER_MINUTE_USER; i++)
		assert_true(can_call(CLASS_NATIONAL, NOW));
	assert_false(can_call(CLASS_NATIONAL, NOW));
	assert_true(can_call(CLASS_EMERGENCY, NOW));
	assert_false(can_call(CLASS_NATIONAL, NOW + each_ms - 10));
	assert_true(can_call(CLASS_NATIONAL, NOW + each_ms));
	assert_false(can_call(CLASS_NATIONAL, NOW + each_ms + 10));

	for (i = 0; i < POLICY_STARTS_PER_MINUTE_USER; i++)
		assert_true(can_call(CLASS_NATIONAL, NOW + 200000));
	assert_false(can_call(CLASS_NATIONAL, NOW + 200000));
}


static void a_user_s_own_numbers_go_before(void **state)
{
	struct seat *seat;
	uint16_t scode;
	(void)state;

	set(&tenant_fields, ann.tenant, "policy.calls_per_user", "9");
	set(&user_fields, ann.user, "policy.calls", "1");
	seat = enter(&ann, true, CLASS_NATIONAL, NOW, &scode);
	assert_non_null(seat);
	assert_false(can_call(CLASS_NATIONAL, NOW));
	mem_deref(seat);

	set(&user_fields, ann.user, "policy.starts_per_minute", "2");
	assert_true(can_call(CLASS_NATIONAL, NOW + 100000));
	assert_true(can_call(CLASS_NATIONAL, NOW + 100000));
	assert_false(can_call(CLASS_NATIONAL, NOW + 100000));
}


static void lines_count_in_both_directions(void **state)
{
	struct seat *in, *out;
	uint16_t scode;
	(void)state;

	set(&pbx_fields, ann.pbx, "policy.calls", "2");
	in  = enter(&ann, false, CLASS_INTERNAL, NOW, &scode);
	out = enter(&ben, true, CLASS_NATIONAL, NOW, &scode);
	assert_non_null(in);
	assert_non_null(out);
	assert_null(enter(&ann, false, CLASS_INTERNAL, NOW, &scode));
	assert_int_equal(486, scode);
	assert_null(enter(&ann, true, CLASS_NATIONAL, NOW, &scode));
	assert_int_equal(403, scode);
	assert_true(can_call(CLASS_EMERGENCY, NOW));
	mem_deref(in);
	assert_true(can_call(CLASS_NATIONAL, NOW));
	mem_deref(out);
}


static void busy_at_so_many(void **state)
{
	struct seat *in;
	uint16_t scode;
	(void)state;

	set(&pbx_fields, ann.pbx, "call.busy_at", "1");
	in = enter(&ann, false, CLASS_INTERNAL, NOW, &scode);
	assert_non_null(in);
	assert_null(enter(&ann, false, CLASS_INTERNAL, NOW, &scode));
	assert_int_equal(486, scode);
	mem_deref(in);
	in = enter(&ann, false, CLASS_INTERNAL, NOW, &scode);
	assert_non_null(in);
	mem_deref(in);
}


static void minutes_abroad_end_with_the_day(void **state)
{
	struct seat *seat;
	struct verdict verdict;
	uint16_t scode;
	(void)state;

	set(&tenant_fields, ann.tenant, "policy.international_minutes", "5");
	seat = enter(&ann, true, CLASS_INTERNATIONAL, NOW, &scode);
	assert_non_null(seat);
	seat_spent(seat, 5 * 60000, DAY);
	mem_deref(seat);

	/* the table forgets what is over, but not this */
	assert_null(enter(&ben, true, CLASS_INTERNATIONAL, NOW + 300000,
			  &scode));
	assert_int_equal(403, scode);
	assert_true(can_call(CLASS_NATIONAL, NOW + 300000));

	assert_int_equal(0, policy_enter(&seat, policies, &ann, true,
					 CLASS_INTERNATIONAL, NOW + 300000,
					 DAY + 1, &verdict));
	assert_int_equal(0, verdict.scode);
	mem_deref(seat);
}


int main(void)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
	const struct CMUnitTest testv[] = {
		TEST(only_home_may_be_called_at_first),
		TEST(a_code_does_not_hide_a_number),
		TEST(the_nearest_list_counts),
		TEST(beginnings_open_and_close),
		TEST(a_user_has_so_many_calls),
		TEST(starts_come_back_evenly),
		TEST(a_user_s_own_numbers_go_before),
		TEST(lines_count_in_both_directions),
		TEST(busy_at_so_many),
		TEST(minutes_abroad_end_with_the_day),
	};

	return cmocka_run_group_tests(testv, NULL, NULL);
}
