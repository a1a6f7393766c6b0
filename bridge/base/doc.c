/**
 * @file doc.c  YAML read by libyaml's events
 *
 * libyaml resolves nothing and bounds nothing. What YAML 1.2's core schema
 * calls a string, a number or null is decided here, and only where it must
 * be: for keys. For values the text is kept and its reader knows what it
 * wants.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include <yaml.h>

#include "libre.h"
#include "text.h"
#include "doc_build.h"


#define CORE_TAG "tag:yaml.org,2002:"
#define ENV_TAG "!env"


/** What a scalar's or a collection's tag says */
enum tag { TAG_NONE, TAG_STR, TAG_OTHER_SCALAR, TAG_MAP, TAG_SEQ, TAG_ENV,
	   TAG_BAD };


static uint32_t line_of(const yaml_mark_t *mark)
{
	return (uint32_t)mark->line + 1;
}


static uint32_t column_of(const yaml_mark_t *mark)
{
	return (uint32_t)mark->column + 1;
}


#define AT(event) \
	line_of(&(event)->start_mark), column_of(&(event)->start_mark)


static enum tag tag_of(const yaml_char_t *yaml_tag)
{
	static const struct {
		const char *name;
		enum tag tag;
	} tagv[] = {
		{ CORE_TAG "str",   TAG_STR          },
		{ CORE_TAG "int",   TAG_OTHER_SCALAR },
		{ CORE_TAG "float", TAG_OTHER_SCALAR },
		{ CORE_TAG "bool",  TAG_OTHER_SCALAR },
		{ CORE_TAG "null",  TAG_OTHER_SCALAR },
		{ CORE_TAG "map",   TAG_MAP          },
		{ CORE_TAG "seq",   TAG_SEQ          },
		{ ENV_TAG,          TAG_ENV          },
	};
	const char *tag = (const char *)yaml_tag;

	if (!tag)
		return TAG_NONE;

	for (size_t i = 0; i < sizeof(tagv) / sizeof(tagv[0]); i++)
		if (!strcmp(tag, tagv[i].name))
			return tagv[i].tag;

	return TAG_BAD;
}


/** Report a tag or anchor that does not belong on a value of this kind */
static void check_decoration(struct doc_build *b, const yaml_event_t *event,
			     const yaml_char_t *anchor,
			     const yaml_char_t *tag, bool fits)
{
	if (anchor)
		doc_build_error(b, AT(event), "want no anchor, found &%s",
				(const char *)anchor);

	if (fits)
		return;

	if (tag_of(tag) == TAG_BAD)
		doc_build_error(b, AT(event), "want no tag but those of"
				" YAML's core and !env, found %s",
				(const char *)tag);
	else
		doc_build_error(b, AT(event),
				"tag %s does not fit this value",
				(const char *)tag);
}


static bool is_number(const char *text)
{
	const char *p = text;
	char *end;

	if (*p == '-' || *p == '+')
		++p;

	if (!strcmp(p, ".inf") || !strcmp(p, ".nan"))
		return true;

	if (*p == '.')
		++p;
	if (*p < '0' || *p > '9')
		return false;

	(void)strtod(text, &end);

	return !*end;
}


/** Whether the core schema takes a plain scalar for a string */
static bool is_string(const char *text)
{
	static const char *const other[] = {
		"", "~", "null", "Null", "NULL", "true", "True", "TRUE",
		"false", "False", "FALSE",
	};

	for (size_t i = 0; i < sizeof(other) / sizeof(other[0]); i++)
		if (!strcmp(text, other[i]))
			return false;

	return !is_number(text);
}


static int read_key(struct doc_build *b, const yaml_event_t *event)
{
	const char *text = (const char *)event->data.scalar.value;
	const enum tag tag = tag_of(event->data.scalar.tag);
	const bool plain =
		event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;

	check_decoration(b, event, event->data.scalar.anchor,
			 event->data.scalar.tag,
			 tag == TAG_NONE || tag == TAG_STR);

	if (plain && tag == TAG_NONE) {
		if (!strcmp(text, "<<"))
			doc_build_error(b, AT(event),
					"want no merge key, found <<");
		else if (!is_string(text))
			doc_build_error(b, AT(event), "want a text as key,"
					" found %s: put it in quotes",
					*text ? text : "nothing");
	}

	return doc_build_key(b, AT(event), text, event->data.scalar.length);
}


static bool is_env_name(const char *name)
{
	static const char head[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
		"abcdefghijklmnopqrstuvwxyz_";
	static const char tail[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
		"abcdefghijklmnopqrstuvwxyz_0123456789";

	return *name && strchr(head, *name) && !name[strspn(name, tail)];
}


static int read_env(struct doc_build *b, const yaml_event_t *event)
{
	const char *name = (const char *)event->data.scalar.value;
	const char *value = "";

	if (b->sent) {
		doc_build_error(b, AT(event), "want the value itself: !env"
				" is not read from a text that was sent");
	}
	else if (strlen(name) != event->data.scalar.length ||
		 !is_env_name(name)) {
		doc_build_error(b, AT(event), "want the name of an"
				" environment variable after !env, found"
				" \"%s\"", name);
	}
	else {
		value = getenv(name);
		if (!value) {
			doc_build_error(b, AT(event), "want environment"
					" variable %s to be set, found it"
					" unset", name);
			value = "";
		}
	}

	return doc_build_scalar(b, AT(event), value, strlen(value), false,
				true);
}


static int read_scalar(struct doc_build *b, const yaml_event_t *event)
{
	const enum tag tag = tag_of(event->data.scalar.tag);
	bool plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;

	if (doc_build_wants_key(b))
		return read_key(b, event);

	check_decoration(b, event, event->data.scalar.anchor,
			 event->data.scalar.tag,
			 tag != TAG_MAP && tag != TAG_SEQ && tag != TAG_BAD);

	if (tag == TAG_ENV)
		return read_env(b, event);

	if (tag == TAG_STR)
		plain = false;
	else if (tag == TAG_OTHER_SCALAR)
		plain = true;

	return doc_build_scalar(b, AT(event),
				(const char *)event->data.scalar.value,
				event->data.scalar.length, plain, false);
}


static int read_begin(struct doc_build *b, const yaml_event_t *event,
		      enum doc_type type)
{
	const yaml_char_t *tag, *anchor;
	enum tag fitting;

	if (type == DOC_MAPPING) {
		tag     = event->data.mapping_start.tag;
		anchor  = event->data.mapping_start.anchor;
		fitting = TAG_MAP;
	}
	else {
		tag     = event->data.sequence_start.tag;
		anchor  = event->data.sequence_start.anchor;
		fitting = TAG_SEQ;
	}

	if (doc_build_wants_key(b)) {
		doc_build_error(b, AT(event),
				"want a text as key, found a %s",
				type == DOC_MAPPING ? "mapping" : "list");
		return EBADMSG;
	}

	check_decoration(b, event, anchor, tag,
			 !tag || tag_of(tag) == fitting);

	return doc_build_begin(b, AT(event), type);
}


static int read_alias(struct doc_build *b, const yaml_event_t *event)
{
	doc_build_error(b, AT(event), "want no alias, found *%s",
			(const char *)event->data.alias.anchor);

	if (doc_build_wants_key(b))
		return EBADMSG;

	return doc_build_scalar(b, AT(event), "", 0, true, false);
}


static int read_event(struct doc_build *b, const yaml_event_t *event,
		      unsigned *documents)
{
	switch (event->type) {

	case YAML_DOCUMENT_START_EVENT:
		if (!(*documents)++)
			return 0;

		doc_build_error(b, AT(event),
				"want one document, found a second one");
		return EBADMSG;

	case YAML_ALIAS_EVENT:
		return read_alias(b, event);

	case YAML_SCALAR_EVENT:
		return read_scalar(b, event);

	case YAML_SEQUENCE_START_EVENT:
		return read_begin(b, event, DOC_SEQUENCE);

	case YAML_MAPPING_START_EVENT:
		return read_begin(b, event, DOC_MAPPING);

	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		return doc_build_end(b);

	default:
		return 0;
	}
}


/** What libyaml could not make sense of, in its words */
static int syntax_error(struct doc_build *b, const yaml_parser_t *parser)
{
	const char *problem = parser->problem ? parser->problem :
		"cannot be read as YAML";

	if (parser->error == YAML_MEMORY_ERROR)
		return ENOMEM;

	if (parser->error == YAML_READER_ERROR)
		doc_build_error(b, line_of(&parser->mark),
				column_of(&parser->mark), "%s", problem);
	else if (parser->context)
		doc_build_error(b, line_of(&parser->problem_mark),
				column_of(&parser->problem_mark),
				"%s, %s that began in line %u", problem,
				parser->context,
				line_of(&parser->context_mark));
	else
		doc_build_error(b, line_of(&parser->problem_mark),
				column_of(&parser->problem_mark), "%s",
				problem);

	return EBADMSG;
}


static int read_events(struct doc_build *b, const char *text, size_t size)
{
	yaml_parser_t parser;
	unsigned documents = 0;
	bool done = false;
	int err = 0;

	if (!yaml_parser_initialize(&parser))
		return ENOMEM;

	yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&parser, (const unsigned char *)text,
				     size);

	while (!err && !done) {
		yaml_event_t event;

		if (!yaml_parser_parse(&parser, &event)) {
			err = syntax_error(b, &parser);
			break;
		}

		err  = read_event(b, &event, &documents);
		done = event.type == YAML_STREAM_END_EVENT;
		yaml_event_delete(&event);
	}

	yaml_parser_delete(&parser);

	return err;
}


/** What is no text at all, before libyaml sees it: it tells no line */
static int check_octets(struct doc_build *b, const char *text, size_t size)
{
	uint32_t line = 1, column = 1;

	for (size_t i = 0; i < size; ) {
		const unsigned char c = (unsigned char)text[i];
		size_t n = text_char(text + i, size - i);

		if (!n && (c == '\n' || c == '\r' || c == '\t'))
			n = 1;

		if (!n) {
			doc_build_error(b, line, column,
					text_utf8(text + i, size - i) ?
					"want text, found control character"
					" 0x%02x" :
					"want UTF-8, found octet 0x%02x", c);
			return EBADMSG;
		}

		++column;
		if (c == '\n') {
			++line;
			column = 1;
		}

		i += n;
	}

	return 0;
}


/** What a document may have */
struct limits {
	size_t octets, nodes;
};

static const struct limits small = { DOC_FILE_MAX, DOC_NODES_MAX };
static const struct limits large = { DOC_LARGE_FILE_MAX,
				     DOC_LARGE_NODES_MAX };


static int parse(struct doc_build *b, const struct limits *limits,
		 const char *text, size_t size)
{
	static const char bom[] = "\xef\xbb\xbf";
	const size_t bom_size = sizeof(bom) - 1;
	int err;

	b->nodes_max = limits->nodes;

	if (size > limits->octets) {
		doc_build_error(b, 0, 0, "want at most %zu octets, found"
				" more", limits->octets);
		return EBADMSG;
	}

	if (size >= bom_size && !memcmp(text, bom, bom_size)) {
		text += bom_size;
		size -= bom_size;
	}

	err = check_octets(b, text, size);

	return err ? err : read_events(b, text, size);
}


static int parse_all(struct doc **docp, const struct limits *limits,
		     bool sent, const char *name, const char *text,
		     size_t size, struct errors *errs)
{
	struct doc_build b;
	int err;

	err = doc_build_init(&b, name, errs);
	if (err)
		return err;

	b.sent = sent;

	return doc_build_finish(&b, parse(&b, limits, text ? text : "",
					  size), docp);
}


int doc_parse(struct doc **docp, const char *name, const char *text,
	      size_t size, struct errors *errs)
{
	if (!docp || (!text && size))
		return EINVAL;

	return parse_all(docp, &small, false, name, text, size, errs);
}


int doc_parse_sent(struct doc **docp, const char *name, const char *text,
		   size_t size, struct errors *errs)
{
	if (!docp || (!text && size))
		return EINVAL;

	return parse_all(docp, &small, true, name, text, size, errs);
}


/** Read what is there, at most one octet past the limit; without knowing
    beforehand how much that is, for it may be a pipe
    @param bufp  Owned, zeroed where it was copied from */
static int read_all(int fd, size_t max, char **bufp, size_t *sizep)
{
	size_t room = 64 * 1024, size = 0;
	char *buf = mem_alloc(room, NULL);
	int err = buf ? 0 : ENOMEM;

	while (!err && size < max) {
		ssize_t n;

		if (size == room) {
			char *more = mem_alloc(2 * room, NULL);

			if (!more) {
				err = ENOMEM;
				break;
			}
			memcpy(more, buf, size);
			explicit_bzero(buf, size);
			mem_deref(buf);
			buf   = more;
			room *= 2;
		}

		n = read(fd, buf + size, room < max ? room - size :
			 max - size);
		if (n == 0)
			break;
		if (n < 0 && errno != EINTR)
			err = errno;
		if (n > 0)
			size += (size_t)n;
	}

	*bufp  = buf;
	*sizep = size;

	return err;
}


static int load(struct doc **docp, const struct limits *limits,
		const char *path, struct errors *errs)
{
	const struct place place = { path, 0, 0 };
	size_t size = 0;
	char *buf = NULL;
	int fd, err;

	if (!docp || !path)
		return EINVAL;

	fd  = open(path, O_RDONLY | O_CLOEXEC);
	err = fd < 0 ? errno : read_all(fd, limits->octets + 1, &buf, &size);
	if (fd >= 0)
		(void)close(fd);

	if (err)
		errors_add(errs, &place, NULL, "cannot be read: %m", err);
	else
		err = parse_all(docp, limits, false, path, buf, size,
				errs);

	if (buf)
		explicit_bzero(buf, size);
	mem_deref(buf);

	return err;
}


int doc_load(struct doc **docp, const char *path, struct errors *errs)
{
	return load(docp, &small, path, errs);
}


int doc_load_large(struct doc **docp, const char *path, struct errors *errs)
{
	return load(docp, &large, path, errs);
}


int doc_path(char **pathp, const char *file)
{
	const char *slash = strrchr(file, '/');
	char *path;
	int err;

	if (!*pathp || **pathp == '/' || !slash)
		return 0;

	err = re_sdprintf(&path, "%b/%s", file, (size_t)(slash - file),
			  *pathp);
	if (err)
		return err;

	mem_deref(*pathp);
	*pathp = path;

	return 0;
}


int doc_is_entry(const struct dirent *entry)
{
	const size_t l = strlen(entry->d_name);

	return entry->d_name[0] != '.' && l > 5 &&
		!strcmp(entry->d_name + l - 5, ".yaml");
}
