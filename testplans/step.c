/**
 * @file step.c  The vocabulary of test plans, and reading its sentences
 */
#include "bridge/base/errors.h"
#include "step.h"


enum { WORDS_MAX = 16, FAR = 2, TIME_MAX_MS = 2 * 3600 * 1000 };

static const char *const actorv[ACTORC] = {
	[ACTOR_USER_A]     = "user_a",
	[ACTOR_USER_B]     = "user_b",
	[ACTOR_EXTERNAL]   = "external",
	[ACTOR_EXTERNAL_2] = "external_2",
};

static const struct step_pattern patternv[STEP_VERBC] = {
	[STEP_REGISTERED] = {"USER is registered within TIME",
		"waits for the user's registration",
		"the PBX took the user's name and password"},
	[STEP_DIALS] = {"ACTOR dials NUMBER",
		"begins a call",
		"nothing alone: who rings is a step of its own"},
	[STEP_RINGS] = {"ACTOR rings within TIME",
		"waits for a call that comes in",
		"the call finds its way"},
	[STEP_RINGS_SHOWING] = {"ACTOR rings within TIME showing NUMBER",
		"waits for a call that comes in, and reads the caller",
		"the call finds its way, and the caller id survives it"},
	[STEP_RINGS_SHOWING_ONE] = {
		"ACTOR rings within TIME showing one of NUMBERS",
		"waits for a call that comes in, and reads the caller",
		"the caller id is one that the PBX may be set to show"},
	[STEP_ANSWERS] = {"ACTOR answers",
		"takes the call that rings",
		"caller and called are told that it was taken"},
	[STEP_AUDIO] = {"audio flows both ways between ACTOR and ACTOR",
		"plays a tone at each end and listens at the other",
		"voice passes in both directions"},
	[STEP_LASTS] = {"call lasts TIME",
		"keeps talking so long",
		"nobody hangs up, and the voice has no gaps"},
	[STEP_HOLDS] = {"USER holds",
		"puts the other party on hold",
		"the PBX takes part in the hold"},
	[STEP_MUSIC] = {"ACTOR hears music",
		"listens for a sound that is nobody's tone",
		"the PBX plays its music on hold"},
	[STEP_RESUMES] = {"USER resumes",
		"takes the other party off hold",
		"the PBX takes part in the resume"},
	[STEP_TRANSFERS] = {"USER transfers to NUMBER",
		"hands the other party over, without asking first",
		"nothing alone: who rings is a step of its own"},
	[STEP_HANGS_UP] = {"ACTOR hangs up",
		"ends the call, or gives it up",
		"nothing alone: who is released is a step of its own"},
	[STEP_RELEASED] = {"ACTOR is released within TIME",
		"waits until the actor has no call any more",
		"the end of the call is seen at this end too"},
};


struct words {
	struct pl v[WORDS_MAX];
	size_t c;
};


const struct step_pattern *step_pattern(enum step_verb verb)
{
	return (unsigned)verb < STEP_VERBC ? &patternv[verb] : NULL;
}


const char *step_actor_name(enum step_actor actor)
{
	return (unsigned)actor < ACTORC ? actorv[actor] : NULL;
}


/** Part into words; [what is in brackets] is one. False: too many */
static bool words_split(struct words *words, const char *text)
{
	words->c = 0;

	for (const char *p = text + strspn(text, " "); *p;
	     p += strspn(p, " ")) {
		const char *begin = p, *end = *p == '[' ? strchr(p, ']')
			: NULL;

		p  = end ? end + 1 : p;
		p += strcspn(p, " ");

		if (words->c == WORDS_MAX)
			return false;

		words->v[words->c].p   = begin;
		words->v[words->c++].l = (size_t)(p - begin);
	}

	return true;
}


static bool word_is_arg(const struct pl *word)
{
	return word->l > 1 && word->p[0] >= 'A' && word->p[0] <= 'Z';
}


/** How far a word is from the pattern's: 0, 1 (mistyped) or FAR */
static unsigned word_distance(const struct pl *want, const struct pl *word)
{
	char a[32], b[32];
	const char *known = a;

	if (word_is_arg(want) || !pl_cmp(want, word))
		return 0;

	if (pl_strcpy(want, a, sizeof(a)) || pl_strcpy(word, b, sizeof(b)))
		return FAR;

	return errors_nearest(b, &known, 1) ? 1 : FAR;
}


/** Edit distance by words */
static unsigned sentence_distance(const struct words *want,
				  const struct words *words)
{
	unsigned rowv[WORDS_MAX + 1];

	for (size_t j = 0; j <= words->c; j++)
		rowv[j] = FAR * (unsigned)j;

	for (size_t i = 0; i < want->c; i++) {
		unsigned diagonal = rowv[0];

		rowv[0] += FAR;

		for (size_t j = 0; j < words->c; j++) {
			unsigned d = diagonal + word_distance(&want->v[i],
							  &words->v[j]);

			diagonal  = rowv[j + 1];
			d         = min(d, rowv[j] + FAR);
			rowv[j+1] = min(d, diagonal + FAR);
		}
	}

	return rowv[words->c];
}


/** The nearest verb; STEP_VERBC if none is near. Distance 0 and as many
    words: it is that one */
static enum step_verb verb_nearest(const struct words *words, bool *exact)
{
	unsigned best = (unsigned)words->c;      /* half as far as can be */
	enum step_verb verb = STEP_VERBC;

	for (int i = 0; i < STEP_VERBC; i++) {
		struct words want;
		unsigned d;

		(void)words_split(&want, patternv[i].sentence);
		d = sentence_distance(&want, words);
		if (d < best) {
			best = d;
			verb = (enum step_verb)i;
		}
	}

	*exact = verb != STEP_VERBC && !best;

	return verb;
}


static bool actor_read(enum step_actor *actor, const struct pl *word,
		       bool user)
{
	const int c = user ? ACTOR_USER_B + 1 : ACTORC;

	for (int i = 0; i < c; i++) {
		if (!pl_strcmp(word, actorv[i])) {
			*actor = (enum step_actor)i;
			return true;
		}
	}

	return false;
}


/** actor.number, actor.extension, or digits as they are dialled */
static bool number_check(const struct pl *word)
{
	const char *dot = pl_strchr(word, '.');
	enum step_actor actor;
	struct pl name, what;
	size_t i;

	if (!dot) {
		i = word->l && word->p[0] == '+';
		if (i == word->l)
			return false;
		for (; i < word->l; i++)
			if (!strchr("0123456789*#", word->p[i]))
				return false;
		return true;
	}

	name.p = word->p;
	name.l = (size_t)(dot - word->p);
	what.p = dot + 1;
	what.l = word->l - name.l - 1;

	return actor_read(&actor, &name, false) &&
		(!pl_strcmp(&what, "number") ||
		 !pl_strcmp(&what, "extension"));
}


/** [NUMBER, NUMBER...] */
static bool numbers_check(const struct pl *word)
{
	const char *p = word->p + 1, *end = word->p + word->l - 1;

	if (word->l < 3 || word->p[0] != '[' || *end != ']')
		return false;

	for (;;) {
		struct pl item;

		while (p < end && *p == ' ')
			++p;

		item.p = p;
		while (p < end && *p != ',')
			++p;

		item.l = (size_t)(p - item.p);
		while (item.l && item.p[item.l - 1] == ' ')
			--item.l;

		if (!number_check(&item))
			return false;

		if (p++ == end)
			return true;
	}
}


/** 500ms, 10s, 35m: more than nothing, at most two hours */
static bool time_read(uint32_t *ms, const struct pl *word)
{
	uint64_t n = 0, unit;
	struct pl rest = *word;

	while (rest.l && rest.p[0] >= '0' && rest.p[0] <= '9') {
		n = n * 10 + (uint64_t)(rest.p[0] - '0');
		if (n > TIME_MAX_MS)
			return false;
		pl_advance(&rest, 1);
	}

	unit = !pl_strcmp(&rest, "ms") ? 1 : !pl_strcmp(&rest, "s") ? 1000 :
		!pl_strcmp(&rest, "m") ? 60000 : 0;

	n *= unit;
	if (!n || n > TIME_MAX_MS)
		return false;

	*ms = (uint32_t)n;

	return true;
}


/** @return what was wanted, NULL if the word is good */
static const char *arg_read(struct step_arg *arg, const struct pl *kind,
			    const struct pl *word)
{
	arg->text = *word;

	if (!pl_strcmp(kind, "ACTOR"))
		return actor_read(&arg->actor, word, false) ? NULL :
			"user_a, user_b, external or external_2";

	if (!pl_strcmp(kind, "USER"))
		return actor_read(&arg->actor, word, true) ? NULL :
			"user_a or user_b";

	if (!pl_strcmp(kind, "TIME"))
		return time_read(&arg->ms, word) ? NULL :
			"a time up to 2 hours such as 10s or 35m";

	if (!pl_strcmp(kind, "NUMBERS"))
		return numbers_check(word) ? NULL :
			"numbers such as [user_a.number, external.number]";

	return number_check(word) ? NULL :
		"a number such as user_a.number, user_b.extension or"
		" +442079460018";
}


static int args_read(struct step *step, const struct words *words,
		     const struct place *place, const char *text,
		     struct errors *errs)
{
	struct words want;
	int err = 0;

	(void)words_split(&want, patternv[step->verb].sentence);

	for (size_t i = 0; i < words->c; i++) {
		const struct pl *word = &words->v[i];
		struct place at = *place;
		const char *wanted;

		if (!word_is_arg(&want.v[i]))
			continue;

		wanted = arg_read(&step->argv[step->argc++], &want.v[i],
				  word);
		if (!wanted)
			continue;

		at.column += (uint32_t)(word->p - text);
		errors_add(errs, &at, NULL, "want %s, found \"%r\"", wanted,
			   word);
		err = EBADMSG;
	}

	return err;
}


int step_parse(struct step *step, const struct place *place,
	       const char *text, struct errors *errs)
{
	struct step s = {.argc = 0};
	struct words words;
	bool exact = false;
	int err;

	s.verb = words_split(&words, text) ? verb_nearest(&words, &exact)
		: STEP_VERBC;

	if (!exact) {
		const struct step_pattern *near = step_pattern(s.verb);

		errors_add(errs, place, NULL, "unknown step \"%s\"%s%s%s",
			   text, near ? ": did you mean \"" : "",
			   near ? near->sentence : "", near ? "\"?" : "");
		return EBADMSG;
	}

	err = args_read(&s, &words, place, text, errs);
	if (!err)
		*step = s;

	return err;
}
