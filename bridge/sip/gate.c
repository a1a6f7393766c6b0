/**
 * @file gate.c  How much of this thread's time a source may have
 */
#include "bridge/base/bucket.h"
#include "bridge/base/libre.h"
#include "bridge/base/log.h"
#include "bridge/base/wheel.h"
#include "core.h"
#include "flow.h"
#include "gate.h"
#include "stack.h"
#include "transp.h"


enum {
	SLOTS         = 4096,      /* a power of two                       */
	WAYS          = 4,
	STRANGERS     = 40,        /* handshakes a second in all           */
	STRANGER      = 10,        /* ... of one network                   */
	KNOWN         = 200,       /* ... of one that is known             */
	AT_ONCE       = 2,         /* seconds' worth of handshakes         */
	BURST         = 4,         /* ... of requests                      */
	KEPT          = 4,         /* share of it that is for calls alone  */
	TOLD          = 5,         /* 503 a second and source              */
	ASK_MS        = 1000,      /* the source handler, about messages   */
	PROVEN_MS     = 3600 * 1000,
	TELL_MS       = 60 * 1000,
	PREFIX4       = 3,         /* octets of an address: its network    */
	PREFIX6       = 6,
	KEY           = 18,
};


/** Whose budget it is: a network's (handshakes) or an address's (messages) */
enum kind { NETWORK = 1, ADDRESS };


struct source {
	uint8_t key[KEY];          /* kind, family, address; kind 0: free  */
	uint64_t used_ms;
	uint64_t proven_ms;        /* NETWORK: good certificate until then */
	uint64_t asked_ms;         /* ADDRESS: the handler was asked       */
	uint32_t rate;             /* ... a second, 0: no limit            */
	struct bucket bucket;
	struct bucket told;
	struct log_gate log;
};


struct gate {
	struct stack *stack;       /* borrowed, owner                      */
	uint32_t seed;             /* nobody chooses who shares a slot     */
	uint32_t strangers, stranger;
	struct bucket bucket;      /* all strangers' handshakes            */
	struct log_gate log;
	struct source sourcev[SLOTS];
};


int gate_alloc(struct gate **gatep, struct stack *stack,
	       const struct stack_conf *conf)
{
	struct gate *gate = mem_zalloc(sizeof(*gate), NULL);

	if (!gate)
		return ENOMEM;

	gate->stack     = stack;
	gate->seed      = rand_u32();
	gate->strangers = conf->handshakes ? conf->handshakes : STRANGERS;
	gate->stranger  = conf->handshakes_source ? conf->handshakes_source :
		STRANGER;
	bucket_init(&gate->bucket, gate->strangers * AT_ONCE,
		    wheel_now(stack_wheel(stack)));
	*gatep = gate;

	return 0;
}


static void key_make(uint8_t *key, enum kind kind, const struct sa *peer)
{
	const bool v6 = sa_af(peer) == AF_INET6;
	const size_t whole = v6 ? sizeof(peer->u.in6.sin6_addr) :
		sizeof(peer->u.in.sin_addr);
	const size_t net = v6 ? PREFIX6 : PREFIX4;

	memset(key, 0, KEY);
	key[0] = (uint8_t)kind;
	key[1] = v6;
	memcpy(key + 2, v6 ? (const void *)&peer->u.in6.sin6_addr :
	       (const void *)&peer->u.in.sin_addr,
	       kind == NETWORK ? net : whole);
}


/** FNV-1a, begun where nobody knows */
static uint32_t slot_of(const struct gate *gate, const uint8_t *key)
{
	uint32_t hash = 2166136261u ^ gate->seed;

	for (size_t i = 0; i < KEY; i++)
		hash = (hash ^ key[i]) * 16777619u;

	return (hash ^ hash >> 16) & (SLOTS - 1) & ~(uint32_t)(WAYS - 1);
}


/** Does it stay when strangers need room? */
static bool is_kept(const struct source *src, uint64_t now)
{
	return src->key[0] == ADDRESS || src->proven_ms > now;
}


/** The slot that is given to another one: the one that was used last longest
    ago, strangers' first */
static bool is_rather(const struct source *a, const struct source *b,
		      uint64_t now)
{
	if (!a->key[0] || !b->key[0])
		return !a->key[0];
	if (is_kept(a, now) != is_kept(b, now))
		return !is_kept(a, now);

	return a->used_ms < b->used_ms;
}


/** @param burst  Of the bucket of one that is new */
static struct source *source_get(struct gate *gate, enum kind kind,
				 const struct sa *peer, uint32_t burst)
{
	const uint64_t now = wheel_now(stack_wheel(gate->stack));
	struct source *v, *src;
	uint8_t key[KEY];

	key_make(key, kind, peer);
	v = src = &gate->sourcev[slot_of(gate, key)];

	for (size_t i = 0; i < WAYS; i++) {
		if (!memcmp(v[i].key, key, KEY)) {
			v[i].used_ms = now;
			return &v[i];
		}
		if (is_rather(&v[i], src, now))
			src = &v[i];
	}

	memset(src, 0, sizeof(*src));
	memcpy(src->key, key, KEY);
	src->used_ms = now;
	bucket_init(&src->bucket, burst, now);
	bucket_init(&src->told, TOLD, now);

	return src;
}


/** At once, and then once a minute */
static bool may_tell(struct log_gate *log, uint64_t now, uint64_t *held)
{
	if (!log_gate_pass(log, now, held))
		return false;

	log->next_ms = now + TELL_MS;

	return true;
}


static void handshake_tell(struct gate *gate, const struct sa *peer,
			   bool known)
{
	const uint64_t now = wheel_now(stack_wheel(gate->stack));
	uint64_t held;

	refusal_count(REFUSED_HANDSHAKES);
	if (may_tell(&gate->log, now, &held))
		warning("sip", "", "too many TLS handshakes, of %s: that of"
			" %j is refused (%llu more since this was said last)",
			known ? "a network that is known" : "strangers", peer,
			(unsigned long long)held);
}


bool gate_handshake(struct gate *gate, const struct listener *lsnr,
		    const struct sa *peer, bool *known)
{
	const uint64_t now = wheel_now(stack_wheel(gate->stack));
	struct stack_source about;
	struct source *src;
	uint32_t rate;

	stack_source_get(gate->stack, lsnr, peer, &about);
	src = source_get(gate, NETWORK, peer, (about.known ? KNOWN :
					       gate->stranger) * AT_ONCE);
	*known = about.known || src->proven_ms > now;

	rate = *known ? KNOWN : gate->stranger;
	bucket_fill(&src->bucket, rate, rate * AT_ONCE, now);
	bucket_fill(&gate->bucket, gate->strangers,
		    gate->strangers * AT_ONCE, now);

	if (bucket_has(&src->bucket, 0) &&
	    (*known || bucket_take(&gate->bucket, 0)) &&
	    bucket_take(&src->bucket, 0))
		return true;

	handshake_tell(gate, peer, *known);

	return false;
}


void gate_proven(struct gate *gate, const struct listener *lsnr,
		 const struct sa *peer)
{
	struct stack_source about;
	struct source *src;

	stack_source_get(gate->stack, lsnr, peer, &about);
	if (about.known)
		return;

	src = source_get(gate, NETWORK, peer, KNOWN * AT_ONCE);
	src->proven_ms = wheel_now(stack_wheel(gate->stack)) + PROVEN_MS;
}


/** What people who speak wait for */
static bool is_of_call(const uint8_t *buf, size_t size)
{
	static const char *const methodv[] = {
		"INVITE ", "ACK ", "BYE ", "CANCEL ", "PRACK ", "UPDATE ",
		"REFER ", "INFO ",
	};

	for (size_t i = 0; i < RE_ARRAY_SIZE(methodv); i++) {
		const size_t l = strlen(methodv[i]);

		if (size > l && !memcmp(buf, methodv[i], l))
			return true;
	}

	return false;
}


/** The budget of an address, filled; NULL: it has no limit */
static struct source *budget_get(struct gate *gate,
				 const struct listener *lsnr,
				 const struct sa *peer)
{
	const uint64_t now = wheel_now(stack_wheel(gate->stack));
	struct source *src = source_get(gate, ADDRESS, peer, 0);
	struct stack_source about;
	const bool fresh = !src->asked_ms;

	if (fresh || now - src->asked_ms >= ASK_MS) {
		stack_source_get(gate->stack, lsnr, peer, &about);
		src->asked_ms = now ? now : 1;
		src->rate     = about.rate;
		if (fresh)
			bucket_init(&src->bucket, src->rate * BURST, now);
	}

	if (!src->rate)
		return NULL;

	bucket_fill(&src->bucket, src->rate, src->rate * BURST, now);

	return src;
}


static enum gate_verdict message_refuse(struct gate *gate,
					struct source *src,
					const struct listener *lsnr,
					const struct sa *peer)
{
	const uint64_t now = wheel_now(stack_wheel(gate->stack));
	struct stack_source about;
	uint64_t held;

	refusal_count(REFUSED_RATE);
	if (may_tell(&src->log, now, &held)) {
		stack_source_get(gate->stack, lsnr, peer, &about);
		warning("sip", about.name, "%j sends more than %u requests a"
			" second: what is more is answered 503, or not at"
			" all (%llu more since this was said last)", peer,
			src->rate, (unsigned long long)held);
	}

	bucket_fill(&src->told, TOLD, TOLD, now);

	return bucket_take(&src->told, 0) ? GATE_TELL : GATE_DROP;
}


enum gate_verdict gate_message(struct gate *gate, const struct listener *lsnr,
			       const struct sa *peer, const uint8_t *buf,
			       size_t size)
{
	static const char response[] = "SIP/2.0 ";
	struct source *src = budget_get(gate, lsnr, peer);
	uint32_t keep;

	if (!src)
		return GATE_PASS;

	/* one that is waited for costs nothing; see gate_stray() */
	if (size > sizeof(response) &&
	    !memcmp(buf, response, sizeof(response) - 1)) {
		if (bucket_has(&src->bucket, 0))
			return GATE_PASS;
		(void)message_refuse(gate, src, lsnr, peer);
		return GATE_DROP;
	}

	keep = is_of_call(buf, size) ? 0 : src->rate * BURST / KEPT;

	return bucket_take(&src->bucket, keep) ? GATE_PASS :
		message_refuse(gate, src, lsnr, peer);
}


void gate_stray(struct gate *gate, const struct listener *lsnr,
		const struct sa *peer)
{
	struct source *src = budget_get(gate, lsnr, peer);

	if (src)
		(void)bucket_take(&src->bucket, 0);
}
