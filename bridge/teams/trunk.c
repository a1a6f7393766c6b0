/**
 * @file trunk.c  OPTIONS, health and hops of the Direct Routing side
 *
 * Microsoft never starts first: it pings our Contact only after a valid
 * OPTIONS from us, and offers calls only to a trunk that it has seen. So the
 * first OPTIONS go out at once, then one a minute to each proxy name, each
 * at its own phase.
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <time.h>

#include "bridge/base/libre.h"
#include "bridge/base/log.h"
#include "bridge/base/wheel.h"
#include "bridge/model/own_name.h"
#include "bridge/model/tenant.h"
#include "bridge/sip/msg.h"
#include "bridge/sip/request.h"
#include "bridge/sip/stack.h"
#include "bridge/sip/strans.h"
#include "bridge/sip/transp.h"
#include "trunk.h"


enum {
	ANSWER_MS   = 4000,        /* then the next address of a name       */
	RETRY_MS    = 10000,       /* a proxy that is down is asked sooner  */
	STAGGER_MS  = 500,         /* between the first OPTIONS of proxies  */
	HOLD_MAX_S  = 3600,        /* of what Retry-After may ask           */
};


/** One proxy name, seen from one trunk */
struct proxy {
	struct trunk *trunk;       /* borrowed: parent                      */
	const char *host;          /* borrowed from the node config         */
	struct wheel_tmr tmr;
	struct request *req;       /* owned: OPTIONS under way              */
	uint32_t cseq;
	char callid[64];
	bool asked;                /* one OPTIONS has ended                 */
	bool up;
	int64_t since_s;
	char why[128];
	uint32_t rtt_ms;
	uint64_t hold_ms;          /* it asked to be left alone until then  */
};


struct trunk {
	struct le le;
	struct trunks *ts;         /* borrowed: parent                      */
	char *fqdn;                /* owned                                 */
	char *tenant;              /* owned                                 */
	struct proxy proxyv[TRUNK_PROXIES];
	size_t proxyc;
	struct trunk *base;        /* borrowed: the carrier's trunk, whose
				      OPTIONS and health are ours; NULL     */
	struct wheel_tmr seen_tmr;
	bool seen;                 /* Teams pings us                        */
};


struct range {
	uint8_t addr[16];
	unsigned bits;
	int af;
};


struct trunks {
	struct trunks_conf conf;
	struct list trunkl;        /* struct trunk, owned                   */
	struct range *rangev;      /* owned                                 */
	size_t rangec;
	struct trunk *carrier;     /* owned, NULL: none                     */
	trunk_status_h *statush;
	void *arg;
};


static void options_send(void *arg);


static struct wheel *wheel_of(const struct trunk *tr)
{
	return stack_wheel(tr->ts->conf.stack);
}


/** The trunk whose OPTIONS and health count: its own, or the carrier's */
static const struct trunk *health_of(const struct trunk *tr)
{
	return tr->base ? tr->base : tr;
}


/** A row of a trunk, by the health of a proxy of its own or its carrier's */
static void row_tell(const struct trunk *tr, const struct proxy *px,
		     bool removed)
{
	struct trunk_status st = {
		.up = px->up,
		.seen = health_of(tr)->seen,
		.since_s = px->since_s,
		.rtt_ms = px->rtt_ms,
		.removed = removed,
	};

	str_ncpy(st.tenant, tr->tenant, sizeof(st.tenant));
	str_ncpy(st.fqdn, tr->fqdn, sizeof(st.fqdn));
	str_ncpy(st.proxy, px->host, sizeof(st.proxy));
	str_ncpy(st.why, px->why, sizeof(st.why));

	tr->ts->statush(&st, tr->ts->arg);
}


static void rows_tell(const struct trunk *tr, bool removed)
{
	const struct trunk *health = health_of(tr);
	size_t i;

	for (i = 0; i < health->proxyc; i++)
		row_tell(tr, &health->proxyv[i], removed);
}


static void status_tell(const struct proxy *px)
{
	const struct trunk *tr = px->trunk;
	struct le *le;

	row_tell(tr, px, false);

	for (le = list_head(&tr->ts->trunkl); le; le = le->next) {
		const struct trunk *derived = le->data;

		if (derived->base == tr)
			row_tell(derived, px, false);
	}
}


/** The one door for a proxy's health */
static void proxy_set(struct proxy *px, bool up, const char *why)
{
	const bool change = !px->asked || up != px->up;

	px->asked = true;
	px->up = up;
	str_ncpy(px->why, why, sizeof(px->why));

	if (!change)
		return;

	px->since_s = time(NULL);

	if (up)
		info("trunk", px->trunk->fqdn, "%s answers OPTIONS",
		     px->host);
	else
		warning("trunk", px->trunk->fqdn, "%s does not serve us: %s",
			px->host, why);

	status_tell(px);
}


static void options_resp_h(int err, const struct sip_msg *msg, void *arg)
{
	struct proxy *px = arg;
	const struct nodeconf *node = px->trunk->ts->conf.node;
	uint64_t next_ms = (uint64_t)node->teams.options_s * 1000;
	char why[128];

	if (!err && msg->scode < 200)
		return;

	if (err) {
		const char *words = request_why(px->req);

		re_snprintf(why, sizeof(why), "%s",
			    *words ? words : strerror(err));
	}
	else {
		re_snprintf(why, sizeof(why), "%u %r", msg->scode,
			    &msg->reason);
	}

	px->rtt_ms = request_rtt_ms(px->req);
	px->req = mem_deref(px->req);

	if (!err && msg->scode < 300) {
		proxy_set(px, true, "");
	}
	else {
		proxy_set(px, false, why);
		if (next_ms > RETRY_MS)
			next_ms = RETRY_MS;
	}

	wheel_start(wheel_of(px->trunk), &px->tmr, next_ms, options_send, px);
}


static void hop_set(struct hop *hop, const struct proxy *px)
{
	const struct trunks_conf *conf = &px->trunk->ts->conf;

	memset(hop, 0, sizeof(*hop));
	hop->resolver = conf->resolver;
	hop->host = px->host;
	hop->port = (uint16_t)conf->node->teams.proxy_port;
	hop->tp = SIP_TRANSP_TLS;
	hop->lsnrv[SIP_TRANSP_TLS] = conf->lsnr;
	hop->via_host = px->trunk->fqdn;
	hop->failover_503 = true;
	hop->answer_ms = ANSWER_MS;
}


static void options_send(void *arg)
{
	struct proxy *px = arg;
	const struct trunks_conf *conf = &px->trunk->ts->conf;
	const uint16_t port = trunk_port(px->trunk);
	struct request_param prm = { .method = "OPTIONS" };
	char ruri[320], head[1024], tag[17];
	int err;

	token_random(tag, 16);
	re_snprintf(ruri, sizeof(ruri), "sip:%s:%u;transport=tls",
		    px->host, (unsigned)conf->node->teams.proxy_port);
	re_snprintf(head, sizeof(head),
		    "From: <sip:%s:%u>;tag=%s\r\n"
		    "To: <sip:%s:%u>\r\n"
		    "Call-ID: %s\r\n"
		    "Contact: <sip:%s:%u;transport=tls>\r\n"
		    "Allow: " TRUNK_ALLOW "\r\n",
		    px->trunk->fqdn, port, tag,
		    px->host, (unsigned)conf->node->teams.proxy_port,
		    px->callid, px->trunk->fqdn, port);

	prm.ruri = ruri;
	prm.head = head;
	prm.cseq = &px->cseq;
	hop_set(&prm.hop, px);

	err = request_send(&px->req, conf->stack, &prm, options_resp_h, px);
	if (err) {
		proxy_set(px, false, strerror(err));
		wheel_start(stack_wheel(conf->stack), &px->tmr, RETRY_MS,
			    options_send, px);
	}
}


static void trunk_destructor(void *arg)
{
	struct trunk *tr = arg;
	size_t i;

	wheel_cancel(&tr->seen_tmr);
	for (i = 0; i < tr->proxyc; i++) {
		wheel_cancel(&tr->proxyv[i].tmr);
		mem_deref(tr->proxyv[i].req);
	}

	list_unlink(&tr->le);
	mem_deref(tr->fqdn);
	mem_deref(tr->tenant);
}


/** Microsoft stops its pings of a trunk that it has demoted, and tries it
    last: nobody would notice but by fewer calls */
static void silent_h(void *arg)
{
	struct trunk *tr = arg;
	const struct nodeconf *node = tr->ts->conf.node;

	warning("trunk", tr->fqdn, "no OPTIONS from Teams for %u s: it tries "
		"this trunk last. Is port %u open to its addresses, and the "
		"name in the certificate?", node->teams.demotion_s,
		trunk_port(tr));

	tr->seen = false;
	rows_tell(tr, false);
	for (struct le *le = list_head(&tr->ts->trunkl); le; le = le->next) {
		const struct trunk *derived = le->data;

		if (derived->base == tr)
			rows_tell(derived, false);
	}
}


static void silent_start(struct trunk *tr)
{
	wheel_start(wheel_of(tr), &tr->seen_tmr,
		    (uint64_t)tr->ts->conf.node->teams.demotion_s * 1000,
		    silent_h, tr);
}


/** The carrier's name, or one label below it */
static bool is_derived(const struct trunks *ts, const char *fqdn)
{
	const char *dot = strchr(fqdn, '.');

	return ts->carrier && (!str_casecmp(fqdn, ts->carrier->fqdn) ||
		(dot && !str_casecmp(dot + 1, ts->carrier->fqdn)));
}


static void options_start(struct trunk *tr)
{
	const struct strings *proxies = &tr->ts->conf.node->teams.proxies;
	size_t i;

	for (i = 0; i < proxies->c && i < TRUNK_PROXIES; i++) {
		struct proxy *px = &tr->proxyv[i];
		char id[33];

		px->trunk = tr;
		px->host = proxies->v[i];
		px->since_s = time(NULL);
		token_random(id, 32);
		re_snprintf(px->callid, sizeof(px->callid), "%s", id);
		wheel_start(wheel_of(tr), &px->tmr, i * STAGGER_MS,
			    options_send, px);
		++tr->proxyc;
	}

	silent_start(tr);
}


static int trunk_alloc(struct trunk **trp, struct trunks *ts,
		       const char *fqdn, const char *tenant)
{
	struct trunk *tr;
	int err;

	tr = mem_zalloc(sizeof(*tr), trunk_destructor);
	if (!tr)
		return ENOMEM;

	tr->ts = ts;
	err  = str_dup(&tr->fqdn, fqdn);
	err |= str_dup(&tr->tenant, tenant);
	if (err) {
		mem_deref(tr);
		return ENOMEM;
	}

	if (is_derived(ts, fqdn)) {
		tr->base = ts->carrier;
		rows_tell(tr, false);
	}
	else {
		options_start(tr);
	}

	*trp = tr;

	return 0;
}


static int range_decode(struct range *range, const char *text)
{
	char addr[64];
	const char *slash = strchr(text, '/');
	const size_t len = slash ? (size_t)(slash - text) : strlen(text);

	if (len >= sizeof(addr))
		return EINVAL;

	memcpy(addr, text, len);
	addr[len] = '\0';
	memset(range, 0, sizeof(*range));

	if (inet_pton(AF_INET, addr, range->addr) == 1)
		range->af = AF_INET;
	else if (inet_pton(AF_INET6, addr, range->addr) == 1)
		range->af = AF_INET6;
	else
		return EINVAL;

	range->bits = range->af == AF_INET ? 32 : 128;
	if (slash) {
		char *end;
		const unsigned long bits = strtoul(slash + 1, &end, 10);

		if (*end || end == slash + 1 || bits > range->bits)
			return EINVAL;
		range->bits = (unsigned)bits;
	}

	return 0;
}


static bool range_has(const struct range *range, const struct sa *sa)
{
	uint8_t addr[16] = {0};
	const unsigned whole = range->bits / 8, rest = range->bits % 8;

	if (sa_af(sa) != range->af)
		return false;

	if (range->af == AF_INET) {
		const uint32_t in = htonl(sa_in(sa));

		memcpy(addr, &in, 4);
	}
	else {
		sa_in6(sa, addr);
	}

	if (memcmp(addr, range->addr, whole))
		return false;

	return !rest || !((addr[whole] ^ range->addr[whole]) >> (8 - rest));
}


static void trunks_destructor(void *arg)
{
	struct trunks *ts = arg;

	list_flush(&ts->trunkl);
	mem_deref(ts->carrier);
	mem_deref(ts->rangev);
}


int trunks_alloc(struct trunks **tp, const struct trunks_conf *conf,
		 trunk_status_h *statush, void *arg)
{
	const struct strings *ranges = &conf->node->teams.peer_ranges;
	struct trunks *ts;
	size_t i;
	int err = 0;

	ts = mem_zalloc(sizeof(*ts), trunks_destructor);
	if (!ts)
		return ENOMEM;

	ts->conf = *conf;
	ts->statush = statush;
	ts->arg = arg;

	if (ranges->c) {
		ts->rangev = mem_zalloc(ranges->c * sizeof(*ts->rangev), NULL);
		if (!ts->rangev) {
			err = ENOMEM;
			goto out;
		}
	}

	for (i = 0; i < ranges->c; i++) {
		err = range_decode(&ts->rangev[i], ranges->v[i]);
		if (err)
			goto out;
		++ts->rangec;
	}

	if (conf->node->teams.carrier)
		err = trunk_alloc(&ts->carrier, ts,
				  conf->node->teams.carrier, "");

 out:
	if (err)
		mem_deref(ts);
	else
		*tp = ts;

	return err;
}


static struct trunk *find(const struct list *trunkl, const struct pl *fqdn)
{
	for (struct le *le = list_head(trunkl); le; le = le->next) {
		struct trunk *tr = le->data;

		if (!pl_strcasecmp(fqdn, tr->fqdn))
			return tr;
	}

	return NULL;
}


/** A name may become another customer's */
static int tenant_set(struct trunk *tr, const char *tenant)
{
	char *copy;
	int err;

	if (!str_cmp(tr->tenant, tenant))
		return 0;

	err = str_dup(&copy, tenant);
	if (err)
		return err;

	mem_deref(tr->tenant);
	tr->tenant = copy;
	rows_tell(tr, false);

	return 0;
}


/** Customers' names differ, but two of them may be given one own name */
static bool is_taken(const struct list *keepl, const char *name,
		     const char *tenant)
{
	const struct trunk *tr;
	struct pl fqdn;

	pl_set_str(&fqdn, name);
	tr = find(keepl, &fqdn);
	if (tr)
		warning("trunk", name, "this name stands for %s and for %s:"
			" the second one has no calls; see teams.own_names",
			tr->tenant, tenant);

	return tr != NULL;
}


int trunks_apply(struct trunks *ts, const struct list *tenantl)
{
	char own[OWN_NAME_SIZE];
	struct list keepl;
	struct le *le;
	int err = 0;

	list_init(&keepl);

	for (le = list_head(tenantl); le && !err; le = le->next) {
		const struct tenant *tenant = le->data;
		struct trunk *tr;
		struct pl fqdn;

		const char *name = own_name(&ts->conf.node->teams.own_names,
					    tenant->teams.fqdn, own);

		if (!name || is_taken(&keepl, name, tenant->tenant))
			continue;

		pl_set_str(&fqdn, name);
		tr = find(&ts->trunkl, &fqdn);
		if (tr)
			err = tenant_set(tr, tenant->tenant);
		if (err)
			break;
		if (tr)
			list_unlink(&tr->le);
		else
			err = trunk_alloc(&tr, ts, name, tenant->tenant);
		if (!err)
			list_append(&keepl, &tr->le, tr);
	}

	if (!err) {
		for (le = list_head(&ts->trunkl); le; le = le->next)
			rows_tell(le->data, true);
		list_flush(&ts->trunkl);
	}

	while ((le = list_head(&keepl))) {
		struct trunk *tr = le->data;

		list_unlink(le);
		list_append(&ts->trunkl, &tr->le, tr);
	}

	return err;
}


struct trunk *trunks_find(const struct trunks *ts, const struct pl *fqdn)
{
	struct trunk *tr = find(&ts->trunkl, fqdn);

	if (!tr && ts->carrier && !pl_strcasecmp(fqdn, ts->carrier->fqdn))
		return ts->carrier;

	return tr;
}


struct trunk *trunks_of(const struct trunks *ts, const char *tenant)
{
	for (struct le *le = list_head(&ts->trunkl); le; le = le->next) {
		struct trunk *tr = le->data;

		if (!str_cmp(tr->tenant, tenant))
			return tr;
	}

	return NULL;
}


bool trunks_is_from(const struct trunks *ts, const struct sip_msg *msg)
{
	const struct flow *flow = msg_flow(msg);

	return flow && flow_listener(flow) == ts->conf.lsnr;
}


bool trunks_is_known(const struct trunks *ts, const struct sa *peer)
{
	size_t i;

	for (i = 0; i < ts->rangec; i++) {
		if (range_has(&ts->rangev[i], peer))
			return true;
	}

	return false;
}


bool trunks_admit(const struct trunks *ts, const struct sa *peer)
{
	return !ts->rangec || trunks_is_known(ts, peer);
}


static void seen(struct trunk *tr)
{
	size_t i;

	/* whoever pings one of ours knows the carrier's trunk */
	if (tr->base)
		tr = tr->base;

	silent_start(tr);
	if (tr->seen)
		return;

	tr->seen = true;
	info("trunk", tr->fqdn, "Teams pings us");
	for (i = 0; i < tr->proxyc; i++)
		status_tell(&tr->proxyv[i]);
}


bool trunks_request(struct trunks *ts, struct strans *st,
		    const struct sip_msg *msg)
{
	struct trunk *tr = trunks_find(ts, &msg->uri.host);

	if (!pl_strcmp(&msg->met, "INVITE"))
		return false;

	if (pl_strcmp(&msg->met, "OPTIONS")) {
		strans_rejectf(st, 405, "Method Not Allowed",
			       "Allow: " TRUNK_ALLOW "\r\n");
		return true;
	}

	if (!tr) {
		strans_reject(st, 404, "Unknown FQDN");
		return true;
	}

	seen(tr);
	strans_rejectf(st, 200, "OK",
		       "Contact: <sip:%s:%u;transport=tls>\r\n"
		       "Allow: " TRUNK_ALLOW "\r\n",
		       tr->fqdn, trunk_port(tr));

	return true;
}


const char *trunk_fqdn(const struct trunk *trunk)
{
	return trunk->fqdn;
}


const char *trunk_tenant(const struct trunk *trunk)
{
	return trunk->tenant;
}


uint16_t trunk_port(const struct trunk *trunk)
{
	return (uint16_t)trunk->ts->conf.node->teams.port;
}


/** 0 known to work, 1 not asked yet, 2 known not to, or wants to be left
    alone */
static int rank(const struct trunk *tr, const struct proxy *px)
{
	if (px->hold_ms > wheel_now(wheel_of(tr)))
		return 2;

	return !px->asked ? 1 : px->up ? 0 : 2;
}


size_t trunk_hops(const struct trunk *trunk, struct hop *hopv)
{
	const struct trunk *health = health_of(trunk);
	size_t i, n = 0;
	int pass;

	for (pass = 0; pass < 3; pass++) {
		for (i = 0; i < health->proxyc; i++) {
			const struct proxy *px = &health->proxyv[i];

			if (rank(health, px) != pass)
				continue;

			hop_set(&hopv[n], px);
			hopv[n++].via_host = trunk->fqdn;
		}
	}

	return n;
}


size_t trunk_failover(const struct trunk *trunk, uint16_t *codev, size_t max)
{
	const struct strings *s = &trunk->ts->conf.node->teams.failover_codes;
	size_t i;

	for (i = 0; i < s->c && i < max; i++)
		codev[i] = (uint16_t)atoi(s->v[i]);

	return i;
}


static struct proxy *proxy_find(struct trunk *trunk, const char *host)
{
	struct trunk *tr = trunk->base ? trunk->base : trunk;
	size_t i;

	for (i = 0; i < tr->proxyc; i++) {
		if (!str_cmp(tr->proxyv[i].host, host))
			return &tr->proxyv[i];
	}

	return NULL;
}


void trunk_hop_failed(struct trunk *trunk, const char *host, const char *why)
{
	struct proxy *px = proxy_find(trunk, host);

	if (!px)
		return;

	proxy_set(px, false, why);
	if (!px->req)
		wheel_start(wheel_of(px->trunk), &px->tmr, RETRY_MS,
			    options_send, px);
}


void trunk_hop_hold(struct trunk *trunk, const char *host, uint32_t s)
{
	struct proxy *px = proxy_find(trunk, host);

	if (!px || !s)
		return;

	if (s > HOLD_MAX_S)
		s = HOLD_MAX_S;

	info("trunk", trunk->fqdn, "%s wants no calls for %u s", host, s);
	px->hold_ms = wheel_now(wheel_of(trunk)) + (uint64_t)s * 1000;
}
