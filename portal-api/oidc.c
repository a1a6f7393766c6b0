/**
 * @file oidc.c  Sign-in at an issuer: OpenID Connect Core 1.0, with PKCE
 *
 * The authorization code flow (section 3.1): the browser goes to the issuer
 * and comes back with a code, which we change for an ID token, straight at
 * the issuer over TLS. The token counts if one of the issuer's keys has
 * signed it. What is asked for is bound to the browser by a cookie, to our
 * question by the nonce, and to us by the verifier (RFC 7636).
 *
 * Works in a worker: the issuer may take its time.
 */
#include <jansson.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "api.h"
#include "bridge/base/base64.h"
#include "bridge/base/log.h"
#include "bridge/base/members.h"
#include "bridge/base/wheel.h"
#include "issuer.h"
#include "sessions.h"


enum {
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

	if (!EVP_Q_digest(NULL, "SHA256", NULL, verifier, strlen(verifier),
			  hash, NULL))
		return EIO;

	(void)base64_write(text, BASE64_URL, hash, sizeof(hash));

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


/** For the person who signs in; what exactly was wrong is in the log */
static const char *why_not(int err)
{
	switch (err) {

	case EAGAIN: return "many sign in at this moment: try again";
	case EPROTO: return "the issuer cannot be reached, or is not"
			" understood";
	case EACCES:
	case ENOKEY:
	case EBADMSG: return "a token that the issuer has not signed";
	default:      return "try again later";
	}
}


void oidc_start(struct request *rq)
{
	const struct oidc_conf *conf = &portal_conf(rq->portal)->oidc;
	struct question q;
	char *url = NULL;
	json_t *about = NULL;
	int err;

	if (!conf->issuer) {
		reply_error(rq, HTTP_NOTFOUND, NULL, "there is no issuer");
		return;
	}

	err = issuer_about(&about, conf);
	if (!err)
		err = question_make(&q);
	if (!err)
		err = url_make(&url, rq, &q, text_of(about,
						"authorization_endpoint"));
	if (err) {
		failed(rq, why_not(err));
	}
	else {
		cookie_set(rq, q.state);
		redirect(rq, url);
	}

	mem_deref(url);
	json_decref(about);
}


/* Coming back */


static int token_fetch(json_t **tokenp, const struct request *rq,
		       const char *endpoint, const struct question *q,
		       const char *code)
{
	const struct oidc_conf *conf = &portal_conf(rq->portal)->oidc;
	char *back = NULL, *form = NULL;
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
		err = issuer_post(tokenp, conf, endpoint, form);

	if (form)
		OPENSSL_cleanse(form, strlen(form));
	mem_deref(form);
	mem_deref(back);

	return err;
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


/** Whoever is named beside us is not to hand it on to us (section 3.1.3.7,
    numbers 3 to 5) */
static bool is_ours(const json_t *claims, const char *client_id)
{
	const json_t *aud = json_object_get(claims, "aud");
	const json_t *azp = json_object_get(claims, "azp");

	if (!is_for(aud, client_id))
		return false;
	if (azp)
		return !strcmp(text_of(claims, "azp"), client_id);

	return json_is_string(aud) || json_array_size(aud) == 1;
}


/** A moment among the claims [s since 1970]; 0 there is none. Some issuers
    write a fraction (RFC 7519 section 2: NumericDate) */
static double moment(const json_t *claims, const char *name)
{
	return json_number_value(json_object_get(claims, name));
}


/** @return what is wrong with them, NULL: nothing (section 3.1.3.7) */
static const char *claims_check(const json_t *claims,
				const struct oidc_conf *conf,
				const struct question *q)
{
	const double now = (double)time(NULL);

	if (strcmp(text_of(claims, "iss"), conf->issuer))
		return "another issuer's token";
	if (!is_ours(claims, conf->client_id))
		return "a token for somebody else";
	if (moment(claims, "exp") <= now - SKEW_S)
		return "a token that is over";
	if (moment(claims, "iat") <= 0 ||
	    moment(claims, "iat") > now + SKEW_S ||
	    moment(claims, "nbf") > now + SKEW_S)
		return "a token of the future";
	if (!same(text_of(claims, "nonce"), q->nonce))
		return "a token for another question";

	/* an address that anybody could have typed in there */
	if (!strcmp(conf->claim, "email") &&
	    json_is_false(json_object_get(claims, "email_verified")))
		return "the issuer has not verified this address";

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


/** @return what went wrong, NULL: nothing, and the claims */
static const char *exchange(json_t **claimsp, const struct request *rq,
			    const struct question *q, const char *code)
{
	const struct oidc_conf *conf = &portal_conf(rq->portal)->oidc;
	json_t *about = NULL, *token = NULL;
	const char *why;
	int err;

	err = issuer_about(&about, conf);
	if (!err)
		err = token_fetch(&token, rq, text_of(about,
						      "token_endpoint"),
				  q, code);
	if (!err)
		err = issuer_open(claimsp, conf, about,
				  text_of(token, "id_token"));
	if (err)
		warning("oidc", conf->issuer, "no token that counts: %m",
			err);
	why = err ? why_not(err) : claims_check(*claimsp, conf, q);

	json_decref(token);
	json_decref(about);

	return why;
}


void oidc_callback(struct request *rq)
{
	const struct oidc_conf *conf = &portal_conf(rq->portal)->oidc;
	const char *state = query_text(rq, "state");
	const char *code  = query_text(rq, "code");
	json_t *claims = NULL;
	const char *why, *iss;
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

	/* another issuer's answer, put under our question (RFC 9207) */
	iss = query_text(rq, "iss");
	if (iss && strcmp(iss, conf->issuer)) {
		failed(rq, "another issuer's answer");
		return;
	}

	why = exchange(&claims, rq, &q, code);
	if (why)
		failed(rq, why);
	else
		admit(rq, text_of(claims, conf->claim));

	json_decref(claims);
	OPENSSL_cleanse(&q, sizeof(q));
}
