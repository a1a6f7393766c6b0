/**
 * @file check.h  What a setting may look like
 *
 * Checks of single values for the tables of this room: field_check_h, so
 * `why` says what is wanted.
 */
#ifndef MODEL_CHECK_H
#define MODEL_CHECK_H

#include <stdbool.h>
#include <stddef.h>

/** Host name, IPv4 address, or IPv6 address in brackets; no port */
bool check_domain(const char *value, char *why, size_t size);

/** The same, with or without :port */
bool check_proxy(const char *value, char *why, size_t size);

/** Host name with a dot in it: an FQDN */
bool check_fqdn(const char *value, char *why, size_t size);

/** IPv4 or IPv6 address, without brackets */
bool check_address(const char *value, char *why, size_t size);

/** IPv4 or IPv6 address, with or without :port (IPv6 then in brackets) */
bool check_server(const char *value, char *why, size_t size);

/** Address and prefix length: 52.112.0.0/14 */
bool check_cidr(const char *value, char *why, size_t size);

/** ISO 3166 alpha-2 code in upper case that is in use */
bool check_country(const char *value, char *why, size_t size);

/** Name of a tenant, PBX or template: a-z, 0-9, '-', '_', '.' */
bool check_name(const char *value, char *why, size_t size);

/** User part without '@', blanks and control characters */
bool check_username(const char *value, char *why, size_t size);

/** A line of text: no control characters */
bool check_line(const char *value, char *why, size_t size);

/** User principal name: user@domain */
bool check_upn(const char *value, char *why, size_t size);

/** +E.164 of 5 to 15 digits, or an extension of 2 to 15 digits */
bool check_number(const char *value, char *why, size_t size);

/** What is dialled before a number: 0-9 * # */
bool check_prefix(const char *value, char *why, size_t size);

/** What is taken off a number: 1 to 12 of 0-9 * #, perhaps behind a + */
bool check_strip(const char *value, char *why, size_t size);

/** How numbers begin: + and 1 to 15 digits, or digits of an extension */
bool check_e164_prefix(const char *value, char *why, size_t size);

/** A failure of SIP: 400 to 699 */
bool check_failure_code(const char *value, char *why, size_t size);

/** What is dialled for a feature: digits, * and #, with {number} and
    {seconds} in it */
bool check_feature_code(const char *value, char *why, size_t size);

#endif
