/**
 * @file test_resolve.c  From names to targets, against a DNS server of ours
 */
#include <fcntl.h>
#include <unistd.h>
#include <sys/socket.h>
#include "loop.h"
#include "bridge/sip/resolve.h"


enum { RECORDS = 32 };


struct zone_record {
	const char *name;
	uint16_t type;
	const char *text;          /* address, or target of SRV and CNAME */
	uint16_t pri, weight, port;
	const char *service;       /* NAPTR                               */
	uint32_t ttl;              /* [s] */
};


struct world {
	struct loop loop;
	struct resolver *res;
	struct zone_record zone[RECORDS];
	size_t zonec;
	struct udp_sock *us;
	bool silent;               /* answers nothing                     */
	uint8_t rcode;             /* 0: what the zone says               */
	bool truncate;             /* over UDP                            */
	unsigned queries;
	int tcp;                   /* listening socket                    */
	int conn;                  /* from it, -1: none                   */
};

static struct world world;


static void fill_rr(struct dnsrr *rr, const struct zone_record *rec)
{
	struct sa sa;

	(void)str_dup(&rr->name, rec->name);
	rr->type     = rec->type;
	rr->dnsclass = DNS_CLASS_IN;
	rr->ttl      = rec->ttl;

	switch (rec->type) {

	case DNS_TYPE_A:
		assert_int_equal(0, sa_set_str(&sa, rec->text, 0));
		rr->rdata.a.addr = sa_in(&sa);
		break;

	case DNS_TYPE_AAAA:
		assert_int_equal(0, sa_set_str(&sa, rec->text, 0));
		sa_in6(&sa, rr->rdata.aaaa.addr);
		break;

	case DNS_TYPE_CNAME:
		(void)str_dup(&rr->rdata.cname.cname, rec->text);
		break;

	case DNS_TYPE_SRV:
		rr->rdata.srv.pri    = rec->pri;
		rr->rdata.srv.weight = rec->weight;
		rr->rdata.srv.port   = rec->port;
		(void)str_dup(&rr->rdata.srv.target, rec->text);
		break;

	case DNS_TYPE_NAPTR:
		rr->rdata.naptr.order = rec->pri;
		rr->rdata.naptr.pref  = rec->weight;
		(void)str_dup(&rr->rdata.naptr.flags, "s");
		(void)str_dup(&rr->rdata.naptr.services, rec->service);
		(void)str_dup(&rr->rdata.naptr.regexp, "");
		(void)str_dup(&rr->rdata.naptr.replace, rec->text);
		break;
	}
}


/** Records of a name and type, and the CNAMEs on the way to them */
static uint16_t write_records(struct mbuf *mb, const char *name,
			      uint16_t type)
{
	uint16_t n = 0;

	for (size_t i = 0; i < world.zonec; i++) {

		const struct zone_record *rec = &world.zone[i];
		struct dnsrr *rr;

		if (str_casecmp(rec->name, name) ||
		    (rec->type != type && rec->type != DNS_TYPE_CNAME))
			continue;

		rr = dns_rr_alloc();
		assert_non_null(rr);
		fill_rr(rr, rec);
		assert_int_equal(0, dns_rr_encode(mb, rr, 0, NULL, 0));
		mem_deref(rr);
		++n;

		if (rec->type == DNS_TYPE_CNAME && rec->ttl != 1)
			n += write_records(mb, rec->text, type);
	}

	return n;
}


/** Answer the query in mb with what the zone has */
static struct mbuf *answer_query(struct mbuf *mb, bool tcp)
{
	struct dnshdr hdr;
	struct mbuf *out = mbuf_alloc(512);
	const size_t query = mb->pos + DNS_HEADER_SIZE;
	char *name = NULL;
	uint16_t type;
	size_t end;

	assert_non_null(out);
	assert_int_equal(0, dns_hdr_decode(mb, &hdr));
	assert_int_equal(0, dns_dname_decode(mb, &name, query -
					     DNS_HEADER_SIZE));
	type = ntohs(mbuf_read_u16(mb));
	(void)mbuf_read_u16(mb);
	end = mb->pos;

	out->pos = out->end = DNS_HEADER_SIZE;
	(void)mbuf_write_mem(out, mb->buf + query, end - query);

	hdr.qr    = true;
	hdr.ra    = true;
	hdr.nans  = 0;
	hdr.nauth = 0;
	hdr.nadd  = 0;
	hdr.rcode = world.rcode;
	hdr.tc    = world.truncate && !tcp;
	if (!world.rcode && !hdr.tc)
		hdr.nans = write_records(out, name, type);

	mbuf_set_pos(out, 0);
	assert_int_equal(0, dns_hdr_encode(out, &hdr));
	mbuf_set_pos(out, 0);
	mem_deref(name);

	return out;
}


static void query_handler(const struct sa *src, struct mbuf *mb, void *arg)
{
	struct mbuf *out;

	(void)arg;
	++world.queries;
	if (world.silent)
		return;

	out = answer_query(mb, false);
	(void)udp_send(world.us, src, out);
	mem_deref(out);
}


/** Over TCP, on one connection, as it comes. For a condition: looks at
    it between the events of the loop */
static bool serve_tcp(void *arg)
{
	const bool *done = arg;
	struct mbuf *mb, *out;
	uint8_t size[2];
	ssize_t n;

	if (world.conn < 0)
		world.conn = accept(world.tcp, NULL, NULL);
	if (world.conn < 0)
		return *done;

	mb = mbuf_alloc(512);
	assert_non_null(mb);
	n = recv(world.conn, mb->buf, mb->size, MSG_DONTWAIT | MSG_PEEK);
	if (n > 2 && n >= 2 + (mb->buf[0] << 8 | mb->buf[1])) {

		mb->pos = 2;
		mb->end = 2u + (size_t)(mb->buf[0] << 8 | mb->buf[1]);
		(void)recv(world.conn, mb->buf, mb->end, 0);
		out = answer_query(mb, true);
		size[0] = (uint8_t)(out->end >> 8);
		size[1] = (uint8_t)out->end;
		(void)send(world.conn, size, 2, MSG_NOSIGNAL);
		(void)send(world.conn, out->buf, out->end, MSG_NOSIGNAL);
		mem_deref(out);
	}
	mem_deref(mb);

	return *done;
}


static void zone_add(struct zone_record rec)
{
	assert_true(world.zonec < RECORDS);
	world.zone[world.zonec++] = rec;
}


static void zone_text(const char *name, uint16_t type, const char *text,
		      uint32_t ttl)
{
	zone_add((struct zone_record){.name = name, .type = type,
				      .text = text, .ttl = ttl});
}


static void zone_srv(const char *name, const char *target, uint16_t pri,
		     uint16_t weight, uint16_t port)
{
	zone_add((struct zone_record){.name = name, .type = DNS_TYPE_SRV,
				      .text = target, .pri = pri,
				      .weight = weight, .port = port,
				      .ttl = 60});
}


static void zone_naptr(const char *name, const char *replace,
		       uint16_t order, const char *service)
{
	zone_add((struct zone_record){.name = name, .type = DNS_TYPE_NAPTR,
				      .text = replace, .pri = order,
				      .service = service, .ttl = 60});
}


static int open_world(void **state)
{
	struct sa laddr, tcp;

	(void)state;

	memset(&world, 0, sizeof(world));
	world.conn = -1;
	loop_open(&world.loop);
	assert_int_equal(0, sa_set_str(&laddr, "127.0.72.53", 0));
	assert_int_equal(0, udp_listen(&world.us, &laddr, query_handler,
				       NULL));
	assert_int_equal(0, udp_local_get(world.us, &laddr));
	assert_int_equal(0, resolver_alloc(&world.res, world.loop.wheel,
					   &laddr, 1));

	tcp = laddr;
	world.tcp = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(0, bind(world.tcp, &tcp.u.sa, tcp.len));
	assert_int_equal(0, listen(world.tcp, 4));
	assert_int_equal(0, fcntl(world.tcp, F_SETFL, O_NONBLOCK));

	return 0;
}


static int close_world(void **state)
{
	(void)state;

	mem_deref(world.res);
	mem_deref(world.us);
	(void)close(world.tcp);
	if (world.conn >= 0)
		(void)close(world.conn);
	loop_end(&world.loop);

	return 0;
}


struct outcome {
	bool done;
	int err;
	struct resolved v[RESOLVE_MAX];
	size_t c;
};


static void resolve_handler(int err, const struct resolved *v, size_t c,
			    void *arg)
{
	struct outcome *outcome = arg;

	assert_false(outcome->done);
	outcome->done = true;
	outcome->err  = err;
	outcome->c    = c;
	memcpy(outcome->v, v, c * sizeof(*v));
}


static void ask(struct outcome *outcome, const char *host, uint16_t port,
		enum sip_transp tp)
{
	struct resolve *rp;

	memset(outcome, 0, sizeof(*outcome));
	assert_int_equal(0, resolve(&rp, world.res, host, port, tp,
				    resolve_handler, outcome));
	assert_false(outcome->done);
	loop_until(&world.loop, serve_tcp, &outcome->done);
	mem_deref(rp);
}


static void expect(const struct outcome *outcome, size_t i,
		   const char *addr, uint16_t port, enum sip_transp tp)
{
	char text[64];

	assert_int_equal(0, outcome->err);
	assert_true(i < outcome->c);
	(void)re_snprintf(text, sizeof(text), "%j", &outcome->v[i].addr);
	assert_string_equal(addr, text);
	assert_int_equal(port, sa_port(&outcome->v[i].addr));
	assert_int_equal(tp, outcome->v[i].tp);
}


static void addresses_need_no_dns(void **state)
{
	struct outcome o;

	(void)state;

	ask(&o, "192.0.2.1", 0, SIP_TRANSP_NONE);
	expect(&o, 0, "192.0.2.1", 5060, SIP_TRANSP_UDP);
	ask(&o, "192.0.2.1", 0, SIP_TRANSP_TLS);
	expect(&o, 0, "192.0.2.1", 5061, SIP_TRANSP_TLS);
	ask(&o, "[2001:db8::1]", 5080, SIP_TRANSP_TCP);
	expect(&o, 0, "2001:db8::1", 5080, SIP_TRANSP_TCP);
	ask(&o, "2001:db8::1", 0, SIP_TRANSP_UDP);
	expect(&o, 0, "2001:db8::1", 5060, SIP_TRANSP_UDP);
	assert_int_equal(0, world.queries);
}


static void bad_names_are_refused_at_once(void **state)
{
	static const char *const hostv[] = {
		"", "a b", "a/b", "a\r\nb", "sip:a", "[::1",
	};
	struct resolve *rp;
	struct outcome o;

	(void)state;

	for (size_t i = 0; i < sizeof(hostv) / sizeof(hostv[0]); i++)
		assert_int_equal(EINVAL, resolve(&rp, world.res, hostv[i], 0,
						 SIP_TRANSP_UDP,
						 resolve_handler, &o));
}


static void port_means_addresses_only(void **state)
{
	struct outcome o;

	(void)state;

	zone_text("pbx.example", DNS_TYPE_A, "192.0.2.1", 60);
	zone_text("pbx.example", DNS_TYPE_AAAA, "2001:db8::1", 60);
	zone_srv("_sip._udp.pbx.example", "other.example", 0, 0, 9);

	ask(&o, "PBX.example.", 5070, SIP_TRANSP_NONE);
	assert_int_equal(2, o.c);
	expect(&o, 0, "192.0.2.1", 5070, SIP_TRANSP_UDP);
	expect(&o, 1, "2001:db8::1", 5070, SIP_TRANSP_UDP);
	assert_string_equal("pbx.example", o.v[0].host);
}


static void services_come_by_priority(void **state)
{
	struct outcome o;

	(void)state;

	zone_srv("_sips._tcp.pbx.example", "b.example", 20, 0, 5081);
	zone_srv("_sips._tcp.pbx.example", "a.example", 10, 0, 5071);
	zone_text("a.example", DNS_TYPE_A, "192.0.2.1", 60);
	zone_text("b.example", DNS_TYPE_A, "192.0.2.2", 60);

	ask(&o, "pbx.example", 0, SIP_TRANSP_TLS);
	assert_int_equal(2, o.c);
	expect(&o, 0, "192.0.2.1", 5071, SIP_TRANSP_TLS);
	expect(&o, 1, "192.0.2.2", 5081, SIP_TRANSP_TLS);

	/* for TLS the name that was asked for counts (RFC 5922) */
	assert_string_equal("pbx.example", o.v[0].host);
}


static void weights_are_kept(void **state)
{
	unsigned heavy = 0;

	(void)state;

	zone_srv("_sip._tcp.pbx.example", "a.example", 1, 90, 5060);
	zone_srv("_sip._tcp.pbx.example", "b.example", 1, 10, 5060);
	zone_text("a.example", DNS_TYPE_A, "192.0.2.1", 60);
	zone_text("b.example", DNS_TYPE_A, "192.0.2.2", 60);

	for (unsigned i = 0; i < 400; i++) {

		struct outcome o;

		ask(&o, "pbx.example", 0, SIP_TRANSP_TCP);
		assert_int_equal(2, o.c);
		if (sa_in(&o.v[0].addr) == 0xc0000201)
			++heavy;
	}

	/* 91 of 102 parts; ten standard deviations either way */
	assert_in_range(heavy, 290, 399);
}


static void naptr_chooses_the_transport(void **state)
{
	struct outcome o;

	(void)state;

	zone_naptr("pbx.example", "_sip._udp.pbx.example", 20, "SIP+D2U");
	zone_naptr("pbx.example", "_sips._tcp.pbx.example", 10, "SIPS+D2T");
	zone_naptr("pbx.example", "_sip._sctp.pbx.example", 5, "SIP+D2S");
	zone_srv("_sip._udp.pbx.example", "a.example", 1, 1, 5060);
	zone_srv("_sips._tcp.pbx.example", "a.example", 1, 1, 5061);
	zone_text("a.example", DNS_TYPE_A, "192.0.2.1", 60);

	ask(&o, "pbx.example", 0, SIP_TRANSP_NONE);
	assert_int_equal(2, o.c);
	expect(&o, 0, "192.0.2.1", 5061, SIP_TRANSP_TLS);
	expect(&o, 1, "192.0.2.1", 5060, SIP_TRANSP_UDP);
}


static void without_services_it_is_the_host_over_udp(void **state)
{
	struct outcome o;

	(void)state;

	zone_text("pbx.example", DNS_TYPE_A, "192.0.2.1", 60);
	ask(&o, "pbx.example", 0, SIP_TRANSP_NONE);
	assert_int_equal(1, o.c);
	expect(&o, 0, "192.0.2.1", 5060, SIP_TRANSP_UDP);
	ask(&o, "pbx.example", 0, SIP_TRANSP_TLS);
	expect(&o, 0, "192.0.2.1", 5061, SIP_TRANSP_TLS);
}


static void aliases_are_followed(void **state)
{
	struct outcome o;

	(void)state;

	zone_text("sip.example", DNS_TYPE_CNAME, "a.example", 60);
	zone_text("a.example", DNS_TYPE_CNAME, "b.example", 60);
	zone_text("b.example", DNS_TYPE_A, "192.0.2.1", 60);

	/* a server that gives the alias alone (marked by the TTL) */
	zone_text("lone.example", DNS_TYPE_CNAME, "b.example", 1);

	/* a circle */
	zone_text("x.example", DNS_TYPE_CNAME, "y.example", 1);
	zone_text("y.example", DNS_TYPE_CNAME, "x.example", 1);

	ask(&o, "sip.example", 5061, SIP_TRANSP_TLS);
	expect(&o, 0, "192.0.2.1", 5061, SIP_TRANSP_TLS);
	ask(&o, "lone.example", 5061, SIP_TRANSP_TLS);
	expect(&o, 0, "192.0.2.1", 5061, SIP_TRANSP_TLS);
	ask(&o, "x.example", 5061, SIP_TRANSP_TLS);
	assert_int_equal(ENOENT, o.err);
}


static void answers_are_asked_once_and_for_their_time(void **state)
{
	struct outcome o;

	(void)state;

	zone_text("pbx.example", DNS_TYPE_A, "192.0.2.1", 30);

	ask(&o, "pbx.example", 5060, SIP_TRANSP_UDP);
	assert_int_equal(2, world.queries);
	ask(&o, "pbx.example", 5060, SIP_TRANSP_UDP);
	assert_int_equal(2, world.queries);

	/* the absent AAAA after 10 s, the address after 30 */
	wheel_advance(world.loop.wheel, wheel_now(world.loop.wheel) + 11000);
	ask(&o, "pbx.example", 5060, SIP_TRANSP_UDP);
	assert_int_equal(3, world.queries);
	wheel_advance(world.loop.wheel, wheel_now(world.loop.wheel) + 20000);
	world.zone[0].text = "192.0.2.9";
	ask(&o, "pbx.example", 5060, SIP_TRANSP_UDP);
	expect(&o, 0, "192.0.2.9", 5060, SIP_TRANSP_UDP);
	assert_int_equal(5, world.queries);
}


static void many_asking_at_once_are_one_query(void **state)
{
	enum { MANY = 500 };
	static struct outcome ov[MANY];
	struct resolve *rv[MANY];

	(void)state;

	zone_text("pbx.example", DNS_TYPE_A, "192.0.2.1", 60);
	memset(ov, 0, sizeof(ov));
	for (unsigned i = 0; i < MANY; i++)
		assert_int_equal(0, resolve(&rv[i], world.res, "pbx.example",
					    5060, SIP_TRANSP_UDP,
					    resolve_handler, &ov[i]));

	/* some give up meanwhile */
	rv[7] = mem_deref(rv[7]);
	loop_until(&world.loop, serve_tcp, &ov[MANY - 1].done);

	for (unsigned i = 0; i < MANY; i++) {
		assert_true(ov[i].done == (i != 7));
		mem_deref(rv[i]);
	}
	assert_int_equal(2, world.queries);
}


static void absent_and_silent_are_told_apart(void **state)
{
	struct outcome o;
	uint64_t began;

	(void)state;

	ask(&o, "none.example", 5060, SIP_TRANSP_UDP);
	assert_int_equal(ENOENT, o.err);

	world.silent = true;
	loop_speed(&world.loop, 20);
	began = wheel_now(world.loop.wheel);
	ask(&o, "mute.example", 5060, SIP_TRANSP_UDP);
	assert_int_equal(ETIMEDOUT, o.err);
	assert_in_range(wheel_now(world.loop.wheel) - began, 3900, 9000);
}


static void last_good_answer_serves_while_dns_fails(void **state)
{
	struct outcome o;

	(void)state;

	zone_text("pbx.example", DNS_TYPE_A, "192.0.2.1", 60);
	ask(&o, "pbx.example", 5060, SIP_TRANSP_UDP);

	world.rcode = DNS_RCODE_SRV_FAIL;
	wheel_advance(world.loop.wheel, wheel_now(world.loop.wheel) + 90000);
	ask(&o, "pbx.example", 5060, SIP_TRANSP_UDP);
	expect(&o, 0, "192.0.2.1", 5060, SIP_TRANSP_UDP);

	/* but a name that is gone is gone */
	world.rcode = DNS_RCODE_NAME_ERR;
	wheel_advance(world.loop.wheel, wheel_now(world.loop.wheel) + 90000);
	ask(&o, "pbx.example", 5060, SIP_TRANSP_UDP);
	assert_int_equal(ENOENT, o.err);
}


static void what_does_not_fit_is_asked_over_tcp(void **state)
{
	struct outcome o;

	(void)state;

	world.truncate = true;
	zone_text("pbx.example", DNS_TYPE_A, "192.0.2.1", 60);
	ask(&o, "pbx.example", 5060, SIP_TRANSP_UDP);
	expect(&o, 0, "192.0.2.1", 5060, SIP_TRANSP_UDP);
}


static void hosts_table_comes_first(void **state)
{
	struct outcome o;
	struct sa addr;

	(void)state;

	assert_int_equal(0, sa_set_str(&addr, "127.0.72.61", 0));
	assert_int_equal(0, resolver_host_add(world.res, "SIP.example",
					      &addr));
	assert_int_equal(0, sa_set_str(&addr, "127.0.72.62", 5061));
	assert_int_equal(0, resolver_host_add(world.res, "sip2.example",
					      &addr));

	ask(&o, "sip.example", 0, SIP_TRANSP_TLS);
	assert_int_equal(1, o.c);
	expect(&o, 0, "127.0.72.61", 5061, SIP_TRANSP_TLS);
	ask(&o, "sip.example", 5065, SIP_TRANSP_TLS);
	expect(&o, 0, "127.0.72.61", 5065, SIP_TRANSP_TLS);
	ask(&o, "sip2.example", 5061, SIP_TRANSP_TLS);
	expect(&o, 0, "127.0.72.62", 5061, SIP_TRANSP_TLS);
	assert_int_equal(0, world.queries);

	ask(&o, "sip2.example", 5062, SIP_TRANSP_TLS);
	assert_int_equal(ENOENT, o.err);
}


static void giving_up_calls_nobody(void **state)
{
	struct resolve *rp;
	struct outcome o, other;

	(void)state;

	memset(&o, 0, sizeof(o));
	zone_text("pbx.example", DNS_TYPE_A, "192.0.2.1", 60);
	assert_int_equal(0, resolve(&rp, world.res, "pbx.example", 5060,
				    SIP_TRANSP_UDP, resolve_handler, &o));
	mem_deref(rp);
	ask(&other, "pbx.example", 5060, SIP_TRANSP_UDP);
	assert_false(o.done);
}


static int setup(void **state)
{
	(void)state;

	return libre_init();
}


static int teardown(void **state)
{
	(void)state;
	libre_close();

	return 0;
}


#define resolver_test(f) \
	cmocka_unit_test_setup_teardown(f, open_world, close_world)

int main(void)
{
	const struct CMUnitTest tests[] = {
		resolver_test(addresses_need_no_dns),
		resolver_test(bad_names_are_refused_at_once),
		resolver_test(port_means_addresses_only),
		resolver_test(services_come_by_priority),
		resolver_test(weights_are_kept),
		resolver_test(naptr_chooses_the_transport),
		resolver_test(without_services_it_is_the_host_over_udp),
		resolver_test(aliases_are_followed),
		resolver_test(answers_are_asked_once_and_for_their_time),
		resolver_test(many_asking_at_once_are_one_query),
		resolver_test(absent_and_silent_are_told_apart),
		resolver_test(last_good_answer_serves_while_dns_fails),
		resolver_test(what_does_not_fit_is_asked_over_tcp),
		resolver_test(hosts_table_comes_first),
		resolver_test(giving_up_calls_nobody),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
