/**
 * @file routes.c  A list of routes as a registrar gave it
 */
#include "bridge/base/libre.h"
#include "msg.h"
#include "parse.h"
#include "routes.h"


struct reading {
	struct routes *routes;
	size_t used;
	int err;
};


/** Loose routes alone: a strict one would take the request's own URI away,
    which a phone's first request cannot afford (RFC 3608 section 6.1) */
static bool is_loose(const struct pl *element)
{
	struct pl dname, addr, params, end;
	struct uri uri;

	return !msg_nameaddr(element, &dname, &addr, &params) &&
		element->l > addr.l && !parse_uri(&uri, &addr) &&
		!msg_param_exists(&uri.params, "lr", &end);
}


static void element_add(struct reading *r, const struct pl *element)
{
	struct routes *routes = r->routes;

	if (!is_loose(element) || routes->c == ROUTES_MAX ||
	    r->used + element->l >= ROUTES_SIZE) {
		r->err = EBADMSG;
		return;
	}

	memcpy(routes->text + r->used, element->p, element->l);
	routes->v[routes->c++] = routes->text + r->used;
	r->used += element->l + 1;
}


static bool header_handler(const struct sip_hdr *hdr,
			   const struct sip_msg *msg, void *arg)
{
	struct reading *r = arg;
	struct pl rest = hdr->val, element;
	(void)msg;

	while (!r->err && msg_next_element(&rest, &element))
		element_add(r, &element);

	return r->err != 0;
}


int service_routes_read(struct routes **rp, const struct sip_msg *msg)
{
	struct reading r = {NULL, 0, 0};

	if (!rp || !msg)
		return EINVAL;

	*rp = NULL;
	if (!sip_msg_hdr(msg, SIP_HDR_SERVICE_ROUTE))
		return 0;

	r.routes = mem_zalloc(sizeof(*r.routes), NULL);
	if (!r.routes)
		return ENOMEM;

	(void)sip_msg_hdr_apply(msg, true, SIP_HDR_SERVICE_ROUTE,
				header_handler, &r);
	if (r.err || !r.routes->c)
		mem_deref(r.routes);
	else
		*rp = r.routes;

	return r.err;
}


bool routes_equal(const struct routes *a, const struct routes *b)
{
	if (!a || !b)
		return a == b;

	if (a->c != b->c)
		return false;

	for (size_t i = 0; i < a->c; i++)
		if (strcmp(a->v[i], b->v[i]))
			return false;

	return true;
}
