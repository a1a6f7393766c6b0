/**
 * @file doubt.c  Settings that are allowed and will probably hurt
 */
#include "doubt.h"
#include "pbx.h"


enum { EXPIRES_LEAST_S = 600 };


static bool is_short(const struct pbx *pbx)
{
	return pbx->auth_type == PBX_AUTH_REGISTRATION &&
		pbx->registration.expires_s < EXPIRES_LEAST_S;
}


static bool is_readable(const struct pbx *pbx)
{
	return pbx->encrypt_media && pbx->protocol != PBX_TLS;
}


static bool is_unchecked(const struct pbx *pbx)
{
	return pbx->protocol == PBX_TLS && pbx->tls.verify != PBX_VERIFY_FULL;
}


static bool is_hearable(const struct pbx *pbx)
{
	return pbx->protocol == PBX_TLS && !pbx->encrypt_media;
}


static const struct {
	bool (*is)(const struct pbx *pbx);
	const char *field, *text;
} doubtv[] = {
	{ is_short, "registration.expires",
	  "below 600 s the PBX works hard for nothing, and a short outage"
	  " loses calls; 3600s is recommended" },
	{ is_readable, "encrypt_media",
	  "the keys of the voice go over the network in the clear; they are"
	  " secret with protocol: tls alone" },
	{ is_unchecked, "tls.verify",
	  "somebody between can pretend to be the PBX; name its authority as"
	  " tls.ca_file instead" },
	{ is_hearable, "encrypt_media",
	  "signalling is encrypted and the voice is not" },
};


void pbx_doubts(const struct pbx *pbx, doubt_h *h, void *arg)
{
	for (size_t i = 0; i < sizeof(doubtv) / sizeof(doubtv[0]); i++)
		if (doubtv[i].is(pbx))
			h(doubtv[i].field, doubtv[i].text, arg);
}
