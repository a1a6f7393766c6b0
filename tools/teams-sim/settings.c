/**
 * @file settings.c  Everything that can be switched while running
 */
#include "settings.h"


enum kind { NUMBER, SWITCH, CHOICE };

struct setting {
	const char *name;
	enum kind kind;
	size_t offset;
	uint32_t min, max, preset;
	const char *choices; /* separated by blanks, for CHOICE */
	const char *help;
};

#define AT(member) offsetof(struct settings, member)

static const struct setting table[] = {
	{"options_period_ms", NUMBER, AT(options_period_ms), 100, 600000,
	 60000, NULL, "time between two of our OPTIONS to a trunk"},
	{"options_timeout_ms", NUMBER, AT(options_timeout_ms), 100, 60000,
	 5000, NULL, "an OPTIONS of ours not answered by then has failed"},
	{"demote_ms", NUMBER, AT(demote_ms), 100, 3600000, 300000, NULL,
	 "no OPTIONS from the SBC for so long: the trunk is demoted"},
	{"failover_ms", NUMBER, AT(failover_ms), 100, 600000, 10000, NULL,
	 "FailoverTimeSeconds: no 18x or final answer from the SBC by then"},
	{"no_answer_ms", NUMBER, AT(no_answer_ms), 100, 600000, 60000, NULL,
	 "a call that nobody answers ends then"},
	{"ack_guard_ms", NUMBER, AT(ack_guard_ms), 100, 60000, 4000, NULL,
	 "our 200 not acknowledged by then: 408 / 1106 and BYE"},
	{"media_guard_ms", NUMBER, AT(media_guard_ms), 0, 600000, 20000, NULL,
	 "no SRTP at all so long after the answer: BYE; 0 is off"},
	{"media_timeout_ms", NUMBER, AT(media_timeout_ms), 0, 600000, 30000,
	 NULL, "neither RTP nor RTCP for so long: BYE; 0 is off"},
	{"rtcp_period_ms", NUMBER, AT(rtcp_period_ms), 100, 60000, 5000, NULL,
	 "time between two SRTCP reports"},
	{"refer_timeout_ms", NUMBER, AT(refer_timeout_ms), 100, 600000, 30000,
	 NULL, "REFER without a final NOTIFY for so long has failed"},
	{"session_expires_s", NUMBER, AT(session_expires_s), 2, 86400, 3600,
	 NULL, "Session-Expires of our INVITEs"},
	{"min_se_s", NUMBER, AT(min_se_s), 1, 86400, 300, NULL,
	 "smaller Session-Expires of the SBC get 422"},
	{"refused_method_code", NUMBER, AT(refused_method_code), 400, 699, 405,
	 NULL, "answer to UPDATE, PRACK, INFO, REFER, SUBSCRIBE, MESSAGE"},
	{"replaces_code", NUMBER, AT(replaces_code), 400, 699, 403, NULL,
	 "answer to an INVITE with Replaces"},
	{"bad_sdp_code", NUMBER, AT(bad_sdp_code), 400, 699, 410, NULL,
	 "answer to SDP that cannot be parsed"},
	{"unroutable_code", NUMBER, AT(unroutable_code), 400, 699, 403, NULL,
	 "answer to a request with neither Contact nor Record-Route"},
	{"handshake_ms", NUMBER, AT(handshake_ms), 100, 60000, 5000, NULL,
	 "a TLS handshake that takes longer has failed"},
	{"connection", CHOICE, AT(connection), 0, 2, REUSE_NEW, "new own any",
	 "requests to the SBC use a new connection, one of our own, or any"},
	{"sdp_profile", CHOICE, AT(sdp_profile), 0, 4, PROFILE_PLAIN,
	 "plain ice two-crypto tag-0 mki",
	 "our offers: bare, with ICE lines, a line with MKI first, tag 0 with "
	 "a _32 suite first, or one key alone, which has an MKI (in answers "
	 "too)"},
	{"silk", SWITCH, AT(silk), 0, 1, 1, NULL, "SILK in our offers"},
	{"indialog_other_instance", SWITCH, AT(indialog_other_instance), 0, 1,
	 0, NULL, "in-dialog requests come from the next region's address"},
	{"client_certificate", SWITCH, AT(client_certificate), 0, 1, 1, NULL,
	 "show our certificate when we connect to the SBC"},
	{"require_client_auth", SWITCH, AT(require_client_auth), 0, 1, 0, NULL,
	 "refuse SBC certificates without the clientAuth usage"},
	{"tls13", SWITCH, AT(tls13), 0, 1, 0, NULL,
	 "allow TLS 1.3 beside 1.2 (new connections)"},
	{"handshake_delay_ms", NUMBER, AT(handshake_delay_ms), 0, 60000, 0,
	 NULL, "we wait so long before our side of a TLS handshake"},
	{"padding_octets", NUMBER, AT(padding_octets), 0, 8192, 0, NULL,
	 "length of an unknown parameter of our Contact, and of an unknown "
	 "header"},
	{"cancel_race", SWITCH, AT(cancel_race), 0, 1, 0, NULL,
	 "a CANCEL of the SBC crosses our 200"},
	{"late_forks", SWITCH, AT(late_forks), 0, 1, 0, NULL,
	 "180 and 183 of the other clients come after the 200"},
	{"lose_notify", SWITCH, AT(lose_notify), 0, 1, 0, NULL,
	 "NOTIFY is neither answered nor understood"},
	{"strict_dialog", SWITCH, AT(strict_dialog), 0, 1, 1, NULL,
	 "481 to in-dialog requests without Route or with a changed Contact"},
};


static const struct setting *find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		if (!strcmp(table[i].name, name))
			return &table[i];
	}

	return NULL;
}


static void store(struct settings *set, const struct setting *row,
		  uint32_t value)
{
	char *at = (char *)set + row->offset;

	if (row->kind == SWITCH)
		*(bool *)at = value != 0;
	else
		memcpy(at, &value, sizeof(value));
}


static uint32_t load(const struct settings *set, const struct setting *row)
{
	const char *at = (const char *)set + row->offset;
	uint32_t value;

	if (row->kind == SWITCH)
		return *(const bool *)at;

	memcpy(&value, at, sizeof(value));

	return value;
}


/* The nth of the choices, without copying */
static struct pl choice(const struct setting *row, uint32_t n)
{
	const char *p = row->choices;
	struct pl pl;

	while (n--)
		p = strchr(p, ' ') + 1;

	pl.p = p;
	pl.l = strcspn(p, " ");

	return pl;
}


static int from_choice(const struct setting *row, const char *text,
		       uint32_t *valuep)
{
	for (uint32_t i = row->min; i <= row->max; i++) {
		const struct pl pl = choice(row, i);

		if (!pl_strcmp(&pl, text)) {
			*valuep = i;
			return 0;
		}
	}

	return EINVAL;
}


static int decode(const struct setting *row, const json_t *value,
		  uint32_t *valuep)
{
	json_int_t n;

	switch (row->kind) {

	case SWITCH:
		if (!json_is_boolean(value))
			return EINVAL;
		*valuep = json_is_true(value);
		return 0;

	case CHOICE:
		if (!json_is_string(value))
			return EINVAL;
		return from_choice(row, json_string_value(value), valuep);

	case NUMBER:
		break;
	}

	n = json_integer_value(value);
	if (!json_is_integer(value) || n < row->min || n > row->max)
		return EINVAL;

	*valuep = (uint32_t)n;

	return 0;
}


static void explain(const struct setting *row, const json_t *value, char *why,
		    size_t size)
{
	char *found = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);

	if (row->kind == NUMBER)
		snprintf(why, size, "%s: want %u..%u, got %s", row->name,
			 row->min, row->max, found ? found : "?");
	else
		snprintf(why, size, "%s: want one of: %s, got %s", row->name,
			 row->kind == SWITCH ? "true false" : row->choices,
			 found ? found : "?");

	free(found);
}


void settings_init(struct settings *set)
{
	memset(set, 0, sizeof(*set));

	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		store(set, &table[i], table[i].preset);
}


int settings_set(struct settings *set, const char *name, const json_t *value,
		 char *why, size_t size)
{
	const struct setting *row = find(name);
	uint32_t number = 0;

	if (!row) {
		snprintf(why, size, "%s: no such setting", name);
		return ENOENT;
	}

	if (decode(row, value, &number)) {
		explain(row, value, why, size);
		return EINVAL;
	}

	store(set, row, number);

	return 0;
}


json_t *settings_json(const struct settings *set)
{
	json_t *obj = json_object();

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		const struct setting *row = &table[i];
		const uint32_t value = load(set, row);
		json_t *item;

		if (row->kind == SWITCH) {
			item = json_boolean(value);
		}
		else if (row->kind == CHOICE) {
			const struct pl pl = choice(row, value);
			item = json_stringn(pl.p, pl.l);
		}
		else {
			item = json_integer(value);
		}

		json_object_set_new(obj, row->name, item);
	}

	return obj;
}


void settings_help(FILE *f)
{
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		const struct setting *row = &table[i];

		fprintf(f, "  %-24s %s\n", row->name, row->help);

		if (row->kind == CHOICE) {
			const struct pl pl = choice(row, row->preset);
			fprintf(f, "  %24s one of: %s; default %.*s\n", "",
				row->choices, (int)pl.l, pl.p);
		}
		else if (row->kind == SWITCH) {
			fprintf(f, "  %24s default %s\n", "",
				row->preset ? "true" : "false");
		}
		else {
			fprintf(f, "  %24s %u..%u, default %u\n", "",
				row->min, row->max, row->preset);
		}
	}
}
