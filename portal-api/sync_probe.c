/**
 * @file sync_probe.c  May the app do what it shall? Asked one by one
 *
 * A token is issued also where no permission was granted: only asking tells.
 * What writes cannot be tried without writing; its reading half is.
 */
#include <jansson.h>

#include "bridge/base/libre.h"
#include "sync_run.h"


#define TEAMS "/v1.0/admin/teams"

static const struct question {
	const char *name, *permission, *where;
	bool giving;               /* wanted by who gives by Graph */
	const char *what;          /* for a person */
} questionv[] = {
	{ "users", "User.Read.All", "/v1.0/users?$select=id&$top=1",
	  false, "read users, licences and countries" },
	{ "teams", "TeamsUserConfiguration.Read.All",
	  TEAMS "/userConfigurations?$select=id&$top=1", true,
	  "read back what Teams has: number, voice, policies" },
	{ "numbers", "TeamsTelephoneNumber.ReadWrite.All",
	  TEAMS "/telephoneNumberManagement/numberAssignments?$top=1",
	  true, "assign numbers" },
	{ "policies", "TeamsPolicyUserAssign.ReadWrite.All",
	  TEAMS "/policy/getPolicyId(type='OnlineVoiceRoutingPolicy',"
	  "name='Global')", true, "grant policies" },
};


struct sync_probe {
	struct graph *g;           /* borrowed */
	json_t *rows;              /* ref */
	size_t i;                  /* question that is asked */
	bool giving;
	sync_probe_h *h;
	void *arg;
};


static void destructor(void *data)
{
	struct sync_probe *p = data;

	json_decref(p->rows);
}


static bool is_wanted(const struct sync_probe *p, const struct question *q)
{
	return p->giving || !q->giving;
}


static void row_add(struct sync_probe *p, const struct question *q,
		    const struct graph_result *result)
{
	const bool good = result->fault == GRAPH_GOOD ||
		result->fault == GRAPH_GONE;

	(void)json_array_append_new(p->rows, json_pack(
		"{s:s, s:s, s:s, s:b, s:b, s:s, s:s, s:s, s:s}",
		"name", q->name, "permission", q->permission, "what", q->what,
		"wanted", is_wanted(p, q), "good", good, "fault",
		graph_fault_name(good ? GRAPH_GOOD : result->fault), "why",
		good ? "" : result->why, "advice",
		good ? "" : graph_fault_advice(result->fault), "request_id",
		result->request_id));
}


static void next(struct sync_probe *p);


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

	row_add(p, &questionv[p->i], result);
	if (is_the_end(result->fault))
		p->i = RE_ARRAY_SIZE(questionv);
	else
		++p->i;

	next(p);
}


static void next(struct sync_probe *p)
{
	const struct graph_result failed = {
		.fault = GRAPH_NO_MEMORY, .why = "no memory",
		.request_id = "", .location = "",
	};

	while (p->i < RE_ARRAY_SIZE(questionv)) {
		const struct question *q = &questionv[p->i];

		if (!graph_send(p->g, q->where, NULL, answered, p))
			return;

		row_add(p, q, &failed);
		p->i = RE_ARRAY_SIZE(questionv);
	}

	p->h(p->arg);
}


int sync_probe_begin(struct sync_probe **pp, struct graph *g, bool giving,
		     json_t *rows, sync_probe_h *h, void *arg)
{
	struct sync_probe *p;
	int err;

	p = mem_zalloc(sizeof(*p), destructor);
	if (!p)
		return ENOMEM;

	p->g      = g;
	p->rows   = json_incref(rows);
	p->giving = giving;
	p->h      = h;
	p->arg    = arg;

	err = graph_send(g, questionv[0].where, NULL, answered, p);
	if (err)
		mem_deref(p);
	else
		*pp = p;

	return err;
}
