/**
 * @file registrar.c  The PBX's registrar (RFC 3261 section 10, RFC 7616)
 */
#include <errno.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "registrar.h"
#include "watch.h"


enum { HEX = 33, CONTACT = 96 };

static const char realm[] = "pbx.contoso.example";


enum verdict { GOOD, STALE, BAD };


struct user {
	char nonce[HEX];           /* the last one given out, or ""      */
	char contact[CONTACT];     /* "": none                           */
	uint64_t end_us;           /* of the binding                     */
	uint32_t last;             /* hash of what tells the last request
				      from others                        */
	enum verdict verdict;      /* on that                            */
	bool used;                 /* the nonce has had its one use      */
};


struct registrar {
	struct registrar_conf conf;
	struct registrar_stats stats;
	struct user *userv;
	EVP_MD *md5;
};


int registrar_alloc(struct registrar **rp, const struct registrar_conf *conf)
{
	struct registrar *r = calloc(1, sizeof(*r));

	if (!r)
		return ENOMEM;

	r->conf = *conf;
	r->userv = calloc(conf->users ? conf->users : 1, sizeof(*r->userv));
	r->md5 = EVP_MD_fetch(NULL, "MD5", NULL);
	if (!r->userv || !r->md5) {
		registrar_free(r);
		return ENOMEM;
	}

	*rp = r;

	return 0;
}


void registrar_free(struct registrar *r)
{
	if (!r)
		return;

	EVP_MD_free(r->md5);
	free(r->userv);
	free(r);
}


static void to_hex(char *dst, const uint8_t *src, size_t n)
{
	for (size_t i = 0; i < n; i++)
		(void)snprintf(dst + 2 * i, 3, "%02x", src[i]);
}


/** Hex of the MD5 of a formatted text */
__attribute__((format(printf, 3, 4)))
static void hash(const struct registrar *r, char hex[HEX], const char *fmt,
		 ...)
{
	uint8_t digest[EVP_MAX_MD_SIZE];
	char buf[1024];
	unsigned n = 0;
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(buf, sizeof(buf), fmt, ap);
	va_end(ap);

	(void)EVP_Digest(buf, strlen(buf), digest, &n, r->md5, NULL);
	to_hex(hex, digest, n);
}


static struct user *user_find(struct registrar *r, const struct wire *req,
			      unsigned *name)
{
	const struct span uri = wire_uri(wire_header(req, "To"));

	if (uri.l < 5 || strncmp(uri.p, "sip:", 4))
		return NULL;

	*name = span_uint((struct span){ uri.p + 4, uri.l - 4 });
	if (*name < r->conf.first || *name - r->conf.first >= r->conf.users)
		return NULL;

	return &r->userv[*name - r->conf.first];
}


static enum verdict credentials(const struct registrar *r,
				const struct user *user, unsigned name,
				const struct wire *req)
{
	const struct span auth = wire_header(req, "Authorization");
	const struct span nonce = wire_field(auth, "nonce");
	const struct span uri = wire_field(auth, "uri");
	const struct span nc = wire_field(auth, "nc");
	const struct span cnonce = wire_field(auth, "cnonce");
	char ha1[HEX], ha2[HEX], want[HEX];

	if (!auth.l || !*user->nonce || user->used ||
	    !span_is(nonce, user->nonce))
		return STALE;

	hash(r, ha1, "%u:%s:secret-%u", name, realm, name);
	hash(r, ha2, "REGISTER:%.*s", (int)uri.l, uri.p);
	hash(r, want, "%s:%s:%.*s:%.*s:auth:%s", ha1, user->nonce,
	     (int)nc.l, nc.p, (int)cnonce.l, cnonce.p, ha2);

	return span_is(wire_field(auth, "response"), want) ? GOOD : BAD;
}


static void nonce_make(struct user *user)
{
	uint8_t random[16] = {0};

	(void)RAND_bytes(random, sizeof(random));
	to_hex(user->nonce, random, sizeof(random));
	user->used = false;
}


static void challenge(const struct user *user, const struct wire *req,
		      struct text *t)
{
	const bool again = wire_header(req, "Authorization").l > 0;

	wire_reply(t, req, 401, "Unauthorized", "r");
	text_add(t, "WWW-Authenticate: Digest realm=\"%s\", nonce=\"%s\", "
		 "algorithm=MD5, qop=\"auth\"%s\r\n", realm, user->nonce,
		 again ? ", stale=true" : "");
}


/** The binding is over. @return true if there was one */
static bool lapse(struct registrar *r, struct user *user)
{
	if (!*user->contact || now_us() < user->end_us)
		return false;

	user->contact[0] = '\0';
	r->stats.bound--;
	r->stats.lapsed++;

	return true;
}


void registrar_lapse(struct registrar *r)
{
	for (unsigned i = 0; i < r->conf.users; i++)
		(void)lapse(r, &r->userv[i]);
}


/** Make, renew or end the binding as asked */
static void bind_contact(struct registrar *r, struct user *user,
			 const struct wire *req)
{
	const struct span contact = wire_header(req, "Contact");
	const struct span uri = wire_uri(contact);
	struct span expires = wire_param(contact, "expires");

	if (!expires.p)
		expires = wire_header(req, "Expires");

	r->stats.granted++;
	user->used = !r->conf.reuse_nonce;

	if (expires.p && !span_uint(expires)) {
		r->stats.bound -= *user->contact != '\0';
		user->contact[0] = '\0';
		return;
	}

	(void)lapse(r, user);
	user->end_us = now_us() + (uint64_t)r->conf.expires_s * 1000000;
	r->stats.bound += *user->contact == '\0';
	span_copy(user->contact, sizeof(user->contact), uri);
}


static uint32_t mix(uint32_t hash, struct span text)
{
	for (size_t i = 0; i < text.l; i++)
		hash = (hash ^ (uint8_t)text.p[i]) * 16777619u;

	return hash;
}


/** What a request has in common with itself when it comes again, and with
    no other: FNV-1a */
static uint32_t request_hash(const struct wire *req)
{
	uint32_t hash = 2166136261u;

	hash = mix(hash, wire_param(wire_header(req, "Via"), "branch"));
	hash = mix(hash, wire_header(req, "Call-ID"));

	return mix(hash, wire_header(req, "CSeq"));
}


/** A new request: what comes of it */
static void judge(struct registrar *r, struct user *user, unsigned name,
		  const struct wire *req)
{
	user->verdict = credentials(r, user, name, req);

	switch (user->verdict) {

	case GOOD:
		bind_contact(r, user, req);
		break;

	case STALE:
		nonce_make(user);
		break;

	case BAD:
		r->stats.refused++;
		break;
	}
}


static void answer(const struct registrar *r, const struct user *user,
		   const struct wire *req, struct text *t)
{
	switch (user->verdict) {

	case GOOD:
		wire_reply(t, req, 200, "OK", "r");
		if (*user->contact)
			text_add(t, "Contact: <%s>;expires=%u\r\n",
				 user->contact, r->conf.expires_s);
		break;

	case STALE:
		challenge(user, req, t);
		break;

	case BAD:
		wire_reply(t, req, 403, "Forbidden", "r");
		break;
	}
}


/* A request that comes again gets the answer that it had (RFC 3261 section
 * 17.2.2): with a new nonce it would make the answer to the first one stale */
void registrar_request(struct registrar *r, const struct wire *req,
		       struct text *t)
{
	const uint32_t hash = request_hash(req);
	unsigned name = 0;
	struct user *user = user_find(r, req, &name);

	r->stats.requests++;

	if (!user) {
		wire_reply(t, req, 404, "Not Found", "r");
		return;
	}

	if (hash == user->last)
		r->stats.repeated++;
	else
		judge(r, user, name, req);

	user->last = hash;
	answer(r, user, req, t);
}


void registrar_count_anew(struct registrar *r)
{
	const unsigned bound = r->stats.bound;

	r->stats = (struct registrar_stats){ .bound = bound };
}


const struct registrar_stats *registrar_stats(const struct registrar *r)
{
	return &r->stats;
}


const char *registrar_contact(const struct registrar *r, unsigned i)
{
	const struct user *user = &r->userv[i];

	return i < r->conf.users && *user->contact ? user->contact : NULL;
}
