/**
 * @file binding.c  Our binding in a registrar's answer
 */
#include "bridge/sip/msg.h"
#include "bridge/sip/parse.h"
#include "binding.h"


/** How surely a binding is ours */
enum likeness { OTHER, SAME_USER, SAME_TOKEN, SAME_CONTACT };

struct search {
	struct uri own;
	struct pl token;           /* NULL: suppressed */
	enum likeness best;
	uint32_t expires_s;        /* of the best */
	unsigned bindingc, stalec;
	char *rivals;              /* borrowed: text of all of them        */
	char *stale;               /* borrowed: one of ours with another
				      parameter                            */
	struct pl received;        /* our address as the registrar saw it  */
	bool home;                 /* a binding of our user is there       */
};


static uint16_t port_of(const struct uri *uri)
{
	struct pl val;

	if (uri->port)
		return uri->port;

	if (!parse_param(&uri->params, "transport", &val) &&
	    !pl_strcasecmp(&val, "tls"))
		return 5061;

	return 5060;
}


/** User parts are compared as octets, escapes decoded (RFC 3261 19.1.4) */
static bool same_user(const struct pl *a, const struct pl *b)
{
	char at[256], bt[256];

	if (!pl_strchr(a, '%') && !pl_strchr(b, '%'))
		return !pl_cmp(a, b);

	if (re_snprintf(at, sizeof(at), "%H", uri_user_unescape, a) < 0 ||
	    re_snprintf(bt, sizeof(bt), "%H", uri_user_unescape, b) < 0)
		return false;

	return !strcmp(at, bt);
}


static bool has_token(const struct search *s, const struct uri *uri)
{
	struct pl val;

	return s->token.p && !parse_param(&uri->params, "cb", &val) &&
		!pl_cmp(&val, &s->token);
}


static enum likeness compare(const struct search *s, const struct uri *uri)
{
	const bool token = has_token(s, uri);

	if (!same_user(&uri->user, &s->own.user))
		return OTHER;

	if (!pl_casecmp(&uri->host, &s->own.host) &&
	    port_of(uri) == port_of(&s->own) && (token || !s->token.p))
		return SAME_CONTACT;

	return token ? SAME_TOKEN : SAME_USER;
}


static uint32_t expires_param(const struct pl *params)
{
	struct pl val;

	if (parse_param(params, "expires", &val) || !val.l ||
	    val.l > 9)
		return 0;

	for (size_t i = 0; i < val.l; i++)
		if (val.p[i] < '0' || val.p[i] > '9')
			return 0;

	return pl_u32(&val);
}


/** Rewritten to where our packets come from (behind NAT), or not at all */
static bool is_home(const struct search *s, const struct uri *uri)
{
	return !pl_casecmp(&uri->host, &s->own.host) ||
		(s->received.p && !pl_casecmp(&uri->host, &s->received));
}


/** Our user at our address, but not our parameter: a binding that we made
    before a restart, and nobody renews */
static bool is_stale(const struct search *s, const struct uri *uri)
{
	struct pl val;

	return s->token.p && same_user(&uri->user, &s->own.user) &&
		!pl_casecmp(&uri->host, &s->own.host) &&
		port_of(uri) == port_of(&s->own) &&
		!parse_param(&uri->params, "cb", &val) &&
		pl_cmp(&val, &s->token);
}


/** What tells a device beside its contact: how it names itself */
static void device_add(char *text, size_t size, const struct pl *dname,
		       const struct pl *params)
{
	const size_t l = strlen(text);
	struct pl val;

	if (pl_isset(dname))
		(void)re_snprintf(text + l, size - l, " (%r)", dname);
	else if (!parse_param(params, "+sip.instance", &val))
		(void)re_snprintf(text + l, size - l, " (%r)", &val);
}


/** What a person is shown: nothing but plain letters of it */
static void rival_add(struct search *s, const struct uri *uri,
		      const struct pl *dname, const struct pl *params)
{
	const size_t l = strlen(s->rivals);
	char text[BINDING_RIVALS];

	if (re_snprintf(text, sizeof(text), "%s%r@%r", l ? ", " : "",
			&uri->user, &uri->host) < 0)
		return;

	if (uri->port) {
		const size_t end = strlen(text);

		(void)re_snprintf(text + end, sizeof(text) - end, ":%u",
				  uri->port);
	}
	device_add(text, sizeof(text), dname, params);

	for (char *p = text; *p; p++)
		if (*p < ' ' || *p > '~')
			*p = '?';

	if (l + strlen(text) < BINDING_RIVALS)
		memcpy(s->rivals + l, text, strlen(text) + 1);
}


static void look_at(struct search *s, const struct pl *element)
{
	struct pl dname, addr, params;
	enum likeness likeness;
	struct uri uri;

	if (msg_nameaddr(element, &dname, &addr, &params) ||
	    parse_uri(&uri, &addr))
		return;

	++s->bindingc;
	if (is_stale(s, &uri)) {
		(void)re_snprintf(s->stale, BINDING_RIVALS, "<%r>", &addr);
		++s->stalec;
		return;
	}

	/* where one is ours for certain nobody asks for rivals */
	likeness = compare(s, &uri);
	if (likeness <= SAME_USER)
		rival_add(s, &uri, &dname, &params);

	s->home |= likeness && is_home(s, &uri);
	if (likeness > s->best) {
		s->best = likeness;
		s->expires_s = expires_param(&params);
	}
}


static bool contact_h(const struct sip_hdr *hdr, const struct sip_msg *msg,
		      void *arg)
{
	struct pl rest = hdr->val, element;
	(void)msg;

	while (msg_next_element(&rest, &element))
		look_at(arg, &element);

	return false;
}


static void own_set(struct search *s, const char *contact, const char *token)
{
	struct pl val, dname, addr, params;

	memset(s, 0, sizeof(*s));

	pl_set_str(&val, contact);
	if (!msg_nameaddr(&val, &dname, &addr, &params))
		(void)parse_uri(&s->own, &addr);

	if (token)
		pl_set_str(&s->token, token);
}


/**
 * Nearly always: one Contact, and it is ours, letter for letter
 *
 * @param params  What follows it
 */
static bool is_echo(struct pl *params, const struct sip_msg *msg,
		    const char *contact)
{
	const struct sip_hdr *hdr = sip_msg_hdr(msg, SIP_HDR_CONTACT);
	const size_t l = strlen(contact);

	if (!hdr || hdr->val.l < l || memcmp(hdr->val.p, contact, l) ||
	    !l || contact[0] != '<' || contact[l - 1] != '>' ||
	    memchr(contact, '"', l))
		return false;

	*params = hdr->val;
	pl_advance(params, (ssize_t)l);

	return (!params->l || params->p[0] == ';') &&
		!memchr(params->p, ',', params->l) &&
		!memchr(params->p, '"', params->l) &&
		sip_msg_hdr_count(msg, SIP_HDR_CONTACT) == 1;
}


static void echo_read(struct bindings *b, const struct pl *params)
{
	b->count     = 1;
	b->others    = 0;
	b->ours      = true;
	b->expires_s = expires_param(params);
}


void bindings_read(struct bindings *b, const struct sip_msg *msg,
		   const char *contact, const char *token)
{
	struct pl params;
	struct search s;

	b->rivals[0] = '\0';
	b->stale[0]  = '\0';
	if (is_echo(&params, msg, contact)) {
		echo_read(b, &params);
		goto out;
	}

	own_set(&s, contact, token);
	s.rivals = b->rivals;
	(void)parse_param(&msg->via.params, "received", &s.received);
	s.stale  = b->stale;
	(void)sip_msg_hdr_apply(msg, true, SIP_HDR_CONTACT, contact_h, &s);

	/* Some answer without any Contact: the 200 has to do */
	b->count = s.bindingc;
	b->ours = !s.bindingc || s.best > SAME_USER ||
		(s.best == SAME_USER && s.bindingc == 1);
	b->expires_s = b->ours ? s.expires_s : 0;
	b->others = s.bindingc - s.stalec - (b->ours && s.bindingc ? 1 : 0);

	if (!s.bindingc || s.best > SAME_USER || s.home)
		b->rivals[0] = '\0';

 out:
	if (!b->expires_s)
		(void)msg_hdr_uint(msg, SIP_HDR_EXPIRES, &b->expires_s);
}
