/**
 * @file exchange.c  The last failed exchange of an account, kept
 */
#include "bridge/sip/stack.h"
#include "bridge/sip/trace.h"
#include "bridge/sip/transp.h"
#include "exchange.h"


static struct trace_msg message_of(const struct mbuf *mb, bool tx,
				   const struct flow *flow)
{
	struct trace_msg msg;

	memset(&msg, 0, sizeof(msg));
	msg.tx   = tx;
	msg.tp   = flow_transp(flow);
	msg.data = (char *)mb->buf;
	msg.size = mb->end;
	msg.peer = *flow_peer(flow);
	if (flow_listener(flow)) {
		msg.local = *listener_laddr(flow_listener(flow));
		msg.side  = listener_name(flow_listener(flow));
	}

	return msg;
}


void exchange_keep(const struct stack *stack, const char *aor,
		   const struct mbuf *sent, const struct flow *flow,
		   const struct sip_msg *msg)
{
	struct trace_msg v[2];
	size_t c = 0;

	if (!sent || !flow)
		return;

	v[c++] = message_of(sent, true, flow);
	if (msg)
		v[c++] = message_of(msg->mb, false, flow);

	trace_keep(stack_trace(stack), aor, v, c);
}


void exchange_drop(const struct stack *stack, const char *aor)
{
	trace_keep_drop(stack_trace(stack), aor);
}
