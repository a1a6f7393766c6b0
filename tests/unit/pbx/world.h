/**
 * @file world.h  A pool at a scripted PBX, and a customer for it
 */
#ifndef TESTS_PBX_WORLD_H
#define TESTS_PBX_WORLD_H

#include "registrar.h"


#define USER(name, password)						\
	"  - {upn: " name "@x.example, number: \"+4420794600" name "\","	\
	" pbx: hq, sip_username: \"" name "\", sip_password: " password "}\n"

#define HQ "tenant: contoso\nteams: {fqdn: contoso.example}\n"		\
	"pbx:\n  - {name: hq, sip_domain: pbx.example,"			\
	" sip_proxy: %s, registration: {%s%s}, %s}\nusers:\n"


static struct loop loop;
static struct registrar pbx;
static struct side us;             /* our stack and its UDP listener */
static struct resolver *resolver;
static struct pool *pool;
static struct reg_status statusv[STATUS_MAX];
static unsigned statusc;           /* users */
static unsigned told;
static unsigned lasting;           /* that somebody queues, and not for a
				      moment */
static char forecast[512];         /* advice that told one */
static unsigned done;
static char found_upn[64];
static const char *proxy;         /* where the PBX is */
static bool open_door;             /* admit anybody */
static const char *fetch;          /* bindings, or leave them alone */


static inline void status_h(const struct reg_status *st, void *arg)
{
	unsigned i = 0;
	(void)arg;

	while (i < statusc && strcmp(statusv[i].upn, st->upn))
		++i;

	assert_true(i < STATUS_MAX);
	if (i == statusc)
		++statusc;
	statusv[i] = *st;
	if (strstr(st->advice, "users back in"))
		str_ncpy(forecast, st->advice, sizeof(forecast));
	++told;
	lasting += st->state == REG_QUEUED && !st->waits;
}


static inline const struct reg_status *status(const char *name)
{
	static const struct reg_status none;

	for (unsigned i = 0; i < statusc; i++)
		if (!strncmp(statusv[i].upn, name, strlen(name)))
			return &statusv[i];

	fail_msg("no status of %s", name);

	return &none;              /* the compiler does not know that
				      fail_msg() never returns */
}


static inline void incoming_h(struct strans *st, const struct sip_msg *msg,
			      void *arg)
{
	struct account *acc;
	(void)arg;

	if (pool_request(pool, st, msg))
		return;

	acc = pool_find_request(pool, msg);
	str_ncpy(found_upn, acc ? account_user(acc)->upn : "nobody",
		 sizeof(found_upn));
	strans_reject(st, acc ? 486 : 404, "Seen");
}


static inline bool admit_h(const struct listener *lsnr, const struct sa *peer,
		    void *arg)
{
	(void)lsnr;
	(void)arg;

	return open_door || pool_admits(pool, peer);
}


static inline int setup(void **state)
{
	struct pool_conf conf = {0};
	struct sa dns;
	(void)state;

	statusc = told = lasting = done = 0;
	forecast[0] = '\0';
	open_door = false;
	fetch = "fetch_bindings: false, ";
	proxy = "\"" PBX_HOST ":5060\"";
	loop_open(&loop);
	loop_speed(&loop, 100);
	registrar_open(&pbx, &loop, PBX_HOST);
	side_open(&us, &loop, SIP_TRANSP_UDP, OUR_HOST, NULL);
	stack_handlers_set(us.stack, incoming_h, admit_h, NULL);
	assert_int_equal(0, sa_set_str(&dns, "127.0.74.53", 53));
	assert_int_equal(0, resolver_alloc(&resolver, loop.wheel, &dns, 1));

	conf.stack    = us.stack;
	conf.resolver = resolver;
	conf.lsnrv[SIP_TRANSP_UDP] = us.lsnr;
	assert_int_equal(0, pool_alloc(&pool, &conf, status_h, NULL));

	return 0;
}


static inline int teardown(void **state)
{
	(void)state;

	pool = mem_deref(pool);
	resolver = mem_deref(resolver);
	side_close(&us);
	pbx.us = mem_deref(pbx.us);
	loop_end(&loop);

	return 0;
}


/** Apply a customer, as it would stand in its file */
static inline int apply(const char *registration, const char *more,
		 const char *users)
{
	struct list tenantl = LIST_INIT;
	struct tenant *tenant;
	struct errors *errs;
	struct doc *doc;
	char *head, *text;
	int err;

	assert_int_equal(0, re_sdprintf(&head, HQ, proxy, fetch, registration,
				       more));
	assert_int_equal(0, re_sdprintf(&text, "%s%s", head, users));
	assert_int_equal(0, errors_alloc(&errs));
	assert_int_equal(0, doc_parse(&doc, "contoso.yaml", text,
				      strlen(text), errs));
	tenant = fields_item_alloc(&tenant_fields);
	assert_non_null(tenant);
	err = fields_read(&tenant_fields, tenant, doc_root(doc), errs, NULL);
	if (err)
		(void)re_fprintf(stderr, "%H", errors_print, errs);
	assert_int_equal(0, err);
	list_append(&tenantl, &tenant->le, tenant);

	err = pool_apply(pool, &tenantl, errs);

	list_flush(&tenantl);
	mem_deref(doc);
	mem_deref(errs);
	mem_deref(text);
	mem_deref(head);

	return err;
}


static inline void start(const char *registration, const char *users)
{
	assert_int_equal(0, apply(registration, "protocol: udp", users));
}


/** So many users, from the tenth on. For start() */
static inline const char *many(unsigned c)
{
	static char users[32 * 1024];
	size_t l = 0;

	for (unsigned i = 10; i < 10 + c; i++)
		l += (size_t)snprintf(users + l, sizeof(users) - l,
				      "  - {upn: %u@x.example, number: \"%u\","
				      " pbx: hq, sip_username: \"%u\","
				      " sip_password: p}\n", i, i, i);

	return users;
}


struct state_wait {
	const char *name;
	enum reg_state state;
};


static inline bool has_state(void *arg)
{
	const struct state_wait *w = arg;

	for (unsigned i = 0; i < statusc; i++)
		if (!strncmp(statusv[i].upn, w->name, strlen(w->name)))
			return statusv[i].state == w->state;

	return false;
}


static inline void until(const char *name, enum reg_state state)
{
	struct state_wait w = { name, state };

	loop_until(&loop, has_state, &w);
}


static inline bool has_seen(void *arg)
{
	return pbx.seenc >= *(unsigned *)arg;
}


static inline void until_seen(unsigned n)
{
	loop_until(&loop, has_seen, &n);
}


static inline bool is_past(void *arg)
{
	return wheel_now(loop.wheel) >= *(uint64_t *)arg;
}


/** Let that much of the wheel's time pass */
static inline void pass(uint64_t ms)
{
	uint64_t at = wheel_now(loop.wheel) + ms;

	loop_until(&loop, is_past, &at);
}

#endif
