/**
 * @file errors.c  What is wrong with what a person wrote, all of it at once
 */
#include "libre.h"
#include "text.h"
#include "errors.h"


enum {
	KEPT_MAX    = 100,
	MESSAGE_MAX = 1024,        /* octets */
	WORD_MAX    = 64,          /* octets of a word that is compared */
	DISTANCE_MAX = 3,
};


struct errors {
	size_t count;
	size_t keptc;
	struct error keptv[KEPT_MAX];
};


static void destructor(void *data)
{
	struct errors *errs = data;

	for (size_t i = 0; i < errs->keptc; i++) {
		mem_deref(errs->keptv[i].file);
		mem_deref(errs->keptv[i].field);
		mem_deref(errs->keptv[i].message);
	}
}


int errors_alloc(struct errors **errsp)
{
	struct errors *errs;

	if (!errsp)
		return EINVAL;

	errs = mem_zalloc(sizeof(*errs), destructor);
	if (!errs)
		return ENOMEM;

	*errsp = errs;

	return 0;
}


/** Copy what a person or peer may have written, fit for a terminal */
static char *printable(const char *text)
{
	char buf[MESSAGE_MAX];
	char *copy = NULL;

	if (!text)
		return NULL;

	(void)text_escape(buf, sizeof(buf), text, strlen(text));
	(void)str_dup(&copy, buf);

	return copy;
}


void errors_add(struct errors *errs, const struct place *place,
		const char *field, const char *fmt, ...)
{
	char message[MESSAGE_MAX];
	struct error *error;
	va_list ap;

	if (!errs || !fmt)
		return;

	++errs->count;
	if (errs->keptc == KEPT_MAX)
		return;

	va_start(ap, fmt);
	(void)re_vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);

	error = &errs->keptv[errs->keptc];
	error->message = printable(message);
	if (!error->message)
		return;

	error->field = printable(field);

	if (place) {
		error->file   = printable(place->file);
		error->line   = place->line;
		error->column = place->column;
	}

	++errs->keptc;
}


size_t errors_count(const struct errors *errs)
{
	return errs ? errs->count : 0;
}


const struct error *errors_get(const struct errors *errs, size_t i)
{
	return errs && i < errs->keptc ? &errs->keptv[i] : NULL;
}


static int error_print(struct re_printf *pf, const struct error *error)
{
	int err = 0;

	if (error->file) {
		err |= re_hprintf(pf, "%s:", error->file);
		if (error->line)
			err |= re_hprintf(pf, "%u:", error->line);
		if (error->line && error->column)
			err |= re_hprintf(pf, "%u:", error->column);
		err |= re_hprintf(pf, " ");
	}

	if (error->field)
		err |= re_hprintf(pf, "%s: ", error->field);

	return err | re_hprintf(pf, "%s\n", error->message);
}


int errors_print(struct re_printf *pf, const struct errors *errs)
{
	int err = 0;

	if (!errs)
		return 0;

	for (size_t i = 0; i < errs->keptc && !err; i++)
		err = error_print(pf, &errs->keptv[i]);

	if (!err && errs->count > errs->keptc)
		err = re_hprintf(pf, "and %zu more\n",
				 errs->count - errs->keptc);

	return err;
}


static unsigned least(unsigned a, unsigned b, unsigned c)
{
	const unsigned ab = a < b ? a : b;

	return ab < c ? ab : c;
}


/**
 * Edit distance: how many letters must be added, dropped, changed or swapped
 * with their neighbour (optimal string alignment)
 */
static unsigned distance(const char *a, size_t al, const char *b, size_t bl)
{
	unsigned row[3][WORD_MAX + 1];
	unsigned *before = row[0], *last = row[1], *cur = row[2];

	for (size_t j = 0; j <= bl; j++)
		last[j] = (unsigned)j;

	for (size_t i = 1; i <= al; i++) {
		unsigned *spent = before;

		cur[0] = (unsigned)i;

		for (size_t j = 1; j <= bl; j++) {
			const bool same = a[i - 1] == b[j - 1];

			cur[j] = least(last[j] + 1, cur[j - 1] + 1,
				       last[j - 1] + !same);

			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
			    a[i - 2] == b[j - 1])
				cur[j] = least(cur[j], before[j - 2] + 1,
					       cur[j]);
		}

		before = last;
		last   = cur;
		cur    = spent;
	}

	return last[bl];
}


const char *errors_nearest(const char *word, const char *const *wordv,
			   size_t wordc)
{
	unsigned best = DISTANCE_MAX + 1;
	const char *nearest = NULL;
	size_t l;

	if (!word || !wordv)
		return NULL;

	l = strlen(word);
	if (l > WORD_MAX)
		return NULL;

	for (size_t i = 0; i < wordc; i++) {
		const size_t wl = strlen(wordv[i]);
		unsigned d;

		if (wl > WORD_MAX)
			continue;

		d = distance(word, l, wordv[i], wl);
		if (d < best && d * 2 < l) {
			best = d;
			nearest = wordv[i];
		}
	}

	return nearest;
}
