/**
 * @file seal.h  Secrets at rest
 *
 * AES-256-GCM (NIST SP 800-38D) with a random nonce each. Where a secret
 * belongs (tenant, kind, name, field) is authenticated with it, so that one
 * that was moved to another row does not open. The keys are in a file that
 * is neither in the database nor in its backups: a line each, "ID KEY" in
 * hexadecimal, the newest first. The newest one seals, all of them open.
 */
#ifndef STORE_SEAL_H
#define STORE_SEAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct keyring;                    /* a libre object, wiped when freed */

/** Where a secret belongs */
struct seal_place {
	const char *tenant, *kind, *name, *field;
};

/**
 * Make a key file with one new key
 *
 * @return 0, EEXIST (it is left alone), errno of open(2), write(2)
 */
int keyring_make(const char *path);

/**
 * Read a key file
 *
 * @return 0, EACCES others may read or write it, or it is somebody else's;
 *         EBADMSG no key file; ENOMEM, errno of open(2)
 */
int keyring_load(struct keyring **ringp, const char *path);

/**
 * The same, if it is another file than last time
 *
 * @param seen  What identified it last time; begins as zeros
 *
 * @return 0 loaded, EALREADY it is the same, or as keyring_load()
 */
struct keyring_seen { uint64_t inode; int64_t time_ns; };
int keyring_reload(struct keyring **ringp, const char *path,
		   struct keyring_seen *seen);

/** Put a new key before the others; the file is replaced whole. What is
    sealed stays readable. Then store_reseal(). Returns as keyring_load() */
int keyring_rotate(const char *path);

/** Forget all keys but the newest, after store_reseal() */
int keyring_prune(const char *path);

/** Keys that are in it */
size_t keyring_count(const struct keyring *ring);

/**
 * Seal
 *
 * @param sealedp  ASCII text, libre memory
 *
 * @return 0, ENOMEM, EIO OpenSSL failed
 */
int seal(char **sealedp, const struct keyring *ring,
	 const struct seal_place *place, const char *secret);

/**
 * Open. The caller wipes the text with seal_wipe()
 *
 * @return 0, ENOKEY sealed by a key that is not in the ring, EBADMSG changed
 *         or moved, ENOMEM, EIO
 */
int seal_open(char **secretp, const struct keyring *ring,
	      const struct seal_place *place, const char *sealed);

/** True if another key than the newest has sealed it */
bool seal_is_old(const struct keyring *ring, const char *sealed);

/** Overwrite and free; NULL is fine */
void *seal_wipe(char *secret);

#endif
