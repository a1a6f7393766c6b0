/**
 * @file cmd_status.c  How registrations and trunks are
 */
#include <jansson.h>
#include <time.h>

#include "cli.h"
#include "elsewhere.h"


enum { STATUS_COLUMNS = 6, TRUNK_COLUMNS = 5 };


static void age(char *buf, size_t size, int64_t since_s)
{
	if (since_s)
		term_duration(buf, size, (int64_t)time(NULL) - since_s);
	else
		(void)re_snprintf(buf, size, "-");
}


static const char *state_colour(const char *state)
{
	if (!strcmp(state, "registered"))
		return term_colour(TERM_GREEN);
	if (!strcmp(state, "failing"))
		return term_colour(TERM_RED);
	if (!strcmp(state, "off"))
		return term_colour(TERM_GREY);

	return term_colour(TERM_YELLOW);
}


/** What it is, and the PBX's own words where they say more */
static void why(char *buf, size_t size, const json_t *row)
{
	const char *words = answer_str(row, "words");
	const char *reason = answer_str(row, "reason");

	if (*reason && *words && !strstr(words, reason))
		(void)snprintf(buf, size, "%s (%s)", reason, words);
	else
		(void)snprintf(buf, size, "%s", *words ? words : *reason ?
			       reason : "-");
}


static int status_row(struct table *table, const json_t *row)
{
	const char *state = answer_str(row, "state");
	const char *advice = answer_str(row, "advice");
	char since[32], words[256], mailbox[48] = "";
	const char *const cellv[STATUS_COLUMNS] = {
		state, answer_str(row, "upn"), answer_str(row, "pbx"), since,
		words, *advice ? advice : mailbox,
	};

	if (answer_int(row, "waiting_new"))
		(void)re_snprintf(mailbox, sizeof(mailbox), "%d new voice"
				  " messages",
				  (int)answer_int(row, "waiting_new"));

	why(words, sizeof(words), row);
	age(since, sizeof(since), answer_int(row, "since_s"));

	return table_row(table, state_colour(state), cellv);
}


static size_t count(const json_t *rows, const char *state)
{
	size_t i, c = 0;
	const json_t *row;

	json_array_foreach(rows, i, row)
		c += !strcmp(answer_str(row, "state"), state);

	return c;
}


static void status_summary(const json_t *rows)
{
	static const char *const statev[] = {
		"registered", "lagging", "queued", "failing", "off",
	};
	const size_t users = json_array_size(rows);
	const char *sep = ": ";

	(void)printf("%zu user%s", users, users == 1 ? "" : "s");

	for (size_t i = 0; i < sizeof(statev) / sizeof(statev[0]); i++) {
		const size_t c = count(rows, statev[i]);

		if (!c)
			continue;
		(void)printf("%s%zu %s", sep, c, statev[i]);
		sep = ", ";
	}

	(void)putchar('\n');
}


/** Users that are not among these */
static void status_elsewhere(const struct cli *cli)
{
	json_t *places = elsewhere_read(cli, NULL, NULL);
	const size_t c = json_array_size(places);

	if (c)
		(void)printf("%zu PBX%s at other nodes: see callbridge report"
			     " registrations\n", c, c == 1 ? " is" : "s are");
	json_decref(places);
}


static int status_print(const json_t *rows)
{
	static const char *const headv[STATUS_COLUMNS] = {
		"STATE", "USER", "PBX", "SINCE", "WHY", "ADVICE",
	};
	struct table *table;
	const json_t *row;
	size_t i;
	int err;

	err = table_alloc(&table, headv, STATUS_COLUMNS);
	if (err)
		return EXIT_BAD;

	json_array_foreach(rows, i, row)
		err = err ? err : status_row(table, row);

	if (!err && json_array_size(rows))
		table_print(table);
	if (!err)
		status_summary(rows);

	mem_deref(table);

	return err ? EXIT_BAD : EXIT_GOOD;
}


int cmd_status(const struct cli *cli, int argc, char *argv[])
{
	bool json = false, failing = false;
	const struct opt optv[] = {
		{"json", NULL, &json}, {"failing", NULL, &failing},
		{NULL, NULL, NULL},
	};
	struct answer answer;
	const json_t *rows;
	int status;

	if (options_read(optv, &argc, argv) || options_argc(argc, argv, 0, 0))
		return EXIT_BAD;

	status = ask(cli, &answer, false, "/api/v1/registrations%s",
		     failing ? "?failing=true" : "");
	if (status)
		return status;

	rows = json_object_get(answer.json, "registrations");
	status = json ? term_json(answer.json) : status_print(rows);
	if (!json)
		status_elsewhere(cli);

	if (status == EXIT_GOOD && failing && json_array_size(rows))
		status = EXIT_FAILING;

	answer_clear(&answer);

	return status;
}


static int trunk_row(struct table *table, const json_t *row)
{
	const bool up = json_is_true(json_object_get(row, "up"));
	const bool seen = json_is_true(json_object_get(row, "seen"));
	const char *why = answer_str(row, "why");
	char since[32];
	const char *const cellv[TRUNK_COLUMNS] = {
		up ? "up" : "down", answer_str(row, "fqdn"),
		answer_str(row, "proxy"), since,
		*why ? why : up && !seen ? "Teams does not ask for us: is the"
		" gateway enabled in the tenant?" : "-",
	};

	age(since, sizeof(since), answer_int(row, "since_s"));

	return table_row(table, term_colour(up ? TERM_GREEN : TERM_RED),
			 cellv);
}


int cmd_trunks(const struct cli *cli, int argc, char *argv[])
{
	static const char *const headv[TRUNK_COLUMNS] = {
		"STATE", "OUR NAME", "TEAMS PROXY", "SINCE", "WHY",
	};
	bool json = false;
	const struct opt optv[] = {
		{"json", NULL, &json}, {NULL, NULL, NULL},
	};
	struct table *table = NULL;
	struct answer answer;
	const json_t *row;
	size_t i;
	int status, err;

	if (options_read(optv, &argc, argv) || options_argc(argc, argv, 0, 0))
		return EXIT_BAD;

	status = ask(cli, &answer, false, "/api/v1/trunks");
	if (status)
		return status;

	if (json) {
		status = term_json(answer.json);
		goto out;
	}

	err = table_alloc(&table, headv, TRUNK_COLUMNS);
	json_array_foreach(json_object_get(answer.json, "trunks"), i, row)
		err = err ? err : trunk_row(table, row);

	if (err)
		status = EXIT_BAD;
	else if (i)
		table_print(table);
	else
		(void)puts("no trunks: no customer has a Teams name yet");

 out:
	mem_deref(table);
	answer_clear(&answer);

	return status;
}
