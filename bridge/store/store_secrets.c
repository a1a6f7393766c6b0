/**
 * @file store_secrets.c  Secrets in clear, and sealed anew
 */
#include "bridge/base/libre.h"
#include "seal.h"
#include "store_core.h"


void store_keys_set(struct store *st, struct keyring *ring)
{
	if (!st)
		return;

	mem_ref(ring);
	mem_deref(st->ring);
	st->ring = ring;
}


int store_secret(struct store *st, enum store_kind kind, const char *tenant,
		 const char *name, const char *field, char **secretp)
{
	const char *kindname = store_kind_name(kind);
	char folded[STORE_NAME_SIZE], *sealed = NULL;
	struct seal_place place;
	int err;

	if (!st || !kindname || !tenant || !name || !field || !secretp)
		return EINVAL;

	if (store_name_fold(kind, folded, name))
		return ENOENT;

	err = db_do_each(st->db, store_take_text, &sealed, "SELECT sealed FROM"
			 " secrets WHERE tenant = $1 AND kind = $2"
			 " AND name = $3 AND field = $4", DB_TEXT(tenant),
			 DB_TEXT(kindname), DB_TEXT(folded), DB_TEXT(field));
	if (err)
		return err;
	if (!sealed)
		return ENOENT;

	place = (struct seal_place){ tenant, kindname, folded, field };
	err   = st->ring ? seal_open(secretp, st->ring, &place, sealed)
			 : ENOKEY;
	mem_deref(sealed);

	return err;
}


struct sealed {
	struct le le;
	char *partv[5];            /* owned: tenant, kind, name, field, seal */
};


struct resealing {
	struct list l;
	const struct keyring *ring;
};


static void sealed_destructor(void *data)
{
	struct sealed *sealed = data;

	list_unlink(&sealed->le);
	for (size_t i = 0; i < RE_ARRAY_SIZE(sealed->partv); i++)
		mem_deref(sealed->partv[i]);
}


static int take_sealed(const struct db_row *row, void *arg)
{
	struct resealing *re = arg;
	struct sealed *sealed;
	int err = 0;

	if (!seal_is_old(re->ring, row->textv[4]))
		return 0;

	sealed = mem_zalloc(sizeof(*sealed), sealed_destructor);
	if (!sealed)
		return ENOMEM;

	list_append(&re->l, &sealed->le, sealed);

	for (size_t i = 0; i < RE_ARRAY_SIZE(sealed->partv) && !err; i++)
		err = str_dup(&sealed->partv[i], row->textv[i]);

	return err;
}


static int reseal_one(struct store *st, const struct sealed *sealed)
{
	const struct seal_place place = {
		sealed->partv[0], sealed->partv[1], sealed->partv[2],
		sealed->partv[3] };
	char *secret, *fresh;
	int err;

	err = seal_open(&secret, st->ring, &place, sealed->partv[4]);
	if (err)
		return err;

	err = seal(&fresh, st->ring, &place, secret);
	seal_wipe(secret);
	if (err)
		return err;

	/* One that was set meanwhile is not replaced by the old one */
	err = db_do(st->db, "UPDATE secrets SET sealed = $1"
		    " WHERE tenant = $2 AND kind = $3 AND name = $4"
		    " AND field = $5 AND sealed = $6", DB_TEXT(fresh),
		    DB_TEXT(place.tenant), DB_TEXT(place.kind),
		    DB_TEXT(place.name), DB_TEXT(place.field),
		    DB_TEXT(sealed->partv[4]));
	mem_deref(fresh);

	return err;
}


static int reseal_all(struct store *st, struct resealing *re)
{
	int err;

	err = db_query(st->db, "SELECT tenant, kind, name, field, sealed"
		       " FROM secrets", NULL, 0, take_sealed, re);

	for (struct le *le = list_head(&re->l); le && !err; le = le->next)
		err = reseal_one(st, le->data);

	return err;
}


int store_reseal(struct store *st, size_t *resealed)
{
	struct resealing re = { .ring = st ? st->ring : NULL };
	int err;

	if (!st)
		return EINVAL;
	if (!st->ring)
		return ENOKEY;

	err = db_begin(st->db, DB_WRITE);
	if (!err)
		err = db_end(st->db, reseal_all(st, &re));

	if (!err && resealed)
		*resealed = list_count(&re.l);

	list_flush(&re.l);

	return err;
}
