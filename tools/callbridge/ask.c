/**
 * @file ask.c  Asking the running service
 *
 * REST over its Unix socket (docs/api.md). Whatever goes wrong is told here
 * in one place, in words: commands only look at the answer.
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

	if (code == CURLE_COULDNT_CONNECT && os == EACCES)
		term_error("%s: permission denied: run this as the service's"
			   " user or as root", path);
	else if (code == CURLE_COULDNT_CONNECT)
		term_error("the service is not running: nobody answers on %s",
			   path);
	else
		term_error("%s: no answer: %s", path,
			   curl_easy_strerror(code));
}


static int perform(struct answer *answer, const char *path, const char *url,
		   bool post)
{
	CURL *curl = curl_easy_init();
	CURLcode code = CURLE_OUT_OF_MEMORY;

	if (!curl) {
		term_error("out of memory");
		return ENOMEM;
	}

	(void)curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, path);
	(void)curl_easy_setopt(curl, CURLOPT_URL, url);
	(void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http");
	(void)curl_easy_setopt(curl, CURLOPT_PROXY, "");
	(void)curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)LIMIT_S);
	(void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
	(void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
	if (post)
		(void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, "");

	code = curl_easy_perform(curl);
	if (code != CURLE_OK)
		tell_curl(curl, code, path);
	else
		(void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE,
					&answer->code);

	curl_easy_cleanup(curl);

	return code == CURLE_OK ? 0 : EIO;
}


/** What the service has against it, and its details a line each */
static void tell_refusal(const struct answer *answer)
{
	const char *error = answer_str(answer->json, "error");
	const json_t *line;
	size_t i;

	json_array_foreach(json_object_get(answer->json, "details"), i, line)
		term_line(stderr, json_string_value(line));

	if (*error)
		term_error("%s", error);
	else
		term_error("the service answers %ld", answer->code);
}


/** @return 0 if there was an answer, of any kind. Freed by answer_clear() */
static int request(const struct cli *cli, struct answer *answer, bool post,
		   const char *fmt, va_list ap)
{
	char path[PATH_MAX];
	char *target = NULL, *url = NULL;
	int err;

	memset(answer, 0, sizeof(*answer));

	if (node_socket(cli, path, sizeof(path)))
		return EINVAL;

	err = re_vsdprintf(&target, fmt, ap);
	if (!err)
		err = re_sdprintf(&url, "http://callbridge%s", target);
	if (!err)
		err = perform(answer, path, url, post);

	mem_deref(url);
	mem_deref(target);

	if (!err && answer->size)
		answer->json = json_loadb(answer->text, answer->size, 0,
					  NULL);

	return err;
}


int ask(const struct cli *cli, struct answer *answer, bool post,
	const char *fmt, ...)
{
	va_list ap;
	int err;

	va_start(ap, fmt);
	err = request(cli, answer, post, fmt, ap);
	va_end(ap);

	if (!err && answer->code / 100 != 2) {
		tell_refusal(answer);
		err = EPROTO;
	}

	if (err)
		answer_clear(answer);

	return err ? EXIT_BAD : EXIT_GOOD;
}


bool ask_quietly(const struct cli *cli, struct answer *answer,
		 const char *fmt, ...)
{
	va_list ap;
	int err;

	va_start(ap, fmt);
	err = request(cli, answer, false, fmt, ap);
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
