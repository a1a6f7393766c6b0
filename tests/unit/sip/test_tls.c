/**
 * @file test_tls.c  Who is let in over TLS, who is refused, and why
 */
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>
#include "loop.h"
#include "pki.h"
#include "bridge/base/errors.h"
#include "bridge/sip/tlsctx.h"


enum { PATHS = 64, PATH_SIZE = 128 };


/** A folder of certificates and the two CAs that made them */
struct world {
	char folder[64];
	struct pki_cert ca, other_ca;
	struct loop loop;
	struct side client, server;
};

static struct world world;


static const char *path_of(const char *name)
{
	static char pathv[PATHS][PATH_SIZE];
	static unsigned next;
	char *path = pathv[next++ % PATHS];

	(void)snprintf(path, PATH_SIZE, "%s/%s", world.folder, name);

	return path;
}


static void write_leaf(const char *file, const struct pki_spec *spec,
		       const struct pki_cert *issuer)
{
	struct pki_cert cert = pki_make(spec, issuer);

	pki_write(path_of(file), &cert, true, 0600);
	pki_free(&cert);
}


static int setup(void **state)
{
	const struct pki_spec ca    = {.cn = "Test CA", .ca = true};
	const struct pki_spec other = {.cn = "Other CA", .ca = true};
	const struct pki_spec server = {
		.cn = "pbx", .san = "DNS:pbx.example.com,"
		"DNS:*.pstnhub.example.com,IP:127.0.72.2"};
	const struct pki_spec client = {
		.cn = "sbc", .san = "DNS:sbc.example.com"};
	const struct pki_spec oneway = {
		.cn = "sip", .san = "DNS:sip.pstnhub.example.com",
		.usage = "serverAuth"};
	const struct pki_spec mail = {
		.cn = "m", .san = "DNS:sbc.example.com",
		.usage = "emailProtection"};
	const struct pki_spec expired = {
		.cn = "old", .san = "DNS:pbx.example.com",
		.from_day = -30, .to_day = -2};
	const struct pki_spec early = {
		.cn = "new", .san = "DNS:pbx.example.com",
		.from_day = 2, .to_day = 30};

	const struct pki_spec wide = {
		.cn = "wide", .san = "DNS:*.example"};

	(void)state;

	if (libre_init())
		return -1;

	(void)strcpy(world.folder, "/tmp/callbridge-tls-XXXXXX");
	if (!mkdtemp(world.folder))
		return -1;

	world.ca       = pki_make(&ca, NULL);
	world.other_ca = pki_make(&other, NULL);
	pki_write(path_of("ca.pem"), &world.ca, false, 0644);
	pki_write(path_of("other-ca.pem"), &world.other_ca, false, 0644);

	write_leaf("server.pem", &server, &world.ca);
	write_leaf("client.pem", &client, &world.ca);
	write_leaf("oneway.pem", &oneway, &world.ca);
	write_leaf("mail.pem", &mail, &world.ca);
	write_leaf("early.pem", &early, &world.ca);
	write_leaf("other.pem", &server, &world.other_ca);
	write_leaf("self.pem", &server, NULL);
	write_leaf("expired.pem", &expired, &world.ca);
	write_leaf("wide.pem", &wide, &world.ca);

	return 0;
}


static int teardown(void **state)
{
	static const char *const filev[] = {
		"ca.pem", "other-ca.pem", "server.pem", "client.pem",
		"oneway.pem", "mail.pem", "early.pem", "other.pem",
		"self.pem", "expired.pem", "live.pem", "wide.pem",
	};

	(void)state;

	for (size_t i = 0; i < sizeof(filev) / sizeof(filev[0]); i++)
		(void)unlink(path_of(filev[i]));
	(void)rmdir(world.folder);
	pki_free(&world.ca);
	pki_free(&world.other_ca);
	libre_close();

	return 0;
}


static struct tlsctx *make_ctx(const struct tlsctx_conf *conf)
{
	struct errors *errs;
	struct tlsctx *ctx = NULL;
	char text[512];

	assert_int_equal(0, errors_alloc(&errs));
	if (tlsctx_alloc(&ctx, conf, errs, NULL)) {
		(void)re_snprintf(text, sizeof(text), "%H", errors_print,
				  errs);
		fail_msg("%s", text);
	}
	mem_deref(errs);

	return ctx;
}


/** A certificate of ours and a CA to trust; names of files */
static struct tlsctx *ctx_of(const char *cert, const char *ca,
			     bool ask_client)
{
	const struct tlsctx_conf conf = {
		.certificate = cert ? path_of(cert) : NULL,
		.ca_file = path_of(ca), .ask_client = ask_client,
	};

	return make_ctx(&conf);
}


/** What becomes of one connection */
struct outcome {
	struct flow_watch watch;
	struct flow *flow;         /* ref */
	unsigned ups, errors;
	char why[256];
};


static void outcome_handler(struct flow *flow, int err, void *arg)
{
	struct outcome *outcome = arg;

	if (!err) {
		++outcome->ups;
		return;
	}

	++outcome->errors;
	str_ncpy(outcome->why, flow_why(flow), sizeof(outcome->why));
}


/** Both may be derefed right after */
static void sides_open(struct tlsctx *client, struct tlsctx *server)
{
	loop_open(&world.loop);
	side_open(&world.client, &world.loop, SIP_TRANSP_TLS, "127.0.72.1",
		  client);
	side_open(&world.server, &world.loop, SIP_TRANSP_TLS, "127.0.72.2",
		  server);
	mem_deref(client);
	mem_deref(server);
}


static void sides_close(void)
{
	side_close(&world.client);
	side_close(&world.server);
	loop_end(&world.loop);
}


static void outcome_open(struct outcome *outcome, const char *name)
{
	struct target target = side_target(&world.client, &world.server);
	struct mbuf *mb = message("OPTIONS", "", "");

	memset(outcome, 0, sizeof(*outcome));
	target.tls_name = name;
	assert_int_equal(0, flow_get(&outcome->flow, world.client.stack,
				     &target));
	flow_watch(&outcome->watch, outcome->flow, outcome_handler, outcome);
	assert_int_equal(0, flow_send(outcome->flow, mb, false));
	mem_deref(mb);
}


static void outcome_close(struct outcome *outcome)
{
	flow_unwatch(&outcome->watch);
	outcome->flow = mem_deref(outcome->flow);
}


static void expect_served(struct tlsctx *client, struct tlsctx *server,
			  const char *name)
{
	struct outcome outcome;

	sides_open(client, server);
	outcome_open(&outcome, name);
	loop_count(&world.loop, &world.server.requests, 1);
	assert_int_equal(1, outcome.ups);
	assert_int_equal(0, outcome.errors);
	outcome_close(&outcome);
	sides_close();
}


static void expect_refused(struct tlsctx *client, struct tlsctx *server,
			   const char *name, const char *why)
{
	struct outcome outcome;

	sides_open(client, server);
	outcome_open(&outcome, name);
	loop_count(&world.loop, &outcome.errors, 1);
	assert_int_equal(0, world.server.requests);
	if (!strstr(outcome.why, why))
		fail_msg("want \"%s\" in \"%s\"", why, outcome.why);
	outcome_close(&outcome);
	sides_close();
}


static void good_names_are_served(void **state)
{
	static const char *const namev[] = {
		"pbx.example.com", "PBX.example.com",
		"sip.pstnhub.example.com", "127.0.72.2", NULL,
	};

	(void)state;

	for (size_t i = 0; i < sizeof(namev) / sizeof(namev[0]); i++)
		expect_served(ctx_of(NULL, "ca.pem", false),
			      ctx_of("server.pem", "ca.pem", false),
			      namev[i]);
}


static void wrong_name_is_refused_with_the_names_found(void **state)
{
	static const char *const namev[] = {
		"other.example.com", "127.0.72.3", "example.com",
		"a.sip.pstnhub.example.com", "pstnhub.example.com", "pbx",
	};

	(void)state;

	for (size_t i = 0; i < sizeof(namev) / sizeof(namev[0]); i++) {

		char why[256];

		(void)snprintf(why, sizeof(why), "TLS: certificate is for "
			       "pbx.example.com, *.pstnhub.example.com, "
			       "not for %s", namev[i]);
		expect_refused(ctx_of(NULL, "ca.pem", false),
			       ctx_of("server.pem", "ca.pem", false),
			       namev[i], why);
	}
}


static void wildcard_of_a_whole_top_level_is_none(void **state)
{
	(void)state;

	expect_refused(ctx_of(NULL, "ca.pem", false),
		       ctx_of("wide.pem", "ca.pem", false), "pbx.example",
		       "TLS: certificate is for *.example, "
		       "not for pbx.example");
}


static void unknown_issuer_and_self_signed_are_named(void **state)
{
	(void)state;

	expect_refused(ctx_of(NULL, "ca.pem", false),
		       ctx_of("other.pem", "ca.pem", false),
		       "pbx.example.com",
		       "TLS: certificate of pbx.example.com, "
		       "*.pstnhub.example.com: issuer \"Other CA\" is not "
		       "trusted");
	expect_refused(ctx_of(NULL, "ca.pem", false),
		       ctx_of("self.pem", "ca.pem", false),
		       "pbx.example.com", "is self-signed");
}


static void customer_may_ask_for_less(void **state)
{
	struct tlsctx_conf conf = {
		.ca_file = path_of("ca.pem"), .verify = TLS_VERIFY_CHAIN,
	};

	(void)state;

	expect_served(make_ctx(&conf), ctx_of("server.pem", "ca.pem", false),
		      "other.example.com");

	conf.ca_file = path_of("ca.pem");
	expect_refused(make_ctx(&conf), ctx_of("self.pem", "ca.pem", false),
		       "pbx.example.com", "self-signed");

	conf.ca_file = path_of("ca.pem");
	conf.verify  = TLS_VERIFY_NONE;
	expect_served(make_ctx(&conf), ctx_of("self.pem", "ca.pem", false),
		      "other.example.com");
}


/** One that has ended cannot be loaded: it has to end while the server runs */
static void ended_certificate_is_named_with_its_date(void **state)
{
	struct pki_cert cert;
	const struct pki_spec spec = {
		.cn = "short", .san = "DNS:pbx.example.com"};
	struct tlsctx *server;
	struct outcome outcome;
	char date[32];
	struct tm tm;

	(void)state;

	cert = pki_make(&spec, &world.ca);
	(void)X509_gmtime_adj(X509_getm_notAfter(cert.cert), 1);
	assert_true(X509_sign(cert.cert, world.ca.key, EVP_sha256()) > 0);
	assert_int_equal(1, ASN1_TIME_to_tm(X509_get0_notAfter(cert.cert),
					    &tm));
	(void)strftime(date, sizeof(date), "ended %Y-%m-%d", &tm);
	pki_write(path_of("live.pem"), &cert, true, 0600);

	server = ctx_of("live.pem", "ca.pem", false);
	assert_in_range(tlsctx_expires_s(server), 0, 1);
	sides_open(ctx_of(NULL, "ca.pem", false), server);

	/* try again until it has ended */
	do {
		outcome_open(&outcome, "pbx.example.com");
		while (!outcome.ups && !outcome.errors)
			loop_count(&world.loop, &world.server.requests, 0);
		if (outcome.ups)
			flow_close(outcome.flow);
		outcome_close(&outcome);
	} while (!outcome.errors);

	if (!strstr(outcome.why, date))
		fail_msg("want \"%s\" in \"%s\"", date, outcome.why);

	sides_close();
	pki_free(&cert);
}


static void own_certificate_is_told(void **state)
{
	struct tlsctx *ctx = ctx_of("server.pem", "ca.pem", false);
	struct tlsctx_about about;
	const int64_t now = time(NULL);
	(void)state;

	assert_int_equal(0, tlsctx_about(ctx, &about));
	assert_string_equal("pbx", about.subject);
	assert_string_equal("Test CA", about.issuer);
	assert_string_equal("pbx.example.com *.pstnhub.example.com",
			    about.names);
	assert_string_equal("", about.chain);
	assert_true(about.client);
	assert_in_range(now - about.begins_s, 86400, 86400 + 3600);
	assert_in_range(about.ends_s - now, 10 * 86400 - 3600, 10 * 86400);
	mem_deref(ctx);

	ctx = ctx_of("oneway.pem", "other-ca.pem", false);
	assert_int_equal(0, tlsctx_about(ctx, &about));
	assert_false(about.client);
	assert_true(str_isset(about.chain));
	mem_deref(ctx);

	ctx = ctx_of(NULL, "ca.pem", false);
	assert_int_equal(ENOENT, tlsctx_about(ctx, &about));
	mem_deref(ctx);
}


static void mutual_needs_a_good_certificate(void **state)
{
	(void)state;

	expect_served(ctx_of("client.pem", "ca.pem", false),
		      ctx_of("server.pem", "ca.pem", true),
		      "pbx.example.com");

	/* a server's certificate is as good (its issuers stop writing
	   clientAuth into them) */
	expect_served(ctx_of("oneway.pem", "ca.pem", false),
		      ctx_of("server.pem", "ca.pem", true),
		      "pbx.example.com");
}


static void expect_client_refused(struct tlsctx *client,
				  struct tlsctx *server, const char *why)
{
	struct outcome outcome;

	sides_open(client, server);
	outcome_open(&outcome, "pbx.example.com");

	/* in TLS 1.3 the client may have seen it come up before */
	loop_count(&world.loop, &outcome.errors, 1);
	assert_int_equal(0, world.server.requests);
	if (!strstr(outcome.why, why))
		fail_msg("want \"%s\" in \"%s\"", why, outcome.why);
	outcome_close(&outcome);
	sides_close();
}


static void mutual_refuses_others_and_the_client_learns_why(void **state)
{
	static const char *const namev[] = {"*.pstnhub.example.com"};
	struct tlsctx_conf conf = {
		.certificate = path_of("server.pem"),
		.ca_file = path_of("ca.pem"), .ask_client = true,
		.peer_namev = namev, .peer_namec = 1,
	};

	(void)state;

	expect_client_refused(ctx_of(NULL, "ca.pem", false),
			      ctx_of("server.pem", "ca.pem", true),
			      "TLS: the peer wants a certificate of ours");
	expect_client_refused(ctx_of("other.pem", "ca.pem", false),
			      ctx_of("server.pem", "ca.pem", true),
			      "TLS: the peer refused our certificate");
	expect_client_refused(ctx_of("mail.pem", "ca.pem", false),
			      ctx_of("server.pem", "ca.pem", true),
			      "TLS: the peer");

	/* known, but not by a name that may come here */
	expect_client_refused(ctx_of("client.pem", "ca.pem", false),
			      make_ctx(&conf), "TLS: the peer");

	conf.certificate = path_of("server.pem");
	conf.ca_file     = path_of("ca.pem");
	expect_served(ctx_of("oneway.pem", "ca.pem", false), make_ctx(&conf),
		      "pbx.example.com");

	/* none at all is let in only where that is allowed */
	conf.certificate = path_of("server.pem");
	conf.ca_file     = path_of("ca.pem");
	conf.allow_no_client_cert = true;
	expect_served(ctx_of(NULL, "ca.pem", false), make_ctx(&conf),
		      "pbx.example.com");
}


static void peers_name_can_be_asked(void **state)
{
	struct outcome outcome;
	struct flow *in;

	(void)state;

	sides_open(ctx_of("client.pem", "ca.pem", false),
		   ctx_of("server.pem", "ca.pem", true));
	outcome_open(&outcome, "pbx.example.com");
	loop_count(&world.loop, &world.server.requests, 1);

	assert_true(flow_peer_has_name(outcome.flow, "pbx.example.com"));
	assert_true(flow_peer_has_name(outcome.flow,
				       "sip2.pstnhub.example.com"));
	assert_false(flow_peer_has_name(outcome.flow, "sbc.example.com"));

	in = msg_flow(world.server.last);
	assert_true(flow_peer_has_name(in, "sbc.example.com"));
	assert_false(flow_peer_has_name(in, "pbx.example.com"));

	outcome_close(&outcome);
	sides_close();
}


static void connections_of_other_names_are_not_shared(void **state)
{
	struct outcome one, two, three;

	(void)state;

	sides_open(ctx_of(NULL, "ca.pem", false),
		   ctx_of("server.pem", "ca.pem", false));
	outcome_open(&one, "pbx.example.com");
	outcome_open(&two, "sip.pstnhub.example.com");
	outcome_open(&three, "pbx.example.com");
	assert_ptr_not_equal(one.flow, two.flow);
	assert_ptr_equal(one.flow, three.flow);
	loop_count(&world.loop, &world.server.requests, 3);

	outcome_close(&one);
	outcome_close(&two);
	outcome_close(&three);
	sides_close();
}


static void peer_without_tls_is_told_apart(void **state)
{
	struct tlsctx *client = ctx_of(NULL, "ca.pem", false);
	struct target target;
	struct outcome outcome = {.ups = 0};
	struct mbuf *mb = message("OPTIONS", "", "");

	(void)state;

	loop_open(&world.loop);
	side_open(&world.client, &world.loop, SIP_TRANSP_TLS, "127.0.72.1",
		  client);
	side_open(&world.server, &world.loop, SIP_TRANSP_TCP, "127.0.72.2",
		  NULL);
	mem_deref(client);

	target = side_target(&world.client, &world.server);
	assert_int_equal(0, flow_get(&outcome.flow, world.client.stack,
				     &target));
	flow_watch(&outcome.watch, outcome.flow, outcome_handler, &outcome);

	/* it waits for a start line, and cuts what is none */
	loop_speed(&world.loop, 100);
	loop_count(&world.loop, &outcome.errors, 1);
	assert_int_equal(0, outcome.ups);
	assert_non_null(strstr(outcome.why, "TLS: "));

	outcome_close(&outcome);
	mem_deref(mb);
	sides_close();
}


static void large_messages_cross_whole(void **state)
{
	static char body[60001];
	struct outcome outcome;
	struct mbuf *mb;

	(void)state;

	memset(body, 'x', sizeof(body) - 1);
	mb = message("OPTIONS", "", body);
	sides_open(ctx_of(NULL, "ca.pem", false),
		   ctx_of("server.pem", "ca.pem", false));
	outcome_open(&outcome, "pbx.example.com");
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(0, flow_send(outcome.flow, mb, false));

	/* seven are repetitions of the first: a transaction takes them */
	loop_count(&world.loop, &world.server.requests, 2);
	assert_int_equal(sizeof(body) - 1,
			 mbuf_get_left(world.server.last->mb));
	assert_int_equal(0, outcome.errors);

	outcome_close(&outcome);
	mem_deref(mb);
	sides_close();
}


static void reload_takes_the_new_and_refuses_the_wrong(void **state)
{
	const struct pki_spec spec = {.cn = "a", .san = "DNS:a.example.com"};
	const struct pki_spec next = {.cn = "b", .san = "DNS:b.example.com"};
	struct tlsctx *ctx;
	struct errors *errs;
	FILE *f;

	(void)state;

	assert_int_equal(0, errors_alloc(&errs));
	write_leaf("live.pem", &spec, &world.ca);
	ctx = ctx_of("live.pem", "ca.pem", false);
	assert_true(tlsctx_has_name(ctx, "a.example.com"));

	f = fopen(path_of("live.pem"), "w");
	assert_non_null(f);
	(void)fputs("nothing\n", f);
	(void)fclose(f);
	assert_int_equal(EBADMSG, tlsctx_reload(ctx, errs));
	assert_int_equal(1, errors_count(errs));
	assert_true(tlsctx_has_name(ctx, "a.example.com"));

	write_leaf("live.pem", &next, &world.ca);
	assert_int_equal(0, tlsctx_reload(ctx, errs));
	assert_true(tlsctx_has_name(ctx, "b.example.com"));
	assert_false(tlsctx_has_name(ctx, "a.example.com"));
	assert_in_range(tlsctx_expires_s(ctx), 9 * PKI_DAY, 10 * PKI_DAY);

	mem_deref(ctx);
	mem_deref(errs);
}


static void expect_error(const struct tlsctx_conf *conf, const char *field,
			 const char *words)
{
	struct tlsctx *ctx = NULL;
	struct errors *errs;

	assert_int_equal(0, errors_alloc(&errs));
	assert_int_equal(EBADMSG, tlsctx_alloc(&ctx, conf, errs, NULL));
	assert_null(ctx);
	assert_int_equal(1, errors_count(errs));
	assert_string_equal(field, errors_get(errs, 0)->field);
	if (!strstr(errors_get(errs, 0)->message, words))
		fail_msg("want \"%s\" in \"%s\"", words,
			 errors_get(errs, 0)->message);
	mem_deref(errs);
}


static int stranger(const char *addr)
{
	const struct sa *to = listener_laddr(world.server.lsnr);
	const int fd = socket(AF_INET, SOCK_STREAM, 0);
	struct sa from;

	assert_true(fd >= 0);
	assert_int_equal(0, sa_set_str(&from, addr, 0));
	assert_int_equal(0, bind(fd, &from.u.sa, from.len));
	assert_int_equal(0, connect(fd, &to->u.sa, to->len));
	assert_int_equal(0, fcntl(fd, F_SETFL, O_NONBLOCK));

	return fd;
}


static bool is_ended(void *arg)
{
	const int *fd = arg;
	char c;

	return !recv(*fd, &c, 1, 0) || errno == ECONNRESET;
}


static void who_only_begins_makes_room(void **state)
{
	struct outcome outcome;
	int fdv[3];

	(void)state;

	/* a quarter: two, who are all there are */
	side_conns_max = 8;
	sides_open(ctx_of(NULL, "ca.pem", false),
		   ctx_of("server.pem", "ca.pem", false));
	side_conns_max = 0;

	fdv[0] = stranger("127.0.72.9");
	fdv[1] = stranger("127.0.72.10");
	fdv[2] = stranger("127.0.72.11");
	loop_until(&world.loop, is_ended, &fdv[0]);
	assert_false(is_ended(&fdv[1]));
	assert_false(is_ended(&fdv[2]));

	outcome_open(&outcome, "pbx.example.com");
	loop_count(&world.loop, &world.server.requests, 1);
	assert_int_equal(0, outcome.errors);
	assert_true(is_ended(&fdv[1]));
	assert_false(is_ended(&fdv[2]));

	/* and who is in stays in */
	for (unsigned i = 0; i < 2; i++) {
		(void)close(fdv[i]);
		fdv[i] = stranger("127.0.72.12");
	}
	loop_until(&world.loop, is_ended, &fdv[2]);
	assert_int_equal(0, outcome.errors);

	outcome_close(&outcome);
	for (unsigned i = 0; i < 3; i++)
		(void)close(fdv[i]);
	sides_close();
}


static void files_are_checked_in_words(void **state)
{
	struct tlsctx_conf conf = {.certificate = path_of("none.pem")};

	(void)state;

	expect_error(&conf, "certificate", "cannot read");

	conf.certificate = path_of("expired.pem");
	expect_error(&conf, "certificate", "ended 2");

	conf.certificate = path_of("early.pem");
	expect_error(&conf, "certificate", "begins 2");

	conf.certificate = path_of("server.pem");
	conf.key         = path_of("client.pem");
	expect_error(&conf, "key", "does not belong");

	conf.key = path_of("ca.pem");
	assert_int_equal(0, chmod(path_of("ca.pem"), 0600));
	expect_error(&conf, "key", "no usable private key");
	assert_int_equal(0, chmod(path_of("ca.pem"), 0644));
	expect_error(&conf, "key", "everybody");

	conf.key     = NULL;
	conf.ca_file = path_of("none.pem");
	expect_error(&conf, "ca_file", "cannot read");
}


int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_names_are_served),
		cmocka_unit_test(wrong_name_is_refused_with_the_names_found),
		cmocka_unit_test(wildcard_of_a_whole_top_level_is_none),
		cmocka_unit_test(unknown_issuer_and_self_signed_are_named),
		cmocka_unit_test(customer_may_ask_for_less),
		cmocka_unit_test(ended_certificate_is_named_with_its_date),
		cmocka_unit_test(own_certificate_is_told),
		cmocka_unit_test(mutual_needs_a_good_certificate),
		cmocka_unit_test(
			mutual_refuses_others_and_the_client_learns_why),
		cmocka_unit_test(peers_name_can_be_asked),
		cmocka_unit_test(connections_of_other_names_are_not_shared),
		cmocka_unit_test(peer_without_tls_is_told_apart),
		cmocka_unit_test(large_messages_cross_whole),
		cmocka_unit_test(reload_takes_the_new_and_refuses_the_wrong),
		cmocka_unit_test(who_only_begins_makes_room),
		cmocka_unit_test(files_are_checked_in_words),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
