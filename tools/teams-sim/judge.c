/**
 * @file judge.c  Messages from a stream, judged
 */
#include <unistd.h>
#include "judge.h"
#include "conform.h"


enum {
	MESSAGE_MAX = 65536,
};


static void collect(const char *rule, const char *want,
		    const struct sip_msg *msg, void *arg)
{
	(void)want;
	(void)msg;

	json_array_append_new(arg, json_string(rule));
}


/* Octets of the message at the start of buf; 0 while it is not whole */
static size_t framed(const char *buf, size_t len)
{
	static const char name[] = "\ncontent-length:";
	const char *end = memmem(buf, len, "\r\n\r\n", 4);
	size_t head, body = 0;

	if (!end)
		return 0;

	head = (size_t)(end - buf) + 4;
	for (size_t i = 0; i + sizeof(name) < head; i++) {
		if (!strncasecmp(buf + i, name, sizeof(name) - 1))
			body = (size_t)strtoul(buf + i + sizeof(name) - 1,
					       NULL, 10);
	}

	return body <= len - head ? head + body : 0;
}


static int judge(FILE *out, const char *text, size_t len)
{
	struct mbuf *mb = mbuf_alloc(len);
	json_t *rules = json_array();
	struct sip_msg *msg = NULL;
	int err = 0;

	if (!mb || !rules)
		err = ENOMEM;
	if (!err)
		err = mbuf_write_mem(mb, (const uint8_t *)text, len);
	if (!err) {
		mb->pos = 0;
		if (sip_msg_decode(&msg, mb))
			json_array_append_new(rules, json_string("malformed"));
		else
			conform_message(msg, collect, rules);

		json_dumpf(rules, out, JSON_COMPACT);
		fputc('\n', out);
		fflush(out);
	}

	json_decref(rules);
	mem_deref(msg);
	mem_deref(mb);

	return err;
}


int judge_stream(FILE *in, FILE *out)
{
	static char buf[MESSAGE_MAX];
	size_t len = 0, used;
	ssize_t n = 1;
	int err = 0;

	while (!err && n > 0) {
		used = framed(buf, len);
		if (used) {
			err = judge(out, buf, used);
			len -= used;
			memmove(buf, buf + used, len);
			continue;
		}

		n = read(fileno(in), buf + len, sizeof(buf) - len);
		if (n > 0)
			len += (size_t)n;
	}

	return err ? err : len ? EBADMSG : 0;
}
