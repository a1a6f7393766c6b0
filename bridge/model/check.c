/**
 * @file check.c  What a setting may look like
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>

#include "bridge/base/libre.h"
#include "bridge/base/text.h"
#include "check.h"


enum { HOST_MAX = 253, LABEL_MAX = 63 };


static bool want(char *why, size_t size, const char *text)
{
	str_ncpy(why, text, size);

	return false;
}


static bool is_ipv4(const char *text)
{
	struct in_addr in;

	return inet_pton(AF_INET, text, &in) == 1;
}


static bool is_ipv6(const char *text)
{
	struct in6_addr in6;

	return inet_pton(AF_INET6, text, &in6) == 1;
}


/** RFC 1123 section 2.1; underscores are met in real zones */
static bool is_hostname(const char *text, size_t l)
{
	size_t label = 0;

	if (!l || l > HOST_MAX)
		return false;

	for (size_t i = 0; i < l; i++) {
		const unsigned char c = (unsigned char)text[i];

		if (c == '.') {
			if (!label || text[i - 1] == '-')
				return false;
			label = 0;
			continue;
		}

		if (!isalnum(c) && c != '_' && (c != '-' || !label))
			return false;
		if (++label > LABEL_MAX)
			return false;
	}

	return text[l - 1] != '-';
}


/** Digits and dots only: meant as an address, so it must be one */
static bool looks_like_ipv4(const char *text)
{
	return text[strspn(text, "0123456789.")] == '\0';
}


static bool is_bracketed(const char *text, size_t l)
{
	char addr[INET6_ADDRSTRLEN];

	if (l < 4 || l - 2 >= sizeof(addr) || text[0] != '[' ||
	    text[l - 1] != ']')
		return false;

	memcpy(addr, text + 1, l - 2);
	addr[l - 2] = '\0';

	return is_ipv6(addr);
}


static bool is_host(const char *text, size_t l)
{
	char host[HOST_MAX + 1];

	if (l > HOST_MAX)
		return false;

	memcpy(host, text, l);
	host[l] = '\0';

	if (looks_like_ipv4(host))
		return is_ipv4(host);

	return is_bracketed(text, l) || is_hostname(text, l);
}


static bool is_port(const char *text)
{
	const size_t l = strlen(text);
	unsigned long port;

	if (!l || l > 5 || strspn(text, "0123456789") != l)
		return false;

	port = strtoul(text, NULL, 10);

	return port >= 1 && port <= 65535;
}


/** The colon before a port; NULL if there is none */
static const char *port_colon(const char *text)
{
	const char *colon = strrchr(text, ':');

	if (!colon || strchr(colon, ']'))
		return NULL;

	return colon;
}


bool check_domain(const char *value, char *why, size_t size)
{
	const char *colon = port_colon(value);

	if (is_host(value, strlen(value)))
		return true;

	if (is_ipv6(value))
		return want(why, size, "an IPv6 address in brackets");

	if (colon && is_host(value, (size_t)(colon - value)))
		return want(why, size, "a host name or address without a"
			    " port (put the port on sip_proxy)");

	return want(why, size, "a host name or address");
}


bool check_proxy(const char *value, char *why, size_t size)
{
	const char *colon = port_colon(value);

	if (is_host(value, strlen(value)))
		return true;

	if (is_ipv6(value))
		return want(why, size, "an IPv6 address in brackets");

	if (colon && is_host(value, (size_t)(colon - value))) {
		if (is_port(colon + 1))
			return true;

		return want(why, size, "a port of 1..65535 after the colon");
	}

	return want(why, size, "host or host:port");
}


bool check_fqdn(const char *value, char *why, size_t size)
{
	if (is_hostname(value, strlen(value)) && strchr(value, '.') &&
	    !looks_like_ipv4(value))
		return true;

	return want(why, size, "a full host name (sbc.example.com)");
}


bool check_address(const char *value, char *why, size_t size)
{
	return is_ipv4(value) || is_ipv6(value) ||
		want(why, size, "an IPv4 or IPv6 address");
}


bool check_server(const char *value, char *why, size_t size)
{
	struct sa sa;

	if (is_ipv4(value) || is_ipv6(value))
		return true;

	if (!sa_decode(&sa, value, strlen(value)) && sa_port(&sa))
		return true;

	return want(why, size, "an address, or address:port");
}


bool check_cidr(const char *value, char *why, size_t size)
{
	const char *slash = strchr(value, '/');
	char addr[INET6_ADDRSTRLEN];
	size_t l = slash ? (size_t)(slash - value) : strlen(value);
	unsigned long bits = 0;
	bool v4;

	if (l >= sizeof(addr))
		goto bad;

	memcpy(addr, value, l);
	addr[l] = '\0';

	v4 = is_ipv4(addr);
	if (!v4 && !is_ipv6(addr))
		goto bad;

	if (slash) {
		l = strlen(slash + 1);
		if (!l || l > 3 || strspn(slash + 1, "0123456789") != l)
			goto bad;

		bits = strtoul(slash + 1, NULL, 10);
	}

	if (bits <= (v4 ? 32 : 128))
		return true;

 bad:
	return want(why, size, "an address range (52.112.0.0/14)");
}


/*
 * ISO 3166-1 alpha-2, officially assigned, and XK, which is not but has a
 * calling code of its own
 */
static const char countries[] =
	"AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH "
	"BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ CA CC CD CF CG CH CI CK CL "
	"CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET "
	"FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU "
	"GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE "
	"KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC "
	"MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC "
	"NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT "
	"PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR "
	"SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA "
	"UG UM US UY UZ VA VC VE VG VI VN VU WF WS XK YE YT ZA ZM ZW ";


bool check_country(const char *value, char *why, size_t size)
{
	char code[4];

	if (strlen(value) == 2 && isupper((unsigned char)value[0]) &&
	    isupper((unsigned char)value[1])) {
		code[0] = value[0];
		code[1] = value[1];
		code[2] = ' ';
		code[3] = '\0';
		if (strstr(countries, code))
			return true;
	}

	if (!strcmp(value, "UK"))
		return want(why, size, "an ISO 3166 country code (GB)");

	return want(why, size, "an ISO 3166 country code of two capital"
		    " letters (GB, DE, US ...)");
}


bool check_name(const char *value, char *why, size_t size)
{
	static const char set[] = "abcdefghijklmnopqrstuvwxyz0123456789-_.";
	const size_t l = strlen(value);

	if (l && strspn(value, set) == l && value[0] != '.' &&
	    value[0] != '-')
		return true;

	return want(why, size, "a name of a-z, 0-9, '-', '_' and '.'");
}


bool check_line(const char *value, char *why, size_t size)
{
	size_t left = strlen(value);

	while (left) {
		const size_t l = text_char(value, left);

		if (!l)
			return want(why, size,
				    "a line without control characters");
		value += l;
		left -= l;
	}

	return true;
}


bool check_username(const char *value, char *why, size_t size)
{
	if (strchr(value, '@'))
		return want(why, size, "the user part only (no '@'; the"
			    " domain goes into sip_domain)");

	if (!strncasecmp(value, "sip:", 4) || !strncasecmp(value, "tel:", 4))
		return want(why, size, "the user part only (no \"sip:\")");

	if (!*value || strpbrk(value, " \t<>\"\\"))
		return want(why, size, "a user part without blanks, quotes"
			    " and brackets");

	return check_line(value, why, size);
}


bool check_upn(const char *value, char *why, size_t size)
{
	const char *at = strchr(value, '@');

	if (at && at != value && is_hostname(at + 1, strlen(at + 1)) &&
	    !strpbrk(value, " \t<>\"\\"))
		return check_line(value, why, size);

	return want(why, size, "a user principal name (ann@contoso.com)");
}


bool check_number(const char *value, char *why, size_t size)
{
	const bool e164 = *value == '+';
	const char *digits = e164 ? value + 1 : value;
	const size_t l = strlen(digits);

	if (strspn(digits, "0123456789") == l && l <= 15 &&
	    (e164 ? l >= 5 && *digits != '0' : l >= 2))
		return true;

	return want(why, size, "+ and 5 to 15 digits (+442079460018), or an"
		    " extension of 2 to 15 digits");
}


bool check_prefix(const char *value, char *why, size_t size)
{
	if (value[strspn(value, "0123456789*#")] == '\0')
		return true;

	return want(why, size, "digits, * and # only");
}


bool check_strip(const char *value, char *why, size_t size)
{
	const size_t l = strlen(value), plus = *value == '+';

	if (l && l <= 12 && !value[plus + strspn(value + plus,
						 "0123456789*#")])
		return true;

	return want(why, size, "1 to 12 digits, * and #, perhaps a + before"
		    " them");
}


bool check_e164_prefix(const char *value, char *why, size_t size)
{
	const char *digits = value + (*value == '+');
	const size_t l = strlen(digits);

	if (l && l <= 15 && strspn(digits, "0123456789") == l)
		return true;

	return want(why, size, "the beginning of numbers: + and digits"
		    " (+4420), or digits of an extension");
}


bool check_feature_code(const char *value, char *why, size_t size)
{
	static const char *const holev[] = { "{number}", "{seconds}" };
	const char *p = value;

	while (*p) {
		size_t l = strspn(p, "0123456789*#");

		for (size_t i = 0; !l && i < 2; i++) {
			if (!strncmp(p, holev[i], strlen(holev[i])))
				l = strlen(holev[i]);
		}
		if (!l)
			break;
		p += l;
	}

	if (*value && !*p)
		return true;

	return want(why, size, "what is dialled: digits, * and #, with"
		    " {number} or {seconds} where they go (*72{number})");
}


bool check_failure_code(const char *value, char *why, size_t size)
{
	if (strlen(value) == 3 && *value >= '4' && *value <= '6' &&
	    strspn(value, "0123456789") == 3)
		return true;

	return want(why, size, "a failure of SIP, 400 to 699");
}
