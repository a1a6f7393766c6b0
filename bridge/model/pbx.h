/**
 * @file pbx.h  A customer's PBX: what the template and the customer say of it
 *
 * The nine service fields of the form (docs/connect-pbx.md) and
 * what else PBXes differ in (docs/connect-pbx.md). A template is read into
 * this struct first, the customer's values over it; the result is the
 * profile that registration and calls go by.
 */
#ifndef MODEL_PBX_H
#define MODEL_PBX_H

#include "bridge/base/field.h"
#include "policy.h"

enum pbx_auth { PBX_AUTH_REGISTRATION, PBX_AUTH_NONE };
enum pbx_protocol { PBX_UDP, PBX_TCP, PBX_TLS };
enum pbx_transfer { PBX_TRANSFER_AUTO, PBX_TRANSFER_REFER,
		    PBX_TRANSFER_BRIDGE };
enum pbx_hold { PBX_HOLD_SENDONLY, PBX_HOLD_INACTIVE, PBX_HOLD_ZERO };
enum pbx_transcode { PBX_TRANSCODE_WHEN_NEEDED, PBX_TRANSCODE_NEVER };
enum pbx_dtmf { PBX_DTMF_AUTO, PBX_DTMF_RFC4733, PBX_DTMF_INFO,
		PBX_DTMF_INBAND };
enum pbx_ringback { PBX_RINGBACK_REMOTE, PBX_RINGBACK_BRIDGE };
enum pbx_early { PBX_EARLY_RINGING, PBX_EARLY_PASS };
enum pbx_fax { PBX_FAX_PASSTHROUGH, PBX_FAX_OFF };
enum pbx_music { PBX_MUSIC_PBX, PBX_MUSIC_TEAMS, PBX_MUSIC_BRIDGE };
enum pbx_port { PBX_PORT_SHARED, PBX_PORT_PER_USER };
enum pbx_auth_username { PBX_AUTH_USERNAME_OPTIONAL,
			 PBX_AUTH_USERNAME_REQUIRED,
			 PBX_AUTH_USERNAME_SAME };
enum pbx_identity { PBX_IDENTITY_NONE, PBX_IDENTITY_PAI, PBX_IDENTITY_PPI,
		    PBX_IDENTITY_RPID };
enum pbx_number { PBX_NUMBER_USERNAME, PBX_NUMBER_NUMBER };
enum pbx_show { PBX_SHOW_ORIGINAL, PBX_SHOW_REDIRECTING };
enum pbx_forwarded { PBX_FORWARDED_USER, PBX_FORWARDED_ORIGINAL };
enum pbx_history { PBX_HISTORY_NONE, PBX_HISTORY_DIVERSION,
		   PBX_HISTORY_INFO, PBX_HISTORY_BOTH };
enum pbx_hide { PBX_HIDE_PRIVACY, PBX_HIDE_FROM, PBX_HIDE_BOTH };
enum pbx_redirects { PBX_REDIRECTS_FOLLOW, PBX_REDIRECTS_PASS,
		     PBX_REDIRECTS_REFUSE };
enum pbx_voicemail { PBX_VOICEMAIL_ACCEPT, PBX_VOICEMAIL_REFUSE };
enum pbx_connection { PBX_CONNECTION_SHARED, PBX_CONNECTION_PER_USER };
enum pbx_address { PBX_ADDRESS_LOCAL, PBX_ADDRESS_LEARNT };
enum pbx_keepalive { PBX_KEEPALIVE_CRLF, PBX_KEEPALIVE_OPTIONS,
		     PBX_KEEPALIVE_STUN, PBX_KEEPALIVE_NONE };
enum pbx_mwi { PBX_MWI_NONE, PBX_MWI_UNSOLICITED, PBX_MWI_SUBSCRIBE };
enum pbx_tls_verify { PBX_VERIFY_FULL, PBX_VERIFY_CHAIN, PBX_VERIFY_NONE };

struct pbx {
	struct le le;
	char *name;                /* unique in the tenant                  */
	char *template;            /* name of the template                  */
	char *title;
	char *country;             /* ISO 3166 alpha-2, upper case          */
	char *state;               /* state or province                     */
	char *sip_domain;          /* host, no port                         */
	char *sip_proxy;           /* host[:port], NULL: the domain         */
	int auth_type;             /* enum pbx_auth                         */
	int auth_username;         /* enum pbx_auth_username: may a user's
				      SIP auth username differ              */
	int protocol;              /* enum pbx_protocol                     */
	bool encrypt_media;        /* SRTP by SDES on the PBX leg           */
	bool supports_refer;
	bool suppress_contact_data;
	char *outside_line_prefix; /* 0-9*# up to 4, NULL none              */
	int64_t requests_per_second;   /* it may send, 0: no limit          */

	struct {                   /* E.164 number format                   */
		bool national;     /* PBX wants local forms, not +country.. */
		char *national_prefix;         /* "0"  */
		char *international_prefix;    /* "00" */
		int64_t extension_digits;      /* a number of at most that
					many digits is internal; default 6 */
		struct strings strip_to_pbx;   /* prefixes taken off what  */
		struct strings strip_from_pbx; /* is dialled, shown        */
	} e164;

	struct {
		uint32_t expires_s;        /* asked for                     */
		uint32_t refresh_at;       /* percent of the granted        */
		int64_t per_second;        /* transactions/s to this PBX    */
		int64_t burst;
		int64_t failures_per_hour; /* refused, before others wait   */
		bool reuse_nonce;
		uint32_t keepalive_s;      /* 0: off                        */
		int keepalive_by;          /* enum pbx_keepalive            */
		int64_t max;               /* users at once, 0: no limit    */
		bool fetch_bindings;       /* look who else is registered   */
		bool path;                 /* Supported: path               */
		struct strings redirect_to;        /* hosts that a 3xx may
					lead to, beside the PBX's own      */
	} registration;

	struct {
		int port;                  /* enum pbx_port                 */
		int connection;            /* enum pbx_connection           */
		int address;               /* enum pbx_address              */
	} contact;

	struct {
		int blind;                 /* enum pbx_transfer             */
		int attended;
		uint32_t notify_wait_s;    /* for the PBX's first report    */
		bool from_pbx;             /* take its REFER                */
	} transfer;

	struct {
		struct strings codecs;     /* in order of preference        */
		bool nat;                  /* learn the media address       */
		int hold;                  /* enum pbx_hold                 */
		int transcode;             /* enum pbx_transcode            */
		int64_t ptime_ms;          /* we ask for, 10..60            */
		bool comfort_noise;        /* it may pause (RFC 3389)       */
		int dtmf;                  /* enum pbx_dtmf                 */
		int ringback;              /* enum pbx_ringback             */
		int early;                 /* enum pbx_early                */
		int fax;                   /* enum pbx_fax                  */
	} media;

	struct {
		int music;                 /* enum pbx_music                */
		char *file;                /* NULL: our own tune            */
	} hold;

	struct {
		bool session_timers;
		uint32_t session_expires_s;
		uint32_t min_se_s;
		uint32_t answer_limit_s;   /* ring at most that long        */
		bool prack;                /* 100rel towards the PBX        */
		uint32_t max_duration_s;   /* 0: no limit                   */
		bool probe;                /* ask a silent PBX whether the
					call stands                         */
		int redirects;             /* enum pbx_redirects            */
		int64_t redirect_limit;
		int64_t busy_at;           /* calls of a user; 0: never     */
		uint32_t no_answer_s;      /* the PBX's own, 0: not known   */
		int teams_voicemail;       /* enum pbx_voicemail            */
		char *realm;               /* of challenges to calls, NULL:
					as registration's; "*": any        */
	} call;

	struct {                   /* who calls                             */
		bool asserted;     /* the PBX's PAI, PPI, RPID count        */
		int show;          /* enum pbx_show                         */
		int from;          /* enum pbx_number                       */
		int identity;      /* enum pbx_identity                     */
		int identity_number;       /* enum pbx_number               */
		int forwarded;     /* enum pbx_forwarded                    */
		int history;       /* enum pbx_history                      */
		int hide;          /* enum pbx_hide                         */
	} caller_id;

	struct {                   /* texts, {number}; NULL: as dialled     */
		char *dnd_on, *dnd_off;
		char *forward_off, *forward_all, *forward_no_answer;
		char *simultaneous_ring;
		char *voicemail;
	} feature_codes;

	struct policy policy;

	struct {
		char *ca_file;
		int verify;                /* enum pbx_tls_verify           */
	} tls;

	char *realm;               /* the only one answered, NULL: the
				      first that lets us in                 */
	int mwi;                   /* enum pbx_mwi                          */
	char *user_agent;          /* NULL: Callbridge/VERSION              */
	bool away;                 /* not a setting: another node of the store
				      serves it (bridge/lease.h)            */
};

extern const struct fields pbx_fields;

/** The PBX wants local forms, not +country: said so, or a prefix was given */
bool pbx_wants_national(const struct pbx *pbx);

/** Where the PBX is reached: host of its proxy, else its domain, without
    port and brackets; port 0 if none was given. @return 0, EINVAL none */
int pbx_host(const struct pbx *pbx, char *host, size_t size, uint16_t *port);

#endif
