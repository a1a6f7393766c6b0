/**
 * @file codecs.h  Which codecs meet, and what the stream does between them
 *
 * Voice is passed on where both peers have a codec in common. Where they have
 * none, or one wants packets or digits that the other does not send, it goes
 * through samples (bridge/media/ear.h), as far as the profile lets it.
 */
#ifndef CALL_CODECS_H
#define CALL_CODECS_H

#include "bridge/media/media.h"
#include "bridge/model/pbx.h"
#include "bridge/sip/desc.h"

/** One side of a call, as its description needs it */
struct codecs_side {
	const struct desc *local, *remote;
	const struct desc *far_local, *far;    /* and the other side's; NULL:
				      not known yet                        */
	bool teams, far_teams;     /* is it Teams?                         */
	bool fax;                  /* a fax is under way                   */
};

/** May voice be translated? */
bool codecs_may(const struct pbx *pbx);

/** Voice that we can decode and encode */
bool codecs_known(const struct desc_format *fmt);

/** The voice that a peer gets: the first of the answer, be that local or
    remote, with the peer's payload type; NULL: none.
    @param local  NULL: any of remote will do */
const struct desc_format *codecs_voice(const struct desc *local,
				       const struct desc *remote);

/** Does a description have that codec? */
bool codecs_has(const struct desc *desc, const struct desc_format *fmt);

/**
 * Of an offer without a codec of the other side's: the one to answer with
 *
 * @param agreed  The other side's description
 * @param names   Codecs that may be used there, NULL: all
 *
 * @return NULL: none
 */
const struct desc_format *codecs_best(const struct desc *offer,
				      const struct desc *agreed,
				      const struct strings *names);

/** Packets that the peer wants [ms]: of its ptime and maxptime */
uint32_t codecs_ptime(const struct desc *remote, const struct pbx *pbx,
		      bool teams);

/** Are digits sent to and taken from that side as events? */
bool codecs_events(const struct pbx *pbx, const struct desc *remote,
		   bool teams);

/** What we send to that side ourselves; codecs_remote() does it, too */
void codecs_out(struct stream_remote *r, const struct codecs_side *side,
		const struct pbx *pbx);

/**
 * Complete what a stream must know of a peer, of which negotiate_remote() has
 * told what is passed on: what we send ourselves, and what is to be decoded
 */
void codecs_remote(struct stream_remote *r, const struct codecs_side *side,
		   const struct pbx *pbx);

#endif
