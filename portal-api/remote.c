/**
 * @file remote.c  The portal over TCP
 */
#include <event2/event.h>
#include <event2/http.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "bridge/base/errors.h"
#include "bridge/base/libre.h"
#include "bridge/base/log.h"
#include "bridge/sip/tlsctx.h"
#include "bridge/store/store.h"
#include "certificates.h"
#include "door.h"
#include "link.h"
#include "remote.h"


enum { TLS_CHECK_S = 2 };          /* is there another certificate? */


struct remote {
	const struct portal_conf *conf;        /* borrowed                 */
	struct event_base *base;   /* borrowed                             */
	struct certificates *certs;            /* borrowed                 */
	struct evhttp *http;       /* owned                                */
	struct door *door;         /* owned                                */
	struct tlsctx *tls;        /* owned, NULL: plain HTTP              */
	struct event *tls_ev;      /* owned, NULL: looks at its files      */
	struct timespec tls_time;  /* of the certificate that was read     */
	char *url;                 /* owned: how people reach it           */
};


static void certificate_time(const struct remote *r, struct timespec *ts)
{
	struct stat st;

	memset(ts, 0, sizeof(*ts));
	if (!stat(r->conf->certificate, &st))
		*ts = st.st_mtim;
}


static void certificate_tell(const struct remote *r)
{
	struct tlsctx_about about;

	if (!tlsctx_about(r->tls, &about))
		certificates_tell(r->certs, PORTAL_USE_PORTAL, &about);
}


/** A certificate is renewed by whoever renews it: it is looked for */
static void tls_check(evutil_socket_t fd, short what, void *arg)
{
	struct remote *r = arg;
	struct errors *errs = NULL;
	struct timespec ts;

	(void)fd;
	(void)what;

	certificate_time(r, &ts);
	if (!ts.tv_sec || (ts.tv_sec == r->tls_time.tv_sec &&
			   ts.tv_nsec == r->tls_time.tv_nsec))
		return;

	r->tls_time = ts;
	if (errors_alloc(&errs))
		return;

	if (tlsctx_reload(r->tls, errs))
		warning("portal", "", "the new certificate cannot be used,"
			" the old one stays: %H", errors_print, errs);
	else
		info("portal", "", "a new certificate was read");
	certificate_tell(r);

	mem_deref(errs);
}


static int tls_init(struct remote *r, struct errors *errs)
{
	const struct timeval every = { .tv_sec = TLS_CHECK_S };
	const struct tlsctx_conf conf = {
		.certificate = r->conf->certificate,
		.key         = r->conf->key,
		.verify      = TLS_VERIFY_NONE,
	};
	int err;

	certificate_time(r, &r->tls_time);
	err = tlsctx_alloc(&r->tls, &conf, errs, NULL);
	if (err)
		return err;

	certificate_tell(r);
	r->tls_ev = event_new(r->base, -1, EV_PERSIST, tls_check, r);

	return r->tls_ev && !event_add(r->tls_ev, &every) ? 0 : ENOMEM;
}


static int listen_on(struct remote *r, struct errors *errs)
{
	const struct portal_conf *conf = r->conf;
	const struct door_limits limits = {
		.request_ms   = conf->request_limit_ms,
		.conns        = conf->conns,
		.conns_source = conf->conns_source,
	};
	struct sa laddr;
	int err;

	err = sa_set_str(&laddr, conf->address, conf->port);
	if (!err && conf->certificate)
		err = tls_init(r, errs);
	if (!err)
		err = door_open_tcp(&r->door, r->base, r->http, &laddr,
				    r->tls, &limits);
	if (err)
		return err;

	err = conf->url ? str_dup(&r->url, conf->url) :
		re_sdprintf(&r->url, "http%s://%J", r->tls ? "s" : "",
			    &laddr);
	if (!err)
		info("portal", "", "the portal is at %s", r->url);

	return err;
}


int remote_open(struct remote **rp, const struct portal_conf *conf,
		struct event_base *base, struct evhttp *http,
		struct certificates *certs, struct errors *errs)
{
	struct remote *r = calloc(1, sizeof(*r));
	int err;

	if (!r) {
		evhttp_free(http);
		return ENOMEM;
	}

	r->conf  = conf;
	r->base  = base;
	r->http  = http;
	r->certs = certs;

	err = listen_on(r, errs);
	if (err)
		remote_free(r);
	else
		*rp = r;

	return err;
}


void remote_free(struct remote *r)
{
	if (!r)
		return;

	evhttp_free(r->http);
	mem_deref(r->door);
	mem_deref(r->tls);
	if (r->tls_ev)
		event_free(r->tls_ev);
	mem_deref(r->url);
	free(r);
}


struct door *remote_door(const struct remote *r)
{
	return r ? r->door : NULL;
}


const char *remote_url(const struct remote *r)
{
	return r ? r->url : "";
}


int remote_invite(const struct remote *r, struct sessions *sessions)
{
	struct store *st = NULL;
	char *link = NULL;
	bool wanted = false;
	int err;

	if (!r->conf->store_url)
		return 0;

	err = store_open(&st, r->conf->store_url, false, NULL, NULL);
	if (!err)
		err = link_is_wanted(st, &wanted);
	if (!err && wanted)
		err = link_make(&link, sessions, r->url);
	if (!err && wanted)
		info("portal", "", "nobody can sign in yet: make the first"
		     " admin within an hour at %s", link);

	mem_deref(link);
	mem_deref(st);

	return err;
}
