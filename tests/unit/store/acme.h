/**
 * @file acme.h  A customer in the store, and what is seen of it
 */
#ifndef TEST_STORE_ACME_H
#define TEST_STORE_ACME_H

#include <jansson.h>
#include <stdlib.h>

#include "world.h"


static const struct store_by by = { "ann", "192.0.2.1" };


static inline int put(struct world *w, enum store_kind kind,
		      const char *text, int64_t revision,
		      int64_t *new_revision)
{
	json_t *json = json_loads(text, 0, NULL);
	int err;

	assert_non_null(json);
	err = store_put(w->st, kind, "acme", json, revision, &by, w->errs,
			new_revision);
	json_decref(json);

	return err;
}


#define ANN "{\"upn\":\"Ann@acme.example\",\"number\":\"+442079460018\"," \
	"\"pbx\":\"london\",\"sip_username\":\"101\""


static inline void customer_put(struct world *w)
{
	assert_int_equal(put(w, STORE_TENANT, "{\"tenant\":\"acme\","
			     "\"teams\":{\"fqdn\":\"Acme.sbc.example\"}}",
			     STORE_NEW, NULL), 0);
	assert_int_equal(put(w, STORE_PBX, "{\"name\":\"london\","
			     "\"sip_domain\":\"pbx.example\","
			     "\"registration\":{\"expires\":\"30m\"}}",
			     STORE_NEW, NULL), 0);
	assert_int_equal(put(w, STORE_USER, ANN ",\"sip_password\":\"s3cret"
			     "\"}", STORE_NEW, NULL), 0);
}


struct seen {
	size_t c;
	char text[4096];           /* of the last one */
	char names[256];           /* of all          */
	int64_t revision;
};


static inline int see_object(const struct store_object *obj, void *arg)
{
	struct seen *seen = arg;
	char *text = json_dumps(obj->value, JSON_COMPACT | JSON_SORT_KEYS);

	str_ncpy(seen->text, text, sizeof(seen->text));
	free(text);
	(void)strcat(strcat(seen->names, obj->name), " ");
	seen->revision = obj->revision;
	++seen->c;

	return 0;
}

#endif
