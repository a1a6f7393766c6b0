/**
 * @file cause.c  The table of failures
 */
#include <stddef.h>

#include "cause.h"


static const struct cause causev[] = {
	{ 300, 480, 480, 31, "Temporarily Unavailable",
	  "The other side redirects the call, and redirects are not followed."
	},
	{ 400, 400, 400, 127, "Bad Request",
	  "The other side did not understand our request. `callbridge trace` "
	  "shows it; a different PBX template may help." },
	{ 401, 403, 403, 21, "Forbidden",
	  "The PBX refused the credentials for this call: check SIP auth "
	  "username and password of the user." },
	{ 403, 403, 403, 21, "Forbidden",
	  "The call is not allowed: check what this user may dial, the "
	  "outside line prefix, and on the Teams side licence and voice "
	  "policy." },
	{ 404, 404, 404, 1, "Not Found",
	  "Nobody has this number: check the outside line prefix and the "
	  "E.164 number format, or the number assigned to the Teams user." },
	{ 405, 405, 405, 127, "Method Not Allowed",
	  "The other side does not take calls on this port: is it a trunk "
	  "port?" },
	{ 407, 403, 403, 21, "Forbidden",
	  "The PBX refused the credentials for this call: check SIP auth "
	  "username and password of the user." },
	{ 408, 480, 480, 102, "Temporarily Unavailable",
	  "The other side did not answer in time: check the connection and "
	  "firewall. Large requests over UDP may get lost: try TCP." },
	{ 410, 410, 410, 22, "Gone",
	  "The number is no longer in use, or the description of the media "
	  "was not liked." },
	{ 415, 488, 488, 79, "Not Acceptable Here",
	  "The other side did not take our media description." },
	{ 420, 420, 420, 127, "Bad Extension",
	  "The other side wants an extension that is not there: switch off "
	  "100rel or session timers in the template." },
	{ 422, 480, 480, 127, "Temporarily Unavailable",
	  "The session interval is too small for the other side: set "
	  "call.session_expires to 1800s and call.min_se to 90s." },
	{ 480, 480, 480, 31, "Temporarily Unavailable",
	  "The called phone is not registered, or nobody is signed in." },
	{ 481, 480, 480, 127, "Temporarily Unavailable",
	  "The other side lost the call." },
	{ 482, 482, 482, 25, "Loop Detected",
	  "The call came back to where it had been: look for forwarding in "
	  "both directions." },
	{ 483, 483, 483, 25, "Too Many Hops",
	  "The call went round in a circle: look for forwarding in both "
	  "directions." },
	{ 484, 484, 484, 28, "Address Incomplete",
	  "The number is not complete." },
	{ 486, 486, 486, 17, "Busy Here", "The called party is busy." },
	{ 487, 487, 487, 16, "Request Terminated",
	  "The caller hung up before the call was answered." },
	{ 488, 488, 488, 88, "Not Acceptable Here",
	  "No codec or encryption in common: allow PCMA and PCMU, and set "
	  "media encryption as the PBX has it." },
	{ 491, 500, 500, 41, "Server Internal Error",
	  "Two changes of the call crossed." },
	{ 500, 500, 500, 41, "Server Internal Error",
	  "The other side failed." },
	{ 501, 501, 501, 79, "Not Implemented",
	  "The other side does not take calls on this port." },
	{ 502, 502, 502, 38, "Bad Gateway",
	  "A network behind the other side failed." },
	{ 503, 503, 503, 41, "Service Unavailable",
	  "The other side is overloaded, restarting, or has no free line." },
	{ 504, 504, 504, 102, "Server Time-out",
	  "A network behind the other side did not answer." },
	{ 600, 486, 486, 17, "Busy Here", "The called party is busy." },
	{ 603, 603, 486, 21, "Decline",
	  "The called party declined the call." },
	{ 604, 404, 404, 1, "Not Found", "Nobody has this number." },
	{ 606, 488, 488, 88, "Not Acceptable Here",
	  "No codec or encryption in common." },
};


const struct cause *cause_find(uint16_t scode)
{
	const struct cause *klass = NULL;
	size_t i;

	for (i = 0; i < sizeof(causev) / sizeof(causev[0]); i++) {
		if (causev[i].scode == scode)
			return &causev[i];
		if (causev[i].scode == scode / 100 * 100)
			klass = &causev[i];
	}

	return klass ? klass : cause_find(500);
}
