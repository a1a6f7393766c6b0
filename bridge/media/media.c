/**
 * @file media.c  The owner's side: workers, streams, ports
 */
#include <sys/epoll.h>
#include <unistd.h>
#include <openssl/crypto.h>
#include "bridge/base/libre.h"
#include "bridge/base/metrics.h"
#include "media.h"
#include "ports.h"
#include "relay.h"
#include "secure.h"
#include "srtp_openssl.h"
#include "worker.h"


enum {
	LEARN_MS    = 3000,
	SILENCE_MS  = 30000,
	RTCP_MS     = 5000,
	REST_MS     = 60000,
	WORKERS_MAX = 64,
	PT_MAX      = 127,
	RATE_MIN    = 1000,
	RATE_MAX    = 192000,
	PTIME_MAX   = 60,
};


struct media {
	struct media_conf conf;
	struct ports *ports;       /* owned                                 */
	struct worker *workerv[WORKERS_MAX];   /* owned                     */
	size_t loadv[WORKERS_MAX]; /* streams of each                       */
	unsigned workerc;
	int epfd;                  /* owned; gathers the workers' bells     */
	size_t streamc;
	struct metric *gauge;
};

struct stream {
	struct media *media;       /* ref                                   */
	unsigned worker;
	struct relay *relay;       /* the worker's; given back after our end */
	struct sa localv[STREAM_SIDES];
	struct stream_crypto txv[STREAM_SIDES];   /* as last told; wiped at */
	struct stream_crypto rxv[STREAM_SIDES];   /* the end                */
	struct voice {             /* of each side, as the worker has it    */
		enum codec codec;  /* of its encoder                        */
		uint32_t rate;     /* of samples                            */
		unsigned ear;      /* codecs that it decodes, 0: no ear     */
		bool digits, fax;  /* that it listens for                   */
	} voicev[STREAM_SIDES];
	bool taped;                /* the worker has a tape for it          */
	stream_event_h *eventh;
	void *arg;
};


static void media_destructor(void *data)
{
	struct media *media = data;

	for (unsigned i = 0; i < media->workerc; i++)
		mem_deref(media->workerv[i]);

	if (media->epfd >= 0)
		(void)close(media->epfd);
	mem_deref(media->ports);
}


static void set_defaults(struct media_conf *conf)
{
	if (!conf->workers) {
		const long n = sysconf(_SC_NPROCESSORS_ONLN);

		conf->workers = n < 1 ? 1 :
			n > WORKERS_MAX ? WORKERS_MAX : (unsigned)n;
	}
	if (!conf->learn_ms)
		conf->learn_ms = LEARN_MS;
	if (!conf->silence_ms)
		conf->silence_ms = SILENCE_MS;
	if (!conf->rtcp_ms)
		conf->rtcp_ms = RTCP_MS;
	if (!conf->port_rest_ms)
		conf->port_rest_ms = REST_MS;
}


static int start_workers(struct media *media)
{
	int err;

	for (unsigned i = 0; i < media->conf.workers; i++) {
		struct epoll_event ev = { .events = EPOLLIN, .data.u32 = i };

		err = worker_alloc(&media->workerv[i], i, &media->conf);
		if (err)
			return err;

		media->workerc++;

		if (epoll_ctl(media->epfd, EPOLL_CTL_ADD,
			      worker_bell(media->workerv[i]), &ev) < 0)
			return errno;
	}

	return 0;
}


int media_alloc(struct media **mediap, const struct media_conf *conf)
{
	struct media *media;
	int err;

	if (!mediap || !conf || conf->workers > WORKERS_MAX ||
	    conf->dscp > 63)
		return EINVAL;

	err = srtp_openssl_init();
	if (err)
		return err;

	media = mem_zalloc(sizeof(*media), media_destructor);
	if (!media)
		return ENOMEM;

	media->conf = *conf;
	set_defaults(&media->conf);
	media->gauge = metric_gauge("callbridge_media_streams", NULL,
				    "Streams open");

	media->epfd = epoll_create1(EPOLL_CLOEXEC);
	if (media->epfd < 0) {
		err = errno;
		goto out;
	}

	err = ports_alloc(&media->ports, conf->port_min, conf->port_max,
			  media->conf.port_rest_ms);
	if (err)
		goto out;

	err = start_workers(media);

 out:
	if (err)
		mem_deref(media);
	else
		*mediap = media;

	return err;
}


int media_fd(const struct media *media)
{
	return media ? media->epfd : -1;
}


uint8_t media_dscp(const struct media *media)
{
	return media ? media->conf.dscp : 0;
}


size_t media_streams(const struct media *media)
{
	return media ? media->streamc : 0;
}


static void bury(struct media *media, unsigned worker, struct relay *relay)
{
	const uint64_t now_ms = clock_ms();

	for (unsigned i = 0; i < STREAM_SIDES; i++)
		ports_rest(media->ports, relay->portv[i], now_ms);

	media->loadv[worker]--;
	mem_deref(relay);
}


static void heed(struct media *media, unsigned worker,
		 const struct notice *notice)
{
	struct stream *stream = notice->relay->stream;

	if (notice->ended)
		bury(media, worker, notice->relay);
	else if (stream)
		/* last: the stream may be gone afterwards */
		stream->eventh(stream, &notice->event, stream->arg);
}


void media_dispatch(struct media *media)
{
	struct notice notice;

	if (!media)
		return;

	/* a handler may let go of the last stream and of us */
	mem_ref(media);

	for (unsigned i = 0; i < media->workerc; i++) {
		worker_bell_clear(media->workerv[i]);
		while (worker_receive(media->workerv[i], &notice))
			heed(media, i, &notice);
	}

	mem_deref(media);
}


static void no_event(struct stream *stream, const struct stream_event *ev,
		     void *arg)
{
	(void)stream;
	(void)ev;
	(void)arg;
}


static void stream_destructor(void *data)
{
	struct stream *stream = data;
	struct relay *relay = stream->relay;

	OPENSSL_cleanse(stream->txv, sizeof(stream->txv));
	OPENSSL_cleanse(stream->rxv, sizeof(stream->rxv));

	if (relay) {
		const struct command cmd = { .type = COMMAND_END,
					     .relay = relay };

		relay->stream = NULL;

		/* With the ring full, its next report finds the flag. Not
		   both: the relay must not be ended twice. */
		if (worker_send(stream->media->workerv[stream->worker], &cmd))
			atomic_store(&relay->ending, true);

		stream->media->streamc--;
		metric_add(stream->media->gauge, -1);
	}

	mem_deref(stream->media);
}


static unsigned least_loaded(const struct media *media)
{
	unsigned best = 0;

	for (unsigned i = 1; i < media->workerc; i++) {
		if (media->loadv[i] < media->loadv[best])
			best = i;
	}

	return best;
}


static void unbind(struct media *media, const struct sa *local,
		   const int fdv[SOCKS])
{
	for (unsigned i = 0; i < SOCKS; i++)
		(void)close(fdv[i]);

	ports_rest(media->ports, sa_port(local), clock_ms());
}


static int bind_sides(struct stream *stream, int fdv[STREAM_SIDES][SOCKS])
{
	struct ports *ports = stream->media->ports;
	int err;

	err = ports_bind(ports, &stream->localv[0], fdv[0], clock_ms());
	if (err)
		return err;

	err = ports_bind(ports, &stream->localv[1], fdv[1], clock_ms());
	if (err)
		unbind(stream->media, &stream->localv[0], fdv[0]);

	return err;
}


/** Bind, make the relay and give it to the worker */
static int stream_open(struct stream *stream)
{
	struct media *media = stream->media;
	struct worker *worker = media->workerv[stream->worker];
	int fdv[STREAM_SIDES][SOCKS];
	struct command cmd = { .type = COMMAND_OPEN };
	struct relay *relay;
	int err;

	err = bind_sides(stream, fdv);
	if (err)
		return err;

	err = relay_alloc(&relay, worker, fdv);
	if (err) {
		for (unsigned i = 0; i < STREAM_SIDES; i++)
			unbind(media, &stream->localv[i], fdv[i]);
		return err;
	}

	relay->stream = stream;
	for (unsigned i = 0; i < STREAM_SIDES; i++)
		relay->portv[i] = sa_port(&stream->localv[i]);

	media->loadv[stream->worker]++;

	cmd.relay = relay;
	err = worker_send(worker, &cmd);
	if (err)
		bury(media, stream->worker, relay);
	else
		stream->relay = relay;

	return err;
}


int stream_alloc(struct stream **streamp, struct media *media,
		 const struct sa laddrv[STREAM_SIDES],
		 stream_event_h *eventh, void *arg)
{
	struct stream *stream;
	int err;

	if (!streamp || !media || !laddrv)
		return EINVAL;

	stream = mem_zalloc(sizeof(*stream), stream_destructor);
	if (!stream)
		return ENOMEM;

	stream->media  = mem_ref(media);
	stream->worker = least_loaded(media);
	stream->eventh = eventh ? eventh : no_event;
	stream->arg    = arg;
	sa_cpy(&stream->localv[0], &laddrv[0]);
	sa_cpy(&stream->localv[1], &laddrv[1]);

	err = stream_open(stream);
	if (err) {
		mem_deref(stream);
		return err;
	}

	media->streamc++;
	metric_add(media->gauge, 1);
	*streamp = stream;

	return 0;
}


const struct sa *stream_local(const struct stream *stream, unsigned side)
{
	return stream && side < STREAM_SIDES ? &stream->localv[side] : NULL;
}


static bool crypto_equal(const struct stream_crypto *a,
			 const struct stream_crypto *b)
{
	if (a->suite != b->suite)
		return false;

	return a->suite == STREAM_PLAIN ||
		(a->key_size == b->key_size && a->mki_size == b->mki_size &&
		 a->mki == b->mki &&
		 !CRYPTO_memcmp(a->key, b->key, a->key_size));
}


static bool crypto_ok(const struct stream_crypto *crypto)
{
	return crypto->suite == STREAM_PLAIN ||
		(secure_key_size(crypto->suite) &&
		 crypto->key_size == secure_key_size(crypto->suite) &&
		 crypto->mki_size <= sizeof(crypto->mki));
}


static bool out_ok(const struct stream_out *out)
{
	if (out->codec == CODEC_NONE)
		return true;

	return out->codec < CODEC_CN && out->pt <= PT_MAX &&
		out->dtmf_pt <= PT_MAX && out->rate >= RATE_MIN &&
		out->rate <= RATE_MAX && out->ptime_ms <= PTIME_MAX;
}


static bool remote_ok(const struct stream_remote *remote)
{
	if (remote->mapc > STREAM_MAPS || !out_ok(&remote->out) ||
	    !crypto_ok(&remote->tx) || !crypto_ok(&remote->rx))
		return false;

	for (size_t i = 0; i < remote->mapc; i++) {
		const struct stream_map *map = &remote->mapv[i];

		if (map->pt > PT_MAX || map->pt_out > PT_MAX ||
		    map->rate < RATE_MIN || map->rate > RATE_MAX ||
		    (unsigned)map->codec >= CODECS)
			return false;
	}

	return true;
}


static int make_contexts(struct relay_change *change,
			 const struct stream *stream, unsigned side,
			 const struct stream_remote *remote)
{
	int err = 0;

	change->tx_new = !crypto_equal(&stream->txv[side], &remote->tx);
	change->rx_new = !crypto_equal(&stream->rxv[side], &remote->rx);

	if (change->tx_new && remote->tx.suite != STREAM_PLAIN)
		err = secure_alloc(&change->tx, &remote->tx, SECURE_TX);
	if (!err && change->rx_new && remote->rx.suite != STREAM_PLAIN)
		err = secure_alloc(&change->rx, &remote->rx, SECURE_RX);

	return err;
}


/** What this side needs to go through samples */
static struct voice voice_of(const struct stream_remote *remote)
{
	struct voice voice = {
		.codec  = remote->out.codec,
		.rate   = remote->pcm_rate ? remote->pcm_rate :
			codec_pcm_rate(remote->out.codec),
		.digits = remote->hear_digits,
		.fax    = remote->hear_fax,
	};

	for (size_t i = 0; i < remote->mapc; i++) {
		const struct stream_map *map = &remote->mapv[i];

		if (map->way == STREAM_HEAR && !map->dtmf &&
		    map->codec != CODEC_NONE && map->codec != CODEC_CN)
			voice.ear |= 1u << map->codec;
	}

	return voice;
}


static int make_codecs(struct relay_change *change,
		       const struct voice *before, const struct voice *voice)
{
	int err = 0;

	change->enc_new = before->codec != voice->codec ||
		before->rate != voice->rate;
	change->ear_new = before->ear != voice->ear ||
		before->rate != voice->rate ||
		before->digits != voice->digits || before->fax != voice->fax;

	if (change->enc_new && voice->codec != CODEC_NONE)
		err = encoder_alloc(&change->enc, voice->codec, voice->rate);
	if (!err && change->ear_new && voice->ear)
		err = ear_alloc(&change->ear, voice->rate, voice->ear);

	return err;
}


int stream_remote_set(struct stream *stream, unsigned side,
		      const struct stream_remote *remote)
{
	struct voice voice;
	struct command cmd = { .type = COMMAND_CHANGE, .side = side };
	int err;

	if (!stream || side >= STREAM_SIDES || !remote || !remote_ok(remote))
		return EINVAL;

	err = relay_change_alloc(&cmd.change);
	if (err)
		return err;

	voice = voice_of(remote);
	err = make_contexts(cmd.change, stream, side, remote);
	if (!err)
		err = make_codecs(cmd.change, &stream->voicev[side], &voice);
	if (err)
		goto out;

	cmd.change->remote = *remote;
	OPENSSL_cleanse(cmd.change->remote.tx.key, STREAM_KEY_MAX);
	OPENSSL_cleanse(cmd.change->remote.rx.key, STREAM_KEY_MAX);

	cmd.relay = stream->relay;
	err = worker_send(stream->media->workerv[stream->worker], &cmd);
	if (err)
		goto out;

	stream->txv[side] = remote->tx;
	stream->rxv[side] = remote->rx;
	stream->voicev[side] = voice;

 out:
	if (err)
		mem_deref(cmd.change);

	return err;
}


int stream_dtmf_send(struct stream *stream, unsigned side, char digit,
		     uint8_t pt, uint32_t duration_ms)
{
	const struct command cmd = {
		.type  = COMMAND_DTMF, .relay = stream ? stream->relay : NULL,
		.side  = side, .digit = digit, .pt = pt,
		.duration_ms = duration_ms,
	};

	if (!stream || side >= STREAM_SIDES || pt > PT_MAX ||
	    dtmf_event(digit) < 0)
		return EINVAL;

	return worker_send(stream->media->workerv[stream->worker], &cmd);
}


int stream_dtmf_told(struct stream *stream, unsigned side, char digit,
		     uint32_t duration_ms)
{
	const struct command cmd = {
		.type  = COMMAND_DTMF_TOLD,
		.relay = stream ? stream->relay : NULL,
		.side  = side, .digit = digit, .duration_ms = duration_ms,
	};

	if (!stream || side >= STREAM_SIDES || dtmf_event(digit) < 0)
		return EINVAL;

	return worker_send(stream->media->workerv[stream->worker], &cmd);
}


int stream_play(struct stream *stream, unsigned side, struct player *player)
{
	const struct command cmd = {
		.type = COMMAND_PLAY, .relay = stream ? stream->relay : NULL,
		.side = side, .player = player,
	};

	if (!stream || side >= STREAM_SIDES)
		return EINVAL;

	return worker_send(stream->media->workerv[stream->worker], &cmd);
}


int stream_tape(struct stream *stream, struct tape *tape)
{
	const struct command cmd = {
		.type = COMMAND_TAPE, .relay = stream ? stream->relay : NULL,
		.tape = tape,
	};
	int err;

	if (!stream || !tape)
		return EINVAL;
	if (stream->taped)
		return EALREADY;

	err = worker_send(stream->media->workerv[stream->worker], &cmd);
	stream->taped = !err;

	return err;
}


void stream_stats(const struct stream *stream, unsigned side,
		  struct stream_stats *stats)
{
	if (!stats)
		return;

	*stats = (struct stream_stats){ 0 };
	if (stream && side < STREAM_SIDES)
		relay_stats(stream->relay, side, stats);
}
