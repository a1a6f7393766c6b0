/**
 * @file store_access.c  Tokens and admins in the store
 *
 * A token is 256 bits of chance, so a plain hash of it tells nobody what it
 * was. A password is what a person could remember: scrypt makes each guess
 * cost 32 MiB and the time of three passes over them.
 */
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdio.h>

#include "bridge/base/base64.h"
#include "bridge/base/libre.h"
#include "bridge/base/wheel.h"
#include "store_core.h"


enum {
	TOKEN_OCTETS = 32,
	SALT_SIZE    = 16,
	HASH_SIZE    = 32,
	HASH_TEXT    = 160,        /* of a password's hash, as it is kept */
	PASSWORD_MIN = 12,
	PASSWORD_MAX = 255,
	SCRYPT_LOG_N = 15,
	SCRYPT_R     = 8,
	SCRYPT_P     = 3,
	SCRYPT_MEMORY = 64 * 1024 * 1024,
};


static const char *const rolev[] = { "msp-admin", "msp-support",
				     "tenant-admin", "tenant-viewer" };


const char *store_role_name(enum store_role role)
{
	return (size_t)role < RE_ARRAY_SIZE(rolev) ? rolev[role] : "unknown";
}


static bool grant_is_good(const struct store_grant *grant)
{
	const bool tenants = grant->role == STORE_TENANT_ADMIN ||
		grant->role == STORE_TENANT_VIEWER;

	return (size_t)grant->role < RE_ARRAY_SIZE(rolev) &&
		str_isset(grant->name) && tenants == !!*grant->tenant;
}


static const char *grant_tenant(const struct store_grant *grant)
{
	return *grant->tenant ? grant->tenant : NULL;
}


/* Reading */


struct found {
	struct store_grant grant;
	char hash[HASH_TEXT];
	bool is;
};


/** A role that this program does not know gives no right */
static int take_grant(const struct db_row *row, void *arg)
{
	struct found *found = arg;

	for (size_t i = 0; i < RE_ARRAY_SIZE(rolev); i++) {
		if (strcmp(rolev[i], row->textv[1]))
			continue;

		found->grant.role = (enum store_role)i;
		found->is = true;
	}

	str_ncpy(found->grant.name, row->textv[0],
		 sizeof(found->grant.name));
	str_ncpy(found->grant.tenant, row->textv[2] ? row->textv[2] : "",
		 sizeof(found->grant.tenant));
	found->grant.expires_ms = db_int(row, 3);
	str_ncpy(found->hash, row->textv[4], sizeof(found->hash));

	return 0;
}


static bool is_valid(const struct found *found)
{
	return found->is && (!found->grant.expires_ms ||
			     found->grant.expires_ms > clock_wall_ms());
}


/* Removing */


static int take_one(const struct db_row *row, void *arg)
{
	(void)row;
	*(bool *)arg = true;

	return 0;
}


/** The tenant whose it was, "" for the MSP's */
static int take_tenant(const struct db_row *row, void *arg)
{
	return str_dup(arg, row->textv[0] ? row->textv[0] : "");
}


static int remove_all(struct store *st, const char *sql, const char *kind,
		      const char *name, const struct store_by *by)
{
	char *tenant = NULL;
	int err;

	err = db_do_each(st->db, take_tenant, &tenant, sql, DB_TEXT(name));
	if (err || !tenant)
		return err ? err : ENOENT;

	err = store_audit_add(st, by, *tenant ? tenant : NULL, "remove",
			      kind, name, NULL, NULL);
	mem_deref(tenant);

	return err;
}


static int remove_grant(struct store *st, const char *sql, const char *kind,
			const char *name, const struct store_by *by)
{
	int err;

	if (!st || !name || !by || !by->who)
		return EINVAL;

	err = store_inner_begin(st);

	return err ? err : store_inner_end(st, remove_all(st, sql, kind, name,
							  by));
}


/* Tokens */


int store_token_text(char token[STORE_TOKEN_SIZE], const char *begin)
{
	uint8_t chance[TOKEN_OCTETS];

	if (RAND_priv_bytes(chance, sizeof(chance)) != 1)
		return EIO;

	memcpy(token, begin, 3);
	(void)base64_write(token + 3, BASE64_URL, chance, sizeof(chance));
	OPENSSL_cleanse(chance, sizeof(chance));

	return 0;
}


int store_token_hash(char text[STORE_HASH_SIZE], const char *token)
{
	uint8_t hash[HASH_SIZE];

	if (!EVP_Q_digest(NULL, "SHA256", NULL, token, strlen(token), hash,
			  NULL))
		return EIO;

	(void)re_snprintf(text, STORE_HASH_SIZE, "%w", hash,
			  (size_t)HASH_SIZE);

	return 0;
}


static int token_write(struct store *st, const struct store_grant *grant,
		       const struct store_by *by, const char *hash)
{
	int err;

	err = db_do(st->db, "INSERT INTO tokens (name, hash, role, tenant,"
		    " expires_ms) VALUES ($1, $2, $3, $4, $5)",
		    DB_TEXT(grant->name), DB_TEXT(hash),
		    DB_TEXT(store_role_name(grant->role)),
		    DB_TEXT(grant_tenant(grant)), DB_INT(grant->expires_ms));

	return err ? err : store_audit_add(st, by, grant_tenant(grant),
					   "create", "token", grant->name,
					   NULL, NULL);
}


int store_token_make(struct store *st, const struct store_grant *grant,
		     const struct store_by *by,
		     char token[STORE_TOKEN_SIZE])
{
	char text[STORE_TOKEN_SIZE], hash[STORE_HASH_SIZE];
	int err;

	if (!st || !grant || !by || !by->who || !token ||
	    !grant_is_good(grant))
		return EINVAL;

	err = store_token_text(text, "cb_");
	if (!err)
		err = store_token_hash(hash, text);
	if (!err)
		err = store_inner_begin(st);
	if (!err)
		err = store_inner_end(st, token_write(st, grant, by, hash));
	if (!err)
		memcpy(token, text, sizeof(text));

	OPENSSL_cleanse(text, sizeof(text));

	return err == ENOLINK ? ENOENT : err;
}


int store_token_check(struct store *st, const char *token,
		      struct store_grant *grant)
{
	struct found found = { .is = false };
	char hash[STORE_HASH_SIZE];
	int err;

	if (!st || !token || !grant)
		return EINVAL;

	err = store_token_hash(hash, token);
	if (!err)
		err = db_do_each(st->db, take_grant, &found, "SELECT name,"
				 " role, tenant, expires_ms, hash"
				 " FROM tokens WHERE hash = $1",
				 DB_TEXT(hash));
	if (!err && !is_valid(&found))
		err = ENOENT;
	if (!err)
		*grant = found.grant;

	return err;
}


int store_token_remove(struct store *st, const char *name,
		       const struct store_by *by)
{
	return remove_grant(st, "DELETE FROM tokens WHERE name = $1"
			    " RETURNING tenant", "token", name, by);
}


/* Admins */


static int password_hash(uint8_t hash[HASH_SIZE], const char *password,
			 const uint8_t salt[SALT_SIZE], unsigned log_n,
			 unsigned r, unsigned p)
{
	return EVP_PBE_scrypt(password, strlen(password), salt, SALT_SIZE,
			      1ull << log_n, r, p, SCRYPT_MEMORY, hash,
			      HASH_SIZE) == 1 ? 0 : EIO;
}


static int password_seal(char text[HASH_TEXT], const char *password)
{
	uint8_t salt[SALT_SIZE], hash[HASH_SIZE];
	int err;

	if (RAND_bytes(salt, sizeof(salt)) != 1)
		return EIO;

	err = password_hash(hash, password, salt, SCRYPT_LOG_N, SCRYPT_R,
			    SCRYPT_P);
	if (!err)
		(void)re_snprintf(text, HASH_TEXT, "scrypt:%d:%d:%d:%w:%w",
				  SCRYPT_LOG_N, SCRYPT_R, SCRYPT_P, salt,
				  sizeof(salt), hash, sizeof(hash));

	return err;
}


static int octets_read(uint8_t *dst, size_t l, const struct pl *hex)
{
	if (hex->l != 2 * l)
		return EBADMSG;

	for (size_t i = 0; i < l; i++) {
		const struct pl octet = { hex->p + 2 * i, 2 };

		dst[i] = (uint8_t)pl_x32(&octet);
	}

	return 0;
}


/** @param text  As it is kept: it brings its own parameters, so that they
    may grow */
static int password_check(const char *text, const char *password)
{
	uint8_t salt[SALT_SIZE], want[HASH_SIZE], hash[HASH_SIZE];
	struct pl log_n, r, p, saltpl, hashpl;
	int err;

	if (re_regex(text, strlen(text), "scrypt:[0-9]+:[0-9]+:[0-9]+:"
		     "[0-9a-f]+:[0-9a-f]+", &log_n, &r, &p, &saltpl,
		     &hashpl) || pl_u32(&log_n) > 20)
		return EBADMSG;

	err = octets_read(salt, sizeof(salt), &saltpl);
	if (!err)
		err = octets_read(want, sizeof(want), &hashpl);
	if (!err)
		err = password_hash(hash, password, salt, pl_u32(&log_n),
				    pl_u32(&r), pl_u32(&p));
	if (err)
		return err;

	return CRYPTO_memcmp(hash, want, sizeof(hash)) ? ENOENT : 0;
}


static int admin_write(struct store *st, const struct store_grant *grant,
		       const struct store_by *by, const char *hash)
{
	bool was = false;
	int err;

	err = db_do_each(st->db, take_one, &was, "SELECT 1 FROM admins"
			 " WHERE name = $1", DB_TEXT(grant->name));
	if (err)
		return err;

	err = db_do(st->db, "INSERT INTO admins (name, hash, role, tenant,"
		    " expires_ms) VALUES ($1, $2, $3, $4, $5)"
		    " ON CONFLICT (name) DO UPDATE SET hash = excluded.hash,"
		    " role = excluded.role, tenant = excluded.tenant,"
		    " expires_ms = excluded.expires_ms",
		    DB_TEXT(grant->name), DB_TEXT(hash),
		    DB_TEXT(store_role_name(grant->role)),
		    DB_TEXT(grant_tenant(grant)), DB_INT(grant->expires_ms));

	return err ? err : store_audit_add(st, by, grant_tenant(grant),
					   was ? "change" : "create",
					   "admin", grant->name, NULL, NULL);
}


int store_admin_put(struct store *st, const struct store_grant *grant,
		    const char *password, const struct store_by *by)
{
	const size_t l = password ? strlen(password) : 0;
	char hash[HASH_TEXT];
	int err;

	if (!st || !grant || !by || !by->who || !grant_is_good(grant) ||
	    l < PASSWORD_MIN || l > PASSWORD_MAX)
		return EINVAL;

	err = password_seal(hash, password);
	if (!err)
		err = store_inner_begin(st);
	if (!err)
		err = store_inner_end(st, admin_write(st, grant, by, hash));

	return err == ENOLINK ? ENOENT : err;
}


int store_admin_check(struct store *st, const char *name,
		      const char *password, struct store_grant *grant)
{
	struct found found = { .is = false };
	uint8_t salt[SALT_SIZE] = { 0 }, hash[HASH_SIZE];
	int err;

	if (!st || !name || !password || !grant)
		return EINVAL;

	if (strlen(password) > PASSWORD_MAX)
		return ENOENT;

	err = db_do_each(st->db, take_grant, &found, "SELECT name, role,"
			 " tenant, expires_ms, hash FROM admins"
			 " WHERE name = $1", DB_TEXT(name));
	if (err)
		return err;

	/* Nobody learns from the time it takes who is an admin */
	if (found.is)
		err = password_check(found.hash, password);
	else
		(void)password_hash(hash, password, salt, SCRYPT_LOG_N,
				    SCRYPT_R, SCRYPT_P);

	if (!err && !is_valid(&found))
		err = ENOENT;
	if (!err)
		*grant = found.grant;

	return err;
}


int store_admin_remove(struct store *st, const char *name,
		       const struct store_by *by)
{
	return remove_grant(st, "DELETE FROM admins WHERE name = $1"
			    " RETURNING tenant", "admin", name, by);
}


/* Looking, and changing without a password */


struct grants {
	store_grant_h *h;
	void *arg;
};


static int tell_grant(const struct db_row *row, void *arg)
{
	const struct grants *grants = arg;
	struct found found = { .is = false };

	(void)take_grant(row, &found);

	return found.is ? grants->h(&found.grant, grants->arg) : 0;
}


static int grant_list(struct store *st, const char *sql, const char *tenant,
		      store_grant_h *h, void *arg)
{
	struct grants grants = { h, arg };

	if (!st || !h)
		return EINVAL;

	return db_do_each(st->db, tell_grant, &grants, sql, DB_TEXT(tenant));
}


int store_token_list(struct store *st, const char *tenant, store_grant_h *h,
		     void *arg)
{
	return grant_list(st, "SELECT name, role, tenant, expires_ms, hash"
			  " FROM tokens WHERE (CAST($1 AS TEXT) IS NULL"
			  " OR tenant = $1) ORDER BY name", tenant, h, arg);
}


int store_admin_list(struct store *st, const char *tenant, store_grant_h *h,
		     void *arg)
{
	return grant_list(st, "SELECT name, role, tenant, expires_ms, hash"
			  " FROM admins WHERE (CAST($1 AS TEXT) IS NULL"
			  " OR tenant = $1) ORDER BY name", tenant, h, arg);
}


static int admin_update(struct store *st, const struct store_grant *grant,
			const struct store_by *by)
{
	bool is = false;
	int err;

	err = db_do_each(st->db, take_one, &is, "UPDATE admins SET"
			 " role = $2, tenant = $3, expires_ms = $4"
			 " WHERE name = $1 RETURNING name",
			 DB_TEXT(grant->name),
			 DB_TEXT(store_role_name(grant->role)),
			 DB_TEXT(grant_tenant(grant)),
			 DB_INT(grant->expires_ms));
	if (!err && !is)
		err = ENOENT;

	return err ? err : store_audit_add(st, by, grant_tenant(grant),
					   "change", "admin", grant->name,
					   NULL, NULL);
}


int store_admin_change(struct store *st, const struct store_grant *grant,
		       const struct store_by *by)
{
	int err;

	if (!st || !grant || !by || !by->who || !grant_is_good(grant))
		return EINVAL;

	err = store_inner_begin(st);
	if (!err)
		err = store_inner_end(st, admin_update(st, grant, by));

	return err == ENOLINK ? ENOENT : err;
}


int store_admin_find(struct store *st, const char *name,
		     struct store_grant *grant)
{
	struct found found = { .is = false };
	int err;

	if (!st || !name || !grant)
		return EINVAL;

	err = db_do_each(st->db, take_grant, &found, "SELECT name, role,"
			 " tenant, expires_ms, hash FROM admins"
			 " WHERE name = $1", DB_TEXT(name));
	if (!err && !is_valid(&found))
		err = ENOENT;
	if (!err)
		*grant = found.grant;

	return err;
}
