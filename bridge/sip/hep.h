/**
 * @file hep.h  Copies of SIP messages to a collector, by HEPv3
 *
 * The Homer Encapsulation Protocol, version 3: for Homer and whatever else
 * speaks it. Messages are handed to a thread of its own through bounded
 * memory: names, connections and a collector that does not read never hold
 * up a call. What there is no room for is dropped and counted. Credentials
 * and media keys are masked as in traces.
 */
#ifndef SIP_HEP_H
#define SIP_HEP_H

#include "bridge/base/libre.h"

struct hep;                        /* a libre memory object */

enum { HEP_PORT = 9060, HEP_FRAME_MAX = 65535 };

/** What a frame holds */
enum hep_type {
	HEP_SIP    = 1,
	HEP_REPORT = 34,           /* of voice quality, as JSON             */
};

struct hep_conf {
	const char *collector;     /* host[:port]; copied                   */
	bool tcp;                  /* else UDP                              */
	uint32_t capture_id;
	const char *password;      /* NULL: none; copied                    */
};

/** One message as it travels */
struct hep_frame {
	enum hep_type type;
	const char *callid;        /* of a report; NULL: none               */
	uint64_t time_us;          /* since 1970                            */
	enum sip_transp tp;
	struct sa src, dst;
	const char *data; size_t size;
};

/** Start the thread. @return 0, EINVAL, ENOMEM, errno of pthread_create(3) */
int hep_alloc(struct hep **hepp, const struct hep_conf *conf);

/** Take a message; hot path: one memcpy */
void hep_add(struct hep *hep, bool tx, enum sip_transp tp,
	     const struct sa *local, const struct sa *peer,
	     const uint8_t *data, size_t size);

/**
 * Take a report of voice quality
 *
 * @param src     Where the voice came from, dst where it was received
 * @param callid  SIP Call-ID that it belongs to
 * @param json    An object
 */
void hep_report(struct hep *hep, const struct sa *src, const struct sa *dst,
		const char *callid, const char *json);

/**
 * Write a frame: chunks of vendor 0, in network byte order
 *
 * @param buf  Room for HEP_FRAME_MAX octets
 *
 * @return octets, 0 if it does not fit or has no addresses
 */
size_t hep_encode(uint8_t *buf, const struct hep_frame *frame,
		  uint32_t capture_id, const char *password);

#endif
