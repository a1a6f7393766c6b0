/**
 * @file leg_info.c  Digits by INFO within the dialog
 *
 * No RFC has it, most PBXs do: application/dtmf-relay ("Signal=5" and
 * "Duration=160"), and application/dtmf (the digit alone). Both are taken;
 * the first is sent, one at a time, for over UDP they might overtake.
 */
#include <ctype.h>

#include "bridge/base/log.h"
#include "bridge/sip/msg.h"
#include "leg_core.h"


enum {
	SHORTEST_MS = 40,
	USUAL_MS    = 160,
	LONGEST_MS  = 6000,
};


/** "5", "*", or as some write it, the event's number: "10". '\0': none */
static char digit_of(const struct pl *text)
{
	static const char digits[] = "0123456789*#ABCD!";
	uint32_t event;

	if (text->l == 1 && text->p[0] &&
	    strchr(digits, toupper((unsigned char)text->p[0])))
		return (char)toupper((unsigned char)text->p[0]);

	if (!pl_strcasecmp(text, "hf"))
		return '!';

	if (text->l != 2 || !isdigit((unsigned char)text->p[0]) ||
	    !isdigit((unsigned char)text->p[1]))
		return '\0';

	event = pl_u32(text);

	return event < sizeof(digits) - 1 ? digits[event] : '\0';
}


/** The value of a line "name=value", blanks left out */
static bool line_value(const struct pl *body, const char *name,
		       struct pl *value)
{
	const size_t n = strlen(name);
	struct pl rest = *body;

	while (rest.l) {
		const char *end = pl_strchr(&rest, '\n');
		struct pl line = { rest.p, end ? (size_t)(end - rest.p) :
				   rest.l };

		pl_advance(&rest, (ssize_t)(line.l + (end ? 1 : 0)));

		if (line.l <= n || strncasecmp(line.p, name, n))
			continue;

		pl_advance(&line, (ssize_t)n);
		while (line.l && (*line.p == ' ' || *line.p == '='))
			pl_advance(&line, 1);
		while (line.l && isspace((unsigned char)line.p[line.l - 1]))
			--line.l;

		*value = line;
		return true;
	}

	return false;
}


static char read_relay(const struct pl *body, uint32_t *ms)
{
	struct pl value;
	char digit;

	if (!line_value(body, "Signal", &value))
		return '\0';

	digit = digit_of(&value);

	if (line_value(body, "Duration", &value) && pl_u32(&value))
		*ms = pl_u32(&value);

	return digit;
}


static char read_plain(const struct pl *body)
{
	struct pl text = *body;

	while (text.l && isspace((unsigned char)text.p[text.l - 1]))
		--text.l;
	while (text.l && isspace((unsigned char)*text.p))
		pl_advance(&text, 1);

	return digit_of(&text);
}


void leg_info(struct leg *leg, struct strans *st, const struct sip_msg *msg)
{
	struct pl body;
	uint32_t ms = USUAL_MS;
	char digit = '\0';

	/* an empty INFO asks whether the call still stands */
	if (!mbuf_get_left(msg->mb)) {
		strans_reject(st, 200, "OK");
		return;
	}

	if (!leg->h.digith || !leg->conf.info) {
		strans_reject(st, 415, "Unsupported Media Type");
		return;
	}

	if (!msg_body(msg, "application", "dtmf-relay", &body)) {
		digit = read_relay(&body, &ms);
	}
	else if (!msg_body(msg, "application", "dtmf", &body)) {
		digit = read_plain(&body);
	}
	else {
		strans_rejectf(st, 415, "Unsupported Media Type",
			       "Accept: application/dtmf-relay, "
			       "application/dtmf\r\n");
		return;
	}

	if (!digit) {
		strans_reject(st, 400, "Bad Request");
		return;
	}

	strans_reject(st, 200, "OK");
	leg->h.digith(leg, digit, ms > LONGEST_MS ? LONGEST_MS : ms,
		      leg->arg);
}


static void resp_h(int err, const struct sip_msg *msg, void *arg);


/** Answered or not: the next one */
static void next(struct leg *leg)
{
	struct infos *infos = &leg->infos;
	struct mbuf *body;
	int err;

	if (infos->req || !infos->count || leg->state != LEG_ESTABLISHED)
		return;

	body = mbuf_alloc(64);
	if (!body)
		return;

	err = mbuf_printf(body, "Signal=%c\r\nDuration=%u\r\n",
			  infos->v[infos->head].digit,
			  infos->v[infos->head].ms);
	infos->head = (infos->head + 1) % INFOS;
	infos->count--;

	body->pos = 0;
	if (!err)
		err = dialog_request(&infos->req, leg->dlg, "INFO", NULL,
				     "application/dtmf-relay", body, resp_h,
				     leg);
	if (err)
		warning("leg", leg_callid(leg), "%s: a digit could not be "
			"sent: %m", leg->conf.side, err);

	mem_deref(body);
}


static void resp_h(int err, const struct sip_msg *msg, void *arg)
{
	struct leg *leg = arg;

	if (!err && msg->scode < 200)
		return;

	if (err || msg->scode >= 300)
		info("leg", leg_callid(leg), "%s refuses a digit by INFO: %u",
		     leg->conf.side, err ? 0 : msg->scode);

	leg->infos.req = mem_deref(leg->infos.req);
	next(leg);
}


int leg_digit(struct leg *leg, char digit, uint32_t duration_ms)
{
	struct infos *infos = &leg->infos;
	unsigned at;

	if (leg->state != LEG_ESTABLISHED)
		return EPROTO;
	if (infos->count == INFOS)
		return EBUSY;

	at = (infos->head + infos->count++) % INFOS;
	infos->v[at].digit = digit;
	infos->v[at].ms    = duration_ms < SHORTEST_MS ?
		(uint32_t)SHORTEST_MS : duration_ms;
	next(leg);

	return 0;
}
