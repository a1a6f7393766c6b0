/**
 * @file test_fetch.c  The service's REST API, for a test that runs
 *
 * Asked from the run's thread, again and again: a refusal is an answer, and
 * nothing is told to the person.
 */
#include <stdlib.h>

#include "portal-api/sync/web.h"
#include "test_cli.h"


enum { LIMIT_S = 20, BODY_MAX = 64 * 1024 * 1024 };


struct body {
	char *text;                /* owned, terminated */
	size_t size;
	int err;
};


static int status_err(const struct web_reply *reply)
{
	if (reply->why)
		return EIO;
	if (reply->status / 100 == 2)
		return 0;

	return reply->status == 404 ? ENOENT : EPROTO;
}


static void came(const struct web_reply *reply, void *arg)
{
	struct body *body = arg;

	body->err = status_err(reply);
	if (body->err)
		return;

	body->text = malloc(reply->size + 1);
	body->size = reply->size;
	if (body->text)
		memcpy(body->text, reply->body, reply->size + 1);
	else
		body->err = ENOMEM;
}


int test_fetch(const char *socket, bool post, const char *path, char **text,
	       size_t *size)
{
	const struct web_conf conf = {
		.socket_path = socket, .total_s = LIMIT_S,
		.reply_max = BODY_MAX, .plain = true,
	};
	struct web_ask wa = { .method = post ? "POST" : "GET",
			      .body = post ? "" : NULL };
	struct body body = { NULL, 0, 0 };
	char *url;
	int err;

	err = re_sdprintf(&url, "http://callbridge%s", path);
	if (err)
		return err;

	wa.url = url;
	err = web_wait(&conf, &wa, came, &body);
	mem_deref(url);
	if (!err)
		err = body.err;
	if (err)
		return err;

	*text = body.text;
	*size = body.size;

	return 0;
}
