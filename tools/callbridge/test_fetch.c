/**
 * @file test_fetch.c  The service's REST API, for a test that runs
 *
 * Asked from the run's thread, again and again: a refusal is an answer, and
 * nothing is told to the person.
 */
#include <curl/curl.h>
#include <stdlib.h>

#include "test_cli.h"


enum { LIMIT_S = 20, BODY_MAX = 64 * 1024 * 1024 };


struct body {
	char *text;                /* owned, terminated */
	size_t size;
};


static size_t take(char *p, size_t size, size_t n, void *arg)
{
	struct body *body = arg;
	const size_t l = size * n;
	char *text;

	if (body->size + l > BODY_MAX)
		return 0;

	text = realloc(body->text, body->size + l + 1);
	if (!text)
		return 0;

	memcpy(text + body->size, p, l);
	body->text  = text;
	body->size += l;
	text[body->size] = '\0';

	return l;
}


static int status_err(CURLcode code, long status)
{
	if (code != CURLE_OK)
		return EIO;
	if (status / 100 == 2)
		return 0;

	return status == 404 ? ENOENT : EPROTO;
}


int test_fetch(const char *socket, bool post, const char *path, char **text,
	       size_t *size)
{
	struct body body = {NULL, 0};
	CURL *curl = curl_easy_init();
	CURLcode code;
	long status = 0;
	char *url;
	int err;

	if (!curl)
		return ENOMEM;

	err = re_sdprintf(&url, "http://callbridge%s", path);
	if (err)
		goto out;

	(void)curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, socket);
	(void)curl_easy_setopt(curl, CURLOPT_URL, url);
	(void)curl_easy_setopt(curl, CURLOPT_PROXY, "");
	(void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	(void)curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)LIMIT_S);
	(void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
	(void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, &body);
	if (post)
		(void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, "");

	code = curl_easy_perform(curl);
	(void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	err = status_err(code, status);
	mem_deref(url);

 out:
	curl_easy_cleanup(curl);

	if (!err && !body.text)
		err = EIO;
	if (err) {
		free(body.text);
		return err;
	}

	*text = body.text;
	*size = body.size;

	return 0;
}
