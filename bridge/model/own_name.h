/**
 * @file own_name.h  This node's name towards Teams, in place of a customer's
 *
 * Teams knows a gateway by its name, and tries the next one when a node does
 * not answer or serves the user's PBX no more: so nodes that share a store
 * have a name each.
 */
#ifndef MODEL_OWN_NAME_H
#define MODEL_OWN_NAME_H

#include "bridge/base/field.h"

enum { OWN_NAME_SIZE = 256 };

/** NAME=OWN. A field_check_h */
bool own_name_check(const char *value, char *why, size_t size);

/**
 * The name that stands for a customer's at this node
 *
 * @param names  NAME=OWN each; the first one counts that is the customer's
 *               name, or what it ends in after a dot
 * @param fqdn   The customer's
 * @param buf    For the answer, where it is another one
 *
 * @return fqdn or buf
 */
const char *own_name(const struct strings *names, const char *fqdn,
		     char buf[OWN_NAME_SIZE]);

#endif
