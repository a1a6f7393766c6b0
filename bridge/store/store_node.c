/**
 * @file store_node.c  Several bridges on one store: who serves which PBX
 *
 * A node says again and again that it is there; its PBXs are its own for as
 * long as it did so lately. What nobody serves, or somebody who fell silent
 * or wants to go, whoever comes first takes over. All by the database's
 * clock: those of the nodes may differ.
 *
 * The tables have no foreign keys: a beat waits for nobody who changes many
 * PBXs in one transaction, or the node would lose them meanwhile.
 */
#include "bridge/base/field.h"
#include "bridge/base/libre.h"
#include "bridge/base/wheel.h"
#include "store_core.h"


enum { FORGET_MS = 24 * 3600 * 1000 };     /* a node that is gone */


static const char draining[] = "draining", drain_wish[] = "drain";


bool store_is_shared(const struct store *st)
{
	return st && st->db->now;
}


static int take_int(const struct db_row *row, void *arg)
{
	*(int64_t *)arg = db_int(row, 0);

	return 0;
}


/** The database's time, for all nodes the same */
static int now_get(struct store *st, int64_t *ms)
{
	*ms = clock_wall_ms();

	return st->db->now ? db_query(st->db, st->db->now, NULL, 0, take_int,
				      ms) : 0;
}


/* Who we are */


struct other {
	const struct store_node *self;
	int64_t now_ms;
	bool alive;                /* another one has our name             */
	bool drained;              /* somebody wants us to hand over       */
};


static int take_other(const struct db_row *row, void *arg)
{
	struct other *other = arg;

	other->alive = strcmp(row->textv[0], other->self->run) &&
		db_int(row, 1) > other->now_ms;
	other->drained = db_int(row, 2) == other->self->since_ms &&
		!strcmp(row->textv[3], drain_wish);

	return 0;
}


/** A wish is that of one run: a restart forgets it. Takes it over */
static int node_write(struct store *st, struct store_node *self,
		      int64_t now_ms)
{
	struct other other = { .self = self, .now_ms = now_ms };
	int err;

	err = db_do_each(st->db, take_other, &other, "SELECT run, until_ms,"
			 " since_ms, wish FROM nodes WHERE node = $1",
			 DB_TEXT(self->name));
	if (err || other.alive)
		return err ? err : EADDRINUSE;

	self->draining |= other.drained;

	err = db_do(st->db, "INSERT INTO nodes (node, run, software, state,"
		    " since_ms, until_ms, about, wish) VALUES"
		    " ($1, $2, $3, $4, $5, $6, $7, $8)"
		    " ON CONFLICT (node) DO UPDATE SET run = excluded.run,"
		    " software = excluded.software, state = excluded.state,"
		    " since_ms = excluded.since_ms,"
		    " until_ms = excluded.until_ms,"
		    " about = excluded.about, wish = excluded.wish",
		    DB_TEXT(self->name), DB_TEXT(self->run),
		    DB_TEXT(self->software),
		    DB_TEXT(self->draining ? draining : "up"),
		    DB_INT(self->since_ms),
		    DB_INT(now_ms + STORE_LEASE_MS),
		    DB_TEXT(self->about ? self->about : ""),
		    DB_TEXT(other.drained ? drain_wish : ""));

	return err ? err : db_do(st->db, "DELETE FROM nodes"
				 " WHERE until_ms < $1",
				 DB_INT(now_ms - FORGET_MS));
}


/* Whose PBXs are ours */


/** A PBX that we could serve, and has no node now */
struct vacant {
	struct le le;
	char *tenant, *pbx;        /* owned */
};

struct looking {
	struct store_node self;            /* draining: it shall, too */
	const struct strings *files;       /* our customers of files */
	int64_t now_ms;
	struct list vacantl;       /* struct vacant, owned */
	store_lease_h *h;
	void *arg;
};


static void vacant_destructor(void *data)
{
	struct vacant *vacant = data;

	list_unlink(&vacant->le);
	mem_deref(vacant->tenant);
	mem_deref(vacant->pbx);
}


static int vacant_add(struct looking *lk, const char *tenant,
		      const char *pbx)
{
	struct vacant *vacant;
	int err;

	vacant = mem_zalloc(sizeof(*vacant), vacant_destructor);
	if (!vacant)
		return ENOMEM;

	err = str_dup(&vacant->tenant, tenant);
	if (!err)
		err = str_dup(&vacant->pbx, pbx);
	if (err)
		mem_deref(vacant);
	else
		list_append(&lk->vacantl, &vacant->le, vacant);

	return err;
}


/** Columns tenant, pbx, managed, node, its until_ms, its state */
static int take_pbx(const struct db_row *row, void *arg)
{
	struct looking *lk = arg;
	const char *node = row->textv[3];

	/* customers of files are known only where the file is */
	if (strcmp(row->textv[2], "store") &&
	    !strings_has(lk->files, row->textv[0]))
		return 0;

	if (node && !strcmp(node, lk->self.name))
		return lk->h(row->textv[0], row->textv[1], lk->arg);

	if (lk->self.draining ||
	    (node && row->textv[5] && strcmp(row->textv[5], draining) &&
	     db_int(row, 4) > lk->now_ms))
		return 0;

	return vacant_add(lk, row->textv[0], row->textv[1]);
}


static int vacant_take(struct store *st, struct looking *lk)
{
	int err = 0;

	for (struct le *le = list_head(&lk->vacantl); le && !err;
	     le = le->next) {
		const struct vacant *vacant = le->data;

		err = db_do(st->db, "INSERT INTO leases (tenant, pbx, node,"
			    " since_ms) VALUES ($1, $2, $3, $4)"
			    " ON CONFLICT (tenant, pbx) DO UPDATE SET"
			    " node = excluded.node,"
			    " since_ms = excluded.since_ms",
			    DB_TEXT(vacant->tenant), DB_TEXT(vacant->pbx),
			    DB_TEXT(lk->self.name), DB_INT(lk->now_ms));
		if (!err)
			err = lk->h(vacant->tenant, vacant->pbx, lk->arg);
	}

	/* whom we took them from is to notice soon */
	if (!err && lk->vacantl.head)
		err = db_notify(st->db);

	return err;
}


static int beat(struct store *st, struct looking *lk)
{
	int err;

	err = now_get(st, &lk->now_ms);
	if (!err)
		err = node_write(st, &lk->self, lk->now_ms);
	if (!err)
		err = db_do(st->db, "DELETE FROM leases WHERE node = $1 AND"
			    " NOT EXISTS (SELECT 1 FROM pbxs p WHERE"
			    " p.tenant = leases.tenant AND"
			    " p.name = leases.pbx)", DB_TEXT(lk->self.name));
	if (!err)
		err = db_query(st->db, "SELECT p.tenant, p.name, t.managed,"
			       " l.node, n.until_ms, n.state FROM pbxs p"
			       " JOIN tenants t ON t.tenant = p.tenant"
			       " LEFT JOIN leases l ON l.tenant = p.tenant"
			       " AND l.pbx = p.name"
			       " LEFT JOIN nodes n ON n.node = l.node"
			       " ORDER BY p.tenant, p.name", NULL, 0,
			       take_pbx, lk);

	return err ? err : vacant_take(st, lk);
}


int store_node_beat(struct store *st, const struct store_node *self,
		    const struct strings *files, store_lease_h *h, void *arg)
{
	struct looking lk = { .files = files, .h = h, .arg = arg };
	int err;

	if (!st || !self || !self->name || !self->run || !files || !h)
		return EINVAL;

	lk.self = *self;
	err = db_begin(st->db, DB_NODES);
	if (!err)
		err = db_end(st->db, beat(st, &lk));
	list_flush(&lk.vacantl);

	return err;
}


int store_node_leave(struct store *st, const struct store_node *self)
{
	int err;

	if (!st || !self || !self->name || !self->run)
		return EINVAL;

	err = db_begin(st->db, DB_NODES);
	if (err)
		return err;

	err = db_do(st->db, "DELETE FROM nodes WHERE node = $1 AND run = $2",
		    DB_TEXT(self->name), DB_TEXT(self->run));
	if (!err)
		err = db_notify(st->db);

	return db_end(st->db, err);
}


/* Handing over, while it runs */


struct wishing {
	const char *node;
	int64_t now_ms;
	bool found, other;         /* that takes PBXs */
};


static int take_able(const struct db_row *row, void *arg)
{
	struct wishing *w = arg;
	const bool alive = db_int(row, 1) > w->now_ms;

	if (!strcmp(row->textv[0], w->node))
		w->found = alive;
	else if (alive && strcmp(row->textv[2], draining) &&
		 strcmp(row->textv[3], drain_wish))
		w->other = true;

	return 0;
}


static int wish_write(struct store *st, const char *node, bool drain,
		      const struct store_by *by)
{
	struct wishing w = { .node = node };
	int err;

	err = now_get(st, &w.now_ms);
	if (!err)
		err = db_query(st->db, "SELECT node, until_ms, state, wish"
			       " FROM nodes", NULL, 0, take_able, &w);
	if (!err && !w.found)
		err = ENOENT;
	if (!err && drain && !w.other)
		err = EBUSY;
	if (!err)
		err = db_do(st->db, "UPDATE nodes SET wish = $1 WHERE"
			    " node = $2", DB_TEXT(drain ? drain_wish : ""),
			    DB_TEXT(node));
	if (!err)
		err = store_audit_add(st, by, NULL, drain ? "drain"
				      : "resume", "node", node, NULL, NULL);

	return err ? err : db_notify(st->db);
}


int store_node_drain(struct store *st, const char *node, bool drain,
		     const struct store_by *by)
{
	int err;

	if (!st || !node || !by || !by->who)
		return EINVAL;

	err = db_begin(st->db, DB_NODES);

	return err ? err : db_end(st->db, wish_write(st, node, drain, by));
}


/* Telling */


struct telling {
	store_node_h *h;
	store_place_h *placeh;
	void *arg;
	int64_t now_ms;
};


static int tell_node(const struct db_row *row, void *arg)
{
	const struct telling *tl = arg;
	const struct store_node node = {
		.name     = row->textv[0],
		.software = row->textv[1],
		.draining = !strcmp(row->textv[2], draining),
		.since_ms = db_int(row, 3),
		.seen_ms  = db_int(row, 4) - STORE_LEASE_MS,
		.alive    = db_int(row, 4) > tl->now_ms,
		.pbxs     = (size_t)db_int(row, 5),
		.about    = row->textv[6],
		.drained  = !strcmp(row->textv[7], drain_wish),
	};

	return tl->h(&node, tl->arg);
}


int store_nodes(struct store *st, store_node_h *h, void *arg)
{
	struct telling tl = { .h = h, .arg = arg };
	int err;

	if (!st || !h)
		return EINVAL;

	err = now_get(st, &tl.now_ms);

	return err ? err : db_query(st->db, "SELECT n.node, n.software,"
				    " n.state, n.since_ms, n.until_ms,"
				    " (SELECT COUNT(*) FROM leases l WHERE"
				    " l.node = n.node), n.about, n.wish"
				    " FROM nodes n"
				    " ORDER BY n.node", NULL, 0, tell_node,
				    &tl);
}


static int tell_place(const struct db_row *row, void *arg)
{
	const struct telling *tl = arg;

	return tl->placeh(row->textv[0], row->textv[1], row->textv[2],
			  db_int(row, 3), tl->arg);
}


int store_places(struct store *st, const char *tenant, store_place_h *h,
		 void *arg)
{
	struct telling tl = { .placeh = h, .arg = arg };

	if (!st || !h)
		return EINVAL;

	if (tenant)
		return db_do_each(st->db, tell_place, &tl, "SELECT tenant,"
				  " pbx, node, since_ms FROM leases WHERE"
				  " tenant = $1 ORDER BY tenant, pbx",
				  DB_TEXT(tenant));

	return db_query(st->db, "SELECT tenant, pbx, node, since_ms FROM"
			" leases ORDER BY tenant, pbx", NULL, 0, tell_place,
			&tl);
}
