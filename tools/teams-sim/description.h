/**
 * @file description.h  Session descriptions as the media processor sees them
 *
 * Reads what the SBC wrote (RFC 4566, 3264, 4568) and writes what Teams
 * would. One audio stream; nothing else exists here.
 */
#ifndef TEAMS_SIM_DESCRIPTION_H
#define TEAMS_SIM_DESCRIPTION_H

#include "lib.h"
#include "settings.h"

enum {
	DESC_FORMATS = 32,
	DESC_CRYPTOS = 8,
	DESC_KEY_SIZE = 30, /* 16 bytes of key and 14 of salt */
	DESC_TEXT_SIZE = 4096,
	DESC_OFFER_TAG = 3, /* tag of the usable line in our offers */
	DESC_MKI = 1,       /* in one octet */
};

enum direction {
	DIR_SENDRECV,
	DIR_SENDONLY,
	DIR_RECVONLY,
	DIR_INACTIVE,
};

struct format {
	uint8_t pt;
	char name[24]; /* "PCMA", as in rtpmap; empty: unknown */
	uint32_t rate;
};

/** One a=crypto line */
struct crypto {
	uint32_t tag;
	bool usable; /* _80, no MKI, 30 bytes of key */
	char suite[40];
	uint8_t key[DESC_KEY_SIZE];
};

/** What the SBC wrote */
struct desc {
	char addr[64];
	bool zero_addr;      /* 0.0.0.0 or :: */
	uint16_t port, rtcp_port; /* rtcp_port 0: port + 1 */
	bool mux;
	bool savp;
	char origin[128];    /* o= without its version */
	uint64_t version;    /* of o= */
	uint32_t content;    /* hash of all lines but o= */
	enum direction dir;
	size_t formatc, cryptoc;
	struct format formatv[DESC_FORMATS];
	struct crypto cryptov[DESC_CRYPTOS];
};

/** What we are going to write */
struct desc_local {
	const char *addr;
	uint16_t port;
	enum direction dir;
	enum sdp_profile profile;
	uint64_t session;
	bool is_answer;
	bool silk;                /* in an offer */
	uint32_t tag;             /* crypto tag of an answer */
	uint8_t key[DESC_KEY_SIZE];
	bool mki;                 /* the key has one, of one octet */
	const struct desc *offer; /* of the SBC, for an answer */
};

/**
 * Read a description
 *
 * @param desc  Result
 * @param text  Not terminated
 * @param why   On error: what is wrong
 *
 * @return 0 or EBADMSG
 */
int desc_decode(struct desc *desc, const struct pl *text, char *why,
		size_t size);

/** Write an offer or an answer as a new string; 0, ENOMEM */
int desc_encode(char **textp, const struct desc_local *local);

/** The first format with this name, NULL if there is none */
const struct format *desc_format(const struct desc *desc, const char *name);

/** Is each format of an answer one of our offers, by number and name? */
bool desc_was_offered(const struct desc *answer);

/** The first format that we can speak and hear, NULL */
const struct format *desc_codec(const struct desc *desc);

/** The best crypto line: usable, in the SBC's order; NULL */
const struct crypto *desc_crypto(const struct desc *desc);

/**
 * Can Teams take this description?
 *
 * @param textp  If not: its words
 *
 * @return 0, or the status code by which it refuses
 */
uint16_t desc_judge(const struct desc *desc, const char **textp);

const char *direction_name(enum direction dir);

#endif
