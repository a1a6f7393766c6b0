/**
 * @file callerid.c  Reading the calling party
 *
 * RFC 3325 (P-Asserted-Identity, P-Preferred-Identity, Privacy),
 * draft-ietf-sip-privacy-04 (Remote-Party-ID, still what some PBXes send),
 * RFC 3261 (From).
 */
#include "bridge/base/libre.h"
#include "bridge/sip/msg.h"
#include "bridge/sip/parse.h"
#include "callerid.h"


static bool has_control(const char *s)
{
	for (; *s; s++) {
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			return true;
	}

	return false;
}


int callerid_user(char *buf, size_t size, const struct pl *val)
{
	struct uri uri;
	struct pl user, rest;

	if (parse_uri(&uri, val))
		return EBADMSG;

	/* libre keeps the number of a tel: URI in the host */
	user = pl_strcasecmp(&uri.scheme, "tel") ? uri.user : uri.host;
	if (!pl_isset(&user))
		return EBADMSG;

	/* "+441234;ext=12" and ";phone-context=": the number stands first */
	rest = user;
	while (rest.l && *rest.p != ';')
		pl_advance(&rest, 1);
	user.l -= rest.l;

	if (re_snprintf(buf, size, "%H", uri_user_unescape, &user) < 0 ||
	    !buf[0] || has_control(buf))
		return EBADMSG;

	return 0;
}


int callerid_called(char *buf, size_t size, const struct sip_msg *msg)
{
	return callerid_user(buf, size, &msg->ruri);
}


void callerid_name(char *buf, size_t size, const struct pl *dname)
{
	const size_t max = size - 1;
	size_t i, n = 0;

	for (i = 0; i < dname->l && n <= max; i++) {

		char c = dname->p[i];

		if (c == '\\' && i + 1 < dname->l)
			c = dname->p[++i];
		else if (c == '\r' || c == '\n')
			continue;

		if (n == max) {
			/* never cut a UTF-8 sequence in two */
			while (n && ((unsigned char)c & 0xc0) == 0x80)
				c = buf[--n];
			break;
		}

		buf[n++] = c;
	}

	buf[n] = '\0';

	if (has_control(buf))
		buf[0] = '\0';
}


/** Take a party from one name-addr. @return true if it has a number */
static bool take(struct party *party, const struct pl *val)
{
	struct pl dname, uri, params;

	if (msg_nameaddr(val, &dname, &uri, &params) ||
	    callerid_user(party->number, sizeof(party->number), &uri))
		return false;

	if (!party->name[0])
		callerid_name(party->name, sizeof(party->name), &dname);

	return true;
}


static bool take_list(struct party *party, const struct pl *list)
{
	struct pl rest = *list, el;

	while (msg_next_element(&rest, &el)) {
		if (take(party, &el))
			return true;
	}

	return false;
}


static bool pai_h(const struct sip_hdr *hdr, const struct sip_msg *msg,
		  void *arg)
{
	(void)msg;

	return take_list(arg, &hdr->val);
}


/** Privacy: wishes with semicolons between them (RFC 3323 section 4.2) */
static bool asks_privacy(const struct sip_msg *msg)
{
	struct pl rest = msg_hdr_value(msg, SIP_HDR_PRIVACY), wish;

	while (!re_regex(rest.p, rest.l, "[^; ,\t\r\n]+", &wish)) {

		if (!pl_strcasecmp(&wish, "id") ||
		    !pl_strcasecmp(&wish, "user") ||
		    !pl_strcasecmp(&wish, "header"))
			return true;

		pl_advance(&rest, wish.p + wish.l - rest.p);
	}

	return false;
}


/** Remote-Party-ID has a wish of its own: privacy=full, uri, name or off, and
    a network after a dash */
static bool rpid_is_private(const struct pl *rpid)
{
	struct pl wish;

	return !msg_param_decode(rpid, "privacy", &wish) &&
		!re_regex(wish.p, wish.l, "[a-z]+", &wish) &&
		(!pl_strcasecmp(&wish, "full") ||
		 !pl_strcasecmp(&wish, "uri"));
}


void callerid_from(struct party *party, const struct sip_msg *msg)
{
	memset(party, 0, sizeof(*party));

	if (!take(party, &msg->from.val)) {
		/* From without a user part is legal: no number is told */
		callerid_name(party->name, sizeof(party->name),
			      &msg->from.dname);
		str_ncpy(party->number, "anonymous", sizeof(party->number));
	}

	party->anonymous = asks_privacy(msg) ||
		!strcasecmp(party->number, "anonymous");
}


void callerid_read(struct party *party, const struct sip_msg *msg)
{
	const struct pl rpid = msg_value(msg, "Remote-Party-ID");
	struct party from;

	memset(party, 0, sizeof(*party));
	callerid_from(&from, msg);

	if (!sip_msg_hdr_apply(msg, true, SIP_HDR_P_ASSERTED_IDENTITY, pai_h,
			       party) &&
	    !sip_msg_hdr_apply(msg, true, SIP_HDR_P_PREFERRED_IDENTITY,
			       pai_h, party) &&
	    !take_list(party, &rpid))
		*party = from;

	if (!party->name[0])
		memcpy(party->name, from.name, sizeof(party->name));

	party->anonymous = from.anonymous || rpid_is_private(&rpid) ||
		!strcasecmp(party->number, "anonymous");
}
