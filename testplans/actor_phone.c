/**
 * @file actor_phone.c  Telephones: baresip without a head
 */
#include <jansson.h>
#include <netdb.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bridge/base/members.h"
#include "actor.h"
#include "tape.h"
#include "phone_link.h"
#include "pump.h"


enum {
	CLEAR_MS = 5000, SIP_PORT_DEFAULT = 5060,
	HANGUP_TRIES = 20, HANGUP_MS = 50,
	KEY_MS = 150, LOOK_MS = 200,
	RECEIVE_MS = 500,          /* watched for packets */
};


struct phone {
	struct phone_link *link;   /* owned */
	char *tone;                /* owned: path */
	bool muted;
	bool loading;
	unsigned starts;
	char call[160];            /* Call-ID of the call that counts       */
	char *tape;                /* owned: recording that is listened to  */
	uint64_t looked_ms;        /* for a newer one                       */
};


static void phone_destructor(void *arg)
{
	struct phone *phone = arg;

	mem_deref(phone->link);
	mem_deref(phone->tone);
	mem_deref(phone->tape);
}


static int phone_do(struct actor *actor, const char *cmd, const char *params)
{
	struct phone *phone = actor->own;

	return phone_link_do(phone->link, cmd, params, NULL, 0,
			     actor->stage->why, sizeof(actor->stage->why));
}


/** "sip:+4420@pbx;user=phone": the number, %2B as + */
static void number_of(char *buf, size_t size, const char *uri)
{
	const char *p = strchr(uri, ':');
	size_t n = 0;

	p = p ? p + 1 : uri;

	while (*p && !strchr("@;", *p) && n + 1 < size) {
		if (!strncasecmp(p, "%2B", 3)) {
			buf[n++] = '+';
			p += 3;
		}
		else {
			buf[n++] = *p++;
		}
	}

	buf[n] = '\0';
}


/** "486 Busy Here"; other words: a BYE or the like */
static void closed(struct actor *actor, const char *param)
{
	const unsigned long scode = strtoul(param, NULL, 10);

	actor->scode = scode >= 300 && scode < 700 ? (uint16_t)scode : 0;
	str_ncpy(actor->reason, actor->scode && strchr(param, ' ') ?
		 strchr(param, ' ') + 1 : param, sizeof(actor->reason));
	actor_set(actor, ACTOR_RELEASED);
}


static void load_event(struct actor *actor, const char *type,
		       const char *param)
{
	if (!strcmp(type, "CALL_ESTABLISHED")) {
		++actor->load.answered;
	}
	else if (!strcmp(type, "CALL_CLOSED")) {
		const unsigned long scode = strtoul(param, NULL, 10);

		if (scode >= 300 && scode < 700) {
			++actor->load.refused;
			if (!actor->load.scode)
				actor->load.scode = (uint16_t)scode;
		}
	}
}


static void dtmf(struct actor *actor, const char *digit)
{
	const size_t l = strlen(actor->digits);

	str_ncpy(actor->digits + l, digit, sizeof(actor->digits) - l);
}


/** A phone that is transferred makes a call of its own, and loses the first
    one: that is not the end */
static bool call_counts(struct phone *phone, const char *type,
			const char *id)
{
	if (!*phone->call || !strcmp(type, "CALL_INCOMING") ||
	    !strcmp(type, "CALL_ESTABLISHED"))
		str_ncpy(phone->call, id, sizeof(phone->call));

	return !strcmp(phone->call, id);
}


static void event_handler(const json_t *json, void *arg)
{
	struct actor *actor = arg;
	struct phone *phone = actor->own;
	const char *type = text_of(json, "type");
	const char *param = text_of(json, "param");

	if (phone->loading) {
		load_event(actor, type, param);
		return;
	}

	if (strncmp(type, "CALL_", 5))
		return;
	if (!strcmp(type, "CALL_INCOMING") && actor->state == ACTOR_TALKS)
		return;            /* one call at a time */
	if (!call_counts(phone, type, text_of(json, "id")))
		return;

	if (!strcmp(type, "CALL_INCOMING")) {
		number_of(actor->shown, sizeof(actor->shown),
			  text_of(json, "peeruri"));
		str_ncpy(actor->shown_name, text_of(json, "peerdisplayname"),
			 sizeof(actor->shown_name));
		actor_set(actor, ACTOR_RINGS);
	}
	else if (!strcmp(type, "CALL_RINGING") ||
		 !strcmp(type, "CALL_PROGRESS")) {
		if (!actor->ringback)
			actor->ringback_ms = pump_ms();
		actor->ringback = true;
		actor->early |= !strcmp(type, "CALL_PROGRESS");
	}
	else if (!strcmp(type, "CALL_ESTABLISHED")) {
		actor_set(actor, ACTOR_TALKS);
	}
	else if (!strcmp(type, "CALL_CLOSED")) {
		closed(actor, param);
	}
	else if (!strcmp(type, "CALL_DTMF_START")) {
		dtmf(actor, param);
	}
}


/* Where and who it is */


/** The host of "host:port" or "host"; port stays if there is none */
static void host_split(char *host, size_t size, uint16_t *port,
		       const char *place)
{
	const char *colon = strrchr(place, ':');

	str_ncpy(host, place, size);

	if (colon && strchr(place, ':') == colon) {
		host[min((size_t)(colon - place), size - 1)] = '\0';
		*port = (uint16_t)strtoul(colon + 1, NULL, 10);
	}
}


int phone_way(struct sa *local, const struct roster *roster)
{
	const struct addrinfo hints = {.ai_family = AF_INET,
				       .ai_socktype = SOCK_DGRAM};
	const char *place = roster->pbx.sip_proxy ? roster->pbx.sip_proxy
		: roster->pbx.sip_domain;
	uint16_t port = SIP_PORT_DEFAULT;
	struct addrinfo *res;
	char host[256];
	int fd, err = 0;

	host_split(host, sizeof(host), &port, place);
	if (getaddrinfo(host, "5060", &hints, &res))
		return EADDRNOTAVAIL;

	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, res->ai_addr, res->ai_addrlen))
		err = errno;
	else {
		local->len = sizeof(local->u);
		if (getsockname(fd, &local->u.sa, &local->len))
			err = errno;
	}

	if (fd >= 0)
		(void)close(fd);
	freeaddrinfo(res);

	sa_set_port(local, 0);

	return err;
}


static int local_find(struct actor *actor, struct sa *local)
{
	const struct roster_account *acc = actor->acc;
	uint16_t port = 0;
	char host[64];
	int err;

	sa_init(local, AF_INET);

	if (acc->address) {
		host_split(host, sizeof(host), &port, acc->address);
		err = sa_set_str(local, host, port);
	}
	else
		err = phone_way(local, actor->stage->roster);

	if (err)
		return stage_why(actor->stage, err, "%s: no address of our own"
				 " to speak to the PBX from: %m",
				 actor_title(actor), err);

	if (!sa_port(local) && !acc->registers)
		sa_set_port(local, SIP_PORT_DEFAULT);

	return 0;
}


static const char *username(const struct roster_account *acc)
{
	return acc->sip_username ? acc->sip_username
		: acc->registers && acc->extension ? acc->extension
		: acc->number;
}


/** As `uanew` wants it. With an outbound proxy baresip 1.0 wants no transport
    in the address */
static int aor_print(char **aor, const struct actor *actor, bool answers,
		     const char *password)
{
	const struct roster_account *acc = actor->acc;
	const struct roster *roster = actor->stage->roster;
	static const char *const protocolv[] = {"udp", "tcp", "tls"};
	const char *proto = protocolv[roster->pbx.protocol];
	const char *proxy = roster->pbx.sip_proxy;
	const char *auth = acc->sip_auth_username;

	return re_sdprintf(aor, "<sip:%s@%s%s%s>%s%s%s%s%s;auth_pass=\"%s\""
			   "%s%s;regint=%d;answermode=%s;audio_codecs=%s;"
			   "mwi=no%s",
			   username(acc), roster->pbx.sip_domain,
			   proxy ? "" : ";transport=", proxy ? "" : proto,
			   proxy ? ";outbound=\"sip:" : "",
			   proxy ? proxy : "", proxy ? ";transport=" : "",
			   proxy ? proto : "", proxy ? "\"" : "",
			   password ? password : "",
			   auth ? ";auth_user=" : "", auth ? auth : "",
			   acc->registers ? 300 : 0,
			   answers ? "auto" : "manual",
			   roster_codec_name(acc->codec),
			   roster->pbx.encrypt_media ? ";mediaenc=srtp-mand"
			   : "");
}


/** A quote would end the value, and cannot be written */
static int password_check(struct actor *actor)
{
	const char *password = actor->acc->sip_password;

	if (actor->acc->registers && !password)
		return stage_why(actor->stage, EINVAL, "the roster has no"
				 " sip_password for %s", actor->name);

	if (password && strpbrk(password, "\"\n\r"))
		return stage_why(actor->stage, EINVAL, "%s: baresip cannot"
				 " take a password with a quote in it",
				 actor->name);

	return 0;
}


static int link_start(struct actor *actor, bool answers)
{
	struct phone *phone = actor->own;
	struct phone_conf conf = {.tone = phone->tone,
				  .registers = actor->acc->registers};
	char *folder = NULL, *aor = NULL, why[256] = "";
	int err;

	err = local_find(actor, &conf.local);
	if (err)
		return err;

	err = re_sdprintf(&folder, "%s/%s-%u", actor->stage->folder,
			  actor->name, phone->starts++);
	if (!err)
		err = aor_print(&aor, actor, answers,
				actor->acc->sip_password);
	if (!err) {
		conf.folder = folder;
		conf.aor    = aor;
		err = phone_link_alloc(&phone->link, actor->stage->pump,
				       &conf, event_handler, actor, why,
				       sizeof(why));
		if (err)
			(void)stage_why(actor->stage, err, "%s: %s",
					actor_title(actor), why);
	}

	mem_deref(aor);
	mem_deref(folder);

	return err;
}


static int phone_start(struct actor *actor)
{
	struct phone *phone;
	int err;

	err = password_check(actor);
	if (err)
		return err;

	phone = mem_zalloc(sizeof(*phone), phone_destructor);
	if (!phone)
		return ENOMEM;

	actor->own = phone;

	err = re_sdprintf(&phone->tone, "%s/%d.wav", actor->stage->folder,
			  actor->tone_hz);
	if (!err)
		err = tape_write_tone(phone->tone, actor->tone_hz,
				      actor->stage->tone_s);

	return err ? err : link_start(actor, false);
}


static void phone_stop(struct actor *actor)
{
	actor->own = mem_deref(actor->own);
}


static int phone_mute(struct actor *actor, bool on)
{
	struct phone *phone = actor->own;
	int err;

	if (phone->muted == on)
		return 0;

	err = phone_do(actor, "mute", "");
	if (!err)
		phone->muted = on;

	return err;
}


static int phone_begin(struct actor *actor)
{
	struct phone *phone = actor->own;

	phone->muted   = false;
	phone->call[0] = '\0';
	phone->tape    = mem_deref(phone->tape);

	return phone_link_shelve(phone->link);
}


static int uri_print(char **uri, const struct actor *actor,
		     const char *number)
{
	return re_sdprintf(uri, "sip:%s@%s", number,
			   actor->stage->roster->pbx.sip_domain);
}


static int number_do(struct actor *actor, const char *cmd,
		     const char *number)
{
	char *uri;
	int err;

	err = uri_print(&uri, actor, number);
	if (err)
		return err;

	err = phone_do(actor, cmd, uri);
	mem_deref(uri);

	return err;
}


static int phone_dial(struct actor *actor, const char *number)
{
	struct phone *phone = actor->own;

	phone->call[0] = '\0';
	actor_set(actor, ACTOR_DIALS);

	return number_do(actor, "dial", number);
}


static int phone_answer(struct actor *actor)
{
	return phone_do(actor, "accept", "");
}


/** baresip 1.1 knows no current call before the first answer to its INVITE,
    nor after the one that it transferred has ended. It has a word for all
    of its calls then, which baresip 1.0 has not, and does not need */
static int hangup_do(struct actor *actor)
{
	int err = EAGAIN;

	for (int i = 0; err && i < HANGUP_TRIES; i++) {
		if (i && pump_for(actor->stage->pump, HANGUP_MS))
			return EINTR;

		err = phone_do(actor, "hangup", "");
		if (err)
			err = phone_do(actor, "hangupall", "");
	}

	return err;
}


static int phone_reject(struct actor *actor)
{
	const int err = hangup_do(actor);

	if (!err)
		actor_set(actor, ACTOR_RELEASED);

	return err;
}


/** The side that hangs up is not told that it did */
static int phone_hangup(struct actor *actor)
{
	const int err = hangup_do(actor);

	if (!err) {
		actor->hung_up = true;
		actor_set(actor, ACTOR_RELEASED);
	}

	return err;
}


static int phone_hold(struct actor *actor)
{
	const int err = phone_do(actor, "hold", "");

	if (!err)
		actor->held = true;

	return err;
}


/** baresip 1.1 does so and then reports an invalid argument; whether voice is
    back, the ears tell */
static int phone_resume(struct actor *actor)
{
	int err = phone_do(actor, "resume", "");

	if (err == EPROTO && strstr(actor->stage->why, "Invalid argument"))
		err = 0;
	if (!err)
		actor->held = false;

	return err;
}


static int phone_transfer(struct actor *actor, const char *number)
{
	return number_do(actor, "transfer", number);
}


/** Each key is pressed and let go */
static int phone_digits(struct actor *actor, const char *digits)
{
	int err = 0;

	for (; *digits && !err; ++digits) {
		const char key[] = {*digits, '\0'};

		err = phone_do(actor, "sndcode", key);
		if (!err)
			err = pump_for(actor->stage->pump, KEY_MS);
		if (!err)
			err = phone_do(actor, "sndcode", "");
		if (!err)
			err = pump_for(actor->stage->pump, KEY_MS);
	}

	return err;
}


/** A call after a transfer has a recording of its own */
static void phone_look(struct actor *actor)
{
	struct phone *phone = actor->own;
	char *path;

	if (actor->state < ACTOR_DIALS || phone->loading ||
	    (actor->ear && pump_ms() - phone->looked_ms < LOOK_MS))
		return;

	phone->looked_ms = pump_ms();
	if (phone_link_recording(phone->link, &path))
		return;

	if (actor->ear && phone->tape && !strcmp(phone->tape, path)) {
		mem_deref(path);
		return;
	}

	mem_deref(phone->tape);
	phone->tape = path;
	(void)actor_listen(actor, path);
}


/** Packets that were received, from the stream's figures; 0 without a call.
    Its time will not do: it leaps with the timestamps of a few packets */
static unsigned long received(struct actor *actor)
{
	struct phone *phone = actor->own;
	char stat[4096], why[128];
	const char *p;

	if (phone_link_do(phone->link, "audio_debug", "", stat, sizeof(stat),
			  why, sizeof(why)))
		return 0;

	p = strstr(stat, "rcvd=");

	return p ? strtoul(p + strlen("rcvd="), NULL, 10) : 0;
}


static bool phone_receives(struct actor *actor)
{
	const unsigned long before = received(actor);

	if (pump_for(actor->stage->pump, RECEIVE_MS))
		return false;

	/* At least half of what 20 ms a packet would be */
	return received(actor) >= before + RECEIVE_MS / 20 / 2;
}


static bool is_clear(void *arg)
{
	struct actor *actor = arg;
	struct phone *phone = actor->own;

	if (!phone_link_calls(phone->link))
		return true;

	if (phone_do(actor, "hangup", ""))
		(void)phone_do(actor, "hangupall", "");

	return false;
}


static void phone_clear(struct actor *actor)
{
	struct phone *phone = actor->own;

	if (phone && phone->link)
		(void)pump_until(actor->stage->pump, CLEAR_MS, is_clear,
				 actor);
}


/** Whether a phone takes calls by itself is said when it starts */
static int load_ready(struct actor *actor, bool on)
{
	struct phone *phone = actor->own;

	phone->link    = mem_deref(phone->link);
	phone->loading = on;
	phone->muted   = false;

	return link_start(actor, on);
}


static int load_dial(struct actor *actor, const char *number)
{
	const int err = number_do(actor, "dial", number);

	if (!err)
		++actor->load.dialled;

	return err;
}


static int load_stop(struct actor *actor)
{
	phone_clear(actor);

	return 0;
}


const struct actor_ops phone_ops = {
	.start = phone_start, .stop = phone_stop, .begin = phone_begin,
	.dial = phone_dial, .answer = phone_answer, .reject = phone_reject,
	.hangup = phone_hangup, .hold = phone_hold, .resume = phone_resume,
	.transfer = phone_transfer, .digits = phone_digits,
	.mute = phone_mute, .receives = phone_receives, .look = phone_look,
	.clear = phone_clear,
	.load_ready = load_ready, .load_dial = load_dial,
	.load_stop = load_stop,
};
