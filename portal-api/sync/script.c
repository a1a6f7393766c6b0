/**
 * @file script.c  A PowerShell script for what only PowerShell can
 *
 * Checked by hand against the cmdlets' reference: Set-CsOnlinePSTNGateway
 * and its like, Set-CsPhoneNumberAssignment, Grant-CsTenantDialPlan. A new
 * gateway is disabled unless one says so; rules of a dial plan exist in
 * memory until they are set; -NumberPattern's default does not fit +E.164.
 */
#include <openssl/evp.h>

#include "bridge/base/errors.h"
#include "bridge/base/libre.h"
#include "bridge/base/text.h"
#include "script.h"


enum { DIGEST_SIZE = 32, SHORT_DIGITS = 6 };

/* What is the same for everybody. No value of a customer's is in it. */
static const char head[] =
	"param([switch]$DryRun)\n"
	"$ErrorActionPreference = 'Stop'\n"
	"\n"
	"# Does a step, or with -DryRun only tells it\n"
	"function Step([string]$What, [scriptblock]$Do) {\n"
	"  if ($DryRun) { Write-Host ('would: ' + $What) }\n"
	"  else { Write-Host $What; & $Do | Out-Null }\n"
	"}\n"
	"\n"
	"# What there is by that name, or nothing\n"
	"function Find([scriptblock]$Get) {\n"
	"  try { & $Get } catch { $null }\n"
	"}\n"
	"\n";

static const char gateways[] =
	"# A name below a carrier trunk has a gateway already: the carrier's\n"
	"foreach ($t in $trunks) {\n"
	"  if ($t.Derived) { continue }\n"
	"  if (-not (Find { Get-CsOnlinePSTNGateway -Identity $t.Fqdn })) {\n"
	"    Step ('make gateway ' + $t.Fqdn) {\n"
	"      New-CsOnlinePSTNGateway -Fqdn $t.Fqdn -SipSignalingPort"
	" $t.Port -Enabled $true -ForwardPai $true -MediaBypass $false }\n"
	"  } else {\n"
	"    Step ('set gateway ' + $t.Fqdn) {\n"
	"      Set-CsOnlinePSTNGateway -Identity $t.Fqdn -SipSignalingPort"
	" $t.Port -Enabled $true -ForwardPai $true -MediaBypass $false }\n"
	"  }\n"
	"}\n"
	"\n";

static const char routing[] =
	"if ((Get-CsOnlinePstnUsage -Identity Global).Usage -notcontains"
	" $name) {\n"
	"  Step ('make PSTN usage ' + $name) {\n"
	"    Set-CsOnlinePstnUsage -Identity Global -Usage @{Add = $name} }\n"
	"}\n"
	"\n"
	"# One that the route has beside ours may be of a node that is away:\n"
	"# it stays\n"
	"$route = Find { Get-CsOnlineVoiceRoute -Identity $name }\n"
	"$list = @($trunks | ForEach-Object { $_.Fqdn })\n"
	"foreach ($g in @($route.OnlinePstnGatewayList)) {\n"
	"  if ($g -and $list -notcontains $g) {\n"
	"    $list += $g\n"
	"    Write-Warning ('voice route ' + $name + ' keeps gateway ' + $g +"
	" ', of which no node tells')\n"
	"  }\n"
	"}\n"
	"\n"
	"# Numbers, extensions and star codes\n"
	"$pattern = '^\\+?[0-9*#]+$'\n"
	"if (-not $route) {\n"
	"  Step ('make voice route ' + $name) {\n"
	"    New-CsOnlineVoiceRoute -Identity $name -NumberPattern $pattern"
	" -OnlinePstnGatewayList $list -OnlinePstnUsages $name }\n"
	"} else {\n"
	"  Step ('set voice route ' + $name) {\n"
	"    Set-CsOnlineVoiceRoute -Identity $name -NumberPattern $pattern"
	" -OnlinePstnGatewayList $list -OnlinePstnUsages $name }\n"
	"}\n"
	"\n"
	"if (-not (Find { Get-CsOnlineVoiceRoutingPolicy -Identity $name }))"
	" {\n"
	"  Step ('make voice routing policy ' + $name) {\n"
	"    New-CsOnlineVoiceRoutingPolicy -Identity $name"
	" -OnlinePstnUsages $name }\n"
	"}\n"
	"\n"
	"# Star codes and short numbers reach the PBX as they are dialled\n"
	"if (-not (Find { Get-CsTenantDialPlan -Identity $name })) {\n"
	"  Step ('make dial plan ' + $name) {\n"
	"    New-CsTenantDialPlan -Identity $name }\n"
	"}\n"
	"Step ('set rules of dial plan ' + $name) {\n"
	"  $codes = New-CsVoiceNormalizationRule -Parent $name"
	" -Name 'Star codes' -InMemory -Pattern '^([*#][*#0-9]*)$'"
	" -Translation '$1'\n"
	"  $short = New-CsVoiceNormalizationRule -Parent $name"
	" -Name 'Short numbers' -InMemory -Pattern $shortPattern"
	" -Translation '$1'\n"
	"  Set-CsTenantDialPlan -Identity $name"
	" -NormalizationRules @{Replace = @($codes, $short)}\n"
	"}\n"
	"\n";

static const char users[] =
	"$out = foreach ($r in $rows) {\n"
	"  try {\n"
	"    $have = Get-CsPhoneNumberAssignment -TelephoneNumber $r.Number\n"
	"    if ($have -and $have.PstnAssignmentStatus -ne 'Unassigned') {\n"
	"      $who = Get-CsOnlineUser -Identity $r.User\n"
	"      if ($have.AssignedPstnTargetId -ne $who.Identity) {\n"
	"        throw ($r.Number + ' is assigned to somebody else') }\n"
	"    } else {\n"
	"      Step ('assign ' + $r.Number + ' to ' + $r.User) {\n"
	"        Set-CsPhoneNumberAssignment -Identity $r.User -PhoneNumber"
	" $r.Number -PhoneNumberType DirectRouting }\n"
	"    }\n"
	"    Step ('policies of ' + $r.User) {\n"
	"      Grant-CsOnlineVoiceRoutingPolicy -Identity $r.User -PolicyName"
	" $name\n"
	"      Grant-CsTenantDialPlan -Identity $r.User -PolicyName $name }\n"
	"    [pscustomobject]@{ user = $r.User; ok = $true; error = '' }\n"
	"  } catch {\n"
	"    Write-Warning ($r.User + ': ' + $_.Exception.Message)\n"
	"    [pscustomobject]@{ user = $r.User; ok = $false;"
	" error = $_.Exception.Message }\n"
	"  }\n"
	"}\n"
	"\n"
	"ConvertTo-Json -InputObject @($out) | Set-Content -Encoding UTF8"
	" 'callbridge-result.json'\n"
	"$failed = @($out | Where-Object { -not $_.ok }).Count\n"
	"Write-Host ([string]@($out).Count + ' users, ' + [string]$failed +"
	" ' failed; see callbridge-result.json')\n"
	"if ($failed) { exit 1 }\n";


/** Length of the quote at p, as PowerShell knows them: ' and U+2018-U+201B */
static size_t quote_length(const char *p)
{
	if (*p == '\'')
		return 1;

	if (!memcmp(p, "\xe2\x80", strnlen(p, 2)) && p[1] &&
	    (unsigned char)p[2] >= 0x98 && (unsigned char)p[2] <= 0x9b)
		return 3;

	return 0;
}


/** A single-quoted literal: libre %H handler */
static int literal(struct re_printf *pf, const char *text)
{
	int err = re_hprintf(pf, "'");

	while (*text && !err) {
		const size_t l = quote_length(text);
		const struct pl once = {.p = text, .l = l ? l : 1};

		err = l ? re_hprintf(pf, "%r%r", &once, &once)
			: re_hprintf(pf, "%r", &once);
		text += once.l;
	}

	return err ? err : re_hprintf(pf, "'");
}


/** May it stand in a script? Control characters may not */
static void value_check(const char *text, const char *field,
			struct errors *errs)
{
	const size_t size = strlen(text);
	size_t i = 0;

	while (i < size) {
		const size_t l = text_char(text + i, size - i);

		if (!l) {
			errors_add(errs, NULL, field, "want text without"
				   " control characters");
			return;
		}
		i += l;
	}
}


static void values_check(const struct script *script, struct errors *errs)
{
	const struct tenant *tenant = script->tenant;
	struct le *le;

	value_check(tenant->tenant, "tenant", errs);
	value_check(script->time, "time", errs);
	value_check(script->tenant_id ? script->tenant_id : "", "tenant-id",
		    errs);
	for (size_t i = 0; i < script->gateways->c; i++)
		value_check(script->gateways->v[i].fqdn, "teams.fqdn", errs);
	if (!script->gateways->c)
		errors_add(errs, NULL, "teams.fqdn", "want the bridge's name"
			   " for this customer");

	LIST_FOREACH(&tenant->userl, le) {
		const struct user *user = le->data;

		value_check(user->upn, "upn", errs);
		value_check(user->number ? user->number : "", "number", errs);
	}
}


/** The most digits that a short number of any of the PBXs has */
static int64_t short_digits(const struct tenant *tenant)
{
	int64_t digits = 0;
	struct le *le;

	LIST_FOREACH(&tenant->pbxl, le) {
		const struct pbx *pbx = le->data;

		if (pbx->e164.extension_digits > digits)
			digits = pbx->e164.extension_digits;
	}

	return digits ? digits : SHORT_DIGITS;
}


static int trunks(struct re_printf *pf, const struct script_gateways *all)
{
	int err = re_hprintf(pf, "$trunks = @(\n");

	for (size_t i = 0; i < all->c && !err; i++)
		err = re_hprintf(pf, "  @{ Fqdn = %H; Port = %lld;"
				 " Derived = $%s }\n", literal,
				 all->v[i].fqdn, (long long)all->v[i].port,
				 all->v[i].derived ? "true" : "false");

	return err ? err : re_hprintf(pf, ")\n");
}


/** All that is this customer's: libre %H handler */
static int data(struct re_printf *pf, const struct script *script)
{
	const struct tenant *tenant = script->tenant;
	struct le *le;
	int err;

	err = re_hprintf(pf, "%H$name = %H\n"
			 "$shortPattern = '^([1-9][0-9]{0,%lld})$'\n"
			 "$rows = @(\n", trunks, script->gateways, literal,
			 SCRIPT_NAME, (long long)short_digits(tenant) - 1);

	LIST_FOREACH(&tenant->userl, le) {
		const struct user *user = le->data;

		if (!user->enabled || !user->number || err)
			continue;

		err = re_hprintf(pf, "  @{ User = %H; Number = %H }\n",
				 literal, user->upn, literal, user->number);
	}

	return err ? err : re_hprintf(pf, ")\n\n");
}


static int digest_print(struct re_printf *pf, const char *text)
{
	uint8_t md[EVP_MAX_MD_SIZE];
	int err = 0;

	if (EVP_Digest(text, strlen(text), md, NULL, EVP_sha256(), NULL) != 1)
		return ENOMEM;

	for (size_t i = 0; i < DIGEST_SIZE && !err; i++)
		err = re_hprintf(pf, "%02x", md[i]);

	return err;
}


static int sign_in(struct re_printf *pf, const char *tenant_id)
{
	return tenant_id ? re_hprintf(pf, "Connect-MicrosoftTeams -TenantId"
				      " %H | Out-Null\n\n", literal, tenant_id)
		: re_hprintf(pf, "Connect-MicrosoftTeams | Out-Null\n\n");
}


/** Lines end by CRLF. @return NULL without memory */
static char *crlf(const char *text)
{
	size_t size = 1;
	char *out, *p;

	for (const char *q = text; *q; q++)
		size += *q == '\n' ? 2 : 1;

	p = out = mem_alloc(size, NULL);
	if (!out)
		return NULL;

	for (; *text; text++) {
		if (*text == '\n')
			*p++ = '\r';
		*p++ = *text;
	}
	*p = '\0';

	return out;
}


/** Is there none that could be made? */
static bool are_derived(const struct script_gateways *all)
{
	for (size_t i = 0; i < all->c; i++)
		if (!all->v[i].derived)
			return false;

	return true;
}


int script_write(char **textp, const struct script *script,
		 struct errors *errs)
{
	char *values = NULL, *text = NULL;
	int err;

	if (!textp || !script || !script->tenant || !script->gateways ||
	    !script->time)
		return EINVAL;

	values_check(script, errs);
	if (errors_count(errs))
		return EBADMSG;

	err = re_sdprintf(&values, "%H", data, script);
	if (err)
		return err;

	err = re_sdprintf(&text, "\xef\xbb\xbf#Requires -Modules @{ModuleName"
			  "='MicrosoftTeams';ModuleVersion='5.6.0'}\n"
			  "# Callbridge " CALLBRIDGE_VERSION ": sets up Teams"
			  " Direct Routing for customer %s\n"
			  "# Made %s; SHA-256 of the values: %H\n"
			  "# Run it as a Teams administrator, with -DryRun"
			  " first. It may be run again.\n"
			  "%s%s%H%s%s%s", script->tenant->tenant,
			  script->time, digest_print, values, head, values,
			  sign_in, script->tenant_id,
			  are_derived(script->gateways) ? "" : gateways,
			  routing, users);
	mem_deref(values);
	if (err)
		return err;

	*textp = crlf(text);
	mem_deref(text);

	return *textp ? 0 : ENOMEM;
}


int script_gateway_add(struct script_gateways *all, const char *fqdn,
		       int64_t port, const char *carrier)
{
	const char *dot = strchr(fqdn, '.');
	struct script_gateway *gw;
	size_t i = 0;
	int order = 1;

	while (i < all->c && (order = str_casecmp(all->v[i].fqdn, fqdn)) < 0)
		++i;
	if (i < all->c && !order)
		return 0;

	if (all->c == SCRIPT_GATEWAYS || strlen(fqdn) >= sizeof(gw->fqdn))
		return EOVERFLOW;

	memmove(&all->v[i + 1], &all->v[i], (all->c++ - i) * sizeof(*gw));
	gw = &all->v[i];
	str_ncpy(gw->fqdn, fqdn, sizeof(gw->fqdn));
	gw->port    = port;
	gw->derived = dot && carrier && !str_casecmp(dot + 1, carrier);

	return 0;
}
