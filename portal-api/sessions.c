/**
 * @file sessions.c  Who is signed in, and who tries too often
 *
 * A session is found by a hash of what its cookie holds: how long a search
 * takes tells nothing about the cookies of others.
 */
#include <arpa/inet.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdlib.h>

#include "bridge/base/base64.h"
#include "bridge/base/libre.h"
#include "bridge/base/wheel.h"
#include "api.h"
#include "sessions.h"


enum {
	BUCKETS     = 256,
	HASH_SIZE   = 32,
	IDLE_MS     = 60 * 60 * 1000,
	WHOLE_MS    = 12 * 60 * 60 * 1000,
	CODE_MS     = 60 * 60 * 1000,
	SESSIONS_MAX = 10000,
	TRIES_FREE  = 5,
	TRIES_MAX   = 20000,       /* names and addresses remembered   */
	WAIT_MAX_S  = 900,
	FORGET_MS   = 60 * 60 * 1000,
	VIEWS_MAX   = 60,          /* in VIEWS_MS                      */
	VIEWS_MS    = 60 * 1000,
	SOURCE_SIZE = 64,
};


struct session {
	struct le le;
	uint8_t hash[HASH_SIZE];   /* of the cookie                    */
	char csrf[SESSION_TEXT];
	struct store_grant grant;
	uint64_t used_ms, end_ms;  /* monotonic                        */
	int64_t expires_ms;        /* wall clock, as it was told       */
};


/** Failures of a name, or of an address; views of an address */
struct tries {
	struct le le;
	char *what;                /* owned: "n:ann", "a:192.0.2.1",   */
	unsigned failed;
	uint64_t until_ms;         /* monotonic: no try before         */
	uint64_t last_ms;
};


struct sessions {
	pthread_mutex_t lock;      /* for all below */
	struct hash *ht;           /* struct session */
	struct hash *tries;        /* struct tries   */
	size_t c, triec;
	uint8_t code[HASH_SIZE];   /* of the one-time code */
	uint64_t code_ms;          /* until when; 0: there is none */
};


static void session_destructor(void *data)
{
	struct session *session = data;

	hash_unlink(&session->le);
	OPENSSL_cleanse(session->csrf, sizeof(session->csrf));
}


static void tries_destructor(void *data)
{
	struct tries *tries = data;

	hash_unlink(&tries->le);
	mem_deref(tries->what);
}


int sessions_chance(char text[SESSION_TEXT])
{
	uint8_t chance[32];

	if (RAND_priv_bytes(chance, sizeof(chance)) != 1)
		return EIO;

	(void)base64_write(text, BASE64_URL, chance, sizeof(chance));
	OPENSSL_cleanse(chance, sizeof(chance));

	return 0;
}


static void hash_of(uint8_t hash[HASH_SIZE], const char *text, size_t l)
{
	if (!EVP_Q_digest(NULL, "SHA256", NULL, text, l, hash, NULL))
		memset(hash, 0, HASH_SIZE);
}


static uint32_t key_of(const uint8_t hash[HASH_SIZE])
{
	uint32_t key;

	memcpy(&key, hash, sizeof(key));

	return key;
}


int sessions_alloc(struct sessions **sp)
{
	struct sessions *s = calloc(1, sizeof(*s));
	int err;

	if (!s)
		return ENOMEM;

	(void)pthread_mutex_init(&s->lock, NULL);
	err = hash_alloc(&s->ht, BUCKETS);
	if (!err)
		err = hash_alloc(&s->tries, BUCKETS);

	if (err)
		sessions_free(s);
	else
		*sp = s;

	return err;
}


void sessions_free(struct sessions *s)
{
	if (!s)
		return;

	hash_flush(s->ht);
	hash_flush(s->tries);
	mem_deref(s->ht);
	mem_deref(s->tries);
	(void)pthread_mutex_destroy(&s->lock);
	free(s);
}


/* The cookie */


const char *sessions_cookie(const struct request *rq)
{
	return rq->tls ? "__Host-callbridge" : "callbridge";
}


/** Our cookie among those that the browser sends (RFC 6265 section 4.2) */
static bool cookie_find(const struct request *rq, struct pl *id)
{
	const char *name = sessions_cookie(rq), *p = rq->cookie;
	const size_t l = strlen(name);

	while (p && *p) {
		p += strspn(p, "; ");
		if (!strncmp(p, name, l) && p[l] == '=') {
			id->p = p + l + 1;
			id->l = strcspn(id->p, "; ");
			return true;
		}
		p += strcspn(p, ";");
	}

	return false;
}


static bool same_h(struct le *le, void *arg)
{
	const struct session *session = le->data;

	return !CRYPTO_memcmp(session->hash, arg, HASH_SIZE);
}


static bool is_over(const struct session *session, uint64_t now)
{
	return now >= session->end_ms ||
		now - session->used_ms >= IDLE_MS;
}


/** The lock is held */
static struct session *find(struct sessions *s, const struct request *rq)
{
	uint8_t hash[HASH_SIZE];
	struct session *session;
	struct pl id;
	struct le *le;

	if (!cookie_find(rq, &id))
		return NULL;

	hash_of(hash, id.p, id.l);
	le = hash_lookup(s->ht, key_of(hash), same_h, hash);
	session = le ? le->data : NULL;

	if (session && is_over(session, clock_ms())) {
		--s->c;
		mem_deref(session);
		return NULL;
	}

	return session;
}


bool sessions_find(struct sessions *s, const struct request *rq,
		   struct store_grant *grant)
{
	struct session *session;

	(void)pthread_mutex_lock(&s->lock);
	session = find(s, rq);
	if (session) {
		session->used_ms = clock_ms();
		*grant = session->grant;
	}
	(void)pthread_mutex_unlock(&s->lock);

	return session != NULL;
}


bool sessions_news(struct sessions *s, const struct request *rq,
		   struct session_news *news)
{
	const struct session *session;

	(void)pthread_mutex_lock(&s->lock);
	session = find(s, rq);
	if (session) {
		memset(news, 0, sizeof(*news));
		memcpy(news->csrf, session->csrf, sizeof(news->csrf));
		news->expires_ms = session->expires_ms;
	}
	(void)pthread_mutex_unlock(&s->lock);

	return session != NULL;
}


bool sessions_csrf_is(struct sessions *s, const struct request *rq)
{
	const struct session *session;
	bool is;

	(void)pthread_mutex_lock(&s->lock);
	session = find(s, rq);
	is = session && rq->csrf &&
		strlen(rq->csrf) == strlen(session->csrf) &&
		!CRYPTO_memcmp(rq->csrf, session->csrf,
			       strlen(session->csrf));
	(void)pthread_mutex_unlock(&s->lock);

	return is;
}


static bool over_h(struct le *le, void *arg)
{
	struct session *session = le->data;
	struct sessions *s = arg;

	if (is_over(session, clock_ms())) {
		--s->c;
		mem_deref(session);
	}

	return false;
}


int sessions_add(struct sessions *s, const struct store_grant *grant,
		 struct session_news *news)
{
	const uint64_t now = clock_ms();
	struct session *session;
	struct timespec ts;
	int err;

	err = sessions_chance(news->id);
	if (!err)
		err = sessions_chance(news->csrf);
	if (err)
		return err;

	session = mem_zalloc(sizeof(*session), session_destructor);
	if (!session)
		return ENOMEM;

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	news->expires_ms = (int64_t)ts.tv_sec * 1000 + WHOLE_MS;

	hash_of(session->hash, news->id, strlen(news->id));
	memcpy(session->csrf, news->csrf, sizeof(session->csrf));
	session->grant      = *grant;
	session->used_ms    = now;
	session->end_ms     = now + WHOLE_MS;
	session->expires_ms = news->expires_ms;

	(void)pthread_mutex_lock(&s->lock);
	if (s->c >= SESSIONS_MAX)
		(void)hash_apply(s->ht, over_h, s);
	if (s->c < SESSIONS_MAX) {
		hash_append(s->ht, key_of(session->hash), &session->le,
			    session);
		++s->c;
	}
	else {
		err = EAGAIN;
		mem_deref(session);
	}
	(void)pthread_mutex_unlock(&s->lock);

	return err;
}


void sessions_end(struct sessions *s, const struct request *rq)
{
	struct session *session;

	(void)pthread_mutex_lock(&s->lock);
	session = find(s, rq);
	if (session) {
		--s->c;
		mem_deref(session);
	}
	(void)pthread_mutex_unlock(&s->lock);
}


struct ending {
	struct sessions *s;
	const char *name;
	const struct session *but;
};


static bool end_h(struct le *le, void *arg)
{
	struct ending *ending = arg;
	struct session *session = le->data;

	if (session != ending->but &&
	    !strcmp(session->grant.name, ending->name)) {
		--ending->s->c;
		mem_deref(session);
	}

	return false;
}


void sessions_end_all(struct sessions *s, const char *name,
		      const struct request *but)
{
	struct ending ending = { s, name, NULL };

	(void)pthread_mutex_lock(&s->lock);
	ending.but = but ? find(s, but) : NULL;
	(void)hash_apply(s->ht, end_h, &ending);
	(void)pthread_mutex_unlock(&s->lock);
}


/* Tries */


static bool tries_same_h(struct le *le, void *arg)
{
	const struct tries *tries = le->data;

	return !strcmp(tries->what, arg);
}


static bool tries_old_h(struct le *le, void *arg)
{
	struct tries *tries = le->data;
	struct sessions *s = arg;

	if (clock_ms() - tries->last_ms >= FORGET_MS) {
		--s->triec;
		mem_deref(tries);
	}

	return false;
}


/** The lock is held. @param make  If there is none yet */
/** Where somebody comes from: of IPv6 the network, for whoever has one has
    18 trillion million addresses in it */
static void source_of(char dst[SOURCE_SIZE], const char *address)
{
	struct in6_addr in6;

	if (inet_pton(AF_INET6, address, &in6) != 1 ||
	    IN6_IS_ADDR_V4MAPPED(&in6)) {
		str_ncpy(dst, address, SOURCE_SIZE);
		return;
	}

	memset(&in6.s6_addr[8], 0, 8);
	(void)inet_ntop(AF_INET6, &in6, dst, SOURCE_SIZE);
}


static struct tries *tries_find(struct sessions *s, char kind,
				const char *text, bool make)
{
	char what[128], source[SOURCE_SIZE];
	struct tries *tries;
	struct le *le;

	if (kind != 'n') {
		source_of(source, text);
		text = source;
	}

	/* a longer one is cut: that only shuts out more of its kind */
	if (re_snprintf(what, sizeof(what), "%c:%s", kind, text) < 0)
		what[sizeof(what) - 1] = '\0';

	le = hash_lookup(s->tries, hash_joaat_str(what), tries_same_h, what);
	if (le || !make)
		return le ? le->data : NULL;

	if (s->triec >= TRIES_MAX)
		(void)hash_apply(s->tries, tries_old_h, s);
	if (s->triec >= TRIES_MAX)
		return NULL;

	tries = mem_zalloc(sizeof(*tries), tries_destructor);
	if (!tries || str_dup(&tries->what, what))
		return mem_deref(tries);

	hash_append(s->tries, hash_joaat_str(what), &tries->le, tries);
	++s->triec;

	return tries;
}


static unsigned wait_s(const struct tries *tries, uint64_t now)
{
	return tries && tries->until_ms > now ?
		(unsigned)((tries->until_ms - now + 999) / 1000) : 0;
}


unsigned sessions_wait(struct sessions *s, const char *name,
		       const char *address)
{
	const uint64_t now = clock_ms();
	unsigned a, b;

	(void)pthread_mutex_lock(&s->lock);
	a = wait_s(tries_find(s, 'n', name, false), now);
	b = wait_s(tries_find(s, 'a', address, false), now);
	(void)pthread_mutex_unlock(&s->lock);

	return a > b ? a : b;
}


static void tries_count(struct tries *tries)
{
	const uint64_t now = clock_ms();
	unsigned wait = 0;

	if (!tries)
		return;

	if (tries->last_ms && now - tries->last_ms >= FORGET_MS)
		tries->failed = 0;

	tries->last_ms = now;
	if (++tries->failed >= TRIES_FREE) {
		const unsigned n = tries->failed - TRIES_FREE;

		wait = n < 10 ? 1u << n : WAIT_MAX_S;
		if (wait > WAIT_MAX_S)
			wait = WAIT_MAX_S;
	}
	tries->until_ms = now + wait * 1000ull;
}


void sessions_tried(struct sessions *s, const char *name,
		    const char *address, bool good)
{
	struct tries *tries;

	(void)pthread_mutex_lock(&s->lock);

	if (good) {
		/* the address goes on being counted: it may know one good
		   password and guess at others */
		tries = tries_find(s, 'n', name, false);
		if (tries) {
			--s->triec;
			mem_deref(tries);
		}
	}
	else {
		tries_count(tries_find(s, 'n', name, true));
		tries_count(tries_find(s, 'a', address, true));
	}

	(void)pthread_mutex_unlock(&s->lock);
}


unsigned sessions_view(struct sessions *s, const char *address)
{
	const uint64_t now = clock_ms();
	struct tries *tries;
	unsigned wait = 0;

	(void)pthread_mutex_lock(&s->lock);

	tries = tries_find(s, 'v', address, true);
	if (tries && now >= tries->until_ms) {
		tries->until_ms = now + VIEWS_MS;
		tries->failed   = 0;
	}
	if (tries) {
		tries->last_ms = now;
		if (++tries->failed > VIEWS_MAX)
			wait = wait_s(tries, now);
	}

	(void)pthread_mutex_unlock(&s->lock);

	return wait;
}


/* The one-time code */


int sessions_code_make(struct sessions *s, char code[SESSION_TEXT])
{
	int err;

	err = sessions_chance(code);
	if (err)
		return err;

	(void)pthread_mutex_lock(&s->lock);
	hash_of(s->code, code, strlen(code));
	s->code_ms = clock_ms() + CODE_MS;
	(void)pthread_mutex_unlock(&s->lock);

	return 0;
}


bool sessions_code_take(struct sessions *s, const char *code)
{
	uint8_t hash[HASH_SIZE];
	bool is;

	hash_of(hash, code, strlen(code));

	(void)pthread_mutex_lock(&s->lock);
	is = s->code_ms > clock_ms() &&
		!CRYPTO_memcmp(hash, s->code, sizeof(hash));
	if (is)
		s->code_ms = 0;
	(void)pthread_mutex_unlock(&s->lock);

	return is;
}
