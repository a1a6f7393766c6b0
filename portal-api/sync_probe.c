/**
 * @file sync_probe.c  May the app do what it shall? Asked one by one
 *
 * A token is issued also where no permission was granted: only asking tells.
 * What writes cannot be tried without writing; its reading half is. But for
 * presence: the app takes back what it never set.
 */
#include <jansson.h>
#include <stdlib.h>

#include "bridge/base/libre.h"
#include "sync_run.h"


#define TEAMS "/v1.0/admin/teams"

enum about { NOBODY, SOMEBODY, SESSION };

static const struct question {
	const char *name, *permission, *where;
	enum sync_probe_for wanted;
	enum about about;          /* POST with somebody's id, or of the app's
				      session of somebody; else GET        */
	const char *what;          /* for a person */
} questionv[] = {
	{ "users", "User.Read.All", "/v1.0/users?$select=id&$top=1",
	  0, NOBODY, "read users, licences and countries" },
	{ "teams", "TeamsUserConfiguration.Read.All",
	  TEAMS "/userConfigurations?$select=id&$top=1",
	  SYNC_GIVES, NOBODY,
	  "read back what Teams has: number, voice, policies" },
	{ "numbers", "TeamsTelephoneNumber.ReadWrite.All",
	  TEAMS "/telephoneNumberManagement/numberAssignments?$top=1",
	  SYNC_GIVES, NOBODY, "assign numbers" },
	{ "policies", "TeamsPolicyUserAssign.ReadWrite.All",
	  TEAMS "/policy/getPolicyId(type='OnlineVoiceRoutingPolicy',"
	  "name='Global')", SYNC_GIVES, NOBODY, "grant policies" },
	{ "presence", "Presence.Read.All",
	  "/v1.0/communications/getPresencesByUserId", SYNC_WATCHES, SOMEBODY,
	  "see who does not want to be disturbed" },
	{ "presence-set", "Presence.ReadWrite.All",
	  "/presence/clearPresence", SYNC_SHOWS, SESSION,
	  "show in Teams who does not want to be disturbed" },
};


struct sync_probe {
	struct graph *g;           /* borrowed */
	const char *app;           /* borrowed: its id */
	json_t *rows;              /* ref */
	size_t i;                  /* question that is asked */
	unsigned uses;             /* enum sync_probe_for */
	char id[64];               /* somebody's, "" nobody */
	sync_probe_h *h;
	void *arg;
};


static void destructor(void *data)
{
	struct sync_probe *p = data;

	json_decref(p->rows);
}


static void row_add(struct sync_probe *p, const struct question *q,
		    const struct graph_result *result)
{
	/* what a session is asked for has no body */
	const bool good = result->fault == GRAPH_GOOD ||
		result->fault == GRAPH_GONE ||
		(q->about == SESSION && result->status == 200);

	(void)json_array_append_new(p->rows, json_pack(
		"{s:s, s:s, s:s, s:b, s:b, s:s, s:s, s:s, s:s}",
		"name", q->name, "permission", q->permission, "what", q->what,
		"wanted", !(q->wanted & ~p->uses), "good", good, "fault",
		graph_fault_name(good ? GRAPH_GOOD : result->fault), "why",
		good ? "" : result->why, "advice",
		good ? "" : graph_fault_advice(result->fault), "request_id",
		result->request_id));
}


static void next(struct sync_probe *p);


/** About nobody there is nothing to ask, nor about what nobody uses */
static bool is_asked(const struct sync_probe *p, const struct question *q)
{
	return q->about == NOBODY || (*p->id && (q->wanted & p->uses));
}


/** Without a token there is nothing more to ask */
static bool is_the_end(enum graph_fault fault)
{
	switch (fault) {

	case GRAPH_GOOD:
	case GRAPH_DENIED:
	case GRAPH_GONE:
	case GRAPH_REFUSED:
	case GRAPH_UNREADABLE:
		return false;

	default:
		return true;
	}
}


static void answered(const struct graph_result *result, void *arg)
{
	struct sync_probe *p = arg;
	const char *id = json_string_value(json_object_get(json_array_get(
		json_object_get(result->json, "value"), 0), "id"));

	if (!p->i && id)
		str_ncpy(p->id, id, sizeof(p->id));

	row_add(p, &questionv[p->i], result);
	if (is_the_end(result->fault))
		p->i = RE_ARRAY_SIZE(questionv);
	else
		++p->i;

	next(p);
}


static json_t *body_of(const struct sync_probe *p, const struct question *q)
{
	return q->about == SOMEBODY ? json_pack("{s:[s]}", "ids", p->id)
		: json_pack("{s:s}", "sessionId", p->app);
}


static int ask(struct sync_probe *p, const struct question *q)
{
	json_t *json = q->about == NOBODY ? NULL : body_of(p, q);
	char *body = json ? json_dumps(json, JSON_COMPACT) : NULL;
	char where[256];
	int err;

	json_decref(json);
	if (q->about != NOBODY && !body)
		return ENOMEM;

	(void)re_snprintf(where, sizeof(where), "%s%s%s", q->about == SESSION
			  ? "/v1.0/users/" : "", q->about == SESSION ? p->id
			  : "", q->where);
	err = graph_send(p->g, where, body, answered, p);
	free(body);

	return err;
}


static void next(struct sync_probe *p)
{
	const struct graph_result failed = {
		.fault = GRAPH_NO_MEMORY, .why = "no memory",
		.request_id = "", .location = "",
	};

	while (p->i < RE_ARRAY_SIZE(questionv)) {
		const struct question *q = &questionv[p->i];

		if (!is_asked(p, q)) {
			++p->i;
			continue;
		}

		if (!ask(p, q))
			return;

		row_add(p, q, &failed);
		p->i = RE_ARRAY_SIZE(questionv);
	}

	p->h(p->arg);
}


int sync_probe_begin(struct sync_probe **pp, struct graph *g, unsigned uses,
		     const char *app, json_t *rows, sync_probe_h *h, void *arg)
{
	struct sync_probe *p;
	int err;

	p = mem_zalloc(sizeof(*p), destructor);
	if (!p)
		return ENOMEM;

	p->g    = g;
	p->app  = app;
	p->rows = json_incref(rows);
	p->uses = uses;
	p->h    = h;
	p->arg  = arg;

	err = graph_send(g, questionv[0].where, NULL, answered, p);
	if (err)
		mem_deref(p);
	else
		*pp = p;

	return err;
}
