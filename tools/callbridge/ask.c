/**
 * @file ask.c  Asking the running service
 *
 * REST over its Unix socket, or HTTPS with a token (docs/api.md). Whatever
 * goes wrong is told here in one place, in words: commands only look at the
 * answer.
 */
#include <curl/curl.h>
#include <jansson.h>
#include <stdlib.h>

#include "bridge/base/members.h"
#include "ask_place.h"


enum {
	LIMIT_S   = 20,            /* longer than the service's own limit */
	ANSWER_MAX = 512 * 1024 * 1024,
};


int ask_escape(struct re_printf *pf, const char *name)
{
	char *text = curl_easy_escape(NULL, name, 0);
	int err;

	if (!text)
		return ENOMEM;

	err = re_hprintf(pf, "%s", text);
	curl_free(text);

	return err;
}


/** The first thing that somebody looks for is the socket */
void ask_tell_silence(const struct ask_place *place,
		      const struct web_reply *reply)
{
	if (!place->conf.socket_path)
		term_error("%s: %s", place->path, reply->why);
	else if (reply->connect_err == EACCES)
		term_error("%s: permission denied: run this as the service's"
			   " user or as root", place->path);
	else if (reply->connect_err)
		term_error("the service is not running: nobody answers on %s",
			   place->path);
	else
		term_error("%s: no answer: %s", place->path, reply->why);
}


int ask_place(const struct cli *cli, struct ask_place *place,
	      const char *target)
{
	const size_t l = cli->url ? strlen(cli->url) : 0;

	memset(place, 0, sizeof(*place));

	if (cli->url)
		str_ncpy(place->path, cli->url, sizeof(place->path));
	else if (node_socket(cli, place->path, sizeof(place->path)))
		return EINVAL;

	place->conf.socket_path = cli->url ? NULL : place->path;
	place->conf.ca_file     = cli->ca_file;
	place->conf.total_s     = LIMIT_S;
	place->conf.reply_max   = ANSWER_MAX;
	place->conf.plain       = true;
	place->bearer           = cli->url ? cli->token : NULL;

	return cli->url ? re_sdprintf(&place->url, "%b%s", cli->url,
				      cli->url[l - 1] == '/' ? l - 1 : l,
				      target) :
		re_sdprintf(&place->url, "http://callbridge%s", target);
}


struct asking {
	struct answer *answer;     /* borrowed */
	const struct ask_place *place;     /* borrowed */
	int err;
};


static void came(const struct web_reply *reply, void *arg)
{
	struct asking *asking = arg;
	struct answer *answer = asking->answer;

	if (reply->why) {
		ask_tell_silence(asking->place, reply);
		asking->err = EIO;
		return;
	}

	answer->text = malloc(reply->size + 1);
	if (!answer->text) {
		asking->err = ENOMEM;
		return;
	}

	memcpy(answer->text, reply->body, reply->size + 1);
	answer->size = reply->size;
	answer->code = reply->status;
}


static int perform(struct answer *answer, const struct ask_place *place,
		   const char *method, const char *type, const char *body)
{
	const struct web_ask wa = {
		.method = method, .url = place->url, .type = type,
		.body = body, .bearer = place->bearer,
	};
	struct asking asking = { answer, place, 0 };
	int err;

	err = web_wait(&place->conf, &wa, came, &asking);
	if (err)
		term_error("%m", err);

	return err ? err : asking.err;
}


/** "lunch.yaml:3:8: " of a file that went along, as errors_print() has it */
static int place_print(struct re_printf *pf, const json_t *error)
{
	const char *file = answer_str(error, "file");

	return *file ? re_hprintf(pf, "%s:%lld:%lld: ", file,
				  (long long)answer_int(error, "line"),
				  (long long)answer_int(error, "column"))
		: 0;
}


/** All that is wrong with a value, a line each. @return false if it was not
    about one */
static bool tell_errors(const json_t *json)
{
	const json_t *errors = json_object_get(json, "errors"), *error;
	char line[1024];
	size_t i;

	json_array_foreach(errors, i, error) {
		const char *field = answer_str(error, "field");

		(void)re_snprintf(line, sizeof(line), "%H%s%s%s",
				  place_print, error, field,
				  *field ? ": " : "",
				  answer_str(error, "error"));
		term_line(stderr, line);
	}

	return json_array_size(errors) > 0;
}


/** What the service has against it, and its details a line each */
static void tell_refusal(const struct answer *answer)
{
	const char *error = answer_str(answer->json, "error");
	const json_t *line;
	size_t i;

	json_array_foreach(json_object_get(answer->json, "details"), i, line)
		term_line(stderr, json_string_value(line));

	if (tell_errors(answer->json))
		return;

	if (*error)
		term_error("%s", error);
	else
		term_error("the service answers %ld", answer->code);
}


/** @return 0 if there was an answer, of any kind. Freed by answer_clear() */
static int request(const struct cli *cli, struct answer *answer,
		   const char *method, const char *type, const char *body,
		   const char *fmt, va_list ap)
{
	struct ask_place place;
	char *target = NULL;
	int err;

	memset(answer, 0, sizeof(*answer));

	err = re_vsdprintf(&target, fmt, ap);
	if (err)
		return err;

	err = ask_place(cli, &place, target);
	if (!err)
		err = perform(answer, &place, method, type, body);

	mem_deref(place.url);
	mem_deref(target);

	if (!err && answer->size)
		answer->json = json_loadb(answer->text, answer->size, 0,
					  NULL);

	return err;
}


static int judge(struct answer *answer, int err)
{
	if (!err && answer->code / 100 != 2) {
		tell_refusal(answer);
		err = EPROTO;
	}

	if (err)
		answer_clear(answer);

	return err ? EXIT_BAD : EXIT_GOOD;
}


int ask(const struct cli *cli, struct answer *answer, bool post,
	const char *fmt, ...)
{
	va_list ap;
	int err;

	va_start(ap, fmt);
	err = request(cli, answer, post ? "POST" : "GET", NULL,
		      post ? "" : NULL, fmt, ap);
	va_end(ap);

	return judge(answer, err);
}


int ask_with(const struct cli *cli, struct answer *answer,
	     const char *method, const char *type, const char *body,
	     const char *fmt, ...)
{
	va_list ap;
	int err;

	va_start(ap, fmt);
	err = request(cli, answer, method, type, body, fmt, ap);
	va_end(ap);

	return judge(answer, err);
}


bool ask_quietly(const struct cli *cli, struct answer *answer,
		 const char *fmt, ...)
{
	va_list ap;
	int err;

	va_start(ap, fmt);
	err = request(cli, answer, "GET", NULL, NULL, fmt, ap);
	va_end(ap);

	if (err || answer->code / 100 != 2) {
		answer_clear(answer);
		return false;
	}

	return true;
}


void answer_clear(struct answer *answer)
{
	json_decref(answer->json);
	free(answer->text);
	memset(answer, 0, sizeof(*answer));
}


const char *answer_str(const json_t *row, const char *name)
{
	return text_of(row, name);
}


int64_t answer_int(const json_t *row, const char *name)
{
	return json_integer_value(json_object_get(row, name));
}
