/**
 * @file description.c  Session descriptions
 */
#include "description.h"


/* What the media processor offers, in its order */
struct codec {
	uint8_t pt;
	const char *name;
	uint32_t rate;
	const char *fmtp;
	bool spoken; /* by this simulator */
};

static const struct codec codecv[] = {
	{104, "SILK", 16000, NULL, false},
	{9, "G722", 8000, NULL, true},
	{103, "SILK", 8000, NULL, false},
	{111, "SIREN", 16000, "bitrate=16000", false},
	{18, "G729", 8000, "annexb=no", false},
	{0, "PCMU", 8000, NULL, true},
	{8, "PCMA", 8000, NULL, true},
	{97, "RED", 8000, NULL, false},
	{101, "telephone-event", 8000, "0-16", true},
	{13, "CN", 8000, NULL, false},
	{118, "CN", 16000, NULL, false},
};

static const char *const direction_names[] = {
	[DIR_SENDRECV] = "sendrecv",
	[DIR_SENDONLY] = "sendonly",
	[DIR_RECVONLY] = "recvonly",
	[DIR_INACTIVE] = "inactive",
};

/* Where the reader stands */
struct reader {
	struct desc *desc;
	bool in_audio;
	bool has_version;
	unsigned audios;
};


const char *direction_name(enum direction dir)
{
	return direction_names[dir];
}


static struct format *format_by_pt(struct desc *desc, uint32_t pt)
{
	for (size_t i = 0; i < desc->formatc; i++) {
		if (desc->formatv[i].pt == pt)
			return &desc->formatv[i];
	}

	return NULL;
}


/* Static payload types need no rtpmap (RFC 3551) */
static void name_static(struct format *fmt)
{
	for (size_t i = 0; i < ARRAY_SIZE(codecv); i++) {
		if (codecv[i].pt == fmt->pt && fmt->pt < 96) {
			str_ncpy(fmt->name, codecv[i].name, sizeof(fmt->name));
			fmt->rate = codecv[i].rate;
		}
	}
}


static const char *read_media(struct reader *rd, const struct pl *val)
{
	struct desc *desc = rd->desc;
	struct pl type, port, proto, formats, pt;
	const char *end;

	if (re_regex(val->p, val->l, "[^ ]+ [0-9]+[^ ]* [^ ]+ [~]+", &type,
		     &port, NULL, &proto, &formats))
		return "m= line is not TYPE PORT PROTO FORMATS";

	rd->in_audio = !pl_strcmp(&type, "audio") && rd->audios++ == 0;
	if (!rd->in_audio)
		return NULL;

	desc->port = (uint16_t)pl_u32(&port);
	desc->savp = !pl_strcmp(&proto, "RTP/SAVP");

	end = formats.p + formats.l;
	while (formats.p < end && desc->formatc < DESC_FORMATS) {
		struct format *fmt = &desc->formatv[desc->formatc];

		formats.l = (size_t)(end - formats.p);
		if (re_regex(formats.p, formats.l, "[0-9]+", &pt) ||
		    pl_u32(&pt) > 127)
			return "m= line has a format that is no payload type";

		fmt->pt = (uint8_t)pl_u32(&pt);
		name_static(fmt);
		++desc->formatc;
		formats.p = pt.p + pt.l;
	}

	return NULL;
}


static const char *read_connection(struct reader *rd, const struct pl *val)
{
	struct desc *desc = rd->desc;
	struct pl addr;
	struct sa sa;

	if (rd->audios && !rd->in_audio)
		return NULL;
	if (re_regex(val->p, val->l, "IN IP[46]1 [0-9a-fA-F.:]+", NULL,
		     &addr) ||
	    pl_strcpy(&addr, desc->addr, sizeof(desc->addr)) ||
	    sa_set(&sa, &addr, 0))
		return "c= line has no IP address";

	desc->zero_addr = sa_is_any(&sa);

	return NULL;
}


static const char *read_crypto(struct desc *desc, const struct pl *val)
{
	struct crypto *crypto = &desc->cryptov[desc->cryptoc];
	struct pl tag, suite, key, rest;
	size_t len = sizeof(crypto->key);
	uint8_t buf[64];

	if (desc->cryptoc == DESC_CRYPTOS)
		return NULL;
	if (re_regex(val->p, val->l, "[0-9]+ [^ ]+ inline:[^| ]+[~]*", &tag,
		     &suite, &key, &rest))
		return "a=crypto is not TAG SUITE inline:KEY";

	crypto->tag = pl_u32(&tag);
	if (pl_strcpy(&suite, crypto->suite, sizeof(crypto->suite)))
		return "a=crypto has an endless suite";

	/* An MKI is written NUMBER:LENGTH; libre's SRTP knows none */
	crypto->usable = !strcmp(crypto->suite, "AES_CM_128_HMAC_SHA1_80") &&
			 !pl_strchr(&rest, ':');
	len = sizeof(buf);
	if (key.l > 80 || base64_decode(key.p, key.l, buf, &len) ||
	    len != DESC_KEY_SIZE)
		crypto->usable = false;
	else
		memcpy(crypto->key, buf, DESC_KEY_SIZE);

	++desc->cryptoc;

	return NULL;
}


static const char *read_rtpmap(struct desc *desc, const struct pl *val)
{
	struct pl pt, name, rate;
	struct format *fmt;

	if (re_regex(val->p, val->l, "[0-9]+ [^/]+/[0-9]+", &pt, &name, &rate))
		return "a=rtpmap is not PT NAME/RATE";

	fmt = format_by_pt(desc, pl_u32(&pt));
	if (!fmt)
		return NULL;

	(void)pl_strcpy(&name, fmt->name, sizeof(fmt->name));
	fmt->rate = pl_u32(&rate);

	return NULL;
}


static bool has_prefix(struct pl *pl, const char *prefix)
{
	const size_t n = strlen(prefix);

	if (pl->l < n || strncmp(pl->p, prefix, n))
		return false;

	pl_advance(pl, (ssize_t)n);

	return true;
}


static const char *read_attribute(struct reader *rd, struct pl val)
{
	struct desc *desc = rd->desc;

	if (rd->audios && !rd->in_audio)
		return NULL;

	for (size_t i = 0; i < ARRAY_SIZE(direction_names); i++) {
		if (!pl_strcmp(&val, direction_names[i])) {
			desc->dir = (enum direction)i;
			return NULL;
		}
	}

	if (!pl_strcmp(&val, "rtcp-mux"))
		desc->mux = true;
	else if (has_prefix(&val, "crypto:"))
		return read_crypto(desc, &val);
	else if (has_prefix(&val, "rtpmap:"))
		return read_rtpmap(desc, &val);
	else if (has_prefix(&val, "rtcp:"))
		desc->rtcp_port = (uint16_t)pl_u32(&(struct pl){
			val.p, strspn(val.p, "0123456789")});

	return NULL;
}


/* o=USER ID VERSION IN IP4 ADDRESS */
static const char *read_origin(struct desc *desc, const struct pl *val)
{
	struct pl user, id, version, addr;

	if (re_regex(val->p, val->l, "[^ ]+ [0-9]+ [0-9]+ [^]+", &user, &id,
		     &version, &addr))
		return "o= line is not USER ID VERSION ADDRESS";

	desc->version = pl_u64(&version);
	(void)re_snprintf(desc->origin, sizeof(desc->origin), "%r %r %r",
			  &user, &id, &addr);

	return NULL;
}


static const char *read_line(struct reader *rd, const struct pl *line)
{
	struct pl val = {line->p + 2, line->l - 2};

	if (line->l < 2 || line->p[1] != '=')
		return "a line is not TYPE=VALUE";

	if (!rd->has_version && line->p[0] != 'v')
		return "the first line is not v=0";

	if (line->p[0] != 'o')
		rd->desc->content = rd->desc->content * 31 +
				    hash_fast(line->p, line->l);

	switch (line->p[0]) {

	case 'o':
		return read_origin(rd->desc, &val);

	case 'v':
		rd->has_version = true;
		return NULL;

	case 'm':
		return read_media(rd, &val);

	case 'c':
		return read_connection(rd, &val);

	case 'a':
		return read_attribute(rd, val);

	default:
		return NULL;
	}
}


static const char *check(const struct reader *rd)
{
	if (!rd->has_version)
		return "no v= line";
	if (rd->audios != 1)
		return "want one m=audio line";
	if (!rd->desc->formatc)
		return "no formats";
	if (!rd->desc->addr[0])
		return "no c= line";

	return NULL;
}


int desc_decode(struct desc *desc, const struct pl *text, char *why,
		size_t size)
{
	struct reader rd = {.desc = desc};
	struct pl rest = *text;
	const char *bad = NULL;

	memset(desc, 0, sizeof(*desc));

	while (!bad && rest.l) {
		const char *nl = memchr(rest.p, '\n', rest.l);
		struct pl line = rest;

		line.l = nl ? (size_t)(nl - rest.p) : rest.l;
		pl_advance(&rest, (ssize_t)(line.l + (nl ? 1 : 0)));
		if (line.l && line.p[line.l - 1] == '\r')
			--line.l;
		if (line.l)
			bad = read_line(&rd, &line);
	}

	if (!bad)
		bad = check(&rd);
	if (bad) {
		snprintf(why, size, "%s", bad);
		return EBADMSG;
	}

	return 0;
}


const struct format *desc_format(const struct desc *desc, const char *name)
{
	for (size_t i = 0; i < desc->formatc; i++) {
		const struct format *fmt = &desc->formatv[i];

		if (!strcasecmp(fmt->name, name) && fmt->rate == 8000)
			return fmt;
	}

	return NULL;
}


static const struct codec *codec_of(const struct format *fmt)
{
	for (size_t i = 0; i < ARRAY_SIZE(codecv); i++) {
		if (!strcasecmp(codecv[i].name, fmt->name) &&
		    codecv[i].rate == fmt->rate)
			return &codecv[i];
	}

	return NULL;
}


const struct format *desc_codec(const struct desc *desc)
{
	for (size_t i = 0; i < desc->formatc; i++) {
		const struct format *fmt = &desc->formatv[i];
		const struct codec *codec = codec_of(fmt);

		if (codec && codec->spoken &&
		    strcasecmp(fmt->name, "telephone-event"))
			return fmt;
	}

	return NULL;
}


bool desc_was_offered(const struct desc *answer)
{
	for (size_t i = 0; i < answer->formatc; i++) {
		const struct codec *codec = codec_of(&answer->formatv[i]);

		if (!codec || codec->pt != answer->formatv[i].pt)
			return false;
	}

	return true;
}


const struct crypto *desc_crypto(const struct desc *desc)
{
	for (size_t i = 0; i < desc->cryptoc; i++) {
		if (desc->cryptov[i].usable)
			return &desc->cryptov[i];
	}

	return NULL;
}


uint16_t desc_judge(const struct desc *desc, const char **textp)
{
	if (!desc->savp || !desc->cryptoc) {
		*textp = "SrtpEncryptionRequired";
		return 488;
	}

	if (!desc_crypto(desc)) {
		*textp = "CannotSupportAnyMedia: no usable crypto suite";
		return 488;
	}

	if (!desc_codec(desc)) {
		*textp = "CannotSupportAnyMedia: no common codec";
		return 488;
	}

	if (desc->zero_addr) {
		*textp = "connection address 0.0.0.0";
		return 488;
	}

	return 0;
}


static int write_format(struct mbuf *mb, uint8_t pt, const struct codec *codec)
{
	int err;

	err = mbuf_printf(mb, "a=rtpmap:%u %s/%u\r\n", pt, codec->name,
			  codec->rate);
	if (codec->fmtp)
		err |= mbuf_printf(mb, "a=fmtp:%u %s\r\n", pt, codec->fmtp);

	return err;
}


/* An answer lists every common format under the SBC's numbers. What the
 * simulator cannot hear is not common to us. */
static bool in_answer(const struct format *fmt, const struct codec *codec)
{
	return fmt->name[0] && codec && codec->spoken;
}


static int write_formats(struct mbuf *mb, const struct desc_local *local,
			 bool maps)
{
	const struct desc *offer = local->offer;
	int err = 0;

	for (size_t i = 0; !offer && i < ARRAY_SIZE(codecv); i++) {
		if (!local->silk && !strcmp(codecv[i].name, "SILK"))
			continue;
		if (maps)
			err |= write_format(mb, codecv[i].pt, &codecv[i]);
		else
			err |= mbuf_printf(mb, " %u", codecv[i].pt);
	}

	for (size_t i = 0; offer && i < offer->formatc; i++) {
		const struct format *fmt = &offer->formatv[i];
		const struct codec *codec = codec_of(fmt);

		if (!in_answer(fmt, codec))
			continue;
		if (maps)
			err |= write_format(mb, fmt->pt, codec);
		else
			err |= mbuf_printf(mb, " %u", fmt->pt);
	}

	return err;
}


static int write_crypto(struct mbuf *mb, uint32_t tag, const char *bits,
			const uint8_t *key, bool mki)
{
	char text[48] = "", id[8] = "";
	size_t len = sizeof(text) - 1;

	if (base64_encode(key, DESC_KEY_SIZE, text, &len))
		return EINVAL;
	if (mki)
		snprintf(id, sizeof(id), "|%d:1", DESC_MKI);

	return mbuf_printf(mb,
			   "a=crypto:%u AES_CM_128_HMAC_SHA1_%s "
			   "inline:%s|2^31%s\r\n",
			   tag, bits, text, id);
}


static int write_ice(struct mbuf *mb, const struct desc_local *local)
{
	char ufrag[5], pwd[25];

	rand_str(ufrag, sizeof(ufrag));
	rand_str(pwd, sizeof(pwd));

	return mbuf_printf(mb,
			   "a=ice-ufrag:%s\r\na=ice-pwd:%s\r\na=rtcp-mux\r\n"
			   "a=candidate:1 1 UDP 2130706431 %s %u typ srflx "
			   "raddr 10.0.32.7 rport %u\r\n",
			   ufrag, pwd, local->addr, local->port, local->port);
}


static int write_keys(struct mbuf *mb, const struct desc_local *local)
{
	uint8_t other[DESC_KEY_SIZE];
	int err = 0;

	if (local->is_answer)
		return write_crypto(mb, local->tag, "80", local->key,
				    local->mki);

	if (local->profile == PROFILE_TWO_CRYPTO) {
		rand_bytes(other, sizeof(other));
		err |= write_crypto(mb, 2, "80", other, true);
	}
	else if (local->profile == PROFILE_TAG_0) {
		rand_bytes(other, sizeof(other));
		err |= write_crypto(mb, 0, "32", other, false);
	}

	return err | write_crypto(mb, DESC_OFFER_TAG, "80", local->key,
				  local->mki);
}


int desc_encode(char **textp, const struct desc_local *local)
{
	const int ver = strchr(local->addr, ':') ? 6 : 4;
	struct mbuf *mb = mbuf_alloc(DESC_TEXT_SIZE);
	int err = 0;

	if (!mb)
		return ENOMEM;

	err |= mbuf_printf(mb,
			   "v=0\r\no=- %llu 0 IN IP4 127.0.0.1\r\n"
			   "s=session\r\nc=IN IP%d %s\r\nb=CT:10000000\r\n"
			   "t=0 0\r\nm=audio %u RTP/SAVP",
			   local->session, ver, local->addr, local->port);
	err |= write_formats(mb, local, false);
	err |= mbuf_printf(mb, "\r\nc=IN IP%d %s\r\na=rtcp:%u\r\n", ver,
			   local->addr, local->port + 1);
	if (local->offer && local->offer->mux)
		err |= mbuf_write_str(mb, "a=rtcp-mux\r\n");
	if (!local->offer && local->profile == PROFILE_ICE)
		err |= write_ice(mb, local);
	err |= mbuf_write_str(mb, "a=label:main-audio\r\n");
	if (!local->offer)
		err |= mbuf_write_str(mb, "a=mid:1\r\n");
	err |= write_keys(mb, local);
	err |= mbuf_printf(mb, "a=%s\r\n", direction_name(local->dir));
	err |= write_formats(mb, local, true);
	err |= mbuf_write_str(mb, "a=ptime:20\r\n");

	mb->pos = 0;
	if (!err)
		err = mbuf_strdup(mb, textp, mb->end);

	mem_deref(mb);

	return err;
}
