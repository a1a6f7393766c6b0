/**
 * @file ask.c  Asking the running service
 *
 * REST over its Unix socket, or HTTPS with a token (docs/api.md). Whatever
 * goes wrong is told here in one place, in words: commands only look at the
 * answer.
 */
#include <curl/curl.h>
#include <jansson.h>
#include <limits.h>
#include <stdlib.h>

#include "cli.h"


enum {
	LIMIT_S   = 20,            /* longer than the service's own limit */
	ANSWER_MAX = 512 * 1024 * 1024,
};


static size_t take(char *p, size_t size, size_t n, void *arg)
{
	struct answer *answer = arg;
	const size_t l = size * n;
	char *text;

	if (answer->size + l > ANSWER_MAX)
		return 0;

	text = realloc(answer->text, answer->size + l + 1);
	if (!text)
		return 0;

	memcpy(text + answer->size, p, l);
	answer->text  = text;
	answer->size += l;
	text[answer->size] = '\0';

	return l;
}


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


/** One line; the first thing that somebody looks for is the socket */
static void tell_curl(CURL *curl, CURLcode code, const char *path)
{
	long os = 0;

	(void)curl_easy_getinfo(curl, CURLINFO_OS_ERRNO, &os);

	if (!strncmp(path, "http", 4))
		term_error("%s: %s", path, curl_easy_strerror(code));
	else if (code == CURLE_COULDNT_CONNECT && os == EACCES)
		term_error("%s: permission denied: run this as the service's"
			   " user or as root", path);
	else if (code == CURLE_COULDNT_CONNECT)
		term_error("the service is not running: nobody answers on %s",
			   path);
	else
		term_error("%s: no answer: %s", path,
			   curl_easy_strerror(code));
}


/** By its socket here, or by a URL and a token from elsewhere */
static void way_set(CURL *curl, const struct cli *cli, const char *path,
		    struct curl_slist **headers)
{
	char *header = NULL;

	if (!cli->url) {
		(void)curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, path);
		(void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http");
		(void)curl_easy_setopt(curl, CURLOPT_PROXY, "");
		return;
	}

	(void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https,http");
	if (cli->ca_file)
		(void)curl_easy_setopt(curl, CURLOPT_CAINFO, cli->ca_file);
	if (cli->token && !re_sdprintf(&header, "Authorization: Bearer %s",
				       cli->token))
		*headers = curl_slist_append(*headers, header);
	mem_deref(header);
}


static void body_set(CURL *curl, const char *method, const char *type,
		     const char *body, struct curl_slist **headers)
{
	char *header = NULL;

	if (strcmp(method, "GET"))
		(void)curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
	if (body) {
		(void)curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE,
				       (curl_off_t)strlen(body));
		(void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
	}
	if (type && !re_sdprintf(&header, "Content-Type: %s", type))
		*headers = curl_slist_append(*headers, header);
	mem_deref(header);
}


static int perform(const struct cli *cli, struct answer *answer,
		   const char *path, const char *url, const char *method,
		   const char *type, const char *body)
{
	CURL *curl = curl_easy_init();
	struct curl_slist *headers = NULL;
	CURLcode code;

	if (!curl) {
		term_error("out of memory");
		return ENOMEM;
	}

	way_set(curl, cli, path, &headers);
	body_set(curl, method, type, body, &headers);
	(void)curl_easy_setopt(curl, CURLOPT_URL, url);
	(void)curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)LIMIT_S);
	(void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
	(void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
	(void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);

	code = curl_easy_perform(curl);
	if (code != CURLE_OK)
		tell_curl(curl, code, path);
	else
		(void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE,
					&answer->code);

	curl_slist_free_all(headers);
	curl_easy_cleanup(curl);

	return code == CURLE_OK ? 0 : EIO;
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

		(void)re_snprintf(line, sizeof(line), "%s%s%s", field,
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
	const size_t l = cli->url ? strlen(cli->url) : 0;
	char path[PATH_MAX];
	char *target = NULL, *url = NULL;
	int err;

	memset(answer, 0, sizeof(*answer));

	if (cli->url)
		str_ncpy(path, cli->url, sizeof(path));
	else if (node_socket(cli, path, sizeof(path)))
		return EINVAL;

	err = re_vsdprintf(&target, fmt, ap);
	if (!err)
		err = cli->url ? re_sdprintf(&url, "%b%s", cli->url,
					     cli->url[l - 1] == '/' ? l - 1
					     : l, target) :
			re_sdprintf(&url, "http://callbridge%s", target);
	if (!err)
		err = perform(cli, answer, path, url, method, type, body);

	mem_deref(url);
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
	const char *text = json_string_value(json_object_get(row, name));

	return text ? text : "";
}


int64_t answer_int(const json_t *row, const char *name)
{
	return json_integer_value(json_object_get(row, name));
}
