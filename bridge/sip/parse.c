/**
 * @file parse.c  URIs, Via, name-addr and parameters (RFC 3261 section 25.1)
 *
 * Each function takes the plain form alone: no quotes, no folds, no blanks
 * where none are usual. All else goes to libre.
 */
#include <sys/socket.h>

#include "parse.h"


enum { PORT_DIGITS = 5 };


/** What a letter may be part of */
enum letter {
	ALNUM = 1 << 0,
	HOST  = 1 << 1,
	USER  = 1 << 2,            /* and what follows a host              */
	ALL   = ALNUM | HOST | USER,
};

static const uint8_t letterv[256] = {
	['0'] = ALL, ['1'] = ALL, ['2'] = ALL, ['3'] = ALL, ['4'] = ALL,
	['5'] = ALL, ['6'] = ALL, ['7'] = ALL, ['8'] = ALL, ['9'] = ALL,

	['A'] = ALL, ['B'] = ALL, ['C'] = ALL, ['D'] = ALL, ['E'] = ALL,
	['F'] = ALL, ['G'] = ALL, ['H'] = ALL, ['I'] = ALL, ['J'] = ALL,
	['K'] = ALL, ['L'] = ALL, ['M'] = ALL, ['N'] = ALL, ['O'] = ALL,
	['P'] = ALL, ['Q'] = ALL, ['R'] = ALL, ['S'] = ALL, ['T'] = ALL,
	['U'] = ALL, ['V'] = ALL, ['W'] = ALL, ['X'] = ALL, ['Y'] = ALL,
	['Z'] = ALL,

	['a'] = ALL, ['b'] = ALL, ['c'] = ALL, ['d'] = ALL, ['e'] = ALL,
	['f'] = ALL, ['g'] = ALL, ['h'] = ALL, ['i'] = ALL, ['j'] = ALL,
	['k'] = ALL, ['l'] = ALL, ['m'] = ALL, ['n'] = ALL, ['o'] = ALL,
	['p'] = ALL, ['q'] = ALL, ['r'] = ALL, ['s'] = ALL, ['t'] = ALL,
	['u'] = ALL, ['v'] = ALL, ['w'] = ALL, ['x'] = ALL, ['y'] = ALL,
	['z'] = ALL,

	['-'] = HOST | USER, ['.'] = HOST | USER,

	['_'] = USER, ['!'] = USER, ['~'] = USER, ['*'] = USER,
	['\''] = USER, ['('] = USER, [')'] = USER, ['&'] = USER,
	['='] = USER, ['+'] = USER, ['$'] = USER, [','] = USER,
	['%'] = USER, ['/'] = USER, ['#'] = USER,
};


static bool is_alnum(char c)
{
	return letterv[(unsigned char)c] & ALNUM;
}


static bool is_user(char c)
{
	return letterv[(unsigned char)c] & USER;
}


static bool is_host(char c)
{
	return letterv[(unsigned char)c] & HOST;
}


static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}


static const char *skip_blanks(const char *p, const char *end)
{
	while (p < end && is_blank(*p))
		++p;

	return p;
}


static struct pl cut(const char *begin, const char *end)
{
	const struct pl pl = { begin, (size_t)(end - begin) };

	return pl;
}


/** "host" or "host:port" from p on. @return where it ends, NULL otherwise */
static const char *hostport(struct pl *host, uint16_t *port, const char *p,
			    const char *end)
{
	const char *begin = p;
	uint32_t n = 0;

	while (p < end && is_host(*p))
		++p;
	if (p == begin)
		return NULL;

	*host = cut(begin, p);
	*port = 0;
	if (p == end || *p != ':')
		return p;

	begin = ++p;
	for (; p < end && *p >= '0' && *p <= '9' &&
	     p - begin < PORT_DIGITS; p++)
		n = n * 10 + (uint32_t)(*p - '0');

	if (p == begin || n > UINT16_MAX)
		return NULL;

	*port = (uint16_t)n;

	return p;
}


static int host_af(const struct pl *host)
{
	struct sa sa;

	/* a name that ends in a letter is no IPv4 address */
	if (host->p[host->l - 1] > '9' || sa_set(&sa, host, 0))
		return AF_UNSPEC;

	return sa_af(&sa);
}


static bool uri_plain(struct uri *uri, const struct pl *pl)
{
	const char *const end = pl->p + pl->l;
	const char *p = pl->p, *at;

	while (p < end && is_alnum(*p))
		++p;
	if (p == pl->p || p == end || *p != ':')
		return false;

	uri->scheme = cut(pl->p, p++);

	for (at = p; at < end && is_user(*at); at++)
		;
	if (at < end && *at == '@') {
		if (at == p)
			return false;
		uri->user = cut(p, at);
		p = at + 1;
	}

	p = hostport(&uri->host, &uri->port, p, end);
	if (!p)
		return false;

	/* parameters; one more '@', '?' or ':' makes it another story */
	if (p < end && *p != ';')
		return false;
	for (at = p; at < end; at++)
		if (!is_user(*at) && *at != ';')
			return false;

	uri->params = cut(p, end);
	uri->af     = host_af(&uri->host);

	return true;
}


int parse_uri(struct uri *uri, const struct pl *pl)
{
	memset(uri, 0, sizeof(*uri));

	return uri_plain(uri, pl) ? 0 : uri_decode(uri, pl);
}


static bool via_plain(struct sip_via *via, const struct pl *pl)
{
	static const struct {
		const char *text;
		enum sip_transp tp;
	} transpv[] = {
		{ "SIP/2.0/UDP ", SIP_TRANSP_UDP },
		{ "SIP/2.0/TCP ", SIP_TRANSP_TCP },
		{ "SIP/2.0/TLS ", SIP_TRANSP_TLS },
	};
	enum { HEAD = 12 };
	const char *const end = pl->p + pl->l;
	const char *p = pl->p + HEAD;
	struct pl host;
	uint16_t port;
	size_t i;

	for (i = 0; i < RE_ARRAY_SIZE(transpv); i++)
		if (pl->l > HEAD && !memcmp(pl->p, transpv[i].text, HEAD))
			break;
	if (i == RE_ARRAY_SIZE(transpv))
		return false;

	p = hostport(&host, &port, p, end);
	if (!p || p == end || *p != ';')
		return false;

	via->tp     = transpv[i].tp;
	via->sentby = cut(pl->p + HEAD, p);
	via->params = cut(p, end);
	via->val    = *pl;
	sa_init(&via->addr, AF_INET);
	(void)sa_set(&via->addr, &host, 0);
	if (port)
		sa_set_port(&via->addr, port);

	return !parse_param(&via->params, "branch", &via->branch);
}


int parse_via(struct sip_via *via, const struct pl *pl)
{
	struct sip_via plain;

	memset(&plain, 0, sizeof(plain));
	if (!via_plain(&plain, pl))
		return sip_via_decode(via, pl);

	*via = plain;

	return 0;
}


/** A name in quotes, without escapes: what is behind it, NULL otherwise */
static const char *name_plain(struct pl *name, const struct pl *pl)
{
	const char *const end = pl->p + pl->l;
	const char *p = pl->p + 1;

	while (p < end && *p != '"' && *p != '\\' && *p != '<' &&
	       (unsigned char)*p >= ' ')
		++p;
	if (p == end || *p != '"' || p == pl->p + 1)
		return NULL;

	*name = cut(pl->p + 1, p);

	return skip_blanks(p + 1, end);
}


/** "<URI>" and parameters, a name in quotes before it or none */
static bool addr_plain(struct sip_addr *addr, const struct pl *pl)
{
	const char *const end = pl->p + pl->l;
	const char *p = pl->p, *close;

	if (pl->l && *p == '"')
		p = name_plain(&addr->dname, pl);
	if (!p || end - p < 2 || *p != '<')
		return false;

	close = memchr(p, '>', (size_t)(end - p));
	if (!close || memchr(p, '"', (size_t)(end - p)))
		return false;

	addr->auri = cut(p + 1, close);
	if (!uri_plain(&addr->uri, &addr->auri))
		return false;

	addr->params = cut(close + 1, end);

	return true;
}


int parse_addr(struct sip_addr *addr, const struct pl *pl)
{
	struct sip_addr plain;

	memset(&plain, 0, sizeof(plain));
	if (!addr_plain(&plain, pl))
		return sip_addr_decode(addr, pl);

	*addr = plain;

	return 0;
}


/** The value of the parameter that begins at p, after its semicolon */
static bool param_at(const char *p, const char *end, const char *name,
		     size_t l, struct pl *val)
{
	const char *begin;

	p = skip_blanks(p, end);
	if ((size_t)(end - p) <= l || strncasecmp(p, name, l))
		return false;

	p = skip_blanks(p + l, end);
	if (p == end || *p != '=')
		return false;

	begin = p = skip_blanks(p + 1, end);
	while (p < end && *p != ';' && !is_blank(*p))
		++p;

	*val = cut(begin, p);

	return val->l > 0;
}


int parse_param(const struct pl *pl, const char *name, struct pl *val)
{
	const char *p, *end;
	size_t l;

	if (!pl || !pl->p || !name || !val)
		return EINVAL;

	/* quotes may hold semicolons, and escapes are libre's */
	if (memchr(pl->p, '"', pl->l) || memchr(pl->p, '\\', pl->l))
		return msg_param_decode(pl, name, val);

	l   = strlen(name);
	end = pl->p + pl->l;

	for (p = memchr(pl->p, ';', pl->l); p;
	     p = memchr(p, ';', (size_t)(end - p)))
		if (param_at(++p, end, name, l, val))
			return 0;

	return ENOENT;
}
