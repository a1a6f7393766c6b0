/**
 * @file lender.c  A value of the SIP thread's, for one that may wait for it
 */
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "bridge/base/libre.h"
#include "bridge/model/tenant.h"
#include "bridge/store/seal.h"
#include "inbox.h"
#include "lender.h"


enum { WAIT_S = 5 };


/** Of two threads; freed by who is the last to let go */
struct wish {
	pthread_mutex_t lock;
	pthread_cond_t granted;
	unsigned holders;
	bool done;
	char tenant[64];
	char upn[128];
	char *password;            /* owned, NULL */
};


static struct wish *wish_new(const char *tenant, const char *upn)
{
	struct wish *wish = calloc(1, sizeof(*wish));
	pthread_condattr_t attr;

	if (!wish)
		return NULL;

	(void)pthread_mutex_init(&wish->lock, NULL);
	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&wish->granted, &attr);
	(void)pthread_condattr_destroy(&attr);

	wish->holders = 2;
	str_ncpy(wish->tenant, tenant, sizeof(wish->tenant));
	str_ncpy(wish->upn, upn, sizeof(wish->upn));

	return wish;
}


/** The lock is held, and is not any more */
static void wish_let_go(struct wish *wish)
{
	const bool last = --wish->holders == 0;

	(void)pthread_mutex_unlock(&wish->lock);
	if (!last)
		return;

	(void)pthread_cond_destroy(&wish->granted);
	(void)pthread_mutex_destroy(&wish->lock);
	seal_wipe(wish->password);
	free(wish);
}


int wish_password(char **passwordp, struct inbox *inbox, int id,
		  const char *tenant, const char *upn)
{
	struct wish *wish = wish_new(tenant, upn);
	struct timespec end;
	int err = 0;

	if (!wish)
		return ENOMEM;

	(void)clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += WAIT_S;

	if (inbox_push(inbox, id, wish)) {
		(void)pthread_mutex_lock(&wish->lock);
		--wish->holders;
		wish_let_go(wish);
		return EAGAIN;
	}

	(void)pthread_mutex_lock(&wish->lock);
	while (!wish->done && !err)
		err = pthread_cond_timedwait(&wish->granted, &wish->lock,
					     &end);

	if (wish->done) {
		err = wish->password ? 0 : ENOENT;
		*passwordp = wish->password;
		wish->password = NULL;
	}
	wish_let_go(wish);

	return err;
}


void wish_grant(struct wish *wish, const struct list *tenantl)
{
	const struct user *user = NULL;

	for (struct le *le = list_head(tenantl); le && !user; le = le->next) {
		const struct tenant *tenant = le->data;

		if (!strcmp(tenant->tenant, wish->tenant))
			user = tenant_user(tenant, wish->upn);
	}

	(void)pthread_mutex_lock(&wish->lock);
	if (user && user->sip_password)
		(void)str_dup(&wish->password, user->sip_password);
	wish->done = true;
	(void)pthread_cond_signal(&wish->granted);
	wish_let_go(wish);
}
