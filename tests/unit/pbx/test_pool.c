/**
 * @file test_pool.c  Registrations against a scripted PBX
 */
#include "world.h"


/* ------------------------------------------------------------------ */


static void test_registers_by_md5_and_refreshes(void **state)
{
	const struct reg_status *st;
	(void)state;

	pbx.script = CHALLENGES;
	pbx.password = "right";
	pbx.grant_s = 120;
	start("expires: 3600s", USER("18", "right"));

	until("18", REG_GREEN);
	st = status("18");
	assert_int_equal(pbx.seenc, 2);
	assert_int_equal(st->expires_s, 120);
	assert_int_equal(st->scode, 200);
	assert_string_equal(st->server, "Script/1");
	assert_string_equal(st->aor, "sip:18@pbx.example");
	assert_string_equal(st->reason, "");
	assert_true(account_is_registered(pool_find_upn(pool, "contoso",
							"18@x.example")));
	assert_int_equal(pbx.seenv[0].expires_s, 3600);

	/* the next one at half of 120 s: same Call-ID, rising CSeq */
	until_seen(3);
	assert_in_range(pbx.seenv[2].at_ms - pbx.seenv[1].at_ms, 50000,
			65000);
	assert_string_equal(pbx.seenv[2].callid, pbx.seenv[0].callid);
	assert_string_equal(pbx.seenv[2].contact, pbx.seenv[0].contact);
	assert_true(pbx.seenv[2].cseq > pbx.seenv[1].cseq);
	assert_true(pbx.seenv[1].cseq > pbx.seenv[0].cseq);
	assert_int_equal(status("18")->flaps, 0);
}


static void test_wrong_password_is_tried_once(void **state)
{
	const struct reg_status *st;
	(void)state;

	pbx.script = CHALLENGES;
	pbx.password = "right";
	start("expires: 600s", USER("18", "wrong") USER("19", "right"));

	until("18", REG_RED);
	until("19", REG_GREEN);
	st = status("18");
	assert_string_equal(st->reason, "Unauthorized");
	assert_string_equal(st->words, "401 Unauthorized");
	assert_non_null(strstr(st->advice, "password"));
	assert_int_equal(st->next_s, 0);
	assert_int_equal(registrar_seen(&pbx, "18"), 2);

	/* for good */
	pass(400000);
	assert_int_equal(registrar_seen(&pbx, "18"), 2);
	assert_true(registrar_seen(&pbx, "19") > 2);
	assert_false(account_is_registered(pool_find_upn(pool, "contoso",
							 "18@x.example")));

	/* until somebody asks, or edits */
	assert_int_equal(0, account_register_now(
		pool_find_upn(pool, "contoso", "18@x.example")));
	pass(5000);
	assert_in_range(registrar_seen(&pbx, "18"), 3, 4);
	assert_int_equal(status("18")->state, REG_RED);

	start("expires: 600s", USER("18", "right") USER("19", "right"));
	until("18", REG_GREEN);
	assert_string_equal(pbx.seenv[0].contact,
			    pbx.seenv[pbx.seenc - 1].contact);

	/* refused while it still has a binding: no calls on that */
	start("expires: 600s", USER("18", "again") USER("19", "right"));
	until("18", REG_RED);
	assert_false(account_is_registered(pool_find_upn(pool, "contoso",
							 "18@x.example")));
	assert_int_equal(status("18")->flaps, 0);
}


static void test_423_raises_the_expiry_for_all(void **state)
{
	(void)state;

	pbx.say_once = "423 Interval Too Brief\r\nMin-Expires: 1800\r\n";
	start("expires: 600s", USER("18", "p"));
	until("18", REG_GREEN);
	assert_int_equal(pbx.seenc, 2);
	assert_int_equal(pbx.seenv[1].expires_s, 1800);

	start("expires: 600s", USER("18", "p") USER("19", "p"));
	until("19", REG_GREEN);
	assert_int_equal(pbx.seenc, 3);
	assert_int_equal(pbx.seenv[2].expires_s, 1800);
}


static void test_423_without_end(void **state)
{
	(void)state;

	pbx.script = SAYS;
	pbx.say = "423 Interval Too Brief\r\nMin-Expires: 90000\r\n";
	start("expires: 600s", USER("18", "p"));
	until("18", REG_RED);
	assert_int_equal(pbx.seenc, 1);
}


static void granted(const char *hdrs, uint32_t expires_s)
{
	pbx.hdrs = hdrs;
	assert_int_equal(0, account_register_now(
		pool_find_upn(pool, "contoso", "18@x.example")));
	until_seen(pbx.seenc + 1);
	pass(500);
	assert_int_equal(status("18")->state, REG_GREEN);
	assert_int_equal(status("18")->expires_s, expires_s);
}


static void test_our_binding_among_others(void **state)
{
	(void)state;

	start("expires: 3600s", USER("18", "p"));
	until("18", REG_GREEN);

	granted("Contact: <sip:18@127.0.74.9:5062>;expires=3000\r\n"
		"Contact: %s;expires=300\r\n"
		"Contact: <sip:18@127.0.74.8>;expires=2000\r\n", 300);
	granted("Contact: <sip:18@127.0.74.9>;expires=3000, %s;expires=240"
		"\r\n", 240);
	granted("Contact: %s\r\nExpires: 420\r\n", 420);
	granted("Expires: 120\r\n", 120);
	granted("", 3600);
	granted("Contact: %s;expires=5\r\n", 20);
	granted("Contact: %s;expires=99999999999\r\n", 3600);
	granted("Contact: %s;expires=-1\r\n", 3600);
	granted("m: \"Ann, A\" %s;expires=90\r\n", 90);

	/* rewritten by the PBX, with the parameter kept or lost */
	granted("Contact: <sip:18@192.0.2.1:1024>;expires=60\r\n", 60);
}


static void test_200_without_us_is_no_registration(void **state)
{
	(void)state;

	pbx.hdrs = "Contact: <sip:18@127.0.74.9:5062>;expires=60\r\n"
		"Contact: <sip:18@127.0.74.8>;expires=60\r\n";
	start("expires: 3600s", USER("18", "p"));
	until("18", REG_RED);
	assert_string_equal(status("18")->reason,
			    "Not in the list of bindings");
	assert_false(account_is_registered(pool_find_upn(pool, "contoso",
							 "18@x.example")));
}


static void test_retry_after_is_waited_for(void **state)
{
	(void)state;

	pbx.say_once = "503 Busy\r\nRetry-After: 120 (soon)\r\n";
	start("expires: 3600s", USER("18", "p"));
	until("18", REG_RED);
	assert_string_equal(status("18")->words, "503 Busy");
	until_seen(2);
	assert_in_range(pbx.seenv[1].at_ms - pbx.seenv[0].at_ms, 120000,
			140000);
	until("18", REG_GREEN);
	assert_string_equal(status("18")->words, "200 OK");
}


/** Who names a time will know the user then */
static void test_retry_after_a_refusal(void **state)
{
	(void)state;

	pbx.say_once = "404 Not Found\r\nRetry-After: 120\r\n";
	start("expires: 600s", USER("18", "p"));
	until("18", REG_RED);
	assert_true(status("18")->next_s > 0);
	pass(300000);              /* up to 600 s are too long for until() */
	until("18", REG_GREEN);
	assert_in_range(pbx.seenv[1].at_ms - pbx.seenv[0].at_ms, 120000,
			900000);
}


static void test_back_off_doubles(void **state)
{
	(void)state;

	pbx.script = SAYS;
	pbx.say = "500 Oops\r\n";
	start("expires: 3600s", USER("18", "p"));
	loop_speed(&loop, 1000);
	until_seen(5);

	for (unsigned i = 1; i < 5; i++) {
		const uint64_t most = 30000u << (i - 1);
		const uint64_t wait = pbx.seenv[i].at_ms -
			pbx.seenv[i - 1].at_ms;

		assert_in_range(wait, most / 2, most + 5000);
	}
}


static void test_refusals_stop_or_go_slow(void **state)
{
	static const struct {
		const char *say, *reason;
		bool stops;
	} casev[] = {
		{ "403 Forbidden\r\n", "Forbidden", false },
		{ "403 Forbidden (Bad auth)\r\n", "Invalid password", true },
		{ "404 Not Found\r\n", "Not found", true },
		{ "404 User unknown\r\n", "User unknown", true },
		{ "603 Declined\r\n", "Declined", true },
		{ "302 Moved\r\nContact: <sip:evil.example>\r\n", "Moved",
		  true },
	};
	(void)state;

	pbx.script = SAYS;
	loop_speed(&loop, 500);

	for (size_t i = 0; i < RE_ARRAY_SIZE(casev); i++) {
		const unsigned before = pbx.seenc;

		pbx.say = casev[i].say;
		start("expires: 3600s", "");
		start("expires: 3600s", USER("18", "p"));
		until_seen(before + 1);
		until("18", REG_RED);
		assert_string_equal(status("18")->reason, casev[i].reason);
		assert_int_equal(!status("18")->next_s, casev[i].stops);

		pass(280000);
		assert_int_equal(pbx.seenc, before + 1);
	}
}


static void test_silence_is_told_and_only_one_probes(void **state)
{
	unsigned heard;
	(void)state;

	pbx.script = SILENT;
	start("expires: 3600s, per_second: 1000, burst: 1000",
	      USER("11", "p") USER("12", "p") USER("13", "p")
	      USER("14", "p"));
	until("11", REG_RED);
	assert_string_equal(status("11")->reason,
			    "No response received after 32 seconds");
	until("14", REG_RED);

	/* from here on one at a time, and not at once */
	heard = pbx.seenc;
	assert_int_equal(heard, 4);
	pass(150000);
	assert_in_range(pbx.seenc - heard, 2, 3);
	for (unsigned i = heard + 1; i < pbx.seenc; i++)
		assert_true(pbx.seenv[i].at_ms - pbx.seenv[i - 1].at_ms >
			    50000);

	pbx.script = ACCEPTS;
	loop_speed(&loop, 200);
	until("11", REG_GREEN);
	until("12", REG_GREEN);
	until("13", REG_GREEN);
	until("14", REG_GREEN);
	assert_non_null(strstr(forecast, "all 3 users back in 1 s"));
}


static void test_failures_of_an_hour_hold_others_back(void **state)
{
	struct account *acc;
	(void)state;

	pbx.script = SAYS;
	pbx.say = "404 Not Found\r\n";
	start("expires: 3600s, per_second: 1, burst: 1,"
	      " failures_per_hour: 2",
	      USER("11", "p") USER("12", "p") USER("13", "p")
	      USER("14", "p"));
	until("14", REG_RED);
	until("13", REG_RED);

	assert_string_equal(status("12")->reason, "Not found");
	assert_string_equal(status("13")->reason, "Held back");
	assert_string_equal(status("14")->reason, "Held back");
	assert_true(status("14")->next_s - status("14")->since_s > 1700);
	assert_int_equal(pbx.seenc, 2);

	/* a person may insist; and who was registered is not held back */
	pbx.script = ACCEPTS;
	acc = pool_find_upn(pool, "contoso", "14@x.example");
	assert_int_equal(0, account_register_now(acc));
	until("14", REG_GREEN);
	assert_int_equal(0, account_register_now(acc));
	until_seen(4);
	assert_string_equal(status("13")->reason, "Held back");
}


static void test_silence_after_refusals_is_a_ban(void **state)
{
	(void)state;

	pbx.script   = SILENT;
	pbx.say_once = "404 Not Found\r\n";
	start("expires: 3600s, per_second: 1, burst: 1",
	      USER("11", "p") USER("12", "p") USER("13", "p"));
	until("11", REG_RED);
	until("12", REG_RED);
	until("13", REG_RED);

	assert_string_equal(status("12")->reason, "Probably banned");
	assert_string_equal(status("13")->reason, "Probably banned");
	assert_non_null(strstr(status("12")->advice, PBX_HOST));
}


static void test_pace_of_a_pbx(void **state)
{
	(void)state;

	loop_speed(&loop, 10);
	start("expires: 3600s, per_second: 10, burst: 5", many(50));
	until_seen(50);

	/* 5 at once and then 10 a second */
	assert_in_range(pbx.seenv[49].at_ms - pbx.seenv[0].at_ms, 4400,
			5500);
	for (unsigned i = 0; i + 16 < 50; i++)
		assert_true(pbx.seenv[i + 16].at_ms - pbx.seenv[i].at_ms >
			    900);
}


static void test_who_has_a_turn_soon_is_not_worth_remembering(void **state)
{
	(void)state;

	/* for four seconds, with somebody's turn each tenth of one */
	loop_speed(&loop, 1);
	start("expires: 3600s, per_second: 10, burst: 1", many(40));
	assert_int_equal(status("49")->state, REG_QUEUED);
	until("49", REG_GREEN);
	assert_int_equal(lasting, 0);
}


static bool are_lasting(void *arg)
{
	return lasting >= *(unsigned *)arg;
}


static void test_who_queues_for_good_is_worth_remembering(void **state)
{
	unsigned wanted = 3;
	(void)state;

	loop_speed(&loop, 10);
	start("expires: 3600s, max: 1", many(4));
	loop_until(&loop, are_lasting, &wanted);
	assert_true(wheel_now(loop.wheel) - pbx.seenv[0].at_ms >= 2000);

	/* once */
	pass(10000);
	assert_int_equal(lasting, wanted);
}


static void test_who_queues_for_long_is_worth_remembering(void **state)
{
	unsigned wanted = 1;
	(void)state;

	start("expires: 3600s, per_second: 1, burst: 1", many(310));
	loop_until(&loop, are_lasting, &wanted);
	assert_true(pbx.seenc < 310);
}


static void test_editing_one_leaves_the_others_alone(void **state)
{
	struct account *ann, *other;
	(void)state;

	start("expires: 3600s", USER("18", "p") USER("19", "p"));
	until("18", REG_GREEN);
	until("19", REG_GREEN);
	assert_int_equal(pbx.seenc, 2);
	ann = pool_find_number(pool, "contoso", "+442079460018");
	other = pool_find_number(pool, "contoso", "442079460019");
	assert_non_null(ann);
	assert_non_null(other);

	/* nothing new */
	start("expires: 3600s", USER("18", "p") USER("19", "p"));
	pass(2000);
	assert_int_equal(pbx.seenc, 2);
	assert_ptr_equal(ann, pool_find_upn(pool, "contoso", "18@x.example"));

	/* a number is none of the PBX's business */
	start("expires: 3600s", "  - {upn: 18@x.example, number: \"+44110\","
	      " pbx: hq, sip_username: \"18\", sip_password: p}\n"
	      USER("19", "p"));
	pass(2000);
	assert_int_equal(pbx.seenc, 2);
	assert_ptr_equal(ann, pool_find_number(pool, "contoso",
					       "+44110"));
	assert_string_equal(status("18")->number, "+44110");

	/* a password is */
	start("expires: 3600s", USER("18", "q") USER("19", "p"));
	until_seen(3);
	pass(2000);
	assert_int_equal(pbx.seenc, 3);
	assert_string_equal(pbx.seenv[2].user, "18");

	/* one who goes is taken off, one who is disabled too */
	start("expires: 3600s", USER("19", "p"));
	until_seen(4);
	pass(2000);
	assert_int_equal(pbx.seenv[3].expires_s, 0);
	assert_string_equal(pbx.seenv[3].user, "18");
	assert_true(status("18")->removed);
	assert_ptr_equal(other, pool_find_upn(pool, "contoso",
					      "19@x.example"));

	/* another profile: all of its users anew, in the same binding, which
	   nobody takes back */
	start("expires: 1800s", USER("19", "p"));
	until_seen(5);
	pass(2000);
	assert_int_equal(pbx.seenc, 5);
	assert_int_equal(pbx.seenv[4].expires_s, 1800);
	assert_string_equal(pbx.seenv[4].contact, pbx.seenv[1].contact);
	assert_int_equal(status("19")->state, REG_GREEN);
	assert_false(status("19")->removed);
}


/** A customer with a PBX and users of these names */
static struct tenant *customer(const char *name, const char *ann,
			       const char *number, const char *bob)
{
	const char *const userv[] = { ann, bob };
	const char *const numberv[] = { number, "+442079460099" };
	struct tenant *tenant = fields_item_alloc(&tenant_fields);
	struct pbx *p = fields_item_alloc(&pbx_fields);

	assert_non_null(tenant);
	assert_non_null(p);
	assert_int_equal(0, str_dup(&tenant->tenant, name));
	assert_int_equal(0, re_sdprintf(&tenant->teams.fqdn, "%s.example",
					name));
	assert_int_equal(0, str_dup(&p->name, "hq"));
	assert_int_equal(0, str_dup(&p->sip_domain, "pbx.example"));
	assert_int_equal(0, str_dup(&p->sip_proxy, PBX_HOST ":5060"));
	p->registration.fetch_bindings = false;
	list_append(&tenant->pbxl, &p->le, p);

	for (size_t i = 0; i < RE_ARRAY_SIZE(userv) && userv[i]; i++) {
		struct user *user = fields_item_alloc(&user_fields);

		assert_non_null(user);
		assert_int_equal(0, re_sdprintf(&user->upn, "%s@x.example",
						userv[i]));
		assert_int_equal(0, str_dup(&user->number, numberv[i]));
		assert_int_equal(0, str_dup(&user->pbx, "hq"));
		assert_int_equal(0, str_dup(&user->sip_username, userv[i]));
		assert_int_equal(0, str_dup(&user->sip_password, "p"));
		list_append(&tenant->userl, &user->le, user);
	}

	return tenant;
}


/** Go by these customers; both may be NULL */
static void go_by(struct tenant *a, struct tenant *b)
{
	struct list tenantl = LIST_INIT;
	struct errors *errs;

	assert_int_equal(0, errors_alloc(&errs));
	if (a)
		list_append(&tenantl, &a->le, a);
	if (b)
		list_append(&tenantl, &b->le, b);
	assert_int_equal(0, pool_apply(pool, &tenantl, errs));
	list_clear(&tenantl);
	mem_deref(errs);
}


static void test_one_customer_changes_and_goes_alone(void **state)
{
	struct tenant *a = customer("a", "11", "+442079460011", "12");
	struct tenant *b = customer("b", "21", "+442079460021", NULL);
	struct tenant *other;
	struct account *ann, *bob, *of_b;
	unsigned before;
	(void)state;

	go_by(a, b);
	until("11", REG_GREEN);
	until("12", REG_GREEN);
	until("21", REG_GREEN);
	ann  = pool_find_upn(pool, "a", "11@x.example");
	bob  = pool_find_upn(pool, "a", "12@x.example");
	of_b = pool_find_upn(pool, "b", "21@x.example");

	/* users in another order, a number that is new: all stay */
	before = told;
	other = customer("a", "12", "+442079460111", "11");
	go_by(other, b);
	mem_deref(a);
	a = other;
	assert_ptr_equal(pool_find_upn(pool, "a", "11@x.example"), ann);
	assert_ptr_equal(pool_find_number(pool, "a",
					  "442079460111"), bob);
	assert_null(pool_find_number(pool, "a", "442079460011"));
	assert_ptr_equal(account_tenant(ann), a);
	assert_ptr_equal(account_user(bob), list_ledata(a->userl.head));
	assert_int_equal(told, before + 2);
	assert_ptr_equal(pool_find_upn(pool, "b", "21@x.example"), of_b);
	assert_int_equal(pbx.seenc, 3);

	/* one goes with the others of its customer left alone */
	other = customer("a", "12", "+442079460111", NULL);
	go_by(other, b);
	mem_deref(a);
	a = other;
	until_seen(4);
	assert_string_equal(pbx.seenv[3].user, "11");
	assert_int_equal(pbx.seenv[3].expires_s, 0);
	assert_ptr_equal(pool_find_upn(pool, "a", "12@x.example"), bob);

	/* another node takes a PBX of a customer that is as it was */
	((struct pbx *)list_ledata(b->pbxl.head))->away = true;
	go_by(a, b);
	until_seen(5);
	assert_string_equal(pbx.seenv[4].user, "21");
	assert_int_equal(pbx.seenv[4].expires_s, 0);
	assert_true(account_is_away(pool_find_upn(pool, "b",
						  "21@x.example")));

	/* a customer goes, and its PBX */
	go_by(NULL, b);
	until_seen(6);
	pass(2000);
	assert_int_equal(pbx.seenc, 6);
	assert_string_equal(pbx.seenv[5].user, "12");
	assert_null(pool_find_upn(pool, "a", "12@x.example"));
	assert_non_null(pool_find_upn(pool, "b", "21@x.example"));

	go_by(NULL, NULL);
	assert_null(pool_find_upn(pool, "b", "21@x.example"));
	assert_false(pool_admits(pool, &pbx.peer));
	mem_deref(a);
	mem_deref(b);
}


static void test_what_cannot_work_changes_nothing(void **state)
{
	(void)state;

	start("expires: 3600s", USER("18", "p"));
	until("18", REG_GREEN);

	/* there is no TLS listener */
	assert_int_equal(EBADMSG, apply("expires: 3600s", "protocol: tls",
					USER("19", "p")));
	pass(3000);
	assert_int_equal(pbx.seenc, 1);
	assert_non_null(pool_find_upn(pool, "contoso", "18@x.example"));
	assert_null(pool_find_upn(pool, "contoso", "19@x.example"));
}


static void test_users_who_do_not_register(void **state)
{
	(void)state;

	assert_int_equal(0, apply("", "auth_type: none", USER("18", "p")));
	assert_int_equal(status("18")->state, REG_GREEN);
	assert_string_equal(status("18")->reason, "No registration needed");
	assert_true(account_is_registered(pool_find_upn(pool, "contoso",
							"18@x.example")));

	start("", "  - {upn: 18@x.example, number: \"18\", pbx: hq,"
	      " sip_username: \"18\", enabled: false}\n");
	assert_int_equal(status("18")->state, REG_OFF);
	pass(3000);
	assert_int_equal(pbx.seenc, 0);
}


static void ask(const char *method, const char *ruri, const char *hdrs)
{
	struct mbuf *mb = mbuf_alloc(1024);
	char branch[17];

	token_random(branch, 16);
	assert_int_equal(0, mbuf_printf(mb,
		"%s %s SIP/2.0\r\n"
		"Via: SIP/2.0/UDP " PBX_HOST ";branch=z9hG4bK%s;rport\r\n"
		"From: <sip:77@pbx.example>;tag=1\r\n"
		"To: <sip:4711@pbx.example>\r\n"
		"Call-ID: %s\r\nCSeq: 7 %s\r\nMax-Forwards: 70\r\n"
		"User-Agent: A script that writes long names so that no"
		" answer is longer than its request, for that is not sent"
		" to strangers: see what is said of reflection\r\n"
		"%sContent-Length: 0\r\n\r\n",
		method, ruri, branch, branch, method, hdrs));
	mb->pos = 0;
	pbx.answer = 0;
	found_upn[0] = '\0';
	assert_int_equal(0, udp_send(pbx.us, listener_laddr(us.lsnr), mb));
	mem_deref(mb);
}


static bool is_answered(void *arg)
{
	(void)arg;

	return pbx.answer != 0;
}


static void asks(const char *method, const char *ruri, const char *hdrs,
		 uint16_t scode, const char *upn)
{
	ask(method, ruri, hdrs);
	loop_until(&loop, is_answered, NULL);
	assert_int_equal(pbx.answer, scode);
	assert_string_equal(found_upn, upn);
}


/** The address in a Contact: without <> */
static const char *uri_of(const struct seen *seen)
{
	static char uri[160];

	str_ncpy(uri, seen->contact + 1, sizeof(uri));
	*strchr(uri, '>') = '\0';

	return uri;
}


static void test_who_a_request_is_for(void **state)
{
	char uri[200];
	(void)state;

	start("expires: 3600s", USER("18", "p") USER("19", "p"));
	until("18", REG_GREEN);
	until("19", REG_GREEN);
	assert_non_null(strstr(pbx.seenv[0].contact, ";cb="));

	/* the whole Contact; its parameter when the rest was rewritten; the
	   user when that is all there is */
	asks("MYSTERY", uri_of(&pbx.seenv[0]), "", 486, "18@x.example");
	(void)re_snprintf(uri, sizeof(uri), "sip:4711@192.0.2.9%s",
			  strstr(uri_of(&pbx.seenv[1]), ";cb="));
	asks("MYSTERY", uri, "", 486, "19@x.example");
	asks("MYSTERY", "sip:19@192.0.2.9", "", 486, "19@x.example");
	asks("MYSTERY", "sip:%31%38@192.0.2.9", "", 486, "18@x.example");
	asks("MYSTERY", "sip:4711@192.0.2.9", "", 404, "nobody");
	asks("MYSTERY", "sip:4711@192.0.2.9;cb=0", "", 404, "nobody");
}


static void test_contact_data_can_be_suppressed(void **state)
{
	(void)state;

	assert_int_equal(0, apply("", "suppress_contact_data: true",
				  USER("18", "p")));
	until("18", REG_GREEN);
	assert_null(strstr(pbx.seenv[0].contact, "cb="));
	assert_string_equal(status("18")->contact, pbx.seenv[0].contact);
	asks("MYSTERY", uri_of(&pbx.seenv[0]), "", 486, "18@x.example");
}


static void test_a_port_for_each_user(void **state)
{
	(void)state;

	assert_int_equal(0, apply("", "contact: {port: per-user},"
				  " suppress_contact_data: true",
				  USER("18", "p") USER("19", "p")));
	until("18", REG_GREEN);
	until("19", REG_GREEN);
	assert_int_equal(strncmp(pbx.seenv[0].contact, "<sip:18@" OUR_HOST,
				 16), 0);
	assert_string_not_equal(strrchr(pbx.seenv[0].contact, ':'),
				strrchr(pbx.seenv[1].contact, ':'));
}


static void test_what_a_pbx_asks_of_a_phone(void **state)
{
	(void)state;

	start("expires: 3600s", USER("18", "p"));
	until("18", REG_GREEN);

	asks("OPTIONS", uri_of(&pbx.seenv[0]), "", 200, "");
	assert_non_null(strstr(pbx.allow, "INVITE"));
	asks("OPTIONS", "sip:" OUR_HOST, "", 200, "");
	asks("OPTIONS", "sip:4711@" OUR_HOST, "", 404, "");
	asks("NOTIFY", uri_of(&pbx.seenv[0]),
	     "Event: message-summary\r\n", 200, "");
	asks("NOTIFY", uri_of(&pbx.seenv[0]),
	     "Event: check-sync;reboot=true\r\n", 489, "");
	asks("NOTIFY", "sip:4711@" OUR_HOST, "Event: message-summary\r\n",
	     404, "");
	asks("REGISTER", "sip:" OUR_HOST, "", 405, "");
	asks("SUBSCRIBE", uri_of(&pbx.seenv[0]), "", 405, "");
	asks("REFER", uri_of(&pbx.seenv[0]), "", 481, "");
}


static void test_strangers_get_no_word(void **state)
{
	struct sa sa;
	(void)state;

	start("expires: 3600s", USER("18", "p"));
	assert_int_equal(0, sa_set_str(&sa, PBX_HOST, 9));
	assert_true(pool_admits(pool, &sa));
	assert_int_equal(0, sa_set_str(&sa, "127.0.74.3", 5060));
	assert_false(pool_admits(pool, &sa));
}


/** Knowing an extension is not enough, not even for another PBX */
static void test_the_user_part_counts_from_its_pbx_only(void **state)
{
	struct udp_sock *own = pbx.us, *other;
	struct sa addr;
	(void)state;

	start("expires: 3600s", USER("18", "p"));
	until("18", REG_GREEN);
	assert_int_equal(0, sa_set_str(&addr, "127.0.74.5", 5060));
	assert_int_equal(0, udp_listen(&other, &addr, registrar_recv, &pbx));
	open_door = true;
	pbx.us = other;
	asks("MYSTERY", "sip:18@" OUR_HOST, "", 404, "nobody");
	asks("NOTIFY", uri_of(&pbx.seenv[0]),
	     "Event: message-summary\r\n", 404, "");
	pbx.us = own;
	mem_deref(other);
}


static void done_h(void *arg)
{
	(void)arg;
	++done;
}


static bool is_done(void *arg)
{
	(void)arg;

	return done != 0;
}


static void test_leaving_takes_the_bindings_back(void **state)
{
	(void)state;

	start("expires: 3600s", USER("18", "p") USER("19", "p"));
	until("18", REG_GREEN);
	until("19", REG_GREEN);

	pool_unregister_all(pool, done_h, NULL);
	assert_int_equal(done, 0);
	loop_until(&loop, is_done, NULL);
	assert_int_equal(pbx.seenc, 4);
	assert_int_equal(pbx.seenv[2].expires_s, 0);
	assert_int_equal(pbx.seenv[3].expires_s, 0);
	assert_int_equal(done, 1);
}


static void test_leaving_is_bounded(void **state)
{
	uint64_t began;
	(void)state;

	start("expires: 3600s", USER("18", "p"));
	until("18", REG_GREEN);
	pbx.script = SILENT;
	began = wheel_now(loop.wheel);
	pool_unregister_all(pool, done_h, NULL);
	loop_until(&loop, is_done, NULL);
	assert_in_range(wheel_now(loop.wheel) - began, 1900, 4000);
}


static void test_nobody_there_to_leave(void **state)
{
	(void)state;

	pool_unregister_all(pool, done_h, NULL);
	loop_until(&loop, is_done, NULL);
	assert_int_equal(done, 1);
}


struct atleast {
	const unsigned *value;
	unsigned wanted;
};


static bool is_atleast(void *arg)
{
	const struct atleast *a = arg;

	return *a->value >= a->wanted;
}


/** A PBX over TCP that is a stack of ours: what is shown is the connection */
static void test_a_lost_connection_is_made_again(void **state)
{
	struct pool_conf conf = { .spread = false };
	struct atleast two;
	struct side tcp, far;
	char where[64];
	(void)state;

	side_open(&tcp, &loop, SIP_TRANSP_TCP, OUR_HOST, NULL);
	side_open(&far, &loop, SIP_TRANSP_TCP, PBX_HOST, NULL);
	pool = mem_deref(pool);
	conf.stack    = tcp.stack;
	conf.resolver = resolver;
	conf.lsnrv[SIP_TRANSP_TCP] = tcp.lsnr;
	assert_int_equal(0, pool_alloc(&pool, &conf, status_h, NULL));

	(void)re_snprintf(where, sizeof(where), "\"%J\"",
			  listener_laddr(far.lsnr));
	proxy = where;
	assert_int_equal(0, apply("expires: 3600s", "protocol: tcp",
				  USER("18", "p") USER("19", "p")));
	until("18", REG_GREEN);
	until("19", REG_GREEN);
	assert_int_equal(far.requests, 2);
	assert_int_equal(far.asked, 1);    /* one connection for both */
	assert_non_null(strstr(status("18")->contact, ";transport=tcp"));

	flow_close(msg_flow(far.last));
	two = (struct atleast){ &far.requests, 4 };
	loop_until(&loop, is_atleast, &two);
	assert_int_equal(far.asked, 2);
	pass(3000);
	assert_int_equal(far.requests, 4);
	assert_int_equal(status("18")->state, REG_GREEN);
	assert_int_equal(status("18")->flaps, 0);

	pool = mem_deref(pool);
	side_close(&tcp);
	side_close(&far);
}


/** Whatever is asked for does not exist */
static void dns_recv(const struct sa *src, struct mbuf *mb, void *arg)
{
	struct udp_sock **us_dns = arg;

	mb->buf[mb->pos + 2] |= 0x80;      /* an answer */
	mb->buf[mb->pos + 3] = 0x83;       /* NXDOMAIN */
	(void)udp_send(*us_dns, src, mb);
}


static void test_a_name_that_does_not_resolve(void **state)
{
	struct udp_sock *dns;
	struct sa addr;
	(void)state;

	assert_int_equal(0, sa_set_str(&addr, "127.0.74.53", 53));
	if (udp_listen(&dns, &addr, dns_recv, &dns))
		skip();            /* the port is root's */

	loop_speed(&loop, 10);
	proxy = "null";
	start("", USER("18", "p"));
	until("18", REG_RED);
	assert_string_equal(status("18")->reason, "Unable to resolve URI");
	mem_deref(dns);
}


/** A user of a short grant whose PBX is too slow with it */
static void test_a_binding_that_lapses_is_told(void **state)
{
	char users[8192] = "";
	size_t l = 0;
	unsigned lagging = 0;
	(void)state;

	for (unsigned i = 10; i < 60; i++)
		l += (size_t)snprintf(users + l, sizeof(users) - l,
				      "  - {upn: %u@x.example, number: \"%u\","
				      " pbx: hq, sip_username: \"%u\","
				      " sip_password: p}\n", i, i, i);

	pbx.grant_s = 20;
	start("expires: 3600s, per_second: 1, burst: 1", users);
	pass(120000);
	for (unsigned i = 0; i < statusc; i++)
		lagging += statusv[i].state == REG_LAGGING;
	assert_true(lagging > 10);
}


int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest testv[] = {
		TEST(test_registers_by_md5_and_refreshes),
		TEST(test_wrong_password_is_tried_once),
		TEST(test_423_raises_the_expiry_for_all),
		TEST(test_423_without_end),
		TEST(test_our_binding_among_others),
		TEST(test_200_without_us_is_no_registration),
		TEST(test_retry_after_is_waited_for),
		TEST(test_retry_after_a_refusal),
		TEST(test_back_off_doubles),
		TEST(test_refusals_stop_or_go_slow),
		TEST(test_silence_is_told_and_only_one_probes),
		TEST(test_failures_of_an_hour_hold_others_back),
		TEST(test_silence_after_refusals_is_a_ban),
		TEST(test_pace_of_a_pbx),
		TEST(test_who_has_a_turn_soon_is_not_worth_remembering),
		TEST(test_who_queues_for_good_is_worth_remembering),
		TEST(test_who_queues_for_long_is_worth_remembering),
		TEST(test_editing_one_leaves_the_others_alone),
		TEST(test_one_customer_changes_and_goes_alone),
		TEST(test_what_cannot_work_changes_nothing),
		TEST(test_users_who_do_not_register),
		TEST(test_who_a_request_is_for),
		TEST(test_contact_data_can_be_suppressed),
		TEST(test_a_port_for_each_user),
		TEST(test_what_a_pbx_asks_of_a_phone),
		TEST(test_strangers_get_no_word),
		TEST(test_the_user_part_counts_from_its_pbx_only),
		TEST(test_leaving_takes_the_bindings_back),
		TEST(test_leaving_is_bounded),
		TEST(test_nobody_there_to_leave),
		TEST(test_a_lost_connection_is_made_again),
		TEST(test_a_name_that_does_not_resolve),
		TEST(test_a_binding_that_lapses_is_told),
	};
	int failed;

	if (libre_init())
		return 1;

	failed = cmocka_run_group_tests(testv, NULL, NULL);
	libre_close();

	return failed;
}
