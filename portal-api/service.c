/**
 * @file service.c  The service itself: version, metrics, health, reload
 */
#include <event2/buffer.h>
#include <event2/http.h>
#include <jansson.h>
#include <sys/statvfs.h>

#include "bridge/base/libre.h"
#include "bridge/base/metrics.h"
#include "bridge/base/version.h"
#include "bridge/store/live.h"
#include "api.h"
#include "certificates.h"


enum {
	LIBRARIES_MAX = 16,
	ROOM_MIN      = 16 * 1024 * 1024,      /* octets on the disk */
};


/* Version */


static json_t *libraries_json(void)
{
	struct version libv[LIBRARIES_MAX];
	size_t c = version_libraries(libv, LIBRARIES_MAX);
	json_t *json = json_object();

	if (c > LIBRARIES_MAX)
		c = LIBRARIES_MAX;

	for (size_t i = 0; i < c; i++)
		(void)json_object_set_new(json, libv[i].name,
					  json_string(libv[i].version));

	return json;
}


void version_get(struct request *rq)
{
	reply_json(rq, HTTP_OK, json_pack("{s:s, s:s, s:o}",
		   "software", portal_conf(rq->portal)->software,
		   "version", version_software(),
		   "libraries", libraries_json()));
}


/* Metrics */


static int call_count(const struct call_record *rec, void *arg)
{
	int64_t *c = arg;

	*c += rec->state != CALL_ENDED;

	return 0;
}


static int trunk_count(const struct trunk_status *st, void *arg)
{
	int64_t *countv = arg;

	++countv[st->up];

	return 0;
}


/** What the live state tells is counted when it is asked for */
static void gauges_set(struct live *live)
{
	int64_t regv[REG_STATES] = {0}, trunkv[2] = {0}, calls = 0;
	char labels[64];

	live_reg_counts(live, NULL, regv);
	(void)live_trunk_apply(live, trunk_count, trunkv);
	(void)live_call_apply(live, call_count, &calls);

	for (int i = 0; i < REG_STATES; i++) {
		(void)re_snprintf(labels, sizeof(labels), "state=\"%s\"",
				  reg_state_name((enum reg_state)i));
		metric_set(metric_gauge("callbridge_registrations", labels,
					"Users by state of registration"),
			   regv[i]);
	}

	for (int i = 0; i < 2; i++)
		metric_set(metric_gauge("callbridge_trunks",
					i ? "state=\"up\"" :
					"state=\"down\"",
					"Trunks to Teams by state"),
			   trunkv[i]);

	metric_set(metric_gauge("callbridge_calls", NULL, "Calls now"),
		   calls);
}


void metrics_get(struct request *rq)
{
	struct evbuffer *body = evbuffer_new();
	struct re_printf pf = {.vph = reply_print, .arg = body};

	gauges_set(portal_conf(rq->portal)->live);
	certificates_measure(portal_certificates(rq->portal));

	if (!body || metrics_print(&pf, NULL)) {
		if (body)
			evbuffer_free(body);
		reply_json(rq, HTTP_INTERNAL, NULL);
		return;
	}

	reply_body(rq, HTTP_OK, "text/plain; version=0.0.4; charset=utf-8",
		   body);
}


/* Health */


/** This thread answers: it lives */
void live_get(struct request *rq)
{
	reply_json(rq, HTTP_OK, json_pack("{s:s}", "status", "live"));
}


static bool has_room(const char *path)
{
	struct statvfs st;

	return !statvfs(path, &st) &&
		(uint64_t)st.f_bavail * st.f_frsize >= ROOM_MIN;
}


/** Calls go on when the disk is full, but their records wait in memory: a
    node to keep new work from */
void ready_get(struct request *rq)
{
	const char *state_dir = portal_conf(rq->portal)->state_dir;

	if (has_room(state_dir))
		reply_json(rq, HTTP_OK, json_pack("{s:s}", "status",
						  "ready"));
	else
		reply_error(rq, HTTP_SERVUNAVAIL, "state_dir",
			    "%s: the disk is full or not there", state_dir);
}


/* Reload */


void reload_post(struct request *rq)
{
	struct portal_command cmd = {.type = PORTAL_RELOAD};

	portal_command(rq, &cmd);
}
