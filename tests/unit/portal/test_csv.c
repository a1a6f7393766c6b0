/**
 * @file test_csv.c  Comma-separated values, read and written
 */
#include <event2/buffer.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

#include "bridge/base/libre.h"
#include "portal-api/csv.h"


static struct csv csv;
static char text[1024];
static char *valuev[CSV_COLUMNS_MAX];
static size_t valuec;


static void begin(const char *what)
{
	str_ncpy(text, what, sizeof(text));
	csv_begin(&csv, text, strlen(text));
}


/** The next record: its line, and its values with '|' between */
static void assert_record(size_t line, const char *values)
{
	char found[1024] = "";
	size_t n = 0;

	assert_int_equal(csv_read(&csv, valuev, &valuec), 0);
	assert_int_equal(csv.line, line);

	for (size_t i = 0; i < valuec; i++)
		n += (size_t)re_snprintf(found + n, sizeof(found) - n, "%s%s",
					 i ? "|" : "", valuev[i]);
	assert_string_equal(found, values);
}


static void assert_end(int err)
{
	assert_int_equal(csv_read(&csv, valuev, &valuec), err);
}


static void test_lines_end_as_they_like(void **state)
{
	(void)state;

	begin("a,b\r\n1,2\n\r\n\n3,4");
	assert_record(1, "a|b");
	assert_record(2, "1|2");
	assert_record(5, "3|4");
	assert_end(ENOENT);

	begin("");
	assert_end(ENOENT);
	begin("\n\r\n");
	assert_end(ENOENT);
	begin("one");
	assert_record(1, "one");
	assert_end(ENOENT);
}


static void test_empty_values_are_values(void **state)
{
	(void)state;

	begin(",\n,a,\n\"\",\"\"");
	assert_record(1, "|");
	assert_record(2, "|a|");
	assert_record(3, "|");
	assert_end(ENOENT);
}


static void test_quotation_marks(void **state)
{
	(void)state;

	begin("\"a,b\",\"say \"\"hi\"\"\",\"two\nlines\"\nnext,\"x\"\r\n");
	assert_record(1, "a,b|say \"hi\"|two\nlines");
	assert_record(3, "next|x");
	assert_end(ENOENT);

	begin("\"open");
	assert_end(EBADMSG);
	begin("\"shut\"x,1");
	assert_end(EBADMSG);
	begin("a,\"");
	assert_end(EBADMSG);
}


static void test_the_first_line_tells_the_separator(void **state)
{
	(void)state;

	begin("\xef\xbb\xbfupn;name\na@b.c;\"x;y, z\"\n");
	assert_record(1, "upn|name");
	assert_record(2, "a@b.c|x;y, z");

	begin("upn,name;x\na;b,c\n");
	assert_record(1, "upn|name;x");
	assert_record(2, "a;b|c");

	begin("upn\na;b\n");
	assert_record(1, "upn");
	assert_record(2, "a;b");
}


static void test_too_many_values(void **state)
{
	char wide[2 * CSV_COLUMNS_MAX + 2];

	(void)state;

	memset(wide, ',', sizeof(wide));
	wide[CSV_COLUMNS_MAX - 1] = '\0';
	begin(wide);
	assert_int_equal(csv_read(&csv, valuev, &valuec), 0);
	assert_int_equal(valuec, CSV_COLUMNS_MAX);

	wide[CSV_COLUMNS_MAX - 1] = ',';
	wide[CSV_COLUMNS_MAX] = '\0';
	begin(wide);
	assert_end(E2BIG);
}


static void assert_written(const char *value, const char *want)
{
	struct evbuffer *out = evbuffer_new();
	char found[256] = "";

	csv_write(out, value, 1);
	assert_true(evbuffer_remove(out, found, sizeof(found) - 1) >= 0);
	evbuffer_free(out);
	found[strcspn(found, "\r")] = '\0';
	assert_string_equal(found, want);
}


static void test_what_is_written_is_no_formula(void **state)
{
	(void)state;

	assert_written("Ann", "Ann");
	assert_written("", "");
	assert_written("Ann, B", "\"Ann, B\"");
	assert_written("a;b", "\"a;b\"");
	assert_written("say \"hi\"", "\"say \"\"hi\"\"\"");
	assert_written("+442079460018", "+442079460018");
	assert_written("+1+2", "\"'+1+2\"");
	assert_written("=1+2", "\"'=1+2\"");
	assert_written("-1", "\"'-1\"");
	assert_written("@SUM(A1)", "\"'@SUM(A1)\"");
}


int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines_end_as_they_like),
		cmocka_unit_test(test_empty_values_are_values),
		cmocka_unit_test(test_quotation_marks),
		cmocka_unit_test(test_the_first_line_tells_the_separator),
		cmocka_unit_test(test_too_many_values),
		cmocka_unit_test(test_what_is_written_is_no_formula),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
