/**
 * @file certificates.c  Our own certificates: when they end, and who trusts
 * them
 */
#include <jansson.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "bridge/base/libre.h"
#include "bridge/base/metrics.h"
#include "bridge/sip/tlsctx.h"
#include "api.h"
#include "certificates.h"


static const char *const usev[] = {
	[PORTAL_USE_TEAMS]  = "teams",
	[PORTAL_USE_PBX]    = "pbx",
	[PORTAL_USE_PORTAL] = "portal",
};


struct certificates {
	pthread_mutex_t lock;      /* for all below */
	struct tlsctx_about aboutv[RE_ARRAY_SIZE(usev)];
	bool isv[RE_ARRAY_SIZE(usev)];         /* there is one */
};


int certificates_alloc(struct certificates **cp)
{
	struct certificates *c = calloc(1, sizeof(*c));

	if (!c)
		return ENOMEM;

	(void)pthread_mutex_init(&c->lock, NULL);
	*cp = c;

	return 0;
}


void certificates_free(struct certificates *c)
{
	if (!c)
		return;

	(void)pthread_mutex_destroy(&c->lock);
	free(c);
}


void certificates_tell(struct certificates *c, enum portal_use use,
		       const struct tlsctx_about *about)
{
	(void)pthread_mutex_lock(&c->lock);
	c->isv[use] = about != NULL;
	if (about)
		c->aboutv[use] = *about;
	(void)pthread_mutex_unlock(&c->lock);
}


bool certificates_of(struct certificates *c, enum portal_use use,
		     struct tlsctx_about *about)
{
	bool is;

	(void)pthread_mutex_lock(&c->lock);
	is = c->isv[use];
	if (is)
		*about = c->aboutv[use];
	(void)pthread_mutex_unlock(&c->lock);

	return is;
}


void certificates_measure(struct certificates *c)
{
	struct tlsctx_about about;
	char labels[64];

	for (size_t i = 0; i < RE_ARRAY_SIZE(usev); i++) {
		if (!certificates_of(c, (enum portal_use)i, &about))
			continue;

		(void)re_snprintf(labels, sizeof(labels), "use=\"%s\"",
				  usev[i]);
		metric_set(metric_gauge("callbridge_certificate_ends_seconds",
					labels, "When our certificate ends,"
					" seconds since 1970"),
			   about.ends_s);
	}
}


/** What each customer's certificate is shared with others is not its
    business: their names stand in it */
static json_t *about_json(const char *use, const struct tlsctx_about *about,
			  bool whole)
{
	const int64_t left_s = about->ends_s - (int64_t)time(NULL);
	json_t *json;

	json = json_pack("{s:s, s:I, s:I, s:I, s:s, s:b}", "use", use,
			 "begins_s", (json_int_t)about->begins_s, "ends_s",
			 (json_int_t)about->ends_s, "days_left",
			 (json_int_t)(left_s < 0 ? 0 : left_s / 86400),
			 "chain", about->chain, "client", about->client);
	if (json && whole)
		(void)json_object_update_new(json, json_pack(
			"{s:s, s:s, s:o}", "subject", about->subject,
			"issuer", about->issuer, "names",
			words_json(about->names)));

	return json;
}


void certificates_get(struct request *rq)
{
	struct listing *list = listing_begin(rq, "certificates");
	const bool whole = !access_tenant(rq);
	struct tlsctx_about about;
	int err = 0;

	if (!list)
		return;

	for (size_t i = 0; i < RE_ARRAY_SIZE(usev) && !err; i++)
		if (certificates_of(portal_certificates(rq->portal),
				    (enum portal_use)i, &about))
			err = listing_add(list, about_json(usev[i], &about,
							   whole));

	listing_end(list, err);
}
