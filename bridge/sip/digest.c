/**
 * @file digest.c  Digest authentication of a client
 *
 * RFC 7616 and RFC 8760 with the SIP rules of RFC 3261 section 22. For each
 * of the two headers that may challenge, the present nonce is kept with its
 * count. A nonce that was accepted may be used again before any challenge.
 */
#include <pthread.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "bridge/base/libre.h"
#include "digest.h"
#include "inner.h"
#include "msg.h"
#include "parse.h"
#include "stack.h"


enum {
	CNONCE_DIGITS  = 16,
	CHALLENGES_MAX = 2,        /* answered in one attempt              */
	FIELD_MAX      = 1024,     /* longest realm, nonce, opaque we echo */
	JOIN_MAX       = 512,      /* octets hashed in one go              */
	NC_SIZE        = 9,
};


/** Who challenges: the server itself or a proxy */
enum kind { KIND_SERVER, KIND_PROXY, KINDC };

static const struct {
	enum sip_hdrid challenge;
	enum sip_hdrid info;
	const char *info_name;     /* for headers that libre gives no id   */
	const char *answer;
} kindv[KINDC] = {
	[KIND_SERVER] = {
		SIP_HDR_WWW_AUTHENTICATE, SIP_HDR_AUTHENTICATION_INFO,
		"Authentication-Info", "Authorization",
	},
	[KIND_PROXY] = {
		SIP_HDR_PROXY_AUTHENTICATE, SIP_HDR_NONE,
		"Proxy-Authentication-Info", "Proxy-Authorization",
	},
};

static const struct {
	const char *name;          /* in Authorization                     */
	const char *openssl;
} algorithmv[] = {
	[DIGEST_MD5]        = { "MD5",         "MD5"        },
	[DIGEST_SHA256]     = { "SHA-256",     "SHA256"     },
	[DIGEST_SHA512_256] = { "SHA-512-256", "SHA512-256" },
};


/** A challenge that we can answer; strings follow it in the same block */
struct challenge {
	struct pl realm;
	struct pl nonce;
	struct pl opaque;
	enum digest_algorithm algorithm;
	bool named;                /* algorithm was given, so we give it too */
	bool sess;
	bool qop;
	bool stale;
	bool a1_known;             /* MD5 without -sess: what follows      */
	char a1[MD5_STR_SIZE];     /* of username, realm and password      */
};

/** The nonce in use towards one kind of challenger */
struct nonce {
	struct challenge *chall;   /* owned, NULL: none                    */
	char *realm;               /* owned; the only one answered, or NULL */
	uint32_t nc;               /* times used                           */
	bool written;              /* used since the challenge came        */
	bool accepted;             /* ... and accepted: fit for use again  */
	char cnonce[CNONCE_DIGITS + 1]; /* of the session, for -sess       */
};

struct digest {
	char *username;            /* both behind us, so that whoever      */
	char *password;            /* registers has them at hand; wiped    */
	char *calls_realm;         /* owned: for calls too, "*" any; NULL  */
	struct nonce noncev[KINDC];
	enum digest_algorithm strongest; /* of all that were offered       */
	bool once;                 /* nonces are good for one use only     */
};


static EVP_MD *hashv[ARRAY_SIZE(algorithmv)];
static pthread_once_t hash_once = PTHREAD_ONCE_INIT;


/* Fetched once: looking an algorithm up costs more than hashing with it */
static void hash_fetch(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(hashv); i++)
		hashv[i] = EVP_MD_fetch(NULL, algorithmv[i].openssl, NULL);
}


static void challenge_destructor(void *data)
{
	struct challenge *chall = data;

	OPENSSL_cleanse(chall->a1, sizeof(chall->a1));
}


static void destructor(void *data)
{
	struct digest *d = data;

	OPENSSL_cleanse(d->password, strlen(d->password));

	mem_deref(d->calls_realm);

	for (int kind = 0; kind < KINDC; kind++) {
		mem_deref(d->noncev[kind].chall);
		mem_deref(d->noncev[kind].realm);
	}
}


int digest_alloc(struct digest **dp, const char *username,
		 const char *password, const char *realm)
{
	struct digest *d;
	size_t usize, psize;
	int err = 0;

	if (!dp || !username || !password)
		return EINVAL;

	usize = strlen(username) + 1;
	psize = strlen(password) + 1;
	d = mem_zalloc(sizeof(*d) + usize + psize, destructor);
	if (!d)
		return ENOMEM;

	d->username = memcpy(d + 1, username, usize);
	d->password = memcpy(d->username + usize, password, psize);

	for (int kind = 0; realm && kind < KINDC; kind++)
		err |= str_dup(&d->noncev[kind].realm, realm);

	if (err)
		mem_deref(d);
	else
		*dp = d;

	return err;
}


int digest_realm_add(struct digest *d, const char *realm)
{
	if (!d || !str_isset(realm))
		return EINVAL;

	d->calls_realm = mem_deref(d->calls_realm);

	return str_dup(&d->calls_realm, realm);
}


/* ------------------------------------------------------------------ */
/* Hashing (RFC 7616 section 3.4.1)                                    */


/* Fields with colons between them, if there is room for all of them */
static size_t join(uint8_t *buf, size_t size, const struct pl *fieldv,
		   size_t fieldc)
{
	size_t l = 0;

	for (size_t i = 0; i < fieldc; i++) {
		if (fieldv[i].l + 1 > size - l)
			return 0;

		if (i)
			buf[l++] = ':';
		if (fieldv[i].l)
			memcpy(buf + l, fieldv[i].p, fieldv[i].l);
		l += fieldv[i].l;
	}

	return l;
}


static bool hash_any(uint8_t *md, unsigned *size,
		     enum digest_algorithm algorithm,
		     const struct pl *fieldv, size_t fieldc)
{
	EVP_MD_CTX *ctx;
	bool ok;

	(void)pthread_once(&hash_once, hash_fetch);

	ctx = EVP_MD_CTX_new();
	if (!ctx)
		return false;

	ok = hashv[algorithm] && EVP_DigestInit_ex(ctx, hashv[algorithm],
						   NULL);
	for (size_t i = 0; i < fieldc; i++) {
		ok = ok && (!i || EVP_DigestUpdate(ctx, ":", 1));
		ok = ok && EVP_DigestUpdate(ctx, fieldv[i].p, fieldv[i].l);
	}
	ok = ok && EVP_DigestFinal_ex(ctx, md, size);
	EVP_MD_CTX_free(ctx);

	return ok;
}


/* Nearly all there is: without OpenSSL's providers it takes a fifth */
static bool hash_md5(uint8_t *md, unsigned *size, const struct pl *fieldv,
		     size_t fieldc)
{
	uint8_t buf[JOIN_MAX];
	const size_t l = join(buf, sizeof(buf), fieldv, fieldc);

	if (!l)
		return false;

	md5(buf, l, md);
	*size = MD5_SIZE;
	OPENSSL_cleanse(buf, l);

	return true;
}


/* Hash fields with colons between them */
static int hash_fields(char hex[DIGEST_HEX], enum digest_algorithm algorithm,
		       const struct pl *fieldv, size_t fieldc)
{
	static const char digits[] = "0123456789abcdef";
	uint8_t md[EVP_MAX_MD_SIZE];
	unsigned size = 0;
	bool ok = false;

	if (algorithm == DIGEST_MD5)
		ok = hash_md5(md, &size, fieldv, fieldc);
	if (!ok)
		ok = hash_any(md, &size, algorithm, fieldv, fieldc);
	if (!ok)
		return ENOMEM;

	for (unsigned i = 0; i < size; i++) {
		hex[2 * i]     = digits[md[i] >> 4];
		hex[2 * i + 1] = digits[md[i] & 15];
	}
	hex[2 * size] = '\0';
	OPENSSL_cleanse(md, sizeof(md));

	return 0;
}


static struct pl pl_of(const char *str)
{
	struct pl pl;

	pl_set_str(&pl, str);

	return pl;
}


/* The secret: H(username:realm:password), for -sess of the session */
static int hash_a1(char hex[DIGEST_HEX], const struct digest_input *in)
{
	const struct pl base[] = { in->username, in->realm, in->password };
	char first[DIGEST_HEX];
	int err;

	if (!in->sess)
		return hash_fields(hex, in->algorithm, base, 3);

	err = hash_fields(first, in->algorithm, base, 3);
	if (!err) {
		const struct pl sess[] = {
			pl_of(first), in->nonce, pl_of(in->cnonce)
		};

		err = hash_fields(hex, in->algorithm, sess, 3);
	}
	OPENSSL_cleanse(first, sizeof(first));

	return err;
}


/* The nonce count as it is written and hashed: eight digits */
static const char *nc_text(char text[NC_SIZE], uint32_t nc)
{
	static const char digits[] = "0123456789abcdef";

	for (int i = NC_SIZE - 2; i >= 0; i--, nc >>= 4)
		text[i] = digits[nc & 15];
	text[NC_SIZE - 1] = '\0';

	return text;
}


/* With the secret */
static int response_of(char hex[DIGEST_HEX], const struct digest_input *in,
		       const char *a1)
{
	const struct pl message[] = { in->method, in->uri };
	char a2[DIGEST_HEX], nc[NC_SIZE];
	int err;

	err = hash_fields(a2, in->algorithm, message, 2);
	if (err)
		return err;

	if (in->qop) {
		const struct pl fieldv[] = {
			pl_of(a1), in->nonce, pl_of(nc_text(nc, in->nc)),
			pl_of(in->cnonce), PL("auth"), pl_of(a2)
		};

		return hash_fields(hex, in->algorithm, fieldv, 6);
	}

	const struct pl fieldv[] = { pl_of(a1), in->nonce, pl_of(a2) };

	return hash_fields(hex, in->algorithm, fieldv, 3);
}


int digest_response(char hex[DIGEST_HEX], const struct digest_input *in)
{
	char a1[DIGEST_HEX];
	int err;

	err = hash_a1(a1, in);
	if (!err)
		err = response_of(hex, in, a1);
	OPENSSL_cleanse(a1, sizeof(a1));

	return err;
}


/* The same, with a secret that is worked out once for a realm */
static int response_make(char hex[DIGEST_HEX], const struct digest_input *in,
			 struct challenge *chall)
{
	char a1[DIGEST_HEX];
	int err;

	if (in->sess || in->algorithm != DIGEST_MD5)
		return digest_response(hex, in);

	if (!chall->a1_known) {
		err = hash_a1(a1, in);
		if (err)
			return err;

		memcpy(chall->a1, a1, sizeof(chall->a1));
		OPENSSL_cleanse(a1, sizeof(a1));
		chall->a1_known = true;
	}

	return response_of(hex, in, chall->a1);
}


/* ------------------------------------------------------------------ */
/* Reading challenges                                                  */


/* May it be echoed between quotes as it is? */
static bool is_echoable(const struct pl *val)
{
	bool escaped = false;

	if (val->l > FIELD_MAX)
		return false;

	for (size_t i = 0; i < val->l; i++) {

		const unsigned char c = (unsigned char)val->p[i];

		if (c < ' ' || c == 127)
			return false;
		if (c == '"' && !escaped)
			return false;

		escaped = c == '\\' && !escaped;
	}

	return !escaped;
}


static bool algorithm_read(struct challenge *chall, const struct pl *val)
{
	struct pl name = *val;

	/* RFC 7616 section 3.3: MD5 if not present */
	chall->named = pl_isset(val);
	if (!chall->named) {
		chall->algorithm = DIGEST_MD5;
		return true;
	}

	if (name.l > 5 && !strncasecmp(name.p + name.l - 5, "-sess", 5)) {
		chall->sess = true;
		name.l -= 5;
	}

	for (size_t i = 0; i < ARRAY_SIZE(algorithmv); i++) {
		if (!pl_strcasecmp(&name, algorithmv[i].name)) {
			chall->algorithm = (enum digest_algorithm)i;
			return true;
		}
	}

	return false;
}


/* Absent is fine (RFC 2069); present must offer auth */
static bool qop_read(struct challenge *chall, const struct pl *val)
{
	struct pl rest = *val;

	if (!pl_isset(val))
		return true;

	while (rest.l) {

		const char *comma = pl_strchr(&rest, ',');
		struct pl token = {
			rest.p, comma ? (size_t)(comma - rest.p) : rest.l
		};

		pl_advance(&rest, (ssize_t)(token.l + (comma ? 1 : 0)));

		while (token.l && strchr(" \t", token.p[0]))
			pl_advance(&token, 1);
		while (token.l && strchr(" \t", token.p[token.l - 1]))
			token.l--;

		if (!pl_strcasecmp(&token, "auth"))
			chall->qop = true;
	}

	return chall->qop;
}


/* Views into the message. @return why not, NULL if it can be answered */
static const char *challenge_read(struct challenge *chall,
				  const struct pl *val)
{
	struct httpauth_digest_chall raw;

	memset(chall, 0, sizeof(*chall));

	if (val->l < 7 || strncasecmp(val->p, "Digest", 6))
		return "challenge is not Digest";

	if (parse_challenge(&raw, val))
		return "challenge is unreadable";

	if (!pl_isset(&raw.nonce))
		return "challenge has an empty nonce";

	if (!is_echoable(&raw.realm) || !is_echoable(&raw.nonce) ||
	    !is_echoable(&raw.opaque))
		return "challenge is unreadable";

	if (!algorithm_read(chall, &raw.algorithm))
		return "challenge in an unknown algorithm";

	if (!qop_read(chall, &raw.qop))
		return "challenge offers no qop=auth";

	chall->realm  = raw.realm;
	chall->nonce  = raw.nonce;
	chall->opaque = raw.opaque;
	chall->stale  = !pl_strcasecmp(&raw.stale, "true");

	return NULL;
}


/* The best of the challenges of one kind */
struct choice {
	const struct digest *d;
	const struct nonce *nonce;
	struct challenge best;
	bool found;
	bool any;                  /* there was a header at all            */
	enum digest_algorithm strongest;
	const char *why;           /* the last one left out                */
};


static bool is_realm_good(const struct choice *choice, const struct pl *realm,
			  const struct pl *method)
{
	const char *also = choice->d->calls_realm;

	if (!choice->nonce->realm || !pl_strcmp(realm, choice->nonce->realm))
		return true;

	return also && pl_strcmp(method, "REGISTER") &&
		(!strcmp(also, "*") || !pl_strcmp(realm, also));
}


static bool choose(const struct sip_hdr *hdr, const struct sip_msg *msg,
		   void *arg)
{
	struct choice *choice = arg;
	struct challenge chall;
	const char *why;

	choice->any = true;

	why = challenge_read(&chall, &hdr->val);

	if (!why && !is_realm_good(choice, &chall.realm, &msg->cseq.met))
		why = "challenge from another realm";

	if (why) {
		choice->why = why;
		return false;
	}

	if (chall.algorithm > choice->strongest)
		choice->strongest = chall.algorithm;

	if (!choice->found || chall.algorithm > choice->best.algorithm) {
		choice->best  = chall;
		choice->found = true;
	}

	return false;
}


static char *append(char *p, struct pl *dst, const struct pl *src)
{
	if (src->l)
		memcpy(p, src->p, src->l);

	dst->p = p;
	dst->l = src->l;

	return p + src->l;
}


/* A challenge that outlives the message */
static struct challenge *challenge_keep(const struct challenge *view)
{
	struct challenge *chall;
	char *p;

	chall = mem_alloc(sizeof(*chall) + view->realm.l + view->nonce.l +
			  view->opaque.l, challenge_destructor);
	if (!chall)
		return NULL;

	*chall = *view;
	p = (char *)(chall + 1);
	p = append(p, &chall->realm, &view->realm);
	p = append(p, &chall->nonce, &view->nonce);
	(void)append(p, &chall->opaque, &view->opaque);

	return chall;
}


/* Another nonce of the same realm: the secret is the same */
static void secret_keep(struct challenge *chall, const struct challenge *old)
{
	chall->a1_known = old && old->a1_known &&
		chall->algorithm == old->algorithm && !chall->sess &&
		!pl_cmp(&chall->realm, &old->realm);

	if (chall->a1_known)
		memcpy(chall->a1, old->a1, sizeof(chall->a1));
}


static bool nonce_take(struct nonce *nonce, const struct challenge *view)
{
	struct challenge *chall;

	chall = challenge_keep(view);
	if (!chall)
		return false;

	secret_keep(chall, nonce->chall);
	mem_deref(nonce->chall);
	nonce->chall    = chall;
	nonce->nc       = 0;
	nonce->written  = false;
	nonce->accepted = false;
	token_random(nonce->cnonce, CNONCE_DIGITS);

	return true;
}


static void nonce_forget(struct nonce *nonce)
{
	nonce->chall    = mem_deref(nonce->chall);
	nonce->accepted = false;
}


/* 401 or 407 without a challenge: seen from FreeSWITCH, which lost its
   state; without credentials it challenges properly */
static enum digest_verdict start_over(struct digest *d,
				      struct digest_attempt *at,
				      const char **why)
{
	if (!at->sent || at->challenges >= CHALLENGES_MAX) {
		*why = "refused without a challenge";
		return DIGEST_UNANSWERABLE;
	}

	for (int kind = 0; kind < KINDC; kind++)
		nonce_forget(&d->noncev[kind]);

	++at->challenges;
	at->bore = at->fresh = 0;

	return DIGEST_RETRY;
}


bool digest_start_afresh(struct digest *d, struct digest_attempt *at)
{
	if (!d || !at || !at->reused || at->afresh)
		return false;

	for (int kind = 0; kind < KINDC; kind++)
		nonce_forget(&d->noncev[kind]);

	at->afresh = true;
	at->bore = at->fresh = 0;

	return true;
}


void digest_once(struct digest *d)
{
	if (d)
		d->once = true;
}


/* One kind's challenges */
static enum digest_verdict kind_challenged(struct digest *d, enum kind kind,
					   struct digest_attempt *at,
					   const struct choice *choice,
					   const char **why)
{
	const uint8_t bit = (uint8_t)(1u << kind);

	if (!choice->found) {
		*why = choice->why;
		return DIGEST_UNANSWERABLE;
	}

	if (choice->best.algorithm == DIGEST_MD5 &&
	    d->strongest > DIGEST_MD5) {
		*why = "challenge only in MD5, though a stronger algorithm"
			" was offered before";
		return DIGEST_UNANSWERABLE;
	}

	if (at->bore & at->fresh & bit && !choice->best.stale) {
		*why = "credentials are wrong";
		return DIGEST_REJECTED;
	}

	/* A kept nonce refused for no reason: this peer takes each once */
	if (at->bore & bit && !(at->fresh & bit) && !choice->best.stale &&
	    !pl_cmp(&d->noncev[kind].chall->realm, &choice->best.realm))
		d->once = true;

	if (!nonce_take(&d->noncev[kind], &choice->best)) {
		*why = "no memory";
		return DIGEST_UNANSWERABLE;
	}

	at->fresh |= bit;

	return DIGEST_RETRY;
}


enum digest_verdict digest_challenged(struct digest *d,
				      struct digest_attempt *at,
				      const struct sip_msg *msg,
				      const char **why)
{
	enum digest_verdict verdict = DIGEST_RETRY;
	struct choice choicev[KINDC];
	bool any = false;

	if (!d || !at || !msg || !why)
		return DIGEST_UNANSWERABLE;

	for (int kind = 0; kind < KINDC; kind++) {

		choicev[kind] = (struct choice) {
			.d = d,
			.nonce = &d->noncev[kind],
			.strongest = d->strongest,
		};
		(void)sip_msg_hdr_apply(msg, true, kindv[kind].challenge,
					choose, &choicev[kind]);
		any |= choicev[kind].any;
	}

	if (!any)
		return start_over(d, at, why);

	if (at->challenges >= CHALLENGES_MAX) {
		*why = "challenged again and again";
		return DIGEST_REJECTED;
	}

	for (int kind = 0; kind < KINDC && verdict == DIGEST_RETRY; kind++) {
		if (!choicev[kind].any)
			continue;

		if (choicev[kind].strongest > d->strongest)
			d->strongest = choicev[kind].strongest;

		verdict = kind_challenged(d, kind, at, &choicev[kind], why);
	}

	if (verdict == DIGEST_RETRY)
		++at->challenges;

	return verdict;
}


/* ------------------------------------------------------------------ */
/* Acceptance                                                          */


/* RFC 7616 section 3.5 */
static void nextnonce_take(struct nonce *nonce, const struct pl *info)
{
	struct challenge view = *nonce->chall;
	struct pl params = *info, val;

	if (re_regex(params.p, params.l, "nextnonce[ \t]*=[ \t]*\"[^\"]+\"",
		     NULL, NULL, &val))
		return;

	if (!is_echoable(&val))
		return;

	view.nonce = val;
	if (nonce_take(nonce, &view))
		nonce->accepted = true;
	OPENSSL_cleanse(view.a1, sizeof(view.a1));
}


/* An account has one realm: whoever else challenges it is a stranger */
static void realm_share(struct digest *d)
{
	for (int kind = 0; kind < KINDC; kind++) {

		struct nonce *nonce = &d->noncev[kind];

		if (!nonce->realm && digest_realm(d))
			(void)str_dup(&nonce->realm, digest_realm(d));
	}
}


void digest_accepted(struct digest *d, const struct sip_msg *msg)
{
	if (!d || !msg)
		return;

	for (int kind = 0; kind < KINDC; kind++) {

		struct nonce *nonce = &d->noncev[kind];
		const struct sip_hdr *info;

		if (!nonce->chall || !nonce->written)
			continue;

		nonce->accepted = true;

		if (!nonce->realm)
			(void)pl_strdup(&nonce->realm, &nonce->chall->realm);

		info = kindv[kind].info == SIP_HDR_NONE ?
			sip_msg_xhdr(msg, kindv[kind].info_name) :
			sip_msg_hdr(msg, kindv[kind].info);
		if (info && pl_isset(&info->val))
			nextnonce_take(nonce, &info->val);
	}

	realm_share(d);
}


/* ------------------------------------------------------------------ */
/* Writing credentials                                                 */


static int write_username(struct mbuf *mb, const char *name)
{
	int err = 0;

	while (*name && !err) {
		const size_t l = strcspn(name, "\"\\");

		err = mbuf_write_mem(mb, (const uint8_t *)name, l);
		name += l;
		if (*name && !err) {
			const char escaped[] = { '\\', *name++, '\0' };

			err = mbuf_write_str(mb, escaped);
		}
	}

	return err;
}


/* RFC 7616 section 3.4: qop, nc and algorithm are written without quotes */
static int answer_write(struct mbuf *mb, const struct digest *d,
			enum kind kind, const struct digest_input *in,
			const char *response)
{
	const struct challenge *chall = d->noncev[kind].chall;
	char nc[NC_SIZE];
	int err;

	err  = msg_write(mb, kindv[kind].answer, ": Digest username=\"",
			 NULL);
	err |= write_username(mb, d->username);
	err |= msg_write(mb, "\", realm=\"", NULL);
	err |= mbuf_write_pl(mb, &chall->realm);
	err |= msg_write(mb, "\", nonce=\"", NULL);
	err |= mbuf_write_pl(mb, &chall->nonce);
	err |= msg_write(mb, "\", uri=\"", NULL);
	err |= mbuf_write_pl(mb, &in->uri);
	err |= msg_write(mb, "\", response=\"", response, "\"", NULL);
	if (chall->named)
		err |= msg_write(mb, ", algorithm=",
				 algorithmv[chall->algorithm].name,
				 chall->sess ? "-sess" : "", NULL);
	if (in->cnonce)
		err |= msg_write(mb, ", cnonce=\"", in->cnonce, "\"", NULL);
	if (in->qop)
		err |= msg_write(mb, ", qop=auth, nc=", nc_text(nc, in->nc),
				 NULL);
	if (pl_isset(&chall->opaque)) {
		err |= msg_write(mb, ", opaque=\"", NULL);
		err |= mbuf_write_pl(mb, &chall->opaque);
		err |= msg_write(mb, "\"", NULL);
	}

	return err | mbuf_write_str(mb, "\r\n");
}


static int kind_write(struct mbuf *mb, struct digest *d, enum kind kind,
		      const char *method, const char *uri)
{
	struct nonce *nonce = &d->noncev[kind];
	struct challenge *chall = nonce->chall;
	const struct digest_input in = {
		.algorithm = chall->algorithm,
		.sess      = chall->sess,
		.qop       = chall->qop,
		.username  = pl_of(d->username),
		.password  = pl_of(d->password),
		.realm     = chall->realm,
		.nonce     = chall->nonce,
		.method    = pl_of(method),
		.uri       = pl_of(uri),
		.cnonce    = chall->qop || chall->sess ? nonce->cnonce : NULL,
		.nc        = nonce->nc + 1,
	};
	char response[DIGEST_HEX];
	int err;

	err = response_make(response, &in, chall);
	if (err)
		return err;

	err = answer_write(mb, d, kind, &in, response);
	if (err)
		return err;

	++nonce->nc;
	nonce->written = true;

	return 0;
}


/* A nonce answers the challenge of this attempt, or is used again */
static bool may_write(const struct digest *d, enum kind kind,
		      const struct digest_attempt *at, bool reuse)
{
	const struct nonce *nonce = &d->noncev[kind];

	if (!nonce->chall)
		return false;

	if (at->fresh & (1u << kind))
		return true;

	return nonce->accepted && !d->once && (reuse || at->challenges);
}


int digest_write(struct mbuf *mb, struct digest *d, struct digest_attempt *at,
		 const char *method, const char *uri, bool reuse)
{
	int err = 0;

	if (!mb || !d || !at || !method || !uri)
		return EINVAL;

	at->bore   = 0;
	at->reused = false;

	for (int kind = 0; kind < KINDC && !err; kind++) {

		const uint8_t bit = (uint8_t)(1u << kind);

		if (!may_write(d, kind, at, reuse))
			continue;

		err = kind_write(mb, d, kind, method, uri);
		at->bore |= bit;
		at->reused |= !(at->fresh & bit);
	}

	at->sent = at->bore != 0;

	return err;
}


const char *digest_realm(const struct digest *d)
{
	if (!d)
		return NULL;

	return d->noncev[KIND_SERVER].realm ? d->noncev[KIND_SERVER].realm
		: d->noncev[KIND_PROXY].realm;
}


void digest_realm_forget(struct digest *d)
{
	for (int kind = 0; d && kind < KINDC; kind++)
		d->noncev[kind].realm = mem_deref(d->noncev[kind].realm);
}


void digest_realm_asked(char *realm, size_t size, const struct sip_msg *msg)
{
	struct challenge chall;

	*realm = '\0';

	for (int kind = 0; kind < KINDC && !*realm; kind++) {
		const struct sip_hdr *hdr = sip_msg_hdr(msg,
						kindv[kind].challenge);

		if (!hdr || challenge_read(&chall, &hdr->val))
			continue;

		if (chall.realm.l >= size)
			chall.realm.l = size - 1;
		(void)pl_strcpy(&chall.realm, realm, size);
	}
}
