/**
 * @file replay.c  Creations that may be asked for again (Idempotency-Key)
 *
 * A hash of the request tells whether it is the same one.
 */
#include <jansson.h>
#include <openssl/evp.h>
#include <stdlib.h>

#include "replay.h"


enum { HASH_SIZE = 32, KEY_MAX = 128 };


static const char *caller(const struct request *rq, char *buf, size_t size)
{
	(void)re_snprintf(buf, size, "%s:%s", rq->bearer ? "token" : "admin",
			  rq->grant.name);

	return buf;
}


static int request_hash(const struct request *rq,
			char text[REPLAY_HASH_SIZE])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t hash[HASH_SIZE];
	bool good;

	good = ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) &&
		EVP_DigestUpdate(ctx, rq->path, strlen(rq->path) + 1) &&
		EVP_DigestUpdate(ctx, rq->body ? rq->body : "", rq->size) &&
		EVP_DigestFinal_ex(ctx, hash, NULL);
	EVP_MD_CTX_free(ctx);

	if (good)
		(void)re_snprintf(text, REPLAY_HASH_SIZE, "%w", hash,
				  sizeof(hash));

	return good ? 0 : EIO;
}


static void answer(struct request *rq, const char *text)
{
	json_t *json = json_loads(text, 0, NULL);
	json_t *body = json_object_get(json, "body");
	const json_t *revision = json_object_get(body, "revision");

	reply_header(rq, "Idempotency-Replayed", "true");
	reply_header(rq, "Location", "%s", json_string_value(
		     json_object_get(json, "location")));
	if (revision)
		reply_header(rq, "ETag", "\"%lld\"",
			     (long long)json_integer_value(revision));
	reply_json(rq, 201, json_incref(body));
	json_decref(json);
}


bool replay(struct request *rq, char hash[REPLAY_HASH_SIZE])
{
	char *text = NULL, name[128];
	int err;

	if (!rq->key)
		return false;

	err = strlen(rq->key) > KEY_MAX ? EINVAL : request_hash(rq, hash);
	if (!err)
		err = store_answer_find(rq->st, caller(rq, name,
						       sizeof(name)),
					rq->key, hash, &text);
	if (err == ENOENT)
		return false;

	if (err == EINVAL)
		reply_error(rq, HTTP_BADREQUEST, "Idempotency-Key", "want at"
			    " most %d octets", KEY_MAX);
	else if (err == ESTALE)
		reply_error(rq, 422, "Idempotency-Key", "this key was that"
			    " of another request");
	else if (err)
		reply_store(rq, err, NULL);
	else
		answer(rq, text);

	mem_deref(text);

	return true;
}


int replay_keep(struct request *rq, const char *hash, const char *location,
		json_t *body)
{
	char name[128], *text;
	json_t *json;
	int err;

	if (!rq->key)
		return 0;

	json = json_pack("{s:s, s:O}", "location", location, "body", body);
	text = json_dumps(json, JSON_COMPACT);
	err = text ? store_answer_keep(rq->st, caller(rq, name, sizeof(name)),
				       rq->key, hash, text) : ENOMEM;
	free(text);
	json_decref(json);

	return err;
}
