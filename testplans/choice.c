/**
 * @file choice.c  Which cases of which plans are wanted, and whom they want
 */
#include "bridge/base/errors.h"
#include "choice.h"
#include "step.h"


enum { WORDS_MAX = 200 };


static bool word_in(const char *word, const char *const *v, size_t c)
{
	for (size_t i = 0; i < c; i++)
		if (!strcmp(word, v[i]))
			return true;

	return false;
}


bool choice_has(const struct choice *ch, const struct plan_case *cas)
{
	bool tagged = !ch->tagc;

	for (size_t i = 0; i < cas->tags.c; i++)
		tagged |= word_in(cas->tags.v[i], ch->tagv, ch->tagc);

	return tagged && (!ch->casec || word_in(cas->id, ch->casev,
						ch->casec));
}


/** All ids, or all tags, of the plans: for "did you mean" */
static size_t words_list(const struct choice *ch, bool tags,
			 const char **wordv)
{
	size_t c = 0;
	struct le *le;

	for (size_t p = 0; p < ch->planc; p++) {
		LIST_FOREACH(&ch->planv[p]->casel, le) {
			const struct plan_case *cas = le->data;

			if (!tags && c < WORDS_MAX)
				wordv[c++] = cas->id;
			for (size_t i = 0; tags && i < cas->tags.c &&
			     c < WORDS_MAX; i++)
				wordv[c++] = cas->tags.v[i];
		}
	}

	return c;
}


static void words_check(const struct choice *ch, bool tags,
			const char *const *v, size_t c, struct errors *errs)
{
	const char *wordv[WORDS_MAX];
	const size_t wordc = words_list(ch, tags, wordv);

	for (size_t i = 0; i < c; i++) {
		const char *near;

		if (word_in(v[i], wordv, wordc))
			continue;

		near = errors_nearest(v[i], wordv, wordc);
		errors_add(errs, NULL, tags ? "tags" : "cases",
			   "no plan that was chosen has the %s \"%s\"%s%s%s",
			   tags ? "tag" : "case", v[i],
			   near ? ": did you mean \"" : "", near ? near : "",
			   near ? "\"?" : "");
	}
}


static bool is_any_left(const struct choice *ch)
{
	struct le *le;

	for (size_t p = 0; p < ch->planc; p++)
		LIST_FOREACH(&ch->planv[p]->casel, le)
			if (choice_has(ch, le->data))
				return true;

	return false;
}


int choice_check(const struct choice *ch, struct errors *errs)
{
	const size_t before = errors_count(errs);

	words_check(ch, false, ch->casev, ch->casec, errs);
	words_check(ch, true, ch->tagv, ch->tagc, errs);

	if (errors_count(errs) == before && !is_any_left(ch))
		errors_add(errs, NULL, "tags", "none of the cases that were"
			   " chosen has any of these tags");

	return errors_count(errs) == before ? 0 : EBADMSG;
}


/** "external_2.number" wants external_2, "echo.number" wants echo */
static void number_needs(const struct step_arg *arg, choice_need_h *h,
			 void *handler_arg)
{
	struct pl list = arg->text, item;

	while (step_numbers_next(&list, &item)) {
		const char *dot = pl_strchr(&item, '.');

		if (dot)
			h(item.p, (size_t)(dot - item.p), handler_arg);
		if (dot && !strncmp(dot, ".mailbox", 8))
			h("mailbox", 7, handler_arg);
	}
}


void choice_needs(const struct plan_case *cas, choice_need_h *h, void *arg)
{
	const struct place place = {NULL, 0, 0};
	struct errors *errs;

	if (errors_alloc(&errs))
		return;

	for (size_t i = 0; i < cas->steps.c; i++) {
		struct step step;

		/* read once already, when the plan was */
		if (step_parse(&step, &place, cas->steps.v[i], errs))
			continue;

		for (size_t n = 0; n < step.argc; n++) {
			const char *name = step_actor_name(
				step.argv[n].actor);

			if (step_arg_is_actor(&step, n))
				h(name, strlen(name), arg);
			else if (step_arg_is_number(&step, n))
				number_needs(&step.argv[n], h, arg);
		}
	}

	mem_deref(errs);
}
