/**
 * @file loopmark.c  A call that comes back
 */
#include "bridge/sip/msg.h"
#include "loopmark.h"


#define HEADER "X-Callbridge-Way"


struct search {
	const char *mark;          /* NULL: only count                      */
	size_t c;
	bool found;
};


/** Of a user and direction: tells nobody who it was */
static void mark_of(char *mark, size_t size, const char *way)
{
	re_snprintf(mark, size, "%08x", hash_joaat_str_ci(way));
}


static bool header_h(const struct sip_hdr *hdr, const struct sip_msg *msg,
		     void *arg)
{
	struct search *search = arg;
	struct pl rest = hdr->val, el;
	(void)msg;

	while (msg_next_element(&rest, &el)) {
		++search->c;
		if (!pl_strcasecmp(&el, search->mark))
			search->found = true;
	}

	return false;
}


bool loopmark_is_loop(const struct sip_msg *msg, const char *way)
{
	char mark[16];
	struct search search = { .mark = mark };

	mark_of(mark, sizeof(mark), way);
	(void)sip_msg_xhdr_apply(msg, true, HEADER, header_h, &search);

	return search.found || search.c >= LOOPMARK_MAX;
}


static bool copy_h(const struct sip_hdr *hdr, const struct sip_msg *msg,
		   void *arg)
{
	struct re_printf *pf = arg;
	struct pl rest = hdr->val, el;
	(void)msg;

	/* marks alone: who writes something else there is not repeated */
	while (msg_next_element(&rest, &el)) {
		if (el.l == 8 && !re_regex(el.p, el.l, "[0-9a-f]8", NULL))
			(void)re_hprintf(pf, "%r, ", &el);
	}

	return false;
}


int loopmark_print(struct re_printf *pf, const struct loopmark *lm)
{
	char mark[16];
	int err;

	mark_of(mark, sizeof(mark), lm->way);
	err = re_hprintf(pf, HEADER ": ");
	if (err)
		return err;

	(void)sip_msg_xhdr_apply(lm->msg, true, HEADER, copy_h, pf);

	return re_hprintf(pf, "%s\r\n", mark);
}
