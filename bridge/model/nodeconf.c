/**
 * @file nodeconf.c  The fields of callbridge.yaml
 */
#include "bridge/base/doc.h"
#include "bridge/base/errors.h"
#include "check.h"
#include "nodeconf.h"
#include "own_name.h"


#define COUNT(v) (sizeof(v) / sizeof((v)[0]))
#define CHOICES(v) .choicev = (v), .choicec = COUNT(v)
#define AT(member) .offset = offsetof(struct nodeconf, member)


enum { PATH_OCTETS = 4095, CONTROL_OCTETS = 107 /* sun_path */ };


static const char *const formatv[] = { "text", "json" };
static const char *const hep_protocolv[] = { "udp", "tcp" };
static const char *const levelv[]  = { "debug", "info", "warning" };


static const struct field sipv[] = {
	{ .name = "address", .type = FIELD_STRING, AT(sip.address),
	  .dflt = "0.0.0.0", .checkh = check_address,
	  .help = "Address to listen on towards PBXs; 0.0.0.0: that of the "
		  "default route" },
	{ .name = "public_address", .type = FIELD_STRING,
	  AT(sip.public_address), .checkh = check_address,
	  .help = "Address that PBXs see, where a firewall translates ours" },
	{ .name = "udp_port", .type = FIELD_INT, AT(sip.udp_port),
	  .max = 65535, .dflt = "5060",
	  .help = "Port for SIP over UDP; 0: none" },
	{ .name = "tcp_port", .type = FIELD_INT, AT(sip.tcp_port),
	  .max = 65535, .dflt = "5060",
	  .help = "Port for SIP over TCP; 0: none" },
	{ .name = "tls_port", .type = FIELD_INT, AT(sip.tls_port),
	  .max = 65535, .dflt = "5062",
	  .help = "Port for SIP over TLS towards PBXs; 0: none (5061 is "
		  "that towards Teams)" },
	{ .name = "certificate", .type = FIELD_STRING, AT(sip.certificate),
	  .max = PATH_OCTETS, .checkh = check_line,
	  .help = "PEM file: our certificate towards PBXs, then its "
		  "intermediates" },
	{ .name = "key", .type = FIELD_STRING, AT(sip.key),
	  .max = PATH_OCTETS, .checkh = check_line,
	  .help = "PEM file: its private key; unset: in the same file" },
};

static const struct field teamsv[] = {
	{ .name = "address", .type = FIELD_STRING, AT(teams.address),
	  .dflt = "0.0.0.0", .checkh = check_address,
	  .help = "Address to listen on towards Teams; 0.0.0.0: that of the "
		  "default route" },
	{ .name = "public_address", .type = FIELD_STRING,
	  AT(teams.public_address), .checkh = check_address,
	  .help = "Address that Teams sees, where a firewall translates "
		  "ours" },
	{ .name = "port", .type = FIELD_INT, AT(teams.port),
	  .min = 1, .max = 65535, .dflt = "5061",
	  .help = "Port of the tenants' gateways, as told to Teams" },
	{ .name = "certificate", .type = FIELD_STRING,
	  AT(teams.certificate), .max = PATH_OCTETS, .checkh = check_line,
	  .help = "PEM file: certificate with the tenants' names, then its "
		  "intermediates" },
	{ .name = "key", .type = FIELD_STRING, AT(teams.key),
	  .max = PATH_OCTETS, .checkh = check_line,
	  .help = "PEM file: its private key; unset: in the same file" },
	{ .name = "ca_file", .type = FIELD_STRING, AT(teams.ca_file),
	  .max = PATH_OCTETS, .checkh = check_line,
	  .help = "PEM file of the authorities that sign for Microsoft; "
		  "unset: the system's" },
	{ .name = "proxies", .type = FIELD_STRINGS, AT(teams.proxies),
	  .min = 1, .max = 8, .checkh = check_domain,
	  .dflt = "sip.pstnhub.microsoft.com,sip2.pstnhub.microsoft.com,"
		  "sip3.pstnhub.microsoft.com",
	  .help = "Names of Teams, in the order to try" },
	{ .name = "proxy_port", .type = FIELD_INT, AT(teams.proxy_port),
	  .min = 1, .max = 65535, .dflt = "5061",
	  .help = "Port of Teams" },
	{ .name = "peer_names", .type = FIELD_STRINGS,
	  AT(teams.peer_names), .max = 16,
	  .dflt = "sip.pstnhub.microsoft.com,*.pstnhub.microsoft.com",
	  .help = "Names of which Teams' certificate must bear one" },
	{ .name = "peer_ranges", .type = FIELD_STRINGS,
	  AT(teams.peer_ranges), .max = 64, .checkh = check_cidr,
	  .help = "Addresses from which Teams may connect; empty: any" },
	{ .name = "allow_no_client_cert", .type = FIELD_BOOL,
	  AT(teams.allow_no_client_cert), .dflt = "false",
	  .flags = FIELD_ADVANCED,
	  .help = "Let peers in that show no certificate; only with "
		  "peer_ranges" },
	{ .name = "handshakes", .type = FIELD_INT, AT(teams.handshakes),
	  .min = 1, .max = 10000, .dflt = "40", .flags = FIELD_ADVANCED,
	  .help = "TLS handshakes a second of all strangers: of networks "
		  "neither in peer_ranges nor with a good certificate in "
		  "the last hour" },
	{ .name = "handshakes_per_source", .type = FIELD_INT,
	  AT(teams.handshakes_source),
	  .min = 1, .max = 10000, .dflt = "10", .flags = FIELD_ADVANCED,
	  .help = "The same of one network: 24 bits of IPv4, 48 of IPv6" },
	{ .name = "options", .type = FIELD_DURATION, .unit = FIELD_S,
	  AT(teams.options_s), .min = 1, .max = 600, .dflt = "60s",
	  .flags = FIELD_ADVANCED,
	  .help = "Interval of OPTIONS to each name of Teams" },
	{ .name = "demotion", .type = FIELD_DURATION, .unit = FIELD_S,
	  AT(teams.demotion_s), .min = 1, .max = 3600, .dflt = "300s",
	  .flags = FIELD_ADVANCED,
	  .help = "Teams tries a trunk last that it had no OPTIONS of for so "
		  "long, and stops its own; told when that long none came" },
	{ .name = "failover_codes", .type = FIELD_STRINGS,
	  AT(teams.failover_codes), .min = 1, .max = 8, .dflt = "503",
	  .checkh = check_failure_code, .flags = FIELD_ADVANCED,
	  .help = "Answers of a name of Teams to a call upon which the next "
		  "name is tried, as long as nothing has rung" },
	{ .name = "carrier", .type = FIELD_STRING, AT(teams.carrier),
	  .max = 127, .checkh = check_fqdn, .flags = FIELD_ADVANCED,
	  .help = "Name of a carrier trunk (Microsoft: SBC for multiple "
		  "tenants): tenants one label below it share its OPTIONS "
		  "and its health; unset: each name speaks for itself" },
	{ .name = "own_names", .type = FIELD_STRINGS, AT(teams.own_names),
	  .max = 1000, .checkh = own_name_check, .flags = FIELD_ADVANCED,
	  .help = "Where several nodes share a store, this node's own names: "
		  "NAME=OWN has OWN stand for the customers' FQDN NAME, or "
		  "for NAME at the end of it" },
};

static const struct field mediav[] = {
	{ .name = "port_min", .type = FIELD_INT, AT(media.port_min),
	  .min = 1024, .max = 65530, .dflt = "30000",
	  .help = "First UDP port for audio" },
	{ .name = "port_max", .type = FIELD_INT, AT(media.port_max),
	  .min = 1027, .max = 65535, .dflt = "39999",
	  .help = "Last UDP port for audio; a call takes four" },
	{ .name = "workers", .type = FIELD_INT, AT(media.workers),
	  .max = 256, .dflt = "0", .flags = FIELD_ADVANCED,
	  .help = "Threads that carry audio; 0: one for each core" },
	{ .name = "silence_limit", .type = FIELD_DURATION, .unit = FIELD_S,
	  AT(media.silence_limit_s), .min = 10, .max = 86400,
	  .dflt = "60s", .flags = FIELD_ADVANCED,
	  .help = "A call from which nothing is received for that long "
		  "ends" },
};

static const struct field hostv[] = {
	{ .name = "name", .type = FIELD_STRING,
	  .offset = offsetof(struct nodeconf_host, name),
	  .checkh = check_domain, .flags = FIELD_REQUIRED,
	  .help = "Host name" },
	{ .name = "address", .type = FIELD_STRING,
	  .offset = offsetof(struct nodeconf_host, address),
	  .checkh = check_address, .flags = FIELD_REQUIRED,
	  .help = "Its address" },
};

static const struct fields host_fields = {
	.name = "host", .size = sizeof(struct nodeconf_host),
	.fieldv = hostv, .fieldc = COUNT(hostv),
	.help = "A name with a fixed address",
};

static const struct field dnsv[] = {
	{ .name = "servers", .type = FIELD_STRINGS, AT(dns.servers),
	  .max = 4, .checkh = check_server,
	  .help = "DNS servers, address or address:port; empty: those of "
		  "/etc/resolv.conf" },
	{ .name = "hosts", .type = FIELD_LIST, .sub = &host_fields,
	  AT(dns.hosts), .max = 1000,
	  .help = "Names with fixed addresses, without DNS" },
};

static const struct field logv[] = {
	{ .name = "file", .type = FIELD_STRING, AT(log.file),
	  .max = PATH_OCTETS, .checkh = check_line,
	  .help = "Log file; unset: standard error" },
	{ .name = "format", .type = FIELD_CHOICE, CHOICES(formatv),
	  AT(log.format), .dflt = "text",
	  .help = "Lines of text or of JSON" },
	{ .name = "level", .type = FIELD_CHOICE, CHOICES(levelv),
	  AT(log.level), .dflt = "info",
	  .help = "What is worth a line" },
};

static const struct field tracev[] = {
	{ .name = "memory_mb", .type = FIELD_INT, AT(trace.memory_mb),
	  .max = 4096, .dflt = "64",
	  .help = "Memory for the SIP messages that `callbridge trace` "
		  "shows, in MiB; 0: none are kept" },
	{ .name = "voice_mb", .type = FIELD_INT, AT(trace.voice_mb),
	  .max = 1024, .dflt = "0",
	  .help = "Memory for the voice of calls that somebody asks to keep "
		  "for a while (`callbridge record`), in MiB, 4 for each "
		  "minute of a call; 0: none is ever kept" },
};

static const struct field hepv[] = {
	{ .name = "collector", .type = FIELD_STRING, AT(hep.collector),
	  .max = 255, .checkh = check_proxy,
	  .help = "Where to send a copy of each SIP message by HEPv3, as in "
		  "homer.example:9060; unset: nowhere" },
	{ .name = "protocol", .type = FIELD_CHOICE, CHOICES(hep_protocolv),
	  AT(hep.protocol), .dflt = "udp",
	  .help = "How the collector listens" },
	{ .name = "capture_id", .type = FIELD_INT, AT(hep.capture_id),
	  .max = 0xffffffff, .dflt = "2001",
	  .help = "Number of this bridge among the capture agents" },
	{ .name = "password", .type = FIELD_STRING, AT(hep.password),
	  .max = 127, .checkh = check_line, .flags = FIELD_SECRET,
	  .help = "Authenticate key that the collector wants; unset: none" },
};


static bool check_store_url(const char *value, char *why, size_t size)
{
	if ((!strncmp(value, "sqlite:/", 8) && value[8]) ||
	    !strncmp(value, "postgresql://", 13) ||
	    !strncmp(value, "postgres://", 11))
		return true;

	str_ncpy(why, "sqlite:/PATH or postgresql://USER@HOST/DATABASE", size);

	return false;
}


static bool check_url(const char *value, char *why, size_t size)
{
	if ((!strncmp(value, "https://", 8) && value[8]) ||
	    (!strncmp(value, "http://", 7) && value[7]))
		return true;

	str_ncpy(why, "https://NAME[:PORT]", size);

	return false;
}


static const struct field storev[] = {
	{ .name = "url", .type = FIELD_STRING, AT(store.url),
	  .max = PATH_OCTETS, .checkh = check_store_url,
	  .flags = FIELD_SECRET,
	  .help = "Database: sqlite:/PATH or postgresql://...; unset: "
		  "store.db in state_dir" },
	{ .name = "key_file", .type = FIELD_STRING, AT(store.key_file),
	  .max = PATH_OCTETS, .checkh = check_line,
	  .help = "File of the keys that seal SIP passwords, made if there "
		  "is none; to be kept apart from backups; unset: "
		  "secrets.key in state_dir" },
	{ .name = "node", .type = FIELD_STRING, AT(store.node), .max = 63,
	  .checkh = check_name, .flags = FIELD_ADVANCED,
	  .help = "Name of this bridge among those that share a database; "
		  "unset: the host's name" },
	{ .name = "keep_days", .type = FIELD_INT, AT(store.keep_days),
	  .dflt = "365", .min = 1, .max = 3650,
	  .help = "How long call records, the history of registrations, "
		  "outages and the journal's files are kept, in days; their "
		  "figures, which name nobody, are kept for five years" },
};

/** What is fetched from there decides who may come in */
static bool check_issuer(const char *value, char *why, size_t size)
{
	if ((!strncmp(value, "https://", 8) && value[8]) ||
	    !strncmp(value, "http://127.", 11) ||
	    !strncmp(value, "http://localhost", 16))
		return true;

	str_ncpy(why, "https://...", size);

	return false;
}


static const struct field oidcv[] = {
	{ .name = "issuer", .type = FIELD_STRING, AT(portal.oidc.issuer),
	  .max = PATH_OCTETS, .checkh = check_issuer,
	  .help = "Issuer of OpenID Connect, as in https://login."
		  "microsoftonline.com/TENANT/v2.0; unset: none" },
	{ .name = "client_id", .type = FIELD_STRING,
	  AT(portal.oidc.client_id), .max = 255, .checkh = check_line,
	  .help = "What the issuer calls this portal" },
	{ .name = "client_secret", .type = FIELD_STRING,
	  AT(portal.oidc.client_secret), .max = 1023, .checkh = check_line,
	  .flags = FIELD_SECRET,
	  .help = "Its password at the issuer; unset: PKCE alone" },
	{ .name = "claim", .type = FIELD_STRING, AT(portal.oidc.claim),
	  .max = 63, .checkh = check_line, .dflt = "preferred_username",
	  .help = "Claim that is the name of an admin here" },
	{ .name = "title", .type = FIELD_STRING, AT(portal.oidc.title),
	  .max = 63, .checkh = check_line, .dflt = "Single sign-on",
	  .help = "What the page calls it" },
	{ .name = "ca_file", .type = FIELD_STRING, AT(portal.oidc.ca_file),
	  .max = PATH_OCTETS, .checkh = check_line, .flags = FIELD_ADVANCED,
	  .help = "PEM file of the authority of the issuer's certificate; "
		  "unset: the system's" },
};

static const struct fields oidc_fields = {
	.size = sizeof(struct nodeconf),     /* offsets count from it */
	.name = "oidc", .fieldv = oidcv, .fieldc = COUNT(oidcv),
	.help = "Sign-in by OpenID Connect",
};


static const struct field portalv[] = {
	{ .name = "address", .type = FIELD_STRING, AT(portal.address),
	  .dflt = "127.0.0.1", .checkh = check_address,
	  .help = "Address that the portal listens on; other than loopback "
		  "wants a certificate" },
	{ .name = "port", .type = FIELD_INT, AT(portal.port),
	  .max = 65535, .dflt = "8443",
	  .help = "Port of the portal; 0: none" },
	{ .name = "connections", .type = FIELD_INT, AT(portal.conns),
	  .min = 10, .max = 10000, .dflt = "500", .flags = FIELD_ADVANCED,
	  .help = "Connections to the portal at a time" },
	{ .name = "connections_per_source", .type = FIELD_INT,
	  AT(portal.conns_source), .min = 10, .max = 10000, .dflt = "50",
	  .flags = FIELD_ADVANCED,
	  .help = "... from one address, or IPv6 network of 64 bits; more "
		  "where all come by one proxy" },
	{ .name = "certificate", .type = FIELD_STRING,
	  AT(portal.certificate), .max = PATH_OCTETS, .checkh = check_line,
	  .help = "PEM file: the portal's certificate, then its "
		  "intermediates; read again when it changes" },
	{ .name = "key", .type = FIELD_STRING, AT(portal.key),
	  .max = PATH_OCTETS, .checkh = check_line,
	  .help = "PEM file: its private key; unset: in the same file" },
	{ .name = "url", .type = FIELD_STRING, AT(portal.url),
	  .max = PATH_OCTETS, .checkh = check_url,
	  .help = "How people reach the portal, for links; unset: by "
		  "address and port" },
	{ .name = "oidc", .type = FIELD_OBJECT, .sub = &oidc_fields,
	  .help = "Sign-in by OpenID Connect" },
};


static const struct field testsv[] = {
	{ .name = "at_once", .type = FIELD_INT, AT(tests.at_once),
	  .max = 8, .dflt = "2",
	  .help = "So many tests from the portal may run at once; 0: none" },
	{ .name = "question", .type = FIELD_DURATION, .unit = FIELD_S,
	  AT(tests.question_s), .min = 5, .max = 3600, .dflt = "10m",
	  .help = "A test is ended when nobody answers its question for so "
		  "long" },
	{ .name = "teams_sim", .type = FIELD_STRING, AT(tests.teams_sim),
	  .max = CONTROL_OCTETS, .checkh = check_line,
	  .flags = FIELD_ADVANCED,
	  .help = "Control socket of the teams-sim that plays Microsoft's "
		  "side, in labs; unset: users are people" },
};

static const struct fields tests_fields = {
	.size = sizeof(struct nodeconf),     /* offsets count from it */
	.name = "tests", .fieldv = testsv, .fieldc = COUNT(testsv),
	.help = "Tests of PBXs from the portal",
};

static const struct fields sip_fields = {
	.size = sizeof(struct nodeconf),     /* offsets count from it */
	.name = "sip", .fieldv = sipv, .fieldc = COUNT(sipv),
	.help = "SIP towards PBXs",
};

static const struct fields teams_fields = {
	.size = sizeof(struct nodeconf),     /* offsets count from it */
	.name = "teams", .fieldv = teamsv, .fieldc = COUNT(teamsv),
	.help = "SIP towards Microsoft Teams",
};

static const struct fields media_fields = {
	.size = sizeof(struct nodeconf),     /* offsets count from it */
	.name = "media", .fieldv = mediav, .fieldc = COUNT(mediav),
	.help = "Audio",
};

static const struct fields dns_fields = {
	.size = sizeof(struct nodeconf),     /* offsets count from it */
	.name = "dns", .fieldv = dnsv, .fieldc = COUNT(dnsv),
	.help = "From names to addresses",
};

static const struct fields log_fields = {
	.size = sizeof(struct nodeconf),     /* offsets count from it */
	.name = "log", .fieldv = logv, .fieldc = COUNT(logv),
	.help = "The log",
};

static const struct fields hep_fields = {
	.size = sizeof(struct nodeconf),     /* offsets count from it */
	.name = "hep", .fieldv = hepv, .fieldc = COUNT(hepv),
	.help = "Copies of SIP messages to a collector such as Homer",
};

static const struct fields trace_fields = {
	.size = sizeof(struct nodeconf),     /* offsets count from it */
	.name = "trace", .fieldv = tracev, .fieldc = COUNT(tracev),
	.help = "Kept SIP messages",
};


static const struct fields store_fields = {
	.size = sizeof(struct nodeconf),     /* offsets count from it */
	.name = "store", .fieldv = storev, .fieldc = COUNT(storev),
	.help = "Where customers, calls and admins are kept",
};

static const struct fields portal_fields = {
	.size = sizeof(struct nodeconf),     /* offsets count from it */
	.name = "portal", .fieldv = portalv, .fieldc = COUNT(portalv),
	.help = "The portal and its API over HTTPS",
};


static const struct field microsoftv[] = {
	{ .name = "login_url", .type = FIELD_STRING, AT(microsoft.login_url),
	  .max = PATH_OCTETS, .checkh = check_issuer,
	  .flags = FIELD_ADVANCED,
	  .help = "Sign-in service, where it is not that of the customer's "
		  "cloud: for a proxy, or a stand-in" },
	{ .name = "graph_url", .type = FIELD_STRING, AT(microsoft.graph_url),
	  .max = PATH_OCTETS, .checkh = check_issuer,
	  .flags = FIELD_ADVANCED,
	  .help = "Microsoft Graph, likewise" },
	{ .name = "ca_file", .type = FIELD_STRING, AT(microsoft.ca_file),
	  .max = PATH_OCTETS, .checkh = check_line, .flags = FIELD_ADVANCED,
	  .help = "PEM file of the authority of their certificates, behind "
		  "a proxy that shows its own; unset: the system's" },
	{ .name = "presence", .type = FIELD_DURATION, .unit = FIELD_S,
	  AT(microsoft.presence_s), .min = 2, .max = 60, .dflt = "15s",
	  .flags = FIELD_ADVANCED,
	  .help = "Who does not want to be disturbed is asked that often, "
		  "for customers with `dnd` set" },
};

static const struct fields microsoft_fields = {
	.size = sizeof(struct nodeconf),     /* offsets count from it */
	.name = "microsoft", .fieldv = microsoftv,
	.fieldc = COUNT(microsoftv),
	.help = "Where Microsoft 365 is asked for users (docs/sync.md)",
};


static const struct field fieldv[] = {
	{ .name = "state_dir", .type = FIELD_STRING, AT(state_dir),
	  .min = 1, .max = PATH_OCTETS, .checkh = check_line,
	  .dflt = "/var/lib/callbridge",
	  .help = "Folder for the journal and the control socket" },
	{ .name = "customers", .type = FIELD_STRINGS, AT(customers),
	  .max = 1000, .checkh = check_line,
	  .dflt = "/etc/callbridge/customers",
	  .help = "Customer files; a folder means its *.yaml" },
	{ .name = "templates", .type = FIELD_STRING, AT(templates),
	  .max = PATH_OCTETS, .checkh = check_line,
	  .help = "Folder of own PBX templates" },
	{ .name = "sip", .type = FIELD_OBJECT, .sub = &sip_fields,
	  .help = "SIP towards PBXs" },
	{ .name = "teams", .type = FIELD_OBJECT, .sub = &teams_fields,
	  .help = "SIP towards Microsoft Teams" },
	{ .name = "media", .type = FIELD_OBJECT, .sub = &media_fields,
	  .help = "Audio" },
	{ .name = "dns", .type = FIELD_OBJECT, .sub = &dns_fields,
	  .help = "From names to addresses" },
	{ .name = "log", .type = FIELD_OBJECT, .sub = &log_fields,
	  .help = "The log" },
	{ .name = "trace", .type = FIELD_OBJECT, .sub = &trace_fields,
	  .help = "Kept SIP messages" },
	{ .name = "hep", .type = FIELD_OBJECT, .sub = &hep_fields,
	  .help = "Copies of SIP messages to a collector such as Homer" },
	{ .name = "store", .type = FIELD_OBJECT, .sub = &store_fields,
	  .help = "Where customers, calls and admins are kept" },
	{ .name = "portal", .type = FIELD_OBJECT, .sub = &portal_fields,
	  .help = "The portal and its API over HTTPS" },
	{ .name = "microsoft", .type = FIELD_OBJECT,
	  .sub = &microsoft_fields,
	  .help = "Where Microsoft 365 is asked for users" },
	{ .name = "tests", .type = FIELD_OBJECT, .sub = &tests_fields,
	  .help = "Tests of PBXs from the portal" },
	{ .name = "control", .type = FIELD_STRING, AT(control),
	  .max = CONTROL_OCTETS, .checkh = check_line,
	  .help = "Path of the control socket; unset: control.sock in "
		  "state_dir" },
};


static void complain(const struct doc_node *node, const char *object,
		     const char *field, struct errors *errs,
		     const char *text)
{
	const struct doc_node *in = doc_member(node, object);
	const struct doc_node *at = doc_member(in, field);
	struct place place = { NULL, 0, 0 };
	char path[64];

	if (!at)
		at = in ? in : node;
	if (at) {
		place.file   = at->file;
		place.line   = at->line;
		place.column = at->column;
	}

	(void)re_snprintf(path, sizeof(path), "%s.%s", object, field);
	errors_add(errs, &place, path, "%s", text);
}


/** Two listeners, one of which may listen on every address */
static bool overlap(const char *a, const char *b)
{
	return !str_cmp(a, b) || !str_cmp(a, "0.0.0.0") ||
		!str_cmp(b, "0.0.0.0") || !str_cmp(a, "::") ||
		!str_cmp(b, "::");
}


static void check(const void *obj, const struct doc_node *node,
		  struct errors *errs)
{
	const struct nodeconf *conf = obj;
	const bool overlapping = overlap(conf->sip.address,
					 conf->teams.address);

	if (conf->media.port_max - conf->media.port_min < 3)
		complain(node, "media", "port_max", errs,
			 "want at least four ports from port_min on");

	if (conf->sip.tls_port && conf->sip.tls_port == conf->sip.tcp_port)
		complain(node, "sip", "tls_port", errs,
			 "want a port other than tcp_port");

	if (overlapping && conf->sip.tls_port == conf->teams.port)
		complain(node, "sip", "tls_port", errs,
			 "want a port other than teams.port, which listens"
			 " on the same address");

	if (overlapping && conf->sip.tcp_port == conf->teams.port)
		complain(node, "sip", "tcp_port", errs,
			 "want a port other than teams.port, which listens"
			 " on the same address");

	if (!conf->sip.udp_port && !conf->sip.tcp_port &&
	    !conf->sip.tls_port)
		complain(node, "sip", "udp_port", errs,
			 "want at least one of udp_port, tcp_port and"
			 " tls_port");

	if (conf->portal.port && !conf->portal.certificate &&
	    strncmp(conf->portal.address, "127.", 4) &&
	    strcmp(conf->portal.address, "::1"))
		complain(node, "portal", "certificate", errs,
			 "want a certificate: without one the portal listens"
			 " on a loopback address only");

	if (conf->portal.oidc.issuer && !conf->portal.oidc.client_id)
		complain(node, "portal", "oidc", errs,
			 "want a client_id with the issuer");

	if (conf->teams.allow_no_client_cert && !conf->teams.peer_ranges.c)
		complain(node, "teams", "allow_no_client_cert", errs,
			 "want peer_ranges with it: else anybody is taken"
			 " for Teams");
}


const struct fields nodeconf_fields = {
	.name   = "callbridge",
	.help   = "How one bridge process runs",
	.size   = sizeof(struct nodeconf),
	.fieldv = fieldv,
	.fieldc = COUNT(fieldv),
	.checkh = check,
};


int nodeconf_resolve(struct nodeconf *node, const char *base)
{
	char **const v[] = {
		&node->state_dir, &node->templates, &node->sip.certificate,
		&node->sip.key, &node->teams.certificate, &node->teams.key,
		&node->teams.ca_file, &node->log.file, &node->control,
		&node->store.key_file, &node->portal.certificate,
		&node->portal.key, &node->portal.oidc.ca_file,
		&node->microsoft.ca_file,
		&node->tests.teams_sim,
	};
	size_t i;
	int err = 0;

	for (i = 0; i < RE_ARRAY_SIZE(v); i++)
		err |= doc_path(v[i], base);
	for (i = 0; i < node->customers.c; i++)
		err |= doc_path(&node->customers.v[i], base);

	return err ? ENOMEM : 0;
}


int nodeconf_address(struct sa *sa, const char *text, uint16_t port)
{
	return sa_set_str(sa, text, port) ? sa_decode(sa, text, strlen(text))
		: 0;
}
