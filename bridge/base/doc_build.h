/**
 * @file doc_build.h  Growing a document within its limits
 *
 * For the readers of this room alone (doc.c for YAML, field_json.c for
 * JSON): both report what they meet, in order, and the limits are counted
 * here, before anything is kept.
 */
#ifndef BASE_DOC_BUILD_H
#define BASE_DOC_BUILD_H

#include "doc.h"
#include "errors.h"

enum {
	DOC_DEPTH_MAX  = 32,
	DOC_NODES_MAX  = 20000,    /* keys are counted too */
	DOC_SCALAR_MAX = 64 * 1024,
	DOC_FILE_MAX   = 256 * 1024,
	DOC_LARGE_NODES_MAX = 1000000,
	DOC_LARGE_FILE_MAX  = 16 * 1024 * 1024,
};

struct doc_build {
	struct doc *doc;           /* owned until doc_build_finish() */
	struct errors *errs;       /* borrowed */
	size_t errc;               /* errors met */
	size_t nodec, nodes_max;
	bool sent;                 /* nothing of this machine is in it */
	size_t depth;
	struct doc_node *openv[DOC_DEPTH_MAX];    /* owned by doc */
	struct doc_node **nextv[DOC_DEPTH_MAX];   /* where a child goes */
	const char *key;           /* owned by doc; waits for its value */
	struct place key_place;
};

/** @param name  File for messages, NULL: nowhere a person can look */
int doc_build_init(struct doc_build *b, const char *name,
		   struct errors *errs);

/** Report what is wrong; the document will not come out */
void doc_build_error(struct doc_build *b, uint32_t line, uint32_t column,
		     const char *fmt, ...);

/** True while the open mapping waits for a key */
bool doc_build_wants_key(const struct doc_build *b);

/* These return 0, EBADMSG past a limit (reported) or ENOMEM; then stop */
int doc_build_key(struct doc_build *b, uint32_t line, uint32_t column,
		  const char *text, size_t l);
int doc_build_scalar(struct doc_build *b, uint32_t line, uint32_t column,
		     const char *text, size_t l, bool plain, bool secret);
int doc_build_begin(struct doc_build *b, uint32_t line, uint32_t column,
		    enum doc_type type);
int doc_build_end(struct doc_build *b);

/**
 * Hand out the document, or undo everything
 *
 * @param err  What the reader met, 0 if it came to the end
 *
 * @return err, or EBADMSG when an error was reported on the way
 */
int doc_build_finish(struct doc_build *b, int err, struct doc **docp);

#endif
