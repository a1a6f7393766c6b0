/**
 * @file dialog.h  Dialogs (RFC 3261 section 12)
 *
 * A dialog knows Call-ID, tags, URIs, route set, remote target and sequence
 * numbers. What is said within it (offer/answer, sessions) is the owner's.
 *
 * A calling dialog starts as a half dialog without remote tag. Each To-tag
 * in its responses gives an early dialog of its own by dialog_fork(); the
 * half dialog itself never becomes one.
 */
#ifndef SIP_DIALOG_H
#define SIP_DIALOG_H

#include "bridge/base/libre.h"
#include "request.h"

struct stack;
struct strans;
struct dialog;

/**
 * A request within the dialog, sequence checked (RFC 3261 section 12.2.2; out
 * of order was answered 500). For ACK to a 2xx see strans_ack_h; it does not
 * come here. The handler takes the transaction over and must answer.
 */
typedef void (dialog_request_h)(struct dialog *dlg, struct strans *st,
				const struct sip_msg *msg, void *arg);

struct dialog_param {
	const char *callid;        /* NULL: made up                        */
	const char *local_uri;     /* From: address without display name   */
	const char *local_name;    /* display name, NULL: none             */
	const char *remote_uri;    /* To                                   */
	const char *target;        /* Request-URI                          */
	const char *from_params;   /* e.g. ";user=phone" inside <>: part of
				      local_uri instead; here: header
				      parameters; NULL                    */
	const char *contact;       /* our Contact value: "<sip:...>"       */
	const char *const *routev; size_t routec;   /* preloaded */
	struct hop hop;            /* copied, strings too                  */
	struct digest *digest;     /* ref, NULL                            */
	const char *user_agent;    /* NULL: the stack's                    */
	const char *hdrs;          /* in every request, with CRLF; NULL    */
};

/** A half dialog for a call we make */
int dialog_alloc(struct dialog **dlgp, struct stack *stack,
		 const struct dialog_param *prm);

/**
 * A dialog for a request that came in (INVITE, SUBSCRIBE)
 *
 * @param prm  contact, hop, digest, user_agent, hdrs are used. The hop is
 *             where in-dialog requests go when the route set and target do
 *             not say: with hop.flow set, that flow is preferred while up.
 */
int dialog_accept(struct dialog **dlgp, struct stack *stack,
		  const struct sip_msg *msg, const struct dialog_param *prm);

/** The early or confirmed dialog of a response's To-tag, from a half dialog.
    @return 0, EPROTO no tag or no Contact in a 2xx, ENOMEM */
int dialog_fork(struct dialog **dlgp, const struct dialog *half,
		const struct sip_msg *msg);

/** True if the response belongs to this dialog (same remote tag) */
bool dialog_is_of(const struct dialog *dlg, const struct sip_msg *msg);

/**
 * Take target (and, until confirmed, the route set) from a message of the
 * dialog: each 2xx of a target refresh request, and the 2xx that confirms an
 * early dialog
 */
int dialog_update(struct dialog *dlg, const struct sip_msg *msg);

void dialog_handler_set(struct dialog *dlg, dialog_request_h *h, void *arg);

/**
 * Send a request in the dialog (or the first one, from a half dialog)
 *
 * Request-URI and Route by RFC 3261 section 12.2.1.1, next hop by the first
 * route or the target; with hop.flow up or a hop that is an outbound proxy
 * (dialog_param.hop with `host` set and no route set), that hop.
 *
 * @param hdrs  Further headers, with CRLF, NULL
 */
int dialog_request(struct request **reqp, struct dialog *dlg,
		   const char *method, const char *hdrs, const char *ctype,
		   const struct mbuf *body, request_h *h, void *arg);

/** ACK to a 2xx of an INVITE: its own transaction-less request, kept and
    repeated for each repeated 2xx by dialog_ack_again() */
int dialog_ack(struct dialog *dlg, const struct sip_msg *resp,
	       const char *ctype, const struct mbuf *body);
int dialog_ack_again(struct dialog *dlg, const struct sip_msg *resp);

/**
 * Send BYE and forget: retransmitted, challenges answered, by itself, also
 * when the dialog is derefed right after
 *
 * @param hdrs  e.g. "Reason: Q.850;cause=16\r\n", NULL
 */
int dialog_bye(struct dialog *dlg, const char *hdrs);

const char *dialog_callid(const struct dialog *dlg);
const char *dialog_local_tag(const struct dialog *dlg);
const char *dialog_remote_tag(const struct dialog *dlg);
const char *dialog_remote_target(const struct dialog *dlg);
const char *dialog_contact(const struct dialog *dlg);

/** A dialog by its identifiers (Replaces, RFC 3891), NULL. Borrowed */
struct dialog *dialog_find(const struct stack *stack, const char *callid,
			   const char *local_tag, const char *remote_tag);

/** Owner's argument, as set by dialog_handler_set(); NULL */
void *dialog_arg(const struct dialog *dlg);

#endif
