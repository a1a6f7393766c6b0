/**
 * @file base64.h  Octets as text (RFC 4648)
 *
 * In two forms: as descriptions have keys, and as URLs and tokens have
 * everything. Neither keeps a copy of what passes.
 */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include <stddef.h>
#include <stdint.h>

enum base64_form {
	BASE64_PLAIN,              /* section 4: + and /, padded            */
	BASE64_URL,                /* section 5: - and _, without padding   */
};

/** Room for the text of so many octets, terminated */
#define BASE64_SIZE(octets) (((octets) + 2) / 3 * 4 + 1)

/**
 * Write octets as text
 *
 * @param text  BASE64_SIZE(size) octets are enough; terminated
 *
 * @return its length
 */
size_t base64_write(char *text, enum base64_form form, const void *data,
		    size_t size);

/**
 * Read them back
 *
 * With BASE64_URL there is one text only for the same octets: bits that are
 * left over are zero, and there is no padding. With BASE64_PLAIN padding may
 * be missing, for some peers leave it out, but is not more than is due.
 *
 * @param data  At least l * 3 / 4 octets; written also where it fails
 * @param size  Set to how many came, on success
 * @param text  Need not be terminated
 *
 * @return 0, EBADMSG
 */
int base64_read(uint8_t *data, size_t *size, enum base64_form form,
		const char *text, size_t l);

#endif
