/**
 * @file field_text.c  Tables as a person reads them: explain
 */
#include "field_value.h"


enum { TYPE_MAX = 64, PAD = 32 };


static const char *or_dash(const char *text)
{
	return str_isset(text) ? text : "-";
}


static int print_flags(struct re_printf *pf, const struct field *f,
		       const char *before)
{
	static const struct {
		unsigned flag;
		const char *words;
	} flagv[] = {
		{ FIELD_REQUIRED, "required"               },
		{ FIELD_SECRET,   "secret, never shown"    },
		{ FIELD_KEY,      "cannot be changed"      },
		{ FIELD_ADVANCED, "advanced"               },
		{ FIELD_MSP,      "only the MSP may set it"},
	};
	const char *sep = before;
	int err = 0;

	for (size_t i = 0; i < sizeof(flagv) / sizeof(flagv[0]); i++) {
		if (!(f->flags & flagv[i].flag))
			continue;

		err |= re_hprintf(pf, "%s%s", sep, flagv[i].words);
		sep = "; ";
	}

	return err;
}


/* Explain */


static int explain_field(struct re_printf *pf, const struct field *f,
			 const char *path)
{
	char type[TYPE_MAX], want[FIELD_WANT_MAX];
	int err = 0;

	field_type_name(f, type, sizeof(type));
	field_want(f, want, sizeof(want));

	err |= re_hprintf(pf, "%s: %s\n", path, type);
	err |= re_hprintf(pf, "  %s\n", or_dash(f->help));
	err |= re_hprintf(pf, "  want     %s\n", want);
	if (f->type != FIELD_OBJECT && f->type != FIELD_LIST)
		err |= re_hprintf(pf, "  default  %s\n", f->dflt ?
				  (*f->dflt ? f->dflt : "\"\"") : "unset");
	err |= print_flags(pf, f, "  note     ");
	if (f->flags)
		err |= re_hprintf(pf, "\n");

	return err;
}


/** A line a field, those of mappings under their dotted paths */
static int list_fields(struct re_printf *pf, const struct fields *t,
		       struct path *path)
{
	int err = 0;

	for (size_t i = 0; i < t->fieldc && !err; i++) {
		const struct field *f = &t->fieldv[i];
		const size_t before = path_push(path, f->name);
		const size_t pad = path->len < PAD ? PAD - path->len : 1;

		err = re_hprintf(pf, "  %s", path->text);
		for (size_t j = 0; j < pad && !err; j++)
			err = re_hprintf(pf, " ");
		if (!err)
			err = re_hprintf(pf, "%s\n", or_dash(f->help));
		if (!err && f->sub)
			err = list_fields(pf, f->sub, path);

		path_pop(path, before);
	}

	return err;
}


int fields_explain(struct re_printf *pf, const struct fields *t,
		   const char *path)
{
	struct path prefix = { 0, "" };
	const struct field *f;
	int err = 0;

	if (!t)
		return EINVAL;

	if (!path) {
		err |= re_hprintf(pf, "%s: %s\n", t->name, or_dash(t->help));
		return err | list_fields(pf, t, &prefix);
	}

	f = fields_find(t, path);
	if (!f)
		return ENOENT;

	err = explain_field(pf, f, path);
	if (err || !f->sub)
		return err;

	(void)path_push(&prefix, path);

	return list_fields(pf, f->sub, &prefix);
}
