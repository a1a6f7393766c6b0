/**
 * @file fuzz_doc.c  Whatever a file may hold: no crash, and errors or a tree
 */
#include <assert.h>
#include <stdint.h>

#include "bridge/base/libre.h"
#include "bridge/base/doc.h"
#include "bridge/base/errors.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static size_t walk(const struct doc_node *node, size_t depth)
{
	size_t nodes = 0;

	assert(depth <= 33);

	for (; node; node = node->next, nodes++) {
		assert(node->line && node->column);
		assert((node->type == DOC_SCALAR) == (node->value != NULL));
		nodes += walk(node->child, depth + 1);
	}

	return nodes;
}


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct errors *errs;
	struct doc *doc = NULL;
	int err;

	if (errors_alloc(&errs))
		return 0;

	err = doc_parse(&doc, "fuzz.yaml", (const char *)data, size, errs);
	assert(!err == (doc != NULL));
	assert(!err == !errors_count(errs) || err == ENOMEM);

	if (doc)
		assert(walk(doc_root(doc), 1) <= 20000);

	mem_deref(doc);
	mem_deref(errs);

	return 0;
}
