/**
 * @file version.c  Which program this is and what it stands on
 */
#include <curl/curl.h>
#include <event2/event.h>
#include <jansson.h>
#include <openssl/crypto.h>
#include <srtp2/srtp.h>
#include <yaml.h>

#include "libre.h"
#include "version.h"


enum { LIBRARIES_MAX = 16 };


/** "libsrtp2 2.5.0" and "libsrtp 2.5.0" tell the name before the number */
static const char *number_in(const char *text)
{
	while (*text && (*text < '0' || *text > '9' || text[1] != '.'))
		++text;

	return text;
}


const char *version_software(void)
{
	return CALLBRIDGE_VERSION;
}


size_t version_libraries(struct version *v, size_t size)
{
	const struct version libv[] = {
		/* libre's headers and library carry no version */
		{"libre",    LIBRE_VERSION},
		{"OpenSSL",  OpenSSL_version(OPENSSL_VERSION_STRING)},
		{"libsrtp2", number_in(srtp_get_version_string())},
		{"libevent", event_get_version()},
		{"libcurl",  curl_version_info(CURLVERSION_NOW)->version},
		{"libyaml",  yaml_get_version_string()},
		{"jansson",  jansson_version_str()},
	};
	const size_t count = sizeof(libv) / sizeof(libv[0]);

	for (size_t i = 0; v && i < count && i < size; i++)
		v[i] = libv[i];

	return count;
}


int version_print(struct re_printf *pf, const char *name)
{
	struct version libv[LIBRARIES_MAX];
	const size_t count = version_libraries(libv, LIBRARIES_MAX);
	int err;

	err = re_hprintf(pf, "%s %s\n", name, version_software());

	for (size_t i = 0; i < count && i < LIBRARIES_MAX && !err; i++)
		err = re_hprintf(pf, "%-9s %s\n", libv[i].name,
				 libv[i].version);

	return err;
}
