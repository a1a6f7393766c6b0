/**
 * @file firewall.c  What firewalls are to let through, for one PBX
 *
 * Three kinds of rule: signalling and voice between us and the PBX, the same
 * between us and Teams. Where nothing is set, Teams' addresses and ports are
 * those that Microsoft publishes for Direct Routing without media bypass.
 */
#include <jansson.h>

#include "bridge/base/libre.h"
#include "bridge/model/pbx.h"
#include "bridge/store/live.h"
#include "objects.h"


#define ANY "any"

static const char teams_ranges[] = "52.112.0.0/14 52.122.0.0/15";
static const char teams_media[]  = "3478-3481, 49152-53247";

enum { SEEN_MAX = 20, PORTS_SIZE = 32 };


/** One rule, from our side of it */
struct rule {
	const char *side;          /* "pbx", "teams"                       */
	const char *what;          /* "signalling", "media"                */
	const char *direction;     /* "in": they begin, "out": we, "both"  */
	const char *transport;     /* "udp", "tcp"                         */
	const char *local, *local_ports;
	const char *remote;        /* a space between them                 */
	const char *remote_ports;
};


static void add(json_t *rules, const struct rule *r)
{
	(void)json_array_append_new(rules, json_pack("{s:s, s:s, s:s, s:s,"
		" s:s, s:s, s:o, s:s}", "side", r->side, "what", r->what,
		"direction", r->direction, "transport", r->transport,
		"local", r->local, "local_ports", r->local_ports,
		"remote", words_json(r->remote),
		"remote_ports", r->remote_ports));
}


static const char *ports(char buf[PORTS_SIZE], unsigned min, unsigned max)
{
	(void)re_snprintf(buf, PORTS_SIZE, min == max ? "%u" : "%u-%u", min,
			  max);

	return buf;
}


/** Host and port of a proxy; the port is SIP's own if none is said */
static void host_split(const struct pbx *pbx, char *host, size_t size,
		       char port[PORTS_SIZE])
{
	const char *text = pbx->sip_proxy ? pbx->sip_proxy : pbx->sip_domain;
	const unsigned dflt = pbx->protocol == PBX_TLS ? 5061 : 5060;
	struct pl pl_host, pl_port = PL_INIT;

	if (re_regex(text, strlen(text), "\\[[^\\]]+\\][:]*[0-9]*", &pl_host,
		     NULL, &pl_port) &&
	    re_regex(text, strlen(text), "[^:]+[:]*[0-9]*", &pl_host, NULL,
		     &pl_port))
		pl_set_str(&pl_host, text);

	(void)pl_strcpy(&pl_host, host, size);
	(void)ports(port, pl_port.l ? pl_u32(&pl_port) : dflt,
		    pl_port.l ? pl_u32(&pl_port) : dflt);
}


static void pbx_rules(json_t *rules, const struct portal_reach *reach,
		      const struct pbx *pbx)
{
	char host[256], port[PORTS_SIZE], own[PORTS_SIZE], media[PORTS_SIZE];
	const unsigned portv[] = { [PBX_UDP] = reach->udp_port,
				   [PBX_TCP] = reach->tcp_port,
				   [PBX_TLS] = reach->tls_port };
	const unsigned own_port = portv[pbx->protocol];
	struct rule r = { .side = "pbx", .what = "signalling",
			  .local = reach->pbx_address, .remote = host };

	host_split(pbx, host, sizeof(host), port);
	(void)ports(own, own_port, own_port);

	if (pbx->protocol == PBX_UDP) {
		r.transport    = "udp";
		r.direction    = "both";
		r.local_ports  = pbx->contact.port == PBX_PORT_PER_USER ? ANY
			: own;
		r.remote_ports = port;
		add(rules, &r);
	}
	else {
		r.transport    = "tcp";
		r.direction    = "out";
		r.local_ports  = ANY;
		r.remote_ports = port;
		add(rules, &r);

		r.direction    = "in";
		r.local_ports  = own;
		r.remote_ports = ANY;
		if (own_port)
			add(rules, &r);
	}

	r.what         = "media";
	r.transport    = "udp";
	r.direction    = "both";
	r.local_ports  = ports(media, reach->media_min, reach->media_max);
	r.remote_ports = ANY;
	add(rules, &r);
}


static void teams_rules(json_t *rules, const struct portal_reach *reach)
{
	char own[PORTS_SIZE], theirs[PORTS_SIZE], media[PORTS_SIZE];
	struct rule r = { .side = "teams", .what = "signalling",
			  .local = reach->teams_address,
			  .transport = "tcp" };

	if (!reach->teams_address[0])
		return;

	r.direction    = "in";
	r.local_ports  = ports(own, reach->teams_port, reach->teams_port);
	r.remote       = reach->ranges[0] ? reach->ranges : teams_ranges;
	r.remote_ports = "1024-65535";
	add(rules, &r);

	r.direction    = "out";
	r.local_ports  = ANY;
	r.remote       = reach->proxies;
	r.remote_ports = ports(theirs, reach->proxy_port, reach->proxy_port);
	add(rules, &r);

	r.what         = "media";
	r.transport    = "udp";
	r.direction    = "both";
	r.local_ports  = ports(media, reach->media_min, reach->media_max);
	r.remote       = teams_ranges;
	r.remote_ports = teams_media;
	add(rules, &r);
}


/** As whom the PBX knows us: a firewall between may have changed it */
struct seen {
	json_t *names;             /* {"192.0.2.1:5060": true} */
};


static int seen_h(const struct reg_status *st, void *arg)
{
	struct seen *seen = arg;
	struct pl host;
	char *text = NULL;

	if (json_object_size(seen->names) == SEEN_MAX ||
	    re_regex(st->contact, strlen(st->contact), "@[^;>]+", &host) ||
	    pl_strdup(&text, &host))
		return 0;

	(void)json_object_set_new(seen->names, text, json_true());
	mem_deref(text);

	return 0;
}


static json_t *seen_json(struct request *rq)
{
	const struct live_which which = {
		.tenant = rq->param, .pbx = rq->paramv[1],
	};
	struct seen seen = { json_object() };
	json_t *json = json_array(), *value;
	const char *name;

	(void)live_reg_some(portal_conf(rq->portal)->live, &which, seen_h,
			    &seen);
	json_object_foreach(seen.names, name, value)
		(void)json_array_append_new(json, json_string(name));
	json_decref(seen.names);

	return json;
}


void firewall_get(struct request *rq)
{
	const struct portal_reach *reach = &portal_conf(rq->portal)->reach;
	struct pbx *pbx = object_pbx_asked(rq);
	json_t *rules;

	if (!pbx)
		return;

	rules = json_array();
	pbx_rules(rules, reach, pbx);
	teams_rules(rules, reach);
	reply_json(rq, HTTP_OK, json_pack("{s:o, s:o}", "rules", rules,
		   "seen", seen_json(rq)));
	mem_deref(pbx);
}
