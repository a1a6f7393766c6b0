/**
 * @file reg_status.c  A registration: what people are told
 */
#include "bridge/base/text.h"
#include "bridge/sip/msg.h"
#include "reg_core.h"


enum {
	SHORT_S = 600,             /* shorter grants are worth a word      */
};


/** Joined, not formatted: a PBX that grants little hears of us often */
static void short_tell(const struct reg *reg, struct reg_status *st)
{
	const struct pbx *pbx = reg_pbx(reg);
	char granted[MSG_NUMBER], every[MSG_NUMBER], enough[MSG_NUMBER];

	(void)msg_join(st->advice, sizeof(st->advice), "Registered for ",
		       msg_number(granted, reg->granted_s), " s only, which"
		       " costs the PBX a message of each user every ",
		       msg_number(every, reg->granted_s *
				  (uint32_t)pbx->registration.refresh_at
				  / 100), " s: let ",
		       reg->granted_s < pbx->registration.expires_s ?
		       "the PBX" : "registration.expires", " allow ",
		       msg_number(enough, SHORT_S), " s or more.", NULL);
}


void reg_status_fill(const struct reg *reg, struct reg_status *st)
{
	const struct failure *failure = reg->failure;
	char number[MSG_NUMBER];

	st->state     = reg->state;
	st->since_s   = reg->since_s;
	st->next_s    = reg->phase == WAITING || reg->phase == QUEUED ?
		reg->next_s : 0;
	st->scode     = reg->scode;
	st->expires_s = reg->bound_ms ? reg->granted_s : 0;
	st->rtt_ms    = reg->rtt_ms;
	st->flaps     = reg->flaps;
	text_copy(st->server, reg->conf.site->server, sizeof(st->server));
	text_copy(st->contact, reg_contact(reg), sizeof(st->contact));

	if (reg->phase == STATIC)
		text_copy(st->reason, "No registration needed",
			 sizeof(st->reason));

	if (reg->state == REG_LAGGING)
		text_copy(st->advice, "The PBX grants so little time, or takes"
			 " registrations so slowly, that they end before they"
			 " are renewed: raise the expiry there, or"
			 " registration.per_second here.",
			 sizeof(st->advice));

	if (reg->state == REG_GREEN && reg->rivals)
		(void)re_snprintf(st->advice, sizeof(st->advice),
				  reg->evicted ? "Before this renewal the PBX"
				  " had only %s for this user: another phone"
				  " takes its place, and calls between two"
				  " renewals. Take that phone off the"
				  " extension, or allow one more there." :
				  "The PBX lists %s where our contact should"
				  " be. If calls do not reach this user,"
				  " another phone has taken its place.",
				  reg->rivals);

	if (reg->state == REG_GREEN && !*st->advice && reg->bound_ms &&
	    reg->granted_s < SHORT_S)
		short_tell(reg, st);

	if (!failure && reg->scode)
		(void)msg_join(st->words, sizeof(st->words),
			       msg_number(number, reg->scode), " OK", NULL);

	if (failure) {
		text_copy(st->reason, failure->advice.reason,
			 sizeof(st->reason));
		text_copy(st->words, failure->words, sizeof(st->words));
		text_copy(st->advice, failure->advice.text,
			 sizeof(st->advice));
	}
}
