/**
 * @file history.c  Who redirected a call before it came here
 */
#include <strings.h>

#include "bridge/sip/msg.h"
#include "callerid.h"
#include "history.h"


enum { ENTRIES_MAX = 32 };


/* RFC 7544 section 5: Diversion's reasons and History-Info's causes */
static const struct {
	const char *reason;
	uint16_t cause;
} reasonv[] = {
	{ "unconditional",  302 },
	{ "user-busy",      486 },
	{ "no-answer",      408 },
	{ "deflection",     480 },
	{ "deflection",     487 },
	{ "unavailable",    503 },
	{ "time-of-day",    404 },
	{ "follow-me",      404 },
	{ "do-not-disturb", 404 },
	{ "out-of-service", 404 },
	{ "away",           404 },
	{ "unknown",        404 },
};


static uint16_t cause_of(const struct pl *reason)
{
	struct pl word = *reason;
	size_t i;

	/* a token, or quoted as some write it */
	if (word.l >= 2 && word.p[0] == '"') {
		word.p += 1;
		word.l -= 2;
	}

	for (i = 0; i < RE_ARRAY_SIZE(reasonv); i++) {
		if (!pl_strcasecmp(&word, reasonv[i].reason))
			return reasonv[i].cause;
	}

	return 404;
}


static const char *reason_of(uint16_t cause)
{
	size_t i;

	for (i = 0; i < RE_ARRAY_SIZE(reasonv); i++) {
		if (reasonv[i].cause == cause && cause != 404)
			return reasonv[i].reason;
	}

	return "unknown";
}


static struct redirecting *add(struct history *history)
{
	++history->count;
	if (history->c == HISTORY_MAX) {
		memmove(history->v, history->v + 1,
			sizeof(history->v) - sizeof(history->v[0]));
		--history->c;
	}

	memset(&history->v[history->c], 0, sizeof(history->v[0]));

	return &history->v[history->c++];
}


static bool party_read(struct redirecting *rd, const struct pl *el,
		       struct pl *uri, struct pl *params)
{
	struct party party;
	struct pl dname;

	memset(&party, 0, sizeof(party));
	memset(rd, 0, sizeof(*rd));

	if (msg_nameaddr(el, &dname, uri, params) ||
	    callerid_user(rd->number, sizeof(rd->number), uri))
		return false;

	callerid_name(party.name, sizeof(party.name), &dname);
	str_ncpy(rd->name, party.name, sizeof(rd->name));

	return true;
}


/* --- Diversion --- */


struct diversions {
	struct redirecting v[ENTRIES_MAX];     /* the latest first          */
	size_t c;
};


static bool diversion_h(const struct sip_hdr *hdr, const struct sip_msg *msg,
			void *arg)
{
	struct diversions *dv = arg;
	struct pl rest = hdr->val, el, uri, params, value;
	(void)msg;

	while (dv->c < ENTRIES_MAX && msg_next_element(&rest, &el)) {

		struct redirecting *rd = &dv->v[dv->c];

		if (!party_read(rd, &el, &uri, &params))
			continue;

		rd->cause = 404;
		if (!msg_param_decode(&params, "reason", &value))
			rd->cause = cause_of(&value);
		if (!msg_param_decode(&params, "privacy", &value) &&
		    value.l && pl_strcasecmp(&value, "off"))
			rd->hidden = true;
		++dv->c;
	}

	return false;
}


static void diversions_read(struct history *history,
			    const struct sip_msg *msg)
{
	struct diversions *dv;
	size_t i;

	if (!sip_msg_xhdr(msg, "Diversion"))
		return;

	dv = mem_zalloc(sizeof(*dv), NULL);
	if (!dv)
		return;

	(void)sip_msg_xhdr_apply(msg, true, "Diversion", diversion_h, dv);
	for (i = dv->c; i > 0; i--)
		*add(history) = dv->v[i - 1];

	mem_deref(dv);
}


/* --- History-Info --- */


/** Length of a word at a place in text, without case; 0 if it is not there */
static size_t word_at(const struct pl *text, size_t at, const char *word)
{
	const size_t l = strlen(word);

	return at + l <= text->l && !strncasecmp(text->p + at, word, l) ?
		l : 0;
}


/** A number behind NAME= or NAME%3D, 0 none: embedded headers come escaped
    or, from old versions of Teams, as they are */
static uint16_t embedded_number(const struct pl *text, const char *name)
{
	static const char *const signv[] = { "=", "%3D" };
	size_t i, j;

	for (i = 0; i < text->l; i++) {

		const size_t l = word_at(text, i, name);

		for (j = 0; l && j < RE_ARRAY_SIZE(signv); j++) {
			const size_t s = word_at(text, i + l, signv[j]);
			struct pl digits;

			if (!s)
				continue;

			digits.p = text->p + i + l + s;
			digits.l = text->l - i - l - s;
			if (digits.l > 3)
				digits.l = 3;

			return (uint16_t)pl_u32(&digits);
		}
	}

	return 0;
}


static bool embedded_word(const struct pl *text, const char *word)
{
	size_t i;

	for (i = 0; i < text->l; i++) {
		if (word_at(text, i, word))
			return true;
	}

	return false;
}


struct entries {
	struct redirecting v[ENTRIES_MAX];
	uint16_t targetv[ENTRIES_MAX]; /* RFC 4458: cause in the new URI    */
	size_t c;
};


static bool info_h(const struct sip_hdr *hdr, const struct sip_msg *msg,
		   void *arg)
{
	struct entries *en = arg;
	struct pl rest = hdr->val, el, uri, params, embedded;
	(void)msg;

	while (en->c < ENTRIES_MAX && msg_next_element(&rest, &el)) {

		struct redirecting *rd = &en->v[en->c];
		const char *q;

		if (!party_read(rd, &el, &uri, &params))
			continue;

		embedded = pl_null;
		q = pl_strchr(&uri, '?');
		if (q) {
			embedded.p = q;
			embedded.l = (size_t)(uri.p + uri.l - q);
			uri.l = (size_t)(q - uri.p);
		}

		rd->cause = embedded_number(&embedded, "cause");
		rd->hidden = embedded_word(&embedded, "Privacy=history") ||
			embedded_word(&embedded, "Privacy%3Dhistory");
		en->targetv[en->c++] = embedded_number(&uri, ";cause");
	}

	return false;
}


/** The last entry is whom the call is for now; those before it sent it on */
static void info_read(struct history *history, const struct sip_msg *msg)
{
	struct entries *en;
	size_t i;

	en = mem_zalloc(sizeof(*en), NULL);
	if (!en)
		return;

	(void)sip_msg_hdr_apply(msg, true, SIP_HDR_HISTORY_INFO, info_h, en);

	for (i = 0; i + 1 < en->c; i++) {
		struct redirecting *rd = &en->v[i];

		if (!rd->cause)
			rd->cause = en->targetv[i + 1];
		if (!rd->cause)
			rd->cause = 404;
		*add(history) = *rd;
	}

	mem_deref(en);
}


void history_read(struct history *history, const struct sip_msg *msg)
{
	memset(history, 0, sizeof(*history));

	info_read(history, msg);
	if (!history->c)
		diversions_read(history, msg);
}


const struct redirecting *history_last(const struct history *history)
{
	return history->c ? &history->v[history->c - 1] : NULL;
}


/* --- writing --- */


static int name_print(struct re_printf *pf, const struct redirecting *rd)
{
	struct pl name;

	if (!rd->name[0])
		return 0;

	pl_set_str(&name, rd->name);

	return re_hprintf(pf, "\"%H\" ", msg_quote, &name);
}


int history_print_diversion(struct re_printf *pf,
			    const struct history_print *hp)
{
	size_t i;
	int err = 0;

	for (i = hp->history->c; i > 0 && !err; i--) {

		const struct redirecting *rd = &hp->history->v[i - 1];
		struct pl user;

		pl_set_str(&user, rd->number);
		err = re_hprintf(pf, "Diversion: %H<sip:%H@%s>;reason=%s;"
				 "counter=1;privacy=%s\r\n",
				 name_print, rd, uri_user_escape, &user,
				 hp->host, reason_of(rd->cause),
				 rd->hidden ? "full" : "off");
	}

	return err;
}


/** index=1, 1.1, 1.1.1: each of the ones before led to the next */
static int index_print(struct re_printf *pf, const size_t *depth)
{
	size_t i;
	int err;

	err = re_hprintf(pf, ";index=1");
	for (i = 0; i < *depth && !err; i++)
		err = re_hprintf(pf, ".1");

	return err;
}


int history_print_info(struct re_printf *pf, const struct history_print *hp)
{
	const struct history *history = hp->history;
	struct pl user;
	uint16_t cause = 0;
	size_t i;
	int err = 0;

	for (i = 0; i < history->c && !err; i++) {

		const struct redirecting *rd = &history->v[i];

		pl_set_str(&user, rd->number);
		err = re_hprintf(pf, "History-Info: %H<sip:%H@%s",
				 name_print, rd, uri_user_escape, &user,
				 hp->host);
		if (cause)
			err |= re_hprintf(pf, ";cause=%u", cause);
		err |= re_hprintf(pf, "?Reason=SIP%%3Bcause%%3D%u%s>%H\r\n",
				  rd->cause, rd->hidden ?
				  "&Privacy=history" : "", index_print, &i);
		cause = rd->cause;
	}

	if (!history->c || err)
		return err;

	pl_set_str(&user, hp->target);

	return re_hprintf(pf, "History-Info: <sip:%H@%s;cause=%u>%H\r\n",
			  uri_user_escape, &user, hp->host, cause,
			  index_print, &history->c);
}
