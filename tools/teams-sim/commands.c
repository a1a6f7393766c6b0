/**
 * @file commands.c  What a control client can ask for
 */
#include "call.h"
#include "chaos.h"
#include "commands.h"
#include "control.h"


enum {
	LISTEN_MS = 600,
	TONE_HZ = 1000,
	TONE_MAX_HZ = 3600,
};

typedef int(command_h)(struct sim *sim, const json_t *req, json_t *resp,
		       char *why, size_t size);

struct command {
	const char *name;
	command_h *h;
};


/* --- arguments --- */


static const char *text(const json_t *req, const char *key)
{
	return json_string_value(json_object_get(req, key));
}


static bool flag(const json_t *req, const char *key, bool preset)
{
	const json_t *item = json_object_get(req, key);

	return item ? json_is_true(item) : preset;
}


static int missing(char *why, size_t size, const char *what)
{
	snprintf(why, size, "%s is missing", what);

	return EINVAL;
}


/* An integer in a range, or its preset if it is not there */
static int number(const json_t *req, const char *key, uint32_t max,
		  uint32_t preset, uint32_t *valuep, char *why, size_t size)
{
	const json_t *item = json_object_get(req, key);
	const json_int_t n = json_integer_value(item);

	if (!item || json_is_null(item)) {
		*valuep = preset;
		return 0;
	}

	if (!json_is_integer(item) || n < 0 || n > (json_int_t)max) {
		snprintf(why, size, "%s: want 0..%u", key, max);
		return EINVAL;
	}

	*valuep = (uint32_t)n;

	return 0;
}


static int get_call_of(struct call **cp, struct sim *sim, const json_t *req,
		       const char *key, char *why, size_t size)
{
	const json_t *item = json_object_get(req, key);
	struct call *call;

	if (!json_is_integer(item))
		return missing(why, size, key);

	call = call_find(sim, (uint32_t)json_integer_value(item));
	if (!call) {
		snprintf(why, size, "no such call");
		return ENOENT;
	}

	*cp = call;

	return 0;
}


static int get_call(struct call **cp, struct sim *sim, const json_t *req,
		    char *why, size_t size)
{
	return get_call_of(cp, sim, req, "call", why, size);
}


static int get_tenant(struct tenant **tp, struct sim *sim, const json_t *req,
		      char *why, size_t size)
{
	const char *fqdn = text(req, "tenant");

	if (!fqdn)
		return missing(why, size, "tenant");

	*tp = tenant_find(sim, fqdn);
	if (!*tp) {
		snprintf(why, size, "no tenant %s", fqdn);
		return ENOENT;
	}

	return 0;
}


/* --- tenants and users --- */


int command_tenant_add(struct sim *sim, const json_t *req, json_t *resp,
		       char *why, size_t size)
{
	const char *fqdn = text(req, "fqdn"), *base = text(req, "base");
	json_t *blocked = json_object_get(req, "blocked");
	struct tenant *tenant, *carrier = NULL, *after = NULL;
	const char *next = text(req, "next");
	json_t *codes = json_object_get(req, "failover_codes");
	int err;

	if (!fqdn)
		return missing(why, size, "fqdn");
	if (strlen(fqdn) > 63) {
		snprintf(why, size, "fqdn: want at most 63 characters");
		return EINVAL;
	}

	if (base) {
		carrier = tenant_find(sim, base);
		if (!carrier) {
			snprintf(why, size, "no tenant %s", base);
			return ENOENT;
		}
	}

	if (next) {
		after = tenant_find(sim, next);
		if (!after) {
			snprintf(why, size, "no tenant %s", next);
			return ENOENT;
		}
	}

	err = tenant_add(&tenant, sim, fqdn);
	if (err)
		return err;

	tenant->base = carrier;
	tenant->next = after;
	tenant->shuffle = flag(req, "shuffle", tenant->shuffle);
	if (json_is_array(codes)) {
		json_decref(tenant->failover_codes);
		tenant->failover_codes = json_incref(codes);
	}
	tenant->forward_pai = flag(req, "forward_pai", tenant->forward_pai);
	tenant->enabled = flag(req, "enabled", tenant->enabled);
	tenant->send_options =
		flag(req, "send_options", tenant->send_options);
	if (json_is_array(blocked)) {
		json_decref(tenant->blocked);
		tenant->blocked = json_incref(blocked);
	}

	json_object_set_new(resp, "guid", json_string(tenant->guid));

	return 0;
}


int command_sign_in(struct sim *sim, const json_t *req, json_t *resp,
		    char *why, size_t size)
{
	const char *nr = text(req, "number"), *answer = text(req, "answer");
	enum answer_mode mode = ANSWER_MANUAL;
	uint32_t clients, ring_ms, tone_hz;
	struct tenant *tenant;
	struct user *user;
	int err;

	err = get_tenant(&tenant, sim, req, why, size);
	if (err)
		return err;
	if (!nr)
		return missing(why, size, "number");
	if (answer && answer_mode_decode(&mode, answer)) {
		snprintf(why, size, "answer: want manual, auto, busy, "
				    "decline or noanswer, got %s", answer);
		return EINVAL;
	}

	err = number(req, "clients", CLIENTS_MAX, 1, &clients, why, size);
	if (!err)
		err = number(req, "ring_ms", 600000, 200, &ring_ms, why, size);
	if (!err)
		err = number(req, "tone_hz", TONE_MAX_HZ, TONE_HZ, &tone_hz,
			     why, size);
	if (!err)
		err = user_add(&user, tenant, nr, text(req, "upn"));
	if (err)
		return err;

	user->clients = clients;
	user->mode = mode;
	user->ring_ms = ring_ms;
	user->tone_hz = tone_hz;
	user->early_media = flag(req, "early_media", false);
	user->voicemail = flag(req, "voicemail", false);
	json_object_set_new(resp, "guid", json_string(user->guid));

	return 0;
}


static int sign_out(struct sim *sim, const json_t *req, json_t *resp,
		    char *why, size_t size)
{
	const char *nr = text(req, "number");
	struct tenant *tenant;
	struct user *user;
	struct pl pl;
	int err;
	(void)resp;

	err = get_tenant(&tenant, sim, req, why, size);
	if (err)
		return err;
	if (!nr)
		return missing(why, size, "number");

	pl_set_str(&pl, nr);
	user = user_find(tenant, &pl);
	if (!user) {
		snprintf(why, size, "nobody has the number %s", nr);
		return ENOENT;
	}

	/* Running calls keep their user; the number is unassigned */
	if (flag(req, "unassign", false)) {
		list_unlink(&user->le);
		mem_deref(user);
	}
	else {
		user->clients = 0;
	}

	return 0;
}


static int users(struct sim *sim, const json_t *req, json_t *resp, char *why,
		 size_t size)
{
	json_t *list = json_array();
	struct le *t, *u;
	(void)req;
	(void)why;
	(void)size;

	LIST_FOREACH(&sim->tenantl, t)
	{
		const struct tenant *tenant = t->data;

		LIST_FOREACH(&tenant->userl, u)
		{
			const struct user *user = u->data;

			json_array_append_new(
				list,
				json_pack("{s:s, s:s, s:s?, s:i, s:s, s:i}",
					  "tenant", tenant->fqdn, "number",
					  user->number, "upn", user->upn,
					  "clients", user->clients, "answer",
					  answer_mode_name(user->mode),
					  "tone_hz", user->tone_hz));
		}
	}

	json_object_set_new(resp, "users", list);

	return 0;
}


/* --- calls --- */


static int dial(struct sim *sim, const json_t *req, json_t *resp, char *why,
		size_t size)
{
	const char *name = text(req, "instance");
	struct dial dial = {
		.from = text(req, "from"), .to = text(req, "to"),
		.display = text(req, "display"), .pai = text(req, "pai"),
		.lines = text(req, "headers"),
		.anonymous = flag(req, "anonymous", false),
		.emergency = flag(req, "emergency", false),
	};
	const struct user *user;
	struct call *call;
	struct pl from;
	int err;

	err = get_tenant(&dial.tenant, sim, req, why, size);
	if (err)
		return err;
	if (!dial.from || !dial.to)
		return missing(why, size, dial.from ? "to" : "from");

	if (name) {
		dial.inst = instance_find(sim, name);
		if (!dial.inst) {
			snprintf(why, size, "no instance %s", name);
			return ENOENT;
		}
	}

	if (!dial.tenant->enabled) {
		snprintf(why, size, "the trunk of %s is not enabled",
			 dial.tenant->fqdn);
		return ENOTCONN;
	}

	if (!trunk_is_usable(tenant_trunk(dial.tenant)) &&
	    !flag(req, "force", false)) {
		snprintf(why, size, "the trunk of %s is not up",
			 dial.tenant->fqdn);
		return ENOTCONN;
	}

	pl_set_str(&from, dial.from);
	user = user_find(dial.tenant, &from);
	err = number(req, "tone_hz", TONE_MAX_HZ,
		     user ? user->tone_hz : TONE_HZ, &dial.tone_hz, why, size);
	if (!err)
		err = outbound_dial(&call, &dial);
	if (err)
		return err;

	json_object_set_new(resp, "call", json_integer(call->id));
	json_object_set_new(resp, "callid", json_string(call->callid));

	return 0;
}


static int answer(struct sim *sim, const json_t *req, json_t *resp, char *why,
		  size_t size)
{
	struct call *call;
	uint32_t client;
	int err;
	(void)resp;

	err = get_call(&call, sim, req, why, size);
	if (!err)
		err = number(req, "client", CLIENTS_MAX, 0, &client, why,
			     size);
	if (err)
		return err;

	if (transfer_is_ringing(call))
		return transfer_answer(call);

	return inbound_answer(call, flag(req, "fresh_tag", false)
					    ? -1
					    : (int)client);
}


static int progress(struct sim *sim, const json_t *req, json_t *resp,
		    char *why, size_t size)
{
	struct call *call;
	const int err = get_call(&call, sim, req, why, size);
	(void)resp;

	return err ? err
		   : inbound_early(call, flag(req, "fresh_tag", false));
}


static int decline(struct sim *sim, const json_t *req, json_t *resp,
		   char *why, size_t size)
{
	struct call *call;
	uint32_t code;
	int err;
	(void)resp;

	err = get_call(&call, sim, req, why, size);
	if (!err)
		err = number(req, "code", 699, 603, &code, why, size);
	if (err)
		return err;

	if (transfer_is_ringing(call)) {
		transfer_failed(call, (uint16_t)code, "UserDeclined");
		return 0;
	}

	if (call->state != CALL_RINGING || code < 400)
		return EINVAL;

	call_hangup(call, "control", (uint16_t)code, code == 486 ? 34 : 21,
		    "UserDeclined");

	return 0;
}


static int hangup(struct sim *sim, const json_t *req, json_t *resp, char *why,
		  size_t size)
{
	struct call *call;
	const int err = get_call(&call, sim, req, why, size);
	(void)resp;

	if (!err)
		call_hangup(call, "control", 480, 16, "BackToBackSessionEnd");

	return err;
}


static int change(struct sim *sim, const json_t *req, char *why, size_t size,
		  int what)
{
	struct call *call;
	const int err = get_call(&call, sim, req, why, size);

	return err ? err : midcall_change(call, what);
}


static int hold(struct sim *sim, const json_t *req, json_t *resp, char *why,
		size_t size)
{
	(void)resp;

	return change(sim, req, why, size, CHANGE_HOLD);
}


static int resume(struct sim *sim, const json_t *req, json_t *resp, char *why,
		  size_t size)
{
	(void)resp;

	return change(sim, req, why, size, CHANGE_RESUME);
}


static int move(struct sim *sim, const json_t *req, json_t *resp, char *why,
		size_t size)
{
	(void)resp;

	return change(sim, req, why, size, CHANGE_MOVE);
}


static int refresh(struct sim *sim, const json_t *req, json_t *resp,
		   char *why, size_t size)
{
	(void)resp;

	return change(sim, req, why, size, CHANGE_REFRESH);
}


static int transfer(struct sim *sim, const json_t *req, json_t *resp,
		    char *why, size_t size)
{
	const char *to = text(req, "to");
	struct call *call, *consult = NULL;
	int err = get_call(&call, sim, req, why, size);
	(void)resp;

	if (!err && json_object_get(req, "consult"))
		err = get_call_of(&consult, sim, req, "consult", why, size);
	if (err)
		return err;
	if (!to)
		return missing(why, size, "to");

	return transfer_start(call, to, consult);
}


static int replace(struct sim *sim, const json_t *req, json_t *resp,
		   char *why, size_t size)
{
	const char *by = text(req, "by");
	struct call *call, *fresh;
	const struct user *user;
	struct pl pl;
	int err = get_call(&call, sim, req, why, size);

	if (err)
		return err;
	if (!by)
		return missing(why, size, "by");

	pl_set_str(&pl, by);
	user = user_find(call->tenant, &pl);
	if (!user) {
		snprintf(why, size, "nobody has the number %s", by);
		return ENOENT;
	}

	err = transfer_replace(&fresh, call, user);
	if (!err)
		json_object_set_new(resp, "call", json_integer(fresh->id));

	return err;
}


static int confer(struct sim *sim, const json_t *req, json_t *resp, char *why,
		  size_t size)
{
	struct call *call, *with;
	int err = get_call(&call, sim, req, why, size);
	(void)resp;

	if (!err)
		err = get_call_of(&with, sim, req, "with", why, size);
	if (!err)
		err = call_confer(call, with);

	return err;
}


/* --- sound --- */


static int dtmf(struct sim *sim, const json_t *req, json_t *resp, char *why,
		size_t size)
{
	const char *digits = text(req, "digits");
	struct call *call;
	int err;
	(void)resp;

	err = get_call(&call, sim, req, why, size);
	if (err)
		return err;
	if (!digits)
		return missing(why, size, "digits");

	err = media_dtmf(call->media, digits);
	if (err)
		snprintf(why, size, "%s",
			 err == EINVAL ? "digits: want 0-9 * # A-D, up to 64"
				       : "telephone-event was not agreed");

	return err;
}


static int play(struct sim *sim, const json_t *req, json_t *resp, char *why,
		size_t size)
{
	const char *wav = text(req, "wav");
	const json_t *hz = json_object_get(req, "tone_hz");
	struct source *src;
	struct call *call;
	uint32_t tone = 0;
	bool muted;
	int err;
	(void)resp;

	err = get_call(&call, sim, req, why, size);
	if (!err)
		err = number(req, "tone_hz", TONE_MAX_HZ, 0, &tone, why, size);
	if (err)
		return err;

	/* Where CN was agreed, Teams sends nothing while the user is mute */
	muted = flag(req, "muted", false);
	if (flag(req, "nothing", false) ||
	    (muted && desc_format(&call->desc, "CN"))) {
		media_play(call->media, NULL);
		return 0;
	}

	if (!wav && !hz && !muted && !flag(req, "silence", false))
		return missing(why, size,
			       "tone_hz, wav, silence, muted or nothing");

	err = wav ? source_wav(&src, wav) : source_tone(&src, tone);
	if (err) {
		snprintf(why, size, "%s: %s", wav ? wav : "tone",
			 err == EBADMSG ? "want PCM, 16 bit, mono, 8 kHz"
					: strerror(err));
		return err;
	}

	media_play(call->media, src);

	return 0;
}


static int record(struct sim *sim, const json_t *req, json_t *resp, char *why,
		  size_t size)
{
	const char *file = text(req, "file");
	struct recorder *rec = NULL;
	struct call *call;
	int err;
	(void)resp;

	err = get_call(&call, sim, req, why, size);
	if (!err && file)
		err = recorder_open(&rec, file);
	if (!err)
		media_record(call->media, rec);

	return err;
}


static int do_listen(struct sim *sim, const json_t *req, json_t *resp,
		     char *why, size_t size)
{
	struct call *call;
	json_t *heard;
	uint32_t ms;
	int err;

	err = get_call(&call, sim, req, why, size);
	if (!err)
		err = number(req, "ms", 4000, LISTEN_MS, &ms, why, size);
	if (err)
		return err;

	heard = media_listen(call->media, ms);
	json_object_update(resp, heard);
	json_decref(heard);

	return 0;
}


static int counters(struct sim *sim, const json_t *req, json_t *resp,
		    char *why, size_t size)
{
	struct call *call;
	json_t *obj;
	const int err = get_call(&call, sim, req, why, size);

	if (err)
		return err;

	obj = media_counters(call->media);
	json_object_update(resp, obj);
	json_decref(obj);

	return 0;
}


/* --- the simulator --- */


static int calls(struct sim *sim, const json_t *req, json_t *resp, char *why,
		 size_t size)
{
	const bool ended = flag(req, "ended", false);
	json_t *list = json_array();
	struct le *le;
	(void)why;
	(void)size;

	LIST_FOREACH(&sim->calll, le)
	{
		const struct call *call = le->data;

		if (ended || call->state != CALL_ENDED)
			json_array_append_new(list, call_json(call));
	}

	json_object_set_new(resp, "calls", list);

	return 0;
}


static int health(struct sim *sim, const json_t *req, json_t *resp, char *why,
		  size_t size)
{
	json_t *list = json_array();
	struct le *le;
	(void)req;
	(void)why;
	(void)size;

	LIST_FOREACH(&sim->tenantl, le)
	{
		struct tenant *tenant = le->data;

		json_array_append_new(list, trunk_json(tenant_trunk(tenant)));
	}

	json_object_set_new(resp, "trunks", list);

	return 0;
}


static int violations(struct sim *sim, const json_t *req, json_t *resp,
		      char *why, size_t size)
{
	(void)why;
	(void)size;

	json_object_set_new(
		resp, "count",
		json_integer((json_int_t)json_array_size(sim->violations)));
	json_object_set_new(resp, "violations", json_copy(sim->violations));
	if (flag(req, "clear", false))
		json_array_clear(sim->violations);

	return 0;
}


static bool is_envelope(const char *key)
{
	return !strcmp(key, "id") || !strcmp(key, "cmd");
}


static int set(struct sim *sim, const json_t *req, json_t *resp, char *why,
	       size_t size)
{
	/* On a copy: all settings are taken, or none */
	struct settings draft = sim->set;
	json_t *copy = json_copy((json_t *)(uintptr_t)req);
	const char *key;
	json_t *value;
	int err = 0;

	json_object_foreach (copy, key, value) {
		if (!err && !is_envelope(key))
			err = settings_set(&draft, key, value, why, size);
	}

	json_decref(copy);
	if (err)
		return err;

	sim->set = draft;
	json_object_set_new(resp, "settings", settings_json(&sim->set));

	return 0;
}


static int instance(struct sim *sim, const json_t *req, json_t *resp,
		    char *why, size_t size)
{
	const char *name = text(req, "name"), *mode_name = text(req, "mode");
	struct instance *inst;
	enum mode mode;
	(void)resp;

	if (!name || !mode_name)
		return missing(why, size, name ? "mode" : "name");

	inst = instance_find(sim, name);
	if (!inst) {
		snprintf(why, size, "no instance %s", name);
		return ENOENT;
	}

	if (instance_mode(&mode, mode_name)) {
		snprintf(why, size, "mode: want up, drain, refuse, hangup "
				    "or silent, got %s", mode_name);
		return EINVAL;
	}

	return instance_apply(inst, mode);
}


static int quit(struct sim *sim, const json_t *req, json_t *resp, char *why,
		size_t size)
{
	(void)sim;
	(void)req;
	(void)resp;
	(void)why;
	(void)size;

	re_cancel();

	return 0;
}


static const struct command commandv[] = {
	{"tenant_add", command_tenant_add},
	{"sign_in", command_sign_in},
	{"sign_out", sign_out},
	{"users", users},
	{"dial", dial},
	{"answer", answer},
	{"progress", progress},
	{"decline", decline},
	{"hangup", hangup},
	{"hold", hold},
	{"resume", resume},
	{"move", move},
	{"refresh", refresh},
	{"transfer", transfer},
	{"replace", replace},
	{"confer", confer},
	{"dtmf", dtmf},
	{"play", play},
	{"record", record},
	{"listen", do_listen},
	{"counters", counters},
	{"calls", calls},
	{"health", health},
	{"violations", violations},
	{"set", set},
	{"instance", instance},
	{"drop", chaos_drop},
	{"certificate", chaos_certificate},
	{"host", chaos_host},
	{"quit", quit},
};


static int run(struct sim *sim, const json_t *req, json_t *resp, char *why,
	       size_t size)
{
	const char *name = text(req, "cmd");

	for (size_t i = 0; name && i < ARRAY_SIZE(commandv); i++) {
		if (!strcmp(commandv[i].name, name))
			return commandv[i].h(sim, req, resp, why, size);
	}

	snprintf(why, size, "no such command: %s", name ? name : "(none)");

	return ENOENT;
}


json_t *command_run(struct sim *sim, const json_t *req)
{
	json_t *id = json_object_get(req, "id");
	json_t *resp = json_object();
	char why[256] = "";
	int err;

	if (!resp)
		return NULL;

	err = run(sim, req, resp, why, sizeof(why));
	if (id)
		json_object_set(resp, "id", id);
	json_object_set_new(resp, "ok", json_boolean(!err));
	if (err)
		json_object_set_new(resp, "error",
				    json_string(why[0] ? why : strerror(err)));

	return resp;
}
