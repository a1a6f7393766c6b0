/**
 * @file schema.c  The tables, and how they came to be
 *
 * A value is kept whole as JSON text; columns hold what is looked up, sorted
 * or unique, and nothing else. So a new setting (a line in its field table)
 * needs no change here, and an older program still reads what it knows.
 *
 * A migration is never changed once it was released: a new one is appended.
 * SQL that SQLite 3.40 and PostgreSQL 15 both understand.
 */
#include "bridge/base/errors.h"
#include "bridge/base/libre.h"
#include "bridge/base/wheel.h"
#include "store_core.h"


struct migration {
	const char *const *sqlv;
	size_t sqlc;
	int (*fillh)(struct store *st);    /* after it; NULL */
};


static const char *const firstv[] = {
	/* Counts up with each change of what the bridge goes by */
	"CREATE TABLE changes (name TEXT PRIMARY KEY,"
	" stamp BIGINT NOT NULL)",
	"INSERT INTO changes (name, stamp) VALUES ('config', 0)",

	/* managed: 'store', or 'file:NODE': shown here, said in its file;
	   stamp: of the last change of anything that is the tenant's */
	"CREATE TABLE tenants ("
	" tenant TEXT PRIMARY KEY, fqdn TEXT NOT NULL UNIQUE,"
	" managed TEXT NOT NULL, stamp BIGINT NOT NULL,"
	" revision BIGINT NOT NULL, changed_ms BIGINT NOT NULL,"
	" secrets TEXT NOT NULL, data TEXT NOT NULL)",

	"CREATE TABLE pbxs ("
	" tenant TEXT NOT NULL REFERENCES tenants ON DELETE CASCADE,"
	" name TEXT NOT NULL, template TEXT NOT NULL,"
	" revision BIGINT NOT NULL, changed_ms BIGINT NOT NULL,"
	" secrets TEXT NOT NULL, data TEXT NOT NULL,"
	" PRIMARY KEY (tenant, name))",

	/* upn is folded to lower case; as it was written it is in data.
	   search: all by which a person looks for a user, folded */
	"CREATE TABLE users ("
	" tenant TEXT NOT NULL REFERENCES tenants ON DELETE CASCADE,"
	" upn TEXT NOT NULL, number TEXT NOT NULL, pbx TEXT NOT NULL,"
	" sip_username TEXT NOT NULL, enabled TEXT NOT NULL,"
	" search TEXT NOT NULL,"
	" revision BIGINT NOT NULL, changed_ms BIGINT NOT NULL,"
	" secrets TEXT NOT NULL, data TEXT NOT NULL,"
	" PRIMARY KEY (tenant, upn),"
	" UNIQUE (tenant, number), UNIQUE (tenant, pbx, sip_username),"
	" FOREIGN KEY (tenant, pbx) REFERENCES pbxs (tenant, name))",
	"CREATE INDEX users_pbx ON users (tenant, pbx, upn)",
	"CREATE INDEX users_search ON users (tenant, upn, search)",

	"CREATE TABLE secrets ("
	" tenant TEXT NOT NULL REFERENCES tenants ON DELETE CASCADE,"
	" kind TEXT NOT NULL, name TEXT NOT NULL, field TEXT NOT NULL,"
	" sealed TEXT NOT NULL, PRIMARY KEY (tenant, kind, name, field))",

	/* What the bridge tells outlives the customer that it is about, so
	   none of these refers to a tenant */
	"CREATE TABLE registrations ("
	" tenant TEXT NOT NULL, upn TEXT NOT NULL, pbx TEXT NOT NULL,"
	" state TEXT NOT NULL, time_ms BIGINT NOT NULL,"
	" data TEXT NOT NULL, PRIMARY KEY (tenant, upn))",
	"CREATE INDEX registrations_state"
	" ON registrations (tenant, state)",

	"CREATE TABLE registration_history ("
	" node TEXT NOT NULL, day TEXT NOT NULL, at BIGINT NOT NULL,"
	" tenant TEXT NOT NULL, upn TEXT NOT NULL, pbx TEXT NOT NULL,"
	" time_ms BIGINT NOT NULL, data TEXT NOT NULL,"
	" PRIMARY KEY (node, day, at))",
	"CREATE INDEX registration_history_upn"
	" ON registration_history (tenant, upn, time_ms)",
	"CREATE INDEX registration_history_time"
	" ON registration_history (time_ms)",

	"CREATE TABLE calls ("
	" id TEXT PRIMARY KEY, version BIGINT NOT NULL,"
	" tenant TEXT NOT NULL, pbx TEXT NOT NULL, upn TEXT NOT NULL,"
	" start_ms BIGINT NOT NULL, failed BIGINT NOT NULL,"
	" data TEXT NOT NULL)",
	"CREATE INDEX calls_start ON calls (start_ms, id, failed)",
	"CREATE INDEX calls_tenant ON calls (tenant, start_ms, id, failed)",
	"CREATE INDEX calls_upn ON calls (tenant, upn, start_ms)",

	"CREATE TABLE journal_position ("
	" node TEXT NOT NULL, day TEXT NOT NULL, at BIGINT NOT NULL,"
	" PRIMARY KEY (node, day))",

	"CREATE TABLE audit ("
	" id TEXT PRIMARY KEY, time_ms BIGINT NOT NULL, who TEXT NOT NULL,"
	" address TEXT, tenant TEXT, action TEXT NOT NULL,"
	" kind TEXT NOT NULL, name TEXT NOT NULL, before TEXT,"
	" after TEXT)",
	"CREATE INDEX audit_tenant ON audit (tenant, id)",

	"CREATE TABLE tokens ("
	" name TEXT PRIMARY KEY, hash TEXT NOT NULL UNIQUE,"
	" role TEXT NOT NULL,"
	" tenant TEXT REFERENCES tenants ON DELETE CASCADE,"
	" expires_ms BIGINT NOT NULL)",

	"CREATE TABLE admins ("
	" name TEXT PRIMARY KEY, hash TEXT NOT NULL, role TEXT NOT NULL,"
	" tenant TEXT REFERENCES tenants ON DELETE CASCADE,"
	" expires_ms BIGINT NOT NULL)",

	/* Own templates: YAML as it was written */
	"CREATE TABLE templates ("
	" name TEXT PRIMARY KEY, revision BIGINT NOT NULL,"
	" changed_ms BIGINT NOT NULL, data TEXT NOT NULL)",

	"CREATE TABLE test_runs ("
	" id TEXT PRIMARY KEY,"
	" tenant TEXT REFERENCES tenants ON DELETE CASCADE,"
	" who TEXT NOT NULL, time_ms BIGINT NOT NULL,"
	" summary TEXT NOT NULL, data TEXT NOT NULL)",
	"CREATE INDEX test_runs_tenant ON test_runs (tenant, id)",

	/* Answers to creations that may be asked for again; a hash of the
	   request tells whether it is the same one */
	"CREATE TABLE answers ("
	" caller TEXT NOT NULL, key TEXT NOT NULL, hash TEXT NOT NULL,"
	" time_ms BIGINT NOT NULL, data TEXT NOT NULL,"
	" PRIMARY KEY (caller, key))",
	"CREATE INDEX answers_time ON answers (time_ms)",
};

/* Looking for calls, and what can be told of ten million of them at once */
static const char *const secondv[] = {
	/* mos: hundredths, of the side that hears worse; tails: numbers by
	   their ends (store_call_put.c) */
	"ALTER TABLE calls ADD COLUMN result TEXT NOT NULL DEFAULT ''",
	"ALTER TABLE calls ADD COLUMN mos BIGINT NOT NULL DEFAULT 0",
	"ALTER TABLE calls ADD COLUMN talk_ms BIGINT NOT NULL DEFAULT 0",
	"ALTER TABLE calls ADD COLUMN from_pbx BIGINT NOT NULL DEFAULT 0",
	"ALTER TABLE calls ADD COLUMN caller_tail BIGINT NOT NULL DEFAULT 0",
	"ALTER TABLE calls ADD COLUMN callee_tail BIGINT NOT NULL DEFAULT 0",

	/* all that calls are chosen by is in the index: a call itself is
	   looked at when it is shown */
	"DROP INDEX calls_start",
	"DROP INDEX calls_tenant",
	"DROP INDEX calls_upn",
	"CREATE INDEX calls_start ON calls (start_ms, id, tenant, pbx,"
	" failed, result, mos, talk_ms, from_pbx)",
	"CREATE INDEX calls_tenant ON calls (tenant, start_ms, id, pbx,"
	" failed, result, mos, talk_ms, from_pbx)",
	"CREATE INDEX calls_upn ON calls (upn, start_ms, id, tenant)",
	"CREATE INDEX calls_caller ON calls (caller_tail, start_ms, id,"
	" tenant)",
	"CREATE INDEX calls_callee ON calls (callee_tail, start_ms, id,"
	" tenant)",

	/* kind: 'user', name its upn; 'trunk', name the proxy, pbx the name
	   towards Teams. to_ms 0: it lasts */
	"CREATE TABLE outages ("
	" kind TEXT NOT NULL, tenant TEXT NOT NULL, pbx TEXT NOT NULL,"
	" name TEXT NOT NULL, node TEXT NOT NULL, from_ms BIGINT NOT NULL,"
	" to_ms BIGINT NOT NULL, reason TEXT NOT NULL, words TEXT NOT NULL,"
	" PRIMARY KEY (kind, tenant, name, node, from_ms))",
	"CREATE UNIQUE INDEX outages_open"
	" ON outages (kind, tenant, name, node) WHERE to_ms = 0",
	"CREATE INDEX outages_time ON outages (to_ms, from_ms)",
};


/* Calls that are shown by a link */
static const char *const thirdv[] = {
	"CREATE TABLE shares ("
	" id TEXT PRIMARY KEY, hash TEXT NOT NULL UNIQUE,"
	" tenant TEXT NOT NULL, call TEXT NOT NULL, who TEXT NOT NULL,"
	" redacted BIGINT NOT NULL, time_ms BIGINT NOT NULL,"
	" expires_ms BIGINT NOT NULL, opened BIGINT NOT NULL,"
	" opened_ms BIGINT NOT NULL, data TEXT NOT NULL)",
	"CREATE INDEX shares_tenant ON shares (tenant, id)",
	"CREATE INDEX shares_expires ON shares (expires_ms)",
};


/* Tests of PBXs that are begun here */
static const char *const runsv[] = {
	/* node: that runs it, NULL: it is over; pinned: it stays when newer
	   ones come */
	"ALTER TABLE test_runs ADD COLUMN node TEXT",
	"ALTER TABLE test_runs ADD COLUMN pinned BIGINT NOT NULL DEFAULT 1",

	/* What lies beside a report: base64 */
	"CREATE TABLE test_run_files ("
	" run TEXT NOT NULL REFERENCES test_runs ON DELETE CASCADE,"
	" name TEXT NOT NULL, data TEXT NOT NULL,"
	" PRIMARY KEY (run, name))",

	/* Who plays whom in tests of a PBX */
	"CREATE TABLE testers ("
	" tenant TEXT NOT NULL, pbx TEXT NOT NULL,"
	" revision BIGINT NOT NULL, changed_ms BIGINT NOT NULL,"
	" secrets TEXT NOT NULL, data TEXT NOT NULL,"
	" PRIMARY KEY (tenant, pbx),"
	" FOREIGN KEY (tenant, pbx) REFERENCES pbxs (tenant, name)"
	" ON DELETE CASCADE)",
};


/* Microsoft 365 (store_sync.h) */
static const char *const syncv[] = {
	"CREATE TABLE syncs ("
	" tenant TEXT PRIMARY KEY REFERENCES tenants ON DELETE CASCADE,"
	" revision BIGINT NOT NULL, changed_ms BIGINT NOT NULL,"
	" secrets TEXT NOT NULL, data TEXT NOT NULL)",

	/* every_ms 0: only when wished for; spread: thousandths of it that
	   are waited besides; claim: the node that runs it, as
	   long as it says so; origin: whose people and delta link they are */
	"CREATE TABLE sync_states ("
	" tenant TEXT PRIMARY KEY REFERENCES syncs ON DELETE CASCADE,"
	" every_ms BIGINT NOT NULL, spread BIGINT NOT NULL,"
	" ran_ms BIGINT NOT NULL,"
	" wish TEXT NOT NULL, wish_who TEXT NOT NULL,"
	" claim TEXT NOT NULL, claim_until_ms BIGINT NOT NULL,"
	" origin TEXT NOT NULL, delta TEXT NOT NULL,"
	" full_ms BIGINT NOT NULL, progress TEXT NOT NULL,"
	" data TEXT NOT NULL)",

	/* upn folded as that of users; why: the first reason that stands in
	   the way at Microsoft; left_ms 0: still there; teams: what was done
	   and found there */
	"CREATE TABLE sync_people ("
	" tenant TEXT NOT NULL REFERENCES syncs ON DELETE CASCADE,"
	" id TEXT NOT NULL, upn TEXT NOT NULL, why TEXT NOT NULL,"
	" missing BIGINT NOT NULL, left_ms BIGINT NOT NULL,"
	" search TEXT NOT NULL, data TEXT NOT NULL, teams TEXT NOT NULL,"
	" PRIMARY KEY (tenant, id))",
	"CREATE INDEX sync_people_upn ON sync_people (tenant, upn)",
};


static const char *const nodesv[] = {
	/* Bridges that use the store, and which PBX each serves. No foreign
	   keys: see store_node.c */
	"CREATE TABLE nodes ("
	" node TEXT PRIMARY KEY, run TEXT NOT NULL, software TEXT NOT NULL,"
	" state TEXT NOT NULL, since_ms BIGINT NOT NULL,"
	" until_ms BIGINT NOT NULL)",

	"CREATE TABLE leases ("
	" tenant TEXT NOT NULL, pbx TEXT NOT NULL, node TEXT NOT NULL,"
	" since_ms BIGINT NOT NULL, PRIMARY KEY (tenant, pbx))",
};


/* Figures of calls that ended, by the hour in which they began: the counters
   of bridge/model/call_stats.h (store_figures.c) */
static const char *const figuresv[] = {
	"DROP TABLE IF EXISTS call_hours",
	"CREATE TABLE call_figures ("
	" tenant TEXT NOT NULL, hour_ms BIGINT NOT NULL, pbx TEXT NOT NULL,"
	" data TEXT NOT NULL, PRIMARY KEY (tenant, hour_ms, pbx))",
	"CREATE INDEX call_figures_hour ON call_figures (hour_ms)",
};


/* Users of one state, or switched off, of all customers: few among many */
static const char *const fewv[] = {
	"DROP INDEX registrations_state",
	("CREATE INDEX registrations_state"
	 " ON registrations (state, tenant, upn)"),
	"CREATE INDEX users_enabled ON users (enabled, tenant, upn)",
};


/* What is filled little by little, and how far it is: calls whose figures
   nobody has counted yet (store_fill.c) */
static const char *const fillsv[] = {
	"CREATE TABLE fills (name TEXT PRIMARY KEY, at TEXT NOT NULL)",
	"INSERT INTO fills (name, at) SELECT 'calls', '' WHERE"
	" EXISTS (SELECT 1 FROM calls) AND"
	" NOT EXISTS (SELECT 1 FROM call_figures)",
};


/* Of a customer file's: a fingerprint of what is shown (store_mirror.c); not
   in backups, so that it is looked at after one */
static const char *const shownv[] = {
	"ALTER TABLE tenants ADD COLUMN shown TEXT NOT NULL DEFAULT ''",
};


/* How a node stands and is reached (JSON), and what somebody wants of it */
static const char *const aboutv[] = {
	"ALTER TABLE nodes ADD COLUMN about TEXT NOT NULL DEFAULT ''",
	"ALTER TABLE nodes ADD COLUMN wish TEXT NOT NULL DEFAULT ''",
};


static int take_any(const struct db_row *row, void *arg)
{
	(void)row;
	*(bool *)arg = true;

	return 0;
}


static int each_do(struct store *st, const char *const *sqlv, size_t sqlc)
{
	int err = 0;

	for (size_t i = 0; i < sqlc && !err; i++)
		err = db_query(st->db, sqlv[i], NULL, 0, NULL, NULL);

	return err;
}


/**
 * The history's key is what it is ordered by: an index less for each row. To
 * copy the rows of years would keep a start waiting, and they are found as
 * well where they are: so it is made anew only where there are none yet
 */
static int history_remake(struct store *st)
{
	static const char *const sqlv[] = {
		"DROP TABLE registration_history",
		"CREATE TABLE registration_history ("
		" node TEXT NOT NULL, day TEXT NOT NULL, at BIGINT NOT NULL,"
		" tenant TEXT NOT NULL, upn TEXT NOT NULL, pbx TEXT NOT NULL,"
		" time_ms BIGINT NOT NULL, data TEXT NOT NULL,"
		" PRIMARY KEY (time_ms, node, day, at))",
		("CREATE INDEX registration_history_upn"
		 " ON registration_history (tenant, upn, time_ms)"),
	};
	bool any = false;
	int err;

	err = db_query(st->db, "SELECT 1 FROM registration_history LIMIT 1",
		       NULL, 0, take_any, &any);

	return err || any ? err : each_do(st, sqlv, RE_ARRAY_SIZE(sqlv));
}


static const struct migration migrationv[SCHEMA_VERSION] = {
	{ firstv, RE_ARRAY_SIZE(firstv), NULL },
	{ secondv, RE_ARRAY_SIZE(secondv), store_outages_fill },
	{ thirdv, RE_ARRAY_SIZE(thirdv), NULL },
	{ syncv, RE_ARRAY_SIZE(syncv), NULL },
	{ runsv, RE_ARRAY_SIZE(runsv), NULL },
	{ nodesv, RE_ARRAY_SIZE(nodesv), NULL },
	{ figuresv, RE_ARRAY_SIZE(figuresv), NULL },
	{ fewv, RE_ARRAY_SIZE(fewv), NULL },
	{ fillsv, RE_ARRAY_SIZE(fillsv), NULL },
	{ shownv, RE_ARRAY_SIZE(shownv), NULL },
	/* an hour's figures of all customers together */
	{ NULL, 0, store_figures_fill },
	{ aboutv, RE_ARRAY_SIZE(aboutv), NULL },
	{ NULL, 0, history_remake },
};


/* For backups: a column list is for SQL and for a person who reads one */
const struct schema_table schema_tablev[] = {
	{ "tenants", "tenant,fqdn,managed,stamp,revision,changed_ms,secrets,"
	  "data", 8, "tenant", 1, 0, 0 },
	{ "pbxs", "tenant,name,template,revision,changed_ms,secrets,data", 7,
	  "tenant,name", 1, 0, 0 },
	{ "users", "tenant,upn,number,pbx,sip_username,enabled,search,"
	  "revision,changed_ms,secrets,data", 11, "tenant,upn", 1, 0, 0 },
	{ "secrets", "tenant,kind,name,field,sealed", 5,
	  "tenant,kind,name,field", 1, 0, 0 },
	{ "registrations", "tenant,upn,pbx,state,time_ms,data", 6,
	  "tenant,upn", 1, 0, 0 },
	{ "registration_history", "node,day,at,tenant,upn,pbx,time_ms,data",
	  8, "node,day,at", 1, 0, 0 },
	{ "calls", "id,version,tenant,pbx,upn,start_ms,failed,data,result,"
	  "mos,talk_ms,from_pbx,caller_tail,callee_tail", 14, "id", 1, 2, 8 },
	{ "call_figures", "tenant,hour_ms,pbx,data", 4,
	  "tenant,hour_ms,pbx", 7, 0, 0 },
	{ "fills", "name,at", 2, "name", 9, 0, 0 },
	{ "outages", "kind,tenant,pbx,name,node,from_ms,to_ms,reason,words",
	  9, "kind,tenant,name,node,from_ms", 2, 0, 0 },
	{ "journal_position", "node,day,at", 3, "node,day", 1, 0, 0 },
	{ "audit", "id,time_ms,who,address,tenant,action,kind,name,before,"
	  "after", 10, "id", 1, 0, 0 },
	{ "tokens", "name,hash,role,tenant,expires_ms", 5, "name", 1, 0, 0 },
	{ "admins", "name,hash,role,tenant,expires_ms", 5, "name", 1, 0, 0 },
	{ "templates", "name,revision,changed_ms,data", 4, "name", 1, 0, 0 },
	{ "shares", "id,hash,tenant,call,who,redacted,time_ms,expires_ms,"
	  "opened,opened_ms,data", 11, "id", 3, 0, 0 },
	{ "syncs", "tenant,revision,changed_ms,secrets,data", 5,
	  "tenant", 4, 0, 0 },
	{ "sync_states", "tenant,every_ms,spread,ran_ms,wish,wish_who,claim,"
	  "claim_until_ms,origin,delta,full_ms,progress,data", 13,
	  "tenant", 4, 0, 0 },
	{ "sync_people", "tenant,id,upn,why,missing,left_ms,search,data,teams",
	  9, "tenant,id", 4, 0, 0 },
	{ "test_runs", "id,tenant,who,time_ms,summary,data,node,pinned", 8,
	  "id", 1, 5, 6 },
	{ "test_run_files", "run,name,data", 3, "run,name", 5, 0, 0 },
	{ "testers", "tenant,pbx,revision,changed_ms,secrets,data", 6,
	  "tenant,pbx", 5, 0, 0 },
};

const size_t schema_tablec = RE_ARRAY_SIZE(schema_tablev);


size_t schema_columnc(const struct schema_table *t, int64_t version)
{
	if (version < t->since)
		return 0;

	return version < t->grown ? t->firstc : t->columnc;
}


struct pl schema_columns(const struct schema_table *t, size_t c)
{
	struct pl pl = { t->columns, 0 };

	while (pl.p[pl.l] && (pl.p[pl.l] != ',' || --c))
		++pl.l;

	return pl;
}


int schema_remake(struct store *st, int64_t version, struct errors *errs)
{
	/* those that are in no backup refer to nothing */
	static const char *const otherv[] = {
		"leases", "nodes", "answers", "changes", "schema_version",
	};
	char sql[64];
	int err = 0;

	for (size_t i = 0; i < RE_ARRAY_SIZE(otherv) && !err; i++) {
		(void)re_snprintf(sql, sizeof(sql), "DROP TABLE %s",
				  otherv[i]);
		err = db_query(st->db, sql, NULL, 0, NULL, NULL);
	}

	for (size_t i = schema_tablec; i > 0 && !err; i--) {
		(void)re_snprintf(sql, sizeof(sql), "DROP TABLE %s",
				  schema_tablev[i - 1].name);
		err = db_query(st->db, sql, NULL, 0, NULL, NULL);
	}

	return err ? err : schema_migrate(st, version, errs);
}


static int take_version(const struct db_row *row, void *arg)
{
	*(int64_t *)arg = db_int(row, 0);

	return 0;
}


int store_version(struct store *st, int64_t *version)
{
	int64_t found = 0;
	int err;

	if (!st || !version)
		return EINVAL;

	err = db_query(st->db, "SELECT MAX(version) FROM schema_version",
		       NULL, 0, take_version, &found);
	if (!err)
		*version = found;

	return err;
}


static int apply(struct store *st, int64_t version)
{
	const struct migration *m = &migrationv[version - 1];
	int err;

	err = each_do(st, m->sqlv, m->sqlc);
	if (!err && m->fillh)
		err = m->fillh(st);

	return err ? err : db_do(st->db, "INSERT INTO schema_version"
				 " (version, since_ms) VALUES ($1, $2)",
				 DB_INT(version), DB_INT(clock_wall_ms()));
}


int schema_migrate(struct store *st, int64_t until, struct errors *errs)
{
	int64_t version = 0;
	int err;

	err = db_query(st->db, "CREATE TABLE IF NOT EXISTS schema_version"
		       " (version BIGINT PRIMARY KEY,"
		       " since_ms BIGINT NOT NULL)", NULL, 0, NULL, NULL);
	if (!err)
		err = store_version(st, &version);

	if (!err && version > SCHEMA_VERSION) {
		errors_add(errs, NULL, NULL, "the store's tables are of"
			   " version %lld, this program knows %d: a newer"
			   " one has changed them", (long long)version,
			   SCHEMA_VERSION);
		return EPROTO;
	}

	while (!err && version < until)
		err = apply(st, ++version);

	return err;
}


int store_migrate_until(struct store *st, int64_t version,
			struct errors *errs)
{
	int err;

	if (!st || version > SCHEMA_VERSION)
		return EINVAL;

	err = db_begin(st->db, DB_ALONE);
	if (!err)
		err = db_end(st->db, schema_migrate(st, version, errs));

	if (err && err != EPROTO)
		errors_add(errs, NULL, NULL, "the store's tables cannot be"
			   " made: %s", store_why(st));

	return err;
}


int store_migrate(struct store *st, struct errors *errs)
{
	return store_migrate_until(st, SCHEMA_VERSION, errs);
}
