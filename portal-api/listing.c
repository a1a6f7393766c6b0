/**
 * @file listing.c  Lists, and pages of them
 */
#include <event2/buffer.h>
#include <jansson.h>
#include <stdlib.h>

#include "api.h"


struct listing {
	struct request *rq;        /* borrowed */
	struct evbuffer *body;     /* owned    */
	bool some;
	bool open;                 /* the list's bracket */
	json_t *rows;              /* owned, until they are sorted; NULL:
				      they come in order */
	const char *member;        /* to sort by         */
	bool descending;
	int err;                   /* met on the way */
};


struct listing *listing_begin(struct request *rq, const char *name)
{
	struct listing *list = calloc(1, sizeof(*list));

	if (list)
		list->body = evbuffer_new();

	if (!list || !list->body ||
	    evbuffer_add_printf(list->body, "{\"%s\":[", name) < 0) {
		if (list && list->body)
			evbuffer_free(list->body);
		free(list);
		reply_json(rq, HTTP_INTERNAL, NULL);
		return NULL;
	}

	list->rq   = rq;
	list->open = true;

	return list;
}


bool listing_sort(struct listing *list, const char *const *memberv,
		  size_t memberc)
{
	const char *text = query_text(list->rq, "sort");
	const bool descending = text && *text == '-';
	size_t i = 0;

	if (!text || !query_choice_of(list->rq, "sort", text + descending,
				      memberv, memberc, &i)) {
		if (text)
			listing_drop(list);
		return !text;
	}

	list->member     = memberv[i];
	list->descending = descending;
	list->rows       = json_array();

	return true;
}


static int value_compare(const json_t *a, const json_t *b)
{
	double x, y;

	if (json_is_string(a) && json_is_string(b))
		return strcmp(json_string_value(a), json_string_value(b));

	/* what is not there comes first */
	x = json_is_number(a) ? json_number_value(a) : json_is_true(a) ? 1 :
		json_is_string(a) ? 1 : -1;
	y = json_is_number(b) ? json_number_value(b) : json_is_true(b) ? 1 :
		json_is_string(b) ? 1 : -1;

	return x < y ? -1 : x > y;
}


struct sorted {
	json_t *row;               /* borrowed */
	const struct listing *list;
	size_t i;                  /* equal ones stay as they came */
};


static int row_compare(const void *ap, const void *bp)
{
	const struct sorted *a = ap, *b = bp;
	const struct listing *list = a->list;
	const int n = value_compare(json_object_get(a->row, list->member),
				    json_object_get(b->row, list->member));

	if (n)
		return list->descending ? -n : n;

	return a->i < b->i ? -1 : 1;
}


/** All rows are there: tell them in order. @return 0, ENOMEM */
static int rows_sort(struct listing *list)
{
	json_t *rows = list->rows;
	const size_t c = json_array_size(rows);
	struct sorted *v;
	int err = 0;

	if (!rows)
		return 0;

	list->rows = NULL;
	v = calloc(c ? c : 1, sizeof(*v));
	if (!v)
		err = ENOMEM;

	for (size_t i = 0; i < c && !err; i++)
		v[i] = (struct sorted){ json_array_get(rows, i), list, i };
	if (!err)
		qsort(v, c, sizeof(*v), row_compare);
	for (size_t i = 0; i < c && !err; i++)
		err = listing_add(list, json_incref(v[i].row));

	free(v);
	json_decref(rows);

	return err;
}


int listing_add(struct listing *list, json_t *value)
{
	int err = 0;

	if (list->rows && value)
		return json_array_append_new(list->rows, value) ? ENOMEM : 0;

	if (!value ||
	    evbuffer_add(list->body, list->some ? ",\n" : "\n",
			 list->some ? 2 : 1) ||
	    json_dump_callback(value, reply_print, list->body, JSON_COMPACT))
		err = ENOMEM;

	list->some = true;
	json_decref(value);

	return err;
}


void listing_member(struct listing *list, const char *name, json_t *value)
{
	if (!list->err)
		list->err = rows_sort(list);
	if (list->open)
		(void)evbuffer_add(list->body, "\n]", 2);
	list->open = false;

	(void)evbuffer_add_printf(list->body, ",\"%s\":", name);
	(void)json_dump_callback(value, reply_print, list->body,
				 JSON_COMPACT | JSON_ENCODE_ANY);
	json_decref(value);
}


void listing_next(struct listing *list, const char *cursor)
{
	listing_member(list, "next", cursor ? json_string(cursor)
		       : json_null());
}


void listing_total(struct listing *list, size_t total)
{
	listing_member(list, "total", json_integer((json_int_t)total));
}


void listing_drop(struct listing *list)
{
	json_decref(list->rows);
	evbuffer_free(list->body);
	free(list);
}


void listing_end(struct listing *list, int err)
{
	if (!err)
		err = list->err ? list->err : rows_sort(list);
	if (!err && list->open && evbuffer_add(list->body, "\n]", 2))
		err = ENOMEM;
	if (!err && evbuffer_add(list->body, "}\n", 2))
		err = ENOMEM;

	if (err) {
		json_decref(list->rows);
		evbuffer_free(list->body);
		if (err == ENOMEM)
			reply_json(list->rq, HTTP_INTERNAL, NULL);
		else if (err == EINVAL)
			reply_error(list->rq, HTTP_BADREQUEST, "cursor",
				    "want a cursor that was told as \"next\"");
		else
			reply_store(list->rq, err, NULL);
	}
	else {
		reply_body(list->rq, HTTP_OK, "application/json", list->body);
	}

	free(list);
}


bool paging_begin(struct paging *pg, struct request *rq, const char *name)
{
	uint32_t limit = 100;

	memset(pg, 0, sizeof(*pg));
	if (!query_number(rq, "limit", 1, 1000, &limit))
		return false;

	pg->limit = limit;
	pg->list  = listing_begin(rq, name);

	return pg->list != NULL;
}


int paging_add(struct paging *pg, json_t *value)
{
	if (pg->c == pg->limit) {
		pg->more = true;
		json_decref(value);
		return 0;
	}

	++pg->c;
	str_ncpy(pg->next, pg->last, sizeof(pg->next));

	return listing_add(pg->list, value);
}


void paging_next(struct paging *pg)
{
	listing_next(pg->list, pg->more ? pg->next : NULL);
}


void paging_end(struct paging *pg, int err)
{
	paging_next(pg);
	listing_end(pg->list, err);
}


json_t *words_json(const char *text)
{
	json_t *json = json_array();
	struct pl pl, word, rest;

	pl_set_str(&pl, text);
	while (!re_regex(pl.p, pl.l, "[^ ]+[ ]*[^]*", &word, NULL, &rest)) {
		(void)json_array_append_new(json, json_stringn(word.p,
							       word.l));
		pl = rest;
	}

	return json;
}
