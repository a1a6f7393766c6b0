/**
 * @file main.c  callbridge: the command line
 */
#include <curl/curl.h>
#include <stdlib.h>
#include <unistd.h>

#include "bridge/base/errors.h"
#include "bridge/base/version.h"
#include "cli.h"


static const struct command commandv[] = {
	{"status", "[--json] [--failing]",
	 "how each user's registration is",
	 "One line a user: state, since when, what the PBX said in its own"
	 " words, and what to\ndo about it. States:\n\n"
	 "  registered  calls can reach the user\n"
	 "  lagging     registers, but cannot keep up with the expiry\n"
	 "  queued      waits for its first registration\n"
	 "  failing     the PBX refuses, or does not answer\n"
	 "  off         not enabled\n\n"
	 "  --failing   only those that want a person (failing, lagging);"
	 " the exit status is 1\n"
	 "              if there is one, so that monitoring can use it\n"
	 "  --json      everything that is known, for programs\n",
	 cmd_status},
	{"why", "USER | [--state-dir FOLDER] CALL",
	 "why a user is registered or not, or a call went as it did",
	 "USER is a user's Microsoft name, number or AoR. Prints state,"
	 " reason, advice, and the\nmessages of the last attempt.\n\n"
	 "CALL is an id that `callbridge calls` shows, or how it begins."
	 " Prints what happened,\nlikely causes in order and the setting to"
	 " look at, numbers before and after their\nrules, codecs, timers,"
	 " voice quality, and the messages with both sides. Passwords\nand"
	 " keys are masked.\n\n"
	 "  --state-dir FOLDER  a call of the journal there, without its"
	 " messages; needs no\n                      running service\n",
	 cmd_why},
	{"report", "registrations|calls [--csv|--html|--json]\n"
	 "                         [--since TIME] [--until TIME] [--pbx NAME]"
	 " [--tenant NAME]\n                         [--state-dir FOLDER]",
	 "registrations, worst first; figures of calls by PBX",
	 "registrations  each PBX's users by state, then each user: state,"
	 " since when, when it is\n               tried next, the time granted,"
	 " round trip, how often (flaps) and\n               for how long the"
	 " registration was lost, reason and advice; then\n               what"
	 " was lost when\n"
	 "calls          calls, failures, answer-seizure ratio (ASR), network"
	 " effectiveness\n               ratio (NER, ITU-T E.425), average"
	 " length, post-dial delay (PDD),\n               loss and voice"
	 " quality (MOS) of each PBX, as of `callbridge calls`\n\n"
	 "  --html              one page that needs nothing else, to pass"
	 " on\n"
	 "  --csv               for spreadsheets\n"
	 "  --json              for programs\n"
	 "  --since, --until    calls that began then: 30m, 2h, 7d, or"
	 " \"2026-01-31 15:30\";\n                      what was lost since"
	 " (24h)\n"
	 "  --pbx, --tenant     only those\n"
	 "  --user, --failed    only such calls\n"
	 "  --state-dir FOLDER  all calls of the journal there; needs no"
	 " running service\n",
	 cmd_report},
	{"trunks", "[--json]",
	 "whether Teams can be reached, and reaches us",
	 "One line for each of our names and each Teams proxy.\n\n"
	 "  --json      for programs\n",
	 cmd_trunks},
	{"nodes", "[drain|resume NODE] [--json]",
	 "services that share the store, and how many PBXs each serves",
	 "With a store in PostgreSQL each PBX is served by one of several"
	 " nodes. One that is\nsilent for 5 s is gone, and others take its"
	 " PBXs over. `callbridge report\nregistrations` tells which PBXs"
	 " are elsewhere.\n\n"
	 "`drain` has a node hand its PBXs over to others and take no more,"
	 " while it runs on and\nits calls end in their own time; `resume`"
	 " takes that back, as a restart does.\n\n"
	 "  --json      with the node of each PBX, for programs\n",
	 cmd_nodes},
	{"calls", "[--failed] [--since TIME] [--until TIME] [--pbx NAME]"
	 " [--tenant NAME]\n                        [--user NAME] [--limit N]"
	 " [--state-dir FOLDER] [--json]",
	 "calls now and the newest that ended",
	 "Newest last. MOS is the voice quality towards Teams / towards the"
	 " PBX.\n\n"
	 "  --failed            only those that failed; busy, no answer and"
	 " callers who hang up\n                      are no failures\n"
	 "  --since, --until    a span as in 30m, 2h, 7d, or a time as in"
	 " \"2026-01-31 15:30\"\n"
	 "  --pbx, --tenant, --user   only theirs; USER by Microsoft name\n"
	 "  --limit N           at most that many, 1..1000 (default 50)\n"
	 "  --state-dir FOLDER  read the journal there; needs no running"
	 " service\n"
	 "  --json              everything that is known, for programs\n",
	 cmd_calls},
	{"trace", "[--json | --pcap FILE] [--redact] USER|CALL",
	 "the SIP messages of a user or a call, as a ladder",
	 "USER is a user's Microsoft name, number or AoR"
	 " (ann@contoso.example, +442079460018,\nsip:101@pbx.example). CALL is"
	 " an id that `callbridge calls` shows, or a SIP Call-ID.\nPasswords"
	 " and keys are masked.\n\n"
	 "  --json       whole messages, for programs\n"
	 "  --pcap FILE  a capture for Wireshark, with what went over TLS in"
	 " the clear\n               (as UDP)\n"
	 "  --redact     other numbers, names and user names, to pass it"
	 " on; the same ones\n               stay the same within a"
	 " capture\n",
	 cmd_trace},
	{"record", "[--seconds N | --pcap FILE | --stop] USER|CALL",
	 "the voice of a call or a user's calls, for a while",
	 "Off unless trace.voice_mb in callbridge.yaml says how much memory"
	 " there is for it.\nUSER is a Microsoft name, number or AoR, CALL an"
	 " id that `callbridge calls` shows.\nKept are the packets of both"
	 " sides as they come and go, without encryption, in\nmemory alone;"
	 " keys that are pressed are left out. Who asks is in the audit. See"
	 " to\nit that those who speak may be recorded.\n\n"
	 "  --seconds N  from now on, 1..600 (default 60)\n"
	 "  --pcap FILE  what is kept, with the SIP messages, for Wireshark;"
	 " its telephony menu\n               plays it\n"
	 "  --stop       stop, and throw it away\n",
	 cmd_record},
	{"retry", "USER",
	 "register a user now, also after a refused password",
	 "USER is a Microsoft name, as in ann@contoso.example. Look at the"
	 " outcome with\n`callbridge status`.\n",
	 cmd_retry},
	{"reload", "",
	 "read configuration and customer files again",
	 "All or nothing: if something is wrong it is shown here, and nothing"
	 " changes. Users\nthat were not edited keep their registrations, and"
	 " calls go on.\n",
	 cmd_reload},
	{"check", "[--templates FOLDER] FILE...",
	 "check customer files; tells all that is wrong",
	 "Several files are checked together, for names have to be unique"
	 " over all of them. A\nfolder stands for its *.yaml. Needs no"
	 " running service.\n\n"
	 "  --templates FOLDER  own templates (default: as in"
	 " callbridge.yaml)\n",
	 cmd_check},
	{"explain", "[FIELD]",
	 "what a setting means: explain pbx.transfer",
	 "Without FIELD: what there is. `explain pbx` lists the settings of a"
	 " PBX,\n`explain pbx.transfer.blind` tells type, choices, default and"
	 " meaning of one.\n",
	 cmd_explain},
	{"schema", "pbx|user|tenant|node|pbx-template|testplan|roster",
	 "JSON Schema of what can be written, for editors",
	 "Point your editor's YAML mode at it to see mistakes while"
	 " typing.\n",
	 cmd_schema},
	{"number", "[--file FILE] [--tenant NAME] [--pbx NAME] [--user USER]"
	 " --from-teams NUMBER|--from-pbx NUMBER|--batch CSV",
	 "try a number plan",
	 "What the PBX will be sent for a number that a Teams user dials, or"
	 " what Teams will\nshow for a caller, and which rules made it so.\n\n"
	 "  --file FILE          customer file (default: those of the"
	 " service's\n"
	 "                       configuration)\n"
	 "  --tenant NAME        which customer (default: the one that has"
	 " that PBX or user)\n"
	 "  --pbx NAME           which PBX (default: the user's, or the only"
	 " one)\n"
	 "  --user USER          dial as this user\n"
	 "  --from-teams NUMBER  dialled in Teams, as in +442079460018\n"
	 "  --from-pbx NUMBER    shown by the PBX, as in 02079460018\n"
	 "  --batch CSV          many: a line `teams,NUMBER[,WANT]` or"
	 " `pbx,NUMBER[,WANT]` each;\n"
	 "                       the exit status is 1 if one is wrong or"
	 " cannot be dialled\n"
	 "  --templates FOLDER   own templates (default: as in"
	 " callbridge.yaml)\n",
	 cmd_number},
	{"sync", "status|dry-run|now|script [--file FILE] [--tenant NAME]"
	 "\n                       [--tenant-id ID] [--client-id ID]",
	 "Microsoft 365 and the customer's users: who can call, who not, why",
	 "  status   how the service's own sync of each customer stands, or"
	 " of --tenant; exit\n"
	 "           status 1 if one fails or its secret has ended. The others"
	 " need no service:\n"
	 "  dry-run  reads the tenant's people from Microsoft 365 and tells"
	 " of each whether\n"
	 "           they can call, or why not and what to do; changes"
	 " nothing. Exit status 1\n"
	 "           if a user of the customer cannot call\n"
	 "  now      gives those who can call their number, routing policy"
	 " and dial plan in\n"
	 "           Teams; takes nothing from anybody. With --dry-run it"
	 " only looks. Exit\n"
	 "           status 1 if somebody's failed\n"
	 "  script   a PowerShell script that sets up gateways, routing, dial"
	 " plan and numbers;\n"
	 "           look at it, then run it as a Teams administrator, first"
	 " with -DryRun\n\n"
	 "The app's client secret is in the environment as"
	 " CALLBRIDGE_GRAPH_SECRET.\n\n"
	 "  --file FILE       customer file (default: those of the service's"
	 " configuration)\n"
	 "  --tenant NAME     which customer\n"
	 "  --tenant-id ID    the customer's tenant at Microsoft: its ID or"
	 " domain\n"
	 "  --client-id ID    of the app registration (docs/sync.md)\n"
	 "  --certificate FILE  instead of a secret: certificate and RSA"
	 " key, PEM\n"
	 "  --login-url URL, --graph-url URL\n"
	 "                    of a national cloud\n"
	 "  --gateways A,B    for script: names of other nodes towards this"
	 " customer's Teams\n"
	 "  --blocked         only the customer's users who cannot call\n"
	 "  --json            for programs\n"
	 "  --templates FOLDER  own templates (default: as in"
	 " callbridge.yaml)\n",
	 cmd_sync},
	{"template", "list|show NAME|lint FILE...|diff A B|explain SETTING|new"
	 "|doctor",
	 "the PBX products that are known, and how one is spoken to",
	 "  list             all of them, and what each rests on\n"
	 "  show NAME        its settings, and what to see to at such a PBX;"
	 " with --effective\n"
	 "                   where each comes from and what is known of it\n"
	 "  lint FILE...     check own templates: all that is wrong, and what"
	 " rests on nothing\n"
	 "  diff A B         settings in which two templates differ\n"
	 "  explain SETTING  help, range, default, and which PBXes want it"
	 " otherwise and why\n"
	 "  new              ask a few questions and write a template\n"
	 "  doctor           register a user at a real PBX with one setting"
	 " changed at a time,\n"
	 "                   gently, and tell which settings it takes\n\n"
	 "  --templates FOLDER  own templates (default: as in"
	 " callbridge.yaml)\n"
	 "  --answers FILE      answers for `new`, as in `protocol: tcp`,"
	 " instead of asking\n"
	 "  --output FOLDER     where `new` writes (default: here)\n"
	 "  --file FILE         customer file of the PBX, for `doctor`\n"
	 "  --user USER         Microsoft name of the user to register\n"
	 "  --refusals N        stop when the PBX said no so often (3)\n"
	 "  --json              what `doctor` found, as JSON\n",
	 cmd_template},
	{"readiness", "--sip-domain NAME|--file FILE|--on-node [--user NAME]"
	 " [--user-2 NAME]\n                            [--json|--html]",
	 "is a PBX ready? Checks the way to it, before anything is set up",
	 "Names, protocols, certificate, NAT, SIP ALG, fragments; with an"
	 " account also\nregistration and expiry, with two a call and its"
	 " voice. Each with what was seen\nand what to do. Exit status 1 if"
	 " something is not as it must be.\n\n"
	 "  --sip-domain NAME    the PBX's domain: name or address\n"
	 "  --sip-proxy HOST     where it is reached, if that differs:"
	 " HOST or HOST:PORT\n"
	 "  --protocol NAME      udp (default), tcp or tls\n"
	 "  --user NAME          SIP username of an extension; its password"
	 " is asked for, or\n"
	 "                       in the environment as CALLBRIDGE_PASSWORD\n"
	 "  --user-2 NAME        another one (CALLBRIDGE_PASSWORD_2), for a"
	 " call between them\n"
	 "  --auth-username NAME, --auth-username-2 NAME\n"
	 "                       where it differs from the SIP username\n"
	 "  --call NUMBER        call that number instead of the second"
	 " user\n"
	 "  --file FILE          take the PBX from a customer file instead;"
	 " --user is then\n"
	 "                       a user's Microsoft name\n"
	 "  --on-node            the service examines a PBX that it has, and"
	 " users of it by their\n"
	 "                       Microsoft names, with the passwords that it"
	 " has; also one\n"
	 "                       elsewhere (--url, token)\n"
	 "  --tenant NAME        with --on-node: whose\n"
	 "  --pbx NAME           which PBX of that file, or of that"
	 " customer\n"
	 "  --templates FOLDER   own templates for that file\n"
	 "  --report FILE        the report for programs, also for `callbridge"
	 " test compare`\n"
	 "  --events             tell each finding as a line of JSON, and end"
	 " with stdin\n",
	 cmd_readiness},
	{"test", "init|run [PLAN...]|list|watch [ID]|stop [ID]|compare OLD NEW"
	 "\n                       |keep FILE|steps|lint FILE...",
	 "prove that a PBX and Teams work together",
	 "  init             ask who plays whom, and write a roster\n"
	 "  run [PLAN...]    go through plans of the house by name, or of"
	 " your own by file\n"
	 "                   (default: confidence)\n"
	 "  list             the plans of the house and their cases; with"
	 " --on-node the tests\n"
	 "                   that the service runs and keeps\n"
	 "  watch [ID]       look on at one that runs there, and answer its"
	 " questions, or fetch\n"
	 "                   the report of one that is over\n"
	 "  stop [ID]        end it: everybody hangs up, and its report is"
	 " kept\n"
	 "  compare OLD NEW  what differs between two reports; the exit"
	 " status is 1 if\n"
	 "                   something got worse\n"
	 "  keep FILE        have the service keep a report (--json of run),"
	 " for the portal;\n"
	 "                   with --tenant T for that customer\n"
	 "  steps            the sentences that a plan is made of\n"
	 "  lint FILE...     check plans; tells all that is wrong, with line"
	 " and column\n\n"
	 "  --roster FILE    who plays whom (default: roster.yaml)\n"
	 "  --case A,B       only these cases\n"
	 "  --tag A,B        only cases with one of these tags\n"
	 "  --repeat N       so many rounds, 1..1000\n"
	 "  --times PERCENT  shorten talking times to that share, 1..100; the"
	 " report says so\n"
	 "  --html FILE      the report as a page\n"
	 "  --json FILE      the report for programs, for compare and"
	 " --resume\n"
	 "  --junit FILE     the report for build servers\n"
	 "  --resume FILE    go on: what passed in that report is taken over;"
	 " with --on-node\n"
	 "                   also the ID of a test that is kept there\n"
	 "  --folder FOLDER  of recordings and logs (default: a temporary one)"
	 "; for init:\n"
	 "                   where it writes (default: callbridge-test)\n"
	 "  --keep           recordings and logs stay\n"
	 "  --on-node        the service runs it, with those who are kept"
	 " with the PBX\n"
	 "                   (`callbridge set testers`), also one elsewhere"
	 " (--url, token)\n"
	 "  --tenant NAME    whose users these are, at a service that has"
	 " several customers\n"
	 "  --pbx NAME       with --on-node: which of the customer's PBXs\n"
	 "  --events         tell what happens as lines of JSON, and end with"
	 " stdin\n"
	 "  --answers FILE   for init: answers, instead of asking\n\n"
	 "Exit status of run: 0 everything passed, 1 a test failed, 2 it could"
	 " not be run.\n",
	 cmd_test},
	{"apply", "[--dry-run] [-f] FILE...",
	 "make customers in the store as files say",
	 "FILE is a customer file (docs/connect-pbx.md). What is in the store"
	 " and not in the file\ngoes; a customer is changed whole or not at"
	 " all.\n\n"
	 "  --dry-run  only show what would change: + made, ~ changed,"
	 " - removed\n",
	 cmd_apply},
	{"get", "THING [NAME...]",
	 "look at what is in the store: get user acme ann@acme.example",
	 "THING is tenants, tenant T, pbxs T, pbx T NAME, users T, user T UPN,"
	 " syncs, sync T,\npeople T (of Microsoft 365), testers T PBX,"
	 " test-plans, test-runs, test-run ID, templates, template NAME,"
	 " admins, tokens, audit, call-records, registration-history,"
	 " overview,\ncertificates, or firewall T NAME:"
	 " what is to be let through for a PBX.\n",
	 cmd_get},
	{"set", "[--new] tenant T|pbx T NAME|user T UPN|sync T|testers T PBX"
	 " FIELD=VALUE...",
	 "change settings in the store: set pbx acme hq protocol=tcp",
	 "FIELD= without a value takes the setting away. A password that is"
	 " given as - is read\nfrom standard input.\n\n"
	 "  --new      make it, or set it whole: what is not named is as its"
	 " default\n",
	 cmd_set},
	{"rm", "tenant T|pbx T NAME|user T UPN|sync T|testers T PBX|test-run ID"
	 "|template|admin|token NAME",
	 "remove something from the store", "", cmd_rm},
	{"admin", "link|add NAME [--role ROLE] [--tenant T]",
	 "who may sign in to the portal",
	 "  link       a new one-time link that makes the first admin\n"
	 "  add NAME   make an admin, or set its password anew; it is read"
	 " from standard input\n\n"
	 "  --role ROLE  msp-admin (default), msp-support, tenant-admin or"
	 " tenant-viewer\n"
	 "  --tenant T   whose, for the last two\n",
	 cmd_admin},
	{"token", "add NAME --role ROLE [--tenant T] [--days N]",
	 "let a program use the API; the token is told once",
	 "It goes into CALLBRIDGE_TOKEN, or into an `Authorization: Bearer`"
	 " header.\n\n"
	 "  --role ROLE  as for admins\n"
	 "  --tenant T   whose, for a tenant's roles\n"
	 "  --days N     how long it holds (default: until it is removed)\n",
	 cmd_token},
	{"store", "backup FILE|restore FILE|migrate|rotate-key",
	 "the database itself; needs no running service",
	 "  backup FILE   all of it as of now, for either kind of database;"
	 " without the keys\n"
	 "  restore FILE  into a database that is empty\n"
	 "  migrate       bring the tables to this program's version\n"
	 "  rotate-key    seal all passwords by a new key; a running service"
	 " goes on\n",
	 cmd_store},
	{"version", "",
	 "versions of callbridge and of its libraries", "", cmd_version},
};

enum { COMMANDC = sizeof(commandv) / sizeof(commandv[0]) };


static void help_print(void)
{
	(void)puts("Callbridge joins a PBX and Microsoft Teams into one"
		   " telephone system.\n\n"
		   "usage: callbridge [--socket PATH | --config FILE] COMMAND"
		   " ...\n\n"
		   "Commands:");

	for (size_t i = 0; i < COMMANDC; i++)
		(void)re_printf("  %-9s %s\n", commandv[i].name,
				commandv[i].help);

	(void)puts("\n`callbridge COMMAND --help` tells more about one. Start"
		   " with `callbridge status`.\n\n"
		   "  --socket PATH  control socket of the service\n"
		   "  --config FILE  its configuration, which names the socket"
		   " (default\n"
		   "                 /etc/callbridge/callbridge.yaml)\n"
		   "  --url URL      a service elsewhere, https://..., instead"
		   " (CALLBRIDGE_URL)\n"
		   "  --token TOKEN  for it; better in CALLBRIDGE_TOKEN, which"
		   " others cannot see\n"
		   "  --ca-file PEM  authority of its certificate"
		   " (CALLBRIDGE_CA_FILE)\n"
		   "  --version      versions of callbridge and of its"
		   " libraries\n\n"
		   "Exit status: 0 good; 1 asked for what fails, and something"
		   " does; 2 wrong usage,\nbad input, or the service is not"
		   " running.");
}


static void command_help(const struct command *command)
{
	(void)re_printf("usage: callbridge %s%s%s\n\n%s\n%s%s", command->name,
			*command->args ? " " : "", command->args,
			command->help, *command->text ? "\n" : "",
			command->text);
}


static const struct command *command_find(const char *name)
{
	const char *wordv[COMMANDC], *near;

	for (size_t i = 0; i < COMMANDC; i++) {
		if (!strcmp(commandv[i].name, name))
			return &commandv[i];
		wordv[i] = commandv[i].name;
	}

	near = errors_nearest(name, wordv, COMMANDC);
	if (near)
		term_error("there is no command \"%s\": did you mean"
			   " \"%s\"?", name, near);
	else
		term_error("there is no command \"%s\"; see `callbridge"
			   " --help`", name);

	return NULL;
}


static bool wants_help(int argc, char *argv[])
{
	for (int i = 1; i < argc && strcmp(argv[i], "--"); i++)
		if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h"))
			return true;

	return false;
}


static int command_run(const struct cli *cli, int argc, char *argv[])
{
	const struct command *command = command_find(argv[0]);

	if (!command)
		return EXIT_BAD;

	if (wants_help(argc, argv)) {
		command_help(command);
		return EXIT_GOOD;
	}

	return command->run(cli, argc, argv);
}


/** One global option with a value: --name VALUE or --name=VALUE */
static bool global_read(const char *name, const char **value, int argc,
			char *argv[], int *i)
{
	const size_t l = strlen(name);

	if (strncmp(argv[*i], name, l))
		return false;

	if (argv[*i][l] == '=') {
		*value = argv[*i] + l + 1;
		return true;
	}

	if (argv[*i][l] || *i + 1 >= argc)
		return false;

	*value = argv[++*i];

	return true;
}


static int run(int argc, char *argv[])
{
	struct cli cli = {
		.url     = getenv("CALLBRIDGE_URL"),
		.token   = getenv("CALLBRIDGE_TOKEN"),
		.ca_file = getenv("CALLBRIDGE_CA_FILE"),
	};
	int i;

	for (i = 1; i < argc && argv[i][0] == '-'; i++) {
		if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) {
			help_print();
			return EXIT_GOOD;
		}

		if (!strcmp(argv[i], "--version"))
			return version_print(term_out(), "callbridge") ?
				EXIT_BAD : EXIT_GOOD;

		if (global_read("--socket", &cli.socket, argc, argv, &i) ||
		    global_read("--config", &cli.config, argc, argv, &i) ||
		    global_read("--url", &cli.url, argc, argv, &i) ||
		    global_read("--token", &cli.token, argc, argv, &i) ||
		    global_read("--ca-file", &cli.ca_file, argc, argv, &i))
			continue;

		term_error("unknown or incomplete option %s; see"
			   " `callbridge --help`", argv[i]);
		return EXIT_BAD;
	}

	if (i == argc) {
		term_error("a command is missing; see `callbridge --help`");
		return EXIT_BAD;
	}

	/* whoever names a socket does not mean the URL of the environment */
	if (cli.socket || !str_isset(cli.url))
		cli.url = NULL;

	return command_run(&cli, argc - i, argv + i);
}


int main(int argc, char *argv[])
{
	int status;

	(void)curl_global_init(CURL_GLOBAL_DEFAULT);

	status = run(argc, argv);

	curl_global_cleanup();

	/* A full disk or a closed pipe behind stdout is a failure too */
	if (fflush(stdout) && status == EXIT_GOOD)
		status = EXIT_BAD;

	return status;
}
