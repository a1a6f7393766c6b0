/**
 * @file redirect.c  Where a 3xx to REGISTER leads
 */
#include "bridge/sip/msg.h"
#include "bridge/sip/parse.h"
#include "redirect.h"


struct search {
	const struct site *site;
	struct redirect *found;
	uint16_t scode;
	bool refused;              /* a place that may not be followed     */
};


static void destructor(void *data)
{
	struct redirect *r = data;

	mem_deref(r->host);
}


/** The domain, or a host in it */
static bool is_within(const struct pl *host, const char *domain)
{
	const size_t l = domain ? strlen(domain) : 0;
	struct pl end;

	if (!l || host->l < l)
		return false;

	if (host->l == l)
		return !pl_strcasecmp(host, domain);

	end.p = host->p + host->l - l;
	end.l = l;

	return end.p[-1] == '.' && !pl_strcasecmp(&end, domain);
}


static bool is_allowed(const struct site *site, const struct pl *host)
{
	const struct strings *list = &site->pbx->registration.redirect_to;
	struct sa sa;

	if (!sa_set(&sa, host, 0)) {
		if (site_has(site, &sa) ||
		    !pl_strcasecmp(host, site->pbx->sip_domain))
			return true;
	}
	else if (is_within(host, site->pbx->sip_domain) ||
		 !pl_strcasecmp(host, site->host)) {
		return true;
	}

	for (size_t i = 0; i < list->c; i++)
		if (is_within(host, list->v[i]))
			return true;

	return false;
}


static bool has_transport(const struct site *site, const struct uri *uri)
{
	struct pl val;

	if (!pl_strcasecmp(&uri->scheme, "sips"))
		return site->tp == SIP_TRANSP_TLS;

	return parse_param(&uri->params, "transport", &val) ||
		!pl_strcasecmp(&val, sip_transp_name(site->tp));
}


/** @return true to stop */
static bool take(struct search *s, const struct pl *element)
{
	struct pl dname, addr, params;
	struct redirect *r;
	struct uri uri;

	if (msg_nameaddr(element, &dname, &addr, &params) ||
	    parse_uri(&uri, &addr) || !pl_isset(&uri.host) ||
	    (pl_strcasecmp(&uri.scheme, "sip") &&
	     pl_strcasecmp(&uri.scheme, "sips")) ||
	    !has_transport(s->site, &uri))
		return false;

	if (!is_allowed(s->site, &uri.host)) {
		s->refused = true;
		return false;
	}

	r = mem_zalloc(sizeof(*r), destructor);
	if (!r)
		return true;

	r->port   = uri.port;
	r->target = s->scode != 305;
	r->once   = s->scode == 302;
	if (pl_strdup(&r->host, &uri.host))
		mem_deref(r);
	else
		s->found = r;

	return true;
}


static bool contact_handler(const struct sip_hdr *hdr,
			    const struct sip_msg *msg, void *arg)
{
	struct pl rest = hdr->val, element;
	(void)msg;

	while (msg_next_element(&rest, &element))
		if (take(arg, &element))
			return true;

	return false;
}


int redirect_read(struct redirect **rp, const struct site *site,
		  const struct sip_msg *msg)
{
	struct search s = { .site = site, .scode = msg->scode };
	bool stopped;

	stopped = sip_msg_hdr_apply(msg, true, SIP_HDR_CONTACT,
				    contact_handler, &s) != NULL;
	if (s.found)
		*rp = s.found;
	else if (stopped)
		return ENOMEM;

	return s.found ? 0 : s.refused ? EACCES : ENOENT;
}


int redirect_uri_print(struct re_printf *pf, const struct redirect *r)
{
	const bool v6 = strchr(r->host, ':') != NULL;
	int err;

	err = re_hprintf(pf, v6 ? "sip:[%s]" : "sip:%s", r->host);
	if (!err && r->port)
		err = re_hprintf(pf, ":%u", r->port);

	return err;
}
