/**
 * @file hdrname.c  The names of the headers that libre gives an id
 *
 * An id is a 12-bit hash of the name, and any name can be made to have it.
 */
#include "bridge/base/libre.h"
#include "hdrname.h"


/** How nearly everybody writes the headers that nearly every message has, by
    the length of their names */
enum { USUAL_MAX = 19, USUAL_ALIKE = 3 };

static const struct {
	const char *name;
	enum sip_hdrid id;
} usualv[USUAL_MAX + 1][USUAL_ALIKE] = {
	[2]  = {{ "To",                  SIP_HDR_TO                  }},
	[3]  = {{ "Via",                 SIP_HDR_VIA                 }},
	[4]  = {{ "From",                SIP_HDR_FROM                },
		{ "CSeq",                SIP_HDR_CSEQ                },
		{ "Date",                SIP_HDR_DATE                }},
	[5]  = {{ "Allow",               SIP_HDR_ALLOW               },
		{ "Route",               SIP_HDR_ROUTE               },
		{ "Event",               SIP_HDR_EVENT               }},
	[6]  = {{ "Server",              SIP_HDR_SERVER              },
		{ "Accept",              SIP_HDR_ACCEPT              }},
	[7]  = {{ "Call-ID",             SIP_HDR_CALL_ID             },
		{ "Contact",             SIP_HDR_CONTACT             },
		{ "Expires",             SIP_HDR_EXPIRES             }},
	[9]  = {{ "Supported",           SIP_HDR_SUPPORTED           }},
	[10] = {{ "User-Agent",          SIP_HDR_USER_AGENT          }},
	[12] = {{ "Max-Forwards",        SIP_HDR_MAX_FORWARDS        },
		{ "Content-Type",        SIP_HDR_CONTENT_TYPE        },
		{ "Record-Route",        SIP_HDR_RECORD_ROUTE        }},
	[13] = {{ "Authorization",       SIP_HDR_AUTHORIZATION       }},
	[14] = {{ "Content-Length",      SIP_HDR_CONTENT_LENGTH      }},
	[16] = {{ "WWW-Authenticate",    SIP_HDR_WWW_AUTHENTICATE    }},
	[18] = {{ "Proxy-Authenticate",  SIP_HDR_PROXY_AUTHENTICATE  }},
	[19] = {{ "P-Asserted-Identity", SIP_HDR_P_ASSERTED_IDENTITY },
		{ "Authentication-Info", SIP_HDR_AUTHENTICATION_INFO }},
};


/** Long name of an id, NULL if it is none of a known header */
static const char *long_name(enum sip_hdrid id)
{
	switch (id) {

	case SIP_HDR_ACCEPT:
		return "Accept";
	case SIP_HDR_ACCEPT_CONTACT:
		return "Accept-Contact";
	case SIP_HDR_ACCEPT_ENCODING:
		return "Accept-Encoding";
	case SIP_HDR_ACCEPT_LANGUAGE:
		return "Accept-Language";
	case SIP_HDR_ACCEPT_RESOURCE_PRIORITY:
		return "Accept-Resource-Priority";
	case SIP_HDR_ALERT_INFO:
		return "Alert-Info";
	case SIP_HDR_ALLOW:
		return "Allow";
	case SIP_HDR_ALLOW_EVENTS:
		return "Allow-Events";
	case SIP_HDR_ANSWER_MODE:
		return "Answer-Mode";
	case SIP_HDR_AUTHENTICATION_INFO:
		return "Authentication-Info";
	case SIP_HDR_AUTHORIZATION:
		return "Authorization";
	case SIP_HDR_CALL_ID:
		return "Call-ID";
	case SIP_HDR_CALL_INFO:
		return "Call-Info";
	case SIP_HDR_CONTACT:
		return "Contact";
	case SIP_HDR_CONTENT_DISPOSITION:
		return "Content-Disposition";
	case SIP_HDR_CONTENT_ENCODING:
		return "Content-Encoding";
	case SIP_HDR_CONTENT_LANGUAGE:
		return "Content-Language";
	case SIP_HDR_CONTENT_LENGTH:
		return "Content-Length";
	case SIP_HDR_CONTENT_TYPE:
		return "Content-Type";
	case SIP_HDR_CSEQ:
		return "CSeq";
	case SIP_HDR_DATE:
		return "Date";
	case SIP_HDR_ENCRYPTION:
		return "Encryption";
	case SIP_HDR_ERROR_INFO:
		return "Error-Info";
	case SIP_HDR_EVENT:
		return "Event";
	case SIP_HDR_EXPIRES:
		return "Expires";
	case SIP_HDR_FLOW_TIMER:
		return "Flow-Timer";
	case SIP_HDR_FROM:
		return "From";
	case SIP_HDR_HIDE:
		return "Hide";
	case SIP_HDR_HISTORY_INFO:
		return "History-Info";
	case SIP_HDR_IDENTITY:
		return "Identity";
	case SIP_HDR_IDENTITY_INFO:
		return "Identity-Info";
	case SIP_HDR_IN_REPLY_TO:
		return "In-Reply-To";
	case SIP_HDR_JOIN:
		return "Join";
	case SIP_HDR_MAX_BREADTH:
		return "Max-Breadth";
	case SIP_HDR_MAX_FORWARDS:
		return "Max-Forwards";
	case SIP_HDR_MIME_VERSION:
		return "MIME-Version";
	case SIP_HDR_MIN_EXPIRES:
		return "Min-Expires";
	case SIP_HDR_MIN_SE:
		return "Min-SE";
	case SIP_HDR_ORGANIZATION:
		return "Organization";
	case SIP_HDR_P_ACCESS_NETWORK_INFO:
		return "P-Access-Network-Info";
	case SIP_HDR_P_ANSWER_STATE:
		return "P-Answer-State";
	case SIP_HDR_P_ASSERTED_IDENTITY:
		return "P-Asserted-Identity";
	case SIP_HDR_P_ASSOCIATED_URI:
		return "P-Associated-URI";
	case SIP_HDR_P_CALLED_PARTY_ID:
		return "P-Called-Party-ID";
	case SIP_HDR_P_CHARGING_FUNCTION_ADDRESSES:
		return "P-Charging-Function-Addresses";
	case SIP_HDR_P_CHARGING_VECTOR:
		return "P-Charging-Vector";
	case SIP_HDR_P_DCS_TRACE_PARTY_ID:
		return "P-DCS-Trace-Party-ID";
	case SIP_HDR_P_DCS_OSPS:
		return "P-DCS-OSPS";
	case SIP_HDR_P_DCS_BILLING_INFO:
		return "P-DCS-Billing-Info";
	case SIP_HDR_P_DCS_LAES:
		return "P-DCS-LAES";
	case SIP_HDR_P_DCS_REDIRECT:
		return "P-DCS-Redirect";
	case SIP_HDR_P_EARLY_MEDIA:
		return "P-Early-Media";
	case SIP_HDR_P_MEDIA_AUTHORIZATION:
		return "P-Media-Authorization";
	case SIP_HDR_P_PREFERRED_IDENTITY:
		return "P-Preferred-Identity";
	case SIP_HDR_P_PROFILE_KEY:
		return "P-Profile-Key";
	case SIP_HDR_P_REFUSED_URI_LIST:
		return "P-Refused-URI-List";
	case SIP_HDR_P_SERVED_USER:
		return "P-Served-User";
	case SIP_HDR_P_USER_DATABASE:
		return "P-User-Database";
	case SIP_HDR_P_VISITED_NETWORK_ID:
		return "P-Visited-Network-ID";
	case SIP_HDR_PATH:
		return "Path";
	case SIP_HDR_PERMISSION_MISSING:
		return "Permission-Missing";
	case SIP_HDR_PRIORITY:
		return "Priority";
	case SIP_HDR_PRIV_ANSWER_MODE:
		return "Priv-Answer-Mode";
	case SIP_HDR_PRIVACY:
		return "Privacy";
	case SIP_HDR_PROXY_AUTHENTICATE:
		return "Proxy-Authenticate";
	case SIP_HDR_PROXY_AUTHORIZATION:
		return "Proxy-Authorization";
	case SIP_HDR_PROXY_REQUIRE:
		return "Proxy-Require";
	case SIP_HDR_RACK:
		return "RAck";
	case SIP_HDR_REASON:
		return "Reason";
	case SIP_HDR_RECORD_ROUTE:
		return "Record-Route";
	case SIP_HDR_REFER_SUB:
		return "Refer-Sub";
	case SIP_HDR_REFER_TO:
		return "Refer-To";
	case SIP_HDR_REFERRED_BY:
		return "Referred-By";
	case SIP_HDR_REJECT_CONTACT:
		return "Reject-Contact";
	case SIP_HDR_REPLACES:
		return "Replaces";
	case SIP_HDR_REPLY_TO:
		return "Reply-To";
	case SIP_HDR_REQUEST_DISPOSITION:
		return "Request-Disposition";
	case SIP_HDR_REQUIRE:
		return "Require";
	case SIP_HDR_RESOURCE_PRIORITY:
		return "Resource-Priority";
	case SIP_HDR_RESPONSE_KEY:
		return "Response-Key";
	case SIP_HDR_RETRY_AFTER:
		return "Retry-After";
	case SIP_HDR_ROUTE:
		return "Route";
	case SIP_HDR_RSEQ:
		return "RSeq";
	case SIP_HDR_SECURITY_CLIENT:
		return "Security-Client";
	case SIP_HDR_SECURITY_SERVER:
		return "Security-Server";
	case SIP_HDR_SECURITY_VERIFY:
		return "Security-Verify";
	case SIP_HDR_SERVER:
		return "Server";
	case SIP_HDR_SERVICE_ROUTE:
		return "Service-Route";
	case SIP_HDR_SESSION_EXPIRES:
		return "Session-Expires";
	case SIP_HDR_SIP_ETAG:
		return "SIP-ETag";
	case SIP_HDR_SIP_IF_MATCH:
		return "SIP-If-Match";
	case SIP_HDR_SUBJECT:
		return "Subject";
	case SIP_HDR_SUBSCRIPTION_STATE:
		return "Subscription-State";
	case SIP_HDR_SUPPORTED:
		return "Supported";
	case SIP_HDR_TARGET_DIALOG:
		return "Target-Dialog";
	case SIP_HDR_TIMESTAMP:
		return "Timestamp";
	case SIP_HDR_TO:
		return "To";
	case SIP_HDR_TRIGGER_CONSENT:
		return "Trigger-Consent";
	case SIP_HDR_UNSUPPORTED:
		return "Unsupported";
	case SIP_HDR_USER_AGENT:
		return "User-Agent";
	case SIP_HDR_VIA:
		return "Via";
	case SIP_HDR_WARNING:
		return "Warning";
	case SIP_HDR_WWW_AUTHENTICATE:
		return "WWW-Authenticate";
	default:
		return NULL;
	}
}


/** Compact form (RFC 3261 section 7.3.3 and the IANA registry), 0: none */
static char compact_name(enum sip_hdrid id)
{
	switch (id) {

	case SIP_HDR_ACCEPT_CONTACT:      return 'a';
	case SIP_HDR_REFERRED_BY:         return 'b';
	case SIP_HDR_CONTENT_TYPE:        return 'c';
	case SIP_HDR_REQUEST_DISPOSITION: return 'd';
	case SIP_HDR_CONTENT_ENCODING:    return 'e';
	case SIP_HDR_FROM:                return 'f';
	case SIP_HDR_CALL_ID:             return 'i';
	case SIP_HDR_REJECT_CONTACT:      return 'j';
	case SIP_HDR_SUPPORTED:           return 'k';
	case SIP_HDR_CONTENT_LENGTH:      return 'l';
	case SIP_HDR_CONTACT:             return 'm';
	case SIP_HDR_IDENTITY_INFO:       return 'n';
	case SIP_HDR_EVENT:               return 'o';
	case SIP_HDR_REFER_TO:            return 'r';
	case SIP_HDR_SUBJECT:             return 's';
	case SIP_HDR_TO:                  return 't';
	case SIP_HDR_ALLOW_EVENTS:        return 'u';
	case SIP_HDR_VIA:                 return 'v';
	case SIP_HDR_SESSION_EXPIRES:     return 'x';
	case SIP_HDR_IDENTITY:            return 'y';
	default:                          return '\0';
	}
}


bool hdrname_fits(enum sip_hdrid id, const struct pl *name)
{
	const char *known = long_name(id);

	if (!known || !pl_strcasecmp(name, known))
		return true;

	return name->l == 1 && compact_name(id) == (name->p[0] | 0x20);
}


bool hdrname_usual(enum sip_hdrid *id, const struct pl *name)
{
	if (name->l > USUAL_MAX)
		return false;

	for (size_t i = 0; i < USUAL_ALIKE && usualv[name->l][i].name; i++) {
		if (!memcmp(name->p, usualv[name->l][i].name, name->l)) {
			*id = usualv[name->l][i].id;
			return true;
		}
	}

	return false;
}
