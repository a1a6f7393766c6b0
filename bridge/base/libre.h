/**
 * @file libre.h  The parts of libre this house uses
 *
 * Included instead of <re.h>: it leaves out re_json.h, whose names clash
 * with jansson's, and the parts that are ours (docs/libre.md).
 * What differs between libre's versions is in bridge/sip/compat.h.
 */
#ifndef BASE_LIBRE_H
#define BASE_LIBRE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <inttypes.h>
#include <string.h>
#include <errno.h>
#include <sys/types.h>

#include <re_types.h>
#include <re_fmt.h>
#include <re_mbuf.h>
#include <re_msg.h>
#include <re_list.h>
#include <re_sa.h>
#include <re_dns.h>
#include <re_hash.h>
#include <re_httpauth.h>
#include <re_main.h>
#include <re_md5.h>
#include <re_mem.h>
#include <re_mqueue.h>
#include <re_net.h>
#include <re_rtp.h>
#include <re_sdp.h>
#include <re_uri.h>
#include <re_sip.h>
#include <re_sys.h>
#include <re_tcp.h>
#include <re_tmr.h>
#include <re_udp.h>

/* its name in newer versions */
#ifndef RE_ARRAY_SIZE
#define RE_ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#endif

#endif
