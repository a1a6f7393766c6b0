/**
 * @file assign.c  Numbers and policies given to people, by Graph
 */
#include <event2/event.h>
#include <jansson.h>
#include <stdlib.h>

#include "bridge/base/libre.h"
#include "bridge/base/members.h"
#include "bridge/base/text.h"
#include "assign.h"


#define ADMIN "/v1.0/admin/teams"
#define NUMBERS ADMIN "/telephoneNumberManagement/numberAssignments"

enum {
	PAGES_MAX  = 10000,
	POLL_S     = 2,            /* then 4, 8, 16, 30, 30 ...             */
	POLL_MAX_S = 30,
	POLLS_S    = 600,
	POLICYC    = 2,
	SECOND_MS  = 1000,
};

static const char *const typev[POLICYC] = {
	"OnlineVoiceRoutingPolicy", "TenantDialPlan",
};


struct assign {
	struct graph *g;           /* borrowed */
	struct event *timer;       /* owned: when to poll */
	struct event *step;        /* owned: whose turn is next */
	struct list *people;       /* borrowed */
	struct le *le;             /* whose turn it is */
	json_t *have;              /* owned: by id, what Graph has */
	json_t *holders;           /* owned: by number, id */
	json_t *seen;              /* owned: links */
	unsigned pages;
	char *policy;              /* owned */
	char *policyv[POLICYC];    /* owned: ids; NULL: none by that name */
	size_t policyc;            /* looked up, or granted to who is next */
	bool changed;              /* the person has got something */
	char *operation;           /* owned: link of the one under way */
	uint32_t poll_s, polled_s, second_ms;
	bool dry;
	assign_h *h;
	void *arg;
};


static void policy_grant(struct assign *a);


static void destructor(void *data)
{
	struct assign *a = data;

	if (a->timer)
		event_free(a->timer);
	if (a->step)
		event_free(a->step);

	json_decref(a->have);
	json_decref(a->holders);
	json_decref(a->seen);
	mem_deref(a->operation);
	mem_deref(a->policy);
	for (size_t i = 0; i < POLICYC; i++)
		mem_deref(a->policyv[i]);
}


static void end(struct assign *a, const struct graph_result *result)
{
	a->h(result, a->arg);
}


static void fail(struct assign *a, enum graph_fault fault, const char *why)
{
	const struct graph_result result = {
		.fault = fault, .why = why, .request_id = "", .location = "",
	};

	end(a, &result);
}


static struct assignment *person(const struct assign *a)
{
	return list_ledata(a->le);
}


/** The next one's turn comes by the loop: there may be 100,000 */
static void person_end(struct assign *a, enum assign_state state,
		       const char *why)
{
	const struct timeval tv = {0, 0};

	person(a)->state = state;
	str_ncpy(person(a)->why, why, sizeof(person(a)->why));
	a->le = a->le->next;
	(void)event_add(a->step, &tv);
}


/** A permission or the network is everybody's, the rest is one person's */
static void person_fail(struct assign *a, const struct graph_result *result)
{
	switch (result->fault) {

	case GRAPH_REFUSED:
	case GRAPH_GONE:
	case GRAPH_UNREADABLE:
	case GRAPH_LINK_FOREIGN:
		person_end(a, ASSIGN_FAILED, result->why);
		break;

	default:
		end(a, result);
	}
}


static void ask(struct assign *a, const char *where, const char *body,
		graph_result_h *h)
{
	const int err = graph_send(a->g, where, body, h, a);

	if (err == EPERM)
		fail(a, GRAPH_LINK_FOREIGN, "a link leads to another host:"
		     " not asked for");
	else if (err)
		fail(a, GRAPH_NO_MEMORY, "no memory");
}


static void ask_json(struct assign *a, const char *where, json_t *json,
		     graph_result_h *h)
{
	char *body = json ? json_dumps(json, JSON_COMPACT) : NULL;

	if (body)
		ask(a, where, body, h);
	else
		fail(a, GRAPH_NO_MEMORY, "no memory");

	json_decref(json);
	free(body);
}


/* Operations of numbers: under way, until they are told as over */


/** Published samples have it bare, as `value`, and as a list of one */
static const json_t *operation_of(const json_t *json)
{
	const json_t *value = json_object_get(json, "value");

	if (json_is_array(value))
		return json_array_get(value, 0);

	return json_is_object(value) ? value : json;
}


static void operation_wait(struct assign *a)
{
	const uint64_t ms = (uint64_t)a->poll_s * a->second_ms;
	const struct timeval tv = {
		.tv_sec  = (time_t)(ms / 1000),
		.tv_usec = (suseconds_t)(ms % 1000 * 1000),
	};

	a->polled_s += a->poll_s;
	a->poll_s = a->poll_s * 2 > POLL_MAX_S ? POLL_MAX_S : a->poll_s * 2;
	(void)event_add(a->timer, &tv);
}


static void operation_came(const struct graph_result *result, void *arg)
{
	struct assign *a = arg;
	const json_t *op = operation_of(result->json);
	const char *status = text_of(op, "status"), *detail;
	char why[128];

	if (result->fault != GRAPH_GOOD) {
		person_fail(a, result);
		return;
	}

	if (!str_casecmp(status, "succeeded")) {
		a->changed = true;
		policy_grant(a);
		return;
	}

	if (!str_casecmp(status, "failed")) {
		detail = text_of(json_array_get(json_object_get(op,
								"numbers"),
						0), "statusDetail");
		if (!*detail)
			detail = "Teams does not say why";
		(void)text_escape(why, sizeof(why), detail, strlen(detail));
		person_end(a, ASSIGN_FAILED, why);
		return;
	}

	if (a->polled_s >= POLLS_S)
		person_end(a, ASSIGN_FAILED, "Teams has not finished it in"
			   " ten minutes: look again later");
	else
		operation_wait(a);
}


static void poll_due(evutil_socket_t fd, short what, void *arg)
{
	struct assign *a = arg;

	(void)fd;
	(void)what;

	ask(a, a->operation, NULL, operation_came);
}


static void number_came(const struct graph_result *result, void *arg)
{
	struct assign *a = arg;

	if (result->fault != GRAPH_GOOD) {
		person_fail(a, result);
		return;
	}

	a->operation = mem_deref(a->operation);
	if (!*result->location || str_dup(&a->operation, result->location)) {
		person_end(a, ASSIGN_FAILED, "Graph does not say where its"
			   " answer will be");
		return;
	}

	a->poll_s   = POLL_S;
	a->polled_s = 0;
	operation_wait(a);
}


/* One person */


static bool has_number(const json_t *row, const char *number)
{
	const json_t *one;
	size_t i;

	json_array_foreach(json_object_get(row, "telephoneNumbers"), i, one)
		if (!strcmp(text_of(one, "telephoneNumber"), number))
			return true;

	return false;
}


static bool has_policy(const json_t *row, const char *type, const char *id)
{
	const json_t *one;
	size_t i;

	json_array_foreach(json_object_get(row, "effectivePolicyAssignments"),
			   i, one)
		if (!str_casecmp(text_of(one, "policyType"), type) &&
		    !strcmp(text_of(json_object_get(one, "policyAssignment"),
				    "policyId"), id))
			return true;

	return false;
}


static void policy_came(const struct graph_result *result, void *arg)
{
	struct assign *a = arg;

	if (result->fault != GRAPH_GOOD) {
		person_fail(a, result);
		return;
	}

	a->changed = true;
	++a->policyc;
	policy_grant(a);
}


/** Number and policies are there; Teams may take its time with the voice */
static void all_given(struct assign *a, const json_t *row)
{
	const bool mute = json_is_false(json_object_get(row,
						"isEnterpriseVoiceEnabled"));

	if (a->changed)
		person_end(a, ASSIGN_DONE, "");
	else if (mute)
		person_end(a, a->dry ? ASSIGN_WOULD : ASSIGN_THERE,
			   "Teams has not switched on voice for this user"
			   " yet: it may take a day");
	else
		person_end(a, ASSIGN_THERE, "");
}


static void policy_grant(struct assign *a)
{
	const json_t *row = json_object_get(a->have, person(a)->id);

	while (a->policyc < POLICYC &&
	       has_policy(row, typev[a->policyc], a->policyv[a->policyc]))
		++a->policyc;

	if (a->policyc == POLICYC) {
		all_given(a, row);
		return;
	}

	if (a->dry) {
		person_end(a, ASSIGN_WOULD, "");
		return;
	}

	ask_json(a, ADMIN "/policy/userAssignments/assign",
		 json_pack("{s:[{s:s, s:s, s:s}]}", "value",
			   "userId", person(a)->id,
			   "policyType", typev[a->policyc],
			   "policyId", a->policyv[a->policyc]), policy_came);
}


static void person_next(evutil_socket_t fd, short what, void *arg)
{
	struct assign *a = arg;
	const struct graph_result good = {.why = "", .request_id = "",
					  .location = ""};
	const char *holder;
	const json_t *row;

	(void)fd;
	(void)what;

	if (!a->le) {
		end(a, &good);
		return;
	}

	a->policyc = 0;
	a->changed = false;
	row    = json_object_get(a->have, person(a)->id);
	str_ncpy(person(a)->has, text_of(json_array_get(json_object_get(
			row, "telephoneNumbers"), 0), "telephoneNumber"),
		 sizeof(person(a)->has));
	holder = text_of(a->holders, person(a)->number);

	if (*person(a)->number != '+')
		person_end(a, ASSIGN_FAILED, "Graph does not assign"
			   " extensions: the script does");
	else if (!row)
		person_end(a, ASSIGN_FAILED, "Teams does not know the user"
			   " yet: a new licence may take a day");
	else if (has_number(row, person(a)->number))
		policy_grant(a);
	else if (*holder)
		person_end(a, ASSIGN_FAILED, "somebody else in Teams has that"
			   " number");
	else if (json_array_size(json_object_get(row, "telephoneNumbers")))
		person_end(a, ASSIGN_FAILED, "has another number in Teams:"
			   " take it away there first");
	else if (a->dry)
		person_end(a, ASSIGN_WOULD, "");
	else
		ask_json(a, NUMBERS "/assignNumber",
			 json_pack("{s:s, s:s, s:s, s:s}",
				   "telephoneNumber", person(a)->number,
				   "assignmentTargetId", person(a)->id,
				   "numberType", "directRouting",
				   "assignmentCategory", "primary"),
			 number_came);
}


/* What there is */


static void policy_find(struct assign *a);


static void policy_found(const struct graph_result *result, void *arg)
{
	struct assign *a = arg;
	const char *id = text_of(json_array_get(json_object_get(result->json,
								"value"), 0),
				 "policyId");
	char why[128];

	if (result->fault == GRAPH_GOOD && *id &&
	    !str_dup(&a->policyv[a->policyc], id)) {
		++a->policyc;
		policy_find(a);
		return;
	}

	if (result->fault != GRAPH_GOOD && result->fault != GRAPH_GONE &&
	    result->fault != GRAPH_REFUSED) {
		end(a, result);
		return;
	}

	(void)re_snprintf(why, sizeof(why), "Graph finds no %s \"%s\": run the"
			  " script first", typev[a->policyc], a->policy);
	fail(a, GRAPH_GONE, why);
}


static void policy_find(struct assign *a)
{
	char *where;

	if (a->policyc == POLICYC) {
		a->le = list_head(a->people);
		person_next(-1, 0, a);
		return;
	}

	if (re_sdprintf(&where, ADMIN "/policy/getPolicyId(type='%s',"
			"name='%s')", typev[a->policyc], a->policy)) {
		fail(a, GRAPH_NO_MEMORY, "no memory");
		return;
	}

	ask(a, where, NULL, policy_found);
	mem_deref(where);
}


static int row_take(struct assign *a, json_t *row)
{
	const char *id = text_of(row, "id");
	const json_t *one;
	size_t i;
	int err;

	if (!*id)
		return 0;

	err = json_object_set(a->have, id, row);
	json_array_foreach(json_object_get(row, "telephoneNumbers"), i, one) {
		const char *number = text_of(one, "telephoneNumber");

		if (*number)
			err |= json_object_set_new(a->holders, number,
						   json_string(id));
	}

	return err;
}


static void page_came(const struct graph_result *result, void *arg)
{
	struct assign *a = arg;
	const json_t *value = json_object_get(result->json, "value");
	const char *next = text_of(result->json, "@odata.nextLink");
	json_t *row;
	int err = 0;
	size_t i;

	if (result->fault != GRAPH_GOOD) {
		end(a, result);
		return;
	}

	if (!json_is_array(value)) {
		fail(a, GRAPH_UNREADABLE, "a page of Teams users has no list");
		return;
	}

	json_array_foreach(value, i, row)
		err |= row_take(a, row);

	if (!err && *next && (json_object_get(a->seen, next) ||
			      ++a->pages > PAGES_MAX)) {
		fail(a, GRAPH_UNREADABLE, "the list of Teams users has no"
		     " end");
		return;
	}

	if (!err && *next)
		err = json_object_set_new(a->seen, next, json_true());

	if (err)
		fail(a, GRAPH_NO_MEMORY, "no memory");
	else if (*next)
		ask(a, next, NULL, page_came);
	else
		policy_find(a);
}


/* Public */


static void assignment_destructor(void *data)
{
	struct assignment *one = data;

	list_unlink(&one->le);
	mem_deref(one->id);
	mem_deref(one->number);
}


int assignment_alloc(struct assignment **ap, const char *id,
		     const char *number)
{
	struct assignment *one;
	int err;

	if (!ap || !id || !number)
		return EINVAL;

	one = mem_zalloc(sizeof(*one), assignment_destructor);
	if (!one)
		return ENOMEM;

	err = str_dup(&one->id, id);
	if (!err)
		err = str_dup(&one->number, number);
	if (err)
		mem_deref(one);
	else
		*ap = one;

	return err;
}


int assign_begin(struct assign **ap, struct event_base *base,
		 struct graph *g, struct list *people,
		 const struct assign_conf *conf, assign_h *h, void *arg)
{
	struct assign *a;
	int err = 0;

	if (!ap || !base || !g || !people || !conf || !conf->policy || !h)
		return EINVAL;

	a = mem_zalloc(sizeof(*a), destructor);
	if (!a)
		return ENOMEM;

	a->g       = g;
	a->people  = people;
	a->dry     = conf->dry;
	a->h       = h;
	a->arg     = arg;
	a->second_ms = conf->second_ms ? conf->second_ms : SECOND_MS;
	a->timer   = evtimer_new(base, poll_due, a);
	a->step    = evtimer_new(base, person_next, a);
	a->have    = json_object();
	a->holders = json_object();
	a->seen    = json_object();
	if (!a->timer || !a->step || !a->have || !a->holders || !a->seen)
		err = ENOMEM;
	if (!err)
		err = str_dup(&a->policy, conf->policy);
	if (!err)
		err = graph_send(g, ADMIN "/userConfigurations?$select=id,"
				 "telephoneNumbers,isEnterpriseVoiceEnabled,"
				 "effectivePolicyAssignments", NULL,
				 page_came, a);

	if (err)
		mem_deref(a);
	else
		*ap = a;

	return err;
}
