/**
 * @file resolve.c  From a host name to targets (RFC 3263, RFC 2782)
 *
 * Everything known is in one cache of answers by name and type. A query of
 * ours is worked out from the cache alone; where an answer is missing it is
 * asked for, and the query is worked out again when it has come. So there is
 * no state between the steps of RFC 3263, and what many ask is asked once.
 */
#include <ctype.h>

#include "bridge/base/libre.h"
#include "bridge/base/log.h"
#include "bridge/base/wheel.h"
#include "resolve.h"


enum {
	CACHE_BUCKETS   = 512,
	CACHE_MAX       = 2048,    /* entries                              */
	SERVERS_MAX     = 8,
	NAME_MAX_       = 253,
	DEADLINE_MS     = 4000,
	TTL_MIN_MS      = 5000,
	TTL_MAX_MS      = 15 * 60 * 1000,
	NEGATIVE_MS     = 10000,
	ALIASES_MAX     = 8,       /* CNAMEs in a row                      */
};


/** One record of an answer; what is used depends on the type */
struct record {
	uint16_t order;            /* SRV priority, NAPTR order           */
	uint16_t weight;           /* SRV weight, NAPTR preference        */
	uint16_t port;             /* SRV                                 */
	enum sip_transp tp;        /* NAPTR service                       */
	struct sa addr;            /* A, AAAA                             */
	char *name;                /* owned; SRV, NAPTR, CNAME            */
};


/** What is known about a name and type */
struct entry {
	struct le he;              /* resolver->cache                     */
	struct le le;              /* resolver->entryl, oldest first      */
	struct resolver *res;      /* borrowed, owner                     */
	char *name;                /* owned, lower case                   */
	uint16_t type;
	int err;                   /* of the last answer: 0, ENOENT,
				      ETIMEDOUT                           */
	bool known;                /* there was an answer                 */
	uint64_t known_ms;
	uint64_t expires_ms;
	struct record recv[RESOLVE_MAX];
	size_t recc;
	struct dns_query *query;   /* owned while asking                  */
	struct wheel_tmr tmr;      /* runs while asking                   */
	struct list waiterl;       /* borrowed resolves                   */
};


/** A fixed address of the node's configuration */
struct host {
	struct le le;
	char *name;                /* owned */
	struct sa addr;
};


struct resolver {
	struct wheel *wheel;       /* borrowed                            */
	struct dnsc *dnsc;         /* owned; NULL: no DNS                 */
	struct sa serverv[SERVERS_MAX];
	uint32_t serverc;
	struct hash *cache;        /* owned                               */
	struct list entryl;        /* owned entries                       */
	size_t entryc;
	struct list hostl;         /* owned                               */
};


struct resolve {
	struct le le;              /* entry->waiterl                      */
	struct resolver *res;      /* ref                                 */
	struct wheel_tmr tmr;      /* to work it out, from the loop       */
	char *host;                /* owned, lower case                   */
	uint16_t port;
	enum sip_transp tp;
	uint64_t began_ms;
	resolve_h *h;
	void *arg;
	struct entry *pending;     /* borrowed: an answer that is missing */
	bool silent;               /* DNS failed for something needed     */
	struct resolved *v;        /* owned, RESOLVE_MAX                  */
	size_t c;
};


static void records_free(struct entry *entry)
{
	for (size_t i = 0; i < entry->recc; i++)
		mem_deref(entry->recv[i].name);

	entry->recc = 0;
}


static void entry_destructor(void *data)
{
	struct entry *entry = data;

	wheel_cancel(&entry->tmr);
	list_clear(&entry->waiterl);
	hash_unlink(&entry->he);
	list_unlink(&entry->le);
	if (entry->res)
		--entry->res->entryc;
	mem_deref(entry->query);
	records_free(entry);
	mem_deref(entry->name);
}


static void host_destructor(void *data)
{
	struct host *host = data;

	list_unlink(&host->le);
	mem_deref(host->name);
}


static void resolver_destructor(void *data)
{
	struct resolver *res = data;

	list_flush(&res->entryl);
	list_flush(&res->hostl);
	mem_deref(res->dnsc);
	mem_deref(res->cache);
}


static int set_servers(struct resolver *res, const struct sa *serverv,
		       size_t serverc)
{
	char domain[256];

	if (serverc > SERVERS_MAX)
		return EINVAL;

	if (serverc) {
		memcpy(res->serverv, serverv, serverc * sizeof(*serverv));
		res->serverc = (uint32_t)serverc;
		return 0;
	}

	res->serverc = SERVERS_MAX;
	if (dns_srv_get(domain, sizeof(domain), res->serverv, &res->serverc))
		res->serverc = 0;

	return 0;
}


/** Without DNS, names of the hosts table and addresses still work */
static void open_dns(struct resolver *res)
{
	int err = ENOENT;

	if (res->serverc)
		err = dnsc_alloc(&res->dnsc, NULL, res->serverv,
				 res->serverc);
	if (err)
		warning("resolve", "", "no DNS (%m): only addresses and the "
			"hosts table can be used\n", err);
}


int resolver_alloc(struct resolver **resp, struct wheel *wheel,
		   const struct sa *serverv, size_t serverc)
{
	struct resolver *res;
	int err;

	if (!resp || !wheel || (serverc && !serverv))
		return EINVAL;

	res = mem_zalloc(sizeof(*res), resolver_destructor);
	if (!res)
		return ENOMEM;

	res->wheel = wheel;

	err = hash_alloc(&res->cache, CACHE_BUCKETS);
	if (!err)
		err = set_servers(res, serverv, serverc);

	if (err) {
		mem_deref(res);
		return err;
	}

	open_dns(res);
	*resp = res;

	return 0;
}


/** Lower case, no dot at the end; only what a host name may have */
static int copy_name(char **dst, const char *name)
{
	char buf[NAME_MAX_ + 1];
	size_t l = str_len(name);
	size_t i;

	if (l && name[l - 1] == '.')
		--l;

	if (!l || l > NAME_MAX_)
		return EINVAL;

	for (i = 0; i < l; i++) {

		const unsigned char c = (unsigned char)name[i];

		if (!isalnum(c) && c != '-' && c != '_' && c != '.')
			return EINVAL;

		buf[i] = (char)tolower(c);
	}
	buf[i] = '\0';

	return str_dup(dst, buf);
}


int resolver_host_add(struct resolver *res, const char *name,
		      const struct sa *addr)
{
	struct host *host;
	int err;

	if (!res || !name || !addr || !sa_isset(addr, SA_ADDR))
		return EINVAL;

	host = mem_zalloc(sizeof(*host), host_destructor);
	if (!host)
		return ENOMEM;

	err = copy_name(&host->name, name);
	if (err) {
		mem_deref(host);
		return err;
	}

	host->addr = *addr;
	list_append(&res->hostl, &host->le, host);

	return 0;
}


struct wanted {
	const char *name;
	uint16_t type;
};


static bool entry_handler(struct le *le, void *arg)
{
	const struct entry *entry = le->data;
	const struct wanted *wanted = arg;

	return entry->type == wanted->type &&
		!str_cmp(entry->name, wanted->name);
}


static struct entry *entry_get(struct resolver *res, const char *name,
			       uint16_t type)
{
	const uint32_t key = hash_fast_str(name) ^ type;
	struct wanted wanted = {name, type};
	struct entry *entry;

	entry = list_ledata(hash_lookup(res->cache, key, entry_handler,
					&wanted));
	if (entry)
		return entry;

	entry = mem_zalloc(sizeof(*entry), entry_destructor);
	if (!entry)
		return NULL;

	if (copy_name(&entry->name, name)) {
		mem_deref(entry);
		return NULL;
	}

	entry->res  = res;
	entry->type = type;
	++res->entryc;
	hash_append(res->cache, key, &entry->he, entry);
	list_append(&res->entryl, &entry->le, entry);

	return entry;
}


static void work_handler(void *arg);


/** There is an answer, or none: whoever waits is worked out again */
static void entry_done(struct entry *entry, int err, uint64_t ttl_ms)
{
	const uint64_t now = wheel_now(entry->res->wheel);
	struct le *le;

	wheel_cancel(&entry->tmr);

	entry->err        = err;
	entry->known      = true;
	entry->known_ms   = now;
	entry->expires_ms = now + ttl_ms;

	while ((le = list_head(&entry->waiterl))) {

		struct resolve *rp = le->data;

		list_unlink(le);
		wheel_start(rp->res->wheel, &rp->tmr, 0, work_handler, rp);
	}
}


/** DNS failed: the last good answer serves on */
static void entry_failed(struct entry *entry)
{
	entry_done(entry, entry->recc ? 0 : ETIMEDOUT, NEGATIVE_MS);
}


static void deadline_handler(void *arg)
{
	struct entry *entry = arg;

	debug("resolve", entry->name, "no answer from DNS\n");

	entry->query = mem_deref(entry->query);
	entry_failed(entry);
}


/** An answer while it is read */
struct reading {
	struct record recv[RESOLVE_MAX];
	size_t recc;
	uint64_t ttl_ms;
};


/** "SIP+D2U" and its like (RFC 3263 section 4.1) */
static enum sip_transp service_transp(const char *service)
{
	if (!str_casecmp(service, "SIP+D2U"))
		return SIP_TRANSP_UDP;
	if (!str_casecmp(service, "SIP+D2T"))
		return SIP_TRANSP_TCP;
	if (!str_casecmp(service, "SIPS+D2T"))
		return SIP_TRANSP_TLS;

	return SIP_TRANSP_NONE;
}


static int read_srv(struct record *rec, const struct dnsrr *rr)
{
	rec->order  = rr->rdata.srv.pri;
	rec->weight = rr->rdata.srv.weight;
	rec->port   = rr->rdata.srv.port;

	/* "." says that there is no such service */
	return copy_name(&rec->name, rr->rdata.srv.target);
}


static int read_naptr(struct record *rec, const struct dnsrr *rr)
{
	rec->order  = rr->rdata.naptr.order;
	rec->weight = rr->rdata.naptr.pref;
	rec->tp     = service_transp(rr->rdata.naptr.services);

	if (rec->tp == SIP_TRANSP_NONE ||
	    str_casecmp(rr->rdata.naptr.flags, "s"))
		return EINVAL;

	return copy_name(&rec->name, rr->rdata.naptr.replace);
}


static int read_record(struct record *rec, const struct dnsrr *rr)
{
	switch (rr->type) {

	case DNS_TYPE_A:
		sa_set_in(&rec->addr, rr->rdata.a.addr, 0);
		return 0;

	case DNS_TYPE_AAAA:
		sa_set_in6(&rec->addr, rr->rdata.aaaa.addr, 0);
		return 0;

	case DNS_TYPE_SRV:
		return read_srv(rec, rr);

	case DNS_TYPE_NAPTR:
		return read_naptr(rec, rr);

	default:
		return EINVAL;
	}
}


static void note_ttl(struct reading *reading, const struct dnsrr *rr)
{
	const uint64_t ms = rr->ttl > 0 ? (uint64_t)rr->ttl * 1000 : 0;

	if (ms < reading->ttl_ms)
		reading->ttl_ms = ms;
}


static bool record_handler(struct dnsrr *rr, void *arg)
{
	struct reading *reading = arg;
	struct record *rec = &reading->recv[reading->recc];

	memset(rec, 0, sizeof(*rec));
	if (read_record(rec, rr))
		return false;

	note_ttl(reading, rr);

	return ++reading->recc == RESOLVE_MAX;
}


/** The end of the CNAMEs from a name, NULL if there is none */
static const char *last_alias(struct list *ansl, const char *name)
{
	const char *alias = NULL;

	for (unsigned i = 0; i < ALIASES_MAX; i++) {

		const struct dnsrr *rr = dns_rrlist_find(ansl, alias ? alias :
				name, DNS_TYPE_CNAME, DNS_CLASS_IN, false);

		if (!rr)
			break;

		alias = rr->rdata.cname.cname;
	}

	return alias;
}


static void read_answer(struct reading *reading, struct list *ansl,
			const char *name, uint16_t type)
{
	const char *alias = last_alias(ansl, name);
	struct record *rec = &reading->recv[0];

	(void)dns_rrlist_apply(ansl, alias ? alias : name, type,
			       DNS_CLASS_IN, false, record_handler, reading);

	if (reading->recc || !alias)
		return;

	/* a server that does not follow: we do */
	memset(rec, 0, sizeof(*rec));
	if (!copy_name(&rec->name, alias)) {
		reading->recc   = 1;
		reading->ttl_ms = TTL_MIN_MS;
	}
}


static uint64_t clip_ttl(uint64_t ms)
{
	if (ms < TTL_MIN_MS)
		return TTL_MIN_MS;

	return ms > TTL_MAX_MS ? TTL_MAX_MS : ms;
}


static void query_handler(int err, const struct dnshdr *hdr,
			  struct list *ansl, struct list *authl,
			  struct list *addl, void *arg);


/** What does not fit in a datagram is asked for again over TCP */
static int ask_tcp(struct entry *entry)
{
	struct resolver *res = entry->res;

	return dnsc_query_srv(&entry->query, res->dnsc, entry->name,
			      entry->type, DNS_CLASS_IN, IPPROTO_TCP,
			      res->serverv, &res->serverc, true,
			      query_handler, entry);
}


static void query_handler(int err, const struct dnshdr *hdr,
			  struct list *ansl, struct list *authl,
			  struct list *addl, void *arg)
{
	struct entry *entry = arg;
	struct reading reading = {.ttl_ms = TTL_MAX_MS};

	(void)authl;
	(void)addl;

	entry->query = NULL;

	if (err || !hdr || (hdr->rcode != DNS_RCODE_OK &&
			    hdr->rcode != DNS_RCODE_NAME_ERR)) {
		entry_failed(entry);
		return;
	}

	if (hdr->tc && !ask_tcp(entry))
		return;

	read_answer(&reading, ansl, entry->name, entry->type);

	records_free(entry);
	memcpy(entry->recv, reading.recv,
	       reading.recc * sizeof(reading.recv[0]));
	entry->recc = reading.recc;

	if (entry->recc)
		entry_done(entry, 0, clip_ttl(reading.ttl_ms));
	else
		entry_done(entry, ENOENT, NEGATIVE_MS);
}


static void entry_ask(struct entry *entry)
{
	struct resolver *res = entry->res;

	if (wheel_is_running(&entry->tmr))
		return;

	wheel_start(res->wheel, &entry->tmr, DEADLINE_MS, deadline_handler,
		    entry);

	if (!res->dnsc || dnsc_query(&entry->query, res->dnsc, entry->name,
				     entry->type, DNS_CLASS_IN, true,
				     query_handler, entry))
		entry_failed(entry);
}


/**
 * The answer to a question, from the cache
 *
 * @return NULL if it is not there yet (rp->pending is set) or DNS failed
 *         (rp->silent is set); an entry may be without records
 */
static const struct entry *answer(struct resolve *rp, const char *name,
				  uint16_t type)
{
	const uint64_t now = wheel_now(rp->res->wheel);
	struct entry *entry = entry_get(rp->res, name, type);

	if (!entry) {
		rp->silent = true;
		return NULL;
	}

	/* what came while this query ran is good for it, however short */
	if (!entry->known || (entry->expires_ms <= now &&
			      entry->known_ms < rp->began_ms))
		entry_ask(entry);

	if (wheel_is_running(&entry->tmr)) {
		rp->pending = entry;
		return NULL;
	}

	if (entry->err == ETIMEDOUT) {
		rp->silent = true;
		return NULL;
	}

	return entry;
}


static uint16_t default_port(enum sip_transp tp)
{
	return tp == SIP_TRANSP_TLS ? SIP_PORT_TLS : SIP_PORT;
}


static void add_target(struct resolve *rp, const struct sa *addr,
		       uint16_t port, enum sip_transp tp)
{
	struct resolved *target = &rp->v[rp->c];

	if (rp->c >= RESOLVE_MAX)
		return;

	target->tp   = tp;
	target->addr = *addr;
	sa_set_port(&target->addr, port ? port : default_port(tp));
	str_ncpy(target->host, rp->host, sizeof(target->host));
	++rp->c;
}


/** Addresses of the hosts table. @return false if it has none for it */
static bool add_fixed(struct resolve *rp, const char *name, uint16_t port,
		      enum sip_transp tp)
{
	bool found = false;
	struct le *le;

	for (le = list_head(&rp->res->hostl); le; le = le->next) {

		const struct host *host = le->data;
		const uint16_t fixed = sa_port(&host->addr);

		if (str_cmp(host->name, name))
			continue;

		if (fixed && port && fixed != port)
			continue;

		add_target(rp, &host->addr, port ? port : fixed, tp);
		found = true;
	}

	return found;
}


static void add_records(struct resolve *rp, const char *name, uint16_t type,
			uint16_t port, enum sip_transp tp)
{
	const struct entry *entry = answer(rp, name, type);

	for (unsigned i = 0; i < ALIASES_MAX && entry && entry->recc &&
		     entry->recv[0].name; i++)
		entry = answer(rp, entry->recv[0].name, type);

	for (size_t i = 0; entry && i < entry->recc; i++)
		if (sa_isset(&entry->recv[i].addr, SA_ADDR))
			add_target(rp, &entry->recv[i].addr, port, tp);
}


/** A and AAAA of a name */
static void add_host(struct resolve *rp, const char *name, uint16_t port,
		     enum sip_transp tp)
{
	struct sa addr;

	if (!sa_set_str(&addr, name, 0)) {
		add_target(rp, &addr, port, tp);
		return;
	}

	if (add_fixed(rp, name, port, tp))
		return;

	add_records(rp, name, DNS_TYPE_A, port, tp);
	add_records(rp, name, DNS_TYPE_AAAA, port, tp);
}


/** RFC 2782: of those with the lowest priority, each with a chance by its
    weight; done again for the rest. Takes it out of v */
static struct record choose(struct record *v, size_t *c)
{
	uint32_t sum = 0, at;
	uint16_t lowest = UINT16_MAX;
	struct record chosen;
	size_t i, last = 0;

	for (i = 0; i < *c; i++)
		if (v[i].order < lowest)
			lowest = v[i].order;

	for (i = 0; i < *c; i++)
		if (v[i].order == lowest)
			sum += v[i].weight + 1u;

	/* one more than the weight, so that weight 0 has a small chance */
	at = rand_u32() % sum;

	for (i = 0; i < *c; i++) {

		if (v[i].order != lowest)
			continue;

		last = i;
		if (at < v[i].weight + 1u)
			break;
		at -= v[i].weight + 1u;
	}

	chosen = v[last];
	v[last] = v[--*c];

	return chosen;
}


/** SRV and then addresses. @return false if there is no such record */
static bool add_srv(struct resolve *rp, const char *name, enum sip_transp tp)
{
	const struct entry *entry = answer(rp, name, DNS_TYPE_SRV);
	struct record v[RESOLVE_MAX];
	size_t c;

	if (!entry || entry->err || !entry->recc)
		return false;

	memcpy(v, entry->recv, sizeof(v));
	c = entry->recc;

	while (c) {
		const struct record rec = choose(v, &c);

		if (rec.name)
			add_host(rp, rec.name, rec.port, tp);
	}

	return true;
}


static bool add_service(struct resolve *rp, enum sip_transp tp)
{
	const char *prefix = "_sip._udp.";
	char name[NAME_MAX_ + 16];

	if (tp == SIP_TRANSP_TCP)
		prefix = "_sip._tcp.";
	else if (tp == SIP_TRANSP_TLS)
		prefix = "_sips._tcp.";

	(void)re_snprintf(name, sizeof(name), "%s%s", prefix, rp->host);

	return add_srv(rp, name, tp);
}


/** By NAPTR, in its order (RFC 3263 section 4.1) */
static bool add_naptr(struct resolve *rp)
{
	const struct entry *entry = answer(rp, rp->host, DNS_TYPE_NAPTR);
	struct record v[RESOLVE_MAX];
	bool found = false;
	size_t c;

	if (!entry || entry->err)
		return false;

	memcpy(v, entry->recv, sizeof(v));
	c = entry->recc;

	while (c) {
		size_t first = 0;

		for (size_t i = 1; i < c; i++)
			if (v[i].order < v[first].order ||
			    (v[i].order == v[first].order &&
			     v[i].weight < v[first].weight))
				first = i;

		if (v[first].name)
			found |= add_srv(rp, v[first].name, v[first].tp);
		v[first] = v[--c];
	}

	return found;
}


static void add_any_transport(struct resolve *rp)
{
	static const enum sip_transp tpv[] = {
		SIP_TRANSP_UDP, SIP_TRANSP_TCP, SIP_TRANSP_TLS
	};
	bool found = false;

	if (add_naptr(rp) || rp->pending)
		return;

	for (size_t i = 0; i < sizeof(tpv) / sizeof(tpv[0]); i++)
		found |= add_service(rp, tpv[i]);

	if (!found && !rp->pending)
		add_host(rp, rp->host, 0, SIP_TRANSP_UDP);
}


/** Work it out from what is known; rp->pending tells what is missing */
static void work_out(struct resolve *rp)
{
	const enum sip_transp tp = rp->tp == SIP_TRANSP_NONE ?
		SIP_TRANSP_UDP : rp->tp;
	struct sa addr;

	rp->c       = 0;
	rp->pending = NULL;
	rp->silent  = false;

	if (!sa_set_str(&addr, rp->host, 0) || rp->port) {
		add_host(rp, rp->host, rp->port, tp);
		return;
	}

	if (add_fixed(rp, rp->host, 0, tp))
		return;

	if (rp->tp == SIP_TRANSP_NONE)
		add_any_transport(rp);
	else if (!add_service(rp, tp) && !rp->pending)
		add_host(rp, rp->host, 0, tp);
}


/** The oldest entries that nobody waits for go, down to CACHE_MAX. Not while
    a query is worked out: it borrows their records */
static void forget_oldest(struct resolver *res)
{
	struct le *le = list_head(&res->entryl);

	while (le && res->entryc > CACHE_MAX) {

		struct entry *entry = le->data;

		le = le->next;
		if (!wheel_is_running(&entry->tmr) &&
		    list_isempty(&entry->waiterl))
			mem_deref(entry);
	}
}


static void work_handler(void *arg)
{
	struct resolve *rp = arg;
	struct resolved *v;
	int err = 0;

	forget_oldest(rp->res);
	work_out(rp);

	if (rp->pending) {
		list_append(&rp->pending->waiterl, &rp->le, rp);
		return;
	}

	if (!rp->c)
		err = rp->silent ? ETIMEDOUT : ENOENT;

	/* last, and on a copy of its own: the owner may deref the query */
	v = mem_ref(rp->v);
	rp->h(err, v, err ? 0 : rp->c, rp->arg);
	mem_deref(v);
}


static void resolve_destructor(void *data)
{
	struct resolve *rp = data;

	wheel_cancel(&rp->tmr);
	list_unlink(&rp->le);
	mem_deref(rp->v);
	mem_deref(rp->host);
	mem_deref(rp->res);
}


/** An address without brackets, or a name */
static int copy_host(char **dst, const char *host)
{
	struct pl pl;
	struct sa addr;

	pl_set_str(&pl, host);
	if (pl.l > 2 && pl.p[0] == '[' && pl.p[pl.l - 1] == ']') {
		++pl.p;
		pl.l -= 2;
	}

	if (!sa_set(&addr, &pl, 0))
		return pl_strdup(dst, &pl);

	return copy_name(dst, host);
}


int resolve(struct resolve **rpp, struct resolver *res, const char *host,
	    uint16_t port, enum sip_transp tp, resolve_h *h, void *arg)
{
	struct resolve *rp;
	int err;

	if (!rpp || !res || !str_isset(host) || !h)
		return EINVAL;

	rp = mem_zalloc(sizeof(*rp), resolve_destructor);
	if (!rp)
		return ENOMEM;

	rp->res      = mem_ref(res);
	rp->port     = port;
	rp->tp       = tp;
	rp->h        = h;
	rp->arg      = arg;
	rp->began_ms = wheel_now(res->wheel);

	err = copy_host(&rp->host, host);
	if (err)
		goto out;

	rp->v = mem_zalloc(RESOLVE_MAX * sizeof(*rp->v), NULL);
	if (!rp->v) {
		err = ENOMEM;
		goto out;
	}

	wheel_start(res->wheel, &rp->tmr, 0, work_handler, rp);

 out:
	if (err)
		mem_deref(rp);
	else
		*rpp = rp;

	return err;
}
