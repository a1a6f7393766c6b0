/**
 * @file dialog.c  Dialogs
 *
 * RFC 3261 section 12. Everything a dialog says is a request.h request, which
 * stands on a `struct turn`: while one is under way the dialog stays, also
 * without an owner, so that a BYE is seen through and a late 2xx to an INVITE
 * finds somebody who acknowledges it and hangs up.
 */
#include <assert.h>

#include "bridge/base/libre.h"
#include "bridge/base/log.h"
#include "core.h"
#include "dialog.h"
#include "digest.h"
#include "inner.h"
#include "msg.h"
#include "parse.h"
#include "stack.h"
#include "strans.h"
#include "transp.h"


enum {
	CALLID_DIGITS = 24,
	TAG_DIGITS    = 16,
};


enum dialog_state {
	HALF,                      /* of a caller, no remote tag           */
	EARLY,                     /* of a caller, no 2xx: the route set
				      may still change                     */
	CONFIRMED,                 /* a callee's is so from the start: it
				      knows all it ever will               */
	TERMINATED,                /* BYE sent                             */
};

static const char *const namev[] = {
	[HALF]       = "half",
	[EARLY]      = "early",
	[CONFIRMED]  = "confirmed",
	[TERMINATED] = "terminated",
};

static const unsigned successors[] = {
	[HALF]       = 0,
	[EARLY]      = 1u << CONFIRMED | 1u << TERMINATED,
	[CONFIRMED]  = 1u << TERMINATED,
	[TERMINATED] = 0,
};


struct dialog {
	struct le he;              /* in the stack's table, by local tag   */
	struct stack *stack;       /* borrowed, outlives us                */
	char *callid;              /* these strings: owned or shared       */
	char *local_tag;
	char *remote_tag;          /* NULL: half, or the peer gave none    */
	char *local;               /* From of our requests, tag included   */
	char *remote;              /* To, tag included if known            */
	char *target;
	char **routev;             /* owned, of routec owned strings       */
	size_t routec;
	char *contact;
	char *user_agent;          /* NULL: the stack's                    */
	char *hdrs;                /* NULL: none                           */
	struct hop hop;            /* names as above; flow: ref            */
	struct digest *digest;     /* ref, NULL                            */
	struct mbuf *credentials;  /* ref, of the last INVITE, for its ACK */
	struct request *ack;       /* owned, the last one                  */
	struct request *bye;       /* owned, while under way               */
	dialog_request_h *h;
	void *arg;
	unsigned turnc;            /* requests under way                   */
	uint32_t local_cseq;
	uint32_t ack_cseq;
	uint32_t remote_cseq;      /* with remote_cseq_set                 */
	bool remote_cseq_set;
	bool owned;                /* somebody holds a reference           */
	enum dialog_state state;
};

/** A request under way in a dialog */
struct turn {
	struct dialog *dlg;        /* counted in its turnc                 */
};


/* Nobody is there: a BYE that crosses ours is fine, nothing else is */
static void request_default(struct dialog *dlg, struct strans *st,
			    const struct sip_msg *msg, void *arg)
{
	(void)dlg;
	(void)arg;

	if (!pl_strcmp(&msg->met, "BYE"))
		strans_reject(st, 200, "OK");
	else
		strans_reject(st, 481, "Call/Transaction Does Not Exist");
}


static void routes_clear(struct dialog *dlg)
{
	for (size_t i = 0; i < dlg->routec; i++)
		mem_deref(dlg->routev[i]);

	dlg->routev = mem_deref(dlg->routev);
	dlg->routec = 0;
}


static void unlink_table(struct dialog *dlg)
{
	if (!dlg->he.list)
		return;

	hash_unlink(&dlg->he);
	stack_dialogs_add(dlg->stack, -1);
}


static void destructor(void *data)
{
	struct dialog *dlg = data;

	/* The owner has gone, what was begun is seen through */
	if (dlg->owned && dlg->turnc) {
		dlg->owned = false;
		dlg->h     = request_default;
		dlg->arg   = NULL;
		mem_ref(dlg);
		return;
	}

	unlink_table(dlg);
	mem_deref(dlg->ack);
	mem_deref(dlg->bye);
	mem_deref(dlg->credentials);
	mem_deref(dlg->digest);
	mem_deref(dlg->hop.flow);
	mem_deref(dlg->hop.health);
	mem_deref((void *)(uintptr_t)dlg->hop.via_host);
	mem_deref((void *)(uintptr_t)dlg->hop.tls_name);
	mem_deref((void *)(uintptr_t)dlg->hop.host);
	mem_deref(dlg->hdrs);
	mem_deref(dlg->user_agent);
	mem_deref(dlg->contact);
	routes_clear(dlg);
	mem_deref(dlg->target);
	mem_deref(dlg->remote);
	mem_deref(dlg->local);
	mem_deref(dlg->remote_tag);
	mem_deref(dlg->local_tag);
	mem_deref(dlg->callid);
}


static void turn_destructor(void *data)
{
	struct turn *turn = data;
	struct dialog *dlg = turn->dlg;

	if (--dlg->turnc == 0 && !dlg->owned)
		mem_deref(dlg);
}


static void set_state(struct dialog *dlg, enum dialog_state next)
{
	assert(successors[dlg->state] & (1u << next));

	debug("dialog", dlg->callid, "%s -> %s", namev[dlg->state],
	      namev[next]);

	dlg->state = next;
}


/* ------------------------------------------------------------------ */
/* Reading messages                                                    */


/* Contact's URI, without headers: those may not stand in a Request-URI (RFC
   3261 section 19.1.1, table 1) */
static int contact_read(struct pl *uri, const struct sip_msg *msg)
{
	const struct sip_hdr *hdr;
	struct sip_addr addr;

	hdr = sip_msg_hdr(msg, SIP_HDR_CONTACT);
	if (!hdr || parse_addr(&addr, &hdr->val))
		return EPROTO;

	*uri = addr.auri;

	if (pl_isset(&addr.uri.headers)) {
		uri->l = (size_t)(addr.uri.headers.p - uri->p);
		if (uri->l && uri->p[uri->l - 1] == '?')
			--uri->l;
	}

	return 0;
}


static int target_set(struct dialog *dlg, const struct pl *uri)
{
	char *target;

	if (dlg->target && !pl_strcmp(uri, dlg->target))
		return 0;

	if (pl_strdup(&target, uri))
		return ENOMEM;

	mem_deref(dlg->target);
	dlg->target = target;

	return 0;
}


static bool is_target_refresh(const struct pl *method)
{
	static const char *const methodv[] = {
		"INVITE", "UPDATE", "SUBSCRIBE", "NOTIFY", "REFER",
	};

	for (size_t i = 0; i < ARRAY_SIZE(methodv); i++) {
		if (!pl_strcmp(method, methodv[i]))
			return true;
	}

	return false;
}


static int routes_alloc(struct dialog *dlg, size_t c)
{
	routes_clear(dlg);

	if (!c)
		return 0;

	dlg->routev = mem_zalloc(c * sizeof(*dlg->routev), NULL);

	return dlg->routev ? 0 : ENOMEM;
}


static bool route_count(const struct sip_hdr *hdr, const struct sip_msg *msg,
			void *arg)
{
	size_t *c = arg;
	(void)hdr;
	(void)msg;

	++*c;

	return false;
}


static bool route_add(const struct sip_hdr *hdr, const struct sip_msg *msg,
		      void *arg)
{
	struct dialog *dlg = arg;
	(void)msg;

	if (pl_strdup(&dlg->routev[dlg->routec], &hdr->val))
		return true;

	++dlg->routec;

	return false;
}


/**
 * Take the route set from Record-Route
 *
 * @param fwd  In order (we are called, RFC 3261 section 12.1.1), or reversed
 *             (we call, section 12.1.2)
 */
static int routes_read(struct dialog *dlg, const struct sip_msg *msg,
		       bool fwd)
{
	size_t c = 0;
	int err;

	(void)sip_msg_hdr_apply(msg, true, SIP_HDR_RECORD_ROUTE, route_count,
				&c);
	err = routes_alloc(dlg, c);
	if (err || !c)
		return err;

	return sip_msg_hdr_apply(msg, fwd, SIP_HDR_RECORD_ROUTE, route_add,
				 dlg) ? ENOMEM : 0;
}


/* ------------------------------------------------------------------ */
/* Making dialogs                                                      */


static int str_optional(char **dst, const char *src)
{
	return src ? str_dup(dst, src) : 0;
}


static int hop_copy(struct hop *dst, const struct hop *src)
{
	char *host = NULL, *tls_name = NULL, *via_host = NULL;
	int err;

	err  = str_optional(&host, src->host);
	err |= str_optional(&tls_name, src->tls_name);
	err |= str_optional(&via_host, src->via_host);

	*dst = *src;
	dst->host     = host;
	dst->tls_name = tls_name;
	dst->via_host = via_host;
	dst->flow     = mem_ref(src->flow);
	dst->health   = mem_ref(src->health);

	return err ? ENOMEM : 0;
}


/* What callers and callees alike are given */
static int params_copy(struct dialog *dlg, const struct dialog_param *prm)
{
	int err;

	err  = hop_copy(&dlg->hop, &prm->hop);
	err |= str_optional(&dlg->contact, prm->contact);
	err |= str_optional(&dlg->user_agent, prm->user_agent);
	err |= str_optional(&dlg->hdrs, prm->hdrs);
	dlg->digest = mem_ref(prm->digest);

	return err ? ENOMEM : 0;
}


static struct dialog *dialog_new(struct stack *stack, enum dialog_state state)
{
	struct dialog *dlg;

	dlg = mem_zalloc(sizeof(*dlg), destructor);
	if (!dlg)
		return NULL;

	dlg->stack = stack;
	dlg->state = state;
	dlg->h     = request_default;

	return dlg;
}


static void link_table(struct dialog *dlg)
{
	hash_append(dialog_table(dlg->stack), hash_joaat_str(dlg->local_tag),
		    &dlg->he, dlg);
	stack_dialogs_add(dlg->stack, 1);
}


static int token_dup(char **dst, size_t digits)
{
	char *token;

	token = mem_alloc(digits + 1, NULL);
	if (!token)
		return ENOMEM;

	token_random(token, digits);
	*dst = token;

	return 0;
}


static int local_print(struct dialog *dlg, const struct dialog_param *prm)
{
	const char *params = prm->from_params ? prm->from_params : "";
	struct pl name;

	if (!str_isset(prm->local_name))
		return re_sdprintf(&dlg->local, "<%s>%s;tag=%s",
				   prm->local_uri, params, dlg->local_tag);

	pl_set_str(&name, prm->local_name);

	return re_sdprintf(&dlg->local, "\"%H\" <%s>%s;tag=%s", msg_quote,
			   &name, prm->local_uri, params, dlg->local_tag);
}


static int routes_preload(struct dialog *dlg, const struct dialog_param *prm)
{
	int err;

	err = routes_alloc(dlg, prm->routec);

	for (size_t i = 0; i < prm->routec && !err; i++) {
		err = str_dup(&dlg->routev[i], prm->routev[i]);
		if (!err)
			++dlg->routec;
	}

	return err;
}


int dialog_alloc(struct dialog **dlgp, struct stack *stack,
		 const struct dialog_param *prm)
{
	struct dialog *dlg;
	int err;

	if (!dlgp || !stack || !prm || !prm->local_uri || !prm->remote_uri ||
	    !prm->target)
		return EINVAL;

	dlg = dialog_new(stack, HALF);
	if (!dlg)
		return ENOMEM;

	err = params_copy(dlg, prm);
	if (err)
		goto out;

	err = prm->callid ? str_dup(&dlg->callid, prm->callid)
		: token_dup(&dlg->callid, CALLID_DIGITS);
	if (err)
		goto out;

	err = token_dup(&dlg->local_tag, TAG_DIGITS);
	if (err)
		goto out;

	err = local_print(dlg, prm);
	if (err)
		goto out;

	err  = re_sdprintf(&dlg->remote, "<%s>", prm->remote_uri);
	err |= str_dup(&dlg->target, prm->target);
	if (err)
		goto out;

	err = routes_preload(dlg, prm);

 out:
	if (err) {
		mem_deref(dlg);
		return err;
	}

	dlg->owned = true;
	*dlgp = dlg;

	return 0;
}


int dialog_accept(struct dialog **dlgp, struct stack *stack,
		  const struct sip_msg *msg, const struct dialog_param *prm)
{
	struct dialog *dlg;
	struct pl target;
	int err;

	if (!dlgp || !stack || !msg || !prm)
		return EINVAL;

	err = contact_read(&target, msg);
	if (err)
		return err;

	dlg = dialog_new(stack, CONFIRMED);
	if (!dlg)
		return ENOMEM;

	err = params_copy(dlg, prm);
	if (err)
		goto out;

	err = token_dup(&dlg->local_tag, TAG_DIGITS);
	if (err)
		goto out;

	err  = pl_strdup(&dlg->callid, &msg->callid);
	err |= pl_strdup(&dlg->remote, &msg->from.val);
	err |= re_sdprintf(&dlg->local, "%r;tag=%s", &msg->to.val,
			   dlg->local_tag);
	if (pl_isset(&msg->from.tag))
		err |= pl_strdup(&dlg->remote_tag, &msg->from.tag);
	err |= target_set(dlg, &target);
	if (err)
		goto out;

	err = routes_read(dlg, msg, true);

 out:
	if (err) {
		mem_deref(dlg);
		return err;
	}

	dlg->remote_cseq     = msg->cseq.num;
	dlg->remote_cseq_set = true;
	dlg->owned           = true;
	link_table(dlg);
	*dlgp = dlg;

	return 0;
}


/* Strings that do not change are shared */
static void share(struct dialog *dlg, const struct dialog *half)
{
	dlg->callid     = mem_ref(half->callid);
	dlg->local_tag  = mem_ref(half->local_tag);
	dlg->local      = mem_ref(half->local);
	dlg->target     = mem_ref(half->target);
	dlg->contact    = mem_ref(half->contact);
	dlg->user_agent = mem_ref(half->user_agent);
	dlg->hdrs       = mem_ref(half->hdrs);
	dlg->digest     = mem_ref(half->digest);
	dlg->credentials = mem_ref(half->credentials);
	dlg->local_cseq = half->local_cseq;

	dlg->hop = half->hop;
	mem_ref((void *)(uintptr_t)dlg->hop.host);
	mem_ref((void *)(uintptr_t)dlg->hop.tls_name);
	mem_ref((void *)(uintptr_t)dlg->hop.via_host);
	mem_ref(dlg->hop.flow);
	mem_ref(dlg->hop.health);
}


static int fork_dialog(struct dialog **dlgp, const struct dialog *half,
		       const struct sip_msg *msg)
{
	struct dialog *dlg;
	struct pl target;
	int err;

	dlg = dialog_new(half->stack, msg->scode < 200 ? EARLY : CONFIRMED);
	if (!dlg)
		return ENOMEM;

	share(dlg, half);

	err  = pl_strdup(&dlg->remote, &msg->to.val);
	if (pl_isset(&msg->to.tag))
		err |= pl_strdup(&dlg->remote_tag, &msg->to.tag);
	if (!contact_read(&target, msg))
		err |= target_set(dlg, &target);
	err |= routes_read(dlg, msg, false);
	if (err) {
		mem_deref(dlg);
		return ENOMEM;
	}

	dlg->owned = true;
	link_table(dlg);
	*dlgp = dlg;

	return 0;
}


int dialog_fork(struct dialog **dlgp, const struct dialog *half,
		const struct sip_msg *msg)
{
	struct pl contact;

	if (!dlgp || !half || !msg || half->state != HALF)
		return EINVAL;

	if (!pl_isset(&msg->to.tag))
		return EPROTO;

	if (msg->scode >= 200 && contact_read(&contact, msg))
		return EPROTO;

	return fork_dialog(dlgp, half, msg);
}


bool dialog_is_of(const struct dialog *dlg, const struct sip_msg *msg)
{
	const struct pl *tag;

	if (!dlg || !msg)
		return false;

	tag = msg->req ? &msg->from.tag : &msg->to.tag;

	return dlg->remote_tag ? !pl_strcmp(tag, dlg->remote_tag)
		: !pl_isset(tag);
}


int dialog_update(struct dialog *dlg, const struct sip_msg *msg)
{
	struct pl target;
	int err = 0;

	if (!dlg || !msg || dlg->state == HALF)
		return EINVAL;

	if (!contact_read(&target, msg))
		err = target_set(dlg, &target);

	/* RFC 3261 section 13.2.2.4: recomputed from the 2xx */
	if (dlg->state == EARLY && !msg->req && msg->scode >= 200) {
		err |= routes_read(dlg, msg, false);
		set_state(dlg, CONFIRMED);
	}

	return err;
}


/* ------------------------------------------------------------------ */
/* Finding dialogs                                                     */


struct wanted {
	struct pl callid, local_tag, remote_tag;
};


static bool is_wanted(struct le *le, void *arg)
{
	const struct dialog *dlg = le->data;
	const struct wanted *wanted = arg;

	return !pl_strcmp(&wanted->local_tag, dlg->local_tag) &&
		!pl_strcmp(&wanted->callid, dlg->callid) &&
		(dlg->remote_tag ?
		 !pl_strcmp(&wanted->remote_tag, dlg->remote_tag)
		 : !pl_isset(&wanted->remote_tag));
}


static struct dialog *find(const struct stack *stack, struct wanted *wanted)
{
	struct le *le;

	le = hash_lookup(dialog_table(stack),
			 hash_joaat_pl(&wanted->local_tag), is_wanted,
			 wanted);

	return le ? le->data : NULL;
}


struct dialog *dialog_find(const struct stack *stack, const char *callid,
			   const char *local_tag, const char *remote_tag)
{
	struct wanted wanted;
	struct dialog *dlg;

	if (!stack || !callid || !local_tag)
		return NULL;

	pl_set_str(&wanted.callid, callid);
	pl_set_str(&wanted.local_tag, local_tag);
	pl_set_str(&wanted.remote_tag, remote_tag ? remote_tag : "");

	dlg = find(stack, &wanted);

	return dlg && dlg->owned && dlg->state != TERMINATED ? dlg : NULL;
}


bool dialog_receive(struct stack *stack, struct strans *st,
		    const struct sip_msg *msg)
{
	struct wanted wanted = {
		.callid     = msg->callid,
		.local_tag  = msg->to.tag,
		.remote_tag = msg->from.tag,
	};
	struct dialog *dlg;
	struct pl target;

	dlg = find(stack, &wanted);
	if (!dlg)
		return false;

	/* RFC 3261 section 12.2.2 */
	if (dlg->remote_cseq_set && msg->cseq.num < dlg->remote_cseq) {
		info("dialog", dlg->callid, "%r out of order: CSeq %u after"
		     " %u", &msg->met, msg->cseq.num, dlg->remote_cseq);
		strans_reject(st, 500, "CSeq Out of Order");
		return true;
	}
	dlg->remote_cseq     = msg->cseq.num;
	dlg->remote_cseq_set = true;

	if (dlg->state == TERMINATED) {
		request_default(dlg, st, msg, NULL);
		return true;
	}

	if (is_target_refresh(&msg->met) && !contact_read(&target, msg))
		(void)target_set(dlg, &target);

	dlg->h(dlg, st, msg, dlg->arg);

	return true;
}


void dialog_handler_set(struct dialog *dlg, dialog_request_h *h, void *arg)
{
	if (!dlg)
		return;

	dlg->h   = h ? h : request_default;
	dlg->arg = arg;
}


/* ------------------------------------------------------------------ */
/* Saying something                                                    */


/* Request-URI and Route as RFC 3261 section 12.2.1.1 wants them */
struct way {
	struct pl ruri;
	struct pl next;            /* URI that says where to send          */
	bool strict;               /* the first route is a strict router   */
};


static int find_way(struct way *way, const struct dialog *dlg)
{
	struct sip_addr addr;
	struct pl route, end;

	pl_set_str(&way->ruri, dlg->target);
	way->next   = way->ruri;
	way->strict = false;

	if (!dlg->routec)
		return 0;

	pl_set_str(&route, dlg->routev[0]);
	if (parse_addr(&addr, &route))
		return EPROTO;

	way->next   = addr.auri;
	way->strict = msg_param_exists(&addr.uri.params, "lr", &end) != 0;
	if (way->strict)
		way->ruri = addr.auri;

	return 0;
}


/**
 * The hop for a URI
 *
 * @param hostp  Takes hop->host, owned by the caller
 */
static int hop_of_uri(struct hop *hop, char **hostp, const struct pl *val)
{
	const struct pl name = PL("transport");
	struct pl transport;
	struct uri uri;
	int err;

	err = parse_uri(&uri, val);
	if (err)
		return err;

	if (!pl_strcasecmp(&uri.scheme, "sips"))
		hop->tp = SIP_TRANSP_TLS;
	else if (pl_strcasecmp(&uri.scheme, "sip"))
		return EDESTADDRREQ;            /* tel: says not where */
	else if (uri_param_get(&uri.params, &name, &transport))
		hop->tp = SIP_TRANSP_NONE;
	else if (!pl_strcasecmp(&transport, "udp"))
		hop->tp = SIP_TRANSP_UDP;
	else if (!pl_strcasecmp(&transport, "tcp"))
		hop->tp = SIP_TRANSP_TCP;
	else if (!pl_strcasecmp(&transport, "tls"))
		hop->tp = SIP_TRANSP_TLS;
	else
		return EPROTONOSUPPORT;

	err = pl_strdup(hostp, &uri.host);
	if (err)
		return err;

	hop->host     = *hostp;
	hop->port     = uri.port;
	hop->tls_name = NULL;

	return 0;
}


/* Where the request goes: see dialog_request() */
static int find_hop(struct hop *hop, char **hostp, const struct dialog *dlg,
		    const struct way *way)
{
	int err;

	*hop = dlg->hop;
	if (hop->flow && !flow_is_up(hop->flow))
		hop->flow = NULL;

	if (!dlg->routec && hop->host)
		return 0;

	err = hop_of_uri(hop, hostp, &way->next);

	/* A flow that is up needs no address */
	return hop->flow ? 0 : err;
}


static int write_head(struct mbuf *mb, const struct dialog *dlg,
		      const struct way *way, const struct pl *method,
		      const char *hdrs)
{
	int err = 0;

	for (size_t i = way->strict; i < dlg->routec; i++)
		err |= mbuf_printf(mb, "Route: %s\r\n", dlg->routev[i]);
	if (way->strict)
		err |= mbuf_printf(mb, "Route: <%s>\r\n", dlg->target);

	err |= mbuf_printf(mb, "From: %s\r\nTo: %s\r\nCall-ID: %s\r\n",
			   dlg->local, dlg->remote, dlg->callid);
	if (dlg->contact && is_target_refresh(method))
		err |= mbuf_printf(mb, "Contact: %s\r\n", dlg->contact);
	if (dlg->hdrs)
		err |= mbuf_write_str(mb, dlg->hdrs);
	if (hdrs)
		err |= mbuf_write_str(mb, hdrs);

	return err | mbuf_write_u8(mb, 0);
}


/* Write and send a request in the dialog: cseq, ground and body aside, all
   of them are alike */
static int send_request(struct request **reqp, struct dialog *dlg,
			struct request_param *prm, const char *hdrs,
			const struct request_ground *ground, request_h *h,
			void *arg)
{
	struct mbuf *mb = NULL;
	char *host = NULL, *ruri = NULL;
	struct pl method;
	struct way way;
	int err;

	err = find_way(&way, dlg);
	if (err)
		return err;

	err = find_hop(&prm->hop, &host, dlg, &way);
	if (err)
		goto out;

	mb = mbuf_alloc(512);
	if (!mb) {
		err = ENOMEM;
		goto out;
	}

	pl_set_str(&method, prm->method);
	err  = write_head(mb, dlg, &way, &method, hdrs);
	err |= pl_strdup(&ruri, &way.ruri);
	if (err)
		goto out;

	prm->ruri        = ruri;
	prm->head        = (const char *)mb->buf;
	prm->digest      = dlg->digest;
	prm->reuse_nonce = true;
	prm->user_agent  = dlg->user_agent;

	err = request_send_on(reqp, dlg->stack, prm, ground, h, arg);

 out:
	mem_deref(ruri);
	mem_deref(mb);
	mem_deref(host);

	return err;
}


static struct turn *turn_new(struct dialog *dlg)
{
	struct turn *turn;

	turn = mem_zalloc(sizeof(*turn), turn_destructor);
	if (!turn)
		return NULL;

	turn->dlg = dlg;
	++dlg->turnc;

	return turn;
}


/* Somewhere else to put the credentials of a new INVITE: the ACK to the one
   before may still need its own */
static int credentials_renew(struct dialog *dlg)
{
	if (!dlg->digest)
		return 0;

	mem_deref(dlg->credentials);
	dlg->credentials = mbuf_alloc(384);

	return dlg->credentials ? 0 : ENOMEM;
}


static void late_handler(const struct sip_msg *msg, void *ground);


int dialog_request(struct request **reqp, struct dialog *dlg,
		   const char *method, const char *hdrs, const char *ctype,
		   const struct mbuf *body, request_h *h, void *arg)
{
	struct request_ground ground = { 0 };
	struct request_param prm = {
		.method = method,
		.ctype  = ctype,
		.body   = body,
	};
	struct turn *turn;
	int err;

	if (!reqp || !dlg || !method)
		return EINVAL;

	if (!strcmp(method, "INVITE")) {
		err = credentials_renew(dlg);
		if (err)
			return err;
		ground.credentials = dlg->credentials;
		ground.lateh       = late_handler;
	}

	turn = turn_new(dlg);
	if (!turn)
		return ENOMEM;

	ground.object = turn;
	prm.cseq      = &dlg->local_cseq;
	err = send_request(reqp, dlg, &prm, hdrs, &ground, h, arg);
	mem_deref(turn);

	return err;
}


int dialog_ack(struct dialog *dlg, const struct sip_msg *resp,
	       const char *ctype, const struct mbuf *body)
{
	struct request_ground ground = { 0 };
	struct request_param prm = {
		.method = "ACK",
		.ctype  = ctype,
		.body   = body,
	};
	struct request *ack = NULL;
	int err;

	if (!dlg || !resp || dlg->state == HALF)
		return EINVAL;

	/* RFC 3261 section 13.2.2.4: number and credentials of the INVITE */
	dlg->ack_cseq      = resp->cseq.num;
	prm.cseq           = &dlg->ack_cseq;
	ground.credentials = dlg->credentials;

	err = send_request(&ack, dlg, &prm, NULL, &ground, NULL, NULL);
	if (err)
		return err;

	mem_deref(dlg->ack);
	dlg->ack = ack;

	return 0;
}


int dialog_ack_again(struct dialog *dlg, const struct sip_msg *resp)
{
	if (!dlg || !resp)
		return EINVAL;

	if (!dlg->ack || dlg->ack_cseq != resp->cseq.num)
		return ENOENT;

	return request_repeat(dlg->ack);
}


/* The dialog may end here, if this was all that kept it */
static void bye_handler(int err, const struct sip_msg *msg, void *arg)
{
	struct dialog *dlg = arg;
	struct request *bye = dlg->bye;

	if (msg && msg->scode < 200)
		return;

	if (err)
		info("dialog", dlg->callid, "BYE: %s", request_why(bye));
	else if (msg->scode >= 300)
		info("dialog", dlg->callid, "BYE: %u %r", msg->scode,
		     &msg->reason);

	dlg->bye = NULL;
	mem_deref(bye);
}


int dialog_bye(struct dialog *dlg, const char *hdrs)
{
	if (!dlg || dlg->state == HALF)
		return EINVAL;

	if (dlg->state == TERMINATED)
		return EALREADY;

	set_state(dlg, TERMINATED);

	return dialog_request(&dlg->bye, dlg, "BYE", hdrs, NULL, NULL,
			      bye_handler, dlg);
}


/* An INVITE nobody waits for was answered: by a call that was given up, or
   by one more branch of it. Its dialog is made for a last word. */
static void late_new(const struct dialog *half, const struct sip_msg *msg)
{
	struct dialog *dlg;

	if (half->state != HALF || fork_dialog(&dlg, half, msg))
		return;

	info("dialog", dlg->callid, "late %u %r: acknowledged, ended",
	     msg->scode, &msg->reason);

	(void)dialog_ack(dlg, msg, NULL, NULL);
	(void)dialog_bye(dlg, NULL);
	mem_deref(dlg);
}


/* Of a request without owner: see request_late_h */
static void late_handler(const struct sip_msg *msg, void *ground)
{
	const struct turn *turn = ground;
	struct wanted wanted = {
		.callid     = msg->callid,
		.local_tag  = msg->from.tag,
		.remote_tag = msg->to.tag,
	};
	struct dialog *dlg;
	bool early;

	dlg = find(turn->dlg->stack, &wanted);
	if (!dlg) {
		late_new(turn->dlg, msg);
		return;
	}

	/* A 2xx repeated, of a call that stands: its ACK was lost */
	if (!dialog_ack_again(dlg, msg))
		return;

	early = dlg->state == EARLY;
	(void)dialog_update(dlg, msg);
	(void)dialog_ack(dlg, msg, NULL, NULL);
	if (early || !dlg->owned)
		(void)dialog_bye(dlg, NULL);
}


/* ------------------------------------------------------------------ */


const char *dialog_callid(const struct dialog *dlg)
{
	return dlg ? dlg->callid : NULL;
}


const char *dialog_local_tag(const struct dialog *dlg)
{
	return dlg ? dlg->local_tag : NULL;
}


const char *dialog_remote_tag(const struct dialog *dlg)
{
	return dlg ? dlg->remote_tag : NULL;
}


const char *dialog_remote_target(const struct dialog *dlg)
{
	return dlg ? dlg->target : NULL;
}


const char *dialog_contact(const struct dialog *dlg)
{
	return dlg ? dlg->contact : NULL;
}


void *dialog_arg(const struct dialog *dlg)
{
	return dlg ? dlg->arg : NULL;
}


/* The stack ends: nothing is said any more */
void dialog_close(struct stack *stack)
{
	struct hash *table = dialog_table(stack);

	for (uint32_t i = 0; i < hash_bsize(table); i++) {

		struct list *bucket = hash_list(table, i);

		while (bucket->head) {

			struct dialog *dlg = bucket->head->data;

			unlink_table(dlg);
			dlg->bye = mem_deref(dlg->bye);
		}
	}
}
