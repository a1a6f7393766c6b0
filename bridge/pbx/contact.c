/**
 * @file contact.c  Our Contact where a PBX shall have another address in it
 */
#include "bridge/sip/msg.h"
#include "bridge/sip/parse.h"
#include "contact.h"


int contact_learn(struct sa *addr, const struct sip_msg *msg)
{
	struct pl received, rport;

	if (parse_param(&msg->via.params, "received", &received) ||
	    parse_param(&msg->via.params, "rport", &rport) ||
	    !pl_isset(&rport) || !pl_u32(&rport) ||
	    pl_u32(&rport) > UINT16_MAX)
		return ENOENT;

	if (received.l > 2 && received.p[0] == '[') {
		pl_advance(&received, 1);
		--received.l;
	}

	return sa_set(addr, &received, (uint16_t)pl_u32(&rport)) ? ENOENT : 0;
}


static int contact_read(struct uri *uri, const char *contact)
{
	struct pl val, dname, addr, params;

	pl_set_str(&val, contact);
	if (msg_nameaddr(&val, &dname, &addr, &params))
		return EBADMSG;

	return parse_uri(uri, &addr) ? EBADMSG : 0;
}


bool contact_is_at(const char *contact, const struct sa *addr)
{
	struct uri uri;
	struct sa sa;

	return !contact_read(&uri, contact) &&
		!sa_set(&sa, &uri.host, uri.port) &&
		sa_cmp(&sa, addr, SA_ALL);
}


int contact_move(char **movedp, const char *contact, const struct sa *addr)
{
	const bool v6 = sa_af(addr) == AF_INET6;
	struct uri uri;
	int err;

	err = contact_read(&uri, contact);
	if (err)
		return err;

	return re_sdprintf(movedp, v6 ? "<sip:%r@[%j]:%u%r>" :
			   "<sip:%r@%j:%u%r>", &uri.user, addr,
			   sa_port(addr), &uri.params);
}
