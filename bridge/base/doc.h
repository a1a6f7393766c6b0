/**
 * @file doc.h  A YAML document as a tree that knows its lines
 *
 * Read by libyaml's events within limits (docs/security.md section 4): file at
 * most 256 KiB, depth 32, 20,000 nodes, scalar 64 KiB, counted while
 * reading; a large one 16 MiB and 1,000,000 nodes. Refused: anchors and
 * aliases, merge keys, tags other than the core's (and !env), several
 * documents, duplicate keys, non-string keys, NUL, control characters,
 * invalid UTF-8.
 *
 * `!env NAME` stands for the value of an environment variable; one that is
 * not set is an error.
 */
#ifndef BASE_DOC_H
#define BASE_DOC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dirent;

enum doc_type { DOC_SCALAR, DOC_SEQUENCE, DOC_MAPPING };

/** One node; owned by its document, dies with it */
struct doc_node {
	enum doc_type type;
	const char *file;          /* as given to doc_load            */
	uint32_t line, column;     /* from 1                          */
	const char *value;         /* scalar: text, UTF-8, terminated */
	bool plain;                /* scalar: not quoted (so `null`,
				      `true`, `12` have a meaning)    */
	bool secret;               /* came from !env                  */
	const char *key;           /* member of a mapping: its key    */
	uint32_t key_line, key_column;
	struct doc_node *child;    /* first item or member            */
	struct doc_node *next;     /* next sibling                    */
};

struct doc;
struct errors;

/**
 * Read a file. Errors (file:line:column, what was wanted, what was found)
 * go to `errs`; nothing comes out when there was one.
 *
 * @return 0, EBADMSG (errs says why), ENOENT and others when unreadable (errs
 *         says so too), ENOMEM
 */
int doc_load(struct doc **docp, const char *path, struct errors *errs);

/** The same of a file with all users of a customer: 16 MiB, 1,000,000 nodes */
int doc_load_large(struct doc **docp, const char *path, struct errors *errs);

/** The same from memory; `name` stands for the file in messages */
int doc_parse(struct doc **docp, const char *name, const char *text,
	      size_t size, struct errors *errs);

/** The same of a text that somebody sent us: what is in our environment is
    not theirs to read, so that !env is an error */
int doc_parse_sent(struct doc **docp, const char *name, const char *text,
		   size_t size, struct errors *errs);

/**
 * A path that a file names is meant from that file's folder, not from wherever
 * the program was started
 *
 * @param pathp  A libre string, NULL none; replaced where it is relative
 * @param file   Path of the file
 *
 * @return 0, ENOMEM
 */
int doc_path(char **pathp, const char *file);

/** For scandir(): is this entry of a folder a YAML file, and not hidden? */
int doc_is_entry(const struct dirent *entry);

/** The top node, NULL for an empty document */
const struct doc_node *doc_root(const struct doc *doc);

/** Member of a mapping by key, NULL if absent or not a mapping */
const struct doc_node *doc_member(const struct doc_node *node,
				  const char *key);

#endif
