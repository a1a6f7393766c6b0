/**
 * @file sim.c  What all modules share: instances, names, dispatch, records
 */
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>
#include "sim.h"
#include "call.h"
#include "conform.h"
#include "conn.h"
#include "control.h"
#include "msg.h"
#include "trans.h"
#include "trunk.h"


enum {
	BACKLOG = 256,
	START_LINE_MAX = 16384,
};


/* --- instances --- */


static void accept_handler(int flags, void *arg)
{
	(void)flags;

	conn_accept(arg);
}


static int listen_on(struct instance *inst)
{
	const int on = 1;
	int err = 0;

	if (inst->fd >= 0)
		return 0;

	inst->fd = socket(sa_af(&inst->addr),
			  SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (inst->fd < 0)
		return errno;

	(void)setsockopt(inst->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(inst->fd, &inst->addr.u.sa, inst->addr.len) ||
	    listen(inst->fd, BACKLOG))
		err = errno;
	else
		err = fd_listen(inst->fd, FD_READ, accept_handler, inst);

	if (err) {
		close(inst->fd);
		inst->fd = -1;
	}

	return err;
}


static void close_instance(struct instance *inst)
{
	struct le *le = inst->sim->connl.head;

	if (inst->fd >= 0) {
		fd_close(inst->fd);
		close(inst->fd);
		inst->fd = -1;
	}

	while (le) {
		struct conn *conn = le->data;

		le = le->next;
		if (conn_instance(conn) == inst) {
			conn_close(conn, ECONNABORTED);
			le = inst->sim->connl.head;
		}
	}
}


int instance_apply(struct instance *inst, enum mode mode)
{
	inst->mode = mode;
	if (mode == MODE_REFUSE || mode == MODE_HANGUP ||
	    mode == MODE_HALF_OPEN)
		close_instance(inst);
	if (mode == MODE_REFUSE)
		return 0;

	return listen_on(inst);
}


struct instance *instance_find(struct sim *sim, const char *name)
{
	const size_t n = strlen(name);

	for (size_t i = 0; i < INSTANCES; i++) {
		struct instance *inst = &sim->instv[i];

		if (!strcasecmp(inst->name, name) ||
		    (!strncasecmp(inst->name, name, n) &&
		     inst->name[n] == '.'))
			return inst;
	}

	return NULL;
}


struct instance *instance_next(struct instance *inst)
{
	struct sim *sim = inst->sim;

	return &sim->instv[(inst - sim->instv + 1) % INSTANCES];
}


int instance_mode(enum mode *modep, const char *name)
{
	static const char *const names[] = {
		[MODE_UP] = "up",         [MODE_DRAIN] = "drain",
		[MODE_REFUSE] = "refuse", [MODE_HANGUP] = "hangup",
		[MODE_SILENT] = "silent",
		[MODE_HALF_OPEN] = "half-open",
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (!strcmp(names[i], name)) {
			*modep = (enum mode)i;
			return 0;
		}
	}

	return EINVAL;
}


/* --- names --- */


static int system_resolve(struct sa *addr, const char *host, uint16_t port)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	struct addrinfo *res = NULL;
	int err = ENOENT;

	if (getaddrinfo(host, NULL, &hints, &res))
		return ENOENT;

	if (res)
		err = sa_set_sa(addr, res->ai_addr);
	if (!err)
		sa_set_port(addr, port);

	freeaddrinfo(res);

	return err;
}


int sim_resolve(const struct sim *sim, struct sa *addr, const char *host,
		uint16_t port)
{
	struct le *le;

	LIST_FOREACH(&sim->hostl, le)
	{
		const struct host *entry = le->data;

		if (strcasecmp(entry->name, host))
			continue;

		*addr = entry->addr;
		if (!sa_port(addr))
			sa_set_port(addr, port);

		return 0;
	}

	if (!sa_set_str(addr, host, port))
		return 0;

	return system_resolve(addr, host, port);
}


void random_hex(char *buf, size_t size)
{
	static const char digits[] = "0123456789abcdef";
	uint8_t bytes[64];

	rand_bytes(bytes, sizeof(bytes));
	for (size_t i = 0; i + 1 < size; i++)
		buf[i] = digits[bytes[i % sizeof(bytes)] & 15];

	buf[size - 1] = '\0';
}


void random_guid(char *buf, size_t size)
{
	char hex[33];

	random_hex(hex, sizeof(hex));
	snprintf(buf, size, "%.8s-%.4s-4%.3s-a%.3s-%.12s", hex, hex + 8,
		 hex + 12, hex + 15, hex + 18);
}


/* --- records --- */


void chat(const struct sim *sim, const char *fmt, ...)
{
	va_list ap;

	if (!sim->verbose)
		return;

	va_start(ap, fmt);
	fputs("teams-sim: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
}


void sim_trace(struct sim *sim, bool tx, const struct conn *conn,
	       const uint8_t *text, size_t len)
{
	char remote[64];

	if (!sim->trace)
		return;

	re_snprintf(remote, sizeof(remote), "%J", conn_remote(conn));
	fprintf(sim->trace, "--- %llu %s %s %s\n",
		(unsigned long long)clock_ms(), conn_instance(conn)->name,
		tx ? "->" : "<-", remote);
	fwrite(text, 1, len, sim->trace);
	fputs("\n", sim->trace);
	fflush(sim->trace);
}


/* --- dispatch --- */


/* libre's start-line matcher takes quadratic time: look first whether there
 * is a start line at all. */
static bool has_start_line(const struct mbuf *mb)
{
	const char *p = (const char *)mb->buf;
	const char *end = memmem(p, mb->end < START_LINE_MAX ? mb->end
							      : START_LINE_MAX,
				 "\r\n", 2);

	if (!end)
		return false;

	return !strncmp(p, "SIP/2.0 ", 8) ||
	       (end - p > 8 && !strncmp(end - 8, " SIP/2.0", 8));
}


static bool is_whole(const struct sip_msg *msg)
{
	return pl_isset(&msg->from.tag) && pl_isset(&msg->to.auri) &&
	       pl_isset(&msg->callid) && pl_isset(&msg->cseq.met) &&
	       pl_isset(&msg->via.branch);
}


static bool is_method(const struct sip_msg *msg, const char *methods)
{
	const char *p = methods;

	while (*p) {
		const size_t n = strcspn(p, " ");

		if (msg->met.l == n && !strncmp(msg->met.p, p, n))
			return true;

		p += n + strspn(p + n, " ");
	}

	return false;
}


static void refuse_method(struct conn *conn, const struct sip_msg *msg)
{
	const struct sim *sim = conn_instance(conn)->sim;

	if (pl_isset(&msg->to.tag) && !call_dialog(sim, msg))
		(void)msg_refuse(conn, msg, 481, NULL, 0, NULL);
	else
		(void)msg_refuse(conn, msg,
				 (uint16_t)sim->set.refused_method_code, NULL,
				 0, NULL);
}


static void request(struct conn *conn, const struct sip_msg *msg)
{
	if (is_method(msg, "OPTIONS"))
		trunk_options(conn, msg);
	else if (is_method(msg, "CANCEL"))
		inbound_cancel(conn, msg);
	else if (is_method(msg, "INVITE") && !pl_isset(&msg->to.tag))
		inbound_invite(conn, msg);
	else if (is_method(msg, "INVITE ACK BYE NOTIFY"))
		midcall_request(conn, msg);
	else
		refuse_method(conn, msg);
}


void sim_receive(struct conn *conn, struct mbuf *frame)
{
	struct sim *sim = conn_instance(conn)->sim;
	struct sip_msg *msg = NULL;

	if (!has_start_line(frame) || sip_msg_decode(&msg, frame)) {
		violation(sim, "malformed", NULL, "not a SIP message");
		conn_close(conn, EBADMSG);
		return;
	}

	msg->sock = mem_ref(conn); /* its destructor lets it go */
	if (is_whole(msg))
		conform_record(sim, msg);

	if (!is_whole(msg)) {
		violation(sim, "malformed", msg,
			  "want From with tag, To, Call-ID, CSeq, Via branch");
		if (msg->req)
			(void)msg_refuse(conn, msg, 400, NULL, 0, NULL);
	}
	else if (msg->req) {
		request(conn, msg);
	}
	else if (!trans_response(sim, msg)) {
		(void)outbound_stray(sim, msg);
	}

	mem_deref(msg);
}
