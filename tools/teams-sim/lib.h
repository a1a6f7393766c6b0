/**
 * @file lib.h  The parts of libre that teams-sim stands on
 *
 * The message parser, buffers, lists, SRTP and the event loop. re_json.h is
 * left out because its names clash with jansson's.
 */
#ifndef TEAMS_SIM_LIB_H
#define TEAMS_SIM_LIB_H

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include <re_types.h>
#include <re_fmt.h>
#include <re_mbuf.h>
#include <re_msg.h>
#include <re_list.h>
#include <re_sa.h>
#include <re_uri.h>
#include <re_base64.h>
#include <re_hash.h>
#include <re_main.h>
#include <re_mem.h>
#include <re_net.h>
#include <re_rtp.h>
#include <re_sip.h>
#include <re_srtp.h>
#include <re_sys.h>

#endif
