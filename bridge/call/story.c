/**
 * @file story.c  One conversation, several calls: what ties them together
 *
 * Every call has a story: the id of the first call in it. A transfer that
 * makes somebody else call (the PBX, or Teams by its proxy) is expected to
 * come back to us as a new call to the target; that one then belongs to the
 * same story.
 */
#include "bridge/sip/stack.h"
#include "call_core.h"


enum {
	EXPECT_US  = 60 * 1000000, /* a target may ring that long elsewhere */
	EXPECT_MAX = 1000,
};

static const char *const kind_words[] = {
	[TRANSFER_BLIND]    = "blind transfer",
	[TRANSFER_ATTENDED] = "transfer after a consultation",
	[TRANSFER_REPLACED] = "leg replaced by another one,",
};

static const char *const way_words[] = {
	[TRANSFER_BY_PBX]    = "REFER passed on to the PBX",
	[TRANSFER_BY_BRIDGE] = "we call the target",
	[TRANSFER_BY_JOIN]   = "joined with another call of ours",
	[TRANSFER_BY_PEER]   = "done by the peer",
};

/** A call that is about to come because of a transfer */
struct expect {
	struct le le;
	uint64_t until_us;         /* monotonic                             */
	char tenant[64], number[64];
	char of[40], story[40];
};


static void expect_destructor(void *arg)
{
	struct expect *ex = arg;

	list_unlink(&ex->le);
}


static uint32_t since_start_ms(const struct call *call)
{
	return (uint32_t)((clock_us() - call->start_us) / 1000);
}


static struct call_transfer *last(struct call *call)
{
	return call->rec.transferc ?
		&call->rec.transferv[call->rec.transferc - 1] : NULL;
}


static void put(char *dst, size_t size, const char *src)
{
	memset(dst, 0, size);
	str_ncpy(dst, src ? src : "", size);
}


static bool is_called(const struct expect *ex, const struct call *call,
		      const struct route *route)
{
	const struct user *user = route->acc ? account_user(route->acc) :
		NULL;

	if (str_cmp(ex->tenant, call->rec.tenant))
		return false;

	if (!str_cmp(ex->number, route->callee_raw) ||
	    !str_cmp(ex->number, route->callee))
		return true;

	return route->direction == CALL_FROM_PBX && user &&
		!str_cmp(ex->number, user->sip_username);
}


static struct call *running(const struct calls *calls, const char *id)
{
	struct le *le;

	for (le = list_head(&calls->calll); le; le = le->next) {
		struct call *call = le->data;

		if (!str_cmp(call->rec.id, id))
			return call;
	}

	return NULL;
}


/** The call that a transfer of another one led to */
static void continued(struct call *call, const struct expect *ex)
{
	struct call *of = running(call->calls, ex->of);
	struct call_transfer *tr = of ? last(of) : NULL;

	put(call->rec.story, sizeof(call->rec.story), ex->story);
	put(call->rec.transfer_of, sizeof(call->rec.transfer_of), ex->of);

	if (!tr)
		return;

	put(tr->call_id, sizeof(tr->call_id), call->rec.id);
	if (tr->way == TRANSFER_BY_PBX)
		put(of->rec.replaced_by, sizeof(of->rec.replaced_by),
		    call->rec.id);
	record_tell(of);
}


void story_begin(struct call *call, const struct route *route)
{
	struct le *le = list_head(&call->calls->expectl);
	const uint64_t now_us = clock_us();

	put(call->rec.story, sizeof(call->rec.story), call->rec.id);

	while (le) {
		struct expect *ex = le->data;

		le = le->next;
		if (ex->until_us < now_us) {
			mem_deref(ex);
		}
		else if (is_called(ex, call, route)) {
			continued(call, ex);
			mem_deref(ex);
			return;
		}
	}
}


void story_expect(struct call *call, const char *number)
{
	struct list *expectl = &call->calls->expectl;
	struct expect *ex;

	if (list_count(expectl) >= EXPECT_MAX)
		mem_deref(list_ledata(list_head(expectl)));

	ex = mem_zalloc(sizeof(*ex), expect_destructor);
	if (!ex)
		return;

	ex->until_us = clock_us() + EXPECT_US;
	put(ex->tenant, sizeof(ex->tenant), call->rec.tenant);
	put(ex->number, sizeof(ex->number), number);
	put(ex->of, sizeof(ex->of), call->rec.id);
	put(ex->story, sizeof(ex->story), call->rec.story);
	list_append(expectl, &ex->le, ex);
}


/** Number of whoever a side's peer is now */
static const char *party(const struct call *call, enum side side)
{
	const struct call_record *rec = &call->rec;
	size_t i;

	for (i = rec->transferc; i > 0; i--) {
		const struct call_transfer *tr = &rec->transferv[i - 1];

		if (tr->scode == 200 && tr->by == where_of(side))
			return tr->to;
	}

	if (side == SIDE_TEAMS)
		return account_user(call->acc)->number;

	return rec->direction == CALL_FROM_PBX ? rec->caller : rec->callee;
}


void story_asked(struct call *call, enum side by,
		 enum call_transfer_kind kind, const char *to)
{
	const char *from = party(call, by);
	struct call_transfer *tr;
	char copy[64];

	/* it may stand in the entry that gives way */
	put(copy, sizeof(copy), from);
	tr = call_record_transfer(&call->rec);
	tr->at_ms = since_start_ms(call);
	tr->by = where_of(by);
	tr->kind = kind;
	tr->way = TRANSFER_BY_BRIDGE;
	put(tr->from, sizeof(tr->from), copy);
	put(tr->to, sizeof(tr->to), to);
	record_note(call, CALL_TRANSFER, tr->by, "%s to %s",
		    kind_words[kind], to);
	record_tell(call);
}


void story_way(struct call *call, enum call_transfer_way way,
	       struct call *with)
{
	struct call_transfer *tr = last(call);

	if (!tr)
		return;

	tr->way = way;
	record_note(call, CALL_TRANSFER, CALL_AT_BRIDGE, "%s",
		    way_words[way]);
	if (!with) {
		record_tell(call);
		return;
	}

	/* the consultation belongs to the call that it was made for */
	put(tr->call_id, sizeof(tr->call_id), with->rec.id);
	put(with->rec.story, sizeof(with->rec.story), call->rec.story);
	put(with->rec.transfer_of, sizeof(with->rec.transfer_of),
	    call->rec.id);
	if (way == TRANSFER_BY_JOIN)
		put(call->rec.replaced_by, sizeof(call->rec.replaced_by),
		    with->rec.id);
	record_tell(call);
	record_tell(with);
}


void story_outcome(struct call *call, uint16_t scode)
{
	struct call_transfer *tr = last(call);

	if (!tr)
		return;

	record_note(call, CALL_TRANSFER, CALL_AT_BRIDGE, scode < 300 ?
		    "transferred" : "not transferred: %u", scode);
	tr->scode = scode;
	tr->took_ms = since_start_ms(call) - tr->at_ms;
	record_tell(call);
}
