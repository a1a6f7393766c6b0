/**
 * @file matching.c  Who can call, and why others cannot: two lists together
 */
#include "bridge/base/libre.h"
#include "matching.h"


enum { BUCKETS = 4096 };

static const struct {
	const char *name, *text, *advice;
} whyv[MATCH_WHYC] = {
	[MATCH_READY] = {"ready", "", ""},
	[MATCH_UNKNOWN] = {"unknown",
		"Microsoft 365 has no user of that name",
		"check the spelling of the user principal name; a new user"
		" may take some minutes to be seen"},
	[MATCH_GUEST] = {"guest", "a guest of the tenant",
		"guests cannot have a number"},
	[MATCH_RESOURCE] = {"resource_account",
		"a resource account (auto attendant or call queue)",
		"it gets its number in the Teams admin centre"},
	[MATCH_DISABLED] = {"account_disabled",
		"the account is blocked at Microsoft",
		"unblock sign-in in the Microsoft 365 admin centre"},
	[MATCH_NO_LICENCE] = {"no_licence", "no Teams Phone licence",
		"assign Teams Phone (in E5, or an add-on); it may take a day"
		" until Teams knows"},
	[MATCH_LICENCE_LOCKED] = {"licence_locked",
		"the Teams Phone licence is suspended or has ended",
		"renew the subscription, or assign another licence"},
	[MATCH_NO_COUNTRY] = {"no_country",
		"no usage location at Microsoft",
		"set the usage location in the Microsoft 365 admin centre,"
		" then sync again"},
	[MATCH_NOT_OURS] = {"no_pbx_account", "no PBX account here",
		"add the user with number, PBX and SIP credentials"},
	[MATCH_OFF] = {"off", "not enabled here", "set enabled: true"},
	[MATCH_LEFT] = {"left", "Microsoft 365 has this user no more",
		"disable the user here, if they have left for good; an"
		" account that is restored comes back by itself"},
};

static const char *const notev[] = {
	[MATCH_NO_NOTE]       = "",
	[MATCH_LICENCE_ENDS]  = "the licence has run out and works for a"
				" while only",
	[MATCH_OTHER_COUNTRY] = "another country here than Microsoft's usage"
				" location",
};


const char *match_why_name(enum match_why why)
{
	return whyv[why].name;
}


enum match_why match_why_named(const char *name)
{
	size_t i = 0;

	while (i < MATCH_WHYC && strcmp(whyv[i].name, name))
		++i;

	return (enum match_why)i;
}


const char *match_why_text(enum match_why why)
{
	return whyv[why].text;
}


const char *match_why_advice(enum match_why why)
{
	return whyv[why].advice;
}


const char *match_note_text(enum match_note note)
{
	return notev[note];
}


static void destructor(void *data)
{
	struct match *match = data;

	list_unlink(&match->le);
	hash_unlink(&match->he);
}


enum match_why match_person(const struct person *person)
{
	if (person->guest)
		return MATCH_GUEST;
	if (person->resource && person->licence < LICENCE_WARNING)
		return MATCH_RESOURCE;
	if (person->disabled)
		return MATCH_DISABLED;

	switch (person->licence) {

	case LICENCE_NONE:   return MATCH_NO_LICENCE;
	case LICENCE_LOCKED: return MATCH_LICENCE_LOCKED;
	case LICENCE_WARNING:
	case LICENCE_ENABLED:
		break;
	}

	return *person->country ? MATCH_READY : MATCH_NO_COUNTRY;
}


static enum match_note note_of(const struct match *match,
			       const struct tenant *tenant)
{
	const struct pbx *pbx = tenant_pbx(tenant, match->user->pbx);
	const char *country = match->user->country ? match->user->country
		: pbx ? pbx->country : NULL;

	if (match->person->licence == LICENCE_WARNING)
		return MATCH_LICENCE_ENDS;

	return country && str_casecmp(country, match->person->country)
		? MATCH_OTHER_COUNTRY : MATCH_NO_NOTE;
}


static void judge(struct match *match, const struct tenant *tenant)
{
	if (!match->person) {
		match->why = MATCH_UNKNOWN;
		return;
	}

	match->why = match_person(match->person);
	if (match->why != MATCH_READY)
		return;

	if (!match->user)
		match->why = MATCH_NOT_OURS;
	else if (!match->user->enabled)
		match->why = MATCH_OFF;

	if (match->user)
		match->note = note_of(match, tenant);
}


static bool upn_handler(struct le *le, void *arg)
{
	const struct match *match = le->data;

	return !str_casecmp(match->user->upn,
			    ((const struct person *)arg)->upn);
}


static struct match *match_add(struct list *matchl)
{
	struct match *match = mem_zalloc(sizeof(*match), destructor);

	if (match)
		list_append(matchl, &match->le, match);

	return match;
}


static int users_add(struct list *matchl, struct hash *users,
		     const struct tenant *tenant)
{
	struct le *le;

	LIST_FOREACH(&tenant->userl, le) {
		const struct user *user = le->data;
		struct match *match = match_add(matchl);

		if (!match)
			return ENOMEM;

		match->user = user;
		hash_append(users, hash_joaat_str_ci(user->upn), &match->he,
			    match);
	}

	return 0;
}


static int people_add(struct list *matchl, struct hash *users,
		      const struct directory *dir)
{
	struct le *le;

	LIST_FOREACH(directory_people(dir), le) {
		struct person *person = le->data;
		struct match *match;

		match = list_ledata(hash_lookup(users,
						hash_joaat_str_ci(person->upn),
						upn_handler, person));
		if (!match)
			match = match_add(matchl);
		if (!match)
			return ENOMEM;

		match->person = person;
	}

	return 0;
}


int match_all(struct list *matchl, const struct directory *dir,
	      const struct tenant *tenant)
{
	struct hash *users = NULL;
	struct le *le;
	int err;

	if (!matchl || !dir || !tenant)
		return EINVAL;

	err = hash_alloc(&users, BUCKETS);
	if (!err)
		err = users_add(matchl, users, tenant);
	if (!err)
		err = people_add(matchl, users, dir);

	LIST_FOREACH(matchl, le)
		judge(le->data, tenant);

	if (err)
		list_flush(matchl);
	else if (users)
		hash_clear(users);
	mem_deref(users);

	return err;
}
