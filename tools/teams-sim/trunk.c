/**
 * @file trunk.c  OPTIONS both ways, and the health that follows from them
 */
#include "trunk.h"
#include "conn.h"
#include "control.h"
#include "msg.h"
#include "tenant.h"
#include "trans.h"


static const char *const state_names[] = {
	[TRUNK_UNKNOWN] = "unknown",
	[TRUNK_UP] = "up",
	[TRUNK_DOWN] = "down",
	[TRUNK_DEMOTED] = "demoted",
};


static void set_state(struct trunk *trunk, enum trunk_state next,
		      const struct ping *ping)
{
	if (trunk->state == next)
		return;

	trunk->state = next;
	control_event("{s:s, s:s, s:s, s:s}", "event",
		      next == TRUNK_UP ? "trunk_up" : "trunk_down", "tenant",
		      trunk->tenant->fqdn, "state", state_names[next],
		      "reason", ping ? ping->why : "no OPTIONS from the SBC");
}


static void judge_trunk(struct trunk *trunk, const struct ping *latest)
{
	for (size_t i = 0; i < INSTANCES; i++) {
		if (trunk->pingv[i].ok) {
			set_state(trunk, TRUNK_UP, latest);
			return;
		}
	}

	set_state(trunk, TRUNK_DOWN, latest);
}


static void ping_failed(struct ping *ping, const char *why)
{
	ping->ok = false;
	snprintf(ping->why, sizeof(ping->why), "%s", why);
	judge_trunk(ping->trunk, ping);
}


/* What our OPTIONS must bring back: 200 with an FQDN and an Allow */
static const char *judge_answer(const struct ping *ping,
				const struct sip_msg *msg)
{
	const struct tenant *tenant = ping->trunk->tenant;
	struct sip_addr addr;
	struct pl rr = msg_value(msg, "Record-Route");
	struct pl allow = msg_value(msg, "Allow");

	if (msg->scode != 200)
		return "answer is not 200";

	if (msg_contact(msg, &addr)) {
		if (!pl_isset(&rr) || sip_addr_decode(&addr, &rr))
			return "200 with neither Contact nor Record-Route";
	}

	if (pl_is_address(&addr.uri.host))
		return "200 with an IP literal in Contact";
	if (pl_strcasecmp(&addr.uri.host, tenant->fqdn))
		return "200 with another name in Contact";
	if (!pl_isset(&allow))
		return "200 without Allow";

	return NULL;
}


/* The connection of a ping. When each request has its own, it has done its
 * work with the answer. */
static void drop(struct ping *ping, struct conn *conn)
{
	if (conn_is_open(conn) && !conn_is_accepted(conn) &&
	    ping->inst->sim->set.connection == REUSE_NEW)
		conn_close(conn, 0);
}


static void answered(int err, const struct sip_msg *msg, void *arg)
{
	struct ping *ping = arg;
	const char *why;

	if (!err && msg->scode < 200)
		return;

	deadline_cancel(&ping->timeout);
	if (err) {
		ping_failed(ping, strerror(err));
		return;
	}

	drop(ping, msg->sock);
	why = judge_answer(ping, msg);
	if (why) {
		violation(ping->inst->sim, "options-answer", msg, "%s", why);
		ping_failed(ping, why);
		return;
	}

	ping->ok = true;
	ping->why[0] = '\0';
	ping->answered_ms = clock_ms();
	judge_trunk(ping->trunk, ping);
}


static void unanswered(void *arg)
{
	struct ping *ping = arg;
	struct conn *conn = ping->trans ? trans_conn(ping->trans) : NULL;

	trans_forget(&ping->trans);
	if (conn)
		drop(ping, conn);
	ping_failed(ping, "OPTIONS not answered");
}


static int send_options(struct ping *ping, struct conn *conn)
{
	const struct instance *inst = ping->inst;
	const struct tenant *tenant = ping->trunk->tenant;
	char ruri[256], from[256], to[256], contact[160];
	char callid[37], tag[37], branch[24];
	struct mbuf *mb;
	int err;
	const struct outline line = {
		.inst = inst, .method = "OPTIONS", .ruri = ruri,
		.from = from, .to = to, .callid = callid, .cseq = 1,
		.branch = branch, .contact = contact, .allow = true,
	};

	random_guid(callid, sizeof(callid));
	random_guid(tag, sizeof(tag));
	trans_branch(branch, sizeof(branch));
	snprintf(ruri, sizeof(ruri), "sip:%s:%u;transport=tls", tenant->fqdn,
		 ping->trunk->port);
	snprintf(contact, sizeof(contact), "sip:%s:5061", inst->route_host);
	snprintf(from, sizeof(from), "<%s>;tag=%s", contact, tag);
	snprintf(to, sizeof(to), "<sip:%s>", tenant->fqdn);

	err = msg_request(&mb, &line);
	if (err)
		return err;

	err = trans_request(&ping->trans, conn, mb, answered, ping);
	mem_deref(mb);

	return err;
}


static void ping_now(void *arg)
{
	struct ping *ping = arg;
	const struct settings *set = &ping->inst->sim->set;
	struct conn *conn = NULL;
	struct sa addr;
	int err;

	deadline_start(&ping->period, set->options_period_ms, ping_now, ping);
	if (ping->trans || !ping->trunk->tenant->send_options ||
	    ping->inst->mode == MODE_REFUSE ||
	    ping->inst->mode == MODE_SILENT)
		return;

	err = trunk_addr(ping->trunk, &addr);
	if (!err)
		err = conn_get(&conn, ping->inst, ping->trunk->tenant->fqdn,
			       &addr);
	if (!err)
		err = send_options(ping, conn);
	if (err) {
		ping_failed(ping, err == ENOENT ? "SBC name unknown"
						: strerror(err));
		return;
	}

	deadline_start(&ping->timeout, set->options_timeout_ms, unanswered,
		       ping);
}


static void demote(void *arg)
{
	struct trunk *trunk = arg;

	if (trunk->tenant->send_options)
		set_state(trunk, TRUNK_DEMOTED, NULL);
}


void trunk_init(struct trunk *trunk, struct tenant *tenant)
{
	trunk->tenant = tenant;
	trunk->port = 5061;

	for (size_t i = 0; i < INSTANCES; i++) {
		trunk->pingv[i].trunk = trunk;
		trunk->pingv[i].inst = &tenant->sim->instv[i];
	}
}


void trunk_stop(struct trunk *trunk)
{
	deadline_cancel(&trunk->demote);

	for (size_t i = 0; i < INSTANCES; i++) {
		struct ping *ping = &trunk->pingv[i];

		deadline_cancel(&ping->period);
		deadline_cancel(&ping->timeout);
		trans_forget(&ping->trans);
	}
}


/* The rule is NULL where conform.c has recorded it already */
static int refuse(struct conn *conn, const struct sip_msg *msg,
		  uint16_t scode, const char *rule, const char *text)
{
	struct sim *sim = conn_instance(conn)->sim;

	if (rule)
		violation(sim, rule, msg, "%s", text);
	(void)msg_refuse(conn, msg, scode, NULL, 63, text);

	return EPROTO;
}


/* The URI by which Teams knows the SBC: the topmost Record-Route wins over
 * Contact for the next hop, but is better not there at all. */
static int identity(struct sip_addr *addr, const struct sip_msg *msg)
{
	struct pl rr = msg_value(msg, "Record-Route");

	if (pl_isset(&rr))
		return sip_addr_decode(addr, &rr) ? EBADMSG : 0;

	return msg_contact(msg, addr);
}


int trunk_identify(struct tenant **tenantp, uint16_t *portp,
		   struct conn *conn, const struct sip_msg *msg)
{
	struct sim *sim = conn_instance(conn)->sim;
	struct tenant *tenant;
	struct sip_addr addr;
	char host[256];
	int err;

	err = identity(&addr, msg);
	if (err)
		return refuse(conn, msg, (uint16_t)sim->set.unroutable_code,
			      NULL,
			      "Record-Route and Contact headers are missing");

	if (!pl_strcasecmp(&addr.uri.scheme, "sips"))
		return refuse(conn, msg, 400, NULL,
			      "sips: is not supported");

	/* The user part may be missing, but not empty before an @ */
	if (!pl_isset(&addr.uri.user) && pl_strchr(&addr.auri, '@'))
		return refuse(conn, msg, 400, NULL,
			      "Contact has an empty user part before @");

	if (pl_is_address(&addr.uri.host))
		return refuse(conn, msg, 403, NULL,
			      "IP literal where an FQDN belongs");

	if (pl_strcpy(&addr.uri.host, host, sizeof(host)))
		return refuse(conn, msg, 403, "contact-host",
			      "host name too long");

	if (!conn_names(conn, host))
		return refuse(conn, msg, 403, "contact-certificate",
			      "Contact FQDN is not in the certificate");

	tenant = tenant_lookup(sim, host);
	if (!tenant)
		return refuse(conn, msg, 403, "contact-unknown",
			      "no trunk config for this FQDN");

	*tenantp = tenant;
	*portp = addr.uri.port ? addr.uri.port : 5061;

	return 0;
}


static bool check_options(struct conn *conn, const struct sip_msg *msg)
{
	if (!pl_strcmp(&msg->cseq.met, "OPTIONS"))
		return true;

	(void)refuse(conn, msg, 400, NULL,
		     "CSeq method is not the request's");

	return false;
}


void trunk_options(struct conn *conn, const struct sip_msg *msg)
{
	const struct answer ok = {.scode = 200, .allow = true};
	struct instance *inst = conn_instance(conn);
	struct tenant *tenant;
	struct ping *ping;
	uint16_t port;

	if (!check_options(conn, msg) ||
	    trunk_identify(&tenant, &port, conn, msg))
		return;

	/* No To-tag and no Contact, see section 4 */
	(void)msg_reply(conn, msg, &ok);

	tenant->trunk.port = port;
	ping = &tenant->trunk.pingv[inst - inst->sim->instv];
	ping->heard_ms = clock_ms();
	control_event("{s:s, s:s, s:s}", "event", "options", "tenant",
		      tenant->fqdn, "instance", inst->name);

	deadline_start(&tenant->trunk.demote, inst->sim->set.demote_ms, demote,
		       &tenant->trunk);
	if (tenant->trunk.state == TRUNK_DEMOTED)
		judge_trunk(&tenant->trunk, ping);
	if (!ping->period.le.list)
		ping_now(ping);
}


int trunk_addr(const struct trunk *trunk, struct sa *addr)
{
	return sim_resolve(trunk->tenant->sim, addr, trunk->tenant->fqdn,
			   trunk->port);
}


bool ping_is_fresh(const struct ping *ping)
{
	return ping->heard_ms && clock_ms() - ping->heard_ms <
					 ping->inst->sim->set.demote_ms;
}


bool trunk_is_usable(const struct trunk *trunk)
{
	if (!trunk->tenant->send_options)
		return true;

	return trunk->state == TRUNK_UP || trunk->state == TRUNK_DEMOTED;
}


static json_t *ago(uint64_t at_ms)
{
	if (!at_ms)
		return json_null();

	return json_integer((json_int_t)(clock_ms() - at_ms));
}


json_t *trunk_json(const struct trunk *trunk)
{
	json_t *instances = json_array();

	for (size_t i = 0; i < INSTANCES; i++) {
		const struct ping *ping = &trunk->pingv[i];

		json_array_append_new(
			instances,
			json_pack("{s:s, s:b, s:b, s:o, s:o, s:s}", "instance",
				  ping->inst->name, "ok", ping->ok, "fresh",
				  ping_is_fresh(ping),
				  "options_ms_ago", ago(ping->heard_ms),
				  "answer_ms_ago", ago(ping->answered_ms),
				  "reason", ping->why));
	}

	return json_pack("{s:s, s:s, s:i, s:o}", "tenant",
			 trunk->tenant->fqdn, "state",
			 state_names[trunk->state], "port", trunk->port,
			 "instances", instances);
}
