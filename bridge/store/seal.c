/**
 * @file seal.c  Secrets at rest
 */
#include <fcntl.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bridge/base/libre.h"
#include "seal.h"


enum {
	KEYS_MAX   = 16,
	ID_SIZE    = 4,            /* octets */
	KEY_SIZE   = 32,
	NONCE_SIZE = 12,
	TAG_SIZE   = 16,
	FILE_MAX   = 4096,
	SECRET_MAX = 64 * 1024,
	PREFIX_LEN = 2 + 2 * ID_SIZE + 1,  /* "1:" ID ":" */
};


struct key {
	uint8_t id[ID_SIZE];
	uint8_t key[KEY_SIZE];
};


struct keyring {
	struct key keyv[KEYS_MAX];         /* newest first */
	size_t c;
};


static void destructor(void *data)
{
	struct keyring *ring = data;

	OPENSSL_cleanse(ring->keyv, sizeof(ring->keyv));
}


/* Hexadecimal */


static void hex_write(char *dst, const uint8_t *p, size_t l)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < l; i++) {
		dst[2 * i]     = digits[p[i] >> 4];
		dst[2 * i + 1] = digits[p[i] & 15];
	}
}


/** @return 0, EBADMSG if there are not 2 * l digits */
static int hex_read(uint8_t *dst, size_t l, const char *p)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < 2 * l; i++) {
		const char *digit = p[i] ? strchr(digits, p[i]) : NULL;

		if (!digit)
			return EBADMSG;

		dst[i / 2] = (uint8_t)((i % 2 ? dst[i / 2] << 4 : 0) |
				       (digit - digits));
	}

	return 0;
}


/* The key file */


static int key_line_read(struct keyring *ring, const char *line)
{
	struct key *key = &ring->keyv[ring->c];
	int err;

	if (ring->c >= KEYS_MAX)
		return EBADMSG;

	if (strlen(line) != 2 * ID_SIZE + 1 + 2 * KEY_SIZE ||
	    line[2 * ID_SIZE] != ' ')
		return EBADMSG;

	err = hex_read(key->id, ID_SIZE, line);
	if (!err)
		err = hex_read(key->key, KEY_SIZE, line + 2 * ID_SIZE + 1);
	if (!err)
		++ring->c;

	return err;
}


static int keys_read(struct keyring *ring, char *text)
{
	char *save = NULL;
	int err = 0;

	for (char *line = strtok_r(text, "\n", &save); line && !err;
	     line = strtok_r(NULL, "\n", &save))
		if (*line != '#')
			err = key_line_read(ring, line);

	return err || ring->c ? err : EBADMSG;
}


static int file_check(int fd)
{
	struct stat st;

	if (fstat(fd, &st))
		return errno;

	if (!S_ISREG(st.st_mode) || st.st_mode & 077 ||
	    (st.st_uid != geteuid() && st.st_uid))
		return EACCES;

	return 0;
}


static int file_read(char text[FILE_MAX], const char *path)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	ssize_t n;
	int err;

	if (fd < 0)
		return errno;

	err = file_check(fd);
	if (!err) {
		n = read(fd, text, FILE_MAX);
		if (n < 0)
			err = errno;
		else if (n == FILE_MAX)
			err = EBADMSG;
		else
			text[n] = '\0';
	}

	(void)close(fd);

	return err;
}


int keyring_load(struct keyring **ringp, const char *path)
{
	char text[FILE_MAX];
	struct keyring *ring;
	int err;

	if (!ringp || !str_isset(path))
		return EINVAL;

	ring = mem_zalloc(sizeof(*ring), destructor);
	if (!ring)
		return ENOMEM;

	err = file_read(text, path);
	if (!err)
		err = keys_read(ring, text);

	OPENSSL_cleanse(text, sizeof(text));

	if (err)
		mem_deref(ring);
	else
		*ringp = ring;

	return err;
}


static size_t keys_write(char text[FILE_MAX], const struct keyring *ring)
{
	size_t at = 0;

	for (size_t i = 0; i < ring->c; i++) {
		hex_write(text + at, ring->keyv[i].id, ID_SIZE);
		at += 2 * ID_SIZE;
		text[at++] = ' ';
		hex_write(text + at, ring->keyv[i].key, KEY_SIZE);
		at += 2 * KEY_SIZE;
		text[at++] = '\n';
	}

	return at;
}


/** A new file, on disk when this returns */
static int file_write(const char *path, const struct keyring *ring)
{
	char text[FILE_MAX];
	size_t size;
	int fd, err = 0;

	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
		  0600);
	if (fd < 0)
		return errno;

	size = keys_write(text, ring);
	errno = ENOSPC;
	if (write(fd, text, size) != (ssize_t)size || fsync(fd))
		err = errno;

	OPENSSL_cleanse(text, sizeof(text));
	(void)close(fd);
	if (err)
		(void)unlink(path);

	return err;
}


/** The entry of a file in its folder is on disk when this returns */
static int folder_sync(const char *path)
{
	const char *slash = strrchr(path, '/');
	char folder[PATH_MAX] = ".";
	int fd, err;

	if (slash && re_snprintf(folder, sizeof(folder), "%b",
				 path, (size_t)(slash - path + 1)) < 0)
		return ENAMETOOLONG;

	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return errno;

	err = fsync(fd) ? errno : 0;
	(void)close(fd);

	return err;
}


/** A reader finds the old file or the new one, whole */
static int file_replace(const char *path, const struct keyring *ring)
{
	char fresh[PATH_MAX];
	int err;

	if (re_snprintf(fresh, sizeof(fresh), "%s.new", path) < 0)
		return ENAMETOOLONG;

	(void)unlink(fresh);       /* of one that was killed */

	err = file_write(fresh, ring);
	if (err)
		return err;

	if (rename(fresh, path)) {
		err = errno;
		(void)unlink(fresh);
		return err;
	}

	return folder_sync(path);
}


static int key_random(struct key *key)
{
	return RAND_bytes(key->id, ID_SIZE) == 1 &&
		RAND_priv_bytes(key->key, KEY_SIZE) == 1 ? 0 : EIO;
}


int keyring_make(const char *path)
{
	struct keyring *ring;
	int err;

	if (!str_isset(path))
		return EINVAL;

	ring = mem_zalloc(sizeof(*ring), destructor);
	if (!ring)
		return ENOMEM;

	ring->c = 1;
	err = key_random(&ring->keyv[0]);
	if (!err)
		err = file_write(path, ring);
	if (!err)
		err = folder_sync(path);

	mem_deref(ring);

	return err;
}


int keyring_reload(struct keyring **ringp, const char *path,
		   struct keyring_seen *seen)
{
	struct keyring_seen now;
	struct stat st;
	int err;

	if (!ringp || !path || !seen)
		return EINVAL;

	if (stat(path, &st))
		return errno;

	now.inode   = st.st_ino;
	now.time_ns = (int64_t)st.st_mtim.tv_sec * 1000000000 +
		st.st_mtim.tv_nsec;
	if (now.inode == seen->inode && now.time_ns == seen->time_ns)
		return EALREADY;

	err = keyring_load(ringp, path);
	if (!err)
		*seen = now;

	return err;
}


int keyring_rotate(const char *path)
{
	struct keyring *ring;
	int err;

	err = keyring_load(&ring, path);
	if (err)
		return err;

	if (ring->c == KEYS_MAX) {
		err = EOVERFLOW;
		goto out;
	}

	memmove(&ring->keyv[1], &ring->keyv[0],
		ring->c * sizeof(ring->keyv[0]));
	++ring->c;

	err = key_random(&ring->keyv[0]);
	if (!err)
		err = file_replace(path, ring);

 out:
	mem_deref(ring);

	return err;
}


int keyring_prune(const char *path)
{
	struct keyring *ring;
	int err;

	err = keyring_load(&ring, path);
	if (err)
		return err;

	ring->c = 1;
	err = file_replace(path, ring);
	mem_deref(ring);

	return err;
}


size_t keyring_count(const struct keyring *ring)
{
	return ring ? ring->c : 0;
}


/* Sealing */


/** Each part with its terminator: no two places read the same */
static int cipher_place(EVP_CIPHER_CTX *ctx, const struct seal_place *place)
{
	const char *const partv[] = { place->tenant, place->kind, place->name,
				      place->field };

	for (size_t i = 0; i < RE_ARRAY_SIZE(partv); i++) {
		int l;

		if (!partv[i])
			return EINVAL;

		if (EVP_CipherUpdate(ctx, NULL, &l,
				     (const uint8_t *)partv[i],
				     (int)strlen(partv[i]) + 1) != 1)
			return EIO;
	}

	return 0;
}


/**
 * Seal or open
 *
 * @param tag  Written when sealing, checked when opening
 */
static int cipher(bool sealing, const struct key *key,
		  const struct seal_place *place,
		  const uint8_t nonce[NONCE_SIZE], uint8_t tag[TAG_SIZE],
		  uint8_t *dst, const uint8_t *src, size_t size)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int l, err;

	if (!ctx)
		return ENOMEM;

	err = EIO;
	if (EVP_CipherInit_ex(ctx, EVP_aes_256_gcm(), NULL, key->key, nonce,
			      sealing) != 1)
		goto out;

	err = cipher_place(ctx, place);
	if (err)
		goto out;

	err = EIO;
	if (EVP_CipherUpdate(ctx, dst, &l, src, (int)size) != 1)
		goto out;

	if (!sealing && EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG,
					    TAG_SIZE, tag) != 1)
		goto out;

	if (EVP_CipherFinal_ex(ctx, dst + l, &l) != 1) {
		err = sealing ? EIO : EBADMSG;
		goto out;
	}

	if (sealing && EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG,
					   TAG_SIZE, tag) != 1)
		goto out;

	err = 0;

 out:
	EVP_CIPHER_CTX_free(ctx);

	return err;
}


int seal(char **sealedp, const struct keyring *ring,
	 const struct seal_place *place, const char *secret)
{
	const size_t size = secret ? strlen(secret) : 0;
	uint8_t *box = NULL;       /* nonce, text, tag */
	char *sealed = NULL;
	size_t boxsize;
	int err;

	if (!sealedp || !ring || !place || !secret || size > SECRET_MAX)
		return EINVAL;

	boxsize = NONCE_SIZE + size + TAG_SIZE;
	box     = mem_zalloc(boxsize, NULL);
	sealed  = mem_zalloc(PREFIX_LEN + 2 * boxsize + 1, NULL);
	err     = ENOMEM;
	if (!box || !sealed)
		goto out;

	err = EIO;
	if (RAND_bytes(box, NONCE_SIZE) != 1)
		goto out;

	err = cipher(true, &ring->keyv[0], place, box,
		     box + NONCE_SIZE + size, box + NONCE_SIZE,
		     (const uint8_t *)secret, size);
	if (err)
		goto out;

	memcpy(sealed, "1:", 2);
	hex_write(sealed + 2, ring->keyv[0].id, ID_SIZE);
	sealed[PREFIX_LEN - 1] = ':';
	hex_write(sealed + PREFIX_LEN, box, boxsize);

	*sealedp = sealed;
	sealed   = NULL;

 out:
	mem_deref(box);
	mem_deref(sealed);

	return err;
}


/** @return the key that has sealed it, NULL if there is none */
static const struct key *key_of(const struct keyring *ring,
				const char *sealed)
{
	uint8_t id[ID_SIZE];

	if (strlen(sealed) < PREFIX_LEN || memcmp(sealed, "1:", 2) ||
	    sealed[PREFIX_LEN - 1] != ':' || hex_read(id, ID_SIZE, sealed + 2))
		return NULL;

	for (size_t i = 0; i < ring->c; i++)
		if (!memcmp(ring->keyv[i].id, id, ID_SIZE))
			return &ring->keyv[i];

	return NULL;
}


int seal_open(char **secretp, const struct keyring *ring,
	      const struct seal_place *place, const char *sealed)
{
	const struct key *key;
	uint8_t *box = NULL;
	char *secret = NULL;
	size_t boxsize, size;
	int err;

	if (!secretp || !ring || !place || !sealed)
		return EINVAL;

	key = key_of(ring, sealed);
	if (!key)
		return ENOKEY;

	boxsize = (strlen(sealed) - PREFIX_LEN) / 2;
	if (boxsize < NONCE_SIZE + TAG_SIZE)
		return EBADMSG;
	size = boxsize - NONCE_SIZE - TAG_SIZE;
	if (size > SECRET_MAX)
		return EBADMSG;

	box    = mem_zalloc(boxsize, NULL);
	secret = mem_zalloc(size + 1, NULL);
	err    = ENOMEM;
	if (!box || !secret)
		goto out;

	err = hex_read(box, boxsize, sealed + PREFIX_LEN);
	if (err)
		goto out;

	err = cipher(false, key, place, box, box + NONCE_SIZE + size,
		     (uint8_t *)secret, box + NONCE_SIZE, size);
	if (err)
		goto out;

	*secretp = secret;
	secret   = NULL;

 out:
	mem_deref(box);
	if (secret)
		OPENSSL_cleanse(secret, size);
	mem_deref(secret);

	return err;
}


bool seal_is_old(const struct keyring *ring, const char *sealed)
{
	return key_of(ring, sealed) != &ring->keyv[0];
}


void *seal_wipe(char *secret)
{
	if (secret)
		OPENSSL_cleanse(secret, strlen(secret));

	return mem_deref(secret);
}
