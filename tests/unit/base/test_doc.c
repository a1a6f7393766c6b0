/**
 * @file test_doc.c  YAML: what is read, what is refused, and where
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "bridge/base/libre.h"
#include "bridge/base/doc.h"
#include "bridge/base/errors.h"
#include "oom.h"


enum {
	DEPTH  = 32,
	NODES  = 20000,
	SCALAR = 64 * 1024,
	FILE_  = 256 * 1024,
	LARGE_NODES = 1000000,
	LARGE_FILE  = 16 * 1024 * 1024,
};


static struct doc *parse(const char *text, size_t size)
{
	struct errors *errs;
	struct doc *doc = NULL;

	assert_int_equal(errors_alloc(&errs), 0);
	if (doc_parse(&doc, "t.yaml", text, size, errs)) {
		re_fprintf(stderr, "%H", errors_print, errs);
		fail();
	}
	assert_int_equal(errors_count(errs), 0);
	mem_deref(errs);

	return doc;
}


/** Nothing comes out, and these are the errors */
static void refuse_size(const char *text, size_t size, const char *want)
{
	struct errors *errs;
	struct doc *doc = NULL;
	char *found;

	assert_int_equal(errors_alloc(&errs), 0);
	assert_int_equal(doc_parse(&doc, "t.yaml", text, size, errs),
			 EBADMSG);
	assert_null(doc);
	assert_int_equal(re_sdprintf(&found, "%H", errors_print, errs), 0);
	assert_string_equal(found, want);

	mem_deref(found);
	mem_deref(errs);
}


static void refuse(const char *text, const char *want)
{
	refuse_size(text, strlen(text), want);
}


static void knows_lines_and_columns(void **state)
{
	static const char text[] =
		"tenant: contoso\n"
		"teams: { fqdn: \"a.example\" }\n"
		"# a comment\n"
		"pbx:\n"
		"  - name: hq\n"
		"    wait: 30s\n"
		"  - other\n"
		"empty:\n";
	struct doc *doc = parse(text, strlen(text));
	const struct doc_node *root = doc_root(doc), *node;

	(void)state;
	assert_int_equal(root->type, DOC_MAPPING);
	assert_string_equal(root->file, "t.yaml");

	node = doc_member(root, "tenant");
	assert_string_equal(node->value, "contoso");
	assert_true(node->plain);
	assert_false(node->secret);
	assert_int_equal(node->line, 1);
	assert_int_equal(node->column, 9);
	assert_int_equal(node->key_line, 1);
	assert_int_equal(node->key_column, 1);

	node = doc_member(doc_member(root, "teams"), "fqdn");
	assert_string_equal(node->value, "a.example");
	assert_false(node->plain);
	assert_int_equal(node->line, 2);
	assert_int_equal(node->column, 16);
	assert_int_equal(node->key_column, 10);

	node = doc_member(root, "pbx");
	assert_int_equal(node->type, DOC_SEQUENCE);
	node = node->child;
	assert_string_equal(doc_member(node, "wait")->value, "30s");
	assert_int_equal(doc_member(node, "wait")->line, 6);
	assert_string_equal(node->next->value, "other");
	assert_null(node->next->next);

	assert_string_equal(doc_member(root, "empty")->value, "");
	assert_true(doc_member(root, "empty")->plain);
	assert_null(doc_member(root, "absent"));
	assert_null(doc_member(node, NULL));

	mem_deref(doc);
}


static void reads_core_tags_and_text_of_all_tongues(void **state)
{
	static const char text[] = "\xef\xbb\xbf" "a: !!str 12\r\n"
		"b: !!int \"12\"\nc: !!seq [x]\nd: Gr\xc3\xbc\xc3\x9f\n"
		"e: \"tab\\tline\\n\"\nf: |\n  one\n  two\n";
	struct doc *doc = parse(text, strlen(text));
	const struct doc_node *root = doc_root(doc);

	(void)state;
	assert_false(doc_member(root, "a")->plain);
	assert_int_equal(doc_member(root, "a")->key_column, 1);
	assert_true(doc_member(root, "b")->plain);
	assert_string_equal(doc_member(root, "c")->child->value, "x");
	assert_string_equal(doc_member(root, "d")->value,
			    "Gr\xc3\xbc\xc3\x9f");
	assert_string_equal(doc_member(root, "e")->value, "tab\tline\n");
	assert_string_equal(doc_member(root, "f")->value, "one\ntwo\n");
	mem_deref(doc);
}


static void empty_documents_have_no_root(void **state)
{
	static const char *const textv[] = { "", "# nothing\n", "\n\n" };

	(void)state;

	for (size_t i = 0; i < 3; i++) {
		struct doc *doc = parse(textv[i], strlen(textv[i]));

		assert_null(doc_root(doc));
		mem_deref(doc);
	}
}


static void refuses_what_is_not_core(void **state)
{
	(void)state;

	refuse("a: &x 1\nb: *x\n",
	       "t.yaml:1:4: a: want no anchor, found &x\n"
	       "t.yaml:2:4: b: want no alias, found *x\n");
	refuse("a: &x [1]\n", "t.yaml:1:4: a: want no anchor, found &x\n");
	refuse("base: {a: 1}\n<<: {b: 2}\n",
	       "t.yaml:2:1: want no merge key, found <<\n");
	refuse("a: !!binary aGk=\n", "t.yaml:1:4: a: want no tag but those of"
	       " YAML's core and !env, found tag:yaml.org,2002:binary\n");
	refuse("a: !mine {b: 1}\n", "t.yaml:1:4: a: want no tag but those of"
	       " YAML's core and !env, found !mine\n");
	refuse("a: !!map x\n", "t.yaml:1:4: a: tag tag:yaml.org,2002:map"
	       " does not fit this value\n");
	refuse("a: !env [x]\n",
	       "t.yaml:1:4: a: tag !env does not fit this value\n");
	refuse("a: 1\n--- \nb: 2\n",
	       "t.yaml:2:1: want one document, found a second one\n");
}


static void refuses_bad_keys(void **state)
{
	static const char good[] = "\"12\": a\n203.0.113.7: b\n1x: c\n";

	(void)state;

	refuse("a: 1\nb: 2\na: 3\na: 4\n",
	       "t.yaml:3:1: a: written twice, first in line 1\n"
	       "t.yaml:4:1: a: written twice, first in line 1\n");
	refuse("x:\n  y: {b: 1, \"b\": 2}\n",
	       "t.yaml:2:13: x.y.b: written twice, first in line 2\n");
	refuse("12: a\n", "t.yaml:1:1: want a text as key, found 12: put it"
	       " in quotes\n");
	refuse("1.5e3: a\n", "t.yaml:1:1: want a text as key, found 1.5e3:"
	       " put it in quotes\n");
	refuse("true: a\n", "t.yaml:1:1: want a text as key, found true: put"
	       " it in quotes\n");
	refuse("?\n: a\n", "t.yaml:1:2: want a text as key, found nothing: put"
	       " it in quotes\n");
	refuse("? [a]\n: b\n",
	       "t.yaml:1:3: want a text as key, found a list\n");
	refuse("? {a: b}\n: b\n",
	       "t.yaml:1:3: want a text as key, found a mapping\n");

	mem_deref(parse(good, strlen(good)));
}


static void refuses_what_is_no_text(void **state)
{
	(void)state;

	refuse_size("a: b\nc: d\0e\n", 12, "t.yaml:2:5: want text, found"
		    " control character 0x00\n");
	refuse("a: \x07\n", "t.yaml:1:4: want text, found control character"
	       " 0x07\n");
	refuse("a: \xc2\x85\n", "t.yaml:1:4: want text, found control"
	       " character 0xc2\n");
	refuse("a: \xff\n", "t.yaml:1:4: want UTF-8, found octet 0xff\n");
	refuse("a: \xc0\xaf\n", "t.yaml:1:4: want UTF-8, found octet 0xc0\n");
	refuse("a: \xed\xa0\x80\n",
	       "t.yaml:1:4: want UTF-8, found octet 0xed\n");

	/* Written by escapes, they come to light only when read */
	refuse("a: \"x\\0y\"\n", "t.yaml:1:4: a: want printable UTF-8, found"
	       " octet 0x00 in the text\n");
	refuse("\"k\\e\": 1\n", "t.yaml:1:1: want printable UTF-8, found"
	       " octet 0x1b in the text\n");
}


static void tells_where_the_syntax_is_broken(void **state)
{
	(void)state;

	refuse("a: [1, 2\nb: 3\n", "t.yaml:2:2: a: did not find expected ','"
	       " or ']', while parsing a flow sequence that began in"
	       " line 1\n");
	refuse("a: \"x\n", "t.yaml:2:1: a: found unexpected end of stream,"
	       " while scanning a quoted scalar that began in line 1\n");
	refuse("a:\n\t- b\n", "t.yaml:2:1: a: found character that cannot start"
	       " any token, while scanning for the next token that began in"
	       " line 2\n");
}


static void env_stands_for_a_variable(void **state)
{
	static const char text[] = "p: !env CALLBRIDGE_TEST_SECRET\n";
	const struct doc_node *node;
	struct doc *doc;

	(void)state;
	assert_int_equal(setenv("CALLBRIDGE_TEST_SECRET", "s3cr: {t", 1), 0);
	doc = parse(text, strlen(text));
	node = doc_member(doc_root(doc), "p");
	assert_string_equal(node->value, "s3cr: {t");
	assert_true(node->secret);
	assert_false(node->plain);
	mem_deref(doc);

	/* What is in it is not shown, not even when it is wrong */
	assert_int_equal(setenv("CALLBRIDGE_TEST_SECRET", "hush\x01", 1), 0);
	refuse(text, "t.yaml:1:4: p: want printable UTF-8, found octet 0x01"
	       " in the text\n");

	assert_int_equal(unsetenv("CALLBRIDGE_TEST_SECRET"), 0);
	refuse(text, "t.yaml:1:4: p: want environment variable"
	       " CALLBRIDGE_TEST_SECRET to be set, found it unset\n");
	refuse("p: !env \"A-B\"\n", "t.yaml:1:4: p: want the name of an"
	       " environment variable after !env, found \"A-B\"\n");
	refuse("!env A: b\n",
	       "t.yaml:1:1: tag !env does not fit this value\n");
}


/** Whoever sends us a text is not to read our environment by it, nor to learn
    what is in there */
static void env_is_not_read_for_others(void **state)
{
	static const char text[] = "p: !env PATH\nq: !env CALLBRIDGE_NONE\n";
	struct errors *errs;
	struct doc *doc = NULL;
	char *found;

	(void)state;
	assert_int_equal(errors_alloc(&errs), 0);
	assert_int_equal(doc_parse_sent(&doc, "t.yaml", text, strlen(text),
					errs), EBADMSG);
	assert_null(doc);
	assert_int_equal(re_sdprintf(&found, "%H", errors_print, errs), 0);
	assert_string_equal(found, "t.yaml:1:4: p: want the value itself:"
			    " !env is not read from a text that was sent\n"
			    "t.yaml:2:4: q: want the value itself:"
			    " !env is not read from a text that was sent\n");
	mem_deref(found);
	assert_int_equal(doc_parse_sent(&doc, "t.yaml", "p: x\n", 5, errs),
			 0);
	mem_deref(doc);
	mem_deref(errs);
}


static char *repeat(const char *head, const char *unit, size_t c,
		    const char *tail, size_t *sizep)
{
	const size_t hl = strlen(head), ul = strlen(unit), tl = strlen(tail);
	char *text = malloc(hl + ul * c + tl + 1);

	assert_non_null(text);
	memcpy(text, head, hl);
	for (size_t i = 0; i < c; i++)
		memcpy(text + hl + i * ul, unit, ul);
	memcpy(text + hl + ul * c, tail, tl + 1);
	*sizep = hl + ul * c + tl;

	return text;
}


/** c units are taken if want is NULL, refused with it otherwise */
static void limit(const char *head, const char *unit, size_t c,
		  const char *tail, const char *want)
{
	size_t size;
	char *text = repeat(head, unit, c, tail, &size);

	if (want)
		refuse_size(text, size, want);
	else
		mem_deref(parse(text, size));

	free(text);
}


static void nesting_ends_at_32(void **state)
{
	static const char want[] =
		"t.yaml:1:33: want at most 32 levels of nesting\n";
	char closing[DEPTH + 2];

	(void)state;
	memset(closing, ']', sizeof(closing));
	closing[DEPTH + 1] = '\0';

	limit("", "[", DEPTH - 1, closing + 2, NULL);
	limit("", "[", DEPTH,     closing + 1, NULL);
	limit("", "[", DEPTH + 1, closing,     want);
}


static void values_and_keys_end_at_20000(void **state)
{
	static const char want[] =
		"want at most 20000 values and keys\n";
	char line[128];

	(void)state;

	/* The list itself is one */
	limit("", "- x\n", NODES - 2, "", NULL);
	limit("", "- x\n", NODES - 1, "", NULL);
	(void)re_snprintf(line, sizeof(line), "t.yaml:20000:3: %s", want);
	limit("", "- x\n", NODES, "", line);
	limit("", "- {}\n", NODES - 1, "", NULL);
	(void)re_snprintf(line, sizeof(line), "t.yaml:20000:3: %s", want);
	limit("", "- {}\n", NODES, "", line);
}


static void texts_end_at_64_kib(void **state)
{
	(void)state;

	limit("a: ", "x", SCALAR - 1, "\n", NULL);
	limit("a: ", "x", SCALAR,     "\n", NULL);
	limit("a: ", "x", SCALAR + 1, "\n", "t.yaml:1:4: a: want a text of at"
	      " most 65536 octets, found 65537\n");
}


static void files_end_at_256_kib(void **state)
{
	(void)state;

	limit("a: b #", "x", FILE_ - 7, "", NULL);
	limit("a: b #", "x", FILE_ - 6, "", NULL);
	limit("a: b #", "x", FILE_ - 5, "",
	      "t.yaml: want at most 262144 octets, found more\n");
}


static void refusing_is_quick(void **state)
{
	static const char *const unitv[] = {
		"[", "{", "- ", "? ", "[{a: ", "!", "&", "*", "a: ", "'", "\"",
		"|\n", "- - ", "{a,", "[a,", "\n ", "--- \n", "%", "a:\n ",
		", ", "x ", "? a\n", "\t",
	};

	(void)state;

	for (size_t i = 0; i < sizeof(unitv) / sizeof(unitv[0]); i++) {
		struct errors *errs;
		struct doc *doc = NULL;
		struct timespec a, b;
		size_t size;
		char *text = repeat("", unitv[i], FILE_ / strlen(unitv[i]),
				    "", &size);

		assert_int_equal(errors_alloc(&errs), 0);
		(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
		if (!doc_parse(&doc, "t", text, size, errs))
			mem_deref(doc);
		(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);

		/* The bound is 1 s; sanitizers make it several times that */
		assert_true(b.tv_sec - a.tv_sec <= 4);
		mem_deref(errs);
		free(text);
	}
}


/** Of a large file: its first error, "" if there is none */
static void large(const char *head, const char *unit, size_t c,
		  const char *tail, const char *want)
{
	char path[] = "/tmp/callbridge-doc-XXXXXX";
	const int fd = mkstemp(path);
	struct errors *errs;
	struct doc *doc = NULL;
	size_t size, written = 0;
	char *text = repeat(head, unit, c, tail, &size);
	int err;

	assert_true(fd >= 0);
	while (written < size) {
		const ssize_t n = write(fd, text + written, size - written);

		assert_true(n > 0);
		written += (size_t)n;
	}
	assert_int_equal(close(fd), 0);
	free(text);

	assert_int_equal(errors_alloc(&errs), 0);
	err = doc_load_large(&doc, path, errs);
	assert_int_equal(err, *want ? EBADMSG : 0);
	assert_string_equal(*want ? errors_get(errs, 0)->message : "", want);
	assert_int_equal(!doc, *want != '\0');

	mem_deref(doc);
	mem_deref(errs);
	assert_int_equal(unlink(path), 0);
}


static void a_large_file_has_its_limits_too(void **state)
{
	(void)state;

	large("", "- x\n", LARGE_NODES - 1, "", "");
	large("", "- x\n", LARGE_NODES, "",
	      "want at most 1000000 values and keys");
	large("a: b #", "x", LARGE_FILE - 6, "", "");
	large("a: b #", "x", LARGE_FILE - 5, "",
	      "want at most 16777216 octets, found more");

	/* and all the others */
	large("a: ", "[", 100000, "", "want at most 32 levels of nesting");
	large("a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [", "*a,", 100000, "]\n",
	      "want no anchor, found &a");
	large("b: [", "*a,", 100000, "]\n", "want no alias, found *a");
	large("a: ", "x", SCALAR + 1, "\n",
	      "want a text of at most 65536 octets, found 65537");
}


static void files_are_read_and_named(void **state)
{
	char path[] = "/tmp/callbridge-doc-XXXXXX";
	const int fd = mkstemp(path);
	struct errors *errs;
	struct doc *doc = NULL;
	char *text;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "a: b\n", 5), 5);
	assert_int_equal(close(fd), 0);
	assert_int_equal(errors_alloc(&errs), 0);

	assert_int_equal(doc_load(&doc, path, errs), 0);
	assert_string_equal(doc_member(doc_root(doc), "a")->value, "b");
	assert_string_equal(doc_root(doc)->file, path);
	doc = mem_deref(doc);
	assert_int_equal(unlink(path), 0);

	assert_int_equal(doc_load(&doc, "/nowhere/x.yaml", errs), ENOENT);
	assert_int_equal(doc_load(&doc, "/", errs), EISDIR);
	assert_null(doc);
	assert_int_equal(re_sdprintf(&text, "%H", errors_print, errs), 0);
	assert_string_equal(text, "/nowhere/x.yaml: cannot be read: No such"
			    " file or directory\n"
			    "/: cannot be read: Is a directory\n");
	mem_deref(text);
	mem_deref(errs);
}


static int parse_once(void *arg)
{
	static const char text[] = "a: {b: [c, d], e: f}\ng: h\n";
	struct doc *doc;
	int err;

	err = doc_parse(&doc, "t.yaml", text, strlen(text), arg);
	if (!err)
		mem_deref(doc);

	return err;
}


static void survives_failing_allocations(void **state)
{
	struct errors *errs;

	(void)state;
	assert_int_equal(errors_alloc(&errs), 0);
	oom_walk(parse_once, errs);
	assert_int_equal(errors_count(errs), 0);
	mem_deref(errs);
}


int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(knows_lines_and_columns),
		cmocka_unit_test(reads_core_tags_and_text_of_all_tongues),
		cmocka_unit_test(empty_documents_have_no_root),
		cmocka_unit_test(refuses_what_is_not_core),
		cmocka_unit_test(refuses_bad_keys),
		cmocka_unit_test(refuses_what_is_no_text),
		cmocka_unit_test(tells_where_the_syntax_is_broken),
		cmocka_unit_test(env_stands_for_a_variable),
		cmocka_unit_test(env_is_not_read_for_others),
		cmocka_unit_test(nesting_ends_at_32),
		cmocka_unit_test(values_and_keys_end_at_20000),
		cmocka_unit_test(texts_end_at_64_kib),
		cmocka_unit_test(files_end_at_256_kib),
		cmocka_unit_test(refusing_is_quick),
		cmocka_unit_test(a_large_file_has_its_limits_too),
		cmocka_unit_test(files_are_read_and_named),
		cmocka_unit_test(survives_failing_allocations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
