/**
 * @file portal_conf.h  A portal's settings, owned; for this room alone
 */
#ifndef PORTAL_PORTAL_CONF_H
#define PORTAL_PORTAL_CONF_H

#include "portal.h"

/** Copy, strings too; what is 0 gets its default. portal_conf_free() is due
    also after an error. @return 0, ENOMEM */
int  portal_conf_copy(struct portal_conf *dst, const struct portal_conf *src);
void portal_conf_free(struct portal_conf *conf);

#endif
