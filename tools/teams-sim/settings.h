/**
 * @file settings.h  Everything that can be switched while running
 *
 * One table (settings.c) gives each setting its name, range, default and
 * help; the config file, the command `set` and --help read the same table.
 */
#ifndef TEAMS_SIM_SETTINGS_H
#define TEAMS_SIM_SETTINGS_H

#include <jansson.h>
#include "lib.h"

/** Which connection carries a request of ours to the SBC */
enum reuse {
	REUSE_NEW, /* always a new one */
	REUSE_OWN, /* one that we opened to this trunk before */
	REUSE_ANY, /* also one that the SBC opened */
};

enum sdp_profile {
	PROFILE_PLAIN,
	PROFILE_ICE,
	PROFILE_TWO_CRYPTO,
	PROFILE_TAG_0,
	PROFILE_MKI,
};

struct settings {
	uint32_t options_period_ms;
	uint32_t options_timeout_ms;
	uint32_t demote_ms;
	uint32_t failover_ms;
	uint32_t no_answer_ms;
	uint32_t ack_guard_ms;
	uint32_t media_guard_ms;
	uint32_t media_timeout_ms;
	uint32_t rtcp_period_ms;
	uint32_t refer_timeout_ms;
	uint32_t session_expires_s;
	uint32_t min_se_s;
	uint32_t refused_method_code;
	uint32_t replaces_code;
	uint32_t bad_sdp_code;
	uint32_t unroutable_code;
	uint32_t handshake_ms;
	uint32_t handshake_delay_ms;
	uint32_t padding_octets;
	uint32_t connection;
	uint32_t sdp_profile;
	bool indialog_other_instance;
	bool client_certificate;
	bool require_client_auth;
	bool tls13;
	bool strict_dialog;
	bool silk;
	bool cancel_race;
	bool late_forks;
	bool lose_notify;
};

/** Fill in the defaults */
void settings_init(struct settings *set);

/**
 * Set one setting
 *
 * @param set    Settings, unchanged on error
 * @param name   Name in the table
 * @param value  Integer, boolean or one of the choices as a string
 * @param why    On error: what was wanted and what was found
 * @param size   Size of why
 *
 * @return 0, ENOENT for an unknown name, EINVAL for a bad value
 */
int settings_set(struct settings *set, const char *name, const json_t *value,
		 char *why, size_t size);

/** @return new JSON object with all settings, or NULL without memory */
json_t *settings_json(const struct settings *set);

/** Print the table as help */
void settings_help(FILE *f);

#endif
