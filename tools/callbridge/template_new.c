/**
 * @file template_new.c  Writing a template: checking one, beginning one
 */
#include <errno.h>
#include <limits.h>

#include "bridge/base/doc.h"
#include "bridge/base/errors.h"
#include "bridge/model/pbx.h"
#include "pbx-templates/template.h"
#include "customer.h"
#include "template_cli.h"


enum { ANSWER_SIZE = 256, KEY_SIZE = 64 };

/** The questions that are no settings come first */
enum { ASK_NAME, ASK_TITLE, ASK_EXTENDS, ASK_EVIDENCE, ASK_SETTINGS };


static const struct {
	const char *key;           /* a setting's dotted path, or the file's */
	const char *text;
} questionv[] = {
	{"template", "Name of the template, as in acme-ipx"},
	{"title", "The product, as people call it"},
	{"extends", "Template to start from (`callbridge template list`)"},
	{"evidence", "What your answers rest on: unverified, field-report,"
	 " documented"},
	{"auth_username", "Do users have an authentication name of their own:"
	 " optional, required, same"},
	{"protocol", "How phones reach it: udp, tcp, tls"},
	{"encrypt_media", "Does it want the audio encrypted (SRTP): true,"
	 " false"},
	{"suppress_contact_data", "Does it refuse parameters in the Contact:"
	 " true, false"},
	{"outside_line_prefix", "Dialled before outside numbers, as in 9"},
	{"user_agent", "User-Agent that it demands"},
	{"registration.expires", "How long a registration shall last"},
	{"registration.reuse_nonce", "May a nonce serve again: true, false"},
	{"registration.per_second", "Registrations a second that it bears"},
	{"contact.port", "One port for all users, or one each: shared,"
	 " per-user"},
	{"transfer.blind", "Who transfers: auto, refer, bridge"},
	{"transfer.attended", "Who transfers after a consultation: auto,"
	 " refer, bridge"},
	{"media.hold", "How it recognises a hold: sendonly, inactive, zero"},
	{"call.session_timers", "Does it use session timers: true, false"},
};

enum { QUESTIONC = sizeof(questionv) / sizeof(questionv[0]) };

struct making {
	struct catalog *cat;
	struct errors *errs;
	struct doc *doc;           /* of --answers, NULL: a person answers */
	struct pbx *pbx;           /* with the answers so far             */
	char *answerv[QUESTIONC];  /* NULL or as before: not in the file   */
};


/* lint */


int template_lint(const struct cli *cli, const char *folder,
		  char *const *pathv, size_t pathc)
{
	struct errors *errs = NULL, *doubts = NULL;
	char own[PATH_MAX] = "";
	int err;

	if (folder)
		str_ncpy(own, folder, sizeof(own));
	else if (node_templates(cli, own, sizeof(own)))
		return EXIT_BAD;

	err = errors_alloc(&errs);
	if (!err)
		err = errors_alloc(&doubts);
	if (!err)
		err = catalog_lint(pathv, pathc, *own ? own : NULL, errs,
				   doubts);

	if (err && !errors_count(errs))
		term_error("%m", err);
	term_errors(errs);

	(void)errors_print(term_out(), doubts);
	if (!err)
		(void)re_printf("good, %zu doubt%s\n", errors_count(doubts),
				errors_count(doubts) == 1 ? "" : "s");
	else if (errors_count(errs) > 1)
		term_error("%zu errors", errors_count(errs));

	mem_deref(doubts);
	mem_deref(errs);

	return err ? EXIT_BAD : EXIT_GOOD;
}


/* new: taking answers */


/** Start from another template */
static bool take_extends(struct making *mk, const char *answer,
			 struct errors *errs)
{
	struct pbx *pbx = fields_item_alloc(&pbx_fields);
	const char *nearest = NULL;
	char *name = NULL;

	if (!pbx || catalog_apply(pbx, answer, &nearest, errs, mk->cat) ||
	    str_dup(&name, mk->pbx->template)) {
		errors_add(errs, NULL, "extends", nearest ? "there is no \"%s"
			   "\": did you mean \"%s\"?" : "there is no \"%s\"",
			   answer, nearest);
		mem_deref(pbx);
		return false;
	}

	mem_deref(pbx->template);
	pbx->template = name;
	mem_deref(mk->pbx);
	mk->pbx = pbx;

	return true;
}


static bool take_evidence(const char *answer, struct errors *errs)
{
	if (!strcmp(answer, "unverified") || !strcmp(answer, "field-report")
	    || !strcmp(answer, "documented"))
		return true;

	errors_add(errs, NULL, "evidence", "want unverified, field-report or"
		   " documented, found \"%s\"", answer);

	return false;
}


/** Check one answer and keep it */
static bool take(struct making *mk, size_t i, const char *answer,
		 struct errors *errs)
{
	bool good;

	if (!*answer)
		return i > ASK_TITLE;

	if (i == ASK_EXTENDS)
		good = take_extends(mk, answer, errs);
	else if (i == ASK_EVIDENCE)
		good = take_evidence(answer, errs);
	else
		good = !fields_set(&pbx_fields, mk->pbx, questionv[i].key,
				   answer, errs);

	return good && !str_dup(&mk->answerv[i], answer);
}


/** What is taken where nothing is answered; the caller frees it */
static char *default_of(const struct making *mk, size_t i)
{
	char *text = NULL;

	if (i == ASK_EXTENDS)
		(void)str_dup(&text, "generic");
	else if (i == ASK_EVIDENCE)
		(void)str_dup(&text, "unverified");
	else if (i >= ASK_SETTINGS)
		(void)fields_get(&pbx_fields, mk->pbx, questionv[i].key,
				 &text);

	return text;
}


/** Ask until the answer is good */
static int ask_person(struct making *mk, size_t i)
{
	char answer[ANSWER_SIZE];

	for (;;) {
		struct errors *errs = NULL;
		char *dflt = default_of(mk, i);
		bool good;

		(void)re_fprintf(stderr, "%s%s%s%s: ", questionv[i].text,
				 str_isset(dflt) ? " [" : "",
				 str_isset(dflt) ? dflt : "",
				 str_isset(dflt) ? "]" : "");
		(void)fflush(stderr);
		mem_deref(dflt);

		if (!fgets(answer, sizeof(answer), stdin)) {
			(void)fputc('\n', stderr);
			term_error("template: no more answers");
			return EPIPE;
		}

		answer[strcspn(answer, "\r\n")] = '\0';
		if (errors_alloc(&errs))
			return ENOMEM;

		good = take(mk, i, answer, errs);
		term_errors(errs);
		mem_deref(errs);
		if (good)
			return 0;
	}
}


static void complain(struct making *mk, const struct doc_node *node,
		     bool at_key, const char *text)
{
	const struct place place = {
		node->file, at_key ? node->key_line : node->line,
		at_key ? node->key_column : node->column,
	};

	errors_add(mk->errs, &place, node->key, "%s", text);
}


static void take_from_file(struct making *mk, size_t i)
{
	const struct doc_node *node = doc_member(doc_root(mk->doc),
						 questionv[i].key);
	struct errors *errs = NULL;

	if (!node) {
		if (i <= ASK_TITLE)
			errors_add(mk->errs, NULL, questionv[i].key,
				   "no answer is given");
		return;
	}

	if (errors_alloc(&errs))
		return;

	if (node->type != DOC_SCALAR)
		complain(mk, node, false, "want one value");
	else if (!take(mk, i, node->value, errs))
		complain(mk, node, false, errors_count(errs) ?
			 errors_get(errs, 0)->message : "want an answer");

	mem_deref(errs);
}


static void check_keys(struct making *mk)
{
	const struct doc_node *node = doc_root(mk->doc);
	const char *wordv[QUESTIONC];

	for (size_t i = 0; i < QUESTIONC; i++)
		wordv[i] = questionv[i].key;

	for (node = node ? node->child : NULL; node; node = node->next) {
		char text[ANSWER_SIZE] = "nobody asks for that";
		const char *near;
		size_t i = 0;

		while (i < QUESTIONC && node->key &&
		       strcmp(node->key, wordv[i]))
			++i;
		if (i < QUESTIONC)
			continue;

		near = node->key ? errors_nearest(node->key, wordv,
						  QUESTIONC) : NULL;
		if (near)
			(void)re_snprintf(text, sizeof(text), "nobody asks"
					  " for that; did you mean \"%s\"?",
					  near);
		complain(mk, node, true, text);
	}
}


/* new: writing */


static void write_text(FILE *f, const char *text)
{
	(void)fputc('"', f);
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			(void)fputc('\\', f);
		(void)fputc(*text, f);
	}
	(void)fputs("\"\n", f);
}


static void write_head(FILE *f, const struct making *mk)
{
	(void)fputs("# Check with `callbridge template lint FILE`, and see"
		    " the whole with\n# `callbridge template show NAME"
		    " --effective`. What is not written here is as in\n# the"
		    " template that it extends. `callbridge template explain"
		    " SETTING` tells more.\n\n", f);

	(void)fprintf(f, "template: %s\ntitle: ", mk->answerv[ASK_NAME]);
	write_text(f, mk->answerv[ASK_TITLE]);
	(void)fprintf(f, "extends: %s\nevidence: %s\n",
		      mk->answerv[ASK_EXTENDS] ? mk->answerv[ASK_EXTENDS] :
		      "generic", mk->answerv[ASK_EVIDENCE] ?
		      mk->answerv[ASK_EVIDENCE] : "unverified");

	(void)fputs("\n# What the administrator of such a PBX has to see to,"
		    " a sentence each:\n#\n# notes:\n#   - Remote"
		    " registration is off for every extension; switch it on."
		    "\n\n# What single settings rest on:\n#\n# facts:\n"
		    "#   - field: registration.expires\n#     grade:"
		    " documented\n#     why: The manual names 3600 s\n", f);
}


static void write_setting(FILE *f, const char *path, const char *answer,
			  char *group)
{
	const struct field *field = fields_find(&pbx_fields, path);
	const size_t l = strcspn(path, ".");
	const bool nested = path[l] == '.';

	if (!nested || strlen(group) != l || strncmp(group, path, l)) {
		(void)fputc('\n', f);
		if (nested)
			(void)fprintf(f, "%.*s:\n", (int)l, path);
		(void)snprintf(group, KEY_SIZE, "%.*s", (int)l, path);
	}

	(void)fprintf(f, "%s# %s\n%s%s: ", nested ? "  " : "", field->help,
		      nested ? "  " : "", nested ? path + l + 1 : path);
	if (field->type == FIELD_STRING)
		write_text(f, answer);
	else
		(void)fprintf(f, "%s\n", answer);
}


/** @param path  Takes the file's path */
static int write_file(const struct making *mk, const char *folder,
		      char *path, size_t size)
{
	char group[KEY_SIZE] = "";
	FILE *f;
	int err = 0;

	if (re_snprintf(path, size, "%s%s%s.yaml", folder ? folder : "",
			folder ? "/" : "", mk->answerv[ASK_NAME]) < 0)
		return ENAMETOOLONG;

	f = fopen(path, "wx");
	if (!f) {
		err = errno;
		term_error("%s: %m", path, err);
		return err;
	}

	write_head(f, mk);
	for (size_t i = ASK_SETTINGS; i < QUESTIONC; i++)
		if (mk->answerv[i])
			write_setting(f, questionv[i].key, mk->answerv[i],
				      group);

	if (ferror(f))
		err = EIO;
	if (fclose(f) && !err)
		err = errno;
	if (err)
		term_error("%s: %m", path, err);

	return err;
}


static int answers_read(struct making *mk, const char *answers)
{
	int err = 0;

	if (!answers) {
		for (size_t i = 0; i < QUESTIONC && !err; i++)
			err = ask_person(mk, i);
		return err;
	}

	err = doc_load(&mk->doc, answers, mk->errs);
	if (!err) {
		check_keys(mk);
		for (size_t i = 0; i < QUESTIONC; i++)
			take_from_file(mk, i);
	}

	return errors_count(mk->errs) ? EBADMSG : err;
}


int template_new(const struct cli *cli, const char *folder,
		 const char *answers, const char *output)
{
	struct making mk = { .cat = NULL };
	char path[PATH_MAX], *pathv[1] = { path };
	int err, status = EXIT_BAD;

	if (customer_load(cli, &mk.cat, folder, NULL, NULL, 0))
		return EXIT_BAD;

	err = errors_alloc(&mk.errs);
	mk.pbx = fields_item_alloc(&pbx_fields);
	if (!mk.pbx)
		err = ENOMEM;

	if (!err)
		err = answers_read(&mk, answers);
	if (mk.errs)
		term_errors(mk.errs);
	if (!err)
		err = write_file(&mk, output, path, sizeof(path));

	if (!err) {
		(void)re_printf("%s: written\n", path);
		status = template_lint(cli, folder, pathv, 1);
	}

	for (size_t i = 0; i < QUESTIONC; i++)
		mem_deref(mk.answerv[i]);
	mem_deref(mk.doc);
	mem_deref(mk.pbx);
	mem_deref(mk.errs);
	mem_deref(mk.cat);

	return status;
}
