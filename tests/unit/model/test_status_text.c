/**
 * @file test_status_text.c  Statuses and records as text, and packed
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>
#include <jansson.h>
#include <cmocka.h>

#include "bridge/base/libre.h"
#include "bridge/model/status.h"


enum { ROUNDS = 500 };


/** Octets that are hard to write: quotes, controls, UTF-8, and what is none */
static void awkward(char *text, size_t size)
{
	static const char *const piecev[] = {
		"plain ", "\"", "\\", "\n\r\t\b\f", "\x01\x1f\x7f", "/",
		"\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\xff",
		"\xc0\x80", "\xed\xa0\x80", "\xc3", "{}[]:,", "",
	};
	size_t l = 0;

	memset(text, 0, size);

	for (unsigned n = (unsigned)rand() % 12; n; n--) {
		const char *piece = piecev[(size_t)rand() %
			(sizeof(piecev) / sizeof(piecev[0]))];

		if (l + strlen(piece) >= size)
			return;

		strcpy(text + l, piece);
		l += strlen(piece);
	}
}


static void reg_make(struct reg_status *st)
{
	memset(st, 0, sizeof(*st));
	awkward(st->tenant, sizeof(st->tenant));
	awkward(st->upn, sizeof(st->upn));
	awkward(st->number, sizeof(st->number));
	awkward(st->aor, sizeof(st->aor));
	awkward(st->reason, sizeof(st->reason));
	awkward(st->words, sizeof(st->words));
	awkward(st->advice, sizeof(st->advice));
	awkward(st->contact, sizeof(st->contact));
	st->state   = (enum reg_state)(rand() % 5);
	st->since_s = rand() % 3 ? rand() : INT64_MIN;
	st->next_s  = rand() % 3 ? -rand() : INT64_MAX;
	st->scode   = (uint16_t)rand();
	st->flaps   = UINT32_MAX;
	st->waiting = rand() % 2;
}


static json_t *text_read(struct mbuf *mb)
{
	json_error_t error;
	json_t *found;

	found = json_loadb((const char *)mb->buf, mb->end,
			   JSON_REJECT_DUPLICATES, &error);
	if (!found)
		fail_msg("%s in %.*s", error.text, (int)mb->end, mb->buf);

	return found;
}


static void assert_text(struct mbuf *mb, json_t *want)
{
	json_t *found = text_read(mb);

	assert_non_null(want);
	assert_true(json_equal(found, want));
	assert_null(memchr(mb->buf, '\n', mb->end));
	json_decref(found);
	json_decref(want);
}


/** Zero, false or empty */
static bool is_nothing(const json_t *value)
{
	return json_is_false(value) ||
		(json_is_integer(value) && !json_integer_value(value)) ||
		(json_is_string(value) && !json_string_length(value));
}


/** What says nothing is not in it, and comes back */
static void assert_short(struct mbuf *mb, json_t *want)
{
	json_t *found = text_read(mb), *value;
	const char *name;

	json_object_foreach(found, name, value)
		assert_false(is_nothing(value) && strcmp(name, "tenant"));

	assert_int_equal(reg_status_complete(found), 0);
	assert_true(json_equal(found, want));
	json_decref(found);
	json_decref(want);
}


static void test_a_registration_as_text_is_its_json(void **state)
{
	struct mbuf *mb = mbuf_alloc(1);
	struct reg_status st;
	(void)state;

	for (unsigned i = 0; i < ROUNDS; i++) {
		reg_make(&st);
		mbuf_rewind(mb);
		assert_int_equal(reg_status_write(mb, &st), 0);
		assert_short(mb, reg_status_json(&st));
	}

	mem_deref(mb);
	assert_int_equal(reg_status_write(NULL, &st), EINVAL);
}


/** Another octet somewhere, perhaps one that has a meaning */
static void damage(char *text, size_t l)
{
	static const char octetv[] = "\"\\0159-.eE+{}[]:,tfun/ \x01\x80\xc3";

	text[(size_t)rand() % l] = octetv[(size_t)rand() %
		(sizeof(octetv) - 1)];
}


/** It is read as by way of a tree of objects, or refused as there */
static void assert_parsed(const char *text, size_t l)
{
	json_t *json = json_loadb(text, l, 0, NULL), *other;
	struct call_record want, have;
	int err;

	memset(&want, 0, sizeof(want));
	err = json ? call_record_read(&want, json) : EBADMSG;
	json_decref(json);

	assert_int_equal(call_record_parse(&have, text, l), err);
	if (!err) {
		json = call_record_json(&want);
		other = call_record_json(&have);

		assert_true(json_equal(json, other));
		json_decref(json);
		json_decref(other);
	}
}


static void test_a_call_as_text_is_its_json(void **state)
{
	static const double mosv[] = { 0, 4.25, 1.0 / 3, 1e-9, 4e300 };
	struct mbuf *mb = mbuf_alloc(1);
	struct call_record rec;
	(void)state;

	for (unsigned i = 0; i < ROUNDS; i++) {
		memset(&rec, 0, sizeof(rec));
		awkward(rec.id, sizeof(rec.id));
		awkward(rec.caller_name, sizeof(rec.caller_name));
		awkward(rec.pbxside.callid, sizeof(rec.pbxside.callid));
		rec.version = UINT32_MAX;
		rec.start_ms = i % 3 ? -1750003200000 : INT64_MAX;
		rec.teams.rx_packets = i % 4 ? i : INT64_MAX;
		rec.teams.mos = mosv[i % 5];
		rec.state = (enum call_state)(rand() % 4);
		for (int n = rand() % 4; n; n--) {
			char text[64];

			awkward(text, sizeof(text));
			call_record_note(&rec, (uint32_t)n, CALL_CODEC,
					 CALL_AT_PBX, text);
			awkward(call_record_transfer(&rec)->to, 16);
		}

		mbuf_rewind(mb);
		assert_int_equal(call_record_write(mb, &rec), 0);
		assert_text(mb, call_record_json(&rec));
		assert_parsed((char *)mb->buf, mb->end);
		for (unsigned n = 0; n < 20; n++) {
			damage((char *)mb->buf, mb->end);
			assert_parsed((char *)mb->buf, mb->end -
				      (n % 5 ? 0 : n));
		}
	}

	mem_deref(mb);
}


static void test_packed_and_unpacked_is_the_same(void **state)
{
	struct reg_status st, back;
	struct reg_status_key key;
	char packed[sizeof(st)];
	size_t size;
	(void)state;

	for (unsigned i = 0; i < ROUNDS; i++) {
		reg_make(&st);
		size = reg_status_pack(packed, &st);
		assert_true(size <= sizeof(packed));

		/* no octet more is looked at than there are */
		char *copy = memcpy(malloc(size), packed, size);

		reg_status_unpack(&back, copy);
		assert_memory_equal(&back, &st, sizeof(st));
		assert_int_equal(st.state, reg_status_packed_state(copy));

		reg_status_packed_key(&key, copy);
		assert_string_equal(key.tenant, st.tenant);
		assert_string_equal(key.pbx, st.pbx);
		assert_string_equal(key.upn, st.upn);
		assert_string_equal(key.aor, st.aor);
		free(copy);
	}
}


static void test_the_longest_of_everything_fits(void **state)
{
	struct reg_status st, back;
	char packed[sizeof(st)];
	(void)state;

	memset(&st, 0, sizeof(st));
	memset(st.tenant, 't', sizeof(st.tenant) - 1);
	memset(st.pbx, 'p', sizeof(st.pbx) - 1);
	memset(st.upn, 'u', sizeof(st.upn) - 1);
	memset(st.number, 'n', sizeof(st.number) - 1);
	memset(st.aor, 'a', sizeof(st.aor) - 1);
	memset(st.reason, 'r', sizeof(st.reason) - 1);
	memset(st.words, 'w', sizeof(st.words) - 1);
	memset(st.advice, 'v', sizeof(st.advice) - 1);
	memset(st.server, 's', sizeof(st.server) - 1);
	memset(st.contact, 'c', sizeof(st.contact) - 1);

	assert_true(reg_status_pack(packed, &st) <= sizeof(packed));
	reg_status_unpack(&back, packed);
	assert_memory_equal(&back, &st, sizeof(st));
}


static bool is_same(const struct reg_status *a, const struct reg_status *b)
{
	char pa[sizeof(*a)], pb[sizeof(*b)];
	const size_t asize = reg_status_pack(pa, a);
	const size_t bsize = reg_status_pack(pb, b);

	return reg_status_packed_same(pa, asize, pb, bsize);
}


static void test_a_refresh_like_the_last_one_is_the_same(void **state)
{
	struct reg_status st = { .aor = "sip:101@pbx", .words = "200 OK",
		.state = REG_GREEN, .since_s = 7, .next_s = 60, .rtt_ms = 3 };
	struct reg_status other = st;
	(void)state;

	other.next_s = 120;
	other.rtt_ms = 900;
	assert_true(is_same(&st, &other));

	other.flaps = 1;
	assert_false(is_same(&st, &other));

	other = st;
	strcpy(other.words, "200 ok");
	assert_false(is_same(&st, &other));

	other = st;
	other.expires_s = 60;
	assert_false(is_same(&st, &other));
}


int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_registration_as_text_is_its_json),
		cmocka_unit_test(test_a_call_as_text_is_its_json),
		cmocka_unit_test(test_packed_and_unpacked_is_the_same),
		cmocka_unit_test(test_the_longest_of_everything_fits),
		cmocka_unit_test(test_a_refresh_like_the_last_one_is_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
