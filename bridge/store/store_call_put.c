/**
 * @file store_call_put.c  Calls taken into the store, with their figures
 *
 * A call is told several times while it runs. Its figures count in the hour
 * in which it began once it has ended; if it is told again after that, what
 * it counted before is taken off. So the figures of an hour are those of the
 * calls that are kept, in every transaction.
 */
#include "bridge/base/libre.h"
#include "bridge/model/call_stats.h"
#include "store_core.h"


enum {
	TAIL_DIGITS = 18,          /* 11^18 goes into 63 bits */
	TAIL_BASE   = 11,
	WHOLE_DIGITS = 7,
};


static bool is_skipped(char c)
{
	return c && strchr(" +-()./\t", c);
}


/** Digits of a number, from its end; what has letters in it is no number.
    @return how many */
static size_t digits_of(char digitv[TAIL_DIGITS], const char *number)
{
	size_t c = 0;

	for (size_t i = strlen(number); i-- && c < TAIL_DIGITS;) {
		if (number[i] >= '0' && number[i] <= '9')
			digitv[c++] = number[i];
		else if (number[i] == '*' || number[i] == '#')
			break;     /* a feature code before the number */
		else if (!is_skipped(number[i]))
			return 0;
	}

	return c;
}


/** Digits from the end as a number to the base of 11, 1 for a 0 and so on, 0
    where there is none: all that end alike lie side by side */
static int64_t tail_of(const char *digitv, size_t c, int64_t *widthp)
{
	int64_t tail = 0, width = 1;

	for (size_t i = 0; i < TAIL_DIGITS; i++) {
		tail = tail * TAIL_BASE + (i < c ? digitv[i] - '0' + 1 : 0);
		if (i >= c)
			width *= TAIL_BASE;
	}

	if (widthp)
		*widthp = width;

	return tail;
}


int64_t store_tail(const char *number)
{
	char digitv[TAIL_DIGITS];

	return tail_of(digitv, digits_of(digitv, number), NULL);
}


/** How people write a number: "+44 (0)20 7946 0018", "0044 20...", "020...".
    @return how many digits, 0: none, or too few */
static size_t typed_digits(char digitv[TAIL_DIGITS], const char *typed)
{
	const char *zero = strstr(typed, "(0)");
	char text[64];
	size_t c;

	if (strlen(typed) >= sizeof(text))
		return 0;

	if (zero)
		(void)re_snprintf(text, sizeof(text), "%b%s", typed,
				  (size_t)(zero - typed), zero + 3);
	else
		str_ncpy(text, typed, sizeof(text));

	/* zeros of the country, or of the way abroad; not of last digits */
	c = digits_of(digitv, text);
	while (c >= WHOLE_DIGITS && digitv[c - 1] == '0')
		--c;

	return c < STORE_TAIL_MIN ? 0 : c;
}


int store_tail_range(const char *typed, int64_t *from, int64_t *to)
{
	char digitv[TAIL_DIGITS];
	const size_t c = typed_digits(digitv, typed);
	int64_t width;

	if (!c)
		return EINVAL;

	*from = tail_of(digitv, c, &width);
	*to   = *from + width;

	return 0;
}


int store_digits(char dst[STORE_DIGITS_SIZE], const char *typed)
{
	char digitv[TAIL_DIGITS];
	const size_t c = typed_digits(digitv, typed);

	for (size_t i = 0; i < c; i++)
		dst[i] = digitv[c - 1 - i];
	dst[c] = '\0';

	return c ? 0 : EINVAL;
}


/* Calls */


struct before {
	int64_t version;
	bool ended;
	struct call_record *rec;   /* owned, of a call that had ended */
};


static int before_h(const struct db_row *row, void *arg)
{
	struct before *b = arg;

	b->version = db_int(row, 0);
	b->ended   = strcmp(row->textv[1], call_result_name(CALL_RUNNING));
	if (!b->ended)
		return 0;

	b->rec = mem_zalloc(sizeof(*b->rec), NULL);

	return b->rec ? call_record_parse(b->rec, row->textv[2],
					  strlen(row->textv[2])) : ENOMEM;
}


static const char *result_of(const struct call_record *rec)
{
	return call_result_name(rec->state == CALL_ENDED ?
				call_record_result(rec) : CALL_RUNNING);
}


static int64_t talk_ms(const struct call_record *rec)
{
	return rec->answer_ms && rec->end_ms > rec->answer_ms ?
		rec->end_ms - rec->answer_ms : 0;
}


int store_call_row(struct store *st, const struct call_record *rec,
		   const char *upn, const char *data)
{
	return db_do(st->db, "INSERT INTO calls (id, version, tenant,"
		     " pbx, upn, start_ms, failed, data, result, mos,"
		     " talk_ms, from_pbx, caller_tail, callee_tail) VALUES"
		     " ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12,"
		     " $13, $14) ON CONFLICT (id) DO UPDATE SET"
		     " version = excluded.version, tenant = excluded.tenant,"
		     " pbx = excluded.pbx, upn = excluded.upn,"
		     " start_ms = excluded.start_ms,"
		     " failed = excluded.failed, data = excluded.data,"
		     " result = excluded.result, mos = excluded.mos,"
		     " talk_ms = excluded.talk_ms,"
		     " from_pbx = excluded.from_pbx,"
		     " caller_tail = excluded.caller_tail,"
		     " callee_tail = excluded.callee_tail",
		     DB_TEXT(rec->id), DB_INT(rec->version),
		     DB_TEXT(rec->tenant), DB_TEXT(rec->pbx), DB_TEXT(upn),
		     DB_INT(rec->start_ms), DB_INT(call_record_failed(rec)),
		     DB_TEXT(data), DB_TEXT(result_of(rec)),
		     DB_INT(call_record_mos(rec)), DB_INT(talk_ms(rec)),
		     DB_INT(rec->direction == CALL_FROM_PBX),
		     DB_INT(store_tail(rec->caller)),
		     DB_INT(store_tail(rec->callee)));
}


/** Those that the filling has yet to come to are counted by it */
static int count(struct store *st, struct figures *f,
		 const struct call_record *before,
		 const struct call_record *rec)
{
	bool waits = false;
	int err = 0;

	if (st->filling)
		err = store_fill_waits(st, rec->id, &waits);
	if (err || waits)
		return err;

	if (before)
		err = figures_add(f, before, true);
	if (!err && rec->state == CALL_ENDED)
		err = figures_add(f, rec, false);

	return err;
}


int store_call_put(struct store *st, struct figures *f,
		   const struct call_record *rec, const char *data)
{
	struct before before = { .version = -1 };
	char upn[STORE_NAME_SIZE];
	int err;

	if (!str_isset(rec->id) || store_fold(upn, rec->upn))
		return 0;

	/* what a running call told before is of no interest */
	err = db_do_each(st->db, before_h, &before, "SELECT version, result,"
			 " CASE WHEN result = $2 THEN '' ELSE data END"
			 " FROM calls WHERE id = $1", DB_TEXT(rec->id),
			 DB_TEXT(call_result_name(CALL_RUNNING)));
	if (err || before.version > (int64_t)rec->version)
		goto out;

	err = count(st, f, before.rec, rec);
	if (!err)
		err = store_call_row(st, rec, upn, data);

 out:
	mem_deref(before.rec);

	return err;
}
