/**
 * @file test_field.c  One table of every type, through all that comes of it
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <jansson.h>
#include <cmocka.h>

#include "bridge/base/libre.h"
#include "bridge/base/doc.h"
#include "bridge/base/errors.h"
#include "bridge/base/field.h"
#include "oom.h"


/* A table of every type */


enum protocol { UDP, TCP, TLS };

static const char *const protocolv[] = { "udp", "tcp", "tls" };
static const char *const codecv[] = { "pcma", "pcmu", "g722" };


struct timing {
	uint32_t expires_s;
	uint32_t retry_ms;
	uint32_t refresh_at;
};

struct phone {
	struct le le;
	char *name;
	char *password;
	struct timing timing;
};

struct sample {
	char *name;
	bool encrypt;
	int64_t port;
	int protocol;
	int mood;
	struct strings codecs;
	struct strings hosts;
	struct timing timing;
	struct list phones;
	char *secret;
};


static bool is_host(const char *value, char *why, size_t why_size)
{
	if (!strchr(value, '@'))
		return true;

	(void)re_snprintf(why, why_size, "a host without @");

	return false;
}


static const struct field timing_fields[] = {
	{
		.name = "expires", .type = FIELD_DURATION, .unit = FIELD_S,
		.offset = offsetof(struct timing, expires_s),
		.min = 60, .max = 7200, .dflt = "1h",
		.help = "How long a binding lasts"
	},
	{
		.name = "retry", .type = FIELD_DURATION, .unit = FIELD_MS,
		.offset = offsetof(struct timing, retry_ms),
		.dflt = "1500ms", .flags = FIELD_ADVANCED,
		.help = "Wait before the next try"
	},
	{
		.name = "refresh_at", .type = FIELD_PERCENT,
		.offset = offsetof(struct timing, refresh_at),
		.min = 10, .max = 95, .dflt = "50%",
		.help = "When to refresh | part of expires"
	},
};

static const struct fields timing_table = {
	.name = "timing", .help = "Times", .size = sizeof(struct timing),
	.fieldv = timing_fields, .fieldc = 3,
};

static const struct field phone_fields[] = {
	{
		.name = "name", .type = FIELD_STRING,
		.offset = offsetof(struct phone, name),
		.min = 1, .max = 16, .flags = FIELD_REQUIRED | FIELD_KEY,
		.help = "Name of the phone"
	},
	{
		.name = "password", .type = FIELD_STRING,
		.offset = offsetof(struct phone, password),
		.max = 8, .flags = FIELD_SECRET,
		.help = "Its password"
	},
	{
		.name = "timing", .type = FIELD_OBJECT,
		.offset = offsetof(struct phone, timing),
		.sub = &timing_table, .help = "Its own times"
	},
};

static const struct fields phone_table = {
	.name = "phone", .help = "A phone", .size = sizeof(struct phone),
	.fieldv = phone_fields, .fieldc = 3,
};

static const struct field sample_fields[] = {
	{
		.name = "name", .type = FIELD_STRING,
		.offset = offsetof(struct sample, name),
		.min = 1, .max = 16, .flags = FIELD_REQUIRED | FIELD_KEY,
		.help = "Name of the sample"
	},
	{
		.name = "encrypt", .type = FIELD_BOOL,
		.offset = offsetof(struct sample, encrypt),
		.dflt = "true", .help = "Encrypt the media"
	},
	{
		.name = "port", .type = FIELD_INT,
		.offset = offsetof(struct sample, port),
		.min = 1, .max = 65535, .dflt = "5060", .help = "Port"
	},
	{
		.name = "protocol", .type = FIELD_CHOICE,
		.offset = offsetof(struct sample, protocol),
		.choicev = protocolv, .choicec = 3, .dflt = "tcp",
		.help = "How to speak to it"
	},
	{
		.name = "mood", .type = FIELD_CHOICE,
		.offset = offsetof(struct sample, mood),
		.choicev = protocolv, .choicec = 3, .help = "No default"
	},
	{
		.name = "codecs", .type = FIELD_STRINGS,
		.offset = offsetof(struct sample, codecs),
		.choicev = codecv, .choicec = 3, .dflt = "pcma, pcmu",
		.help = "What it can play"
	},
	{
		.name = "hosts", .type = FIELD_STRINGS,
		.offset = offsetof(struct sample, hosts),
		.max = 3, .checkh = is_host, .flags = FIELD_MSP,
		.help = "Where it may be"
	},
	{
		.name = "timing", .type = FIELD_OBJECT,
		.offset = offsetof(struct sample, timing),
		.sub = &timing_table, .help = "Times"
	},
	{
		.name = "phones", .type = FIELD_LIST,
		.offset = offsetof(struct sample, phones),
		.sub = &phone_table, .max = 3, .help = "Its phones"
	},
	{
		.name = "secret", .type = FIELD_STRING,
		.offset = offsetof(struct sample, secret),
		.max = 12, .checkh = is_host, .flags = FIELD_SECRET,
		.help = "A secret host"
	},
};


static void check_sample(const void *obj, const struct doc_node *node,
			 struct errors *errs)
{
	const struct sample *s = obj;
	const struct doc_node *port = doc_member(node, "port");
	struct place place = { NULL, 0, 0 };

	if (s->protocol != TLS || s->port == 5061)
		return;

	if (port) {
		place.file   = port->file;
		place.line   = port->line;
		place.column = port->column;
	}

	errors_add(errs, &place, "port", "want 5061 with tls, found %lld",
		   (long long)s->port);
}


static const struct fields table = {
	.name = "sample", .help = "One of each", .size = sizeof(struct sample),
	.fieldv = sample_fields, .fieldc = 10, .checkh = check_sample,
};


static const char whole[] =
	"name: hq\n"
	"encrypt: false\n"
	"port: 5061\n"
	"protocol: tls\n"
	"mood: udp\n"
	"codecs: [g722]\n"
	"hosts: [a.example, 203.0.113.7]\n"
	"timing: { expires: 2h, retry: 250ms, refresh_at: 80% }\n"
	"phones:\n"
	"  - { name: one, password: \"101\" }\n"
	"  - { name: two, timing: { expires: 90 } }\n"
	"secret: s3cret\n";


/* Helpers */


static void check_errors(struct errors *errs, const char *want)
{
	char *text;

	assert_int_equal(re_sdprintf(&text, "%H", errors_print, errs), 0);
	assert_string_equal(text, want);
	mem_deref(text);
}


/** Read over what is there. @return what fields_read() said */
static int read_over(struct sample *s, const char *text,
		     struct errors *errs, uint64_t *set)
{
	struct doc *doc;
	int err;

	assert_int_equal(doc_parse(&doc, "s.yaml", text, strlen(text), errs),
			 0);
	err = fields_read(&table, s, doc_root(doc), errs, set);
	mem_deref(doc);

	return err;
}


static void begin(struct sample *s)
{
	memset(s, 0, sizeof(*s));
	assert_int_equal(fields_defaults(&table, s), 0);
}


static void begin_whole(struct sample *s)
{
	struct errors *errs;

	begin(s);
	assert_int_equal(errors_alloc(&errs), 0);
	assert_int_equal(read_over(s, whole, errs, NULL), 0);
	mem_deref(errs);
}


/** These errors, and nothing was taken */
static void refuse(const char *text, const char *want)
{
	struct sample s, before;
	struct errors *errs;

	begin_whole(&s);
	begin_whole(&before);
	assert_int_equal(errors_alloc(&errs), 0);

	assert_int_equal(read_over(&s, text, errs, NULL), EBADMSG);
	check_errors(errs, want);
	assert_true(fields_equal(&table, &s, &before));

	mem_deref(errs);
	fields_clear(&table, &s);
	fields_clear(&table, &before);
}


static void check_get(const struct sample *s, const char *path,
		      const char *want)
{
	char *text;

	assert_int_equal(fields_get(&table, s, path, &text), 0);
	assert_string_equal(text, want);
	mem_deref(text);
}


/* Tests */


static void defaults_are_as_written(void **state)
{
	struct sample s;

	(void)state;
	begin(&s);
	assert_null(s.name);
	assert_true(s.encrypt);
	assert_int_equal(s.port, 5060);
	assert_int_equal(s.protocol, TCP);
	assert_int_equal(s.mood, -1);
	assert_int_equal(s.codecs.c, 2);
	assert_string_equal(s.codecs.v[1], "pcmu");
	assert_int_equal(s.hosts.c, 0);
	assert_int_equal(s.timing.expires_s, 3600);
	assert_int_equal(s.timing.retry_ms, 1500);
	assert_int_equal(s.timing.refresh_at, 50);
	assert_null(list_head(&s.phones));
	fields_clear(&table, &s);

	for (size_t i = 0; i < sizeof(s); i++)
		assert_int_equal(((const char *)&s)[i], 0);
}


static void reads_every_type(void **state)
{
	const struct phone *phone;
	struct sample s;

	(void)state;
	begin_whole(&s);
	assert_string_equal(s.name, "hq");
	assert_false(s.encrypt);
	assert_int_equal(s.port, 5061);
	assert_int_equal(s.protocol, TLS);
	assert_int_equal(s.mood, UDP);
	assert_int_equal(s.codecs.c, 1);
	assert_true(strings_has(&s.codecs, "g722"));
	assert_false(strings_has(&s.codecs, "pcma"));
	assert_string_equal(s.hosts.v[1], "203.0.113.7");
	assert_int_equal(s.timing.expires_s, 7200);
	assert_int_equal(s.timing.retry_ms, 250);
	assert_int_equal(s.timing.refresh_at, 80);
	assert_int_equal(list_count(&s.phones), 2);

	phone = list_head(&s.phones)->data;
	assert_string_equal(phone->name, "one");
	assert_string_equal(phone->password, "101");
	assert_int_equal(phone->timing.expires_s, 3600);
	phone = list_head(&s.phones)->next->data;
	assert_int_equal(phone->timing.expires_s, 90);
	fields_clear(&table, &s);
}


static void what_is_not_written_stays(void **state)
{
	struct errors *errs;
	struct sample s;
	uint64_t set = 0;

	(void)state;
	begin_whole(&s);
	assert_int_equal(errors_alloc(&errs), 0);

	assert_int_equal(read_over(&s, "port: 5070\n"
				   "timing: { refresh_at: 70 }\n", errs,
				   &set), 0);
	assert_int_equal(s.port, 5070);
	assert_int_equal(s.timing.refresh_at, 70);
	assert_int_equal(s.timing.expires_s, 7200);
	assert_int_equal(s.protocol, TLS);
	assert_int_equal(set, 1 << 2 | 1 << 7);

	/* A list is replaced as a whole; null takes away */
	assert_int_equal(read_over(&s, "phones: [{name: new}]\nhosts:\n"
				   "secret: ~\nmood: null\ntiming:\n", errs,
				   NULL), 0);
	assert_int_equal(list_count(&s.phones), 1);
	assert_int_equal(s.hosts.c, 0);
	assert_null(s.secret);
	assert_int_equal(s.mood, -1);
	assert_int_equal(s.timing.expires_s, 7200);

	assert_int_equal(read_over(&s, "", errs, &set), 0);
	assert_int_equal(set, 0);
	check_errors(errs, "");

	mem_deref(errs);
	fields_clear(&table, &s);
}


static void says_what_was_wanted_and_found(void **state)
{
	(void)state;

	refuse("timing:\n  expires: 1x\n", "s.yaml:2:12: timing.expires:"
	       " want 60s..7200s, found \"1x\"\n");
	refuse("timing: {expires: 59, retry: 1.5s, refresh_at: 96%}\n",
	       "s.yaml:1:19: timing.expires: want 60s..7200s, found \"59\"\n"
	       "s.yaml:1:30: timing.retry: want a duration such as 500ms or"
	       " 30s, found \"1.5s\"\n"
	       "s.yaml:1:48: timing.refresh_at: want 10%..95%, found"
	       " \"96%\"\n");
	refuse("timing: {expires: 60500ms, retry: 99999999999}\n",
	       "s.yaml:1:19: timing.expires: want 60s..7200s, found"
	       " \"60500ms\"\n"
	       "s.yaml:1:35: timing.retry: want a duration such as 500ms or"
	       " 30s, found \"99999999999\"\n");
	refuse("encrypt: yes\nport: 0\nprotocol: TLS\n",
	       "s.yaml:1:10: encrypt: want true or false, found \"yes\"\n"
	       "s.yaml:2:7: port: want 1..65535, found \"0\"\n"
	       "s.yaml:3:11: protocol: want one of udp, tcp, tls, found"
	       " \"TLS\"\n");
	refuse("port: 65536\n",
	       "s.yaml:1:7: port: want 1..65535, found \"65536\"\n");
	refuse("port: 99999999999999999999\n", "s.yaml:1:7: port: want"
	       " 1..65535, found \"99999999999999999999\"\n");
	refuse("port: [1]\n", "s.yaml:1:7: port: want 1..65535, found a"
	       " list\n");
	refuse("port:\n", "s.yaml:1:6: port: want 1..65535, found"
	       " nothing\n");
	refuse("timing: 5\n",
	       "s.yaml:1:9: timing: want a mapping, found \"5\"\n");
	refuse("codecs: g722\n", "s.yaml:1:9: codecs: want a list out of"
	       " pcma, pcmu, g722, found \"g722\"\n");
	refuse("codecs: [g722, g729]\n", "s.yaml:1:16: codecs[1]: want one"
	       " of pcma, pcmu, g722, found \"g729\"\n");
	refuse("hosts: [a, b@c, {}]\n",
	       "s.yaml:1:12: hosts[1]: want a host without @, found"
	       " \"b@c\"\n"
	       "s.yaml:1:17: hosts[2]: want a text, found a mapping\n");
	refuse("hosts: [a, b, c, d]\n", "s.yaml:1:8: hosts: want a list of"
	       " texts of at most 3 items, found a list\n");
	refuse("name: other\n", "s.yaml:1:7: name: cannot be changed\n");
	refuse("name:\n", "s.yaml:1:6: name: want a text of 1..16 octets,"
	       " found nothing\n");
	refuse("- a\n", "s.yaml:1:1: want a mapping, found a list\n");
}


static void every_error_of_a_file_is_told(void **state)
{
	(void)state;

	refuse("phones:\n"
	       "  - { name: ok }\n"
	       "  - { name: far-too-long-a-name, timing: { expires: 1 } }\n"
	       "  - five\n"
	       "port: x\n",
	       "s.yaml:3:13: phones[1].name: want a text of 1..16 octets,"
	       " found \"far-too-long-a-name\"\n"
	       "s.yaml:3:53: phones[1].timing.expires: want 60s..7200s,"
	       " found \"1\"\n"
	       "s.yaml:4:5: phones[2]: want a mapping, found \"five\"\n"
	       "s.yaml:5:7: port: want 1..65535, found \"x\"\n");
}


static void unknown_keys_have_a_nearest(void **state)
{
	(void)state;

	refuse("protocl: udp\ntiming: {expire: 90}\nzzz: 1\n",
	       "s.yaml:1:1: protocl: unknown key, did you mean"
	       " \"protocol\"?\n"
	       "s.yaml:2:10: timing.expire: unknown key, did you mean"
	       " \"expires\"?\n"
	       "s.yaml:3:1: zzz: unknown key\n");
}


static void secrets_are_not_shown(void **state)
{
	struct errors *errs;
	struct sample s;
	char *text;
	json_t *json;

	(void)state;
	refuse("secret: a@hush\n", "s.yaml:1:9: secret: want a host without"
	       " @, found a value that is not shown\n");
	assert_int_equal(setenv("CALLBRIDGE_TEST_PORT", "hush", 1), 0);
	refuse("port: !env CALLBRIDGE_TEST_PORT\n", "s.yaml:1:7: port: want"
	       " 1..65535, found a value that is not shown\n");

	begin_whole(&s);
	check_get(&s, "secret", "********");
	check_get(&s, "phones[0].password", "********");
	check_get(&s, "phones[1].password", "");

	json = fields_json(&table, &s, false);
	text = json_dumps(json, 0);
	assert_null(strstr(text, "s3cret"));
	assert_null(strstr(text, "101"));
	assert_null(strstr(text, "password"));
	free(text);
	json_decref(json);

	assert_int_equal(fields_get(&table, &s, "phones", &text), 0);
	assert_null(strstr(text, "101"));
	mem_deref(text);

	assert_int_equal(errors_alloc(&errs), 0);
	assert_int_equal(fields_set(&table, &s, "secret", "x@hush", errs),
			 EBADMSG);
	check_errors(errs, "secret: want a host without @, found a value"
		     " that is not shown\n");
	mem_deref(errs);
	fields_clear(&table, &s);
}


static void required_and_cross_checks_have_a_place(void **state)
{
	static const char text[] =
		"port: 5060\nprotocol: tls\nphones:\n  - {timing: {}}\n";
	struct errors *errs;
	struct sample s;
	struct doc *doc;

	(void)state;
	begin(&s);
	assert_int_equal(errors_alloc(&errs), 0);
	assert_int_equal(doc_parse(&doc, "s.yaml", text, strlen(text), errs),
			 0);
	assert_int_equal(fields_read(&table, &s, doc_root(doc), errs, NULL),
			 0);
	assert_int_equal(fields_required(&table, &s, doc_root(doc), errs),
			 EBADMSG);
	check_errors(errs,
		     "s.yaml:1:1: name: want a text of 1..16 octets, found"
		     " nothing\n"
		     "s.yaml:4:5: phones[0].name: want a text of 1..16"
		     " octets, found nothing\n");
	mem_deref(errs);

	/* With nothing missing, the table's own check has its turn */
	assert_int_equal(errors_alloc(&errs), 0);
	assert_int_equal(fields_set(&table, &s, "name", "x", errs), 0);
	assert_int_equal(fields_set(&table, &s, "phones[0].name", "y", errs),
			 0);
	assert_int_equal(fields_required(&table, &s, doc_root(doc), errs),
			 EBADMSG);
	check_errors(errs, "s.yaml:1:7: port: want 5061 with tls, found"
		     " 5060\n");
	assert_int_equal(fields_set(&table, &s, "port", "5061", errs), 0);
	assert_int_equal(fields_required(&table, &s, doc_root(doc), errs),
			 0);
	assert_int_equal(fields_required(&table, &s, NULL, errs), 0);

	mem_deref(doc);
	mem_deref(errs);
	fields_clear(&table, &s);
}


/** By either way */
static void same(const struct sample *a, const struct sample *b, bool are)
{
	assert_int_equal(fields_equal(&table, a, b), are);
	assert_int_equal(fields_hash(&table, a, true) ==
			 fields_hash(&table, b, true), are);
}


static void copies_are_equal_and_apart(void **state)
{
	struct phone *phone;
	struct sample a, b;

	(void)state;
	begin_whole(&a);
	memset(&b, 0, sizeof(b));
	assert_int_equal(fields_copy(&table, &b, &a), 0);
	same(&a, &b, true);
	assert_ptr_not_equal(a.name, b.name);

	phone = list_tail(&b.phones)->data;
	phone->timing.refresh_at++;
	same(&a, &b, false);
	phone->timing.refresh_at--;
	same(&a, &b, true);

	b.secret[0] = 'x';
	same(&a, &b, false);
	b.secret[0] = 's';
	assert_int_equal(strings_add(&b.hosts, "c"), 0);
	same(&a, &b, false);

	fields_clear(&table, &a);
	fields_clear(&table, &b);
}


static void an_item_leaves_its_list(void **state)
{
	struct list list = LIST_INIT;
	struct phone *phone = fields_item_alloc(&phone_table);

	(void)state;
	assert_non_null(phone);
	assert_int_equal(phone->timing.expires_s, 3600);
	assert_int_equal(str_dup(&phone->name, "x"), 0);
	list_append(&list, &phone->le, phone);
	mem_deref(phone);
	assert_null(list_head(&list));
}


static void sets_and_gets_by_path(void **state)
{
	struct errors *errs;
	struct sample s;

	(void)state;
	begin_whole(&s);
	assert_int_equal(errors_alloc(&errs), 0);

	assert_int_equal(fields_set(&table, &s, "timing.expires", "30m",
				    errs), 0);
	check_get(&s, "timing.expires", "30m");
	assert_int_equal(fields_set(&table, &s, "timing.retry", "61000",
				    errs), 0);
	check_get(&s, "timing.retry", "61s");
	assert_int_equal(fields_set(&table, &s, "timing.retry", "0", errs),
			 0);
	check_get(&s, "timing.retry", "0ms");
	check_get(&s, "timing.refresh_at", "80%");
	check_get(&s, "encrypt", "false");
	check_get(&s, "port", "5061");
	check_get(&s, "protocol", "tls");
	check_get(&s, "hosts", "a.example,203.0.113.7");
	check_get(&s, "phones[1].name", "two");
	check_get(&s, "phones[1].timing.expires", "90s");
	check_get(&s, "phones[1].timing", "{\"expires\":90,\"retry\":1500,"
		  "\"refresh_at\":50}");

	assert_int_equal(fields_set(&table, &s, "codecs", "pcmu , g722",
				    errs), 0);
	check_get(&s, "codecs", "pcmu,g722");
	assert_int_equal(fields_set(&table, &s, "codecs", "[pcma]", errs),
			 0);
	check_get(&s, "codecs", "pcma");
	assert_int_equal(fields_set(&table, &s, "timing", "{expires: 1m}",
				    errs), 0);
	check_get(&s, "timing.expires", "1m");
	assert_int_equal(fields_set(&table, &s, "phones", "[{name: z}]",
				    errs), 0);
	check_get(&s, "phones[0].name", "z");
	assert_int_equal(errors_count(errs), 0);

	assert_int_equal(fields_set(&table, &s, "port", "70000", errs),
			 EBADMSG);
	assert_int_equal(fields_set(&table, &s, "codecs", "pcma,opus", errs),
			 EBADMSG);
	assert_int_equal(fields_set(&table, &s, "hosts", "a,b,c,d", errs),
			 EBADMSG);
	assert_int_equal(fields_set(&table, &s, "name", "else", errs),
			 EBADMSG);
	assert_int_equal(fields_set(&table, &s, "hosts", "\xff", errs),
			 EBADMSG);
	check_errors(errs,
		     "port: want 1..65535, found \"70000\"\n"
		     "codecs: want one of pcma, pcmu, g722, found"
		     " \"pcma,opus\"\n"
		     "hosts: want a list of texts of at most 3 items, found"
		     " \"a,b,c,d\"\n"
		     "name: cannot be changed\n"
		     "hosts: want a text, found \"\\xff\"\n");

	mem_deref(errs);
	fields_clear(&table, &s);
}


static void unknown_paths_are_not_found(void **state)
{
	static const char *const pathv[] = {
		"", "x", "timing.x", "timing.", ".timing", "port.x",
		"phones[2].name", "phones[0]", "phones[].name", "phones[0",
		"phones[99999999999].name", "phones.name", "port[0]",
		"timing..expires", "phones[0]name",
	};
	struct sample s;
	char *text;

	(void)state;
	begin_whole(&s);
	for (size_t i = 0; i < sizeof(pathv) / sizeof(pathv[0]); i++) {
		assert_int_equal(fields_get(&table, &s, pathv[i], &text),
				 ENOENT);
		assert_int_equal(fields_set(&table, &s, pathv[i], "1", NULL),
				 ENOENT);
	}
	fields_clear(&table, &s);

	assert_ptr_equal(fields_find(&table, "phones.timing.expires"),
			 &timing_fields[0]);
	assert_ptr_equal(fields_find(&table, "timing"), &sample_fields[7]);
	assert_null(fields_find(&table, "timing.expires.x"));
	assert_null(fields_find(&table, ""));
}


static void json_goes_round(void **state)
{
	struct errors *errs;
	struct sample a, b;
	json_t *json, *again;
	uint64_t set;

	(void)state;
	begin_whole(&a);
	begin(&b);
	assert_int_equal(errors_alloc(&errs), 0);

	json = fields_json(&table, &a, true);
	assert_non_null(json);
	assert_int_equal(json_integer_value(json_object_get(
		json_object_get(json, "timing"), "expires")), 7200);

	assert_int_equal(fields_read_json(&table, &b, json, errs, &set), 0);
	check_errors(errs, "");
	assert_int_equal(set, (1 << 10) - 1);
	assert_true(fields_equal(&table, &a, &b));

	again = fields_json(&table, &b, true);
	assert_true(json_equal(json, again));
	json_decref(again);
	json_decref(json);

	/* What is unset goes round too */
	fields_clear(&table, &a);
	begin(&a);
	json = fields_json(&table, &a, true);
	assert_true(json_is_null(json_object_get(json, "mood")));
	assert_true(json_is_null(json_object_get(json, "secret")));
	json_object_del(json, "name");
	assert_int_equal(fields_read_json(&table, &b, json, errs, NULL), 0);
	mem_deref(a.name);
	a.name = mem_ref(b.name);
	assert_true(fields_equal(&table, &a, &b));
	json_decref(json);

	mem_deref(errs);
	fields_clear(&table, &a);
	fields_clear(&table, &b);
}


static void json_types_are_kept_apart(void **state)
{
	static const char text[] =
		"{\"port\": \"5060\", \"encrypt\": \"true\", \"secret\": 5,"
		" \"protocol\": 1, \"hosts\": [7], \"prt\": 1,"
		" \"timing\": {\"expires\": 1, \"refresh_at\": \"60%\"},"
		" \"phones\": [{\"name\": \"x\\u0007\"}]}";
	static const char bad[] =
		"{\"port\": \"5060\", \"encrypt\": \"true\", \"secret\": 5,"
		" \"protocol\": 1, \"hosts\": [7], \"prt\": 1,"
		" \"timing\": {\"expires\": 1, \"refresh_at\": \"60%\"}}";
	struct errors *errs;
	struct sample s;
	json_t *json;

	(void)state;
	begin(&s);
	assert_int_equal(errors_alloc(&errs), 0);
	json = json_loads(text, 0, NULL);
	assert_non_null(json);
	assert_int_equal(fields_read_json(&table, &s, json, errs, NULL),
			 EBADMSG);
	check_errors(errs, "phones.name: want printable UTF-8, found octet"
		     " 0x07 in the text\n");
	json_decref(json);
	mem_deref(errs);

	assert_int_equal(errors_alloc(&errs), 0);
	json = json_loads(bad, 0, NULL);
	assert_int_equal(fields_read_json(&table, &s, json, errs, NULL),
			 EBADMSG);
	check_errors(errs,
		     "port: want 1..65535, found \"5060\"\n"
		     "encrypt: want true or false, found \"true\"\n"
		     "secret: want a text of at most 12 octets, found a value"
		     " that is not shown\n"
		     "protocol: want one of udp, tcp, tls, found \"1\"\n"
		     "hosts[0]: want a text, found \"7\"\n"
		     "prt: unknown key, did you mean \"port\"?\n"
		     "timing.expires: want 60s..7200s, found \"1\"\n");
	json_decref(json);
	mem_deref(errs);
	fields_clear(&table, &s);
}


static void json_takes_what_a_peer_wrote(void **state)
{
	struct sample s;
	json_t *json;

	(void)state;
	begin(&s);
	assert_int_equal(str_dup(&s.name, "caf\xe9"), 0);
	json = fields_json(&table, &s, false);
	assert_string_equal(json_string_value(json_object_get(json, "name")),
			    "caf\\xe9");
	json_decref(json);
	fields_clear(&table, &s);
}


struct ask { const char *path; int err; };


static int ask_print(struct re_printf *pf, struct ask *ask)
{
	ask->err = fields_explain(pf, &table, ask->path);
	return 0;
}


static void check_explain(const char *path, int err, const char *want)
{
	struct ask ask = { path, -1 };
	char *text;

	assert_int_equal(re_sdprintf(&text, "%H", ask_print, &ask), 0);
	assert_int_equal(ask.err, err);
	assert_string_equal(text, want);
	mem_deref(text);
}


static void explains_fields(void **state)
{
	(void)state;

	check_explain("timing.expires", 0,
		      "timing.expires: duration\n"
		      "  How long a binding lasts\n"
		      "  want     60s..7200s\n"
		      "  default  1h\n");
	check_explain("phones.name", 0,
		      "phones.name: text\n"
		      "  Name of the phone\n"
		      "  want     a text of 1..16 octets\n"
		      "  default  unset\n"
		      "  note     required; cannot be changed\n");
	check_explain("timing", 0,
		      "timing: mapping\n"
		      "  Times\n"
		      "  want     a mapping\n"
		      "  timing.expires                  How long a binding"
		      " lasts\n"
		      "  timing.retry                    Wait before the next"
		      " try\n"
		      "  timing.refresh_at               When to refresh |"
		      " part of expires\n");
	check_explain("nothing", ENOENT, "");
}


static json_t *at(json_t *json, const char *a, const char *b)
{
	return json_object_get(json_object_get(json, a), b);
}


static void schema_says_what_the_table_says(void **state)
{
	json_t *schema = fields_schema(&table), *p, *phones;

	(void)state;
	assert_non_null(schema);
	p = json_object_get(schema, "properties");

	assert_string_equal(json_string_value(json_object_get(
		schema, "$schema")),
		"https://json-schema.org/draft/2020-12/schema");
	assert_true(json_is_false(json_object_get(schema,
						  "additionalProperties")));
	assert_int_equal(json_object_size(p), 10);
	assert_string_equal(json_string_value(json_array_get(
		json_object_get(schema, "required"), 0)), "name");
	assert_int_equal(json_integer_value(at(p, "port", "maximum")),
			 65535);
	assert_int_equal(json_integer_value(at(p, "port", "default")), 5060);
	assert_int_equal(json_array_size(at(p, "protocol", "enum")), 3);
	assert_true(json_is_true(at(p, "secret", "writeOnly")));
	assert_int_equal(json_array_size(at(p, "codecs", "default")), 2);
	assert_int_equal(json_array_size(json_object_get(
		at(p, "codecs", "items"), "enum")), 3);
	assert_int_equal(json_array_size(json_object_get(json_object_get(
		at(p, "timing", "properties"), "expires"), "anyOf")), 2);

	phones = at(p, "phones", "items");
	assert_string_equal(json_string_value(json_array_get(
		json_object_get(phones, "required"), 0)), "name");

	json_decref(schema);
}


/* Without memory */


static int json_once(void *arg)
{
	json_t *json = fields_json(&table, arg, true);

	json_decref(json);

	return json ? 0 : ENOMEM;
}


static int schema_once(void *arg)
{
	json_t *json = fields_schema(arg);

	json_decref(json);

	return json ? 0 : ENOMEM;
}


static int read_once(void *arg)
{
	struct sample s;
	struct doc *doc = NULL;
	int err;

	memset(&s, 0, sizeof(s));
	err = fields_defaults(&table, &s);
	if (!err)
		err = doc_parse(&doc, "s.yaml", whole, strlen(whole), arg);
	if (!err)
		err = fields_read(&table, &s, doc_root(doc), arg, NULL);
	mem_deref(doc);
	fields_clear(&table, &s);

	return err;
}


static int copy_once(void *arg)
{
	struct sample s;
	char *text = NULL;
	int err;

	memset(&s, 0, sizeof(s));
	err = fields_copy(&table, &s, arg);
	if (!err)
		err = fields_set(&table, &s, "codecs", "pcma,pcmu", NULL);
	if (!err)
		err = fields_set(&table, &s, "phones", "[{name: z}]", NULL);
	if (!err)
		err = fields_get(&table, &s, "phones", &text);
	mem_deref(text);
	fields_clear(&table, &s);

	return err;
}


static int read_json_once(void *arg)
{
	struct sample s;
	int err;

	memset(&s, 0, sizeof(s));
	err = fields_read_json(&table, &s, arg, NULL, NULL);
	fields_clear(&table, &s);

	return err;
}


static void *json_malloc(size_t size)
{
	return oom_refuse() ? NULL : malloc(size);
}


static void survives_failing_allocations(void **state)
{
	struct errors *errs;
	struct sample s;
	json_t *json;

	(void)state;
	begin_whole(&s);
	assert_int_equal(errors_alloc(&errs), 0);

	oom_walk(read_once, errs);
	oom_walk(copy_once, &s);
	assert_int_equal(errors_count(errs), 0);

	json = fields_json(&table, &s, true);
	oom_walk(read_json_once, json);
	json_decref(json);

	json_set_alloc_funcs(json_malloc, free);
	oom_walk(json_once, &s);
	oom_walk(schema_once, (void *)(uintptr_t)&table);
	json_set_alloc_funcs(malloc, free);

	mem_deref(errs);
	fields_clear(&table, &s);
}


int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_are_as_written),
		cmocka_unit_test(reads_every_type),
		cmocka_unit_test(what_is_not_written_stays),
		cmocka_unit_test(says_what_was_wanted_and_found),
		cmocka_unit_test(every_error_of_a_file_is_told),
		cmocka_unit_test(unknown_keys_have_a_nearest),
		cmocka_unit_test(secrets_are_not_shown),
		cmocka_unit_test(required_and_cross_checks_have_a_place),
		cmocka_unit_test(copies_are_equal_and_apart),
		cmocka_unit_test(an_item_leaves_its_list),
		cmocka_unit_test(sets_and_gets_by_path),
		cmocka_unit_test(unknown_paths_are_not_found),
		cmocka_unit_test(json_goes_round),
		cmocka_unit_test(json_types_are_kept_apart),
		cmocka_unit_test(json_takes_what_a_peer_wrote),
		cmocka_unit_test(explains_fields),
		cmocka_unit_test(schema_says_what_the_table_says),
		cmocka_unit_test(survives_failing_allocations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
