/**
 * @file outages.c  When registrations were lost, and for how long
 *
 * The history comes newest first. Of each user the moment is kept from which
 * what comes later is known; the state before it lasted until then.
 */
#include <jansson.h>
#include <time.h>

#include "call_filter.h"
#include "outages.h"


enum {
	CHANGES_MAX = 200000,
	LIST_MAX    = 1000,
};


struct fold {
	const struct call_filter *filter;
	json_t *users;             /* owned: "tenant upn" -> row           */
	json_t *known;             /* owned: the same -> {since_s, state}  */
	json_t *list;              /* borrowed                             */
	int64_t from_s, to_s;
};


static void key_of(char *key, size_t size, const json_t *row)
{
	(void)re_snprintf(key, size, "%s %s", answer_str(row, "tenant"),
			  answer_str(row, "upn"));
	for (char *p = key; *p; p++)
		if (*p >= 'A' && *p <= 'Z')
			*p += 'a' - 'A';
}


static void add(json_t *row, const char *name, int64_t by)
{
	(void)json_object_set_new(row, name, json_integer(
				  answer_int(row, name) + by));
}


/** One outage. @param to_s  0: it lasts */
static void outage_add(struct fold *f, json_t *user, const json_t *change,
		       int64_t to_s)
{
	const int64_t began_s = answer_int(change, "since_s");
	const int64_t from_s = began_s > f->from_s ? began_s : f->from_s;
	const int64_t end_s = to_s && to_s < f->to_s ? to_s : f->to_s;

	if (end_s <= from_s && to_s)
		return;

	add(user, "outages", 1);
	add(user, "outage_s", end_s - from_s);
	if (end_s - from_s > answer_int(user, "longest_s"))
		(void)json_object_set_new(user, "longest_s",
					  json_integer(end_s - from_s));

	if (json_array_size(f->list) < LIST_MAX)
		(void)json_array_append_new(f->list, json_pack(
			"{s:s, s:s, s:s, s:I, s:I, s:s, s:s}",
			"tenant", answer_str(change, "tenant"),
			"pbx", answer_str(change, "pbx"),
			"upn", answer_str(change, "upn"),
			"from_s", (json_int_t)began_s,
			"to_s", (json_int_t)to_s,
			"reason", answer_str(change, "reason"),
			"words", answer_str(change, "words")));
}


/** A change, older than those before it; its state lasted until those */
static void change_take(struct fold *f, const json_t *change)
{
	const int64_t since_s = answer_int(change, "since_s");
	const char *state = answer_str(change, "state");
	json_t *known, *user;
	int64_t to_s;
	char key[256];

	key_of(key, sizeof(key), change);
	user  = json_object_get(f->users, key);
	known = json_object_get(f->known, key);
	to_s  = known ? answer_int(known, "since_s") : 0;

	/* the same state told again: another reason, a mailbox */
	if (!user || !since_s || (known && since_s >= to_s))
		return;

	if (!strcmp(state, "failing") || !strcmp(state, "lagging"))
		outage_add(f, user, change, to_s);

	(void)json_object_set_new(f->known, key, json_pack("{s:I}",
				  "since_s", (json_int_t)since_s));
}


static int begin(struct fold *f, const struct call_filter *filter,
		 const json_t *rows)
{
	json_t *row;
	char key[256];
	size_t i;

	f->filter = filter;
	f->from_s = filter->from_ms / 1000;
	f->to_s   = (int64_t)time(NULL);
	if (filter->to_ms / 1000 < f->to_s)
		f->to_s = filter->to_ms / 1000;

	f->users = json_object();
	f->known = json_object();
	f->list  = json_array();
	if (!f->users || !f->known || !f->list)
		return ENOMEM;

	json_array_foreach(rows, i, row) {
		key_of(key, sizeof(key), row);
		(void)json_object_set_new(row, "outages", json_integer(0));
		(void)json_object_set_new(row, "outage_s", json_integer(0));
		(void)json_object_set_new(row, "longest_s", json_integer(0));
		(void)json_object_set(f->users, key, row);
	}

	return 0;
}


/** "&tenant=contoso&pbx=hq", as far as the report is of one */
static int where_print(struct re_printf *pf, const struct call_filter *filter)
{
	int err = 0;

	if (filter->tenant)
		err = re_hprintf(pf, "&tenant=%H", ask_escape,
				 filter->tenant);
	if (!err && filter->pbx)
		err = re_hprintf(pf, "&pbx=%H", ask_escape, filter->pbx);

	return err;
}


/** All changes since the report begins, newest first, in one answer */
static int changes_take(const struct cli *cli, struct fold *f)
{
	const json_t *changes, *change;
	struct answer answer;
	size_t i;
	int status;

	status = ask(cli, &answer, false, "/api/v1/registration-history"
		     "/export?format=json&limit=%u&from_ms=%llu%H",
		     (unsigned)CHANGES_MAX,
		     (unsigned long long)f->filter->from_ms, where_print,
		     f->filter);
	if (status)
		return status;

	changes = json_object_get(answer.json, "changes");
	json_array_foreach(changes, i, change)
		if (answer_int(change, "since_s") <= f->to_s)
			change_take(f, change);

	if (i == CHANGES_MAX)
		term_error("report: only the last %u changes were looked at:"
			   " say --tenant, or a shorter time by --since",
			   (unsigned)CHANGES_MAX);
	answer_clear(&answer);

	return EXIT_GOOD;
}


int outages_read(const struct cli *cli, const struct call_filter *filter,
		 const json_t *rows, json_t **listp)
{
	struct fold f = { NULL, NULL, NULL, NULL, 0, 0 };
	int status = EXIT_BAD;
	json_t *row;
	size_t i;

	if (begin(&f, filter, rows))
		goto out;

	/* how they are now is the newest there is, also while the history
	   is still being written down */
	json_array_foreach(rows, i, row)
		if (answer_int(row, "since_s") <= f.to_s)
			change_take(&f, row);

	status = changes_take(cli, &f);

 out:
	json_decref(f.users);
	json_decref(f.known);
	if (status == EXIT_GOOD)
		*listp = f.list;
	else
		json_decref(f.list);

	return status;
}
