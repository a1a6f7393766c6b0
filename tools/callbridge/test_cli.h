/**
 * @file test_cli.h  What the parts of `callbridge test` share
 */
#ifndef CALLBRIDGE_TEST_CLI_H
#define CALLBRIDGE_TEST_CLI_H

#include "cli.h"

#include "testplans/run.h"

struct json_t;
struct roster;

/* argv[0] is the word after `test` */

int test_run(const struct cli *cli, int argc, char *argv[]);
int test_keep(const struct cli *cli, int argc, char *argv[]);
int test_init(int argc, char *argv[]);
int test_compare(int argc, char *argv[]);

/**
 * Ask the service
 *
 * @param socket  Its control socket
 * @param text    Takes the body, to be freed with free()
 *
 * @return as run_fetch_h
 */
int test_fetch(const char *socket, bool post, const char *path, char **text,
	       size_t *size);

/* test_screen.c: what happens, as it happens, and what is answered */

void test_screen_event(const struct run_event *ev);

/** The same as docs/api.md has it */
void test_screen_json(const struct json_t *json);

/**
 * Read an answer of standard input: a letter, and a remark behind it
 *
 * @param choice  Yes or no was asked for, not whether it is done
 *
 * @return false if there is no more of it
 */
bool test_answer_read(bool choice, enum run_answer *answer, char *note,
		      size_t size);

/* test_report.c: what a test leaves behind */

/** Names of files, each NULL: not wanted */
struct test_files {
	const char *json, *junit, *html;
};

/** Write a report. @return 0, errno (told) */
int test_files_write(const struct test_files *files,
		     const struct json_t *report);

/** The last line. @param events  Not for a person: none.
    @return exit status */
int test_summary(const struct json_t *report, bool events);

/* test_node.c: tests that run at the service */

/** What is wanted of `test run --on-node` */
struct test_order {
	const char *tenant, *pbx;  /* NULL: the only one                    */
	const char *const *planv;
	size_t planc;
	const char *const *casev;
	size_t casec;
	const char *const *tagv;
	size_t tagc;
	const char *resume;        /* id, or file of a report; NULL         */
	uint32_t times, repeat;
	struct test_files files;
};

enum { TEST_ID_SIZE = 128 };

/** Is a plan called by its file's name? Otherwise it is one of the house */
bool test_is_file(const char *plan);

/**
 * The order as the service takes it, with the plans that are files here
 *
 * @param tenant  Whose test it is
 * @param jsonp   Takes it, the caller owns the reference
 *
 * @return EXIT_GOOD, or told
 */
int test_order_json(const struct cli *cli, const struct test_order *order,
		    const char *tenant, struct json_t **jsonp);

/** Have the service keep the report in a file. @param tenant  NULL: the
    MSP's. @return EXIT_GOOD, or told */
int test_keep_file(const struct cli *cli, const char *path,
		   const char *tenant, char id[TEST_ID_SIZE]);

/** A PBX, by its names */
struct test_place {
	char tenant[TEST_ID_SIZE], pbx[TEST_ID_SIZE];
};

/** @param tenant, pbx  NULL: the only one. @return EXIT_GOOD, or told */
int test_node_pbx(const struct cli *cli, const char *tenant, const char *pbx,
		  struct test_place *place);

/** Begin a test. @param order  Taken; see docs/api.md. @param id  Takes it
    @return EXIT_GOOD, or told */
int test_node_begin(const struct cli *cli, const struct test_place *place,
		    struct json_t *order, char id[TEST_ID_SIZE]);

/** What is told, on the screen: a follow_event_h */
void test_node_event(const struct json_t *json, void *arg);

/** Fetch the report of a test that is over, with captures beside its page
    @param reportp  Takes it, also when a file cannot be written
    @return EXIT_GOOD, or told */
int test_node_report(const struct cli *cli, const char *id,
		     const struct test_files *files,
		     struct json_t **reportp);

/** Begin a test of plans at the service, look on, and fetch its report.
    @return exit status */
int test_node_run(const struct cli *cli, const struct test_order *order);
int test_node_list(const struct cli *cli, const char *tenant);
int test_watch(const struct cli *cli, int argc, char *argv[]);
int test_stop(const struct cli *cli, int argc, char *argv[]);

/* test_bench.c: programs that are started for a run */

struct bench;

/**
 * Start what the roster says is to be started
 *
 * @param socket  The service's control socket
 * @param folder  Takes their logs
 *
 * @return EXIT_GOOD, EXIT_BAD (told)
 */
int  test_bench_start(struct bench **benchp, const struct roster *roster,
		      const char *socket, const char *folder);

/* test_pki.c: certificates of a site's test bench */

/**
 * Make two authorities, and under them a certificate for Microsoft's names
 * and one for ours
 *
 * @param folder  Takes microsoft-root.pem, public-root.pem, teams.pem,
 *                bridge.pem, each leaf with its key
 * @param fqdn    Our name towards Teams
 *
 * @return 0, or errno
 */
int test_pki_make(const char *folder, const char *fqdn);

#endif
