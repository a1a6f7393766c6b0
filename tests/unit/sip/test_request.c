/**
 * @file test_request.c  Requests: credentials, other targets, other ways
 */
#include "world.h"
#include "tests/unit/base/oom.h"
#include "bridge/sip/digest.h"
#include "bridge/sip/inner.h"
#include "bridge/sip/request.h"
#include "bridge/sip/resolve.h"


/* Names are the test's own: what resolve() answers, at the loop's next turn.
   (Defined here, it stands in for resolve.c.) */
struct resolver {
	struct wheel *wheel;
	int err;
	struct resolved v[3];
	size_t c;
};

struct resolve {
	struct wheel_tmr tmr;
	struct resolver *res;
	resolve_h *h;
	void *arg;
};


static void resolve_destructor(void *data)
{
	struct resolve *r = data;

	wheel_cancel(&r->tmr);
}


static void resolve_answer(void *arg)
{
	struct resolve *r = arg;

	r->h(r->res->err, r->res->v, r->res->c, r->arg);
}


int resolve(struct resolve **rp, struct resolver *res, const char *host,
	    uint16_t port, enum sip_transp tp, resolve_h *h, void *arg)
{
	struct resolve *r = mem_zalloc(sizeof(*r), resolve_destructor);
	(void)host;
	(void)port;
	(void)tp;

	r->res = res;
	r->h   = h;
	r->arg = arg;
	wheel_start(res->wheel, &r->tmr, 0, resolve_answer, r);
	*rp = r;

	return 0;
}


/** Who asks */
struct owner {
	struct world w;
	struct resolver res;
	struct request *req;
	struct digest *digest;
	struct hop hop;
	uint32_t cseq;
	unsigned responses;
	unsigned ends;
	uint16_t scode;
	int err;
	char why[128];
	int other;                 /* a second peer, 127.0.73.3 */
	struct sa other_addr;
};


static void handler(int err, const struct sip_msg *msg, void *arg)
{
	struct owner *o = arg;

	if (err) {
		++o->ends;
		o->err = err;
	}
	else {
		++o->responses;
		o->scode = msg->scode;
	}
	str_ncpy(o->why, request_why(o->req), sizeof(o->why));
}


static void open_owner(struct owner *o)
{
	memset(o, 0, sizeof(*o));
	world_open(&o->w);
	o->other = world_socket(&o->other_addr, "127.0.73.3");
	o->res.wheel = o->w.wheel;
	o->hop.resolver = &o->res;
	o->hop.host = "127.0.73.2";
	o->hop.port = sa_port(&o->w.peer_addr);
	o->hop.tp   = SIP_TRANSP_UDP;
	o->hop.lsnrv[SIP_TRANSP_UDP] = o->w.lsnr;
}


static void close_owner(struct owner *o)
{
	mem_deref(o->req);
	mem_deref(o->digest);
	close(o->other);
	world_close(&o->w);
}


/* The name pbx, which is at the peer and then at the other one */
static void two_targets(struct owner *o)
{
	o->hop.host = "pbx";
	o->hop.port = 0;
	o->res.v[0].tp   = o->res.v[1].tp = SIP_TRANSP_UDP;
	o->res.v[0].addr = o->w.peer_addr;
	o->res.v[1].addr = o->other_addr;
	o->res.c = 2;
}


#define HEAD "From: <sip:101@pbx>;tag=f3\r\nTo: <sip:101@pbx>\r\n" \
	"Call-ID: c3\r\n"


static void start(struct owner *o, const char *method,
		  const struct mbuf *body)
{
	const struct request_param prm = {
		.method = method, .ruri = "sip:pbx",
		.head = HEAD,
		.cseq = &o->cseq, .hop = o->hop, .digest = o->digest,
		.reuse_nonce = true,
		.ctype = body ? "text/plain" : NULL, .body = body,
	};

	o->req = mem_deref(o->req);
	assert_int_equal(0, request_send(&o->req, o->w.stack, &prm, handler,
					 o));
	assert_int_equal(0, o->ends);
}


static void ask_body(struct owner *o, const char *method,
		     const struct mbuf *body)
{
	start(o, method, body);
	world_pump(&o->w);
}


static void ask(struct owner *o, const char *method)
{
	ask_body(o, method, NULL);
}


static void with_digest(struct owner *o)
{
	assert_int_equal(0, digest_alloc(&o->digest, "101", "secret", NULL));
}


static void answer(struct owner *o, uint16_t scode, const char *more)
{
	struct sip_msg *msg = world_read(&o->w);

	assert_non_null(msg);
	world_answer(&o->w, msg, scode, "t", more);
	mem_deref(msg);
}


static void expect_authorization(const struct sip_msg *msg, const char *part)
{
	struct pl val = world_header(msg, SIP_HDR_AUTHORIZATION);
	char text[600] = "";

	(void)pl_strcpy(&val, text, sizeof(text));
	if (part ? !strstr(text, part) : *text)
		fail_msg("wanted %s, got %s", part ? part : "none", text);
}


#define CHALLENGE "WWW-Authenticate: Digest realm=\"pbx\", qop=\"auth\", "


static void is_written_as_the_rfc_wants(void **state)
{
	struct sip_msg *msg;
	struct owner o;
	struct pl val;
	char sentby[64];
	(void)state;

	open_owner(&o);
	ask(&o, "OPTIONS");
	msg = world_expect(&o.w, "OPTIONS");
	(void)re_snprintf(sentby, sizeof(sentby), "%H", listener_sentby,
			  o.w.lsnr);
	assert_pl_equal(&msg->via.sentby, sentby);
	assert_int_equal(0, strncmp(msg->via.branch.p, "z9hG4bK", 7));
	assert_int_equal(0, msg_param_exists(&msg->via.params, "rport",
					     &val));
	assert_pl_equal(&msg->ruri, "sip:pbx");
	assert_pl_equal(&msg->maxfwd, "70");
	assert_pl_equal(&msg->clen, "0");
	assert_int_equal(1, msg->cseq.num);
	val = world_header(msg, SIP_HDR_USER_AGENT);
	assert_pl_equal(&val, "Test/1");
	world_answer(&o.w, msg, 200, "t", "");
	assert_int_equal(200, o.scode);
	assert_true(request_rtt_ms(o.req) > 0);
	assert_non_null(request_flow(o.req));
	assert_string_equal("", request_why(o.req));
	mem_deref(msg);
	close_owner(&o);
}


static void a_challenge_is_answered(void **state)
{
	struct sip_msg *first, *second;
	struct owner o;
	(void)state;

	open_owner(&o);
	with_digest(&o);
	ask(&o, "REGISTER");
	first = world_expect(&o.w, "REGISTER");
	expect_authorization(first, NULL);
	world_answer(&o.w, first, 401, "t",
		     CHALLENGE "nonce=\"n1\", algorithm=MD5\r\n"
		     CHALLENGE "nonce=\"n2\", algorithm=SHA-256\r\n");

	second = world_expect(&o.w, "REGISTER");
	expect_authorization(second, "nonce=\"n2\"");
	expect_authorization(second, "algorithm=SHA-256");
	assert_int_equal(first->cseq.num + 1, second->cseq.num);
	assert_true(pl_cmp(&first->via.branch, &second->via.branch));
	assert_int_equal(0, pl_cmp(&first->callid, &second->callid));
	world_answer(&o.w, second, 200, "t", "");
	assert_int_equal(1, o.responses);
	assert_int_equal(200, o.scode);
	mem_deref(first);
	mem_deref(second);

	/* The nonce is good for the next one; then it is stale */
	ask(&o, "REGISTER");
	second = world_expect(&o.w, "REGISTER");
	expect_authorization(second, "nc=00000002");
	world_answer(&o.w, second, 401, "t", CHALLENGE
		     "nonce=\"n3\", algorithm=SHA-256, stale=true\r\n");
	mem_deref(second);
	second = world_expect(&o.w, "REGISTER");
	expect_authorization(second, "nonce=\"n3\"");
	world_answer(&o.w, second, 200, "t", "");
	assert_int_equal(2, o.responses);
	assert_int_equal(4, o.cseq);
	mem_deref(second);
	close_owner(&o);
}


static void a_wrong_password_comes_up_once(void **state)
{
	struct owner o;
	(void)state;

	open_owner(&o);
	with_digest(&o);
	ask(&o, "REGISTER");
	answer(&o, 401, CHALLENGE "nonce=\"n1\"\r\n");
	answer(&o, 401, CHALLENGE "nonce=\"n2\"\r\n");
	assert_int_equal(1, o.responses);
	assert_int_equal(401, o.scode);
	assert_string_equal("credentials are wrong", o.why);
	world_expect_nothing(&o.w);
	close_owner(&o);
}


static void another_realm_gets_no_answer(void **state)
{
	struct owner o;
	(void)state;

	open_owner(&o);
	assert_int_equal(0, digest_alloc(&o.digest, "101", "secret",
					 "pbx"));
	ask(&o, "INVITE");
	answer(&o, 407, "Proxy-Authenticate: Digest realm=\"evil\","
	       " nonce=\"n\"\r\n");
	world_expect_skip(&o.w, "ACK");
	assert_int_equal(407, o.scode);
	assert_string_equal("challenge from another realm", o.why);
	world_expect_nothing(&o.w);
	close_owner(&o);
}


static void an_invite_is_challenged_by_proxy_and_server(void **state)
{
	struct sip_msg *msg;
	struct owner o;
	(void)state;

	open_owner(&o);
	with_digest(&o);
	ask(&o, "INVITE");
	answer(&o, 407, "Proxy-Authenticate: Digest realm=\"p\","
	       " nonce=\"np\"\r\n");
	world_expect_skip(&o.w, "ACK");
	answer(&o, 401, CHALLENGE "nonce=\"n1\"\r\n");
	world_expect_skip(&o.w, "ACK");
	msg = world_expect(&o.w, "INVITE");
	expect_authorization(msg, "nonce=\"n1\"");
	assert_true(sip_msg_hdr(msg, SIP_HDR_PROXY_AUTHORIZATION) != NULL);
	world_answer(&o.w, msg, 200, "t", "");
	assert_int_equal(1, o.responses);
	mem_deref(msg);
	close_owner(&o);
}


static void without_credentials_a_challenge_is_an_answer(void **state)
{
	struct owner o;
	(void)state;

	open_owner(&o);
	ask(&o, "OPTIONS");
	answer(&o, 401, CHALLENGE "nonce=\"n1\"\r\n");
	assert_int_equal(401, o.scode);
	world_expect_nothing(&o.w);
	close_owner(&o);
}


/* Silence for answer_ms, then the next target */
static void goes_on_to_the_next_target(void **state)
{
	struct sip_msg *msg, *other;
	struct owner o;
	(void)state;

	open_owner(&o);
	two_targets(&o);
	o.hop.answer_ms = 4000;
	ask(&o, "OPTIONS");
	msg = world_expect(&o.w, "OPTIONS");
	world_advance(&o.w, 3999);
	assert_null(world_read_fd(o.other));
	world_advance(&o.w, 1);
	other = world_read_fd(o.other);
	assert_non_null(other);
	assert_true(pl_cmp(&msg->via.branch, &other->via.branch));

	/* Both silent: the end, in words */
	world_advance(&o.w, 4000);
	assert_int_equal(ETIMEDOUT, o.err);
	assert_non_null(strstr(o.why, "no answer from 127.0.73.3:"));
	mem_deref(msg);
	mem_deref(other);
	close_owner(&o);
}


static void one_without_room_sends_on(void **state)
{
	struct sip_msg *other;
	struct owner o;
	(void)state;

	open_owner(&o);
	two_targets(&o);
	o.hop.failover_503 = true;
	ask(&o, "OPTIONS");
	answer(&o, 503, "");
	assert_int_equal(0, o.responses);
	other = world_read_fd(o.other);
	assert_non_null(other);
	mem_deref(other);

	/* If not asked for, a 503 is an answer */
	o.hop.failover_503 = false;
	ask(&o, "OPTIONS");
	while (!(other = world_read(&o.w)))
		world_advance(&o.w, 1);
	world_answer(&o.w, other, 503, "t", "");
	assert_int_equal(503, o.scode);
	mem_deref(other);
	close_owner(&o);
}


static void a_name_that_is_none_ends_it(void **state)
{
	struct owner o;
	(void)state;

	open_owner(&o);
	o.hop.host = "nowhere";
	o.res.err = ENOENT;
	ask(&o, "OPTIONS");
	world_advance(&o.w, 2);
	assert_int_equal(ENOENT, o.err);
	assert_string_equal("name nowhere does not resolve", o.why);
	close_owner(&o);
}


static void a_target_we_have_no_listener_for(void **state)
{
	struct owner o;
	(void)state;

	open_owner(&o);
	o.hop.host = "[::1]";
	ask(&o, "OPTIONS");
	world_advance(&o.w, 2);
	assert_int_equal(EPROTONOSUPPORT, o.err);
	close_owner(&o);
}


/* Nothing was sent, so nothing needs cancelling */
static void cancelled_while_resolving(void **state)
{
	struct owner o;
	(void)state;

	open_owner(&o);
	two_targets(&o);
	start(&o, "INVITE", NULL);
	assert_int_equal(0, request_cancel(o.req, NULL));
	assert_int_equal(0, o.ends);
	world_advance(&o.w, 2);
	assert_int_equal(ECANCELED, o.err);
	assert_int_equal(EALREADY, request_cancel(o.req, NULL));
	world_expect_nothing(&o.w);
	close_owner(&o);
}


static void cancelled_while_calling_and_proceeding(void **state)
{
	struct sip_msg *msg;
	struct owner o;
	(void)state;

	open_owner(&o);
	with_digest(&o);
	ask(&o, "INVITE");
	assert_int_equal(0, request_cancel(o.req, NULL));
	msg = world_expect(&o.w, "INVITE");
	world_expect_nothing(&o.w);
	world_answer(&o.w, msg, 180, "t", "");
	world_expect_skip(&o.w, "CANCEL");

	/* A challenge now is the end, not a reason to call again */
	world_answer(&o.w, msg, 401, "t", CHALLENGE "nonce=\"n\"\r\n");
	world_expect_skip(&o.w, "ACK");
	assert_int_equal(401, o.scode);
	world_expect_nothing(&o.w);
	mem_deref(msg);
	close_owner(&o);
}


/* Silence is not death: the INVITE that was given up may still ring */
static void an_invite_given_up_is_cancelled(void **state)
{
	struct sip_msg *msg, *other;
	struct owner o;
	(void)state;

	open_owner(&o);
	two_targets(&o);
	o.hop.answer_ms = 4000;
	ask(&o, "INVITE");
	msg = world_expect(&o.w, "INVITE");
	world_advance(&o.w, 4000);
	(void)world_count(&o.w);
	other = world_read_fd(o.other);
	assert_non_null(other);
	world_answer(&o.w, msg, 180, "t", "");
	world_expect_skip(&o.w, "CANCEL");
	assert_int_equal(0, o.responses);
	world_answer(&o.w, msg, 487, "t", "");
	world_expect_skip(&o.w, "ACK");
	assert_int_equal(0, o.responses);
	mem_deref(msg);
	mem_deref(other);
	close_owner(&o);
}


static int tcp_listener(struct sa *addr, const struct sa *like)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	const int on = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	assert_int_equal(1, inet_pton(AF_INET, "127.0.73.2", &sin.sin_addr));
	sin.sin_port = htons(sa_port(like));
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	assert_int_equal(0, bind(fd, (struct sockaddr *)&sin, sizeof(sin)));
	assert_int_equal(0, listen(fd, 5));
	*addr = *like;

	return fd;
}


static struct listener *add_tcp(struct owner *o)
{
	struct listener_conf conf = { .name = "test", .tp = SIP_TRANSP_TCP };
	struct listener *lsnr;

	assert_int_equal(0, sa_set_str(&conf.laddr, "127.0.73.1", 0));
	assert_int_equal(0, listener_alloc(&lsnr, o->w.stack, &conf));
	o->hop.lsnrv[SIP_TRANSP_TCP] = lsnr;

	return lsnr;
}


static struct mbuf *large_body(void)
{
	struct mbuf *mb = mbuf_alloc(2000);

	(void)mbuf_fill(mb, 'x', 1500);
	mb->pos = 0;

	return mb;
}


/* RFC 3261 section 18.1.1 */
static void too_large_for_udp_goes_by_tcp(void **state)
{
	struct mbuf *body = large_body();
	struct listener *lsnr;
	char buf[4096];
	struct owner o;
	struct sa addr;
	ssize_t n = -1;
	int fd, conn;
	(void)state;

	open_owner(&o);
	lsnr = add_tcp(&o);
	fd = tcp_listener(&addr, &o.w.peer_addr);
	ask_body(&o, "OPTIONS", body);
	conn = accept(fd, NULL, NULL);
	assert_true(conn >= 0);
	for (int i = 0; n <= 0 && i < 500; i++) {
		world_pump(&o.w);
		n = recv(conn, buf, sizeof(buf) - 1, MSG_DONTWAIT);
	}
	assert_true(n > 1500);
	buf[n] = '\0';
	assert_non_null(strstr(buf, "Via: SIP/2.0/TCP "));
	assert_non_null(strstr(buf, "CSeq: 1 OPTIONS"));
	world_expect_nothing(&o.w);
	close(conn);
	close(fd);
	mem_deref(body);
	o.req = mem_deref(o.req);
	mem_deref(lsnr);
	close_owner(&o);
}


/* Most PBXes that speak UDP have no TCP for the same phone */
static void without_tcp_there_it_goes_by_udp_all_the_same(void **state)
{
	struct mbuf *body = large_body();
	struct sip_msg *msg = NULL;
	struct listener *lsnr;
	struct owner o;
	(void)state;

	open_owner(&o);
	lsnr = add_tcp(&o);
	ask_body(&o, "OPTIONS", body);
	for (int i = 0; !msg && i < 500; i++) {
		world_advance(&o.w, 1);
		msg = world_read(&o.w);
	}
	assert_non_null(msg);
	assert_int_equal(SIP_TRANSP_UDP, msg->via.tp);
	world_answer(&o.w, msg, 200, "t", "");
	assert_int_equal(200, o.scode);
	mem_deref(msg);
	mem_deref(body);
	o.req = mem_deref(o.req);
	mem_deref(lsnr);
	close_owner(&o);
}


static int digest_call(void *arg)
{
	struct digest_attempt at = { 0 };
	const struct sip_msg *msg = arg;
	struct mbuf *mb = NULL;
	const char *why = "";
	struct digest *d;
	int err;

	err = digest_alloc(&d, "101", "secret", "pbx");
	if (err)
		return err;

	if (digest_challenged(d, &at, msg, &why) == DIGEST_RETRY) {
		mb = mbuf_alloc(16);
		err = mb ? digest_write(mb, d, &at, "REGISTER", "sip:pbx",
					false) : ENOMEM;
	}
	else {
		assert_string_equal("no memory", why);
		err = ENOMEM;
	}
	mem_deref(mb);
	mem_deref(d);

	return err;
}


/* What fails at once is told from the loop, and is memory and nothing else */
static int request_call(void *arg)
{
	struct owner *o = arg;
	const struct request_param prm = {
		.method = "OPTIONS", .ruri = "sip:pbx",
		.head = HEAD, .cseq = &o->cseq, .hop = o->hop,
	};
	int err;

	o->err = 0;
	err = request_send(&o->req, o->w.stack, &prm, handler, o);
	if (err)
		return err;

	world_advance(&o->w, 2);
	o->req = mem_deref(o->req);

	return o->err;
}


static void without_memory_it_fails_whole(void **state)
{
	struct sip_msg *msg;
	struct mbuf *mb;
	struct owner o;
	char *text;
	(void)state;

	open_owner(&o);
	oom_walk(request_call, &o);

	msg = world_expect(&o.w, "OPTIONS");
	text = world_answer_text(msg, 401, "t",
				 CHALLENGE "nonce=\"n\"\r\n");
	mem_deref(msg);
	mb = mbuf_alloc(1024);
	(void)mbuf_write_str(mb, text);
	mb->pos = 0;
	assert_int_equal(0, sip_msg_decode(&msg, mb));
	oom_walk(digest_call, msg);
	mem_deref(msg);
	mem_deref(mb);
	mem_deref(text);
	close_owner(&o);
}


int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_written_as_the_rfc_wants),
		cmocka_unit_test(a_challenge_is_answered),
		cmocka_unit_test(a_wrong_password_comes_up_once),
		cmocka_unit_test(another_realm_gets_no_answer),
		cmocka_unit_test(
			an_invite_is_challenged_by_proxy_and_server),
		cmocka_unit_test(
			without_credentials_a_challenge_is_an_answer),
		cmocka_unit_test(goes_on_to_the_next_target),
		cmocka_unit_test(one_without_room_sends_on),
		cmocka_unit_test(a_name_that_is_none_ends_it),
		cmocka_unit_test(a_target_we_have_no_listener_for),
		cmocka_unit_test(cancelled_while_resolving),
		cmocka_unit_test(cancelled_while_calling_and_proceeding),
		cmocka_unit_test(an_invite_given_up_is_cancelled),
		cmocka_unit_test(too_large_for_udp_goes_by_tcp),
		cmocka_unit_test(
			without_tcp_there_it_goes_by_udp_all_the_same),
		cmocka_unit_test(without_memory_it_fails_whole),
	};

	return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
