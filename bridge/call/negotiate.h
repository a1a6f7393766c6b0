/**
 * @file negotiate.h  Which formats and keys go into which description
 *
 * The bridge passes voice through: a codec is used when both peers have it.
 * An offer of one side is offered to the other with the formats that side may
 * see; the answer comes back with the formats of the first offer. Payload
 * types may differ between the sides; the stream translates them. Codecs that
 * only we could put in between come last in an offer, and into an answer only
 * where there is no other (codecs.h).
 */
#ifndef CALL_NEGOTIATE_H
#define CALL_NEGOTIATE_H

#include "bridge/media/media.h"
#include "bridge/model/pbx.h"
#include "bridge/sip/desc.h"

/**
 * Formats of an offer, as far as a PBX's profile lets them through, in the
 * profile's order; telephone-event last. Payload types are kept where they
 * are free.
 *
 * @param known  What was agreed with that peer before, for its payload
 *               types; NULL
 *
 * @return true if a voice codec is left
 */
bool negotiate_formats_pbx(struct desc *out, const struct desc *in,
			   const struct pbx *pbx, const struct desc *known);

/** The same for Teams: what its media processor takes, in the order of in */
bool negotiate_formats_teams(struct desc *out, const struct desc *in,
			     const struct pbx *pbx, const struct desc *known);

/** All that a profile has, for an INVITE that came without an offer */
void negotiate_formats_own(struct desc *out, const struct pbx *pbx);

/**
 * Formats of an answer: those of `offer` that `agreed` (the other side's
 * description) has too, in the order of agreed, with the payload types of the
 * offer.
 *
 * @return true if a voice codec is left
 */
bool negotiate_answer(struct desc *out, const struct desc *offer,
		      const struct desc *agreed);

/**
 * The same where none is left, or digits need it: with a codec that we
 * translate, if the profile lets us
 *
 * @param teams  The answer goes to Teams
 */
bool negotiate_answer_any(struct desc *out, const struct desc *offer,
			  const struct desc *agreed, const struct pbx *pbx,
			  bool teams);

/**
 * The crypto line to answer an offer with: a suite we do,
 * AES_CM_128_HMAC_SHA1_80 without MKI first; its tag; the key kept if the
 * suite stays.
 *
 * @param own  Our key on that side, suite SUITE_NONE before there is one
 *
 * @return the offer's line that was chosen, NULL: none can be used
 */
const struct desc_crypto *negotiate_crypto(const struct desc *offer,
					   struct desc_crypto *own);

/**
 * What a stream must know of a peer
 *
 * @param local   Our description towards it, remote its own
 * @param other   The other side's remote description; NULL: not known yet
 */
void negotiate_remote(struct stream_remote *r, const struct desc *local,
		      const struct desc *remote, const struct desc *other,
		      bool learn);

/** Name of the first voice codec, "" none */
const char *negotiate_codec(const struct desc *desc);

#endif
