/**
 * @file fuzz_sdp.c  Session descriptions: what is read can be written, and
 *                   what was written reads the same
 */
#include <stdlib.h>

#include "bridge/base/libre.h"
#include "bridge/sip/desc.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void write_and_read(const struct desc *desc)
{
	struct desc again;
	struct mbuf *mb;
	struct pl body;

	if (desc_encode(&mb, desc))
		abort();

	pl_set_mbuf(&body, mb);
	if (desc_decode(&again, &body))
		abort();

	if (again.mediac != desc->mediac ||
	    !sa_cmp(&again.rtp, &desc->rtp, SA_ALL))
		abort();

	if (sa_port(&desc->rtp) && (again.formatc != desc->formatc ||
				    again.cryptoc != desc->cryptoc ||
				    again.dir != desc->dir))
		abort();

	mem_deref(mb);
}


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct pl body = {(const char *)data, size};
	struct desc desc;

	/* with nothing to say it cannot be written (EINVAL) */
	if (!desc_decode(&desc, &body) &&
	    (desc.formatc || !sa_port(&desc.rtp)))
		write_and_read(&desc);

	return 0;
}
