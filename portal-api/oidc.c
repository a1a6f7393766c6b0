/**
 * @file oidc.c  Sign-in at an issuer: OpenID Connect Core 1.0, with PKCE
 *
 * The authorization code flow (section 3.1): the browser goes to the issuer
 * and comes back with a code, which we change for an ID token, straight at
 * the issuer over TLS; that is how its origin is known (section 3.1.3.7,
 * number 6). What is asked for is bound to the browser by a cookie, to our
 * question by the nonce, and to us by the verifier (RFC 7636).
 *
 * Works in a worker: the issuer may take its time.
 */
#include <curl/curl.h>
#include <jansson.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "api.h"
#include "bridge/base/log.h"
#include "bridge/base/wheel.h"
#include "sessions.h"


enum {
	ANSWER_MAX  = 256 * 1024,
	LIMIT_S     = 10,
	WAIT_MS     = 10 * 60 * 1000,      /* for somebody to come back */
	QUESTIONS   = 256,
	SKEW_S      = 60,
};


/** Somebody is at the issuer now */
struct question {
	char state[SESSION_TEXT], nonce[SESSION_TEXT], verifier[SESSION_TEXT];
	uint64_t until_ms;         /* monotonic; 0: free */
};


/* One portal a process has an issuer; a ring, so that strangers who ask and
   never come back use up nothing */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct question questionv[QUESTIONS];
static size_t questionc;


/* Asking the issuer */


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


/** @param form  To be posted; NULL: GET. @return JSON object, NULL (logged) */
static json_t *fetch(const struct oidc_conf *conf, const char *url,
		     const char *form)
{
	struct text text = { NULL, 0 };
	CURL *curl = curl_easy_init();
	CURLcode code = CURLE_OUT_OF_MEMORY;
	json_t *json = NULL;
	long status = 0;

	if (curl) {
		(void)curl_easy_setopt(curl, CURLOPT_URL, url);
		(void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR,
				       strncmp(conf->issuer, "https:", 6) ?
				       "http,https" : "https");
		(void)curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
		(void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
		(void)curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)LIMIT_S);
		(void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
		(void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, &text);
		if (conf->ca_file)
			(void)curl_easy_setopt(curl, CURLOPT_CAINFO,
					       conf->ca_file);
		if (form)
			(void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS,
					       form);
		code = curl_easy_perform(curl);
		(void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE,
					&status);
	}

	if (code == CURLE_OK && status == 200 && text.p)
		json = json_loadb(text.p, text.l, JSON_REJECT_DUPLICATES,
				  NULL);
	if (!json_is_object(json))
		warning("oidc", conf->issuer, "%s: %s, status %ld", url,
			curl_easy_strerror(code), status);

	curl_easy_cleanup(curl);
	if (text.p)
		OPENSSL_cleanse(text.p, text.l);
	free(text.p);

	return json;
}


static const char *text_of(const json_t *json, const char *name)
{
	const char *text = json_string_value(json_object_get(json, name));

	return text ? text : "";
}


/** What the issuer says of itself (OpenID Connect Discovery 1.0) */
static json_t *discover(const struct oidc_conf *conf)
{
	const size_t l = strlen(conf->issuer);
	json_t *json;
	char *url;

	if (re_sdprintf(&url, "%b/.well-known/openid-configuration",
			conf->issuer, conf->issuer[l - 1] == '/' ? l - 1 : l))
		return NULL;

	json = fetch(conf, url, NULL);
	mem_deref(url);

	if (json && strcmp(text_of(json, "issuer"), conf->issuer)) {
		warning("oidc", conf->issuer, "it calls itself \"%s\"",
			text_of(json, "issuer"));
		json_decref(json);
		return NULL;
	}

	return json;
}


/* Questions */


static int question_make(struct question *q)
{
	int err;

	err = sessions_chance(q->state);
	if (!err)
		err = sessions_chance(q->nonce);
	if (!err)
		err = sessions_chance(q->verifier);
	if (err)
		return err;

	q->until_ms = clock_ms() + WAIT_MS;

	(void)pthread_mutex_lock(&lock);
	questionv[questionc++ % QUESTIONS] = *q;
	(void)pthread_mutex_unlock(&lock);

	return 0;
}


static bool same(const char *a, const char *b)
{
	return strlen(a) == strlen(b) && !CRYPTO_memcmp(a, b, strlen(a));
}


/** A question is answered once */
static bool question_take(struct question *q, const char *state)
{
	bool found = false;

	(void)pthread_mutex_lock(&lock);
	for (size_t i = 0; i < QUESTIONS && !found; i++) {
		found = questionv[i].until_ms > clock_ms() &&
			same(questionv[i].state, state);
		if (found) {
			*q = questionv[i];
			questionv[i].until_ms = 0;
		}
	}
	(void)pthread_mutex_unlock(&lock);

	return found;
}


static const char *cookie_name(const struct request *rq)
{
	return rq->tls ? "__Host-callbridge-oidc" : "callbridge-oidc";
}


/** The cookie comes back from another site, so it is Lax */
static void cookie_set(struct request *rq, const char *state)
{
	reply_header(rq, "Set-Cookie", "%s=%s; Path=/; Max-Age=%d; HttpOnly;"
		     " SameSite=Lax%s", cookie_name(rq), state,
		     *state ? WAIT_MS / 1000 : 0, rq->tls ? "; Secure" : "");
}


static bool cookie_is(const struct request *rq, const char *state)
{
	char want[128];
	const char *p;
	size_t l;

	(void)re_snprintf(want, sizeof(want), "%s=%s", cookie_name(rq),
			  state);
	l = strlen(want);

	for (p = rq->cookie; p && *p; p += strcspn(p, ";")) {
		p += strspn(p, "; ");
		if (!strncmp(p, want, l) && (!p[l] || p[l] == ';'))
			return true;
	}

	return false;
}


/* Going there */


static void redirect(struct request *rq, const char *url)
{
	reply_header(rq, "Location", "%s", url);
	reply_body(rq, 302, NULL, NULL);
}


static void failed(struct request *rq, const char *why)
{
	char url[256];
	char *word = evhttp_uriencode(why, -1, 0);

	warning("oidc", rq->address, "sign-in refused: %s", why);
	cookie_set(rq, "");
	(void)re_snprintf(url, sizeof(url), "/#/sign-in?error=%s",
			  word ? word : "");
	redirect(rq, url);
	free(word);
}


static int challenge_make(char text[SESSION_TEXT], const char *verifier)
{
	uint8_t hash[32];
	char raw[48];
	size_t i;

	if (!EVP_Q_digest(NULL, "SHA256", NULL, verifier, strlen(verifier),
			  hash, NULL))
		return EIO;

	(void)EVP_EncodeBlock((uint8_t *)raw, hash, sizeof(hash));
	for (i = 0; i < SESSION_TEXT - 1 && raw[i] != '='; i++)
		text[i] = raw[i] == '+' ? '-' : raw[i] == '/' ? '_' : raw[i];
	text[i] = '\0';

	return 0;
}


/** A libre %H handler: as it stands in a query */
static int escape(struct re_printf *pf, const char *text)
{
	char *word = evhttp_uriencode(text, -1, 0);
	int err = word ? re_hprintf(pf, "%s", word) : ENOMEM;

	free(word);

	return err;
}


static int url_make(char **urlp, const struct request *rq,
		    const struct question *q, const char *endpoint)
{
	const struct oidc_conf *conf = &portal_conf(rq->portal)->oidc;
	char challenge[SESSION_TEXT], *back = NULL;
	int err;

	err = challenge_make(challenge, q->verifier);
	if (!err)
		err = re_sdprintf(&back, "%s/api/v1/oidc/callback",
				  portal_url(rq->portal));
	if (!err)
		err = re_sdprintf(urlp, "%s%sresponse_type=code&client_id=%H"
				  "&redirect_uri=%H&scope=openid%%20profile"
				  "%%20email&state=%s&nonce=%s"
				  "&code_challenge=%s"
				  "&code_challenge_method=S256", endpoint,
				  strchr(endpoint, '?') ? "&" : "?",
				  escape, conf->client_id, escape, back,
				  q->state, q->nonce, challenge);
	mem_deref(back);

	return err;
}


void oidc_start(struct request *rq)
{
	const struct oidc_conf *conf = &portal_conf(rq->portal)->oidc;
	struct question q;
	char *url = NULL;
	json_t *about;
	int err;

	if (!conf->issuer) {
		reply_error(rq, HTTP_NOTFOUND, NULL, "there is no issuer");
		return;
	}

	about = discover(conf);
	err = about && *text_of(about, "authorization_endpoint") ?
		question_make(&q) : EPROTO;
	if (!err)
		err = url_make(&url, rq, &q, text_of(about,
						"authorization_endpoint"));
	if (err) {
		failed(rq, "the issuer cannot be reached");
	}
	else {
		cookie_set(rq, q.state);
		redirect(rq, url);
	}

	mem_deref(url);
	json_decref(about);
}


/* Coming back */


static json_t *token_fetch(const struct request *rq, const char *endpoint,
			   const struct question *q, const char *code)
{
	const struct oidc_conf *conf = &portal_conf(rq->portal)->oidc;
	char *back = NULL, *form = NULL;
	json_t *json = NULL;
	int err;

	err = re_sdprintf(&back, "%s/api/v1/oidc/callback",
			  portal_url(rq->portal));
	if (!err)
		err = re_sdprintf(&form, "grant_type=authorization_code"
				  "&code=%H&redirect_uri=%H&client_id=%H"
				  "&code_verifier=%s%s%H", escape, code,
				  escape, back, escape, conf->client_id,
				  q->verifier, conf->client_secret ?
				  "&client_secret=" : "", escape,
				  conf->client_secret ? conf->client_secret
				  : "");
	if (!err)
		json = fetch(conf, endpoint, form);

	if (form)
		OPENSSL_cleanse(form, strlen(form));
	mem_deref(form);
	mem_deref(back);

	return json;
}


/** The second part of a token (RFC 7519 section 3): its claims */
static json_t *claims_read(const char *token)
{
	const char *begin = strchr(token, '.'), *end;
	uint8_t *out;
	json_t *json = NULL;
	char *raw;
	size_t l, padded;
	int n;

	end = begin ? strchr(begin + 1, '.') : NULL;
	if (!end)
		return NULL;

	l = (size_t)(end - begin - 1);
	padded = (l + 3) / 4 * 4;
	raw = malloc(padded + 1);
	out = malloc(padded + 1);
	if (raw && out && padded) {
		for (size_t i = 0; i < padded; i++)
			raw[i] = i >= l ? '=' : begin[1 + i] == '-' ? '+' :
				begin[1 + i] == '_' ? '/' : begin[1 + i];
		n = EVP_DecodeBlock(out, (uint8_t *)raw, (int)padded);
		if (n > 0)
			json = json_loadb((char *)out, (size_t)n -
					  (padded - l),
					  JSON_REJECT_DUPLICATES, NULL);
	}
	free(raw);
	free(out);

	return json;
}


static bool is_for(const json_t *aud, const char *client_id)
{
	const json_t *one;
	size_t i;

	if (json_is_string(aud))
		return !strcmp(json_string_value(aud), client_id);

	json_array_foreach(aud, i, one)
		if (json_is_string(one) &&
		    !strcmp(json_string_value(one), client_id))
			return true;

	return false;
}


/** @return what is wrong with them, NULL: nothing (section 3.1.3.7) */
static const char *claims_check(const json_t *claims,
				const struct oidc_conf *conf,
				const struct question *q)
{
	const json_t *aud = json_object_get(claims, "aud");
	const char *azp = text_of(claims, "azp");
	const json_int_t now = time(NULL);

	if (strcmp(text_of(claims, "iss"), conf->issuer))
		return "another issuer's token";
	if (!is_for(aud, conf->client_id) ||
	    (*azp && strcmp(azp, conf->client_id)))
		return "a token for somebody else";
	if (json_integer_value(json_object_get(claims, "exp")) <=
	    now - SKEW_S)
		return "a token that is over";
	if (json_integer_value(json_object_get(claims, "iat")) >
	    now + SKEW_S)
		return "a token of the future";
	if (!same(text_of(claims, "nonce"), q->nonce))
		return "a token for another question";

	return NULL;
}


static void admit(struct request *rq, const char *name)
{
	struct store_by by = { name, rq->address };
	struct session_news news;
	struct store_grant grant;
	int err;

	err = *name && strlen(name) < sizeof(grant.name) ?
		store_admin_find(rq->st, name, &grant) : ENOENT;
	if (!err)
		err = signin_begin(rq, &grant, &news);
	if (err) {
		failed(rq, err == ENOENT ? "nobody of this name is an admin"
		       " here" : "try again later");
		return;
	}

	(void)store_audit_note(rq->st, &by, *grant.tenant ? grant.tenant
			       : NULL, "sign-in", "admin", grant.name);
	info("portal", rq->address, "%s has signed in by the issuer",
	     grant.name);
	cookie_set(rq, "");
	redirect(rq, "/");
}


void oidc_callback(struct request *rq)
{
	const struct oidc_conf *conf = &portal_conf(rq->portal)->oidc;
	const char *state = query_text(rq, "state");
	const char *code  = query_text(rq, "code");
	json_t *about = NULL, *token = NULL, *claims = NULL;
	const char *why = NULL;
	struct question q;

	if (!conf->issuer) {
		reply_error(rq, HTTP_NOTFOUND, NULL, "there is no issuer");
		return;
	}

	if (!state || !cookie_is(rq, state) || !question_take(&q, state)) {
		failed(rq, "this sign-in was not begun here, or is over");
		return;
	}
	if (!code) {
		failed(rq, "the issuer has refused");
		return;
	}

	about  = discover(conf);
	token  = about ? token_fetch(rq, text_of(about, "token_endpoint"), &q,
				     code) : NULL;
	claims = token ? claims_read(text_of(token, "id_token")) : NULL;
	why    = claims ? claims_check(claims, conf, &q)
		: "the issuer gives no token";

	if (why)
		failed(rq, why);
	else
		admit(rq, text_of(claims, conf->claim));

	json_decref(claims);
	json_decref(token);
	json_decref(about);
	OPENSSL_cleanse(&q, sizeof(q));
}
