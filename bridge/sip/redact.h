/**
 * @file redact.h  A message without its people, to be passed on
 *
 * Numbers, names and user parts of URIs become others of the same length, in
 * place, so that lengths in headers stay right. Within one capture the same
 * number becomes the same one, and numbers that end alike still do: what a
 * dial plan did can be seen. Hosts, Call-IDs, codes and media addresses stay.
 */
#ifndef SIP_REDACT_H
#define SIP_REDACT_H

#include <stddef.h>
#include <stdint.h>

/** What makes the new names; another one for each capture */
struct redact_key { uint64_t v[2]; };

void redact_key_make(struct redact_key *key);

/** Redact a number or a name, as it would be in a message; in place */
void redact_word(const struct redact_key *key, char *p, size_t size);

/** Redact one SIP message in place */
void redact_message(const struct redact_key *key, char *p, size_t size);

#endif
