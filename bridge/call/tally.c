/**
 * @file tally.c  Calls as metrics
 */
#include "bridge/base/metrics.h"
#include "bridge/model/call_stats.h"
#include "call_core.h"


static void count_result(const struct call_record *rec)
{
	char labels[96];

	(void)re_snprintf(labels, sizeof(labels),
			  "result=\"%s\",direction=\"%s\"",
			  call_result_name(rec->result),
			  call_direction_name(rec->direction));
	metric_add(metric_counter("callbridge_calls_total", labels,
				  "Calls that ended, by result"), 1);
}


static void observe_delay(const struct call_record *rec)
{
	const int64_t at_ms = rec->ring_ms ? rec->ring_ms : rec->answer_ms;

	if (at_ms >= rec->start_ms)
		metric_observe(metric_histogram(
			"callbridge_call_pdd_seconds",
			"Post-dial delay: INVITE to the first ringing",
			call_stats_pdd_ms, CALL_STATS_PDD),
			(uint64_t)(at_ms - rec->start_ms));
}


void tally_ended(const struct call_record *rec)
{
	count_result(rec);
	observe_delay(rec);

	if (rec->answer_ms && rec->end_ms > rec->answer_ms)
		metric_add(metric_counter("callbridge_call_talk_ms_total",
					  NULL, "Time spoken in calls that"
					  " ended, in milliseconds"),
			   rec->end_ms - rec->answer_ms);
}


static void count_packets(const char *name, const char *side,
			  const char *help, uint64_t before, uint64_t now)
{
	char labels[32];

	if (now <= before)
		return;

	(void)re_snprintf(labels, sizeof(labels), "side=\"%s\"", side);
	metric_add(metric_counter(name, labels, help),
		   (int64_t)(now - before));
}


void tally_voice(enum side side, const struct call_side *before,
		 const struct call_side *now)
{
	const char *name = side == SIDE_TEAMS ? "teams" : "pbx";

	count_packets("callbridge_rtp_received_total", name,
		      "Voice packets taken from a side",
		      before->rx_packets, now->rx_packets);
	count_packets("callbridge_rtp_sent_total", name,
		      "Voice packets sent to a side", before->tx_packets,
		      now->tx_packets);
	count_packets("callbridge_rtp_lost_total", name,
		      "Voice packets lost on the way from a side",
		      before->rx_lost, now->rx_lost);
}
