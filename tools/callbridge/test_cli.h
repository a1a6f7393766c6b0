/**
 * @file test_cli.h  What the parts of `callbridge test` share
 */
#ifndef CALLBRIDGE_TEST_CLI_H
#define CALLBRIDGE_TEST_CLI_H

#include "cli.h"

struct roster;
struct run_event;

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

/* test_screen.c: what happens, as it happens */

void test_screen_event(const struct run_event *ev);

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
