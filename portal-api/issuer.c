/**
 * @file issuer.c  The issuer of OpenID Connect: what it says, and its keys
 */
#include <jansson.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <stdlib.h>

#include "api.h"
#include "bridge/base/log.h"
#include "bridge/base/members.h"
#include "bridge/base/wheel.h"
#include "issuer.h"
#include "jwt.h"
#include "sync/web.h"


enum {
	ANSWER_MAX   = 256 * 1024,
	CONNECT_S    = 5,
	LIMIT_S      = 10,         /* for a whole answer                    */
	AT_ONCE      = 2,          /* of the desk's workers                 */
	ABOUT_MS     = 10 * 60 * 1000,
	KEYS_MS      = 60 * 60 * 1000,
	WINDOW_MS    = 60 * 1000,
	WINDOW_MAX   = 4,          /* fetches of the keys in it             */
};


/** An answer that is kept */
struct kept {
	json_t *json;              /* owned, NULL: none */
	char *url;                 /* owned: where it is from */
	uint64_t until_ms;         /* monotonic */
};


/* One portal a process has an issuer; workers share what it said */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned asking;
static struct kept about_kept, keys_kept;
static struct {
	uint64_t began_ms;
	unsigned c;
} window;


/* Asking */


static bool enter(void)
{
	bool may;

	(void)pthread_mutex_lock(&lock);
	may = asking < AT_ONCE;
	asking += may;
	(void)pthread_mutex_unlock(&lock);

	return may;
}


static void leave(void)
{
	(void)pthread_mutex_lock(&lock);
	--asking;
	(void)pthread_mutex_unlock(&lock);
}


/** What came of a fetch */
struct fetched {
	const struct oidc_conf *conf;
	const char *url;
	json_t *json;              /* owned, NULL: nothing that can be used */
};


static void came(const struct web_reply *reply, void *arg)
{
	struct fetched *fetched = arg;
	json_t *json = NULL;

	if (!reply->why && reply->status == 200)
		json = json_loadb(reply->body, reply->size,
				  JSON_REJECT_DUPLICATES, NULL);
	if (json_is_object(json)) {
		fetched->json = json;
		return;
	}

	warning("oidc", fetched->conf->issuer, "%s: %s, status %ld",
		fetched->url, reply->why ? reply->why : "no JSON object",
		reply->status);
	json_decref(json);
}


/** @param form  To be posted; NULL: GET */
static int fetch(json_t **jsonp, const struct oidc_conf *conf,
		 const char *url, const char *form)
{
	const struct web_conf wc = {
		.ca_file = conf->ca_file, .connect_s = CONNECT_S,
		.total_s = LIMIT_S, .reply_max = ANSWER_MAX,
		.plain = strncmp(conf->issuer, "https:", 6) != 0,
	};
	const struct web_ask wa = {
		.method = form ? "POST" : "GET", .url = url, .body = form,
	};
	struct fetched fetched = { conf, url, NULL };
	int err;

	err = web_wait(&wc, &wa, came, &fetched);
	if (err)
		return err;

	*jsonp = fetched.json;

	return fetched.json ? 0 : EPROTO;
}


static int ask(json_t **jsonp, const struct oidc_conf *conf, const char *url,
	       const char *form)
{
	int err;

	if (!enter())
		return EAGAIN;

	err = fetch(jsonp, conf, url, form);
	leave();

	return err;
}


/* What is kept: a copy for each, for a value belongs to one thread */


static json_t *kept_find(const struct kept *kept, const char *url)
{
	json_t *json = NULL;

	(void)pthread_mutex_lock(&lock);
	if (kept->json && clock_ms() < kept->until_ms &&
	    !strcmp(kept->url, url))
		json = json_deep_copy(kept->json);
	(void)pthread_mutex_unlock(&lock);

	return json;
}


static void keep(struct kept *kept, const char *url, const json_t *json,
		 unsigned ms)
{
	json_t *copy = json_deep_copy(json);
	char *name = strdup(url);

	(void)pthread_mutex_lock(&lock);
	if (copy && name) {
		json_decref(kept->json);
		free(kept->url);
		kept->json = copy;
		kept->url  = name;
		kept->until_ms = clock_ms() + ms;
		copy = NULL;
		name = NULL;
	}
	(void)pthread_mutex_unlock(&lock);

	json_decref(copy);
	free(name);
}


/** A place to ask, or to send a browser to: no script, no line of its own */
static bool is_place(const struct oidc_conf *conf, const char *url)
{
	const bool tls = !strncmp(conf->issuer, "https:", 6);

	if (strncmp(url, "https://", 8) &&
	    (tls || strncmp(url, "http://", 7)))
		return false;

	for (; *url; url++)
		if ((unsigned char)*url <= ' ' || (unsigned char)*url > '~' ||
		    *url == '#')
			return false;

	return true;
}


/** Is it who was asked, and does it tell all that is needed? */
static bool about_is_good(const struct oidc_conf *conf, const json_t *about)
{
	static const char *const placev[] = {
		"authorization_endpoint", "token_endpoint", "jwks_uri" };

	if (strcmp(text_of(about, "issuer"), conf->issuer)) {
		warning("oidc", conf->issuer, "it calls itself \"%s\"",
			text_of(about, "issuer"));
		return false;
	}

	for (size_t i = 0; i < RE_ARRAY_SIZE(placev); i++) {
		if (is_place(conf, text_of(about, placev[i])))
			continue;

		warning("oidc", conf->issuer, "%s: want a URL, found \"%s\"",
			placev[i], text_of(about, placev[i]));
		return false;
	}

	return true;
}


int issuer_about(json_t **aboutp, const struct oidc_conf *conf)
{
	const size_t l = strlen(conf->issuer);
	json_t *json;
	char *url;
	int err;

	err = re_sdprintf(&url, "%b/.well-known/openid-configuration",
			  conf->issuer,
			  conf->issuer[l - 1] == '/' ? l - 1 : l);
	if (err)
		return err;

	json = kept_find(&about_kept, url);
	if (json)
		goto out;

	err = ask(&json, conf, url, NULL);
	if (!err && !about_is_good(conf, json)) {
		json_decref(json);
		err = EPROTO;
	}
	if (!err)
		keep(&about_kept, url, json, ABOUT_MS);

 out:
	mem_deref(url);
	if (!err)
		*aboutp = json;

	return err;
}


int issuer_post(json_t **answerp, const struct oidc_conf *conf,
		const char *url, const char *form)
{
	return ask(answerp, conf, url, form);
}


/* Its keys */


static bool window_pass(void)
{
	const uint64_t now = clock_ms();
	bool pass;

	(void)pthread_mutex_lock(&lock);
	if (now - window.began_ms >= WINDOW_MS) {
		window.began_ms = now;
		window.c = 0;
	}
	pass = window.c < WINDOW_MAX;
	window.c += pass;
	(void)pthread_mutex_unlock(&lock);

	return pass;
}


static int keys_fetch(json_t **keysp, const struct oidc_conf *conf,
		      const char *url)
{
	int err;

	if (!window_pass())
		return EAGAIN;

	err = ask(keysp, conf, url, NULL);
	if (!err)
		keep(&keys_kept, url, *keysp, KEYS_MS);

	return err;
}


int issuer_open(json_t **claimsp, const struct oidc_conf *conf,
		const json_t *about, const char *token)
{
	const char *url = text_of(about, "jwks_uri");
	json_t *keys;
	bool fresh;
	int err = 0;

	keys  = kept_find(&keys_kept, url);
	fresh = !keys;
	if (!keys)
		err = keys_fetch(&keys, conf, url);
	if (!err)
		err = jwt_open(claimsp, token, keys);

	if (err == ENOKEY && !fresh) {
		json_decref(keys);
		keys = NULL;
		err = keys_fetch(&keys, conf, url);
		if (!err)
			err = jwt_open(claimsp, token, keys);
	}
	json_decref(keys);

	return err;
}
