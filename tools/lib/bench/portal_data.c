/**
 * @file portal_data.c  portal-data: fills a store as years of use would
 *
 * Customers, users and call records, through the code that keeps them in
 * real life: objects by store_put(), records through a journal that is taken
 * over. So whatever the store's tables are, they are filled as they would
 * be. The same numbers give the same data, but for ids and moments. The
 * indices of the calls are made when all calls are there: one at a time, as
 * they come, each would be written all over the disk.
 *
 * Prints one line of JSON: what was made and how long it took.
 */
#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "bridge/base/errors.h"
#include "bridge/base/libre.h"
#include "bridge/model/status.h"
#include "bridge/store/db.h"
#include "bridge/store/journal.h"
#include "bridge/store/seal.h"
#include "bridge/store/store.h"


enum {
	EXIT_BAD_INPUT = 2,
	CHUNK   = 50000,           /* records a journal               */
	TALKING = 5,               /* of users, one in so many calls often */
};

enum word { STORE = 1, KEY_FILE, STATE, TENANTS, USERS, CALLS, DAYS, FIRST,
	    PBX };

struct making {
	const char *url, *key_file, *state, *pbx;
	uint64_t tenants, users, calls, days, first;
	struct store *st;          /* owned */
	uint64_t chance;           /* state of the generator */
	double objects_s, calls_s;
};


static const struct store_by by = { "portal-data", NULL };


static double now_s(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);

	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}


/** 0..n-1, the same each time (xorshift64*, Vigna 2016) */
static uint64_t chance(struct making *mk, uint64_t n)
{
	mk->chance ^= mk->chance >> 12;
	mk->chance ^= mk->chance << 25;
	mk->chance ^= mk->chance >> 27;

	return (mk->chance * 0x2545f4914f6cdd1dULL >> 11) % n;
}


static uint64_t tenant_of(const struct making *mk, uint64_t user)
{
	return user * mk->tenants / mk->users;
}


/* Customers and users */


static int put(const struct making *mk, enum store_kind kind,
	       const char *tenant, json_t *value)
{
	struct errors *errs = NULL;
	int err;

	err = value ? errors_alloc(&errs) : ENOMEM;
	if (!err)
		err = store_put(mk->st, kind, tenant, value, STORE_NEW, &by,
				errs, NULL);
	if (err)
		(void)re_fprintf(stderr, "portal-data: %s: %m %s\n%H", tenant,
				 err, store_why(mk->st), errors_print, errs);
	mem_deref(errs);
	json_decref(value);

	return err;
}


static int tenant_make(const struct making *mk, const char *name)
{
	char fqdn[128];
	int err;

	(void)re_snprintf(fqdn, sizeof(fqdn), "%s.sbc.example.com", name);
	err = put(mk, STORE_TENANT, name,
		  json_pack("{s:s, s:{s:s}}", "tenant", name, "teams",
			    "fqdn", fqdn));
	if (err)
		return err;

	return put(mk, STORE_PBX, name, json_pack(
			   "{s:s, s:s, s:s, s:s, s:s, s:{s:I, s:I}}",
			   "name", "hq", "template", "generic",
			   "country", "GB", "sip_domain",
			   "pbx.contoso.example", "sip_proxy", mk->pbx,
			   "registration",
			   "per_second", (json_int_t)2, "burst",
			   (json_int_t)2));
}


static int user_make(const struct making *mk, const char *tenant, uint64_t n)
{
	static const char *const namev[] = {
		"Ann", "Bob", "Chloe", "David", "Emma", "Farid", "Grace",
		"Henry", "Ingrid", "Jamal", "Karin", "Liam", "Maria" };
	static const char *const familyv[] = {
		"Archer", "Baker", "Carter", "Dyer", "Fisher", "Gardener",
		"Hunter", "Mason", "Potter", "Smith", "Taylor" };
	const uint64_t name = mk->first + n;
	char upn[64], shown[64], number[32], username[32], password[40];

	(void)re_snprintf(upn, sizeof(upn), "u%llu@contoso.example",
			  (unsigned long long)name);
	(void)re_snprintf(shown, sizeof(shown), "%s %s",
			  namev[n % RE_ARRAY_SIZE(namev)],
			  familyv[n % RE_ARRAY_SIZE(familyv)]);
	(void)re_snprintf(number, sizeof(number), "+4420794%05llu",
			  (unsigned long long)name);
	(void)re_snprintf(username, sizeof(username), "%llu",
			  (unsigned long long)name);
	(void)re_snprintf(password, sizeof(password), "secret-%llu",
			  (unsigned long long)name);

	return put(mk, STORE_USER, tenant, json_pack(
			   "{s:s, s:s, s:s, s:s, s:s, s:s}", "upn", upn,
			   "name", shown, "number", number, "pbx", "hq",
			   "sip_username", username, "sip_password",
			   password));
}


/** A transaction each customer, as an import has */
static int objects_make(const struct making *mk)
{
	uint64_t n = 0;
	int err = 0;

	for (uint64_t t = 0; t < mk->tenants && !err; t++) {
		char name[32];

		(void)re_snprintf(name, sizeof(name), "t%llu",
				  (unsigned long long)t);
		err = store_begin(mk->st);
		if (err)
			return err;

		err = tenant_make(mk, name);
		for (; !err && n < mk->users && tenant_of(mk, n) == t; n++)
			err = user_make(mk, name, n);
		err = store_end(mk->st, err);
	}

	return err;
}


/* Calls */


static void side_fill(struct making *mk, struct call_side *side,
		      const char *codec, int64_t talk_ms, bool srtp)
{
	str_ncpy(side->codec, codec, sizeof(side->codec));
	if (srtp)
		str_ncpy(side->srtp, "AES_CM_128_HMAC_SHA1_80",
			 sizeof(side->srtp));
	side->scode      = 200;
	side->rx_packets = (uint64_t)talk_ms / 20;
	side->tx_packets = side->rx_packets;
	side->rx_lost    = chance(mk, 20) ? 0 : side->rx_packets / 50;
	side->jitter_us  = (uint32_t)(500 + chance(mk, 8000));
	side->rtt_us     = (uint32_t)(5000 + chance(mk, 60000));
	side->mos        = side->rx_lost ? 3.1 : 4.3;
}


struct ending {
	enum call_result result;
	uint16_t scode;
	const char *reason, *failed_side, *what, *advice, *field;
};

/* So many in a hundred; the rest is answered */
static const struct { unsigned share; struct ending end; } endingv[] = {
	{ 10, { CALL_NO_ANSWER, 480, "Temporarily Unavailable", "", "", "",
		"" } },
	{ 5,  { CALL_BUSY, 486, "Busy Here", "", "", "", "" } },
	{ 5,  { CALL_CANCELLED, 487, "Request Terminated", "", "", "", "" } },
	{ 1,  { CALL_NOT_FOUND, 404, "Not Found", "pbx", "The PBX does not"
		" know this number.", "Compare the number that was sent with"
		" the PBX's dial plan; an outside line prefix may be"
		" missing.", "outside_line_prefix" } },
	{ 1,  { CALL_NETWORK, 503, "Service Unavailable", "pbx", "The PBX"
		" did not answer.", "Look whether the PBX runs and whether a"
		" firewall lies between.", "sip_proxy" } },
};


static void ending_fill(struct making *mk, struct call_record *rec)
{
	uint64_t at = chance(mk, 100);

	for (size_t i = 0; i < RE_ARRAY_SIZE(endingv); i++) {
		const struct ending *end = &endingv[i].end;

		if (at >= endingv[i].share) {
			at -= endingv[i].share;
			continue;
		}
		rec->result = end->result;
		rec->scode  = end->scode;
		rec->end_ms = rec->start_ms + 20000;
		str_ncpy(rec->reason, end->reason, sizeof(rec->reason));
		str_ncpy(rec->failed_side, end->failed_side,
			 sizeof(rec->failed_side));
		str_ncpy(rec->what, end->what, sizeof(rec->what));
		str_ncpy(rec->advice, end->advice, sizeof(rec->advice));
		str_ncpy(rec->field, end->field, sizeof(rec->field));
		return;
	}

	rec->result    = CALL_GOOD;
	rec->scode     = 200;
	rec->answer_ms = rec->ring_ms + 1000 + (int64_t)chance(mk, 15000);
	rec->end_ms    = rec->answer_ms + 5000 + (int64_t)chance(mk, 400000);
	side_fill(mk, &rec->teams, "PCMA", rec->end_ms - rec->answer_ms,
		  true);
	side_fill(mk, &rec->pbxside, "PCMA", rec->end_ms - rec->answer_ms,
		  false);
}


static void story_fill(struct call_record *rec)
{
	call_record_note(rec, 1, CALL_ROUTE, CALL_AT_BRIDGE, "the user is"
			 " known by the number");
	call_record_note(rec, 2, CALL_NUMBER, CALL_AT_PBX,
			 "international prefix 00 in front");
	call_record_note(rec, 350, CALL_SIGNAL, CALL_AT_PBX, "180 Ringing");
	call_record_note(rec, 4100, CALL_CODEC, CALL_AT_BRIDGE,
			 "PCMA on both sides");
}


static void call_fill(struct making *mk, struct call_record *rec,
		      uint64_t number, int64_t start_ms)
{
	/* some people are on the telephone all day */
	const uint64_t n = chance(mk, 2) ? chance(mk, mk->users)
		: chance(mk, (mk->users + TALKING - 1) / TALKING) * TALKING
		% mk->users;
	char own[64], other[64];

	memset(rec, 0, sizeof(*rec));
	(void)re_snprintf(rec->id, sizeof(rec->id), "%016llx%016llx",
			  (unsigned long long)start_ms,
			  (unsigned long long)number);
	str_ncpy(rec->story, rec->id, sizeof(rec->story));
	(void)re_snprintf(rec->tenant, sizeof(rec->tenant), "t%llu",
			  (unsigned long long)tenant_of(mk, n));
	(void)re_snprintf(rec->upn, sizeof(rec->upn), "u%llu@contoso.example",
			  (unsigned long long)(mk->first + n));
	(void)re_snprintf(own, sizeof(own), "+4420794%05llu",
			  (unsigned long long)(mk->first + n));
	(void)re_snprintf(other, sizeof(other), "+44161496%04llu",
			  (unsigned long long)chance(mk, 10000));
	str_ncpy(rec->pbx, "hq", sizeof(rec->pbx));

	rec->version   = 3;
	rec->direction = chance(mk, 2) ? CALL_FROM_TEAMS : CALL_FROM_PBX;
	rec->state     = CALL_ENDED;
	rec->start_ms  = start_ms;
	rec->ring_ms   = start_ms + 300 + (int64_t)chance(mk, 2000);
	str_ncpy(rec->ended_by, chance(mk, 2) ? "teams" : "pbx",
		 sizeof(rec->ended_by));
	str_ncpy(rec->caller, rec->direction == CALL_FROM_TEAMS ? own : other,
		 sizeof(rec->caller));
	str_ncpy(rec->callee, rec->direction == CALL_FROM_TEAMS ? other : own,
		 sizeof(rec->callee));
	str_ncpy(rec->teams.number, own, sizeof(rec->teams.number));
	str_ncpy(rec->pbxside.number, own + 8, sizeof(rec->pbxside.number));
	(void)re_snprintf(rec->teams.callid, sizeof(rec->teams.callid),
			  "%s@teams", rec->id);
	(void)re_snprintf(rec->pbxside.callid, sizeof(rec->pbxside.callid),
			  "%s@pbx", rec->id);
	ending_fill(mk, rec);
	story_fill(rec);
}


static int folder_remove(const char *folder)
{
	char path[512];
	char day[16];
	const time_t now = time(NULL);

	/* written today, or before midnight a moment ago */
	for (time_t t = now - 86400; t <= now; t += 86400) {
		struct tm tm;

		(void)gmtime_r(&t, &tm);
		(void)strftime(day, sizeof(day), "%Y%m%d", &tm);
		(void)re_snprintf(path, sizeof(path), "%s/journal/%s.jsonl",
				  folder, day);
		if (unlink(path) && errno != ENOENT)
			return errno;
	}

	return 0;
}


/** A journal of its own for each chunk, by a node of its own: what was taken
    over is removed at once, so that it does not take the room twice */
static int chunk_make(struct making *mk, uint64_t first, uint64_t c,
		      int64_t begin_ms, double step_ms)
{
	struct call_record *rec = calloc(1, sizeof(*rec));
	struct journal *j = NULL;
	size_t imported = 0;
	char node[64];
	int err;

	err = rec ? journal_open(&j, mk->state) : ENOMEM;

	for (uint64_t i = first; i < first + c && !err; i++) {
		call_fill(mk, rec, i, begin_ms + (int64_t)(step_ms *
							   (double)i));
		err = journal_call(j, rec);
	}
	mem_deref(j);
	free(rec);

	(void)re_snprintf(node, sizeof(node), "portal-data-%llu",
			  (unsigned long long)first);
	if (!err)
		err = store_import(mk->st, node, mk->state, SIZE_MAX,
				   &imported);
	if (!err && imported != c)
		err = EIO;

	return err ? err : folder_remove(mk->state);
}


/* Indices */


struct index {
	struct le le;
	char *name, *sql;          /* owned */
};


static void index_destructor(void *data)
{
	struct index *index = data;

	list_unlink(&index->le);
	mem_deref(index->name);
	mem_deref(index->sql);
}


static int index_h(const struct db_row *row, void *arg)
{
	struct list *indexl = arg;
	struct index *index;
	int err;

	index = mem_zalloc(sizeof(*index), index_destructor);
	if (!index)
		return ENOMEM;

	err = str_dup(&index->name, row->textv[0]);
	if (!err)
		err = str_dup(&index->sql, row->textv[1]);
	if (err)
		mem_deref(index);
	else
		list_append(indexl, &index->le, index);

	return err;
}


static int db_open(struct db **dbp, const char *url)
{
	static const char sqlite[] = "sqlite:";
	char why[256] = "";
	int err;

	if (!strncmp(url, sqlite, sizeof(sqlite) - 1))
		err = db_sqlite_open(dbp, url + sizeof(sqlite) - 1, false,
				     why, sizeof(why));
	else
		err = db_postgres_open(dbp, url, why, sizeof(why));
	if (err)
		(void)re_fprintf(stderr, "portal-data: %s\n", why);

	return err;
}


/** Drop those of the calls, but for the key's, and remember them */
static int indices_drop(const struct making *mk, struct list *indexl)
{
	const bool sqlite = !strncmp(mk->url, "sqlite:", 7);
	struct db *db = NULL;
	int err;

	err = db_open(&db, mk->url);
	if (!err)
		err = db_query(db, sqlite ?
			       "SELECT name, sql FROM sqlite_master WHERE"
			       " type = 'index' AND tbl_name = 'calls' AND"
			       " sql IS NOT NULL" :
			       "SELECT indexname, indexdef FROM pg_indexes"
			       " WHERE tablename = 'calls' AND indexname <>"
			       " 'calls_pkey'", NULL, 0, index_h, indexl);

	for (struct le *le = list_head(indexl); le && !err; le = le->next) {
		const struct index *index = le->data;
		char sql[128];

		(void)re_snprintf(sql, sizeof(sql), "DROP INDEX %s",
				  index->name);
		err = db_query(db, sql, NULL, 0, NULL, NULL);
	}
	mem_deref(db);

	return err;
}


static int indices_make(const struct making *mk, const struct list *indexl)
{
	struct db *db = NULL;
	int err;

	err = db_open(&db, mk->url);
	for (struct le *le = list_head(indexl); le && !err; le = le->next) {
		const struct index *index = le->data;

		(void)re_fprintf(stderr, "portal-data: %s\n", index->name);
		err = db_query(db, index->sql, NULL, 0, NULL, NULL);
	}
	mem_deref(db);

	return err;
}


static int calls_make(struct making *mk)
{
	const int64_t span_ms = (int64_t)mk->days * 86400 * 1000;
	const int64_t begin_ms = (int64_t)time(NULL) * 1000 - span_ms;
	const double step_ms = mk->calls ? (double)span_ms /
		(double)mk->calls : 0;
	int err = 0;

	for (uint64_t at = 0; at < mk->calls && !err; at += CHUNK) {
		const uint64_t left = mk->calls - at;

		err = chunk_make(mk, at, left < CHUNK ? left : CHUNK,
				 begin_ms, step_ms);
		if (at / CHUNK % 20 == 19)
			(void)re_fprintf(stderr, "portal-data: %llu calls\n",
					 (unsigned long long)(at + CHUNK));
	}
	if (err)
		(void)re_fprintf(stderr, "portal-data: calls: %m: %s\n", err,
				 store_why(mk->st));

	return err;
}


/* The program */


static int store_make(struct making *mk)
{
	struct keyring *ring = NULL;
	struct errors *errs = NULL;
	int err;

	err = errors_alloc(&errs);
	if (!err)
		err = keyring_make(mk->key_file);
	if (!err || err == EEXIST)
		err = keyring_load(&ring, mk->key_file);
	if (!err)
		err = store_open(&mk->st, mk->url, true, ring, errs);
	if (!err)
		err = store_migrate(mk->st, errs);
	if (err)
		(void)re_fprintf(stderr, "portal-data: %m\n%H", err,
				 errors_print, errs);
	mem_deref(ring);
	mem_deref(errs);

	return err;
}


static int make(struct making *mk)
{
	struct list indexl = LIST_INIT;
	double began;
	int err;

	err = store_make(mk);

	began = now_s();
	if (!err)
		err = objects_make(mk);
	mk->objects_s = now_s() - began;

	began = now_s();
	if (!err)
		err = indices_drop(mk, &indexl);
	if (!err)
		err = calls_make(mk);
	if (!err)
		err = indices_make(mk, &indexl);
	list_flush(&indexl);
	mk->calls_s = now_s() - began;

	mem_deref(mk->st);

	return err;
}


static uint64_t whole(const char *text)
{
	char *end;
	const uint64_t n = strtoull(text, &end, 10);

	if (end == text || *end || n > 1000000000) {
		(void)re_fprintf(stderr, "portal-data: want a number, found"
				 " %s\n", text);
		exit(EXIT_BAD_INPUT);
	}

	return n;
}


static void options(struct making *mk, int argc, char *argv[])
{
	static const struct option optionv[] = {
		{ "store",    required_argument, NULL, STORE },
		{ "key-file", required_argument, NULL, KEY_FILE },
		{ "state",    required_argument, NULL, STATE },
		{ "tenants",  required_argument, NULL, TENANTS },
		{ "users",    required_argument, NULL, USERS },
		{ "calls",    required_argument, NULL, CALLS },
		{ "days",     required_argument, NULL, DAYS },
		{ "first",    required_argument, NULL, FIRST },
		{ "pbx",      required_argument, NULL, PBX },
		{ NULL, 0, NULL, 0 },
	};
	int word;

	while ((word = getopt_long(argc, argv, "", optionv, NULL)) != -1)
		switch (word) {

		case STORE:    mk->url      = optarg; break;
		case KEY_FILE: mk->key_file = optarg; break;
		case STATE:    mk->state    = optarg; break;
		case TENANTS:  mk->tenants  = whole(optarg); break;
		case USERS:    mk->users    = whole(optarg); break;
		case CALLS:    mk->calls    = whole(optarg); break;
		case DAYS:     mk->days     = whole(optarg); break;
		case FIRST:    mk->first    = whole(optarg); break;
		case PBX:      mk->pbx      = optarg; break;
		default:       exit(EXIT_BAD_INPUT);
		}

	if (optind == argc && mk->url && mk->key_file && mk->state &&
	    mk->tenants && mk->users >= mk->tenants && mk->days)
		return;

	(void)re_fprintf(stderr, "Usage: portal-data --store URL --key-file"
			 " FILE --state FOLDER [--tenants N] [--users N]"
			 " [--calls N] [--days N] [--first N]"
			 " [--pbx ADDRESS:PORT]\n");
	exit(EXIT_BAD_INPUT);
}


int main(int argc, char *argv[])
{
	struct making mk = {
		.pbx = "127.0.0.10:5060", .tenants = 200, .users = 100000,
		.calls = 10000000, .days = 90, .first = 10001,
		.chance = 88172645463325252ULL,
	};
	int err;

	options(&mk, argc, argv);

	err = libre_init();
	if (!err)
		err = make(&mk);
	libre_close();
	if (err)
		return EXIT_FAILURE;

	(void)printf("{\"tenants\": %llu, \"users\": %llu, \"calls\": %llu,"
		     " \"objects_s\": %.1f, \"calls_s\": %.1f}\n",
		     (unsigned long long)mk.tenants,
		     (unsigned long long)mk.users,
		     (unsigned long long)mk.calls, mk.objects_s, mk.calls_s);

	return EXIT_SUCCESS;
}
