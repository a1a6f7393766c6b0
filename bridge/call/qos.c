/**
 * @file qos.c  Voice quality of a call, for a collector
 *
 * When a call ends each side's figures go out by HEPv3, next to its SIP
 * messages, with the member names that Homer's agents use.
 */
#include <jansson.h>
#include <stdlib.h>

#include "bridge/sip/hep.h"
#include "bridge/sip/stack.h"
#include "call_core.h"


static json_t *report(const struct call_record *rec,
		      const struct call_side *cs, const char *src,
		      const char *dst)
{
	const uint64_t expected = cs->rx_packets + cs->rx_lost;

	return json_pack("{s:s, s:s, s:s, s:f, s:s, s:s, s:s, s:I, s:I, s:I,"
			 " s:f, s:f, s:f}",
			 "TYPE", "HANGUP",
			 "CORRELATION_ID", cs->callid,
			 "RTP_SIP_CALL_ID", cs->callid,
			 "REPORT_TS", (double)rec->end_ms / 1000,
			 "SRC_IP", src, "DST_IP", dst,
			 "CODEC_NAME", cs->codec,
			 "TOTAL_PK", (json_int_t)cs->rx_packets,
			 "EXPECTED_PK", (json_int_t)expected,
			 "PACKET_LOSS", (json_int_t)cs->rx_lost,
			 "JITTER", cs->jitter_us / 1000.0,
			 "RTT", cs->rtt_us / 1000.0,
			 "MOS", cs->mos);
}


static void side_tell(struct hep *hep, const struct call *call,
		      enum side side)
{
	const struct call_side *cs = side == SIDE_TEAMS ?
		&call->rec.teams : &call->rec.pbxside;
	const struct sa *local = stream_local(call->stream, side);
	struct stream_stats st;
	char src[64], dst[64], *text;
	json_t *json;

	if (!cs->rx_packets)
		return;

	stream_stats(call->stream, side, &st);
	(void)re_snprintf(src, sizeof(src), "%j", &st.source);
	(void)re_snprintf(dst, sizeof(dst), "%j", local);

	json = report(&call->rec, cs, src, dst);
	text = json ? json_dumps(json, JSON_COMPACT) : NULL;
	if (text)
		hep_report(hep, &st.source, local, cs->callid, text);

	free(text);
	json_decref(json);
}


void qos_tell(const struct call *call)
{
	struct hep *hep = stack_hep(call->calls->conf.stack);

	if (!hep || !call->stream)
		return;

	side_tell(hep, call, SIDE_TEAMS);
	side_tell(hep, call, SIDE_PBX);
}
