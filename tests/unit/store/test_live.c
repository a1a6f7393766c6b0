/**
 * @file test_live.c  The present state, told by one and read by others
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <cmocka.h>

#include "bridge/base/libre.h"
#include "bridge/store/live.h"


struct seen {
	size_t c;
	char v[2048][40];
	int stop_after;
};


static int live_setup(void **state)
{
	struct live *l;

	if (live_alloc(&l))
		return -1;

	*state = l;

	return 0;
}


static int live_teardown(void **state)
{
	live_free(*state);

	return 0;
}


static bool reg(struct live *l, const char *tenant, const char *pbx,
		const char *upn, const char *aor, bool removed)
{
	struct reg_status st;

	memset(&st, 0, sizeof(st));
	str_ncpy(st.tenant, tenant, sizeof(st.tenant));
	str_ncpy(st.pbx, pbx, sizeof(st.pbx));
	str_ncpy(st.upn, upn, sizeof(st.upn));
	str_ncpy(st.aor, aor, sizeof(st.aor));
	st.removed = removed;

	return live_reg(l, &st);
}


static void call(struct live *l, unsigned n, uint32_t version,
		 enum call_state state)
{
	struct call_record rec;

	memset(&rec, 0, sizeof(rec));
	(void)re_snprintf(rec.id, sizeof(rec.id), "call-%05u", n);
	rec.version  = version;
	rec.start_ms = 1000 + n;
	rec.state    = state;
	live_call(l, &rec);
}


static int see(struct seen *seen, const char *name)
{
	assert_true(seen->c < 2048);
	str_ncpy(seen->v[seen->c++], name, sizeof(seen->v[0]));

	return seen->stop_after && (int)seen->c == seen->stop_after ? 77 : 0;
}


static int see_reg(const struct reg_status *st, void *arg)
{
	return see(arg, st->upn);
}


static int see_trunk(const struct trunk_status *st, void *arg)
{
	return see(arg, st->proxy);
}


static int see_call(const struct call_record *rec, void *arg)
{
	char name[40];

	(void)re_snprintf(name, sizeof(name), "%s/%u", rec->id, rec->version);

	return see(arg, name);
}


static struct seen *seen_new(void)
{
	static struct seen seen;

	memset(&seen, 0, sizeof(seen));

	return &seen;
}


static void test_registrations_in_order_of_tenant_pbx_upn(void **state)
{
	struct seen *seen = seen_new();

	reg(*state, "b", "hq", "ann", "sip:1@b", false);
	reg(*state, "a", "x", "cid", "sip:3@a", false);
	reg(*state, "a", "hq", "eve", "sip:2@a", false);
	reg(*state, "a", "hq", "bob", "sip:1@a", false);

	assert_int_equal(live_reg_apply(*state, see_reg, seen), 0);
	assert_int_equal(seen->c, 4);
	assert_string_equal(seen->v[0], "bob");
	assert_string_equal(seen->v[1], "eve");
	assert_string_equal(seen->v[2], "cid");
	assert_string_equal(seen->v[3], "ann");
}


static void test_registrations_that_are_asked_for(void **state)
{
	struct seen *seen = seen_new();

	reg(*state, "b", "hq", "ann", "sip:1@b", false);
	reg(*state, "a", "x", "cid", "sip:3@a", false);
	reg(*state, "a", "hq", "eve", "sip:2@a", false);
	reg(*state, "a", "hq", "bob", "sip:1@a", false);

	assert_int_equal(live_reg_some(*state, &(struct live_which){
			.tenant = "a" }, see_reg, seen), 0);
	assert_int_equal(seen->c, 3);
	assert_string_equal(seen->v[0], "bob");
	assert_string_equal(seen->v[2], "cid");

	seen = seen_new();
	assert_int_equal(live_reg_some(*state, &(struct live_which){
			.tenant = "a", .pbx = "x" }, see_reg, seen), 0);
	assert_int_equal(seen->c, 1);

	seen = seen_new();
	assert_int_equal(live_reg_some(*state, &(struct live_which){
			.upn = "ANN" }, see_reg, seen), 0);
	assert_int_equal(seen->c, 1);

	seen = seen_new();
	assert_int_equal(live_reg_some(*state, &(struct live_which){
			.unsorted = true }, see_reg, seen), 0);
	assert_int_equal(seen->c, 4);
}


static size_t count_of(struct live *l, const char *tenant)
{
	struct seen *seen = seen_new();

	assert_int_equal(live_reg_some(l, &(struct live_which){
			.tenant = tenant }, see_reg, seen), 0);

	return seen->c;
}


static void test_a_tenant_has_its_own_whatever_comes_and_goes(void **state)
{
	char aor[40], upn[40];

	for (unsigned i = 0; i < 300; i++) {
		(void)re_snprintf(aor, sizeof(aor), "sip:%u@a", i);
		(void)re_snprintf(upn, sizeof(upn), "u%03u", i);
		reg(*state, i % 3 ? "a" : "b", "hq", upn, aor, false);
	}
	assert_int_equal(count_of(*state, "a"), 200);
	assert_int_equal(count_of(*state, "b"), 100);
	assert_int_equal(count_of(*state, "c"), 0);

	/* told again, the first, one between and the last gone, one back */
	reg(*state, "b", "x", "u003", "sip:3@a", false);
	reg(*state, "b", "hq", "u000", "sip:0@a", true);
	reg(*state, "b", "hq", "u150", "sip:150@a", true);
	reg(*state, "b", "hq", "u297", "sip:297@a", true);
	reg(*state, "b", "hq", "u297", "sip:297@a", true);
	assert_int_equal(count_of(*state, "b"), 97);
	reg(*state, "b", "hq", "u150", "sip:150@a", false);
	assert_int_equal(count_of(*state, "b"), 98);

	for (unsigned i = 0; i < 300; i++) {
		(void)re_snprintf(aor, sizeof(aor), "sip:%u@a", i);
		reg(*state, i % 3 ? "a" : "b", "", "", aor, true);
	}
	assert_int_equal(count_of(*state, "a"), 0);
	assert_int_equal(count_of(*state, "b"), 0);
	reg(*state, "b", "hq", "u150", "sip:150@a", false);
	assert_int_equal(count_of(*state, "b"), 1);
}


static void state_tell(struct live *l, const char *aor, enum reg_state state,
		       bool removed)
{
	struct reg_status st = { .tenant = "a", .state = state,
				 .next_s = 5, .rtt_ms = 7,
				 .removed = removed };

	str_ncpy(st.aor, aor, sizeof(st.aor));
	(void)live_reg(l, &st);
}


static void test_states_are_counted(void **state)
{
	int64_t countv[REG_STATES];

	state_tell(*state, "sip:1@a", REG_QUEUED, false);
	state_tell(*state, "sip:1@a", REG_GREEN, false);
	state_tell(*state, "sip:1@a", REG_GREEN, false);
	state_tell(*state, "sip:2@a", REG_RED, false);
	state_tell(*state, "sip:3@a", REG_RED, false);
	state_tell(*state, "sip:3@a", REG_OFF, true);
	state_tell(*state, "sip:4@a", REG_OFF, true);

	live_reg_counts(*state, "b", countv);
	assert_int_equal(countv[REG_GREEN] + countv[REG_RED], 0);
	live_reg_counts(*state, "a", countv);
	assert_int_equal(countv[REG_GREEN], 1);
	assert_int_equal(countv[REG_RED], 1);
	live_reg_counts(*state, NULL, countv);
	assert_int_equal(countv[REG_OFF], 0);
	assert_int_equal(countv[REG_QUEUED], 0);
	assert_int_equal(countv[REG_GREEN], 1);
	assert_int_equal(countv[REG_LAGGING], 0);
	assert_int_equal(countv[REG_RED], 1);
}


/** When each of two users is due, seen while both refresh */
struct moment {
	struct live *l;
	int64_t next_s;            /* that they tell meanwhile; 0: nothing */
	int64_t seen_s;            /* the largest                          */
	unsigned c;
};


static void refresh_tell(struct live *l, const char *aor, int64_t next_s)
{
	struct reg_status st = { .tenant = "a", .state = REG_GREEN,
				 .next_s = next_s };

	str_ncpy(st.aor, aor, sizeof(st.aor));
	assert_false(live_reg(l, &st));
}


static int see_moment(const struct reg_status *st, void *arg)
{
	struct moment *m = arg;

	if (m->next_s) {
		refresh_tell(m->l, "sip:1@a", m->next_s);
		refresh_tell(m->l, "sip:2@a", m->next_s);
	}
	if (st->next_s > m->seen_s)
		m->seen_s = st->next_s;
	++m->c;

	return 0;
}


static void test_who_looks_sees_one_moment(void **state)
{
	struct moment m = { .l = *state, .next_s = 100 };
	struct reg_status st = { .tenant = "a", .state = REG_GREEN };

	str_ncpy(st.aor, "sip:1@a", sizeof(st.aor));
	assert_true(live_reg(*state, &st));
	str_ncpy(st.aor, "sip:2@a", sizeof(st.aor));
	assert_true(live_reg(*state, &st));
	refresh_tell(*state, "sip:1@a", 50);
	refresh_tell(*state, "sip:2@a", 50);

	assert_int_equal(0, live_reg_apply(*state, see_moment, &m));
	assert_int_equal(m.c, 2);
	assert_int_equal(m.seen_s, 50);

	m = (struct moment) { .l = *state };
	assert_int_equal(0, live_reg_apply(*state, see_moment, &m));
	assert_int_equal(m.c, 2);
	assert_int_equal(m.seen_s, 100);
}


static void test_what_is_told_twice_is_no_news(void **state)
{
	assert_true(reg(*state, "a", "hq", "ann", "sip:1@a", false));
	assert_false(reg(*state, "a", "hq", "ann", "sip:1@a", false));
	assert_true(reg(*state, "a", "hq", "bob", "sip:1@a", false));
	assert_true(reg(*state, "a", "hq", "bob", "sip:1@a", true));
	assert_true(reg(*state, "a", "hq", "bob", "sip:1@a", false));
}


static void test_a_change_replaces_and_removal_forgets(void **state)
{
	struct seen *seen = seen_new();

	reg(*state, "a", "hq", "ann", "sip:1@a", false);
	reg(*state, "a", "hq", "ann2", "sip:1@a", false);
	/* the same AoR at another customer's PBX is somebody else */
	reg(*state, "b", "hq", "other", "sip:1@a", false);

	assert_int_equal(live_reg_apply(*state, see_reg, seen), 0);
	assert_int_equal(seen->c, 2);
	assert_string_equal(seen->v[0], "ann2");
	assert_string_equal(seen->v[1], "other");

	reg(*state, "a", "hq", "ann2", "sip:1@a", true);
	reg(*state, "a", "hq", "ann2", "sip:1@a", true);
	reg(*state, "c", "hq", "never", "sip:9@c", true);

	seen = seen_new();
	assert_int_equal(live_reg_apply(*state, see_reg, seen), 0);
	assert_int_equal(seen->c, 1);
	assert_string_equal(seen->v[0], "other");
}


static void test_trunks_by_proxy_and_name(void **state)
{
	static const char *const proxyv[] = {"sip3", "sip", "sip2", "sip"};
	struct seen *seen = seen_new();
	struct trunk_status st;

	memset(&st, 0, sizeof(st));
	str_ncpy(st.tenant, "a", sizeof(st.tenant));
	str_ncpy(st.fqdn, "a.sbc.example", sizeof(st.fqdn));

	for (int i = 0; i < 4; i++) {
		str_ncpy(st.proxy, proxyv[i], sizeof(st.proxy));
		live_trunk(*state, &st);
	}

	assert_int_equal(live_trunk_apply(*state, see_trunk, seen), 0);
	assert_int_equal(seen->c, 3);
	assert_string_equal(seen->v[0], "sip");
	assert_string_equal(seen->v[1], "sip2");
	assert_string_equal(seen->v[2], "sip3");
}


static void test_a_late_version_does_not_undo_a_newer_one(void **state)
{
	struct seen *seen = seen_new();

	call(*state, 1, 3, CALL_ENDED);
	call(*state, 1, 2, CALL_ANSWERED);
	call(*state, 2, 1, CALL_RINGING);
	call(*state, 2, 1, CALL_RINGING);

	assert_int_equal(live_call_apply(*state, see_call, seen), 0);
	assert_int_equal(seen->c, 2);
	assert_string_equal(seen->v[0], "call-00001/3");
	assert_string_equal(seen->v[1], "call-00002/1");
}


static void test_running_calls_and_the_newest_1000_ended(void **state)
{
	struct seen *seen = seen_new();

	call(*state, 0, 1, CALL_ANSWERED);

	for (unsigned n = 1; n <= LIVE_ENDED_MAX + 5; n++) {
		call(*state, n, 1, CALL_RINGING);
		call(*state, n, 2, CALL_ENDED);
		call(*state, n, 3, CALL_ENDED);
	}

	assert_int_equal(live_call_apply(*state, see_call, seen), 0);
	assert_int_equal(seen->c, LIVE_ENDED_MAX + 1);
	assert_string_equal(seen->v[0], "call-00000/1");
	assert_string_equal(seen->v[1], "call-00006/3");
	assert_string_equal(seen->v[LIVE_ENDED_MAX], "call-01005/3");
}


static void test_a_handler_may_stop(void **state)
{
	struct seen *seen = seen_new();

	reg(*state, "a", "hq", "ann", "sip:1@a", false);
	reg(*state, "a", "hq", "bob", "sip:2@a", false);
	seen->stop_after = 1;

	assert_int_equal(live_reg_apply(*state, see_reg, seen), 77);
	assert_int_equal(seen->c, 1);
}


static int change_while_reading(const struct reg_status *st, void *arg)
{
	reg(arg, st->tenant, st->pbx, st->upn, st->aor, true);

	return 0;
}


static void test_a_handler_may_change_what_it_reads(void **state)
{
	struct seen *seen = seen_new();

	reg(*state, "a", "hq", "ann", "sip:1@a", false);
	reg(*state, "a", "hq", "bob", "sip:2@a", false);

	assert_int_equal(live_reg_apply(*state, change_while_reading, *state),
			 0);
	assert_int_equal(live_reg_apply(*state, see_reg, seen), 0);
	assert_int_equal(seen->c, 0);
}


static void test_nothing_is_nothing(void **state)
{
	(void)state;

	live_free(NULL);
	live_reg(NULL, NULL);
	live_trunk(NULL, NULL);
	live_call(NULL, NULL);
	assert_int_equal(live_alloc(NULL), EINVAL);
	assert_int_equal(live_reg_apply(NULL, see_reg, NULL), EINVAL);
}


/* One tells, others read */


struct shared {
	struct live *l;
	atomic_bool done;
	atomic_uint bad;
};


/** A value is whole: all its members were told together */
static int check_reg(const struct reg_status *st, void *arg)
{
	struct shared *sh = arg;

	if (st->since_s != st->next_s || st->expires_s != st->flaps)
		atomic_fetch_add(&sh->bad, 1);

	return 0;
}


static int check_call(const struct call_record *rec, void *arg)
{
	struct shared *sh = arg;

	if (rec->ring_ms != rec->answer_ms)
		atomic_fetch_add(&sh->bad, 1);

	return 0;
}


static void *read_always(void *arg)
{
	struct shared *sh = arg;

	while (!atomic_load(&sh->done)) {
		(void)live_reg_apply(sh->l, check_reg, sh);
		(void)live_call_apply(sh->l, check_call, sh);
	}

	return NULL;
}


static void tell_much(struct live *l)
{
	for (unsigned n = 0; n < 20000; n++) {
		struct reg_status st;
		struct call_record rec;

		memset(&st, 0, sizeof(st));
		(void)re_snprintf(st.aor, sizeof(st.aor), "sip:%u@a",
				  n % 600);
		st.since_s = st.next_s = n;
		st.expires_s = st.flaps = n;
		st.removed = n % 7 == 0;
		live_reg(l, &st);

		memset(&rec, 0, sizeof(rec));
		(void)re_snprintf(rec.id, sizeof(rec.id), "%u", n / 3);
		rec.version = n % 3;
		rec.state = n % 3 == 2 ? CALL_ENDED : CALL_RINGING;
		rec.ring_ms = rec.answer_ms = n;
		live_call(l, &rec);
	}
}


static void test_readers_see_whole_values(void **state)
{
	struct shared sh = {.l = *state};
	pthread_t tv[2];

	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&tv[i], NULL, read_always,
						&sh), 0);

	tell_much(*state);
	atomic_store(&sh.done, true);

	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_join(tv[i], NULL), 0);

	assert_int_equal(atomic_load(&sh.bad), 0);
}


/* Changes */


static int see_change(const struct live_change *change, void *arg)
{
	return change->reg ? see(arg, change->reg->removed ? "gone"
				 : change->reg->upn) :
		change->call ? see_call(change->call, arg) :
		see_trunk(change->trunk, arg);
}


/** What has changed since, with blanks between; @return live_changes()'s */
static int changes(struct live *l, uint64_t *since, char *buf, size_t size)
{
	struct seen *seen = seen_new();
	uint64_t newest = 0;
	size_t n = 0;
	int err;

	err = live_changes(l, *since, &newest, see_change, seen);
	*buf = '\0';
	for (size_t i = 0; i < seen->c; i++)
		n += (size_t)re_snprintf(buf + n, size - n, "%s%s",
					 i ? " " : "", seen->v[i]);
	assert_true(newest >= *since);
	*since = newest;

	return err;
}


static void test_changes_since_last_time_each_once(void **state)
{
	char buf[4096];
	uint64_t since = 0;

	/* nothing is known yet: look at all there is */
	assert_int_equal(changes(*state, &since, buf, sizeof(buf)), ERANGE);
	assert_int_equal(changes(*state, &since, buf, sizeof(buf)), 0);
	assert_string_equal(buf, "");

	reg(*state, "a", "hq", "ann", "sip:1@a", false);
	call(*state, 1, 1, CALL_RINGING);
	reg(*state, "a", "hq", "bob", "sip:2@a", false);
	call(*state, 1, 2, CALL_ANSWERED);
	call(*state, 1, 1, CALL_RINGING);      /* late: no change */
	assert_int_equal(changes(*state, &since, buf, sizeof(buf)), 0);
	assert_string_equal(buf, "ann bob call-00001/2");

	/* told again as it is: no change, nor does it hide one */
	reg(*state, "a", "hq", "ann", "sip:1@a", false);
	assert_int_equal(changes(*state, &since, buf, sizeof(buf)), 0);
	assert_string_equal(buf, "");
	reg(*state, "a", "hq", "eve", "sip:1@a", false);
	reg(*state, "a", "hq", "eve", "sip:1@a", false);
	assert_int_equal(changes(*state, &since, buf, sizeof(buf)), 0);
	assert_string_equal(buf, "eve");

	reg(*state, "a", "hq", "ann", "sip:1@a", true);
	assert_int_equal(changes(*state, &since, buf, sizeof(buf)), 0);
	assert_string_equal(buf, "gone");
	assert_int_equal(changes(*state, &since, buf, sizeof(buf)), 0);
	assert_string_equal(buf, "");

	/* of a call that goes on only how it stands now */
	for (unsigned version = 3; version < 9; version++)
		call(*state, 1, version, CALL_ANSWERED);
	reg(*state, "a", "hq", "ann", "sip:1@a", false);
	call(*state, 1, 9, CALL_ENDED);
	assert_int_equal(changes(*state, &since, buf, sizeof(buf)), 0);
	assert_string_equal(buf, "ann call-00001/9");

	++since;                               /* none of ours */
	assert_int_equal(live_changes(*state, since + 1000, &since,
				      see_change, seen_new()), ERANGE);
}


static void test_who_was_away_too_long_looks_at_all(void **state)
{
	char buf[64], aor[32], upn[32];
	uint64_t since = 0;

	(void)changes(*state, &since, buf, sizeof(buf));

	for (unsigned n = 0; n < 4096; n++) {
		(void)re_snprintf(aor, sizeof(aor), "sip:%u@a", n % 3);
		(void)re_snprintf(upn, sizeof(upn), "ann%u", n);
		reg(*state, "a", "hq", upn, aor, false);
	}
	assert_int_equal(live_changes(*state, since, &(uint64_t){0},
				      see_change, seen_new()), 0);

	reg(*state, "a", "hq", "cid", "sip:1@a", false);
	assert_int_equal(live_changes(*state, since, &(uint64_t){0},
				      see_change, seen_new()), ERANGE);
}


#define TEST(f) cmocka_unit_test_setup_teardown(f, live_setup, live_teardown)


int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_who_looks_sees_one_moment),
		TEST(test_what_is_told_twice_is_no_news),
		TEST(test_registrations_in_order_of_tenant_pbx_upn),
		TEST(test_registrations_that_are_asked_for),
		TEST(test_a_tenant_has_its_own_whatever_comes_and_goes),
		TEST(test_states_are_counted),
		TEST(test_a_change_replaces_and_removal_forgets),
		TEST(test_trunks_by_proxy_and_name),
		TEST(test_a_late_version_does_not_undo_a_newer_one),
		TEST(test_running_calls_and_the_newest_1000_ended),
		TEST(test_a_handler_may_stop),
		TEST(test_a_handler_may_change_what_it_reads),
		cmocka_unit_test(test_nothing_is_nothing),
		TEST(test_readers_see_whole_values),
		TEST(test_changes_since_last_time_each_once),
		TEST(test_who_was_away_too_long_looks_at_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
