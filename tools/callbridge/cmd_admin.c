/**
 * @file cmd_admin.c  Who may sign in, and which programs may ask
 */
#include <jansson.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "cli.h"


/** From a terminal without an echo, otherwise a line of what comes in */
static int password_read(char *buf, size_t size)
{
	struct termios old, quiet;
	const bool terminal = !tcgetattr(STDIN_FILENO, &old);
	bool good;

	if (terminal) {
		(void)fputs("Password: ", stderr);
		quiet = old;
		quiet.c_lflag &= ~(tcflag_t)ECHO;
		(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
	}

	good = fgets(buf, (int)size, stdin) != NULL;

	if (terminal) {
		(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &old);
		(void)fputc('\n', stderr);
	}

	if (!good) {
		term_error("want a password on standard input");
		return EBADMSG;
	}

	buf[strcspn(buf, "\r\n")] = '\0';

	return 0;
}


static int link_print(const struct cli *cli)
{
	struct answer answer;
	int status;

	status = ask_with(cli, &answer, "POST", NULL, "",
			  "/api/v1/first-admin/link");
	if (status)
		return status;

	(void)puts(answer_str(answer.json, "link"));
	answer_clear(&answer);

	return EXIT_GOOD;
}


/** @return EXIT_GOOD, and the answer is due to be cleared */
static int send_json(const struct cli *cli, struct answer *answer,
		     const char *method, json_t *json, const char *path,
		     const char *name)
{
	char *body = json_dumps(json, JSON_COMPACT);
	int status = EXIT_BAD;

	if (body) {
		status = name ?
			ask_with(cli, answer, method, "application/json",
				 body, "%s/%H", path, ask_escape, name) :
			ask_with(cli, answer, method, "application/json",
				 body, "%s", path);
		OPENSSL_cleanse(body, strlen(body));
	}
	free(body);
	json_decref(json);

	return status;
}


static int admin_add(const struct cli *cli, const char *name,
		     const char *role, const char *tenant)
{
	struct answer answer;
	char password[512];
	json_t *json;
	int status;

	if (password_read(password, sizeof(password)))
		return EXIT_BAD;

	json = json_pack("{s:s, s:s?, s:s}", "role", role, "tenant", tenant,
			 "password", password);
	OPENSSL_cleanse(password, sizeof(password));

	status = send_json(cli, &answer, "PUT", json, "/api/v1/admins", name);
	if (!status)
		answer_clear(&answer);

	return status;
}


int cmd_admin(const struct cli *cli, int argc, char *argv[])
{
	const char *role = "msp-admin", *tenant = NULL;
	const struct opt optv[] = {
		{"role", &role, NULL},
		{"tenant", &tenant, NULL},
		{NULL, NULL, NULL},
	};

	if (options_read(optv, &argc, argv) || options_argc(argc, argv, 1, 2))
		return EXIT_BAD;

	if (!strcmp(argv[1], "link") && !options_argc(argc, argv, 1, 1))
		return link_print(cli);
	if (!strcmp(argv[1], "add") && !options_argc(argc, argv, 2, 2))
		return admin_add(cli, argv[2], role, tenant);

	if (strcmp(argv[1], "link") && strcmp(argv[1], "add"))
		term_error("admin: want `link` or `add NAME`, found \"%s\"",
			   argv[1]);

	return EXIT_BAD;
}


static int token_add(const struct cli *cli, const char *name,
		     const char *role, const char *tenant, const char *days)
{
	struct answer answer;
	json_int_t expires = 0;
	long n = 0;
	int status;

	if (days && options_number("days", days, 1, 36500, &n))
		return EXIT_BAD;
	if (days)
		expires = ((json_int_t)time(NULL) + n * 86400) * 1000;

	status = send_json(cli, &answer, "POST", json_pack("{s:s, s:s, s:s?,"
			   " s:I}", "name", name, "role", role, "tenant",
			   tenant, "expires_ms", expires), "/api/v1/tokens",
			   NULL);
	if (status)
		return status;

	(void)puts(answer_str(answer.json, "token"));
	answer_clear(&answer);

	return EXIT_GOOD;
}


int cmd_token(const struct cli *cli, int argc, char *argv[])
{
	const char *role = NULL, *tenant = NULL, *days = NULL;
	const struct opt optv[] = {
		{"role", &role, NULL},
		{"tenant", &tenant, NULL},
		{"days", &days, NULL},
		{NULL, NULL, NULL},
	};

	if (options_read(optv, &argc, argv) || options_argc(argc, argv, 2, 2))
		return EXIT_BAD;

	if (strcmp(argv[1], "add") || !role) {
		term_error("token: want `add NAME --role ROLE`");
		return EXIT_BAD;
	}

	return token_add(cli, argv[2], role, tenant, days);
}
