/**
 * @file graph_reply.h  What Microsoft answers, read without trust
 *
 * For graph.c alone. Nothing here keeps or sends anything.
 */
#ifndef SYNC_GRAPH_REPLY_H
#define SYNC_GRAPH_REPLY_H

#include "graph.h"

struct graph_token {
	char *token;               /* libre memory, secret */
	uint64_t expires_s;
};

/** Read the reply to a token request. @return 0, EBADMSG, ENOMEM */
int graph_token_read(struct graph_token *got, const char *body, size_t size);

/**
 * Why there is no token. Goes by `error` (RFC 6749 section 5.2) alone;
 * Microsoft's own numbers are only for showing
 *
 * @param why  Takes one line without the peer's texts
 */
enum graph_fault graph_token_fault(char *why, size_t why_size, long status,
				   const char *body, size_t size);

/**
 * Read a reply of Graph
 *
 * @param jsonp  Takes a reference, NULL where there is no body
 * @param why    Takes one line if it is not good
 */
enum graph_fault graph_reply_read(struct json_t **jsonp, char *why,
				  size_t why_size, long status,
				  const char *body, size_t size);

#endif
