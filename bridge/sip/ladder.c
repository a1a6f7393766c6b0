/**
 * @file ladder.c  A trace as a ladder, for people
 *
 * What was spoken with one side has one arrow a line and the peer behind it.
 * A call with both of its sides has three lines down, as people draw it: the
 * PBX on the left, Teams on the right; 79 columns wide.
 */
#include "bridge/base/libre.h"
#include "bridge/base/text.h"
#include "trace.h"


enum {
	ONE_WIDTH = 44,            /* of the space between two lines down  */
	TWO_WIDTH = 32,
	WIDTH_MAX = ONE_WIDTH,
};


struct ladder {
	struct re_printf *pf;
	uint64_t began_us;
	bool begun;
	bool left, right;          /* sides that are spoken with           */
	struct sa peerv[2];        /* told last, of left and right         */
};


/** The start line shortened to what people look for: method or status, and
    the CSeq's method for a status */
static void start_line(const struct trace_msg *msg, char *buf, size_t size)
{
	const char *e = memchr(msg->data, '\r', msg->size);
	struct pl line = {msg->data, e ? (size_t)(e - msg->data) : 0};
	struct pl method;
	char text[128];

	if (line.l > 8 && !memcmp(line.p, "SIP/2.0 ", 8)) {

		pl_advance(&line, 8);
		if (!re_regex(msg->data, msg->size,
			      "\r\nCSeq:[ \t]*[0-9]+[ \t]+[A-Z]+", NULL,
			      NULL, NULL, &method))
			(void)re_snprintf(text, sizeof(text), "%r (%r)",
					  &line, &method);
		else
			(void)re_snprintf(text, sizeof(text), "%r", &line);
	}
	else {
		const char *sp = pl_strchr(&line, ' ');

		if (sp)
			line.l = (size_t)(sp - line.p);
		(void)re_snprintf(text, sizeof(text), "%r", &line);
	}

	(void)text_escape(buf, size, text, strlen(text));
}


static bool has_description(const struct trace_msg *msg)
{
	const char *body = memmem(msg->data, msg->size, "\r\n\r\n", 4);

	return body && body + 8 < msg->data + msg->size &&
		!memcmp(body + 4, "v=0", 3);
}


static void label(const struct trace_msg *msg, char *buf, size_t width)
{
	start_line(msg, buf, width - 6);
	if (has_description(msg))
		strcat(buf, " +SDP");
}


/** @param away  Drawn to the right */
static int print_arrow(struct re_printf *pf, size_t width, bool away,
		       const char *text)
{
	char line[WIDTH_MAX + 1];
	const size_t l = strlen(text);
	const size_t used = l + 2 < width - 2 ? l + 2 : width - 2;
	const size_t pad = (width - used) / 2;

	memset(line, '-', width);
	line[width] = '\0';
	line[pad] = ' ';
	memcpy(line + pad + 1, text, used - 2);
	line[pad + used - 1] = ' ';
	line[away ? width - 1 : 0] = away ? '>' : '<';

	return re_hprintf(pf, "%s", line);
}


static int print_time(struct ladder *ladder, uint64_t time_us)
{
	uint64_t ms;

	if (!ladder->begun) {
		ladder->begun    = true;
		ladder->began_us = time_us;
	}

	ms = (time_us - ladder->began_us) / 1000;

	return re_hprintf(ladder->pf, "%6llu.%03llu  ",
			  (unsigned long long)(ms / 1000),
			  (unsigned long long)(ms % 1000));
}


static int one_h(const struct trace_msg *msg, void *arg)
{
	struct ladder *ladder = arg;
	char text[ONE_WIDTH];
	int err;

	label(msg, text, sizeof(text));

	err  = print_time(ladder, msg->time_us);
	err |= re_hprintf(ladder->pf, "%-6s |", msg->side);
	err |= print_arrow(ladder->pf, ONE_WIDTH, msg->tx, text);
	err |= re_hprintf(ladder->pf, "| %s %J\n",
			  sip_transp_name(msg->tp), &msg->peer);

	return err;
}


static bool is_right(const struct trace_msg *msg)
{
	return !strcmp(msg->side, "teams");
}


/** Whom a side is, each time it is another one */
static int print_peer(struct ladder *ladder, const struct trace_msg *msg)
{
	struct sa *peer = &ladder->peerv[is_right(msg)];

	if (sa_cmp(peer, &msg->peer, SA_ALL))
		return 0;

	*peer = msg->peer;

	return re_hprintf(ladder->pf, "%12s%s: %s %J\n", "",
			  is_right(msg) ? "Teams" : "PBX",
			  sip_transp_name(msg->tp), &msg->peer);
}


static int two_h(const struct trace_msg *msg, void *arg)
{
	struct ladder *ladder = arg;
	const bool right = is_right(msg);
	char text[TWO_WIDTH];
	int err;

	label(msg, text, sizeof(text));

	err  = print_peer(ladder, msg);
	err |= print_time(ladder, msg->time_us);
	err |= re_hprintf(ladder->pf, "|");
	if (right)
		err |= re_hprintf(ladder->pf, "%32s|", "");
	err |= print_arrow(ladder->pf, TWO_WIDTH, right == msg->tx, text);
	err |= right ? re_hprintf(ladder->pf, "|\n") :
		re_hprintf(ladder->pf, "|%32s|\n", "");

	return err;
}


static int side_h(const struct trace_msg *msg, void *arg)
{
	struct ladder *ladder = arg;

	*(is_right(msg) ? &ladder->right : &ladder->left) = true;

	return 0;
}


int trace_ladder(struct re_printf *pf, struct trace *trace,
		 const char *subject)
{
	struct ladder ladder = { .pf = pf };
	bool two;
	int err;

	sa_init(&ladder.peerv[0], AF_UNSPEC);
	sa_init(&ladder.peerv[1], AF_UNSPEC);

	err = trace_apply(trace, subject, side_h, &ladder);
	if (err)
		return err;

	two = ladder.left && ladder.right;
	err = two ? re_hprintf(pf, "   seconds  PBX%25sCallbridge%24sTeams\n",
			       "", "") :
		re_hprintf(pf, "   seconds  side   bridge%38s  peer\n", "");

	return err ? err : trace_apply(trace, subject, two ? two_h : one_h,
				       &ladder);
}
