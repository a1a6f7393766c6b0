/**
 * @file objects.h  Tenants, PBXs and users: what every way to change them
 * shares
 */
#ifndef PORTAL_OBJECTS_H
#define PORTAL_OBJECTS_H

#include "api.h"

struct pbx;

/** {"value", "tenant", "name", "revision", "changed_ms", "managed", "secrets",
    "status"} */
struct json_t *object_json(enum store_kind kind,
			   const struct store_object *obj);

/** A store_object_h: takes object_json() of a user, or of anything else;
    arg: struct object_take */
struct object_take {
	enum store_kind kind;
	struct json_t *json;       /* owned */
};
int object_take_h(const struct store_object *obj, void *arg);

/** What a request is about, by its path */
enum store_kind object_kind_of(const struct request *rq);
const char *object_name_of(const struct request *rq);

/** Is there the tenant of the path? @return 0, ENOENT, or of the store */
int object_tenant_find(struct request *rq);

/** Answer object_json(), its revision as ETag. @param json  Taken */
void object_reply(struct request *rq, int code, struct json_t *json);

/** The fields of a kind */
const struct fields *object_fields(enum store_kind kind);

/** Change some of a value (RFC 7396), in place; null takes away, but stays
    for a secret: it is removed in the store. @return 0, ENOMEM */
int object_merge(enum store_kind kind, struct json_t *value,
		 const struct json_t *patch);

/** A PBX of the store as it works: over its template. @return 0, ENOENT,
    EBADMSG */
int object_pbx(struct pbx **pbxp, struct store *st, struct catalog *cat,
	       const char *tenant, const char *name, struct errors *errs);

/** The PBX that the path names, as it works. Owned by the caller.
    @return NULL: there is none, or no memory, and that was answered */
struct pbx *object_pbx_asked(struct request *rq);

/** Does a user's value go with its PBX? @param had  Names of the secrets that
    it has already. @return 0, EBADMSG (errs says why) */
int object_user_fits(const struct json_t *value, const char *had,
		     const struct pbx *pbx, struct errors *errs);

/** Is everything in a value that the caller may not set as it was?
    @param old  NULL: there was none. @return 0, EBADMSG (errs says what) */
int object_may_set(const struct request *rq, enum store_kind kind,
		   const struct json_t *value, const struct json_t *old,
		   struct errors *errs);

/** The revision in If-Match and If-None-Match. @return false if wrong and
    answered */
bool object_revision(struct request *rq, int64_t *revision);

#endif
