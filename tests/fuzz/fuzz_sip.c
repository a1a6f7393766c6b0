/**
 * @file fuzz_sip.c  What reads SIP messages: guards, parser, helpers
 */
#include <stdlib.h>

#include "bridge/base/libre.h"
#include "bridge/sip/core.h"
#include "bridge/sip/guard.h"
#include "bridge/sip/msg.h"
#include "../unit/sip/compare.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static int ignore(const char *p, size_t size, void *arg)
{
	(void)p;
	(void)size;
	(void)arg;

	return 0;
}


static void read_headers(const struct sip_msg *msg)
{
	struct re_printf pf = {ignore, NULL};
	struct le *le;

	for (le = list_head(&msg->hdrl); le; le = le->next) {

		const struct sip_hdr *hdr = le->data;
		struct pl rest = hdr->val, element, dname, uri, params;
		uint32_t v;

		while (msg_next_element(&rest, &element))
			(void)msg_nameaddr(&element, &dname, &uri, &params);

		(void)msg_hdr_uint(msg, hdr->id, &v);
		(void)msg_has_token(msg, hdr->id, "timer");
		(void)msg_quote(&pf, &hdr->val);
	}

	(void)msg_via_print(&pf, msg);
}


static void read_message(const uint8_t *data, size_t size, bool datagram)
{
	struct mbuf *mb = mbuf_alloc(size);
	struct sip_msg *msg = NULL;
	const char *why;
	uint16_t scode;
	size_t plainc;
	struct pl body;

	if (!mb || mbuf_write_mem(mb, data, size))
		abort();
	mbuf_set_pos(mb, 0);

	if (compare_readers(data, size))
		abort();

	if (!parse_message(&msg, &plainc, NULL, mb) &&
	    !guard_message(msg, plainc, datagram, &scode, &why)) {

		if (!pl_isset(&msg->callid) || !pl_isset(&msg->via.branch))
			abort();

		read_headers(msg);
		(void)msg_body(msg, "application", "sdp", &body);
	}

	mem_deref(msg);
	mem_deref(mb);
}


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t skip, whole;

	if (size && !guard_start(data, size))
		read_message(data, size, true);

	while (size && !guard_frame(data, size, &skip, &whole) && whole) {

		if (skip + whole > size)
			abort();

		read_message(data + skip, whole, false);
		data += skip + whole;
		size -= skip + whole;
	}

	return 0;
}
