/**
 * @file customer_json.c  One PBX or user by itself
 */
#include <jansson.h>

#include "bridge/base/errors.h"
#include "customer.h"


static int template_apply(struct pbx *pbx, const json_t *value,
			  customer_template_h *templateh, void *arg,
			  struct errors *errs)
{
	const char *name, *nearest = NULL;
	int err;

	name = json_string_value(json_object_get(value, "template"));
	if (!name)
		name = "generic";

	err = templateh(pbx, name, &nearest, errs, arg);
	if (err != ENOENT)
		return err;

	errors_add(errs, NULL, "template", nearest ?
		   "want the name of a template, found \"%s\"; did you mean"
		   " \"%s\"?" : "want the name of a template, found \"%s\"",
		   name, nearest);

	return EBADMSG;
}


int customer_pbx(struct pbx **pbxp, const struct json_t *value,
		 customer_template_h *templateh, void *arg,
		 struct errors *errs)
{
	struct pbx *pbx;
	int err;

	if (!pbxp || !value || !templateh)
		return EINVAL;

	pbx = fields_item_alloc(&pbx_fields);
	if (!pbx)
		return ENOMEM;

	err = template_apply(pbx, value, templateh, arg, errs);
	if (!err)
		err = fields_read_json(&pbx_fields, pbx, value, errs, NULL);
	if (!err)
		err = fields_required(&pbx_fields, pbx, NULL, errs);

	if (err)
		mem_deref(pbx);
	else
		*pbxp = pbx;

	return err;
}


static void tell(customer_misfit_h *h, void *arg, const char *field,
		 const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	(void)re_vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);

	h(field, text, arg);
}


void customer_user_fits(const struct user *user, const struct pbx *pbx,
			bool password, customer_misfit_h *h, void *arg)
{
	/* who is not registered may get a password later */
	if (pbx->auth_type == PBX_AUTH_REGISTRATION && !password &&
	    user->enabled)
		tell(h, arg, "sip_password", "want the password that the PBX"
		     " has for %s, found nothing", user->sip_username);

	if (pbx->auth_username == PBX_AUTH_USERNAME_REQUIRED &&
	    !str_isset(user->sip_auth_username))
		tell(h, arg, "sip_auth_username", "want the name that %s has"
		     " for authentication at a PBX of this kind (template"
		     " %s), found nothing", user->sip_username,
		     pbx->template);

	if (pbx->auth_username == PBX_AUTH_USERNAME_SAME &&
	    str_isset(user->sip_auth_username) &&
	    str_cmp(user->sip_auth_username, user->sip_username))
		tell(h, arg, "sip_auth_username", "want the same as"
		     " sip_username or nothing: a PBX of this kind (template"
		     " %s) takes no other", pbx->template);

	if (!user->country && !pbx->country && pbx_wants_national(pbx))
		tell(h, arg, "country", "want a country here or at the PBX,"
		     " for its number format");
}
