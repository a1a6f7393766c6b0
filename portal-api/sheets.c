/**
 * @file sheets.c  Long lists as files, a piece at a time
 */
#include <event2/buffer.h>
#include <event2/http.h>
#include <jansson.h>
#include <stdlib.h>
#include <time.h>

#include "csv.h"
#include "sheets.h"


enum { ROWS = 1000, ROWS_MAX = 1000000, TEXT_SIZE = 32 };


struct sheet {
	const struct sheet_kind *kind;
	bool csv;
	bool some;                 /* rows have been told                  */
	bool last;                 /* that was all                         */
	bool failed;               /* after it had begun                   */
	bool begun;                /* to be sent: the portal's thread's,   */
	bool gone;                 /* ... as is this: nobody takes it      */
	bool waiting;              /* ... and this: for the other side     */
	size_t c;                  /* rows of this piece                   */
	bool limited;
	uint32_t left;             /* so many at most, if it is            */
	char after[STORE_CURSOR_SIZE];
	char told[STORE_CURSOR_SIZE];
	struct request *rq;        /* borrowed, while a piece is read      */
	struct evbuffer *out;      /* borrowed, likewise                   */
};


/* Rows */


static const json_t *member(const json_t *row, const char *path)
{
	const char *dot = strchr(path, '.');
	char name[64];

	if (!dot)
		return json_object_get(row, path);

	(void)re_snprintf(name, sizeof(name), "%b", path,
			  (size_t)(dot - path));

	return member(json_object_get(row, name), dot + 1);
}


static void moment(char text[TEXT_SIZE], int64_t ms)
{
	const time_t t = (time_t)(ms / 1000);
	struct tm tm;

	*text = '\0';
	if (ms && gmtime_r(&t, &tm))
		(void)strftime(text, TEXT_SIZE, "%Y-%m-%dT%H:%M:%SZ", &tm);
}


static void cell(struct evbuffer *out, const json_t *row,
		 const struct sheet_column *column, int last)
{
	const json_t *value = member(row, column->path);
	const json_int_t n = json_integer_value(value);
	char text[TEXT_SIZE] = "", *dumped = NULL;

	if (column->type == SHEET_MS)
		moment(text, n);
	else if (column->type == SHEET_S)
		moment(text, n * 1000);
	else if (json_is_boolean(value))
		str_ncpy(text, json_is_true(value) ? "true" : "false",
			 sizeof(text));
	else if (json_is_integer(value))
		(void)re_snprintf(text, sizeof(text), "%lld", (long long)n);
	else if (json_is_real(value))
		(void)snprintf(text, sizeof(text), "%.2f",
			       json_real_value(value));
	else if (column->type == SHEET_JSON && value && !json_is_null(value))
		dumped = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);

	csv_write(out, json_is_string(value) ? json_string_value(value) :
		  dumped ? dumped : text, last);
	free(dumped);
}


static int row_add(struct sheet *sh, const json_t *row)
{
	const struct sheet_kind *kind = sh->kind;

	if (!sh->csv) {
		if (evbuffer_add_printf(sh->out, "%s\n", sh->some ? "," : "")
		    < 0 ||
		    json_dump_callback(row, reply_print, sh->out,
				       JSON_COMPACT))
			return ENOMEM;
	}

	for (size_t i = 0; sh->csv && i < kind->columnc; i++)
		cell(sh->out, row, &kind->columnv[i],
		     i + 1 == kind->columnc);

	sh->some = true;

	return 0;
}


static int row_h(const json_t *row, void *arg)
{
	struct sheet *sh = arg;

	++sh->c;
	if (sh->kind->skiph && sh->kind->skiph(sh->rq, row))
		return 0;

	return row_add(sh, row);
}


/* Pieces, in a worker */


static void head(const struct sheet *sh)
{
	const struct sheet_kind *kind = sh->kind;

	if (!sh->csv)
		(void)evbuffer_add_printf(sh->out, "{\"%s\":[", kind->name);

	for (size_t i = 0; sh->csv && i < kind->columnc; i++)
		csv_write(sh->out, kind->columnv[i].title,
			  i + 1 == kind->columnc);
}


static int piece(struct request *rq, struct evbuffer *out)
{
	struct sheet *sh = rq->sheet;
	const bool first = !*sh->after;
	const size_t most = sh->limited && sh->left < ROWS ? sh->left : ROWS;
	int err;

	sh->c   = 0;
	sh->rq  = rq;
	sh->out = out;
	if (first)
		head(sh);

	err = sh->kind->readh(rq, first ? NULL : sh->after, sh->told, most,
			      row_h, sh);
	str_ncpy(sh->after, sh->told, sizeof(sh->after));
	sh->left -= sh->limited ? (uint32_t)sh->c : 0;

	/* what has no cursor was told whole */
	sh->last = !err && (sh->c < most || !*sh->told ||
			    (sh->limited && !sh->left));
	if (sh->last && !sh->csv)
		(void)evbuffer_add_printf(out, "\n]}\n");

	return err;
}


static const char *type_of(const struct sheet *sh)
{
	return sh->csv ? "text/csv; charset=utf-8" : "application/json";
}


void sheet_work(struct request *rq)
{
	struct evbuffer *out = evbuffer_new();
	int err;

	err = out ? piece(rq, out) : ENOMEM;
	if (err)
		rq->sheet->failed = true;
	reply_body(rq, HTTP_OK, type_of(rq->sheet), out);
}


void sheet_begin(struct request *rq, const struct sheet_kind *kind)
{
	static const char *const formatv[] = { "csv", "json" };
	struct evbuffer *out = NULL;
	uint32_t limit = 0;
	size_t format = 0;
	int err;

	if (!query_choice(rq, "format", formatv, RE_ARRAY_SIZE(formatv),
			  &format) ||
	    !query_number(rq, "limit", 1, ROWS_MAX, &limit))
		return;

	rq->sheet = mem_zalloc(sizeof(*rq->sheet), NULL);
	out = evbuffer_new();
	err = rq->sheet && out ? 0 : ENOMEM;
	if (!err) {
		rq->sheet->kind = kind;
		rq->sheet->csv  = !format;
		rq->sheet->limited = limit > 0;
		rq->sheet->left    = limit;
		err = piece(rq, out);
	}

	if (err) {
		rq->sheet = mem_deref(rq->sheet);
		if (out)
			evbuffer_free(out);
		reply_store(rq, err, NULL);
		return;
	}

	reply_header(rq, "Content-Disposition", "attachment; filename="
		     "\"%s.%s\"", kind->name, formatv[format]);
	reply_body(rq, HTTP_OK, type_of(rq->sheet), out);
}


/* Sending, in the portal's thread */


/** As of an event stream: a request that evhttp has taken off its connection
    is ours to end */
static void closed_h(struct evhttp_connection *evcon, void *arg)
{
	struct request *rq = arg;

	(void)evcon;

	if (!evhttp_request_get_connection(rq->req))
		evhttp_send_reply_end(rq->req);
	rq->req = NULL;
	rq->sheet->gone = true;

	if (rq->sheet->waiting)
		mem_deref(rq);     /* else a worker has it still */
}


static void end(struct request *rq)
{
	struct evhttp_connection *evcon =
		evhttp_request_get_connection(rq->req);

	if (evcon)
		evhttp_connection_set_closecb(evcon, NULL, NULL);
	evhttp_send_reply_end(rq->req);
	rq->req = NULL;
}


/** It cannot be said any more what went wrong: an end that is missing is
    what the other side notices */
static void cut(struct request *rq)
{
	struct evhttp_connection *evcon =
		evhttp_request_get_connection(rq->req);

	if (evcon)
		evhttp_connection_free(evcon);
}


/** The other side has taken what there was */
static void taken_h(struct evhttp_connection *evcon, void *arg)
{
	struct request *rq = arg;

	(void)evcon;

	rq->sheet->waiting = false;
	if (portal_work_on(rq))
		cut(rq);
	mem_deref(rq);
}


static void begin(struct request *rq)
{
	struct evhttp_connection *evcon =
		evhttp_request_get_connection(rq->req);

	rq->sheet->begun = true;
	portal_release(rq->portal, rq->req);
	if (evcon)
		evhttp_connection_set_closecb(evcon, closed_h, rq);
	reply_start(rq);
}


void sheet_send(struct request *rq)
{
	struct sheet *sh = rq->sheet;
	struct evbuffer *body = rq->answer.body;

	if (sh->gone)
		return;

	if (!sh->begun)
		begin(rq);

	/* of the store, or the worker had none */
	if (sh->failed || rq->answer.code != HTTP_OK) {
		cut(rq);
		return;
	}

	if (sh->last) {
		evhttp_send_reply_chunk(rq->req, body);
		end(rq);
		return;
	}

	/* a piece of which all was left out is no piece */
	if (!evbuffer_get_length(body)) {
		if (portal_work_on(rq))
			cut(rq);
		return;
	}

	sh->waiting = true;
	evhttp_send_reply_chunk_with_cb(rq->req, body, taken_h, mem_ref(rq));
}
