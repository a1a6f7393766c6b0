/**
 * @file status.c  Registrations, trunks and calls as JSON
 *
 * One table a struct says which members there are, so that what is written
 * and what is read cannot differ.
 */
#include <string.h>

#include <errno.h>
#include <jansson.h>

#include "status.h"
#include "status_members.h"


static const char *const reg_statev[] = {
	[REG_OFF]     = "off",
	[REG_QUEUED]  = "queued",
	[REG_GREEN]   = "registered",
	[REG_LAGGING] = "lagging",
	[REG_RED]     = "failing",
};

static const char *const call_statev[] = {
	[CALL_TRYING]   = "trying",
	[CALL_RINGING]  = "ringing",
	[CALL_ANSWERED] = "answered",
	[CALL_ENDED]    = "ended",
};

static const char *const directionv[] = {
	[CALL_FROM_TEAMS] = "from_teams",
	[CALL_FROM_PBX]   = "from_pbx",
};

static const char *const resultv[] = {
	[CALL_RUNNING]     = "running",
	[CALL_GOOD]        = "answered",
	[CALL_BUSY]        = "busy",
	[CALL_NO_ANSWER]   = "no_answer",
	[CALL_DECLINED]    = "declined",
	[CALL_CANCELLED]   = "cancelled",
	[CALL_UNAVAILABLE] = "unavailable",
	[CALL_NOT_FOUND]   = "not_found",
	[CALL_FORBIDDEN]   = "forbidden",
	[CALL_MEDIA]       = "media",
	[CALL_NETWORK]     = "network",
	[CALL_CONGESTION]  = "congestion",
	[CALL_FAULT]       = "fault",
};

static const char *const wherev[] = {
	[CALL_AT_TEAMS]  = "teams",
	[CALL_AT_PBX]    = "pbx",
	[CALL_AT_BRIDGE] = "bridge",
};

static const char *const topicv[] = {
	[CALL_ROUTE]    = "route",
	[CALL_NUMBER]   = "number",
	[CALL_CODEC]    = "codec",
	[CALL_SECURITY] = "security",
	[CALL_TIMER]    = "timer",
	[CALL_SIGNAL]   = "signal",
	[CALL_VOICE]    = "voice",
	[CALL_HOLD]     = "hold",
	[CALL_TRANSFER] = "transfer",
	[CALL_FORWARD]  = "forward",
};

static const char *const transfer_kindv[] = {
	[TRANSFER_BLIND]    = "blind",
	[TRANSFER_ATTENDED] = "attended",
	[TRANSFER_REPLACED] = "replaced",
};

static const char *const transfer_wayv[] = {
	[TRANSFER_BY_PBX]    = "refer",
	[TRANSFER_BY_BRIDGE] = "bridge",
	[TRANSFER_BY_JOIN]   = "join",
	[TRANSFER_BY_PEER]   = "peer",
};


static const struct member regv[] = {
	MEMBER(reg_status, tenant, TEXT),
	MEMBER(reg_status, pbx, TEXT),
	MEMBER(reg_status, upn, TEXT),
	MEMBER(reg_status, number, TEXT),
	MEMBER(reg_status, aor, TEXT),
	MEMBER_STATE(reg_status, state, reg_statev),
	MEMBER(reg_status, since_s, I64),
	MEMBER(reg_status, next_s, I64),
	MEMBER(reg_status, scode, U16),
	MEMBER(reg_status, reason, TEXT),
	MEMBER(reg_status, words, TEXT),
	MEMBER(reg_status, advice, TEXT),
	MEMBER(reg_status, server, TEXT),
	MEMBER(reg_status, contact, TEXT),
	MEMBER(reg_status, expires_s, U32),
	MEMBER(reg_status, rtt_ms, U32),
	MEMBER(reg_status, flaps, U32),
	MEMBER(reg_status, waiting, BOOLEAN),
	MEMBER(reg_status, waiting_new, U32),
	MEMBER(reg_status, waiting_old, U32),
	MEMBER(reg_status, removed, BOOLEAN),
};

static const struct member trunkv[] = {
	MEMBER(trunk_status, tenant, TEXT),
	MEMBER(trunk_status, fqdn, TEXT),
	MEMBER(trunk_status, proxy, TEXT),
	MEMBER(trunk_status, up, BOOLEAN),
	MEMBER(trunk_status, seen, BOOLEAN),
	MEMBER(trunk_status, since_s, I64),
	MEMBER(trunk_status, why, TEXT),
	MEMBER(trunk_status, rtt_ms, U32),
	MEMBER(trunk_status, removed, BOOLEAN),
};

static const struct member sidev[] = {
	MEMBER(call_side, number, TEXT),
	MEMBER(call_side, callid, TEXT),
	MEMBER(call_side, codec, TEXT),
	MEMBER(call_side, srtp, TEXT),
	MEMBER(call_side, scode, U16),
	MEMBER(call_side, q850, U16),
	MEMBER(call_side, rx_packets, U64),
	MEMBER(call_side, tx_packets, U64),
	MEMBER(call_side, rx_lost, U64),
	MEMBER(call_side, jitter_us, U32),
	MEMBER(call_side, rtt_us, U32),
	MEMBER(call_side, peer_lost_permille, U32),
	MEMBER(call_side, dscp, U32),
	MEMBER(call_side, mos, REAL),
};

static const struct member recordv[] = {
	MEMBER(call_record, id, TEXT),
	MEMBER(call_record, version, U32),
	MEMBER(call_record, tenant, TEXT),
	MEMBER(call_record, pbx, TEXT),
	MEMBER(call_record, upn, TEXT),
	MEMBER_STATE(call_record, direction, directionv),
	MEMBER_STATE(call_record, state, call_statev),
	MEMBER(call_record, caller, TEXT),
	MEMBER(call_record, caller_name, TEXT),
	MEMBER(call_record, callee, TEXT),
	MEMBER(call_record, caller_raw, TEXT),
	MEMBER(call_record, callee_raw, TEXT),
	MEMBER(call_record, caller_sent, TEXT),
	MEMBER(call_record, callee_sent, TEXT),
	MEMBER(call_record, start_ms, I64),
	MEMBER(call_record, ring_ms, I64),
	MEMBER(call_record, answer_ms, I64),
	MEMBER(call_record, end_ms, I64),
	MEMBER(call_record, scode, U16),
	MEMBER(call_record, reason, TEXT),
	MEMBER(call_record, ended_by, TEXT),
	MEMBER_STATE(call_record, result, resultv),
	MEMBER(call_record, failed_side, TEXT),
	MEMBER(call_record, what, TEXT),
	MEMBER(call_record, advice, TEXT),
	MEMBER(call_record, field, TEXT),
	MEMBER(call_record, voicemail, TEXT),
	MEMBER(call_record, transferred_to, TEXT),
	MEMBER(call_record, story, TEXT),
	MEMBER(call_record, transfer_of, TEXT),
	MEMBER(call_record, replaced_by, TEXT),
	MEMBER(call_record, transfers_dropped, U32),
	MEMBER(call_record, decisions_dropped, U32),
};

static const struct member decisionv[] = {
	MEMBER(call_decision, at_ms, U32),
	MEMBER_STATE(call_decision, topic, topicv),
	MEMBER_STATE(call_decision, where, wherev),
	MEMBER(call_decision, text, TEXT),
};

static const struct member transferv[] = {
	MEMBER(call_transfer, at_ms, U32),
	MEMBER(call_transfer, took_ms, U32),
	MEMBER_STATE(call_transfer, by, wherev),
	MEMBER_STATE(call_transfer, kind, transfer_kindv),
	MEMBER_STATE(call_transfer, way, transfer_wayv),
	MEMBER(call_transfer, from, TEXT),
	MEMBER(call_transfer, to, TEXT),
	MEMBER(call_transfer, scode, U16),
	MEMBER(call_transfer, call_id, TEXT),
};


const struct members reg_members      = MEMBERS(regv);
const struct members trunk_members    = MEMBERS(trunkv);
const struct members record_members   = MEMBERS(recordv);
const struct members side_members     = MEMBERS(sidev);
const struct members decision_members = MEMBERS(decisionv);
const struct members transfer_members = MEMBERS(transferv);


static const char *name_of(const char *const *v, size_t c, unsigned i)
{
	return i < c ? v[i] : "unknown";
}


const char *reg_state_name(enum reg_state state)
{
	return name_of(reg_statev, COUNT(reg_statev), state);
}


const char *call_state_name(enum call_state state)
{
	return name_of(call_statev, COUNT(call_statev), state);
}


const char *call_direction_name(enum call_direction direction)
{
	return name_of(directionv, COUNT(directionv), direction);
}


const char *call_result_name(enum call_result result)
{
	return name_of(resultv, COUNT(resultv), result);
}


const char *call_where_name(enum call_where where)
{
	return name_of(wherev, COUNT(wherev), where);
}


bool call_record_failed(const struct call_record *rec)
{
	if (rec->state != CALL_ENDED)
		return false;

	switch (rec->result) {

	case CALL_RUNNING:
	case CALL_BUSY:
	case CALL_NO_ANSWER:
	case CALL_DECLINED:
	case CALL_CANCELLED:
		return false;

	case CALL_GOOD:
		return rec->failed_side[0] != '\0';

	default:
		return true;
	}
}


void call_record_note(struct call_record *rec, uint32_t at_ms,
		      enum call_topic topic, enum call_where where,
		      const char *text)
{
	struct call_decision *d;

	if (rec->decisionc == CALL_DECISIONS) {
		d = &rec->decisionv[CALL_DECISIONS / 2];
		memmove(d, d + 1, (size_t)((char *)(rec->decisionv +
			CALL_DECISIONS) - (char *)(d + 1)));
		++rec->decisions_dropped;
		--rec->decisionc;
	}

	d = &rec->decisionv[rec->decisionc++];
	memset(d, 0, sizeof(*d));
	d->at_ms = at_ms;
	d->topic = topic;
	d->where = where;
	memcpy(d->text, text, strnlen(text, sizeof(d->text) - 1));
}


struct call_transfer *call_record_transfer(struct call_record *rec)
{
	struct call_transfer *tr;

	if (rec->transferc == CALL_TRANSFERS) {
		memmove(rec->transferv, rec->transferv + 1,
			sizeof(rec->transferv) - sizeof(rec->transferv[0]));
		++rec->transfers_dropped;
		--rec->transferc;
	}

	tr = &rec->transferv[rec->transferc++];
	memset(tr, 0, sizeof(*tr));

	return tr;
}


/** Peers write what they like: octets that are no UTF-8 become '?' */
static json_t *text_json(const char *text, size_t size)
{
	char copy[1024];
	const size_t l = strnlen(text, size < sizeof(copy) ? size :
				 sizeof(copy) - 1);
	json_t *json = json_stringn(text, l);

	if (json)
		return json;

	for (size_t i = 0; i < l; i++)
		copy[i] = text[i] & 0x80 ? '?' : text[i];

	return json_stringn(copy, l);
}


static json_t *member_json(const struct member *m, const void *obj)
{
	const void *p = (const char *)obj + m->offset;

	switch (m->type) {

	case TEXT:    return text_json(p, m->size);
	case BOOLEAN: return json_boolean(*(const bool *)p);
	case U16:     return json_integer(*(const uint16_t *)p);
	case U32:     return json_integer(*(const uint32_t *)p);
	case U64:     return json_integer((json_int_t)*(const uint64_t *)p);
	case I64:     return json_integer(*(const int64_t *)p);
	case REAL:    return json_real(*(const double *)p);
	case STATE:   return json_string(name_of(m->statev, m->statec,
						 *(const unsigned *)p));
	}

	return NULL;
}


static json_t *members_json(const struct member *v, size_t c,
			    const void *obj)
{
	json_t *json = json_object();

	for (size_t i = 0; json && i < c; i++) {
		if (json_object_set_new(json, v[i].name,
					member_json(&v[i], obj))) {
			json_decref(json);
			json = NULL;
		}
	}

	return json;
}


json_t *reg_status_json(const struct reg_status *st)
{
	return st ? members_json(regv, COUNT(regv), st) : NULL;
}


int reg_status_complete(json_t *value)
{
	static const struct reg_status zero;

	for (size_t i = 0; i < COUNT(regv); i++) {
		const struct member *m = &regv[i];

		if (!json_object_get(value, m->name) &&
		    json_object_set_new(value, m->name,
					member_json(m, &zero)))
			return ENOMEM;
	}

	return 0;
}


json_t *trunk_status_json(const struct trunk_status *st)
{
	return st ? members_json(trunkv, COUNT(trunkv), st) : NULL;
}


/** An array of c structs of `size` octets */
static json_t *list_json(const struct member *v, size_t membc,
			 const void *list, size_t c, size_t size)
{
	json_t *json = json_array();

	for (size_t i = 0; json && i < c; i++) {
		if (json_array_append_new(json, members_json(v, membc,
					  (const char *)list + i * size))) {
			json_decref(json);
			json = NULL;
		}
	}

	return json;
}


json_t *call_record_json(const struct call_record *rec)
{
	json_t *json;

	if (!rec)
		return NULL;

	json = members_json(recordv, COUNT(recordv), rec);
	if (!json)
		return NULL;

	if (json_object_set_new(json, "teams", members_json(sidev,
				COUNT(sidev), &rec->teams)) ||
	    json_object_set_new(json, "pbxside", members_json(sidev,
				COUNT(sidev), &rec->pbxside)) ||
	    json_object_set_new(json, "transfers", list_json(transferv,
				COUNT(transferv), rec->transferv,
				rec->transferc,
				sizeof(rec->transferv[0]))) ||
	    json_object_set_new(json, "decisions", list_json(decisionv,
				COUNT(decisionv), rec->decisionv,
				rec->decisionc,
				sizeof(rec->decisionv[0])))) {
		json_decref(json);
		return NULL;
	}

	return json;
}


static int state_read(const struct member *m, unsigned *state,
		      const json_t *json)
{
	const char *text = json_string_value(json);

	for (size_t i = 0; text && i < m->statec; i++) {
		if (!strcmp(text, m->statev[i])) {
			*state = (unsigned)i;
			return 0;
		}
	}

	return EBADMSG;
}


static int text_read(char *dst, size_t size, const json_t *json)
{
	const char *text = json_string_value(json);
	const size_t l = json_string_length(json);

	if (!text || l >= size || strlen(text) != l)
		return EBADMSG;

	memcpy(dst, text, l + 1);

	return 0;
}


static int integer_read(const struct member *m, void *p, const json_t *json)
{
	const json_int_t n = json_integer_value(json);

	if (!json_is_integer(json))
		return EBADMSG;

	if (m->type == I64) {
		*(int64_t *)p = n;
		return 0;
	}

	if (n < 0 || (m->type == U16 && n > UINT16_MAX) ||
	    (m->type == U32 && n > UINT32_MAX))
		return EBADMSG;

	if (m->type == U16)
		*(uint16_t *)p = (uint16_t)n;
	else if (m->type == U32)
		*(uint32_t *)p = (uint32_t)n;
	else
		*(uint64_t *)p = (uint64_t)n;

	return 0;
}


static int member_read(const struct member *m, void *obj,
		       const json_t *json)
{
	void *p = (char *)obj + m->offset;

	switch (m->type) {

	case TEXT:
		return text_read(p, m->size, json);

	case BOOLEAN:
		if (!json_is_boolean(json))
			return EBADMSG;
		*(bool *)p = json_is_true(json);
		return 0;

	case REAL:
		if (!json_is_number(json))
			return EBADMSG;
		*(double *)p = json_number_value(json);
		return 0;

	case STATE:
		return state_read(m, p, json);

	default:
		return integer_read(m, p, json);
	}
}


/** A member that is not there stays as it is */
static int members_read(const struct member *v, size_t c, void *obj,
			const json_t *json)
{
	int err = 0;

	if (!json_is_object(json))
		return EBADMSG;

	for (size_t i = 0; i < c && !err; i++) {
		const json_t *value = json_object_get(json, v[i].name);

		if (value)
			err = member_read(&v[i], obj, value);
	}

	return err;
}


/** @param cp  Takes the number; there is room for max of `size` octets */
static int list_read(const struct member *v, size_t membc, void *list,
		     uint32_t *cp, size_t max, size_t size,
		     const json_t *json)
{
	const size_t c = json_array_size(json);
	int err = 0;

	if ((json && !json_is_array(json)) || c > max)
		return EBADMSG;

	for (size_t i = 0; i < c && !err; i++)
		err = members_read(v, membc, (char *)list + i * size,
				   json_array_get(json, i));

	*cp = (uint32_t)c;

	return err;
}


int call_record_read(struct call_record *rec, const json_t *json)
{
	struct call_record read;
	const json_t *teams, *pbxside;
	int err;

	if (!rec || !json)
		return EINVAL;

	memset(&read, 0, sizeof(read));

	err = members_read(recordv, COUNT(recordv), &read, json);
	if (err)
		return err;

	teams = json_object_get(json, "teams");
	if (teams)
		err = members_read(sidev, COUNT(sidev), &read.teams, teams);

	pbxside = json_object_get(json, "pbxside");
	if (!err && pbxside)
		err = members_read(sidev, COUNT(sidev), &read.pbxside,
				   pbxside);

	if (!err)
		err = list_read(decisionv, COUNT(decisionv), read.decisionv,
				&read.decisionc, CALL_DECISIONS,
				sizeof(read.decisionv[0]),
				json_object_get(json, "decisions"));

	if (!err)
		err = list_read(transferv, COUNT(transferv), read.transferv,
				&read.transferc, CALL_TRANSFERS,
				sizeof(read.transferv[0]),
				json_object_get(json, "transfers"));

	if (!err)
		*rec = read;

	return err;
}
