/**
 * @file control.c  The control socket: JSON lines, see PROTOCOL.md
 */
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "control.h"
#include "commands.h"


enum {
	LINE_MAX_SIZE = 65536,
	BACKLOG = 16,
	SEND_TIMEOUT_S = 5, /* a client that does not read is dropped */
};

struct client {
	struct le le;
	int fd;
	struct mbuf *in; /* owned: not yet a whole line */
};

static struct {
	struct sim *sim;
	int fd;
	char path[108];
	struct list clientl;
} control = {.fd = -1};


static void client_destructor(void *arg)
{
	struct client *client = arg;

	list_unlink(&client->le);
	if (client->fd >= 0) {
		fd_close(client->fd);
		close(client->fd);
	}
	mem_deref(client->in);
}


/* Blocking, with a limit: answers and events keep their order, and a lab's
 * clients read. */
static int write_line(const struct client *client, const char *text)
{
	size_t left = strlen(text);

	while (left) {
		const ssize_t n = send(client->fd, text, left, MSG_NOSIGNAL);

		if (n <= 0)
			return errno;

		text += n;
		left -= (size_t)n;
	}

	return 0;
}


static void write_all(const char *text, struct client *only)
{
	struct le *le = control.clientl.head;

	while (le) {
		struct client *client = le->data;

		le = le->next;
		if (only && client != only)
			continue;
		if (write_line(client, text))
			(void)shutdown(client->fd, SHUT_RDWR);
	}
}


static void write_json(json_t *obj, struct client *only)
{
	char *dump = json_dumps(obj, JSON_COMPACT);
	char *line = NULL;

	if (dump && !re_sdprintf(&line, "%s\n", dump))
		write_all(line, only);

	mem_deref(line);
	free(dump);
	json_decref(obj);
}


void control_event_new(json_t *event)
{
	if (!event)
		return;

	json_object_set_new(event, "t", json_integer((json_int_t)clock_ms()));
	if (control.clientl.head)
		write_json(event, NULL);
	else
		json_decref(event);
}


void control_event(const char *fmt, ...)
{
	json_t *event;
	va_list ap;

	va_start(ap, fmt);
	event = json_vpack_ex(NULL, 0, fmt, ap);
	va_end(ap);

	control_event_new(event);
}


static void answer_line(struct client *client, const char *line, size_t len)
{
	json_error_t error;
	json_t *req = json_loadb(line, len, 0, &error);
	json_t *resp;

	if (!json_is_object(req)) {
		resp = json_pack("{s:b, s:s}", "ok", 0, "error",
				 req ? "want one object a line" : error.text);
	}
	else {
		resp = command_run(control.sim, req);
	}

	json_decref(req);
	if (resp)
		write_json(resp, client);
}


static void take_lines(struct client *client)
{
	struct mbuf *in = client->in;
	const uint8_t *nl;

	in->pos = 0;
	while ((nl = memchr(mbuf_buf(in), '\n', mbuf_get_left(in)))) {
		const size_t len = (size_t)(nl - mbuf_buf(in));
		const char *line = (const char *)mbuf_buf(in);

		mbuf_advance(in, (ssize_t)len + 1);
		if (len)
			answer_line(client, line, len);
	}

	memmove(in->buf, mbuf_buf(in), mbuf_get_left(in));
	in->end = mbuf_get_left(in);
	in->pos = 0;
}


static void client_handler(int flags, void *arg)
{
	struct client *client = mem_ref(arg);
	uint8_t buf[4096];
	const ssize_t n = recv(client->fd, buf, sizeof(buf), MSG_DONTWAIT);
	(void)flags;

	if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
		mem_deref(client);
		return;
	}

	if (n <= 0 || client->in->end > LINE_MAX_SIZE) {
		mem_deref(client);
		mem_deref(client);
		return;
	}

	client->in->pos = client->in->end;
	(void)mbuf_write_mem(client->in, buf, (size_t)n);
	take_lines(client);
	mem_deref(client);
}


static void accept_handler(int flags, void *arg)
{
	const struct timeval limit = {.tv_sec = SEND_TIMEOUT_S};
	struct client *client;
	(void)flags;
	(void)arg;

	client = mem_zalloc(sizeof(*client), client_destructor);
	if (!client)
		return;

	client->in = mbuf_alloc(1024);
	client->fd = accept4(control.fd, NULL, NULL, SOCK_CLOEXEC);
	if (client->fd < 0 || !client->in ||
	    setsockopt(client->fd, SOL_SOCKET, SO_SNDTIMEO, &limit,
		       sizeof(limit)) ||
	    fd_listen(client->fd, FD_READ, client_handler, client)) {
		mem_deref(client);
		return;
	}

	list_append(&control.clientl, &client->le, client);
}


/* A socket file that nobody answers on is left over from a crash */
static int remove_stale(const struct sockaddr_un *sun)
{
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int err = 0;

	if (fd < 0)
		return errno;

	if (connect(fd, (const struct sockaddr *)sun, sizeof(*sun)) == 0)
		err = EADDRINUSE;
	else if (errno == ECONNREFUSED)
		(void)unlink(sun->sun_path);

	close(fd);

	return err;
}


int control_open(struct sim *sim, const char *path)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int err;

	if (strlen(path) >= sizeof(sun.sun_path))
		return ENAMETOOLONG;

	str_ncpy(sun.sun_path, path, sizeof(sun.sun_path));
	err = remove_stale(&sun);
	if (err)
		return err;

	control.sim = sim;
	control.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (control.fd < 0)
		return errno;

	if (bind(control.fd, (struct sockaddr *)&sun, sizeof(sun)) ||
	    listen(control.fd, BACKLOG))
		err = errno;
	else
		err = fd_listen(control.fd, FD_READ, accept_handler, NULL);

	if (err) {
		close(control.fd);
		control.fd = -1;
		return err;
	}

	str_ncpy(control.path, path, sizeof(control.path));

	return 0;
}


void control_close(void)
{
	list_flush(&control.clientl);
	if (control.fd < 0)
		return;

	fd_close(control.fd);
	close(control.fd);
	control.fd = -1;
	(void)unlink(control.path);
}
