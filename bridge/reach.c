/**
 * @file reach.c  Where PBXs and Teams meet us
 */
#include "bridge/base/libre.h"
#include "reach.h"


static void words_join(char *buf, size_t size, const struct strings *words)
{
	size_t l = 0;

	for (size_t i = 0; i < words->c; i++) {
		const int n = re_snprintf(buf + l, size - l, "%s%s",
					  i ? " " : "", words->v[i]);

		if (n < 0)
			break;
		l += (size_t)n;
	}
}


/** A firewall may show another address than ours */
static void address_set(char *buf, size_t size, const char *public_address,
			const struct sa *sa)
{
	if (!sa)
		buf[0] = '\0';
	else if (public_address)
		str_ncpy(buf, public_address, size);
	else
		(void)re_snprintf(buf, size, "%j", sa);
}


void reach_set(struct portal_reach *reach, const struct nodeconf *node,
	       const struct sa *pbx, const struct sa *teams)
{
	memset(reach, 0, sizeof(*reach));
	address_set(reach->pbx_address, sizeof(reach->pbx_address),
		    node->sip.public_address, pbx);
	address_set(reach->teams_address, sizeof(reach->teams_address),
		    node->teams.public_address, teams);

	reach->udp_port   = (uint16_t)node->sip.udp_port;
	reach->tcp_port   = (uint16_t)node->sip.tcp_port;
	reach->tls_port   = (uint16_t)node->sip.tls_port;
	reach->teams_port = (uint16_t)node->teams.port;
	reach->proxy_port = (uint16_t)node->teams.proxy_port;
	reach->media_min  = (uint16_t)node->media.port_min;
	reach->media_max  = (uint16_t)node->media.port_max;
	words_join(reach->proxies, sizeof(reach->proxies),
		   &node->teams.proxies);
	words_join(reach->ranges, sizeof(reach->ranges),
		   &node->teams.peer_ranges);
}
