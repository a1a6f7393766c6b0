/**
 * @file cli.h  What the commands of `callbridge` share
 *
 * A command is one line in main.c's table and one function in a file with
 * its kind. It prints what was asked for on stdout, what is wrong on stderr,
 * and returns the exit status.
 */
#ifndef CALLBRIDGE_CLI_H
#define CALLBRIDGE_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "bridge/base/libre.h"

struct json_t;
struct nodeconf;
struct strings;
struct errors;

enum exit_status {
	EXIT_GOOD    = 0,
	EXIT_FAILING = 1,          /* asked what fails, and something does */
	EXIT_BAD     = 2,          /* usage, bad input, no service */
};

struct cli {
	const char *socket;        /* --socket, NULL */
	const char *config;        /* --config, NULL */
	const char *url;           /* --url, CALLBRIDGE_URL; NULL: socket */
	const char *token;         /* --token, CALLBRIDGE_TOKEN; NULL */
	const char *ca_file;       /* --ca-file, CALLBRIDGE_CA_FILE; NULL */
};

struct command {
	const char *name;
	const char *args;          /* "[--json] [--failing]" */
	const char *help;          /* one line */
	const char *text;          /* the rest, for --help */
	int (*run)(const struct cli *cli, int argc, char *argv[]);
};

/* The commands: argv[0] is the command's name */

int cmd_status(const struct cli *cli, int argc, char *argv[]);
int cmd_report(const struct cli *cli, int argc, char *argv[]);
int cmd_why(const struct cli *cli, int argc, char *argv[]);
int cmd_trunks(const struct cli *cli, int argc, char *argv[]);
int cmd_nodes(const struct cli *cli, int argc, char *argv[]);
int cmd_calls(const struct cli *cli, int argc, char *argv[]);
int cmd_trace(const struct cli *cli, int argc, char *argv[]);
int cmd_record(const struct cli *cli, int argc, char *argv[]);
int cmd_retry(const struct cli *cli, int argc, char *argv[]);
int cmd_reload(const struct cli *cli, int argc, char *argv[]);
int cmd_version(const struct cli *cli, int argc, char *argv[]);
int cmd_check(const struct cli *cli, int argc, char *argv[]);
int cmd_explain(const struct cli *cli, int argc, char *argv[]);
int cmd_schema(const struct cli *cli, int argc, char *argv[]);
int cmd_number(const struct cli *cli, int argc, char *argv[]);
int cmd_sync(const struct cli *cli, int argc, char *argv[]);

/** `sync status`, of the service. @param tenant  NULL: all
    @return EXIT_FAILING if a sync fails or a secret has ended */
int sync_status_show(const struct cli *cli, const char *tenant, bool json);
int cmd_template(const struct cli *cli, int argc, char *argv[]);
int cmd_test(const struct cli *cli, int argc, char *argv[]);
int cmd_apply(const struct cli *cli, int argc, char *argv[]);
int cmd_get(const struct cli *cli, int argc, char *argv[]);
int cmd_set(const struct cli *cli, int argc, char *argv[]);
int cmd_rm(const struct cli *cli, int argc, char *argv[]);
int cmd_admin(const struct cli *cli, int argc, char *argv[]);
int cmd_token(const struct cli *cli, int argc, char *argv[]);
int cmd_store(const struct cli *cli, int argc, char *argv[]);
int cmd_readiness(const struct cli *cli, int argc, char *argv[]);

/** Why a call went as it did. @param id  Of the call, or how it begins */
int call_why(const struct cli *cli, const char *id);
/** The same from a journal, without a service and without messages */
int call_why_offline(const char *state_dir, const char *id);

/* options.c: reading the command line */

/** One option of a command */
struct opt {
	const char *name;          /* without "--" */
	const char **value;        /* takes its value; or, */
	bool *flag;                /* for an option without one, this */
};

/**
 * Read a command's options; what is left is moved to the front
 *
 * @param optv   Options, ended by one without a name
 * @param argcp  Arguments; afterwards only those that are no options, from
 *               argv[1]
 *
 * @return 0, EINVAL (the person was told)
 */
int options_read(const struct opt *optv, int *argcp, char *argv[]);

/** Check the number of arguments left. @return 0, EINVAL (told) */
int options_argc(int argc, char *argv[], int min, int max);

/** Read a whole number. @return 0, EINVAL (told) */
int options_number(const char *name, const char *text, long min, long max,
		   long *value);

/* ask.c: asking the running service */

struct answer {
	long code;                 /* HTTP status */
	char *text;                /* owned, terminated */
	size_t size;
	struct json_t *json;       /* owned; NULL if it is no JSON */
};

/**
 * Ask, and tell the person why if there is no good answer
 *
 * @param post  Empty POST instead of GET
 * @param fmt   Path and query, libre's format language; see ask_escape()
 *
 * @return EXIT_GOOD, then answer_clear() is due; otherwise EXIT_BAD
 */
int  ask(const struct cli *cli, struct answer *answer, bool post,
	 const char *fmt, ...);
/** GET, and say nothing if there is no good answer. @return true if there is
    one, then answer_clear() is due */
bool ask_quietly(const struct cli *cli, struct answer *answer,
		 const char *fmt, ...);

/**
 * The same with any method
 *
 * @param type  Content-Type, NULL none
 * @param body  Terminated, NULL none
 */
int  ask_with(const struct cli *cli, struct answer *answer,
	      const char *method, const char *type, const char *body,
	      const char *fmt, ...);

void answer_clear(struct answer *answer);

/** A name as one segment of a path: libre %H handler, arg: string */
int ask_escape(struct re_printf *pf, const char *name);

/** Member of a row: "" or 0 if it is not there. Borrowed from the row */
const char *answer_str(const struct json_t *row, const char *name);
int64_t answer_int(const struct json_t *row, const char *name);

/* node.c: where the service's socket and templates are */

/** Defaults, and over them the service's configuration if there is one;
    fields_clear() is due. @return 0, EBADMSG, ENOENT (told) */
int node_conf(const struct cli *cli, struct nodeconf *conf);

/** @param path  Takes it. @return as node_conf() */
int node_socket(const struct cli *cli, char *path, size_t size);

/** Folder of own templates, "" for none. @return as node_conf() */
int node_templates(const struct cli *cli, char *path, size_t size);

/** Customer files that the configuration names, appended.
    @return as node_conf() */
int node_customers(const struct cli *cli, struct strings *paths);

/* term.c: text for people */

/** For printing with libre's handlers to stdout or stderr */
struct re_printf *term_out(void);
struct re_printf *term_err(void);

/** Say what went wrong, one line on stderr */
void term_error(const char *fmt, ...);

/** Print one line as it is, but for what is no text */
void term_line(FILE *f, const char *text);

/** Print lines that peers wrote, with all that is not text made visible */
void text_print(const char *text, size_t size);

/** Print all errors on stderr */
void term_errors(const struct errors *errs);

/**
 * The same, and how many they are; or why, where there is none
 *
 * @param what  What could not be used, NULL: the error says so itself
 */
void term_refusal(const struct errors *errs, const char *what, int err);

enum { TABLE_COLUMNS = 11 };

/** Text in columns; the last one is as long as it is */
struct table;
int  table_alloc(struct table **tablep, const char *const *headv,
		 size_t columns);

/** @param colour  Of the first cell: as term_colour() tells, NULL none */
int  table_row(struct table *table, const char *colour,
	       const char *const *cellv);
void table_print(const struct table *table);

enum term_colour { TERM_GREEN, TERM_YELLOW, TERM_RED, TERM_GREY };

/** Escape sequence of a colour, NULL when stdout is no terminal */
const char *term_colour(enum term_colour colour);

/** Seconds for people: "12s", "5m", "2h05m", "3d04h" */
void term_duration(char *buf, size_t size, int64_t seconds);

/** Print JSON for programs */
int term_json(const struct json_t *json);

#endif
