/**
 * @file phone_link.c  A baresip process and its control port
 *
 * baresip runs without a head, in a folder of its own. Commands and events
 * are netstrings of JSON over TCP on loopback (its module ctrl_tcp).
 */
#include <fcntl.h>
#include <glob.h>
#include <jansson.h>
#include <limits.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "phone_link.h"
#include "phone_ports.h"
#include "pump.h"

extern char **environ;


enum {
	ANSWER_MS = 5000, CONNECT_MS = 15000, REGISTER_MS = 10000,
	QUIT_MS = 2000, SETTLE_MS = 50, MESSAGE_MAX = 1 << 20,
};


struct phone_link {
	struct pump *pump;         /* ref */
	char *folder;              /* owned */
	pid_t pid;                 /* 0: ended */
	int fd;
	struct sa control;
	struct mbuf *mb;           /* what has come of the next message */
	json_int_t token;          /* of the last command */
	json_t *answer;            /* to it, NULL: not yet */
	phone_event_h *eventh;
	void *arg;
	unsigned shelves;
	int registered;            /* -1 not yet, 0 yes, otherwise errno */
	char refusal[128];
};


static const char config[] =
	"poll_method epoll\n"
	"call_local_timeout 180\n"
	"call_max_calls 600\n"
	"sip_listen %J\n"
	"%s%s%s"
	"audio_source aufile,tone.wav\n"
	"audio_player aubridge,null\n"
	"audio_alert aubridge,null\n"
	"audio_path .\n"
	"ausrc_srate 8000\nausrc_channels 1\n"
	"auplay_srate 8000\nauplay_channels 1\n"
	"ausrc_format s16\nauplay_format s16\n"
	"auenc_format s16\naudec_format s16\n"
	"rtp_ports 16384-32766\n"
	"rtp_stats yes\n"
	"jitter_buffer_type off\njitter_buffer_delay 0-0\n"
	"snd_path rec\n"
	"ctrl_tcp_listen %J\n"
	"ringback_disabled yes\nmenu_bell no\nstatmode_default off\n"
	"module_path %s\n"
	"module g711.so\nmodule g722.so\nmodule aufile.so\n"
	"module sndfile.so\nmodule srtp.so\nmodule aubridge.so\n"
	"module_tmp uuid.so\nmodule_tmp account.so\n"
	"module_app menu.so\nmodule_app ctrl_tcp.so\n"
	"module_app debug_cmd.so\n";


static void link_close(struct phone_link *link)
{
	if (link->fd < 0)
		return;

	pump_remove(link->pump, link->fd);
	(void)close(link->fd);
	link->fd = -1;
}


static bool has_ended(void *arg)
{
	struct phone_link *link = arg;

	if (link->pid && waitpid(link->pid, NULL, WNOHANG) == link->pid)
		link->pid = 0;

	return !link->pid;
}


static void process_end(struct phone_link *link)
{
	if (!link->pid)
		return;

	(void)kill(link->pid, SIGKILL);
	(void)waitpid(link->pid, NULL, 0);
	link->pid = 0;
}


static void link_destructor(void *arg)
{
	struct phone_link *link = arg;
	char why[128];

	if (link->fd >= 0)
		(void)phone_link_do(link, "quit", "", NULL, 0, why,
				    sizeof(why));

	link_close(link);

	if (link->pid && pump_until(link->pump, QUIT_MS, has_ended, link))
		process_end(link);

	json_decref(link->answer);
	mem_deref(link->mb);
	mem_deref(link->folder);
	mem_deref(link->pump);
}


static void register_event(struct phone_link *link, const json_t *json)
{
	const char *type = json_string_value(json_object_get(json, "type"));
	const char *param = json_string_value(json_object_get(json, "param"));

	if (!type)
		return;

	if (!strcmp(type, "REGISTER_OK"))
		link->registered = 0;

	if (!strcmp(type, "REGISTER_FAIL")) {
		/* Words without a code are baresip's own: it was not sent */
		link->registered = param && strtoul(param, NULL, 10) >= 300 ?
			EAUTH : EPROTO;
		str_ncpy(link->refusal, param ? param : "",
			 sizeof(link->refusal));
	}
}


static void message_read(struct phone_link *link, const char *text, size_t l)
{
	json_t *json = json_loadb(text, l, JSON_ALLOW_NUL, NULL);
	const char *token = json_string_value(json_object_get(json,
							      "token"));

	if (json_is_true(json_object_get(json, "event"))) {
		register_event(link, json);
		if (link->eventh)
			link->eventh(json, link->arg);
	}
	else if (token && atoll(token) == link->token) {
		json_decref(link->answer);
		link->answer = json_incref(json);
	}

	json_decref(json);
}


/** A netstring: LENGTH:TEXT, - @return octets taken, 0: not all there */
static size_t netstring_read(struct phone_link *link, const char *p,
			     size_t l)
{
	size_t n = 0, i = 0;

	while (i < l && p[i] >= '0' && p[i] <= '9' && n < MESSAGE_MAX)
		n = n * 10 + (size_t)(p[i++] - '0');

	if (i >= l || l - i < n + 2)
		return 0;

	message_read(link, p + i + 1, n);

	return i + n + 2;
}


static void link_read(void *arg)
{
	struct phone_link *link = arg;
	char text[16384];
	const ssize_t n = recv(link->fd, text, sizeof(text), MSG_DONTWAIT);
	size_t used, begin = 0;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;

	link->mb->pos = link->mb->end;
	if (n <= 0 || link->mb->end > MESSAGE_MAX ||
	    mbuf_write_mem(link->mb, (uint8_t *)text, (size_t)n)) {
		link_close(link);
		return;
	}

	while ((used = netstring_read(link, (char *)link->mb->buf + begin,
				      link->mb->end - begin)))
		begin += used;

	memmove(link->mb->buf, link->mb->buf + begin, link->mb->end - begin);
	link->mb->end -= begin;
}


/* Starting */


/** Folder of baresip's modules, wherever the distribution has it */
static int modules_find(char *path, size_t size)
{
	glob_t found;
	int err = ENOENT;

	if (glob("/usr/lib/baresip/modules/ctrl_tcp.so", 0, NULL, &found) &&
	    glob("/usr/lib/*/baresip/modules/ctrl_tcp.so", 0, NULL, &found))
		return ENOENT;

	if (found.gl_pathc) {
		str_ncpy(path, found.gl_pathv[0], size);
		*strrchr(path, '/') = '\0';
		err = 0;
	}

	globfree(&found);

	return err;
}


static int file_write(const char *folder, const char *name, const char *text)
{
	char *path;
	FILE *f;
	int err;

	err = re_sdprintf(&path, "%s/%s", folder, name);
	if (err)
		return err;

	f = fopen(path, "wbe");
	if (!f)
		err = errno;
	else {
		err = fputs(text, f) < 0 ? EIO : 0;
		if (fclose(f) && !err)
			err = EIO;
	}

	mem_deref(path);

	return err;
}


/** Its own name for what it plays: baresip has no room for a long path */
static int tone_link(const struct phone_link *link,
		     const struct phone_conf *conf)
{
	char whole[PATH_MAX], *path;
	int err;

	if (!realpath(conf->tone, whole))
		return errno;

	err = re_sdprintf(&path, "%s/tone.wav", link->folder);
	if (!err && symlink(whole, path) && errno != EEXIST)
		err = errno;
	mem_deref(path);

	return err;
}


static int folder_write(const struct phone_link *link,
			const struct phone_conf *conf,
			const struct sa *local)
{
	const bool fixed = !sa_is_any(local);
	char modules[256], address[64], *text, *rec;
	int err;

	err = modules_find(modules, sizeof(modules));
	if (err)
		return err;

	(void)re_snprintf(address, sizeof(address), "%j", local);

	err = re_sdprintf(&rec, "%s/rec", link->folder);
	if (err)
		return err;

	if ((mkdir(link->folder, 0700) && errno != EEXIST) ||
	    (mkdir(rec, 0700) && errno != EEXIST))
		err = errno;
	mem_deref(rec);
	if (!err)
		err = tone_link(link, conf);
	if (err)
		return err;

	err = re_sdprintf(&text, config, local,
			  fixed ? "net_interface " : "",
			  fixed ? address : "", fixed ? "\n" : "",
			  &link->control, modules);
	if (err)
		return err;

	err = file_write(link->folder, "config", text);
	mem_deref(text);

	/* Made at run time: an account that registers within the first
	   millisecond is not heard of */
	if (!err)
		err = file_write(link->folder, "accounts", "# none\n");
	if (!err)
		err = file_write(link->folder, "contacts", "");

	return err;
}


/** It runs in its folder: the paths that it has room for are short */
static int spawn(struct phone_link *link)
{
	char baresip[] = "baresip", four[] = "-4", f[] = "-f", here[] = ".";
	char *const argv[] = {baresip, four, f, here, NULL};
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t none;
	char *log;
	int err;

	err = re_sdprintf(&log, "%s/log", link->folder);
	if (err)
		return err;

	(void)posix_spawn_file_actions_init(&actions);
	(void)posix_spawnattr_init(&attr);
	(void)sigemptyset(&none);
	/* Ctrl-C at the terminal is ours alone: phones hang up first */
	(void)posix_spawnattr_setpgroup(&attr, 0);
	(void)posix_spawnattr_setsigmask(&attr, &none);
	(void)posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP |
				       POSIX_SPAWN_SETSIGMASK);
	(void)posix_spawn_file_actions_addopen(&actions, 0, "/dev/null",
					       O_RDONLY, 0);
	(void)posix_spawn_file_actions_addopen(&actions, 1, log, O_WRONLY |
					       O_CREAT | O_TRUNC, 0600);
	(void)posix_spawn_file_actions_adddup2(&actions, 1, 2);
	(void)posix_spawn_file_actions_addchdir_np(&actions, link->folder);

	err = posix_spawnp(&link->pid, baresip, &actions, &attr, argv,
			   environ);
	if (err)
		link->pid = 0;

	(void)posix_spawnattr_destroy(&attr);
	(void)posix_spawn_file_actions_destroy(&actions);
	mem_deref(log);

	return err;
}


static bool is_connected(void *arg)
{
	struct phone_link *link = arg;
	int fd;

	if (has_ended(link))
		return true;

	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return false;

	if (connect(fd, &link->control.u.sa, link->control.len)) {
		(void)close(fd);
		return false;
	}

	link->fd = fd;

	return true;
}


static bool is_registered(void *arg)
{
	const struct phone_link *link = arg;

	return link->registered >= 0 || link->fd < 0;
}


static int account_add(struct phone_link *link,
		       const struct phone_conf *conf, char *why, size_t size)
{
	int err;

	link->registered = -1;

	err = phone_link_do(link, "uanew", conf->aor, NULL, 0, why, size);
	if (err || !conf->registers)
		return err;

	err = pump_until(link->pump, REGISTER_MS, is_registered, link);
	if (!err && link->registered < 0)
		err = ECONNRESET;
	if (!err)
		err = link->registered;

	if (err == EAUTH)
		(void)re_snprintf(why, size, "the PBX does not register the"
				  " phone: %s", link->refusal);
	else if (err == EPROTO)
		(void)re_snprintf(why, size, "the phone cannot register: %s",
				  link->refusal);
	else if (err)
		(void)re_snprintf(why, size, "the PBX gives the phone no"
				  " answer: %m", err);

	return err;
}


/** What baresip says of its end: its first warning, without the colour */
static void complaint_print(const struct phone_link *link, char *why,
			    size_t size)
{
	static const char red[] = "\033[31m";
	char *path, line[256], *text = NULL;
	FILE *f;

	(void)re_snprintf(why, size, "baresip does not run: see %s/log",
			  link->folder);

	if (re_sdprintf(&path, "%s/log", link->folder))
		return;

	f = fopen(path, "re");
	mem_deref(path);
	while (f && !text && fgets(line, sizeof(line), f))
		text = strstr(line, red);
	if (f)
		(void)fclose(f);

	if (text) {
		text[strcspn(text, "\r\n")] = '\0';
		(void)re_snprintf(why, size, "baresip does not run: %s"
				  " (all of it: %s/log)",
				  text + sizeof(red) - 1, link->folder);
	}
}


/** @return 0, ECONNREFUSED it ended, and others */
static int connect_to(struct phone_link *link)
{
	int err;

	err = pump_until(link->pump, CONNECT_MS, is_connected, link);
	if (!err && link->fd < 0)
		err = ECONNREFUSED;
	if (!err)
		err = pump_add(link->pump, link->fd, link_read, link);
	if (!err)
		err = pump_for(link->pump, SETTLE_MS);
	if (!err && link->fd < 0)
		err = ECONNREFUSED;

	return err;
}


/** A port that is free when it is drawn may be gone when baresip binds it:
    then it ends, and is started again with another */
static int launch(struct phone_link *link, const struct phone_conf *conf,
		  char *why, size_t size)
{
	enum { TRIES = 3 };
	int err = ECONNREFUSED;

	for (int i = 0; i < TRIES && err == ECONNREFUSED; i++) {
		struct sa local = conf->local;

		err = phone_port_control(&link->control);
		if (!err && !sa_port(&local))
			err = phone_port_sip(&local);
		if (!err)
			err = folder_write(link, conf, &local);
		if (!err)
			err = spawn(link);

		if (err) {
			(void)re_snprintf(why, size, "baresip cannot be"
					  " started at %j: %m%s", &local, err,
					  err == ENOENT ? " (Debian's package"
					  " baresip-core has it)" : "");
			return err;
		}

		err = connect_to(link);
		if (err)
			process_end(link);
	}

	if (err)
		complaint_print(link, why, size);

	return err;
}


int phone_link_alloc(struct phone_link **linkp, struct pump *pump,
		     const struct phone_conf *conf, phone_event_h *eventh,
		     void *arg, char *why, size_t size)
{
	struct phone_link *link;
	int err;

	link = mem_zalloc(sizeof(*link), link_destructor);
	if (!link)
		return ENOMEM;

	link->fd     = -1;
	link->pump   = mem_ref(pump);
	link->eventh = eventh;
	link->arg    = arg;
	link->mb     = mbuf_alloc(4096);

	err = link->mb ? str_dup(&link->folder, conf->folder) : ENOMEM;
	if (!err)
		err = launch(link, conf, why, size);
	if (!err)
		err = account_add(link, conf, why, size);

	if (err)
		mem_deref(link);
	else
		*linkp = link;

	return err;
}


/* Commands */


static bool is_answered(void *arg)
{
	const struct phone_link *link = arg;

	return link->answer || link->fd < 0;
}


static int command_send(struct phone_link *link, const char *cmd,
			const char *params)
{
	char token[24], *text, *message;
	json_t *json;
	int err;

	(void)re_snprintf(token, sizeof(token), "%lld",
			  (long long)++link->token);
	json = json_pack("{s:s, s:s, s:s}", "command", cmd, "params", params,
			 "token", token);
	text = json ? json_dumps(json, JSON_COMPACT) : NULL;
	json_decref(json);

	if (!text)
		return ENOMEM;

	err = re_sdprintf(&message, "%zu:%s,", strlen(text), text);
	free(text);
	if (err)
		return err;

	if (send(link->fd, message, strlen(message), MSG_NOSIGNAL) < 0)
		err = errno;

	mem_deref(message);

	return err;
}


int phone_link_do(struct phone_link *link, const char *cmd,
		  const char *params, char *answer, size_t answer_size,
		  char *why, size_t size)
{
	const char *data;
	int err;

	if (link->fd < 0) {
		str_ncpy(why, "the phone's program has ended", size);
		return ECONNRESET;
	}

	json_decref(link->answer);
	link->answer = NULL;

	err = command_send(link, cmd, params);
	if (!err)
		err = pump_until(link->pump, ANSWER_MS, is_answered, link);
	if (!err && !link->answer)
		err = ECONNRESET;

	if (err) {
		(void)re_snprintf(why, size, "the phone gave no answer to %s:"
				  " %m", cmd, err);
		return err;
	}

	data = json_string_value(json_object_get(link->answer, "data"));
	if (answer)
		str_ncpy(answer, data ? data : "", answer_size);

	if (!json_is_true(json_object_get(link->answer, "ok"))) {
		(void)re_snprintf(why, size, "the phone refuses %s: %s", cmd,
				  data ? data : "no reason");
		return EPROTO;
	}

	return 0;
}


/* Recordings: rec/dump-TIME-dec.wav is what it hears */


int phone_link_recording(const struct phone_link *link, char **path)
{
	char *pattern;
	glob_t found;
	int err;

	err = re_sdprintf(&pattern, "%s/rec/*-dec.wav", link->folder);
	if (err)
		return err;

	if (glob(pattern, 0, NULL, &found))
		err = ENOENT;
	else {
		err = str_dup(path, found.gl_pathv[found.gl_pathc - 1]);
		globfree(&found);
	}

	mem_deref(pattern);

	return err;
}


/** They are named by the second they began in: those of earlier calls go out
    of the way, or a call soon after would share a name */
int phone_link_shelve(struct phone_link *link)
{
	char *from, *to = NULL;
	int err;

	err = re_sdprintf(&from, "%s/rec", link->folder);
	if (!err)
		err = re_sdprintf(&to, "%s/rec-%u", link->folder,
				  ++link->shelves);
	if (!err && (rename(from, to) || mkdir(from, 0700)))
		err = errno;

	mem_deref(to);
	mem_deref(from);

	return err;
}


unsigned phone_link_calls(struct phone_link *link)
{
	char text[512], why[128];
	const char *p;

	if (phone_link_do(link, "listcalls", "", text, sizeof(text), why,
			  sizeof(why)))
		return 0;

	p = strchr(text, '(');

	return p ? (unsigned)strtoul(p + 1, NULL, 10) : 0;
}
