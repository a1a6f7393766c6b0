/**
 * @file check_dns.c  Does the name lead to the PBX? (RFC 3263)
 *
 * Asked with the system's own resolver functions, so that what is shown is
 * what DNS has, record by record.
 */
#include <arpa/nameser.h>
#include <netdb.h>
#include <netinet/in.h>
#include <resolv.h>
#include <stdlib.h>

#include "bridge/model/nodeconf.h"
#include "bridge/model/pbx.h"
#include "checks.h"


enum { ANSWER = 8192, RECORDS = 8, NAME = 256 };

/** A service record */
struct srv {
	unsigned priority, weight, port;
	char host[NAME];
};

struct lookup {
	struct __res_state res;
	const struct list *hosts;
	char text[400];            /* what was found, for people */
};


/** Each fact once: several records may lead to the same name */
static void add(struct lookup *lookup, const char *fmt, ...)
{
	const size_t l = strlen(lookup->text);
	char text[NAME + 64];
	va_list ap;

	va_start(ap, fmt);
	(void)re_vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);

	if (!strstr(lookup->text, text))
		(void)re_snprintf(lookup->text + l, sizeof(lookup->text) - l,
				  "%s%s", l ? "; " : "", text);
}


/** Ask one question. @return records, 0 none, -1 no answer */
static int query(struct lookup *lookup, ns_msg *msg, const char *name,
		 ns_type type, unsigned char *buf)
{
	const int n = res_nquery(&lookup->res, name, ns_c_in, (int)type, buf,
				 ANSWER);

	if (n < 0)
		return lookup->res.res_h_errno == TRY_AGAIN ? -1 : 0;

	return ns_initparse(buf, n, msg) ? 0 : ns_msg_count(*msg, ns_s_an);
}


static bool host_find(struct sa *sa, const struct list *hosts,
		      const char *name)
{
	for (struct le *le = list_head(hosts); le; le = le->next) {
		const struct nodeconf_host *host = le->data;

		if (!str_casecmp(host->name, name))
			return !nodeconf_address(sa, host->address, 0);
	}

	return false;
}


/** First address of a name; all of them go into the text */
static bool address_find(struct lookup *lookup, struct sa *sa,
			 const char *name)
{
	static const ns_type typev[] = { ns_t_a, ns_t_aaaa };
	unsigned char buf[ANSWER];
	bool found = false;

	if (host_find(sa, lookup->hosts, name)) {
		add(lookup, "%s is %j (dns.hosts)", name, sa);
		return true;
	}

	for (size_t t = 0; t < RE_ARRAY_SIZE(typev); t++) {
		ns_msg msg;
		const int c = query(lookup, &msg, name, typev[t], buf);

		for (int i = 0; i < c && i < RECORDS; i++) {
			struct sa addr;
			ns_rr rr;

			if (ns_parserr(&msg, ns_s_an, i, &rr) ||
			    (ns_type)ns_rr_type(rr) != typev[t])
				continue;

			if (typev[t] == ns_t_a)
				sa_set_in(&addr, ns_get32(ns_rr_rdata(rr)),
					  0);
			else
				sa_set_in6(&addr, ns_rr_rdata(rr), 0);

			add(lookup, "%s has %j", name, &addr);
			if (!found)
				*sa = addr;
			found = true;
		}
	}

	return found;
}


static int srv_compare(const void *a, const void *b)
{
	const struct srv *x = a, *y = b;

	if (x->priority != y->priority)
		return x->priority < y->priority ? -1 : 1;

	return x->weight == y->weight ? 0 : x->weight > y->weight ? -1 : 1;
}


static size_t srv_find(struct lookup *lookup, struct srv *v,
		       const char *service, const char *domain)
{
	unsigned char buf[ANSWER];
	char name[NAME];
	ns_msg msg;
	size_t c = 0;
	int n;

	(void)re_snprintf(name, sizeof(name), "%s.%s", service, domain);
	n = query(lookup, &msg, name, ns_t_srv, buf);

	for (int i = 0; i < n && c < RECORDS; i++) {
		const unsigned char *data;
		ns_rr rr;

		if (ns_parserr(&msg, ns_s_an, i, &rr) ||
		    (ns_type)ns_rr_type(rr) != ns_t_srv || ns_rr_rdlen(rr) < 7)
			continue;

		data = ns_rr_rdata(rr);
		v[c].priority = ns_get16(data);
		v[c].weight   = ns_get16(data + 2);
		v[c].port     = ns_get16(data + 4);
		if (ns_name_uncompress(ns_msg_base(msg), ns_msg_end(msg),
				       data + 6, v[c].host,
				       sizeof(v[c].host)) >= 0)
			++c;
	}

	if (c)
		qsort(v, c, sizeof(*v), srv_compare);
	for (size_t i = 0; i < c; i++)
		add(lookup, "%s %u %s:%u", service, v[i].priority,
		    v[i].host, v[i].port);

	return c;
}


static void naptr_note(struct lookup *lookup, const char *domain)
{
	unsigned char buf[ANSWER];
	ns_msg msg;
	const int c = query(lookup, &msg, domain, ns_t_naptr, buf);

	if (c > 0)
		add(lookup, "%d NAPTR", c);
}


static void set_way(struct way *way, const struct sa *sa, uint16_t port,
		    const char *host)
{
	way->addr = *sa;
	if (!sa_port(sa))                  /* dns.hosts may name one */
		sa_set_port(&way->addr, port);
	str_ncpy(way->host, host, sizeof(way->host));
	way->known = true;
}


/** By service records where there are some, else the usual port */
static void ways_find(struct run *run, struct lookup *lookup,
		      const char *host, bool literal)
{
	static const char *const servicev[] = {
		[SIP_TRANSP_UDP] = "_sip._udp",
		[SIP_TRANSP_TCP] = "_sip._tcp",
		[SIP_TRANSP_TLS] = "_sips._tcp",
	};
	struct srv srvv[RECORDS];
	struct sa sa;

	for (int tp = SIP_TRANSP_UDP; tp <= SIP_TRANSP_TLS; tp++) {
		const size_t c = literal ? 0 :
			srv_find(lookup, srvv, servicev[tp], host);

		for (size_t i = 0; i < c && !run->wayv[tp].known; i++)
			if (address_find(lookup, &sa, srvv[i].host))
				/* a certificate has to bear the name that
				   was asked for (RFC 5922) */
				set_way(&run->wayv[tp], &sa,
					(uint16_t)srvv[i].port, host);
	}
}


/** One address, an explicit port for the transport that is set */
static void ways_at(struct run *run, const struct sa *sa, const char *host,
		    uint16_t port)
{
	for (int tp = SIP_TRANSP_UDP; tp <= SIP_TRANSP_TLS; tp++) {
		const uint16_t usual = tp == SIP_TRANSP_TLS ? 5061 : 5060;
		const bool same = tp == (int)run->tp ||
			(tp != SIP_TRANSP_TLS &&
			 run->tp != SIP_TRANSP_TLS);

		if (!run->wayv[tp].known)
			set_way(&run->wayv[tp], sa,
				port && same ? port : usual, host);
	}
}


static int lookup_init(struct lookup *lookup, const struct run *run)
{
	const struct readiness_conf *conf = run->conf;

	memset(lookup, 0, sizeof(*lookup));
	lookup->hosts = conf->hosts;
	if (res_ninit(&lookup->res))
		return EIO;

	lookup->res.retrans = 2;
	lookup->res.retry   = 2;

	for (size_t i = 0; i < conf->dnsc && i < MAXNS; i++) {
		if (sa_af(&conf->dnsv[i]) != AF_INET)
			continue;

		lookup->res.nsaddr_list[i] = conf->dnsv[i].u.in;
		lookup->res.nscount = (int)i + 1;
	}

	return 0;
}


static void judge(struct run *run, const struct lookup *lookup,
		  const char *host)
{
	const struct way *way = &run->wayv[run->tp];

	if (!way->known) {
		tell(run, "dns", "Name of the PBX", VERDICT_FAIL,
		     "Check the name for a slip of the pen. It must be known"
		     " in the public DNS: ask whoever keeps it for an A"
		     " record with the PBX's public address.",
		     "pbx.sip_domain", "%s has no address: %s", host,
		     *lookup->text ? lookup->text : "nothing was found");
		return;
	}

	if (is_private(&way->addr) && !is_private(&run->conf->laddr)) {
		tell(run, "dns", "Name of the PBX", VERDICT_WARN,
		     "That is an address of a private network. The service"
		     " needs the PBX's public one, as phones at home do.",
		     "pbx.sip_proxy", "%s", lookup->text);
		return;
	}

	tell(run, "dns", "Name of the PBX", VERDICT_PASS, NULL, NULL,
	     "%s%s%J", lookup->text,
	     *lookup->text ? "; to be reached at " : "", &way->addr);
}


void check_dns(struct run *run)
{
	struct lookup lookup;
	char host[NAME];
	uint16_t port;
	struct sa sa;
	bool literal;

	if (pbx_host(run->conf->pbx, host, sizeof(host), &port))
		return;

	literal = !sa_set_str(&sa, host, 0);

	if (lookup_init(&lookup, run)) {
		tell(run, "dns", "Name of the PBX", VERDICT_SKIP, NULL, NULL,
		     "this machine has no resolver");
		return;
	}

	if (!literal && !port) {
		naptr_note(&lookup, host);
		ways_find(run, &lookup, host, literal);
	}
	if (literal || address_find(&lookup, &sa, host))
		ways_at(run, &sa, host, port);

	res_nclose(&lookup.res);
	judge(run, &lookup, host);
}
