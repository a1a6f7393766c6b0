/**
 * @file test_dialog.c  Dialogs: who says what to whom, by which way
 */
#include "world.h"
#include "tests/unit/base/oom.h"
#include "bridge/sip/dialog.h"
#include "bridge/sip/digest.h"
#include "bridge/sip/strans.h"


enum { DIALOGS = 3 };

/** A caller, or a callee */
struct owner {
	struct world w;
	struct dialog *half;
	struct dialog *dlgv[DIALOGS];
	struct request *req;
	struct digest *digest;
	unsigned responses;
	unsigned requests;         /* in a dialog */
	uint16_t scode;
	struct sip_msg *invite;    /* as the peer got it */
	struct sip_msg *resp;      /* ref, the last that came */
	char peer[64];             /* the peer's "127.0.73.2:port" */

};


static void handler(int err, const struct sip_msg *msg, void *arg)
{
	struct owner *o = arg;

	assert_int_equal(0, err);
	++o->responses;
	o->scode = msg->scode;
	mem_deref(o->resp);
	o->resp = mem_ref((void *)(uintptr_t)msg);
}


static void in_dialog(struct dialog *dlg, struct strans *st,
		      const struct sip_msg *msg, void *arg)
{
	struct owner *o = arg;
	(void)dlg;
	(void)msg;

	++o->requests;
	strans_reject(st, 200, "OK");
}


static void open_owner(struct owner *o)
{
	memset(o, 0, sizeof(*o));
	world_open(&o->w);
	(void)re_snprintf(o->peer, sizeof(o->peer), "%J", &o->w.peer_addr);
}


static void close_owner(struct owner *o)
{
	mem_deref(o->req);
	for (size_t i = 0; i < DIALOGS; i++)
		mem_deref(o->dlgv[i]);
	mem_deref(o->half);
	mem_deref(o->digest);
	mem_deref(o->resp);
	mem_deref(o->invite);
	world_close(&o->w);
}


static struct dialog_param params(struct owner *o)
{
	struct dialog_param prm = {
		.callid = "c4", .local_uri = "sip:101@pbx",
		.local_name = "Ann \"A\"", .remote_uri = "sip:102@pbx",
		.target = "sip:102@pbx;user=phone",
		.contact = "<sip:101@127.0.73.1>",
		.digest = o->digest, .hdrs = "X-All: 1\r\n",
	};

	prm.hop.host = "127.0.73.2";
	prm.hop.port = sa_port(&o->w.peer_addr);
	prm.hop.tp   = SIP_TRANSP_UDP;
	prm.hop.lsnrv[SIP_TRANSP_UDP] = o->w.lsnr;

	return prm;
}


/* A call is made and has arrived */
static void call(struct owner *o)
{
	const struct dialog_param prm = params(o);

	assert_int_equal(0, dialog_alloc(&o->half, o->w.stack, &prm));
	assert_int_equal(0, dialog_request(&o->req, o->half, "INVITE",
					   "X-One: 1\r\n", NULL, NULL,
					   handler, o));
	o->invite = world_expect(&o->w, "INVITE");
}


/* The peer answers it, with a Contact and route set */
static void answer(struct owner *o, uint16_t scode, const char *tag,
		   const char *more)
{
	char *hdrs;

	assert_int_equal(0, re_sdprintf(&hdrs, "Contact: <sip:%s@%s>\r\n%s",
					tag, o->peer, more));
	world_answer(&o->w, o->invite, scode, tag, hdrs);
	mem_deref(hdrs);
}


static void expect_header(const struct sip_msg *msg, enum sip_hdrid id,
			 const char *text)
{
	struct pl val = world_header(msg, id);

	assert_pl_equal(&val, text);
}


static void a_call_is_made_answered_and_ended(void **state)
{
	struct sip_msg *msg;
	struct owner o;
	char text[128];
	(void)state;

	open_owner(&o);
	call(&o);
	assert_pl_equal(&o.invite->ruri, "sip:102@pbx;user=phone");
	assert_pl_equal(&o.invite->to.val, "<sip:102@pbx>");
	(void)re_snprintf(text, sizeof(text),
			  "\"Ann \\\"A\\\"\" <sip:101@pbx>;tag=%s",
			  dialog_local_tag(o.half));
	assert_pl_equal(&o.invite->from.val, text);
	expect_header(o.invite, SIP_HDR_CONTACT, "<sip:101@127.0.73.1>");
	assert_non_null(sip_msg_xhdr(o.invite, "X-All"));
	assert_non_null(sip_msg_xhdr(o.invite, "X-One"));

	answer(&o, 180, "t1", "");
	assert_int_equal(0, dialog_fork(&o.dlgv[0], o.half, o.resp));
	assert_true(dialog_is_of(o.dlgv[0], o.resp));
	assert_string_equal("t1", dialog_remote_tag(o.dlgv[0]));
	answer(&o, 200, "t1", "");
	assert_int_equal(0, dialog_update(o.dlgv[0], o.resp));
	assert_int_equal(0, dialog_ack(o.dlgv[0], o.resp, NULL, NULL));

	msg = world_expect(&o.w, "ACK");
	(void)re_snprintf(text, sizeof(text), "sip:t1@%s", o.peer);
	assert_pl_equal(&msg->ruri, text);
	assert_pl_equal(&msg->to.tag, "t1");
	assert_int_equal(o.invite->cseq.num, msg->cseq.num);
	assert_true(pl_cmp(&o.invite->via.branch, &msg->via.branch));
	assert_int_equal(0, sip_msg_hdr_count(msg, SIP_HDR_CONTACT));
	mem_deref(msg);

	/* ACK lost: the same again */
	answer(&o, 200, "t1", "");
	assert_int_equal(0, dialog_ack_again(o.dlgv[0], o.resp));
	world_expect_skip(&o.w, "ACK");

	/* BYE outlives its dialog */
	assert_int_equal(0, dialog_bye(o.dlgv[0], "Reason: Q.850\r\n"));
	assert_int_equal(EALREADY, dialog_bye(o.dlgv[0], NULL));
	o.dlgv[0] = mem_deref(o.dlgv[0]);
	msg = world_expect(&o.w, "BYE");
	assert_int_equal(o.invite->cseq.num + 1, msg->cseq.num);
	expect_header(msg, SIP_HDR_REASON, "Q.850");
	world_advance(&o.w, 500);
	world_expect_skip(&o.w, "BYE");
	assert_int_equal(1, stack_dialogs(o.w.stack));
	world_answer(&o.w, msg, 200, NULL, "");
	assert_int_equal(0, stack_dialogs(o.w.stack));
	mem_deref(msg);
	close_owner(&o);
}


/* RFC 3261 section 12.1.2, 12.2.1.1: reversed; and from the 2xx anew */
static void the_route_set_of_a_caller(void **state)
{
	struct sip_msg *msg;
	struct owner o;
	char routes[300], first[128];
	(void)state;

	open_owner(&o);
	call(&o);
	answer(&o, 183, "t1", "Record-Route: <sip:192.0.2.1;lr>\r\n");
	assert_int_equal(0, dialog_fork(&o.dlgv[0], o.half, o.resp));
	(void)re_snprintf(routes, sizeof(routes),
			  "Record-Route: <sip:two.example;lr>\r\n"
			  "Record-Route: <sip:%s;lr;transport=udp>\r\n",
			  o.peer);
	answer(&o, 200, "t1", routes);
	assert_int_equal(0, dialog_update(o.dlgv[0], o.resp));
	assert_int_equal(0, dialog_ack(o.dlgv[0], o.resp, NULL, NULL));
	msg = world_expect(&o.w, "ACK");
	assert_int_equal(2, sip_msg_hdr_count(msg, SIP_HDR_ROUTE));
	(void)re_snprintf(first, sizeof(first), "<sip:%s;lr;transport=udp>",
			  o.peer);
	expect_header(msg, SIP_HDR_ROUTE, first);
	assert_int_equal(0, strncmp(msg->ruri.p, "sip:t1@", 7));
	mem_deref(msg);
	close_owner(&o);
}


/* RFC 3261 section 12.2.1.1: a strict router is the Request-URI, the target
   the last route */
static void a_strict_router_comes_first(void **state)
{
	struct sip_msg *msg;
	struct owner o;
	char text[300];
	struct le *le;
	(void)state;

	open_owner(&o);
	call(&o);
	(void)re_snprintf(text, sizeof(text),
			  "Record-Route: <sip:two.example;lr>\r\n"
			  "Record-Route: <sip:%s>\r\n", o.peer);
	answer(&o, 200, "t1", text);
	assert_int_equal(0, dialog_fork(&o.dlgv[0], o.half, o.resp));
	assert_int_equal(0, dialog_ack(o.dlgv[0], o.resp, NULL, NULL));
	msg = world_expect(&o.w, "ACK");
	(void)re_snprintf(text, sizeof(text), "sip:%s", o.peer);
	assert_pl_equal(&msg->ruri, text);
	expect_header(msg, SIP_HDR_ROUTE, "<sip:two.example;lr>");
	(void)re_snprintf(text, sizeof(text), "<sip:t1@%s>", o.peer);
	for (le = msg->hdrl.tail; le; le = le->prev) {
		const struct sip_hdr *hdr = le->data;

		if (hdr->id == SIP_HDR_ROUTE) {
			assert_pl_equal(&hdr->val, text);
			break;
		}
	}
	mem_deref(msg);
	close_owner(&o);
}


/* A call that was given up is answered all the same: by nobody's fault it
   would ring on */
static void a_late_answer_is_acknowledged_and_ended(void **state)
{
	struct sip_msg *ack, *bye;
	struct owner o;
	(void)state;

	open_owner(&o);
	call(&o);
	answer(&o, 180, "t1", "");
	assert_int_equal(0, request_cancel(o.req, NULL));
	o.req  = mem_deref(o.req);
	o.half = mem_deref(o.half);
	world_expect_skip(&o.w, "CANCEL");

	answer(&o, 200, "t1", "");
	ack = world_expect(&o.w, "ACK");
	bye = world_expect(&o.w, "BYE");
	assert_pl_equal(&ack->to.tag, "t1");
	assert_pl_equal(&bye->to.tag, "t1");
	assert_int_equal(o.invite->cseq.num, ack->cseq.num);
	assert_true(bye->cseq.num > ack->cseq.num);

	/* Repeated: its ACK again, no other BYE */
	answer(&o, 200, "t1", "");
	world_expect_skip(&o.w, "ACK");
	world_expect_nothing(&o.w);
	world_answer(&o.w, bye, 200, NULL, "");
	world_advance(&o.w, 32000);
	(void)world_count(&o.w);
	assert_int_equal(0, stack_dialogs(o.w.stack));
	assert_int_equal(0, stack_transactions(o.w.stack));
	assert_int_equal(1, o.responses);
	mem_deref(ack);
	mem_deref(bye);
	close_owner(&o);
}


/* RFC 3261 section 13.2.2.4: two phones pick up at once */
static void of_two_answers_one_is_kept(void **state)
{
	struct sip_msg *msg, *ack;
	struct owner o;
	(void)state;

	open_owner(&o);
	call(&o);
	answer(&o, 200, "t1", "");
	assert_int_equal(0, dialog_fork(&o.dlgv[0], o.half, o.resp));
	assert_int_equal(0, dialog_ack(o.dlgv[0], o.resp, NULL, NULL));
	o.req  = mem_deref(o.req);
	o.half = mem_deref(o.half);
	ack = world_expect(&o.w, "ACK");

	answer(&o, 200, "t2", "");
	msg = world_expect(&o.w, "ACK");
	assert_pl_equal(&msg->to.tag, "t2");
	mem_deref(msg);
	msg = world_expect(&o.w, "BYE");
	assert_pl_equal(&msg->to.tag, "t2");
	world_answer(&o.w, msg, 200, NULL, "");
	mem_deref(msg);

	/* The one that is kept is only acknowledged, as it was before */
	answer(&o, 200, "t1", "");
	msg = world_expect(&o.w, "ACK");
	assert_pl_equal(&msg->to.tag, "t1");
	assert_int_equal(0, pl_cmp(&ack->via.branch, &msg->via.branch));
	mem_deref(msg);
	mem_deref(ack);
	world_expect_nothing(&o.w);
	assert_non_null(dialog_find(o.w.stack, "c4",
				    dialog_local_tag(o.dlgv[0]), "t1"));
	assert_null(dialog_find(o.w.stack, "c4",
				dialog_local_tag(o.dlgv[0]), "t2"));
	close_owner(&o);
}


/* A re-INVITE that nobody waits for any more leaves the call as it is */
static void a_late_answer_within_a_call(void **state)
{
	struct sip_msg *msg;
	struct owner o;
	(void)state;

	open_owner(&o);
	call(&o);
	answer(&o, 200, "t1", "");
	assert_int_equal(0, dialog_fork(&o.dlgv[0], o.half, o.resp));
	assert_int_equal(0, dialog_ack(o.dlgv[0], o.resp, NULL, NULL));
	world_expect_skip(&o.w, "ACK");
	o.req = mem_deref(o.req);

	assert_int_equal(0, dialog_request(&o.req, o.dlgv[0], "INVITE", NULL,
					   NULL, NULL, handler, &o));
	mem_deref(o.invite);
	o.invite = world_expect(&o.w, "INVITE");
	o.req = mem_deref(o.req);
	world_answer(&o.w, o.invite, 200, NULL, "");
	msg = world_expect(&o.w, "ACK");
	assert_int_equal(o.invite->cseq.num, msg->cseq.num);
	mem_deref(msg);
	world_expect_nothing(&o.w);

	/* Not so when the call has lost its owner, too */
	assert_int_equal(0, dialog_request(&o.req, o.dlgv[0], "INVITE", NULL,
					   NULL, NULL, handler, &o));
	mem_deref(o.invite);
	o.invite = world_expect(&o.w, "INVITE");
	o.dlgv[0] = mem_deref(o.dlgv[0]);
	o.req = mem_deref(o.req);
	world_answer(&o.w, o.invite, 200, NULL, "");
	world_expect_skip(&o.w, "ACK");
	world_expect_skip(&o.w, "BYE");
	close_owner(&o);
}


/* The early dialog is still held, its INVITE is not */
static void a_late_answer_to_an_early_dialog(void **state)
{
	struct sip_msg *bye;
	struct owner o;
	(void)state;

	open_owner(&o);
	call(&o);
	answer(&o, 180, "t1", "");
	assert_int_equal(0, dialog_fork(&o.dlgv[0], o.half, o.resp));
	o.req = mem_deref(o.req);
	world_expect_skip(&o.w, "CANCEL");
	answer(&o, 200, "t1", "");
	world_expect_skip(&o.w, "ACK");
	bye = world_expect(&o.w, "BYE");
	world_answer(&o.w, bye, 200, NULL, "");
	mem_deref(bye);
	close_owner(&o);
}


#define CHALLENGE "WWW-Authenticate: Digest realm=\"pbx\", nonce=\"n\"\r\n"


/* RFC 3261 section 22.3; section 13.2.2.4 for the ACK */
static void challenges_to_invite_and_bye(void **state)
{
	struct sip_msg *msg;
	struct pl invite, ack;
	struct owner o;
	(void)state;

	open_owner(&o);
	assert_int_equal(0, digest_alloc(&o.digest, "101", "secret", NULL));
	call(&o);
	answer(&o, 401, "t0", CHALLENGE);
	world_expect_skip(&o.w, "ACK");
	mem_deref(o.invite);
	o.invite = world_expect(&o.w, "INVITE");
	invite = world_header(o.invite, SIP_HDR_AUTHORIZATION);
	assert_true(pl_isset(&invite));
	answer(&o, 200, "t1", "");
	assert_int_equal(0, dialog_fork(&o.dlgv[0], o.half, o.resp));
	assert_int_equal(0, dialog_ack(o.dlgv[0], o.resp, NULL, NULL));
	msg = world_expect(&o.w, "ACK");
	ack = world_header(msg, SIP_HDR_AUTHORIZATION);
	assert_int_equal(0, pl_cmp(&invite, &ack));
	assert_int_equal(2, msg->cseq.num);
	mem_deref(msg);

	assert_int_equal(0, dialog_bye(o.dlgv[0], NULL));
	o.dlgv[0] = mem_deref(o.dlgv[0]);
	msg = world_expect(&o.w, "BYE");
	world_answer(&o.w, msg, 401, NULL,
		     "WWW-Authenticate: Digest realm=\"pbx\","
		     " nonce=\"m\", stale=true\r\n");
	mem_deref(msg);
	msg = world_expect(&o.w, "BYE");
	assert_int_equal(4, msg->cseq.num);
	ack = world_header(msg, SIP_HDR_AUTHORIZATION);
	assert_true(pl_isset(&ack));
	world_answer(&o.w, msg, 200, NULL, "");
	assert_int_equal(0, stack_dialogs(o.w.stack));
	mem_deref(msg);
	close_owner(&o);
}


/* ------------------------------------------------------------------ */
/* Called                                                              */


static void accept_call(struct strans *st, const struct sip_msg *msg,
			void *arg)
{
	struct owner *o = arg;
	struct dialog_param prm = params(o);
	int err;

	prm.hop.host = NULL;
	prm.hop.tp   = SIP_TRANSP_NONE;
	err = dialog_accept(&o->dlgv[0], o->w.stack, msg, &prm);
	if (err) {
		strans_reject(st, 400, "Bad Request");
		return;
	}
	dialog_handler_set(o->dlgv[0], in_dialog, o);
	assert_ptr_equal(o, dialog_arg(o->dlgv[0]));
	assert_int_equal(0, strans_reply(st, 200, "OK",
					 dialog_local_tag(o->dlgv[0]),
					 "Contact: <sip:101@127.0.73.1>\r\n",
					 NULL, NULL));
	mem_deref(st);
}


/**
 * @param tag   To-tag parameter, "" outside a dialog
 * @param more  Further headers
 */
static void ask(struct owner *o, const char *method, unsigned cseq,
		const char *tag, const char *more)
{
	world_say(&o->w,
		"%s sip:101@127.0.73.1 SIP/2.0\r\n"
		"Via: SIP/2.0/UDP %s;branch=z9hG4bK%s%u;rport\r\n"
		"Max-Forwards: 70\r\nFrom: Bob <sip:102@pbx>;tag=f4\r\n"
		"To: <sip:101@pbx>%s%s\r\nCall-ID: c5\r\nCSeq: %u %s\r\n"
		"%sContent-Length: 0\r\n\r\n", method, o->peer, method, cseq,
		*tag ? ";tag=" : "", tag, cseq, method, more);
}


static void be_called(struct owner *o, const char *routes)
{
	char *hdrs;

	open_owner(o);
	stack_handlers_set(o->w.stack, accept_call, NULL, o);
	assert_int_equal(0, re_sdprintf(&hdrs, "Contact: <sip:102@%s>\r\n%s",
					o->peer, routes));
	ask(o, "INVITE", 10, "", hdrs);
	mem_deref(hdrs);
	world_expect_skip(&o->w, "200");
	assert_non_null(o->dlgv[0]);
	ask(o, "ACK", 10, dialog_local_tag(o->dlgv[0]), "");
}


/* RFC 3261 section 12.1.1: in order */
static void the_route_set_of_a_callee(void **state)
{
	struct sip_msg *msg;
	struct owner o;
	char routes[200];
	(void)state;

	/* The peer's port is known only now: the first route is loose and
	   points to whoever is there */
	be_called(&o, "");
	assert_string_equal("c5", dialog_callid(o.dlgv[0]));
	assert_string_equal("f4", dialog_remote_tag(o.dlgv[0]));
	o.dlgv[0] = mem_deref(o.dlgv[0]);

	(void)re_snprintf(routes, sizeof(routes),
			  "Contact: <sip:102@192.0.2.1>\r\n"
			  "Record-Route: <sip:%s;lr>\r\n"
			  "Record-Route: <sip:two.example;lr>\r\n", o.peer);
	ask(&o, "INVITE", 11, "", routes);
	world_expect_skip(&o.w, "200");
	assert_int_equal(0, dialog_bye(o.dlgv[0], NULL));
	msg = world_expect(&o.w, "BYE");
	assert_pl_equal(&msg->ruri, "sip:102@192.0.2.1");
	assert_pl_equal(&msg->to.val, "Bob <sip:102@pbx>;tag=f4");
	assert_int_equal(2, sip_msg_hdr_count(msg, SIP_HDR_ROUTE));
	(void)re_snprintf(routes, sizeof(routes), "<sip:%s;lr>", o.peer);
	expect_header(msg, SIP_HDR_ROUTE, routes);
	world_answer(&o.w, msg, 200, NULL, "");
	mem_deref(msg);
	close_owner(&o);
}


/* RFC 3261 section 12.2.2 */
static void requests_in_the_dialog(void **state)
{
	struct owner o;
	const char *tag;
	char *hdrs;
	(void)state;

	be_called(&o, "");
	tag = dialog_local_tag(o.dlgv[0]);
	ask(&o, "INFO", 12, tag, "");
	world_expect_skip(&o.w, "200");
	assert_int_equal(1, o.requests);

	ask(&o, "INFO", 11, tag, "");
	world_expect_skip(&o.w, "500");
	ask(&o, "INFO", 13, "none", "");
	world_expect_skip(&o.w, "481");
	assert_int_equal(1, o.requests);

	/* A target refresh moves the target, another request does not */
	assert_int_equal(0, re_sdprintf(&hdrs, "Contact: <sip:new@%s>\r\n",
					o.peer));
	ask(&o, "INFO", 14, tag, hdrs);
	assert_non_null(strstr(dialog_remote_target(o.dlgv[0]), "sip:102@"));
	ask(&o, "UPDATE", 15, tag, hdrs);
	assert_non_null(strstr(dialog_remote_target(o.dlgv[0]), "sip:new@"));
	assert_int_equal(3, o.requests);
	(void)world_count(&o.w);
	mem_deref(hdrs);
	close_owner(&o);
}


static void after_our_bye_only_theirs_is_welcome(void **state)
{
	struct sip_msg *bye;
	struct owner o;
	char tag[32];
	(void)state;

	be_called(&o, "");
	str_ncpy(tag, dialog_local_tag(o.dlgv[0]), sizeof(tag));
	assert_int_equal(0, dialog_bye(o.dlgv[0], NULL));
	bye = world_expect(&o.w, "BYE");
	ask(&o, "INFO", 12, tag, "");
	world_expect_skip(&o.w, "481");
	assert_null(dialog_find(o.w.stack, "c5", tag, "f4"));

	/* ... also when the owner has gone */
	o.dlgv[0] = mem_deref(o.dlgv[0]);
	ask(&o, "BYE", 13, tag, "");
	world_expect_skip(&o.w, "200");
	assert_int_equal(0, o.requests);

	world_answer(&o.w, bye, 481, NULL, "");
	ask(&o, "INFO", 14, tag, "");
	world_expect_skip(&o.w, "481");
	mem_deref(bye);
	close_owner(&o);
}


static void an_invite_without_contact_makes_no_dialog(void **state)
{
	struct owner o;
	(void)state;

	open_owner(&o);
	stack_handlers_set(o.w.stack, accept_call, NULL, &o);
	ask(&o, "INVITE", 10, "", "");
	world_expect_skip(&o.w, "400");
	assert_null(o.dlgv[0]);
	close_owner(&o);
}


/* The flow of a registration is preferred to what the Contact says */
static void a_flow_that_is_up_comes_first(void **state)
{
	struct dialog_param prm;
	struct sip_msg *msg;
	struct flow *flow;
	struct owner o;
	(void)state;

	open_owner(&o);
	flow = world_flow(&o.w);
	prm = params(&o);
	prm.target   = "tel:+15550100";
	prm.hop.host = NULL;
	prm.hop.flow = flow;
	assert_int_equal(0, dialog_alloc(&o.half, o.w.stack, &prm));
	mem_deref(flow);
	assert_int_equal(0, dialog_request(&o.req, o.half, "INVITE", NULL,
					   NULL, NULL, handler, &o));
	msg = world_expect(&o.w, "INVITE");
	assert_pl_equal(&msg->ruri, "tel:+15550100");
	mem_deref(msg);
	o.req  = mem_deref(o.req);
	o.half = mem_deref(o.half);

	/* Without it, a tel: URI leads nowhere */
	prm.hop.flow = NULL;
	assert_int_equal(0, dialog_alloc(&o.half, o.w.stack, &prm));
	assert_int_equal(EDESTADDRREQ,
			 dialog_request(&o.req, o.half, "INVITE", NULL, NULL,
					NULL, handler, &o));
	close_owner(&o);
}


static void responses_that_make_no_dialog(void **state)
{
	struct owner o;
	(void)state;

	open_owner(&o);
	call(&o);
	world_answer(&o.w, o.invite, 180, NULL, "");
	assert_int_equal(EPROTO, dialog_fork(&o.dlgv[0], o.half, o.resp));
	world_answer(&o.w, o.invite, 200, "t1", "");
	assert_int_equal(EPROTO, dialog_fork(&o.dlgv[0], o.half, o.resp));
	close_owner(&o);
}


static int memory_err;


static void memory_handler(int err, const struct sip_msg *msg, void *arg)
{
	(void)msg;
	(void)arg;

	memory_err = err;
}


static int caller_call(void *arg)
{
	struct owner *o = arg;
	const struct dialog_param prm = params(o);
	struct request *req = NULL;
	struct dialog *half;
	int err;

	memory_err = 0;
	err = dialog_alloc(&half, o->w.stack, &prm);
	if (err)
		return err;

	err = dialog_request(&req, half, "OPTIONS", NULL, NULL, NULL,
			     memory_handler, NULL);
	if (!err) {
		world_advance(&o->w, 2);
		err = memory_err;
	}
	mem_deref(req);
	mem_deref(half);

	return err;
}


static int callee_call(void *arg)
{
	struct owner *o = arg;
	const struct dialog_param prm = params(o);
	struct dialog *dlg;
	int err;

	err = dialog_accept(&dlg, o->w.stack, o->invite, &prm);
	mem_deref(err ? NULL : dlg);

	return err;
}


static int fork_call(void *arg)
{
	struct owner *o = arg;
	struct dialog *dlg;
	int err;

	err = dialog_fork(&dlg, o->half, o->resp);
	mem_deref(err ? NULL : dlg);

	return err;
}


static void without_memory_it_fails_whole(void **state)
{
	struct owner o;
	(void)state;

	open_owner(&o);
	assert_int_equal(0, digest_alloc(&o.digest, "101", "secret", NULL));
	call(&o);
	answer(&o, 180, "t1", "Record-Route: <sip:192.0.2.1;lr>\r\n");
	oom_walk(fork_call, &o);
	oom_walk(callee_call, &o);
	oom_walk(caller_call, &o);
	assert_int_equal(0, stack_dialogs(o.w.stack));
	close_owner(&o);
}


int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_call_is_made_answered_and_ended),
		cmocka_unit_test(the_route_set_of_a_caller),
		cmocka_unit_test(a_strict_router_comes_first),
		cmocka_unit_test(a_late_answer_is_acknowledged_and_ended),
		cmocka_unit_test(of_two_answers_one_is_kept),
		cmocka_unit_test(a_late_answer_within_a_call),
		cmocka_unit_test(a_late_answer_to_an_early_dialog),
		cmocka_unit_test(challenges_to_invite_and_bye),
		cmocka_unit_test(the_route_set_of_a_callee),
		cmocka_unit_test(requests_in_the_dialog),
		cmocka_unit_test(after_our_bye_only_theirs_is_welcome),
		cmocka_unit_test(an_invite_without_contact_makes_no_dialog),
		cmocka_unit_test(a_flow_that_is_up_comes_first),
		cmocka_unit_test(responses_that_make_no_dialog),
		cmocka_unit_test(without_memory_it_fails_whole),
	};

	return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
