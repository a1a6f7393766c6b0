/**
 * @file secure.c  One direction of one side's SRTP (RFC 3711, RFC 7714)
 *
 * The MKI is put in and taken out here: libsrtp2 2.5 looks for it by the RTP
 * tag's length in SRTCP too, and so refuses that of AES_CM_128_HMAC_SHA1_32.
 */
#include <arpa/inet.h>
#include <openssl/crypto.h>
#include <srtp2/srtp.h>
#include "bridge/base/libre.h"
#include "secure.h"


enum {
	WINDOW    = 1024,          /* packets, replay protection         */
	SSRCS     = 8,             /* sources a context remembers        */
	RTP_MIN   = 12,
	RTCP_MIN  = 8,
	INDEX     = 4,             /* E bit and SRTCP index              */
	TAG       = 10,            /* SRTCP's also with _32 (RFC 4568
				      section 6.2.2)                     */
	GCM_TAG   = 16,
};


struct secure {
	srtp_t session;            /* owned                              */
	uint8_t mki[4];
	size_t mki_size;           /* 0: none                            */
	size_t rtp_tail, rtcp_tail;    /* octets behind the MKI: the tag,
				      but of GCM, which has it before    */
	size_t rtp_min, rtcp_min;  /* shortest packets worth a look      */
	uint32_t ssrcv[SSRCS];     /* incoming: streams of the session,  */
	unsigned ssrcc, oldest;    /* network order                      */
};


static void destructor(void *data)
{
	struct secure *secure = data;

	if (secure->session)
		(void)srtp_dealloc(secure->session);
}


size_t secure_key_size(enum stream_suite suite)
{
	switch (suite) {

	case STREAM_AES_CM_128_HMAC_SHA1_80:
	case STREAM_AES_CM_128_HMAC_SHA1_32: return 16 + 14;
	case STREAM_AES_256_CM_HMAC_SHA1_80: return 32 + 14;
	case STREAM_AEAD_AES_128_GCM:        return 16 + 12;
	case STREAM_AEAD_AES_256_GCM:        return 32 + 12;
	default:                             return 0;
	}
}


static void set_suite(srtp_policy_t *policy, enum stream_suite suite)
{
	switch (suite) {

	case STREAM_AES_CM_128_HMAC_SHA1_32:
		srtp_crypto_policy_set_aes_cm_128_hmac_sha1_32(&policy->rtp);
		srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(&policy->rtcp);
		break;

	case STREAM_AES_256_CM_HMAC_SHA1_80:
		srtp_crypto_policy_set_aes_cm_256_hmac_sha1_80(&policy->rtp);
		srtp_crypto_policy_set_aes_cm_256_hmac_sha1_80(&policy->rtcp);
		break;

	case STREAM_AEAD_AES_128_GCM:
		srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy->rtp);
		srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy->rtcp);
		break;

	case STREAM_AEAD_AES_256_GCM:
		srtp_crypto_policy_set_aes_gcm_256_16_auth(&policy->rtp);
		srtp_crypto_policy_set_aes_gcm_256_16_auth(&policy->rtcp);
		break;

	default:
		srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(&policy->rtp);
		srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(&policy->rtcp);
		break;
	}
}


static int create(struct secure *secure, const struct stream_crypto *crypto,
		  enum secure_dir dir)
{
	uint8_t key[STREAM_KEY_MAX];
	srtp_policy_t policy = { .window_size = WINDOW };
	srtp_err_status_t st;

	memcpy(key, crypto->key, sizeof(key));
	policy.key = key;

	set_suite(&policy, crypto->suite);
	policy.ssrc.type = dir == SECURE_TX ? ssrc_any_outbound
					    : ssrc_any_inbound;

	st = srtp_create(&secure->session, &policy);
	OPENSSL_cleanse(key, sizeof(key));

	if (st)
		secure->session = NULL;

	return !st ? 0 : st == srtp_err_status_alloc_fail ? ENOMEM : EINVAL;
}


static void set_trailer(struct secure *secure,
			const struct stream_crypto *crypto)
{
	const bool gcm = crypto->suite >= STREAM_AEAD_AES_128_GCM;
	const size_t tag = gcm ? GCM_TAG :
		crypto->suite == STREAM_AES_CM_128_HMAC_SHA1_32 ? 4 : TAG;
	const size_t rtcp_tag = gcm ? GCM_TAG : TAG;

	secure->mki_size = crypto->mki_size;
	for (unsigned i = 0; i < crypto->mki_size; i++)
		secure->mki[i] = (uint8_t)(crypto->mki >>
					   8 * (crypto->mki_size - 1u - i));

	secure->rtp_tail  = gcm ? 0 : tag;
	secure->rtcp_tail = gcm ? 0 : rtcp_tag;
	secure->rtp_min   = RTP_MIN + tag + crypto->mki_size;
	secure->rtcp_min  = RTCP_MIN + INDEX + rtcp_tag + crypto->mki_size;
}


int secure_alloc(struct secure **securep, const struct stream_crypto *crypto,
		 enum secure_dir dir)
{
	struct secure *secure;
	int err;

	if (!securep || !crypto || !secure_key_size(crypto->suite) ||
	    crypto->key_size != secure_key_size(crypto->suite) ||
	    crypto->mki_size > sizeof(crypto->mki))
		return EINVAL;

	secure = mem_zalloc(sizeof(*secure), destructor);
	if (!secure)
		return ENOMEM;

	err = create(secure, crypto, dir);
	if (err) {
		mem_deref(secure);
		return err;
	}

	set_trailer(secure, crypto);
	*securep = secure;

	return 0;
}


static enum secure_result result(srtp_err_status_t st)
{
	switch (st) {

	case srtp_err_status_ok:          return SECURE_OK;
	case srtp_err_status_auth_fail:   return SECURE_AUTH;
	case srtp_err_status_replay_fail:
	case srtp_err_status_replay_old:  return SECURE_REPLAY;
	default:                          return SECURE_BAD;
	}
}


/** libsrtp2 before 2.6 compares the number as given with the one in network
    order, later ones turn it round first */
static void forget(srtp_t session, uint32_t ssrc)
{
	if (srtp_remove_stream(session, ssrc))
		(void)srtp_remove_stream(session, ntohl(ssrc));
}


/**
 * A session makes a stream for each authentic SSRC, without end: keep the
 * newest few. Whoever makes us forget one knows the key.
 *
 * @param p  SSRC as it stood in the packet
 */
static void remember(struct secure *secure, const uint8_t *p)
{
	uint32_t ssrc;

	memcpy(&ssrc, p, sizeof(ssrc));

	for (unsigned i = 0; i < secure->ssrcc; i++) {
		if (secure->ssrcv[i] == ssrc)
			return;
	}

	if (secure->ssrcc < SSRCS) {
		secure->ssrcv[secure->ssrcc++] = ssrc;
		return;
	}

	forget(secure->session, secure->ssrcv[secure->oldest]);
	secure->ssrcv[secure->oldest] = ssrc;
	secure->oldest = (secure->oldest + 1) % SSRCS;
}


static void mki_insert(const struct secure *secure, uint8_t *p, size_t *n,
		       size_t tail)
{
	uint8_t *at = p + *n - tail;

	memmove(at + secure->mki_size, at, tail);
	memcpy(at, secure->mki, secure->mki_size);
	*n += secure->mki_size;
}


/** @return false if another key is meant */
static bool mki_remove(const struct secure *secure, uint8_t *p, size_t *n,
		       size_t tail)
{
	uint8_t *at = p + *n - tail - secure->mki_size;

	if (memcmp(at, secure->mki, secure->mki_size))
		return false;

	memmove(at, at + secure->mki_size, tail);
	*n -= secure->mki_size;

	return true;
}


enum secure_result secure_seal_rtp(struct secure *secure, uint8_t *p,
				   size_t *n)
{
	int len = (int)*n;
	const enum secure_result res =
		result(srtp_protect(secure->session, p, &len));

	if (res == SECURE_OK) {
		*n = (size_t)len;
		mki_insert(secure, p, n, secure->rtp_tail);
	}

	return res;
}


enum secure_result secure_seal_rtcp(struct secure *secure, uint8_t *p,
				    size_t *n)
{
	int len = (int)*n;
	const enum secure_result res =
		result(srtp_protect_rtcp(secure->session, p, &len));

	if (res == SECURE_OK) {
		*n = (size_t)len;
		mki_insert(secure, p, n, secure->rtcp_tail);
	}

	return res;
}


enum secure_result secure_open_rtp(struct secure *secure, uint8_t *p,
				   size_t *n)
{
	enum secure_result res;
	int len;

	if (*n < secure->rtp_min)
		return SECURE_BAD;

	if (!mki_remove(secure, p, n, secure->rtp_tail))
		return SECURE_AUTH;

	len = (int)*n;
	res = result(srtp_unprotect(secure->session, p, &len));
	if (res == SECURE_OK) {
		remember(secure, p + 8);
		*n = (size_t)len;
	}

	return res;
}


enum secure_result secure_open_rtcp(struct secure *secure, uint8_t *p,
				    size_t *n)
{
	enum secure_result res;
	int len;

	if (*n < secure->rtcp_min)
		return SECURE_BAD;

	if (!mki_remove(secure, p, n, secure->rtcp_tail))
		return SECURE_AUTH;

	len = (int)*n;
	res = result(srtp_unprotect_rtcp(secure->session, p, &len));
	if (res == SECURE_OK) {
		remember(secure, p + 4);
		*n = (size_t)len;
	}

	return res;
}
