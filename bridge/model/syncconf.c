/**
 * @file syncconf.c  The fields of how a customer's Microsoft 365 is asked
 */
#include <ctype.h>
#include <time.h>

#include "check.h"
#include "syncconf.h"


#define COUNT(v) (sizeof(v) / sizeof((v)[0]))
#define AT(member) .offset = offsetof(struct syncconf, member)

enum { GUID_LENGTH = 36, CERTIFICATE_MAX = 32 * 1024, DAY_S = 24 * 3600 };

static const char *const cloudv[] = {
	[SYNC_WORLDWIDE] = "worldwide", [SYNC_GCC_HIGH] = "gcc-high",
	[SYNC_DOD] = "dod", [SYNC_CHINA] = "china",
};

static const char *const pushv[] = {
	[SYNC_BY_SCRIPT] = "script", [SYNC_BY_GRAPH] = "graph",
};

static const char *const leftv[] = {
	[SYNC_LEFT_TELL] = "tell", [SYNC_LEFT_DISABLE] = "disable",
};

static const char *const dndv[] = {
	[SYNC_DND_RINGS] = "ring", [SYNC_DND_BUSY] = "busy",
	[SYNC_DND_AWAY] = "unavailable",
};

static const char *const numberv[] = {
	[SYNC_NUMBER_BUSINESS] = "business-phone",
	[SYNC_NUMBER_MOBILE] = "mobile-phone", [SYNC_NUMBER_NONE] = "none",
};

static const char *const usernamev[] = {
	[SYNC_USERNAME_EXTENSION] = "extension",
	[SYNC_USERNAME_NUMBER] = "number", [SYNC_USERNAME_UPN] = "upn",
};


static bool is_guid(const char *value)
{
	for (size_t i = 0; i < GUID_LENGTH; i++) {
		const bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? value[i] != '-'
		    : !isxdigit((unsigned char)value[i]))
			return false;
	}

	return !value[GUID_LENGTH];
}


static bool check_guid(const char *value, char *why, size_t size)
{
	if (is_guid(value))
		return true;

	str_ncpy(why, "an id as in 9d3b6f10-2a44-4b7c-8f0e-7f3f1b1c2d3e",
		 size);

	return false;
}


/** "common" and its like are for people who sign in, not for programs */
static bool check_directory(const char *value, char *why, size_t size)
{
	char unused[64];

	if (is_guid(value) || check_fqdn(value, unused, sizeof(unused)))
		return true;

	str_ncpy(why, "the directory (tenant) id, or a domain of it", size);

	return false;
}


static bool date_read(const char *value, struct tm *tm)
{
	const char *end;

	memset(tm, 0, sizeof(*tm));
	end = strptime(value, "%Y-%m-%d", tm);

	return end && !*end && strlen(value) == 10;
}


static bool check_date(const char *value, char *why, size_t size)
{
	struct tm tm;

	if (date_read(value, &tm))
		return true;

	str_ncpy(why, "a day as in 2027-03-31", size);

	return false;
}


static bool check_certificate(const char *value, char *why, size_t size)
{
	if (strstr(value, "-----BEGIN CERTIFICATE-----") &&
	    strstr(value, "PRIVATE KEY-----"))
		return true;

	str_ncpy(why, "PEM text: a certificate and its private key", size);

	return false;
}


static const struct field newv[] = {
	{ .name = "pbx", .type = FIELD_STRING, AT(users.pbx), .max = 63,
	  .checkh = check_name,
	  .help = "PBX of new users; unset: the customer's only one" },
	{ .name = "number", .type = FIELD_CHOICE, AT(users.number),
	  .choicev = numberv, .choicec = COUNT(numberv),
	  .dflt = "business-phone",
	  .help = "Where the number of a new user is taken from" },
	{ .name = "sip_username", .type = FIELD_CHOICE,
	  AT(users.sip_username), .choicev = usernamev,
	  .choicec = COUNT(usernamev), .dflt = "extension",
	  .help = "What the PBX calls a new user: the last digits of the "
		  "number (extension), all of them, or the name before @" },
	{ .name = "digits", .type = FIELD_INT, AT(users.digits),
	  .min = 2, .max = 10, .dflt = "3",
	  .help = "How many digits an extension has" },
};

static const struct fields new_fields = {
	.size = sizeof(struct syncconf),     /* offsets count from it */
	.name = "users", .fieldv = newv, .fieldc = COUNT(newv),
	.help = "How people of Microsoft 365 become users here",
};


static const struct field fieldv[] = {
	{ .name = "directory_id", .type = FIELD_STRING, AT(directory_id),
	  .max = 127, .checkh = check_directory, .flags = FIELD_REQUIRED,
	  .help = "Directory (tenant) ID of the app registration's overview" },
	{ .name = "client_id", .type = FIELD_STRING, AT(client_id),
	  .max = GUID_LENGTH, .checkh = check_guid, .flags = FIELD_REQUIRED,
	  .help = "Application (client) ID, beside it" },
	{ .name = "client_secret", .type = FIELD_STRING, AT(client_secret),
	  .max = 255, .checkh = check_line, .flags = FIELD_SECRET,
	  .help = "Value (not the ID) of the client secret" },
	{ .name = "certificate", .type = FIELD_STRING, AT(certificate),
	  .max = CERTIFICATE_MAX, .checkh = check_certificate,
	  .flags = FIELD_SECRET | FIELD_ADVANCED,
	  .help = "Instead of the secret: PEM text with the app's "
		  "certificate and its RSA key" },
	{ .name = "secret_ends", .type = FIELD_STRING, AT(secret_ends),
	  .checkh = check_date,
	  .help = "Day on which secret or certificate ends: told 30 days "
		  "before" },
	{ .name = "cloud", .type = FIELD_CHOICE, AT(cloud),
	  .choicev = cloudv, .choicec = COUNT(cloudv), .dflt = "worldwide",
	  .flags = FIELD_ADVANCED,
	  .help = "Microsoft's cloud; GCC is in the worldwide one" },
	{ .name = "scheduled", .type = FIELD_BOOL, AT(scheduled),
	  .dflt = "true",
	  .help = "Off: only when somebody asks for it" },
	{ .name = "every", .type = FIELD_DURATION, AT(every_s),
	  .unit = FIELD_S, .min = 3600, .max = 6 * DAY_S, .dflt = "6h",
	  .help = "Time between two runs, and a little by chance" },
	{ .name = "push", .type = FIELD_CHOICE, AT(push),
	  .choicev = pushv, .choicec = COUNT(pushv), .dflt = "script",
	  .help = "Who gives numbers and policies in Teams: a person with "
		  "the script, or Callbridge by Graph" },
	{ .name = "left", .type = FIELD_CHOICE, AT(left),
	  .choicev = leftv, .choicec = COUNT(leftv), .dflt = "tell",
	  .help = "Users here whom Microsoft has no more: told only, or "
		  "disabled too; they are never removed" },
	{ .name = "dnd", .type = FIELD_CHOICE, AT(dnd),
	  .choicev = dndv, .choicec = COUNT(dndv), .dflt = "ring",
	  .help = "Calls from the PBX to who shows Do not disturb in Teams "
		  "ring, or are answered 486 (busy) or 480 (unavailable)" },
	{ .name = "dnd_show", .type = FIELD_BOOL, AT(dnd_show),
	  .dflt = "false",
	  .help = "Who dials Do not disturb for the PBX (*30* and *31*, or "
		  "its own feature codes) is shown so in Teams too" },
	{ .name = "users", .type = FIELD_OBJECT, .sub = &new_fields,
	  .help = "How people of Microsoft 365 become users here" },
};

const struct fields syncconf_fields = {
	.name   = "sync",
	.help   = "How a customer's Microsoft 365 is asked",
	.size   = sizeof(struct syncconf),
	.fieldv = fieldv,
	.fieldc = COUNT(fieldv),
};


static const struct { const char *login, *graph; } basev[] = {
	[SYNC_WORLDWIDE] = { "https://login.microsoftonline.com",
			     "https://graph.microsoft.com" },
	[SYNC_GCC_HIGH]  = { "https://login.microsoftonline.us",
			     "https://graph.microsoft.us" },
	[SYNC_DOD]       = { "https://login.microsoftonline.us",
			     "https://dod-graph.microsoft.us" },
	[SYNC_CHINA]     = { "https://login.partner.microsoftonline.cn",
			     "https://microsoftgraph.chinacloudapi.cn" },
};


const char *syncconf_login(int cloud)
{
	return basev[cloud].login;
}


const char *syncconf_graph(int cloud)
{
	return basev[cloud].graph;
}


bool syncconf_days_left(const struct syncconf *conf, int64_t now_s,
			int64_t *days)
{
	struct tm tm;

	if (!conf->secret_ends || !date_read(conf->secret_ends, &tm))
		return false;

	*days = (timegm(&tm) - now_s) / DAY_S;

	return true;
}
