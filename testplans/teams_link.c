/**
 * @file teams_link.c  teams-sim's control socket
 */
#include <jansson.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "pump.h"
#include "teams_link.h"


enum { LISTENERS = 8, LINE_MAX_OCTETS = 8 * 1024 * 1024, ANSWER_MS = 5000 };


struct teams_link {
	struct pump *pump;         /* ref */
	int fd;
	struct mbuf *mb;           /* what has come of the next line */
	json_int_t id;             /* of the last command */
	json_t *answer;            /* to it, NULL: not yet */
	struct {
		teams_event_h *h;
		void *arg;
	} hearv[LISTENERS];
	size_t hearc;
};


static void link_destructor(void *arg)
{
	struct teams_link *link = arg;

	if (link->fd >= 0) {
		pump_remove(link->pump, link->fd);
		(void)close(link->fd);
	}
	json_decref(link->answer);
	mem_deref(link->mb);
	mem_deref(link->pump);
}


static void line_read(struct teams_link *link, const char *text, size_t size)
{
	json_t *json = json_loadb(text, size, 0, NULL);

	if (json_object_get(json, "event")) {
		for (size_t i = 0; i < link->hearc; i++)
			link->hearv[i].h(json, link->hearv[i].arg);
	}
	else if (json_integer_value(json_object_get(json, "id")) ==
		 link->id) {
		json_decref(link->answer);
		link->answer = json_incref(json);
	}

	json_decref(json);
}


static void lines_read(struct teams_link *link)
{
	struct mbuf *mb = link->mb;
	size_t begin = 0;

	for (size_t i = 0; i < mb->end; i++) {
		if (mb->buf[i] != '\n')
			continue;
		line_read(link, (char *)mb->buf + begin, i - begin);
		begin = i + 1;
	}

	memmove(mb->buf, mb->buf + begin, mb->end - begin);
	mb->end -= begin;
}


static void link_close(struct teams_link *link)
{
	pump_remove(link->pump, link->fd);
	(void)close(link->fd);
	link->fd = -1;
}


static void link_read(void *arg)
{
	struct teams_link *link = arg;
	char text[16384];
	const ssize_t n = recv(link->fd, text, sizeof(text), MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;

	link->mb->pos = link->mb->end;
	if (n <= 0 || link->mb->end > LINE_MAX_OCTETS ||
	    mbuf_write_mem(link->mb, (uint8_t *)text, (size_t)n))
		link_close(link);
	else
		lines_read(link);
}


int teams_link_alloc(struct teams_link **linkp, struct pump *pump,
		     const char *path)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	struct teams_link *link;
	int err = 0;

	link = mem_zalloc(sizeof(*link), link_destructor);
	if (!link)
		return ENOMEM;

	link->pump = mem_ref(pump);
	link->mb   = mbuf_alloc(4096);
	link->fd   = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	str_ncpy(sun.sun_path, path, sizeof(sun.sun_path));
	if (!link->mb)
		err = ENOMEM;
	else if (link->fd < 0 ||
		 connect(link->fd, (struct sockaddr *)&sun, sizeof(sun)))
		err = errno;

	if (!err)
		err = pump_add(pump, link->fd, link_read, link);

	if (err)
		mem_deref(link);
	else
		*linkp = link;

	return err;
}


int teams_link_hear(struct teams_link *link, teams_event_h *eventh,
		    void *arg)
{
	if (link->hearc == LISTENERS)
		return ENOSPC;

	link->hearv[link->hearc].h     = eventh;
	link->hearv[link->hearc++].arg = arg;

	return 0;
}


static bool is_answered(void *arg)
{
	const struct teams_link *link = arg;

	return link->answer || link->fd < 0;
}


static int line_send(struct teams_link *link, json_t *cmd)
{
	char *text = json_dumps(cmd, JSON_COMPACT);
	size_t l, sent = 0;
	int err = 0;

	if (!text)
		return ENOMEM;

	l = strlen(text);
	text[l++] = '\n';

	while (sent < l && !err) {
		const ssize_t n = send(link->fd, text + sent, l - sent,
				       MSG_NOSIGNAL);

		if (n < 0)
			err = errno;
		else
			sent += (size_t)n;
	}

	free(text);

	return err;
}


int teams_link_do(struct teams_link *link, json_t *cmd, json_t **answerp,
		  char *why, size_t size)
{
	int err;

	if (link->fd < 0) {
		json_decref(cmd);
		str_ncpy(why, "teams-sim is gone", size);
		return ECONNRESET;
	}

	json_decref(link->answer);
	link->answer = NULL;
	(void)json_object_set_new(cmd, "id", json_integer(++link->id));

	err = line_send(link, cmd);
	json_decref(cmd);

	if (!err)
		err = pump_until(link->pump, ANSWER_MS, is_answered, link);
	if (!err && !link->answer)
		err = ECONNRESET;

	if (err) {
		(void)re_snprintf(why, size, "teams-sim gave no answer: %m",
				  err);
		return err;
	}

	if (!json_is_true(json_object_get(link->answer, "ok"))) {
		(void)re_snprintf(why, size, "teams-sim: %s",
				  json_string_value(json_object_get(
				  link->answer, "error")));
		return EPROTO;
	}

	if (answerp)
		*answerp = json_incref(link->answer);

	return 0;
}


int teams_link_tenant(struct teams_link *link, const char *fqdn, char *why,
		      size_t size)
{
	return teams_link_do(link, json_pack("{s:s, s:s}", "cmd",
					     "tenant_add", "fqdn", fqdn),
			     NULL, why, size);
}


bool teams_link_is_up(struct teams_link *link, const char *fqdn)
{
	json_t *answer, *trunk;
	bool up = false;
	char why[128];
	size_t i;

	if (teams_link_do(link, json_pack("{s:s}", "cmd", "health"), &answer,
			  why, sizeof(why)))
		return false;

	json_array_foreach(json_object_get(answer, "trunks"), i, trunk) {
		const char *tenant = json_string_value(json_object_get(trunk,
						       "tenant"));
		const char *state = json_string_value(json_object_get(trunk,
						      "state"));

		up |= tenant && state && !strcmp(tenant, fqdn) &&
			!strcmp(state, "up");
	}

	json_decref(answer);

	return up;
}
