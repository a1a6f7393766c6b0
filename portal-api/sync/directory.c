/**
 * @file directory.c  A customer's people, as Microsoft 365 knows them
 */
#include <jansson.h>

#include "bridge/base/libre.h"
#include "bridge/base/log.h"
#include "directory.h"


#define FIRST_ROUND "/v1.0/users/delta?$select=id,userPrincipalName," \
	"displayName,usageLocation,accountEnabled,userType,assignedPlans," \
	"businessPhones,mobilePhone"

enum { PAGES_MAX = 10000, BUCKETS = 4096, MISSING_MAX = 2 };

/* Service plans: Teams Phone (and for governments), resource accounts */
static const char *const phonev[] = {
	"4828c8ec-dc2e-4779-b502-87ac9ce28ab7",
	"db23fce2-a974-42ef-9002-d78dd42a0f22",
};
static const char resource_plan[] = "f47330e9-c134-43b3-9993-e7f004506889";


struct directory {
	struct list peoplel;       /* struct person, owned */
	struct list leftl;         /* struct person, owned: gone lately */
	struct hash *people;       /* by id */
	char *delta;               /* owned, NULL: all has to be read */
	char *next;                /* owned: of what was gathered, NULL */
	uint64_t round;            /* full ones */

	struct graph *g;           /* borrowed while pulling, else NULL */
	bool full;                 /* this round reads all */
	bool apart;                /* it counts when it is committed */
	bool again;                /* ... because Graph asked for it */
	json_t *rows;              /* owned: of this round's pages */
	json_t *seen;              /* owned: its links, as keys */
	struct directory_counts counts;
	directory_h *h;
	void *arg;
};


/* People */


static void person_destructor(void *data)
{
	struct person *person = data;

	list_unlink(&person->le);
	hash_unlink(&person->he);
	mem_deref(person->id);
	mem_deref(person->upn);
	mem_deref(person->name);
	mem_deref(person->country);
	mem_deref(person->phone);
	mem_deref(person->mobile);
}


static bool id_handler(struct le *le, void *arg)
{
	const struct person *person = le->data;

	return !strcmp(person->id, arg);
}


static struct person *person_find(struct directory *dir, const char *id)
{
	char key[64];

	str_ncpy(key, id, sizeof(key));

	return list_ledata(hash_lookup(dir->people, hash_joaat_str(key),
				       id_handler, key));
}


static int person_make(struct person **personp, struct directory *dir,
		       const char *id)
{
	struct person *person;
	int err;

	person = mem_zalloc(sizeof(*person), person_destructor);
	if (!person)
		return ENOMEM;

	err = str_dup(&person->id, id);
	if (!err)
		err = str_dup(&person->upn, "");
	if (!err)
		err = str_dup(&person->name, "");
	if (!err)
		err = str_dup(&person->country, "");
	if (!err)
		err = str_dup(&person->phone, "");
	if (!err)
		err = str_dup(&person->mobile, "");
	if (err) {
		mem_deref(person);
		return err;
	}

	list_append(&dir->peoplel, &person->le, person);
	hash_append(dir->people, hash_joaat_str(id), &person->he, person);
	*personp = person;

	return 0;
}


/** What is not there stays as it was; null is nothing. Of a list it is the
    first */
static int text_take(char **textp, const json_t *row, const char *name)
{
	const json_t *list = json_object_get(row, name);
	const json_t *value = json_array_size(list) ? json_array_get(list, 0)
		: list;
	const char *text = json_string_value(value);
	char *copy;
	int err;

	if (!value)
		return 0;

	err = str_dup(&copy, text ? text : "");
	if (err)
		return err;

	mem_deref(*textp);
	*textp = copy;

	return 0;
}


static enum licence licence_of(const char *status)
{
	if (!str_casecmp(status, "Enabled"))
		return LICENCE_ENABLED;

	return str_casecmp(status, "Warning") ? LICENCE_LOCKED
		: LICENCE_WARNING;
}


/** A plan may occur several times: the best one counts */
static void plans_take(struct person *person, const json_t *plans)
{
	const json_t *plan;
	size_t i;

	person->licence  = LICENCE_NONE;
	person->resource = false;

	json_array_foreach(plans, i, plan) {
		const char *id = json_string_value(
			json_object_get(plan, "servicePlanId"));
		const char *status = json_string_value(
			json_object_get(plan, "capabilityStatus"));
		enum licence licence;

		if (!id || !status)
			continue;

		licence = licence_of(status);
		if (!str_casecmp(id, resource_plan) &&
		    licence >= LICENCE_WARNING)
			person->resource = true;

		for (size_t k = 0; k < RE_ARRAY_SIZE(phonev); k++)
			if (!str_casecmp(id, phonev[k]) &&
			    licence > person->licence)
				person->licence = licence;
	}
}


/** Gone, but still to be told */
static void person_leave(struct directory *dir, struct person *person)
{
	++dir->counts.removed;
	list_unlink(&person->le);
	hash_unlink(&person->he);
	list_append(&dir->leftl, &person->le, person);
}


static int row_take(struct directory *dir, const json_t *row)
{
	const char *id = json_string_value(json_object_get(row, "id"));
	const json_t *value;
	struct person *person;
	int err = 0;

	/* a row without a name is nobody */
	if (!id || !*id || strlen(id) >= 64)
		return 0;

	person = person_find(dir, id);
	if (json_object_get(row, "@removed")) {
		if (person)
			person_leave(dir, person);
		return 0;
	}

	if (!person)
		err = person_make(&person, dir, id);
	if (err)
		return err;

	err = text_take(&person->upn, row, "userPrincipalName");
	if (!err)
		err = text_take(&person->name, row, "displayName");
	if (!err)
		err = text_take(&person->country, row, "usageLocation");
	if (!err)
		err = text_take(&person->phone, row, "businessPhones");
	if (!err)
		err = text_take(&person->mobile, row, "mobilePhone");

	value = json_object_get(row, "accountEnabled");
	if (value)
		person->disabled = json_is_false(value);
	value = json_object_get(row, "userType");
	if (value)
		person->guest = json_is_string(value) &&
			!str_casecmp(json_string_value(value), "Guest");
	value = json_object_get(row, "assignedPlans");
	if (value)
		plans_take(person, value);

	person->round   = dir->round;
	person->missing = 0;
	person->changed = true;

	return err;
}


/** Who was in none of the last rounds of all is gone */
static void unseen_remove(struct directory *dir)
{
	struct le *le = list_head(&dir->peoplel);

	while (le) {
		struct person *person = le->data;

		le = le->next;
		if (person->round == dir->round)
			continue;

		person->changed = true;
		if (++person->missing >= MISSING_MAX)
			person_leave(dir, person);
	}
}


/* A round */


static void round_end(struct directory *dir, const struct graph_result *result)
{
	if (!dir->next) {
		json_decref(dir->rows);
		dir->rows = NULL;
	}
	json_decref(dir->seen);
	dir->seen = NULL;
	dir->g = NULL;

	dir->h(result, dir->arg);
}


static void round_fail(struct directory *dir, enum graph_fault fault,
		       const char *why)
{
	const struct graph_result result = {
		.fault = fault, .why = why, .request_id = "",
		.location = "",
	};

	round_end(dir, &result);
}


/** What it was before */
static void changes_forget(struct directory *dir)
{
	struct le *le;

	list_flush(&dir->leftl);
	LIST_FOREACH(&dir->peoplel, le) {
		struct person *person = le->data;

		person->changed = false;
	}
}


int directory_commit(struct directory *dir)
{
	const json_t *row;
	size_t i;
	int err = 0;

	if (!dir || !dir->next)
		return EINVAL;

	changes_forget(dir);
	dir->round += dir->full;
	dir->counts.seen = (unsigned)json_array_size(dir->rows);
	json_array_foreach(dir->rows, i, row)
		err |= row_take(dir, row);

	if (!err && dir->full)
		unseen_remove(dir);

	/* half of it was taken: next time all is read */
	mem_deref(dir->delta);
	dir->delta = err ? mem_deref(dir->next) : dir->next;
	dir->next  = NULL;
	json_decref(dir->rows);
	dir->rows = NULL;

	return err ? ENOMEM : 0;
}


/** All pages are here: now it counts, or when it is told to */
static void round_good(struct directory *dir, const char *delta,
		       const struct graph_result *result)
{
	int err;

	err = str_dup(&dir->next, delta);
	if (!err && !dir->apart)
		err = directory_commit(dir);

	if (err)
		round_fail(dir, GRAPH_NO_MEMORY, "no memory");
	else
		round_end(dir, result);
}


static void page_came(const struct graph_result *result, void *arg);


static void page_ask(struct directory *dir, const char *link)
{
	if (json_object_get(dir->seen, link) ||
	    ++dir->counts.pages > PAGES_MAX) {
		round_fail(dir, GRAPH_UNREADABLE, "the list of users has no"
			   " end: a page leads to one that was read");
		return;
	}

	if (json_object_set_new(dir->seen, link, json_true())) {
		round_fail(dir, GRAPH_NO_MEMORY, "no memory");
		return;
	}

	switch (graph_send(dir->g, link, NULL, page_came, dir)) {

	case 0:
		break;

	case EPERM:
		round_fail(dir, GRAPH_LINK_FOREIGN, "the next page of the"
			   " list is said to be at another host: not asked"
			   " for");
		break;

	default:
		round_fail(dir, GRAPH_NO_MEMORY, "no memory");
	}
}


/** From the beginning, when the delta link is not taken any more */
static void round_restart(struct directory *dir)
{
	dir->again = true;
	dir->full  = true;
	dir->delta = mem_deref(dir->delta);
	(void)json_array_clear(dir->rows);
	(void)json_object_clear(dir->seen);

	info("sync", "", "the delta link has had its time: reading all users");
	page_ask(dir, FIRST_ROUND);
}


static const char *link_of(const json_t *page, const char *name,
			   const char *other)
{
	const char *link = json_string_value(json_object_get(page, name));

	return link ? link : json_string_value(json_object_get(page, other));
}


static void page_came(const struct graph_result *result, void *arg)
{
	struct directory *dir = arg;
	const json_t *value = json_object_get(result->json, "value");
	const char *next, *delta;

	if (result->fault == GRAPH_RESYNC && !dir->again) {
		round_restart(dir);
		return;
	}

	if (result->fault != GRAPH_GOOD) {
		round_end(dir, result);
		return;
	}

	if (!json_is_array(value)) {
		round_fail(dir, GRAPH_UNREADABLE, "a page of users has no"
			   " list");
		return;
	}

	if (json_array_extend(dir->rows, (json_t *)(uintptr_t)value)) {
		round_fail(dir, GRAPH_NO_MEMORY, "no memory");
		return;
	}

	/* one of Microsoft's documents writes it with a capital */
	next  = link_of(result->json, "@odata.nextLink", "@odata.NextLink");
	delta = link_of(result->json, "@odata.deltaLink", "@odata.DeltaLink");
	if (next)
		page_ask(dir, next);
	else if (delta)
		round_good(dir, delta, result);
	else
		round_fail(dir, GRAPH_UNREADABLE, "the list of users ends"
			   " without a delta link");
}


/* Public */


static void destructor(void *data)
{
	struct directory *dir = data;

	list_flush(&dir->peoplel);
	list_flush(&dir->leftl);
	mem_deref(dir->people);
	mem_deref(dir->delta);
	mem_deref(dir->next);
	json_decref(dir->rows);
	json_decref(dir->seen);
}


int directory_alloc(struct directory **dirp)
{
	struct directory *dir;
	int err;

	if (!dirp)
		return EINVAL;

	dir = mem_zalloc(sizeof(*dir), destructor);
	if (!dir)
		return ENOMEM;

	err = hash_alloc(&dir->people, BUCKETS);
	if (err)
		mem_deref(dir);
	else
		*dirp = dir;

	return err;
}


static int round_begin(struct directory *dir, struct graph *g, bool apart,
		       directory_h *h, void *arg)
{
	const char *from;
	int err;

	if (!dir || !g || !h)
		return EINVAL;
	if (dir->g)
		return EALREADY;

	/* what was gathered and never committed */
	dir->next = mem_deref(dir->next);
	json_decref(dir->rows);

	from = dir->delta ? dir->delta : FIRST_ROUND;
	dir->full  = !dir->delta;
	dir->again = false;
	dir->rows  = json_array();
	dir->seen  = json_object();
	if (!dir->rows || !dir->seen ||
	    json_object_set_new(dir->seen, from, json_true()))
		err = ENOMEM;
	else
		err = graph_send(g, from, NULL, page_came, dir);
	if (err) {
		json_decref(dir->rows);
		json_decref(dir->seen);
		dir->rows = dir->seen = NULL;
		return err;
	}

	memset(&dir->counts, 0, sizeof(dir->counts));
	dir->counts.pages = 1;
	dir->apart = apart;
	dir->h   = h;
	dir->arg = arg;
	dir->g   = g;

	return 0;
}


int directory_pull(struct directory *dir, struct graph *g, directory_h *h,
		   void *arg)
{
	return round_begin(dir, g, false, h, arg);
}


int directory_gather(struct directory *dir, struct graph *g, directory_h *h,
		     void *arg)
{
	return round_begin(dir, g, true, h, arg);
}


const struct list *directory_people(const struct directory *dir)
{
	return dir ? &dir->peoplel : NULL;
}


void directory_counts(const struct directory *dir,
		      struct directory_counts *counts)
{
	*counts = dir->counts;
}


const struct list *directory_left(const struct directory *dir)
{
	return dir ? &dir->leftl : NULL;
}


bool directory_was_full(const struct directory *dir)
{
	return dir->full;
}


const char *directory_delta(const struct directory *dir)
{
	return dir->delta ? dir->delta : "";
}


int directory_resume(struct directory *dir, const char *delta)
{
	char *copy;
	int err;

	err = str_dup(&copy, delta);
	if (err)
		return err;

	mem_deref(dir->delta);
	dir->delta = copy;

	return 0;
}


/* Kept and put back */

static const char *const licencev[] = {
	[LICENCE_NONE] = "none", [LICENCE_LOCKED] = "locked",
	[LICENCE_WARNING] = "warning", [LICENCE_ENABLED] = "enabled",
};


json_t *person_json(const struct person *person)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:b, s:b, s:b, s:s}",
			 "upn", person->upn, "name", person->name,
			 "country", person->country, "phone", person->phone,
			 "mobile", person->mobile, "guest", person->guest,
			 "disabled", person->disabled, "resource",
			 person->resource, "licence",
			 licencev[person->licence]);
}


static enum licence licence_named(const char *name)
{
	for (size_t i = 0; name && i < RE_ARRAY_SIZE(licencev); i++)
		if (!strcmp(licencev[i], name))
			return (enum licence)i;

	return LICENCE_NONE;
}


int directory_put(struct directory *dir, const char *id, unsigned missing,
		  const json_t *json)
{
	struct person *person;
	int err;

	if (!dir || !id || !*id || strlen(id) >= 64 ||
	    !json_is_object(json) || person_find(dir, id))
		return EBADMSG;

	err = person_make(&person, dir, id);
	if (err)
		return err;

	err  = text_take(&person->upn, json, "upn");
	err |= text_take(&person->name, json, "name");
	err |= text_take(&person->country, json, "country");
	err |= text_take(&person->phone, json, "phone");
	err |= text_take(&person->mobile, json, "mobile");
	person->missing  = missing;
	person->guest    = json_is_true(json_object_get(json, "guest"));
	person->disabled = json_is_true(json_object_get(json, "disabled"));
	person->resource = json_is_true(json_object_get(json, "resource"));
	person->licence  = licence_named(json_string_value(
		json_object_get(json, "licence")));
	if (err)
		mem_deref(person);

	return err ? ENOMEM : 0;
}
