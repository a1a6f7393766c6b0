/**
 * @file msg.c  SIP messages in the way Teams writes them
 */
#include "msg.h"
#include "conn.h"


static const char build[] = "Microsoft.PSTNHub.SIPProxy v.2026.5.11.3";


const char *msg_phrase(uint16_t scode)
{
	static const struct {
		uint16_t scode;
		const char *phrase;
	} phrasev[] = {
		{180, "Ringing"}, {183, "Session Progress"}, {200, "OK"},
		{202, "Accepted"}, {400, "Bad Request"}, {403, "Forbidden"},
		{404, "Not Found"}, {405, "Method Not Allowed"},
		{408, "Request Timeout"}, {410, "Gone"},
		{415, "Unsupported Media Type"}, {420, "Bad Extension"},
		{422, "Session Interval Too Small"},
		{480, "Temporarily Unavailable"},
		{481, "Call/Transaction Does Not Exist"},
		{486, "Busy Here"}, {487, "Request Terminated"},
		{488, "Not Acceptable Here"}, {491, "Request Pending"},
		{500, "Server Internal Error"}, {501, "Not Implemented"},
		{503, "Service Unavailable"}, {603, "Decline"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(phrasev); i++) {
		if (phrasev[i].scode == scode)
			return phrasev[i].phrase;
	}

	return "Failure";
}


bool pl_is_address(const struct pl *host)
{
	struct sa sa;

	return !sa_set(&sa, host, 0);
}


char *pl_string(const struct pl *pl)
{
	char *s = NULL;

	(void)pl_strdup(&s, pl);

	return s;
}


static const struct sip_hdr *find_header(const struct sip_msg *msg,
					 const char *name)
{
	struct le *le;

	LIST_FOREACH(&msg->hdrl, le)
	{
		const struct sip_hdr *hdr = le->data;

		if (!pl_strcasecmp(&hdr->name, name))
			return hdr;
	}

	return NULL;
}


struct pl msg_value(const struct sip_msg *msg, const char *name)
{
	const struct sip_hdr *hdr = find_header(msg, name);

	return hdr ? hdr->val : pl_null;
}


char *msg_value_dup(const struct sip_msg *msg, const char *name)
{
	const struct sip_hdr *hdr = find_header(msg, name);

	return hdr ? pl_string(&hdr->val) : NULL;
}


static bool token_in(struct pl list, const char *token)
{
	const size_t n = strlen(token);

	while (list.l) {
		struct pl item = list;
		size_t used;

		for (used = 0; used < list.l && list.p[used] != ','; used++)
			;

		item.l = used;
		while (item.l && strchr(" \t", *item.p))
			pl_advance(&item, 1);
		while (item.l && strchr(" \t", item.p[item.l - 1]))
			--item.l;

		if (item.l == n && !strncasecmp(item.p, token, n))
			return true;

		pl_advance(&list, (ssize_t)(used < list.l ? used + 1 : used));
	}

	return false;
}


bool msg_lists(const struct sip_msg *msg, const char *name, const char *token)
{
	struct le *le;

	LIST_FOREACH(&msg->hdrl, le)
	{
		const struct sip_hdr *hdr = le->data;

		if (!pl_strcasecmp(&hdr->name, name) &&
		    token_in(hdr->val, token))
			return true;
	}

	return false;
}


uint32_t msg_number(const struct pl *val)
{
	struct pl digits = {val->p, 0};

	while (digits.l < val->l && val->p[digits.l] >= '0' &&
	       val->p[digits.l] <= '9')
		++digits.l;

	return digits.l ? pl_u32(&digits) : 0;
}


int msg_contact(const struct sip_msg *msg, struct sip_addr *addr)
{
	const struct sip_hdr *hdr = find_header(msg, "Contact");

	if (!hdr)
		hdr = find_header(msg, "m");
	if (!hdr)
		return ENOENT;

	return sip_addr_decode(addr, &hdr->val) ? EBADMSG : 0;
}


static void route_destructor(void *arg)
{
	struct route *route = arg;

	list_unlink(&route->le);
	mem_deref(route->value);
}


int msg_routes(struct list *routel, const struct sip_msg *msg, bool reverse)
{
	struct le *le;

	LIST_FOREACH(&msg->hdrl, le)
	{
		const struct sip_hdr *hdr = le->data;
		struct route *route;

		if (pl_strcasecmp(&hdr->name, "Record-Route"))
			continue;

		route = mem_zalloc(sizeof(*route), route_destructor);
		if (!route)
			return ENOMEM;

		route->value = pl_string(&hdr->val);
		if (reverse)
			list_prepend(routel, &route->le, route);
		else
			list_append(routel, &route->le, route);
	}

	return 0;
}


static int write_routes(struct mbuf *mb, const struct list *routel)
{
	struct le *le;
	int err = 0;

	LIST_FOREACH(routel, le)
	{
		const struct route *route = le->data;

		err |= mbuf_printf(mb, "ROUTE: %s\r\n", route->value);
	}

	return err;
}


static int write_identity(struct mbuf *mb, const struct instance *inst,
			  bool record_route, const char *contact)
{
	int err = 0;

	if (record_route)
		err |= mbuf_printf(mb,
				   "RECORD-ROUTE: "
				   "<sip:%s:5061;transport=tls;lr>\r\n",
				   inst->route_host);
	if (contact)
		err |= mbuf_printf(mb, "CONTACT: <%s>\r\n", contact);

	return err;
}


int msg_request(struct mbuf **mbp, const struct outline *line)
{
	const size_t body_len = line->body ? strlen(line->body) : 0;
	const struct instance *inst = line->inst;
	struct mbuf *mb = mbuf_alloc(2048);
	int err = 0;

	if (!mb)
		return ENOMEM;

	err |= mbuf_printf(mb, "%s %s SIP/2.0\r\n", line->method, line->ruri);
	err |= mbuf_printf(mb, "FROM: %s\r\n", line->from);
	err |= mbuf_printf(mb, "TO: %s\r\n", line->to);
	err |= mbuf_printf(mb, "CSEQ: %u %s\r\n", line->cseq, line->method);
	err |= mbuf_printf(mb, "CALL-ID: %s\r\n", line->callid);
	err |= mbuf_printf(mb, "MAX-FORWARDS: 70\r\n");
	err |= mbuf_printf(mb, "VIA: SIP/2.0/TLS %J;branch=%s\r\n",
			   &inst->addr, line->branch);
	if (line->routel)
		err |= write_routes(mb, line->routel);
	err |= write_identity(mb, inst, line->dialog, line->contact);
	err |= mbuf_printf(mb, "CONTENT-LENGTH: %zu\r\n", body_len);
	if (line->early)
		err |= mbuf_write_str(mb, line->early);
	err |= mbuf_printf(mb, "USER-AGENT: %s i.%s\r\n", build, inst->site);
	if (line->ctype)
		err |= mbuf_printf(mb, "CONTENT-TYPE: %s\r\n", line->ctype);
	if (line->allow)
		err |= mbuf_printf(mb, "ALLOW: " MSG_ALLOW "\r\n");
	if (line->late)
		err |= mbuf_write_str(mb, line->late);
	err |= mbuf_write_str(mb, "\r\n");
	if (body_len)
		err |= mbuf_write_str(mb, line->body);

	if (err) {
		mem_deref(mb);
		return ENOMEM;
	}

	mb->pos = 0;
	*mbp = mb;

	return 0;
}


static int write_vias(struct mbuf *mb, const struct sip_msg *req)
{
	struct le *le;
	int err = 0;

	LIST_FOREACH(&req->hdrl, le)
	{
		const struct sip_hdr *hdr = le->data;

		if (!pl_strcasecmp(&hdr->name, "Via") ||
		    !pl_strcasecmp(&hdr->name, "v"))
			err |= mbuf_printf(mb, "VIA: %r\r\n", &hdr->val);
	}

	return err;
}


int msg_reply(struct conn *conn, const struct sip_msg *req,
	      const struct answer *answer)
{
	const size_t body_len = answer->body ? strlen(answer->body) : 0;
	const bool add_tag = answer->tag && !pl_isset(&req->to.tag);
	struct mbuf *mb = mbuf_alloc(1024);
	int err = 0;

	if (!mb)
		return ENOMEM;

	err |= mbuf_printf(mb, "SIP/2.0 %u %s\r\n", answer->scode,
			   answer->reason ? answer->reason
					  : msg_phrase(answer->scode));
	err |= mbuf_printf(mb, "FROM: %r\r\n", &req->from.val);
	err |= mbuf_printf(mb, "TO: %r%s%s\r\n", &req->to.val,
			   add_tag ? ";tag=" : "", add_tag ? answer->tag : "");
	err |= mbuf_printf(mb, "CSEQ: %u %r\r\n", req->cseq.num,
			   &req->cseq.met);
	err |= mbuf_printf(mb, "CALL-ID: %r\r\n", &req->callid);
	err |= write_vias(mb, req);
	err |= write_identity(mb, answer->inst, answer->inst != NULL,
			      answer->contact);
	err |= mbuf_printf(mb, "CONTENT-LENGTH: %zu\r\n", body_len);
	if (answer->ctype)
		err |= mbuf_printf(mb, "CONTENT-TYPE: %s\r\n", answer->ctype);
	if (answer->allow)
		err |= mbuf_printf(mb, "ALLOW: " MSG_ALLOW "\r\n");
	if (answer->lines)
		err |= mbuf_write_str(mb, answer->lines);
	err |= mbuf_printf(mb, "SERVER: %s i.%s\r\n\r\n", build,
			   conn_instance(conn)->site);
	if (body_len)
		err |= mbuf_write_str(mb, answer->body);

	if (!err)
		err = conn_send(conn, mb);

	mem_deref(mb);

	return err;
}


void msg_reason(char *buf, size_t size, unsigned cause, const char *text)
{
	char guid[37];

	random_guid(guid, sizeof(guid));
	snprintf(buf, size, "REASON: Q.850;cause=%u;text=\"%s;%s\"\r\n",
		 cause, guid, text);
}


int msg_refuse(struct conn *conn, const struct sip_msg *req, uint16_t scode,
	       const char *reason, unsigned cause, const char *text)
{
	char tag[33], lines[256] = "";
	struct answer answer = {
		.scode = scode,
		.reason = reason,
		.tag = tag,
		.lines = lines,
		.allow = scode == 405,
	};

	random_hex(tag, sizeof(tag));
	if (cause)
		msg_reason(lines, sizeof(lines), cause, text);

	return msg_reply(conn, req, &answer);
}
