/**
 * @file elsewhere.c  Nodes of a store, and the PBXs that others serve
 */
#include <jansson.h>
#include <time.h>

#include "elsewhere.h"
#include "sheet.h"


enum { PLACE_COLUMNS = 4, NODE_COLUMNS = 8 };


static void since(char *buf, size_t size, const json_t *row,
		  const char *member)
{
	term_duration(buf, size, (int64_t)time(NULL) -
		      answer_int(row, member) / 1000);
}


static bool is_asked(const json_t *place, const char *here,
		     const char *tenant, const char *pbx)
{
	return strcmp(answer_str(place, "node"), here) &&
		(!tenant || !strcmp(answer_str(place, "tenant"), tenant)) &&
		(!pbx || !strcmp(answer_str(place, "pbx"), pbx));
}


json_t *elsewhere_read(const struct cli *cli, const char *tenant,
		       const char *pbx)
{
	json_t *places = json_array();
	const json_t *place;
	struct answer answer;
	size_t i;

	/* roles of one tenant may not ask, and older services do not know */
	if (!places || !ask_quietly(cli, &answer, "/api/v1/nodes"))
		return places;

	json_array_foreach(json_object_get(answer.json, "pbxs"), i, place)
		if (is_asked(place, answer_str(answer.json, "this"), tenant,
			     pbx))
			(void)json_array_append(places, (json_t *)
						(uintptr_t)place);
	answer_clear(&answer);

	return places;
}


int elsewhere_print(const json_t *places)
{
	static const char *const headv[PLACE_COLUMNS] = {
		"AT ANOTHER NODE", "PBX", "NODE", "SINCE",
	};
	struct table *table;
	const json_t *place;
	char text[32];
	size_t i;
	int err;

	if (!json_array_size(places))
		return EXIT_GOOD;

	err = table_alloc(&table, headv, PLACE_COLUMNS);
	if (err)
		return EXIT_BAD;

	json_array_foreach(places, i, place) {
		const char *const cellv[PLACE_COLUMNS] = {
			answer_str(place, "tenant"), answer_str(place, "pbx"),
			answer_str(place, "node"), text,
		};

		since(text, sizeof(text), place, "since_ms");
		err = err ? err : table_row(table, NULL, cellv);
	}

	if (!err)
		table_print(table);
	mem_deref(table);

	return err ? EXIT_BAD : EXIT_GOOD;
}


void elsewhere_html(const json_t *places)
{
	const json_t *place;
	char text[32];
	size_t i;

	if (!json_array_size(places))
		return;

	(void)puts("<h2>At another node</h2><table><tr><th>Customer</th>"
		   "<th>PBX</th><th>Node</th><th>Since</th></tr>");

	json_array_foreach(places, i, place) {
		(void)fputs("<tr>", stdout);
		html_cell("td", answer_str(place, "tenant"));
		html_cell("td", answer_str(place, "pbx"));
		html_cell("td", answer_str(place, "node"));
		since(text, sizeof(text), place, "since_ms");
		html_cell("td", text);
		(void)puts("</tr>");
	}

	(void)puts("</table>");
}


/* callbridge nodes */


static int node_row(struct table *table, const json_t *row, const char *here)
{
	const char *state = answer_str(row, "state");
	const bool up = !strcmp(state, "up");
	const json_t *states = json_object_get(row, "states");
	char name[96], age[32], pbxs[16], users[24] = "", calls[24] = "";
	const char *const cellv[NODE_COLUMNS] = {
		state, name, age, pbxs, users, calls, answer_str(row, "url"),
		answer_str(row, "software"),
	};

	(void)re_snprintf(name, sizeof(name), "%s%s", answer_str(row,
			  "node"), strcmp(answer_str(row, "node"), here) ? ""
			  : " (this one)");
	since(age, sizeof(age), row, up ? "since_ms" : "seen_ms");
	(void)re_snprintf(pbxs, sizeof(pbxs), "%lld",
			  (long long)answer_int(row, "pbxs"));
	if (states && strcmp(state, "gone")) {
		(void)re_snprintf(users, sizeof(users), "%lld",
				  (long long)answer_int(states,
							"registered"));
		(void)re_snprintf(calls, sizeof(calls), "%lld",
				  (long long)answer_int(row, "calls"));
	}

	return table_row(table, term_colour(up ? TERM_GREEN : TERM_RED),
			 cellv);
}


static int nodes_print(const json_t *json)
{
	static const char *const headv[NODE_COLUMNS] = {
		"STATE", "NODE", "FOR", "PBXS", "REGISTERED", "CALLS",
		"PORTAL", "SOFTWARE",
	};
	const json_t *nodes = json_object_get(json, "nodes"), *row;
	struct table *table;
	size_t i;
	int err;

	if (!json_array_size(nodes)) {
		(void)puts("one node: several want a store in PostgreSQL");
		return EXIT_GOOD;
	}

	err = table_alloc(&table, headv, NODE_COLUMNS);
	if (err)
		return EXIT_BAD;

	json_array_foreach(nodes, i, row)
		err = err ? err : node_row(table, row,
					   answer_str(json, "this"));
	if (!err)
		table_print(table);
	mem_deref(table);

	return err ? EXIT_BAD : EXIT_GOOD;
}


static int node_change(const struct cli *cli, const char *verb,
		       const char *node)
{
	const bool drain = !strcmp(verb, "drain");
	struct answer answer;
	int status;

	if (!drain && strcmp(verb, "resume")) {
		term_error("want drain or resume, found \"%s\"", verb);
		return EXIT_BAD;
	}

	status = ask(cli, &answer, true, "/api/v1/nodes/%H/%s", ask_escape,
		     node, verb);
	if (status)
		return status;

	(void)printf(drain ? "%s hands its PBXs over and takes no more; its"
		     " calls go on: see `callbridge nodes`\n"
		     : "%s takes PBXs again that nobody serves\n", node);
	answer_clear(&answer);

	return EXIT_GOOD;
}


int cmd_nodes(const struct cli *cli, int argc, char *argv[])
{
	bool json = false;
	const struct opt optv[] = {
		{"json", NULL, &json}, {NULL, NULL, NULL},
	};
	struct answer answer;
	int status;

	if (options_read(optv, &argc, argv) || options_argc(argc, argv, 0, 2))
		return EXIT_BAD;
	if (argc == 2) {
		term_error("want the name of a node behind %s", argv[1]);
		return EXIT_BAD;
	}
	if (argc == 3)
		return node_change(cli, argv[1], argv[2]);

	status = ask(cli, &answer, false, "/api/v1/nodes");
	if (status)
		return status;

	status = json ? term_json(answer.json) : nodes_print(answer.json);
	answer_clear(&answer);

	return status;
}
