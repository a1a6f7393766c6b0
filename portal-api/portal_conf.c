/**
 * @file portal_conf.c  A portal's settings, owned
 */
#include <stdlib.h>
#include <string.h>

#include "bridge/base/libre.h"
#include "portal_conf.h"


enum {
	REPLY_LIMIT_MS = 10000, REQUEST_LIMIT_MS = 30000, PRESENCE_S = 15,
	CONNS = 500, CONNS_SOURCE = 50,
};


static const char *text_copy(const char *text, int *err)
{
	char *copy = text ? strdup(text) : NULL;

	if (text && !copy)
		*err = ENOMEM;

	return copy;
}


static struct strings strings_copy(const struct strings *src, int *err)
{
	struct strings copy = { NULL, 0 };

	for (size_t i = 0; i < src->c && !*err; i++)
		*err = strings_add(&copy, src->v[i]);

	return copy;
}


int portal_conf_copy(struct portal_conf *dst, const struct portal_conf *src)
{
	int err = 0;

	*dst = *src;
	dst->socket_path = text_copy(src->socket_path, &err);
	dst->state_dir   = text_copy(src->state_dir, &err);
	dst->software    = text_copy(src->software, &err);
	dst->store_url   = text_copy(src->store_url, &err);
	dst->key_file    = text_copy(src->key_file, &err);
	dst->templates   = text_copy(src->templates, &err);
	dst->address     = text_copy(src->address, &err);
	dst->certificate = text_copy(src->certificate, &err);
	dst->key         = text_copy(src->key, &err);
	dst->url         = text_copy(src->url, &err);
	dst->config      = text_copy(src->config, &err);
	dst->tests.teams_sim = text_copy(src->tests.teams_sim, &err);
	dst->oidc.issuer = text_copy(src->oidc.issuer, &err);
	dst->oidc.client_id = text_copy(src->oidc.client_id, &err);
	dst->oidc.client_secret = text_copy(src->oidc.client_secret, &err);
	dst->oidc.claim  = text_copy(src->oidc.claim, &err);
	dst->oidc.title  = text_copy(src->oidc.title, &err);
	dst->oidc.ca_file = text_copy(src->oidc.ca_file, &err);
	dst->node        = text_copy(src->node, &err);
	dst->microsoft.login_url = text_copy(src->microsoft.login_url, &err);
	dst->microsoft.graph_url = text_copy(src->microsoft.graph_url, &err);
	dst->microsoft.ca_file = text_copy(src->microsoft.ca_file, &err);
	dst->microsoft.carrier = text_copy(src->microsoft.carrier, &err);
	dst->microsoft.own_names = strings_copy(&src->microsoft.own_names,
						&err);

	if (!dst->microsoft.presence_s)
		dst->microsoft.presence_s = PRESENCE_S;
	if (!dst->reply_limit_ms)
		dst->reply_limit_ms = REPLY_LIMIT_MS;
	if (!dst->request_limit_ms)
		dst->request_limit_ms = REQUEST_LIMIT_MS;
	if (!dst->conns)
		dst->conns = CONNS;
	if (!dst->conns_source)
		dst->conns_source = CONNS_SOURCE;

	return err;
}


void portal_conf_free(struct portal_conf *conf)
{
	const char *const v[] = {
		conf->socket_path, conf->state_dir, conf->software,
		conf->store_url, conf->key_file, conf->templates,
		conf->address, conf->certificate, conf->key, conf->url,
		conf->oidc.issuer, conf->oidc.client_id,
		conf->oidc.client_secret, conf->oidc.claim,
		conf->oidc.title, conf->oidc.ca_file, conf->node,
		conf->microsoft.login_url, conf->microsoft.graph_url,
		conf->microsoft.ca_file, conf->microsoft.carrier,
		conf->config, conf->tests.teams_sim,
	};

	for (size_t i = 0; i < RE_ARRAY_SIZE(v); i++)
		free((void *)(uintptr_t)v[i]);
	strings_clear(&conf->microsoft.own_names);
}
