/**
 * @file template_cli.h  Commands for those who write templates
 */
#ifndef CALLBRIDGE_TEMPLATE_CLI_H
#define CALLBRIDGE_TEMPLATE_CLI_H

#include "cli.h"

/**
 * Check template files: all that is wrong on stderr, what rests on nothing
 * on stdout
 *
 * @param folder  Own templates that they may extend; NULL: as the service's
 *                configuration says
 *
 * @return EXIT_GOOD, EXIT_BAD
 */
int template_lint(const struct cli *cli, const char *folder,
		  char *const *pathv, size_t pathc);

/**
 * Ask about a PBX and write a template for it
 *
 * @param answers  YAML file with the answers; NULL: ask on the terminal
 * @param output   Folder for the file, which must not be there yet; NULL:
 *                 here
 *
 * @return EXIT_GOOD, EXIT_BAD
 */
int template_new(const struct cli *cli, const char *folder,
		 const char *answers, const char *output);

#endif
