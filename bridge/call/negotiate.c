/**
 * @file negotiate.c  Formats and keys between two descriptions (RFC 3264)
 */
#include "bridge/base/libre.h"
#include "codecs.h"
#include "negotiate.h"


enum {
	PT_DYNAMIC_MIN = 96,
	PT_MAX         = 127,
};


/* what the Teams media processor takes and a PBX may have too
   (Microsoft: Direct Routing, media protocols); comfort noise is left out,
   for then Teams goes silent and some carriers end the call */
static const struct desc_format teams_formats[] = {
	{ .pt = 9,   .name = "G722", .rate = 8000, .channels = 1 },
	{ .pt = 8,   .name = "PCMA", .rate = 8000, .channels = 1 },
	{ .pt = 0,   .name = "PCMU", .rate = 8000, .channels = 1 },
	{ .pt = 18,  .name = "G729", .rate = 8000, .channels = 1,
	  .fmtp = "annexb=no" },
	{ .pt = 101, .name = "telephone-event", .rate = 8000, .channels = 1,
	  .fmtp = "0-16" },
};


/** What a PBX may be offered that Teams does not have */
static const struct desc_format own_formats[] = {
	{ .pt = 111, .name = "opus", .rate = 48000, .channels = 2,
	  .fmtp = "useinbandfec=1" },
};

static const struct desc_format events_48000 = {
	.pt = 110, .name = "telephone-event", .rate = 48000, .channels = 1,
	.fmtp = "0-16",
};

static const struct desc_format comfort_noise = {
	.pt = 13, .name = "CN", .rate = 8000, .channels = 1,
};


static bool is_dtmf(const struct desc_format *fmt)
{
	return !str_casecmp(fmt->name, "telephone-event");
}


static bool is_noise(const struct desc_format *fmt)
{
	return !str_casecmp(fmt->name, "CN");
}


static bool pt_is_free(const struct desc *desc, uint8_t pt)
{
	return !desc_format_pt(desc, pt);
}


static const struct desc_format *same_in(const struct desc *desc,
					 const struct desc_format *fmt)
{
	size_t i;

	for (i = 0; desc && i < desc->formatc; i++) {
		if (desc_format_same(&desc->formatv[i], fmt))
			return &desc->formatv[i];
	}

	return NULL;
}


/** Parameters that we write for a codec, whatever the other side wrote: no
    G.729 annex B, whose pauses Teams does not know; Opus as we make it */
static void set_fmtp(struct desc_format *fmt)
{
	if (!str_casecmp(fmt->name, "G729"))
		str_ncpy(fmt->fmtp, "annexb=no", sizeof(fmt->fmtp));
	else if (!str_casecmp(fmt->name, "opus"))
		str_ncpy(fmt->fmtp, "useinbandfec=1", sizeof(fmt->fmtp));
}


/** Add with the payload type that the peer knows it by, else its own if
    that is free, else a dynamic one */
static void add(struct desc *out, const struct desc_format *fmt,
		const struct desc *known)
{
	const struct desc_format *before = same_in(known, fmt);
	struct desc_format *f;
	uint8_t pt = before ? before->pt : fmt->pt;

	if (out->formatc >= DESC_FORMATS || same_in(out, fmt))
		return;

	if (!pt_is_free(out, pt) ||
	    (!before && known && !pt_is_free(known, pt))) {
		for (pt = PT_DYNAMIC_MIN; pt <= PT_MAX; pt++) {
			if (pt_is_free(out, pt) &&
			    (!known || pt_is_free(known, pt)))
				break;
		}
		if (pt > PT_MAX)
			return;
	}

	f = &out->formatv[out->formatc++];
	*f = *fmt;
	f->pt = pt;
	set_fmtp(f);
}


/** Events as the other side has them, or our own: they can be made anew */
static void add_dtmf(struct desc *out, const struct desc *in,
		     const struct desc *known, bool always)
{
	const size_t last = RE_ARRAY_SIZE(teams_formats) - 1;
	const struct desc_format *fmt =
		desc_format_find(in, "telephone-event", 8000);

	if (fmt || always)
		add(out, fmt ? fmt : &teams_formats[last], known);
}


/** A codec by its name in a profile: we could translate it */
static const struct desc_format *format_named(const char *name)
{
	for (size_t i = 0; i < RE_ARRAY_SIZE(teams_formats); i++) {
		if (!str_casecmp(teams_formats[i].name, name))
			return &teams_formats[i];
	}
	for (size_t i = 0; i < RE_ARRAY_SIZE(own_formats); i++) {
		if (!str_casecmp(own_formats[i].name, name))
			return &own_formats[i];
	}

	return NULL;
}


/** May voice of that description be translated at all? */
static bool translatable(const struct desc *in, const struct pbx *pbx)
{
	if (!codecs_may(pbx))
		return false;

	for (size_t i = 0; i < in->formatc; i++) {
		if (codecs_known(&in->formatv[i]))
			return true;
	}

	return false;
}


static void add_passed(struct desc *out, const struct desc *in,
		       const struct strings *codecs, const struct desc *known)
{
	for (size_t i = 0; i < codecs->c; i++) {
		for (size_t j = 0; j < in->formatc; j++) {
			if (!str_casecmp(codecs->v[i], in->formatv[j].name))
				add(out, &in->formatv[j], known);
		}
	}
}


bool negotiate_formats_pbx(struct desc *out, const struct desc *in,
			   const struct pbx *pbx, const struct desc *known)
{
	const struct strings *codecs = &pbx->media.codecs;
	const bool may = translatable(in, pbx);
	bool passed, voice;

	out->formatc = 0;
	add_passed(out, in, codecs, known);
	passed = out->formatc > 0;

	/* nothing to pass on: all that the PBX has can be translated */
	for (size_t i = 0; may && !passed && i < codecs->c; i++) {
		const struct desc_format *fmt = format_named(codecs->v[i]);

		if (fmt)
			add(out, fmt, known);
	}

	voice = out->formatc > 0;
	if (voice && pbx->media.comfort_noise)
		add(out, &comfort_noise, known);
	if (!codecs_events(pbx, NULL, false))
		return voice;

	add_dtmf(out, in, known, may);
	if (may && desc_format_find(out, "opus", 48000))
		add(out, &events_48000, known);

	return voice;
}


bool negotiate_formats_teams(struct desc *out, const struct desc *in,
			     const struct pbx *pbx, const struct desc *known)
{
	const bool may = translatable(in, pbx);
	size_t i, j;
	bool voice;

	out->formatc = 0;

	for (i = 0; i < in->formatc; i++) {
		if (is_dtmf(&in->formatv[i]))
			continue;
		for (j = 0; j < RE_ARRAY_SIZE(teams_formats); j++) {
			if (desc_format_same(&in->formatv[i],
					     &teams_formats[j]))
				add(out, &in->formatv[i], known);
		}
	}

	/* G.711 at least, which every Teams takes */
	if (may && !desc_format_find(out, "PCMA", 8000) &&
	    !desc_format_find(out, "PCMU", 8000)) {
		add(out, format_named("PCMA"), known);
		add(out, format_named("PCMU"), known);
	}

	voice = out->formatc > 0;
	add_dtmf(out, in, known, may);

	return voice;
}


void negotiate_formats_own(struct desc *out, const struct pbx *pbx)
{
	struct desc all = { .formatc = RE_ARRAY_SIZE(teams_formats) };

	memcpy(all.formatv, teams_formats, sizeof(teams_formats));
	(void)negotiate_formats_pbx(out, &all, pbx, NULL);
}


bool negotiate_answer(struct desc *out, const struct desc *offer,
		      const struct desc *agreed)
{
	const struct desc_format *fmt;
	bool voice = false;
	size_t i;

	out->formatc = 0;

	for (i = 0; i < agreed->formatc; i++) {
		fmt = same_in(offer, &agreed->formatv[i]);
		if (!fmt || same_in(out, fmt) || is_noise(fmt))
			continue;

		out->formatv[out->formatc] = *fmt;
		set_fmtp(&out->formatv[out->formatc++]);
		voice = voice || !is_dtmf(fmt);
	}

	return voice;
}


/** Events for a voice of that clock rate, if the offer has any */
static void answer_events(struct desc *out, const struct desc *offer)
{
	const struct desc_format *voice = codecs_voice(NULL, out);
	const struct desc_format *fmt;

	for (size_t i = 0; i < out->formatc; i++) {
		if (is_dtmf(&out->formatv[i]))
			return;
	}

	fmt = desc_format_find(offer, "telephone-event",
			       voice ? voice->rate : 8000);
	if (!fmt)
		fmt = desc_format_find(offer, "telephone-event", 8000);
	if (fmt && out->formatc < DESC_FORMATS)
		out->formatv[out->formatc++] = *fmt;
}


static void drop_events(struct desc *out)
{
	size_t n = 0;

	for (size_t i = 0; i < out->formatc; i++) {
		if (!is_dtmf(&out->formatv[i]))
			out->formatv[n++] = out->formatv[i];
	}

	out->formatc = n;
}


bool negotiate_answer_any(struct desc *out, const struct desc *offer,
			  const struct desc *agreed, const struct pbx *pbx,
			  bool teams)
{
	const struct desc_format *fmt;
	bool voice = negotiate_answer(out, offer, agreed);

	if (codecs_may(pbx) && !voice) {
		out->formatc = 0;
		fmt = codecs_best(offer, agreed,
				  teams ? NULL : &pbx->media.codecs);
		if (fmt) {
			out->formatv[out->formatc] = *fmt;
			set_fmtp(&out->formatv[out->formatc++]);
		}
		voice = fmt != NULL;
	}

	if (!voice)
		return false;

	if (!codecs_events(pbx, NULL, teams))
		drop_events(out);
	else if (codecs_may(pbx))
		answer_events(out, offer);

	fmt = desc_format_find(offer, "CN", 8000);
	if (fmt && !teams && pbx->media.comfort_noise &&
	    out->formatc < DESC_FORMATS)
		out->formatv[out->formatc++] = *fmt;

	return true;
}


/** Lower is better, negative: not used */
static int rank(const struct desc_crypto *c)
{
	switch (c->suite) {

	case SUITE_AES_CM_128_HMAC_SHA1_80: return c->mki_size ? 1 : 0;
	case SUITE_AEAD_AES_256_GCM:        return 2;
	case SUITE_AEAD_AES_128_GCM:        return 3;
	case SUITE_AES_256_CM_HMAC_SHA1_80: return 4;
	case SUITE_AES_CM_128_HMAC_SHA1_32: return 5;
	default:                            return -1;
	}
}


const struct desc_crypto *negotiate_crypto(const struct desc *offer,
					   struct desc_crypto *own)
{
	const struct desc_crypto *best = NULL;
	size_t i;

	for (i = 0; i < offer->cryptoc; i++) {
		const struct desc_crypto *c = &offer->cryptov[i];

		if (rank(c) >= 0 && (!best || rank(c) < rank(best)))
			best = c;
	}

	if (!best)
		return NULL;

	if (own->suite != best->suite &&
	    desc_crypto_make(own, best->tag, best->suite))
		return NULL;

	own->tag = best->tag;

	return best;
}


static void crypto_copy(struct stream_crypto *dst,
			const struct desc_crypto *src)
{
	dst->suite = (enum stream_suite)src->suite;
	memcpy(dst->key, src->key, sizeof(dst->key));
	dst->key_size = src->key_size;
	dst->mki = src->mki;
	dst->mki_size = src->mki_size;
}


static void map_add(struct stream_remote *r, const struct desc_format *fmt,
		    const struct desc *other)
{
	const struct desc_format *out = same_in(other, fmt);
	struct stream_map *map;
	size_t i;

	/* noise is not for Teams to make: it is a pause there */
	if (!out || is_noise(fmt) || r->mapc >= STREAM_MAPS)
		return;

	for (i = 0; i < r->mapc; i++) {
		if (r->mapv[i].pt == fmt->pt)
			return;
	}

	map = &r->mapv[r->mapc++];
	*map = (struct stream_map){ .way = STREAM_PASS };
	map->pt = fmt->pt;
	map->pt_out = out->pt;
	map->rate = fmt->rate;
	map->dtmf = is_dtmf(fmt);
}


void negotiate_remote(struct stream_remote *r, const struct desc *local,
		      const struct desc *remote, const struct desc *other,
		      bool learn)
{
	size_t i;

	memset(r, 0, sizeof(*r));
	r->rtp = remote->rtp;
	r->rtcp = remote->rtcp;
	r->rtcp_mux = local->rtcp_mux && remote->rtcp_mux;
	r->learn = learn;
	r->send = !remote->hold_zero && (remote->dir & DESC_RECVONLY) &&
		(local->dir & DESC_SENDONLY);
	r->recv = (remote->dir & DESC_SENDONLY) &&
		(local->dir & DESC_RECVONLY);

	/* never plain where SRTP was said: without both keys, silence */
	if (!local->cryptoc != !remote->cryptoc && (local->cryptoc ||
						    remote->secure)) {
		r->send = false;
		r->recv = false;
	}

	if (local->cryptoc && remote->cryptoc) {
		/* of the peer's lines, the one that bears our answer's tag,
		   or the only one of its answer */
		const struct desc_crypto *rx = &remote->cryptov[0];

		for (i = 0; i < remote->cryptoc; i++) {
			if (remote->cryptov[i].tag == local->cryptov[0].tag)
				rx = &remote->cryptov[i];
		}

		crypto_copy(&r->tx, &local->cryptov[0]);
		crypto_copy(&r->rx, rx);
	}

	/* packets arrive with the numbers of our description; some peers use
	   those of their own */
	for (i = 0; other && i < local->formatc; i++)
		map_add(r, &local->formatv[i], other);
	for (i = 0; other && i < remote->formatc; i++)
		map_add(r, &remote->formatv[i], other);
}


const char *negotiate_codec(const struct desc *desc)
{
	const struct desc_format *fmt = codecs_voice(NULL, desc);

	return fmt ? fmt->name : "";
}
