/**
 * @file issuer.c  The issuer of OpenID Connect: what it says, and its keys
 */
#include <curl/curl.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <stdlib.h>

#include "api.h"
#include "bridge/base/log.h"
#include "bridge/base/wheel.h"
#include "issuer.h"
#include "jwt.h"


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


struct text {
	char *p;                   /* owned, terminated */
	size_t l;
};


static size_t take(char *p, size_t size, size_t n, void *arg)
{
	struct text *text = arg;
	const size_t l = size * n;
	char *grown;

	if (text->l + l > ANSWER_MAX)
		return 0;

	grown = realloc(text->p, text->l + l + 1);
	if (!grown)
		return 0;

	memcpy(grown + text->l, p, l);
	text->p  = grown;
	text->l += l;
	grown[text->l] = '\0';

	return l;
}


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


static CURLcode perform(CURL *curl, const struct oidc_conf *conf,
			const char *url, const char *form, struct text *text)
{
	(void)curl_easy_setopt(curl, CURLOPT_URL, url);
	(void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR,
			       strncmp(conf->issuer, "https:", 6) ?
			       "http,https" : "https");
	(void)curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
	(void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	(void)curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_S);
	(void)curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)LIMIT_S);
	(void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
	(void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, text);
	if (conf->ca_file)
		(void)curl_easy_setopt(curl, CURLOPT_CAINFO, conf->ca_file);
	if (form)
		(void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, form);

	return curl_easy_perform(curl);
}


/** @param form  To be posted; NULL: GET */
static int fetch(json_t **jsonp, const struct oidc_conf *conf,
		 const char *url, const char *form)
{
	struct text text = { NULL, 0 };
	CURL *curl = curl_easy_init();
	json_t *json = NULL;
	CURLcode code;
	long status = 0;

	if (!curl)
		return ENOMEM;

	code = perform(curl, conf, url, form, &text);
	(void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);

	if (code == CURLE_OK && status == 200 && text.p)
		json = json_loadb(text.p, text.l, JSON_REJECT_DUPLICATES,
				  NULL);
	if (!json_is_object(json)) {
		warning("oidc", conf->issuer, "%s: %s, status %ld", url,
			curl_easy_strerror(code), status);
		json_decref(json);
		json = NULL;
	}

	curl_easy_cleanup(curl);
	if (text.p)
		OPENSSL_cleanse(text.p, text.l);
	free(text.p);

	*jsonp = json;

	return json ? 0 : EPROTO;
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


static const char *text_of(const json_t *json, const char *name)
{
	const char *text = json_string_value(json_object_get(json, name));

	return text ? text : "";
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
