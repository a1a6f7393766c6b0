/**
 * @file sync_days.c  How long the secrets hold with which Microsoft 365 is
 * asked
 */
#include <jansson.h>
#include <time.h>

#include "bridge/base/libre.h"
#include "bridge/model/syncconf.h"
#include "bridge/store/store.h"
#include "sync_days.h"


static int days_h(const struct store_object *obj, void *arg)
{
	struct syncconf *conf = fields_item_alloc(&syncconf_fields);
	int64_t days;
	int err = 0;

	if (!conf)
		return ENOMEM;

	(void)fields_read_json(&syncconf_fields, conf, obj->value, NULL,
			       NULL);
	if (syncconf_days_left(conf, time(NULL), &days))
		err = json_object_set_new(arg, obj->tenant, json_integer(
			(json_int_t)days)) ? ENOMEM : 0;
	mem_deref(conf);

	return err;
}


int sync_days_read(struct store *st, const char *tenant, json_t *days)
{
	if (!days)
		return ENOMEM;

	return tenant ? store_get(st, STORE_SYNC, tenant, tenant, days_h,
				  days) :
		store_list(st, STORE_SYNC, NULL, NULL, 0, days_h, days);
}
