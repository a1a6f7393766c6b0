/**
 * @file doc_build.c  Growing a document within its limits
 *
 * A document's nodes and texts lie in a few large blocks that go together,
 * wiped, for some of the texts are secrets.
 */
#include <stdlib.h>

#include "libre.h"
#include "text.h"
#include "doc_build.h"


enum {
	BLOCK_SIZE = 16 * 1024,
	ALIGN      = 16,
	ERROR_MAX  = 512,
	PATH_SIZE  = 256,
};


struct block {
	struct block *next;        /* owned */
	size_t size;               /* of data */
	size_t used;
	_Alignas(ALIGN) char data[];
};


struct doc {
	struct block *blocks;      /* owned */
	const char *name;          /* in a block, may be NULL */
	struct doc_node *root;     /* in a block */
};


static void destructor(void *data)
{
	struct doc *doc = data;
	struct block *block = doc->blocks;

	while (block) {
		struct block *next = block->next;

		explicit_bzero(block->data, block->used);
		mem_deref(block);
		block = next;
	}
}


/** Zeroed memory that lives as long as the document; NULL without memory */
static void *keep(struct doc *doc, size_t size)
{
	struct block *block = doc->blocks;
	void *p;

	size = (size + ALIGN - 1) & ~(size_t)(ALIGN - 1);

	if (!block || block->size - block->used < size) {
		const size_t room = size > BLOCK_SIZE ? size : BLOCK_SIZE;

		block = mem_zalloc(sizeof(*block) + room, NULL);
		if (!block)
			return NULL;

		block->size = room;
		block->next = doc->blocks;
		doc->blocks = block;
	}

	p = block->data + block->used;
	block->used += size;

	return p;
}


static const char *keep_text(struct doc *doc, const char *text, size_t l)
{
	char *copy = keep(doc, l + 1);

	if (copy && l)
		memcpy(copy, text, l);

	return copy;
}


int doc_build_init(struct doc_build *b, const char *name,
		   struct errors *errs)
{
	memset(b, 0, sizeof(*b));
	b->errs = errs;
	b->nodes_max = DOC_NODES_MAX;

	b->doc = mem_zalloc(sizeof(*b->doc), destructor);
	if (!b->doc)
		return ENOMEM;

	if (!name)
		return 0;

	b->doc->name = keep_text(b->doc, name, strlen(name));
	if (!b->doc->name) {
		b->doc = mem_deref(b->doc);
		return ENOMEM;
	}

	return 0;
}


/** Dotted keys down to where the reader is, empty at the top */
static void where(const struct doc_build *b, char *path, size_t size)
{
	size_t n = 0;

	*path = '\0';

	for (size_t i = 0; i <= b->depth && n < size; i++) {
		const char *key = i < b->depth ? b->openv[i]->key : b->key;

		if (key) {
			(void)re_snprintf(path + n, size - n, "%s%s",
					  n ? "." : "", key);
			n += strlen(path + n);
		}
	}
}


void doc_build_error(struct doc_build *b, uint32_t line, uint32_t column,
		     const char *fmt, ...)
{
	const struct place place = { b->doc->name, line, column };
	char message[ERROR_MAX], path[PATH_SIZE];
	va_list ap;

	va_start(ap, fmt);
	(void)re_vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);

	where(b, path, sizeof(path));
	errors_add(b->errs, &place, *path ? path : NULL, "%s", message);
	++b->errc;
}


static struct doc_node *open_node(const struct doc_build *b)
{
	return b->depth ? b->openv[b->depth - 1] : NULL;
}


bool doc_build_wants_key(const struct doc_build *b)
{
	const struct doc_node *node = open_node(b);

	return node && node->type == DOC_MAPPING && !b->key;
}


static int count_node(struct doc_build *b, uint32_t line, uint32_t column)
{
	if (++b->nodec <= b->nodes_max)
		return 0;

	doc_build_error(b, line, column, "want at most %zu values and keys",
			b->nodes_max);

	return EBADMSG;
}


/** Text within its limit; control characters are reported, not fatal */
static int check_text(struct doc_build *b, uint32_t line, uint32_t column,
		      const char *text, size_t l)
{
	if (l > DOC_SCALAR_MAX) {
		doc_build_error(b, line, column,
				"want a text of at most %d octets, found"
				" %zu", DOC_SCALAR_MAX, l);
		return EBADMSG;
	}

	for (size_t i = 0; i < l; ) {
		size_t n = text_char(text + i, l - i);

		if (!n && (text[i] == '\n' || text[i] == '\t'))
			n = 1;

		if (!n) {
			doc_build_error(b, line, column,
					"want printable UTF-8, found octet"
					" 0x%02x in the text",
					(unsigned char)text[i]);
			break;
		}

		i += n;
	}

	return 0;
}


static struct doc_node *add(struct doc_build *b, uint32_t line,
			    uint32_t column, enum doc_type type)
{
	struct doc_node *node = keep(b->doc, sizeof(*node));

	if (!node)
		return NULL;

	node->type       = type;
	node->file       = b->doc->name;
	node->line       = line;
	node->column     = column;
	node->key        = b->key;
	node->key_line   = b->key_place.line;
	node->key_column = b->key_place.column;

	b->key = NULL;
	memset(&b->key_place, 0, sizeof(b->key_place));

	if (b->depth) {
		*b->nextv[b->depth - 1] = node;
		b->nextv[b->depth - 1] = &node->next;
	}
	else {
		b->doc->root = node;
	}

	return node;
}


int doc_build_key(struct doc_build *b, uint32_t line, uint32_t column,
		  const char *text, size_t l)
{
	int err;

	err = count_node(b, line, column);
	if (err)
		return err;

	err = check_text(b, line, column, text, l);
	if (err)
		return err;

	b->key = keep_text(b->doc, text, l);
	b->key_place.line   = line;
	b->key_place.column = column;

	return b->key ? 0 : ENOMEM;
}


int doc_build_scalar(struct doc_build *b, uint32_t line, uint32_t column,
		     const char *text, size_t l, bool plain, bool secret)
{
	struct doc_node *node;
	int err;

	err = count_node(b, line, column);
	if (err)
		return err;

	err = check_text(b, line, column, text, l);
	if (err)
		return err;

	node = add(b, line, column, DOC_SCALAR);
	if (!node)
		return ENOMEM;

	node->plain  = plain;
	node->secret = secret;
	node->value  = keep_text(b->doc, text, l);

	return node->value ? 0 : ENOMEM;
}


int doc_build_begin(struct doc_build *b, uint32_t line, uint32_t column,
		    enum doc_type type)
{
	struct doc_node *node;
	int err;

	err = count_node(b, line, column);
	if (err)
		return err;

	if (b->depth == DOC_DEPTH_MAX) {
		doc_build_error(b, line, column,
				"want at most %d levels of nesting",
				DOC_DEPTH_MAX);
		return EBADMSG;
	}

	node = add(b, line, column, type);
	if (!node)
		return ENOMEM;

	b->openv[b->depth] = node;
	b->nextv[b->depth] = &node->child;
	++b->depth;

	return 0;
}


/** By key, then in the order they were written */
static int compare_members(const void *ap, const void *bp)
{
	const struct doc_node *a = *(const struct doc_node *const *)ap;
	const struct doc_node *b = *(const struct doc_node *const *)bp;
	const int order = strcmp(a->key, b->key);

	if (order)
		return order;
	if (a->key_line != b->key_line)
		return a->key_line < b->key_line ? -1 : 1;

	return a->key_column < b->key_column ? -1 : 1;
}


static void report_twice(struct doc_build *b, const struct doc_node **v,
			 size_t c)
{
	const struct doc_node *first = v[0];

	for (size_t i = 1; i < c; i++) {
		if (strcmp(first->key, v[i]->key)) {
			first = v[i];
			continue;
		}

		b->key = v[i]->key;
		doc_build_error(b, v[i]->key_line, v[i]->key_column,
				"written twice, first in line %u",
				first->key_line);
		b->key = NULL;
	}
}


static int check_twice(struct doc_build *b, const struct doc_node *mapping)
{
	const struct doc_node *node, **v;
	size_t c = 0;

	for (node = mapping->child; node; node = node->next)
		++c;

	if (c < 2)
		return 0;

	v = mem_reallocarray(NULL, c, sizeof(*v), NULL);
	if (!v)
		return ENOMEM;

	c = 0;
	for (node = mapping->child; node; node = node->next)
		v[c++] = node;

	qsort(v, c, sizeof(*v), compare_members);
	report_twice(b, v, c);
	mem_deref(v);

	return 0;
}


int doc_build_end(struct doc_build *b)
{
	const struct doc_node *node = open_node(b);
	int err = 0;

	if (!node)
		return EINVAL;

	if (node->type == DOC_MAPPING)
		err = check_twice(b, node);

	--b->depth;

	return err;
}


int doc_build_finish(struct doc_build *b, int err, struct doc **docp)
{
	if (!err && b->errc)
		err = EBADMSG;

	if (err)
		mem_deref(b->doc);
	else
		*docp = b->doc;

	b->doc = NULL;

	return err;
}


const struct doc_node *doc_root(const struct doc *doc)
{
	return doc ? doc->root : NULL;
}


const struct doc_node *doc_member(const struct doc_node *node,
				  const char *key)
{
	if (!node || !key || node->type != DOC_MAPPING)
		return NULL;

	for (node = node->child; node; node = node->next)
		if (!strcmp(node->key, key))
			return node;

	return NULL;
}
