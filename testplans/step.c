/**
 * @file step.c  The vocabulary of test plans, and reading its sentences
 */
#include <ctype.h>
#include <stdlib.h>

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
	[STEP_HOLDS] = {"ACTOR holds",
		"puts the other party on hold",
		"the PBX takes part in the hold"},
	[STEP_MUSIC] = {"ACTOR hears music",
		"listens for a sound that is nobody's tone",
		"the PBX plays its music on hold"},
	[STEP_RESUMES] = {"ACTOR resumes",
		"takes the other party off hold",
		"the PBX takes part in the resume"},
	[STEP_TRANSFERS] = {"ACTOR transfers to NUMBER",
		"hands the other party over, without asking first",
		"nothing alone: who rings is a step of its own"},
	[STEP_HANGS_UP] = {"ACTOR hangs up",
		"ends the call, or gives it up",
		"nothing alone: who is released is a step of its own"},
	[STEP_RELEASED] = {"ACTOR is released within TIME",
		"waits until the actor has no call any more",
		"the end of the call is seen at this end too"},
	[STEP_RINGBACK] = {"ACTOR hears ringing within TIME",
		"waits until the caller is told that it rings",
		"the caller is not left in silence"},
	[STEP_ANSWERED] = {"ACTOR is answered within TIME",
		"waits until the call is taken at the other end",
		"the caller is told that it was taken"},
	[STEP_SILENCE] = {"ACTOR hears silence",
		"listens for the absence of any sound",
		"nothing is heard that should not be"},
	[STEP_ECHO] = {"ACTOR hears its own voice",
		"plays a tone and listens for it, as an echo test number"
		" gives it back",
		"voice passes in both directions"},
	[STEP_SPEAKS] = {"ACTOR speaks for TIME",
		"plays the actor's tone, whoever listens",
		"nobody hangs up meanwhile"},
	[STEP_REJECTS] = {"ACTOR rejects",
		"refuses the call that rings",
		"nothing alone: what the caller is told is a step of its own"},
	[STEP_REFUSED] = {"ACTOR is refused within TIME",
		"waits until the caller is told that nobody takes the call",
		"the caller does not wait in vain"},
	[STEP_REFUSED_AS] = {"ACTOR is refused within TIME as REASON",
		"waits until the caller is told, and reads the reason",
		"the reason for a failed call crosses the bridge"},
	[STEP_SENDS_DIGITS] = {"ACTOR sends digits DIGITS",
		"presses keys during the call",
		"nothing alone: who hears them is a step of its own"},
	[STEP_HEARS_DIGITS] = {"ACTOR hears digits DIGITS within TIME",
		"waits for the keys that the other end pressed",
		"voice menus and conference codes work"},
	[STEP_HUNG_UP_FIRST] = {"ACTOR hung up first",
		"reads in the call's record who ended it",
		"the end is written down for the right side"},
	[STEP_REFRESHED] = {"session is refreshed",
		"looks for a refresh of the session in the trace of the call",
		"long calls are kept alive by both sides"},
	[STEP_REGISTERS_AGAIN] = {"USER registers again within TIME",
		"asks the service to register now, and waits for the answer",
		"the PBX takes a registration at any moment"},
	[STEP_RENEWS] = {"USER renews its registration within TIME",
		"waits for the next registration that is due by itself",
		"the registration lasts"},
	[STEP_GRANTED] = {"USER is granted at least TIME",
		"reads the expiry that the PBX granted",
		"the PBX does not make users register too often"},
	[STEP_WRONG_PASSWORD] = {
		"a wrong password for USER is refused within TIME",
		"registers once as the user with a password that is wrong",
		"the PBX looks at passwords"},
	[STEP_MESSAGES] = {"USER has messages waiting within TIME",
		"waits for the lamp of the user's mailbox",
		"the PBX tells of voice messages"},
	[STEP_NO_MESSAGES] = {"USER has no messages waiting within TIME",
		"waits until the lamp of the user's mailbox is out",
		"the PBX tells that voice messages were heard"},
	[STEP_LOAD] = {"ACTOR makes COUNT calls to ACTOR at COUNT a minute"
		" each lasting TIME",
		"makes many calls that are up at once, and listens in each",
		"lines and licences are enough, and the voice stays good"},
	[STEP_MOS] = {"MOS is at least MOS",
		"reads the voice quality of the calls so far, on both sides",
		"the network carries voice well"},
};

static const struct step_kind kindv[] = {
	{"ACTOR",   "user_a, user_b, external or external_2"},
	{"COUNT",   "a whole number, 1 to 500"},
	{"DIGITS",  "keys, as in 0123456789*#"},
	{"MOS",     "1.0 to 5.0, as in 3.5"},
	{"NUMBER",  "an actor's number, extension or mailbox, as in"
		    " user_b.extension; nobody.number, echo.number; or"
		    " digits"},
	{"NUMBERS", "as in [user_a.number, external.number]"},
	{"REASON",  "busy, rejected, unanswered or unknown"},
	{"TIME",    "as in 500ms, 10s or 35m, up to 2 hours"},
	{"USER",    "user_a or user_b"},
};

static const char *const reasonv[REASONC] = {
	[REASON_BUSY]       = "busy",
	[REASON_REJECTED]   = "rejected",
	[REASON_UNANSWERED] = "unanswered",
	[REASON_UNKNOWN]    = "unknown",
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


const char *step_reason_name(enum step_reason reason)
{
	return (unsigned)reason < REASONC ? reasonv[reason] : NULL;
}


const struct step_kind *step_kind(size_t i)
{
	return i < RE_ARRAY_SIZE(kindv) ? &kindv[i] : NULL;
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


/** A kind of argument; in "MOS is at least MOS" only the last one is */
static bool word_is_arg(const struct words *words, size_t i)
{
	const struct pl *word = &words->v[i];

	if (!i && !pl_strcmp(word, "MOS"))
		return false;

	return word->l > 1 && word->p[0] >= 'A' && word->p[0] <= 'Z';
}


/** How far a word is from the pattern's: 0, 1 (mistyped) or FAR */
static unsigned word_distance(const struct words *words, size_t i,
			      const struct pl *word)
{
	const struct pl *want = &words->v[i];
	char a[32], b[32];
	const char *known = a;

	if (word_is_arg(words, i) || !pl_cmp(want, word))
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
			unsigned d = diagonal + word_distance(want, i,
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

	if (!pl_strcmp(&name, "nobody") || !pl_strcmp(&name, "echo"))
		return !pl_strcmp(&what, "number");

	return actor_read(&actor, &name, false) &&
		(!pl_strcmp(&what, "number") ||
		 !pl_strcmp(&what, "extension") ||
		 !pl_strcmp(&what, "mailbox"));
}


bool step_numbers_next(struct pl *list, struct pl *item)
{
	while (list->l && strchr("[, ]", *list->p))
		pl_advance(list, 1);

	item->p = list->p;
	item->l = 0;

	while (list->l && !strchr(", ]", *list->p)) {
		pl_advance(list, 1);
		++item->l;
	}

	return item->l > 0;
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


static bool count_read(uint32_t *count, const struct pl *word)
{
	const uint32_t n = word->l <= 3 ? pl_u32(word) : 0;

	if (!n || n > STEP_CALLS_MAX ||
	    !isdigit((unsigned char)word->p[0]))
		return false;

	*count = n;

	return true;
}


static bool mos_read(double *mos, const struct pl *word)
{
	char text[8], *end;
	double value;

	if (pl_strcpy(word, text, sizeof(text)) ||
	    text[strspn(text, "0123456789.")])
		return false;

	value = strtod(text, &end);
	if (*end || value < 1 || value > 5)
		return false;

	*mos = value;

	return true;
}


static bool digits_check(const struct pl *word)
{
	for (size_t i = 0; i < word->l; i++)
		if (!strchr("0123456789*#ABCD", word->p[i]))
			return false;

	return word->l > 0 && word->l <= 32;
}


static bool reason_read(enum step_reason *reason, const struct pl *word)
{
	for (int i = 0; i < REASONC; i++) {
		if (!pl_strcmp(word, reasonv[i])) {
			*reason = (enum step_reason)i;
			return true;
		}
	}

	return false;
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

	if (!pl_strcmp(kind, "COUNT"))
		return count_read(&arg->count, word) ? NULL :
			"a whole number from 1 to 500";

	if (!pl_strcmp(kind, "MOS"))
		return mos_read(&arg->mos, word) ? NULL :
			"a quality from 1.0 to 5.0";

	if (!pl_strcmp(kind, "DIGITS"))
		return digits_check(word) ? NULL :
			"up to 32 keys such as 159#";

	if (!pl_strcmp(kind, "REASON"))
		return reason_read(&arg->reason, word) ? NULL :
			"busy, rejected, unanswered or unknown";

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

		if (!word_is_arg(&want, i))
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


/** What a kind of argument looks like */
static const char *kind_regex(const struct pl *kind)
{
	static const char number[] =
		"((user_a|user_b|external|external_2)\\.(number|extension|"
		"mailbox)|(nobody|echo)\\.number|\\+?[0-9*#]+)";
	static const char *const rev[][2] = {
		{"ACTOR",   "(user_a|user_b|external|external_2)"},
		{"COUNT",   "[1-9][0-9]{0,2}"},
		{"DIGITS",  "[0-9*#A-D]{1,32}"},
		{"MOS",     "[1-5](\\.[0-9]+)?"},
		{"NUMBERS", "\\[[^\\]]+\\]"},
		{"REASON",  "(busy|rejected|unanswered|unknown)"},
		{"TIME",    "[0-9]+(ms|s|m)"},
		{"USER",    "(user_a|user_b)"},
	};

	for (size_t i = 0; i < RE_ARRAY_SIZE(rev); i++)
		if (!pl_strcmp(kind, rev[i][0]))
			return rev[i][1];

	return number;
}


int step_regex(char **re, enum step_verb verb)
{
	struct mbuf *mb = mbuf_alloc(256);
	struct words words;
	int err;

	if (!mb)
		return ENOMEM;

	(void)words_split(&words, patternv[verb].sentence);
	err = mbuf_write_str(mb, "^");

	for (size_t i = 0; i < words.c && !err; i++) {
		if (i)
			err = mbuf_write_str(mb, " ");
		if (err)
			break;
		err = word_is_arg(&words, i) ?
			mbuf_write_str(mb, kind_regex(&words.v[i])) :
			mbuf_write_pl(mb, &words.v[i]);
	}

	if (!err)
		err = mbuf_write_str(mb, "$");

	mb->pos = 0;
	if (!err)
		err = mbuf_strdup(mb, re, mb->end);

	mem_deref(mb);

	return err;
}


/** Kind of the n-th argument of a verb, "" if it has none */
static void kind_of(char *kind, size_t size, enum step_verb verb, size_t n)
{
	const char *p = step_pattern(verb)->sentence;

	kind[0] = '\0';
	if (!strncmp(p, "MOS ", 4))
		p += 4;

	while (*p) {
		const size_t l = strcspn(p, " ");

		if (l > 1 && p[0] >= 'A' && p[0] <= 'Z' && !n--) {
			(void)re_snprintf(kind, size, "%b", p, l);
			return;
		}
		p += l + strspn(p + l, " ");
	}
}


bool step_arg_is_actor(const struct step *step, size_t i)
{
	char kind[16];

	kind_of(kind, sizeof(kind), step->verb, i);

	return !strcmp(kind, "ACTOR") || !strcmp(kind, "USER");
}


bool step_arg_is_number(const struct step *step, size_t i)
{
	char kind[16];

	kind_of(kind, sizeof(kind), step->verb, i);

	return !strncmp(kind, "NUMBER", 6);
}
