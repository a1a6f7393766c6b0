/**
 * @file codecs.c  Which codecs meet, and what the stream does between them
 */
#include "bridge/base/libre.h"
#include "codecs.h"


enum { PTIME = 20, PTIME_MAX = 60 };


static bool is_events(const struct desc_format *fmt)
{
	return !str_casecmp(fmt->name, "telephone-event");
}


static enum codec codec_of(const struct desc_format *fmt)
{
	return fmt ? codec_find(fmt->name) : CODEC_NONE;
}


bool codecs_may(const struct pbx *pbx)
{
	return pbx->media.transcode == PBX_TRANSCODE_WHEN_NEEDED;
}


bool codecs_known(const struct desc_format *fmt)
{
	const enum codec codec = codec_of(fmt);

	/* Opus is 48000 and two channels for all (RFC 7587 section 7) */
	if (codec == CODEC_OPUS)
		return fmt->rate == 48000 && fmt->channels == 2;

	return codec != CODEC_NONE && codec != CODEC_CN && fmt->rate == 8000;
}


static const struct desc_format *same(const struct desc *desc,
				      const struct desc_format *fmt)
{
	for (size_t i = 0; desc && i < desc->formatc; i++) {
		if (desc_format_same(&desc->formatv[i], fmt))
			return &desc->formatv[i];
	}

	return NULL;
}


bool codecs_has(const struct desc *desc, const struct desc_format *fmt)
{
	return same(desc, fmt) != NULL;
}


static bool is_voice(const struct desc_format *fmt)
{
	return !is_events(fmt) && codec_of(fmt) != CODEC_CN;
}


/** Was one an answer to the other? Then all of it is in there */
static bool is_part(const struct desc *part, const struct desc *whole)
{
	for (size_t i = 0; i < part->formatc; i++) {
		if (is_voice(&part->formatv[i]) &&
		    !codecs_has(whole, &part->formatv[i]))
			return false;
	}

	return true;
}


const struct desc_format *codecs_voice(const struct desc *local,
				       const struct desc *remote)
{
	const struct desc *answer = remote && local &&
		is_part(local, remote) ? local : remote;

	for (size_t i = 0; answer && i < answer->formatc; i++) {
		const struct desc_format *fmt = &answer->formatv[i];

		if (is_voice(fmt) && (!local || codecs_has(local, fmt)) &&
		    codecs_has(remote, fmt))
			return same(remote, fmt);
	}

	return NULL;
}


static bool is_wide(const struct desc_format *fmt)
{
	return codec_pcm_rate(codec_of(fmt)) > 8000;
}


static bool named(const struct strings *names, const char *name)
{
	for (size_t i = 0; names && i < names->c; i++) {
		if (!str_casecmp(names->v[i], name))
			return true;
	}

	return !names;
}


const struct desc_format *codecs_best(const struct desc *offer,
				      const struct desc *agreed,
				      const struct strings *names)
{
	/* wideband is lost on narrowband, and G.711 costs least */
	static const enum codec narrowv[] = { CODEC_PCMA, CODEC_PCMU,
					      CODEC_G722, CODEC_G729,
					      CODEC_OPUS };
	static const enum codec widev[]   = { CODEC_G722, CODEC_OPUS,
					      CODEC_PCMA, CODEC_PCMU,
					      CODEC_G729 };
	const struct desc_format *far = codecs_voice(NULL, agreed);
	const enum codec *wanted = is_wide(far) ? widev : narrowv;

	if (!far || !codecs_known(far))
		return NULL;

	for (size_t k = 0; k < RE_ARRAY_SIZE(widev); k++) {
		for (size_t i = 0; i < offer->formatc; i++) {
			const struct desc_format *fmt = &offer->formatv[i];

			if (codec_of(fmt) == wanted[k] &&
			    codecs_known(fmt) && named(names, fmt->name))
				return fmt;
		}
	}

	return NULL;
}


uint32_t codecs_ptime(const struct desc *remote, const struct pbx *pbx,
		      bool teams)
{
	uint32_t ms = teams ? (uint32_t)PTIME : (uint32_t)pbx->media.ptime_ms;

	if (!teams && remote->ptime_ms)
		ms = remote->ptime_ms;
	if (remote->maxptime_ms && remote->maxptime_ms < ms)
		ms = remote->maxptime_ms;

	return ms < 10 ? PTIME : ms > PTIME_MAX ? (uint32_t)PTIME_MAX : ms;
}


/** telephone-event of that description, for a voice of that clock rate */
static const struct desc_format *events_of(const struct desc *desc,
					   uint32_t rate)
{
	const struct desc_format *fmt =
		desc_format_find(desc, "telephone-event", rate);

	return fmt ? fmt : desc_format_find(desc, "telephone-event", 8000);
}


bool codecs_events(const struct pbx *pbx, const struct desc *remote,
		   bool teams)
{
	if (teams)
		return true;

	switch (pbx->media.dtmf) {

	case PBX_DTMF_INFO:
	case PBX_DTMF_INBAND:  return false;
	case PBX_DTMF_RFC4733: return true;
	default:
		/* without a description yet: let it decide */
		return !remote || !remote->formatc ||
			events_of(remote, 8000) || events_of(remote, 48000);
	}
}


static enum stream_digits digits_to(const struct pbx *pbx,
				    const struct codecs_side *side)
{
	if (codecs_events(pbx, side->remote, side->teams))
		return STREAM_DIGITS_EVENTS;

	return pbx->media.dtmf == PBX_DTMF_INFO ? STREAM_DIGITS_NONE :
		STREAM_DIGITS_TONES;
}


void codecs_out(struct stream_remote *r, const struct codecs_side *side,
		const struct pbx *pbx)
{
	const struct desc_format *voice = codecs_voice(side->local,
						       side->remote);
	const struct desc_format *far = codecs_voice(side->far_local,
						     side->far);
	const struct desc_format *events;

	r->out.digits = digits_to(pbx, side);
	if (!voice || !codecs_known(voice))
		return;

	r->out.codec    = codec_of(voice);
	r->out.pt       = voice->pt;
	r->out.rate     = voice->rate;
	r->out.ptime_ms = codecs_ptime(side->remote, pbx, side->teams);

	events = r->out.digits == STREAM_DIGITS_EVENTS ?
		events_of(side->remote, voice->rate) : NULL;
	if (events) {
		r->out.dtmf_pt   = events->pt;
		r->out.dtmf_rate = events->rate;
	}

	r->pcm_rate = is_wide(voice) && (!far || is_wide(far)) ? 16000 : 8000;
}


static struct stream_map *map_of(struct stream_remote *r, uint8_t pt)
{
	for (size_t i = 0; i < r->mapc; i++) {
		if (r->mapv[i].pt == pt)
			return &r->mapv[i];
	}

	return NULL;
}


/** What comes with that payload type and is not passed on is decoded */
static void add_heard(struct stream_remote *r, const struct desc_format *fmt,
		      bool voice)
{
	const enum codec codec = codec_of(fmt);
	const bool events = is_events(fmt);

	if (map_of(r, fmt->pt) || r->mapc >= STREAM_MAPS ||
	    (!events && !(voice && codecs_known(fmt)) &&
	     (codec != CODEC_CN || fmt->rate != 8000)))
		return;

	r->mapv[r->mapc++] = (struct stream_map){
		.pt = fmt->pt, .rate = fmt->rate, .dtmf = events,
		.way = STREAM_HEAR, .codec = codec,
	};
}


/** Is any of its voice decoded? */
static bool hears(const struct stream_remote *r)
{
	for (size_t i = 0; i < r->mapc; i++) {
		if (r->mapv[i].way == STREAM_HEAR && !r->mapv[i].dtmf &&
		    r->mapv[i].codec != CODEC_CN)
			return true;
	}

	return false;
}


/** Voice of a codec that we know is decoded, too */
static void hear_all(struct stream_remote *r, const struct codecs_side *side)
{
	for (size_t i = 0; i < r->mapc; i++) {
		struct stream_map *map = &r->mapv[i];
		const struct desc_format *fmt =
			desc_format_pt(side->local, map->pt);

		if (!fmt)
			fmt = desc_format_pt(side->remote, map->pt);
		if (fmt && !map->dtmf && codecs_known(fmt)) {
			map->way   = STREAM_HEAR;
			map->codec = codec_of(fmt);
		}
	}
}


/** Events go on as they are only in the stream of a voice that does, between
    two peers that both speak them, at the same rate */
static void settle_events(struct stream_remote *r,
			  const struct codecs_side *side,
			  const struct pbx *pbx)
{
	const bool both = codecs_events(pbx, side->teams ? side->far :
					side->remote, false);

	for (size_t i = 0; i < r->mapc; i++) {
		if (r->mapv[i].dtmf && (hears(r) || !both))
			r->mapv[i].way = STREAM_HEAR;
	}
}


void codecs_remote(struct stream_remote *r, const struct codecs_side *side,
		   const struct pbx *pbx)
{
	const struct desc_format *far = codecs_voice(side->far_local,
						     side->far);
	const bool may = codecs_may(pbx) && far && codecs_known(far);
	const bool digits = !side->teams && pbx->media.dtmf != PBX_DTMF_INFO &&
		!codecs_events(pbx, side->remote, false);

	codecs_out(r, side, pbx);
	r->fill  = side->teams;
	r->modem = side->fax;
	if (!side->far)
		return;

	if (may) {
		r->hear_digits = digits;
		if (digits ||
		    codecs_ptime(side->remote, pbx, side->teams) !=
		    codecs_ptime(side->far, pbx, side->far_teams))
			hear_all(r, side);
	}

	for (size_t i = 0; i < side->local->formatc; i++) {
		if (codecs_has(side->remote, &side->local->formatv[i]))
			add_heard(r, &side->local->formatv[i], may);
	}
	for (size_t i = 0; i < side->remote->formatc; i++) {
		if (codecs_has(side->local, &side->remote->formatv[i]))
			add_heard(r, &side->remote->formatv[i], may);
	}

	settle_events(r, side, pbx);
	r->hear_fax = hears(r) && !side->teams && !side->fax &&
		pbx->media.fax == PBX_FAX_PASSTHROUGH;
}
