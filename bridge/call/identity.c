/**
 * @file identity.c  What each side is told of who calls
 */
#include "bridge/model/tenant.h"
#include "bridge/sip/msg.h"
#include "call_core.h"
#include "identity.h"
#include "pbx-templates/number.h"


#define ANONYMOUS "sip:anonymous@anonymous.invalid"


/** A number as this PBX shows numbers: its form without what is dialled
    first to get a line */
static void shown_at_pbx(char *dst, size_t size, const struct route *route,
			 const char *number)
{
	struct pbx plain = *account_pbx(route->acc);
	struct number num;

	plain.outside_line_prefix = NULL;
	plain.e164.national = pbx_wants_national(&plain);

	if (number_to_pbx(&num, &plain, policy_country(route->acc), number))
		str_ncpy(dst, number, size);
	else
		str_ncpy(dst, num.text, size);
}


static void history_at_pbx(struct route *route)
{
	size_t i;

	for (i = 0; i < route->history.c; i++) {
		struct redirecting *rd = &route->history.v[i];
		char number[64];

		shown_at_pbx(number, sizeof(number), route, rd->number);
		str_ncpy(rd->number, number, sizeof(rd->number));
	}
}


static int history_add(struct route *route, int how, const char *host)
{
	const struct history_print hp = {
		.history = &route->history,
		.host    = host,
		.target  = route->callee,
	};
	int err = 0;

	if (!route->history.c)
		return 0;

	if (how == PBX_HISTORY_DIVERSION || how == PBX_HISTORY_BOTH)
		err = route_header(route, "%H", history_print_diversion, &hp);
	if (!err && (how == PBX_HISTORY_INFO || how == PBX_HISTORY_BOTH))
		err = route_header(route, "%H", history_print_info, &hp);

	return err;
}


/* --- towards a PBX --- */


/** The number and name that Teams wants to show: From's, which is the
    original caller's of a call that was forwarded */
static void wish_of_teams(struct party *party, const struct route *route,
			  const struct sip_msg *msg)
{
	const struct user *user = account_user(route->acc);

	/* Privacy of Teams is about P-Asserted-Identity, which it adds with
	   it; who wants not to be shown has an anonymous From */
	callerid_from(party, msg);
	party->anonymous = !str_casecmp(party->number, "anonymous");

	if (account_pbx(route->acc)->caller_id.forwarded ==
	    PBX_FORWARDED_ORIGINAL && !party->anonymous)
		return;

	str_ncpy(party->number, user->number, sizeof(party->number));
	str_ncpy(party->name, user->name ? user->name : "",
		 sizeof(party->name));
}


static int name_print(struct re_printf *pf, const char *name)
{
	struct pl pl;

	if (!str_isset(name))
		return 0;

	pl_set_str(&pl, name);

	return re_hprintf(pf, "\"%H\" ", msg_quote, &pl);
}


static int identity_add(struct route *route, const struct party *wish)
{
	static const char *const headerv[] = {
		[PBX_IDENTITY_PAI]  = "P-Asserted-Identity",
		[PBX_IDENTITY_PPI]  = "P-Preferred-Identity",
		[PBX_IDENTITY_RPID] = "Remote-Party-ID",
	};
	const struct pbx *pbx = account_pbx(route->acc);
	const int how = pbx->caller_id.identity;
	char number[64];
	struct pl user;

	if (how == PBX_IDENTITY_NONE)
		return 0;

	if (pbx->caller_id.identity_number == PBX_NUMBER_USERNAME)
		str_ncpy(number, account_user(route->acc)->sip_username,
			 sizeof(number));
	else
		shown_at_pbx(number, sizeof(number), route, wish->number);

	route_note(route, CALL_NUMBER, CALL_AT_PBX, "shown as %s", number);
	pl_set_str(&user, number);

	return route_header(route, "%s: %H<sip:%H@%s>%s%s\r\n", headerv[how],
			name_print, wish->name, uri_user_escape, &user,
			pbx->sip_domain,
			how == PBX_IDENTITY_RPID ?
			";party=calling;screen=yes;privacy=" : "",
			how != PBX_IDENTITY_RPID ? "" :
			wish->anonymous ? "full" : "off");
}


static void from_set(struct route *route, const struct party *wish)
{
	const struct pbx *pbx = account_pbx(route->acc);
	const struct user *user = account_user(route->acc);
	char number[64];
	struct pl pl;

	if (user->name)
		str_ncpy(route->caller.name, user->name,
			 sizeof(route->caller.name));

	if (wish->anonymous && pbx->caller_id.hide != PBX_HIDE_PRIVACY) {
		str_ncpy(route->from_uri, ANONYMOUS, sizeof(route->from_uri));
		str_ncpy(route->caller.name, "Anonymous",
			 sizeof(route->caller.name));
		str_ncpy(route->caller.number, "anonymous",
			 sizeof(route->caller.number));
		return;
	}

	if (pbx->caller_id.from == PBX_NUMBER_USERNAME) {
		str_ncpy(route->from_uri, account_aor(route->acc),
			 sizeof(route->from_uri));
		str_ncpy(route->caller.number, user->sip_username,
			 sizeof(route->caller.number));
		return;
	}

	shown_at_pbx(number, sizeof(number), route, user->number);
	str_ncpy(route->caller.number, number, sizeof(route->caller.number));
	pl_set_str(&pl, number);
	re_snprintf(route->from_uri, sizeof(route->from_uri), "sip:%H@%s",
		    uri_user_escape, &pl, pbx->sip_domain);
}


int identity_to_pbx(struct route *route, const struct sip_msg *msg)
{
	const struct pbx *pbx = account_pbx(route->acc);
	struct party wish;
	int err;

	wish_of_teams(&wish, route, msg);
	from_set(route, &wish);

	err = identity_add(route, &wish);
	if (!err && wish.anonymous && pbx->caller_id.hide != PBX_HIDE_FROM)
		err = route_header(route, "Privacy: id\r\n");
	if (err)
		return err;

	history_at_pbx(route);

	return history_add(route, pbx->caller_id.history, pbx->sip_domain);
}


/* --- towards Teams --- */


static void to_e164(struct route *route, char *number, size_t size)
{
	struct number num;

	if (!number_from_pbx(&num, account_pbx(route->acc),
			     policy_country(route->acc), number)) {
		route_note_number(route, CALL_AT_TEAMS, number, &num);
		str_ncpy(number, num.text, size);
	}
}


void identity_shown(struct route *route, const struct sip_msg *msg)
{
	const struct pbx *pbx = account_pbx(route->acc);
	const struct redirecting *last;
	struct party *caller = &route->caller;
	size_t i;

	if (!pbx->caller_id.asserted)
		callerid_from(caller, msg);

	str_ncpy(route->caller_raw, caller->number,
		 sizeof(route->caller_raw));

	last = history_last(&route->history);
	if (last && pbx->caller_id.show == PBX_SHOW_REDIRECTING) {
		route_note(route, CALL_NUMBER, CALL_AT_TEAMS,
			   "shows who redirected");
		str_ncpy(caller->number, last->number,
			 sizeof(caller->number));
		str_ncpy(caller->name, last->name, sizeof(caller->name));
		caller->anonymous = last->hidden;
	}

	if (caller->anonymous) {
		str_ncpy(caller->number, "anonymous",
			 sizeof(caller->number));
		caller->name[0] = '\0';
	}
	else {
		to_e164(route, caller->number, sizeof(caller->number));
	}

	for (i = 0; i < route->history.c; i++)
		to_e164(route, route->history.v[i].number,
			sizeof(route->history.v[i].number));
}


int identity_to_teams(struct route *route)
{
	int err = 0;

	if (route->caller.anonymous)
		err = route_header(route, "Privacy: id\r\n");
	if (err)
		return err;

	return history_add(route, PBX_HISTORY_INFO,
			   trunk_fqdn(route->trunk));
}
