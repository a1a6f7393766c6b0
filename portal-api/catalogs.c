/**
 * @file catalogs.c  Templates of a store over those of a folder
 */
#include <stdlib.h>

#include "bridge/base/libre.h"
#include "bridge/store/store.h"
#include "catalogs.h"
#include "pbx-templates/template.h"


enum { TEXTS_MAX = 1000 };


struct texts {
	struct catalog_text *v;    /* owned, with what is in it */
	size_t c;
};


static int text_take(const char *name, int64_t revision, const char *text,
		     void *arg)
{
	struct texts *texts = arg;
	struct catalog_text *v;
	(void)revision;

	if (texts->c == TEXTS_MAX)
		return E2BIG;

	v = realloc(texts->v, (texts->c + 1) * sizeof(*v));
	if (!v)
		return ENOMEM;

	texts->v = v;
	v[texts->c].name = strdup(name);
	v[texts->c].text = strdup(text);
	++texts->c;

	return v[texts->c - 1].name && v[texts->c - 1].text ? 0 : ENOMEM;
}


int catalog_of_store(struct catalog **catp, struct store *st,
		     const char *folder, struct errors *errs)
{
	struct texts texts = { NULL, 0 };
	int err;

	err = store_template_list(st, text_take, &texts);
	if (!err)
		err = catalog_load_texts(catp, folder, texts.v, texts.c,
					 errs);

	for (size_t i = 0; i < texts.c; i++) {
		free((void *)(uintptr_t)texts.v[i].name);
		free((void *)(uintptr_t)texts.v[i].text);
	}
	free(texts.v);

	return err;
}
