/* Whatever is typed into any field of any form: it is text, and what is wrong
   with it is told at the field. The fields are those of the API's schema. */

"use strict";

const assert = require("assert").strict;
const { story, look, field, press, go, settled, signIn, evil }
	= require("./frame.cjs");

const { PAGE_PASSWORD } = process.env;
const long = "x".repeat(5000);

/** {path: schema} of what can be typed */
function leaves(schema, prefix = "", into = {})
{
	for (const [name, sub] of Object.entries(schema.properties)) {
		if (sub.type === "object")
			leaves(sub, `${prefix}${name}.`, into);
		else if (!(sub.items && sub.items.type === "object"))
			into[prefix + name] = sub;
	}

	return into;
}

const isText = (s) => !s.enum && s.type !== "boolean";

/** What the page sends for a value in each of the fields */
function body(fields, text)
{
	const value = {};

	for (const [path, schema] of Object.entries(fields)) {
		const parts = path.split("."), last = parts.pop();
		let into = value;

		for (const part of parts)
			into = into[part] ||= {};
		into[last] = schema.type === "array" ? text.split(/,\s*/) : text;
	}

	return value;
}

/** What the service says is wrong with it */
async function wrongWith(page, where, value)
{
	return page.evaluate(async ([path, sent]) => {
		const session = await (await fetch("/api/v1/session")).json();
		const answer = await fetch(`/api/v1${path}?dry_run=true`, {
			method: "POST", body: JSON.stringify(sent),
			headers: { "Content-Type": "application/json",
				   "X-CSRF-Token": session.csrf } });

		return (await answer.json()).errors.map((e) => e.field);
	}, [where, value]);
}

/** The same text in each field: what is said, is said at the field */
async function type(page, where, schema, text, skip)
{
	const fields = Object.fromEntries(Object.entries(leaves(schema)).filter(
		([path, s]) => isText(s) && !skip.includes(path)));
	const names = Object.keys(fields);

	assert(names.length > 3, names);
	for (const name of names) {
		await field(page, name).fill(text);
		await field(page, name).blur();
	}
	await press(page, "Create");
	await page.locator('.problem[role="alert"]').first().waitFor();

	const told = (await wrongWith(page, where, body(fields, text)))
		.filter((name) => names.includes(name));

	assert(told.length > 3, `${where}: ${told}`);
	for (const name of told)
		assert.equal(await field(page, name).getAttribute("aria-invalid"),
			     "true", `${where}: ${name}`);

	/* whoever cannot see it is led there */
	assert.equal(await page.evaluate(() =>
		document.activeElement.getAttribute("aria-invalid")), "true");
	assert.equal(await page.evaluate(() => window.pwned), undefined);
	assert.equal(await page.locator("img").count(), 0);
}

async function form(page, table, where, name, button, skip)
{
	const schema = await page.evaluate(async (t) =>
		(await fetch(`/api/v1/schema/${t}`)).json(), table);

	await go(page, name);
	await settled(page);
	await press(page, button);
	await page.getByRole("dialog").locator(".form").first().waitFor();
	await type(page, where, schema, evil, skip);
	await look(page, `fields-${table}`);
	await type(page, where, schema, long, skip);
	await page.keyboard.press("Escape");
	console.log(`filled ${table}`);
}

/** Forms that are not of a table */
async function others(page)
{
	await go(page, "Templates");
	await press(page, "Own template (YAML)");
	await field(page, "template_name").fill("own");
	await field(page, "template_text").fill(`template: own
title: ${evil}
extends: generic
registration: { expires: 1x, refresh_at: 200% }
transfers: 1
`);
	await press(page, "Check only");
	await page.getByRole("columnheader", { name: "Column" }).waitFor();
	assert.deepEqual(await page.locator(".problem tbody tr").evaluateAll(
		(rows) => rows.map((r) => r.querySelector("button").innerText)),
		["4", "4", "5"]);
	await page.getByRole("button", { name: "Go to line 5" }).click();
	assert.equal(await field(page, "template_text").evaluate((area) =>
		area.value.slice(area.selectionStart, area.selectionEnd)),
		"transfers: 1");
	await look(page, "fields-template");
	await field(page, "template_text").fill(`template: own
title: '${evil.replace(/'/g, "''")}'
extends: generic
evidence: unverified
`);
	await press(page, "Check only");
	await page.getByText("Nothing is wrong with it").waitFor();
	await press(page, "Upload");
	await page.getByRole("button", { name: evil, exact: true }).waitFor();

	await go(page, "Admins and tokens");
	await press(page, "New admin");
	await field(page, "admin_name").fill(evil);
	await field(page, "password").fill("short");
	await press(page, "Save");
	await page.locator(".field.wrong").first().waitFor();
	await look(page, "fields-admin");
	await field(page, "password").fill("long enough to be one");
	await press(page, "Save");
	await page.getByRole("cell", { name: evil, exact: true }).waitFor();

	await page.getByRole("button", { name: "Change password" }).click();
	await field(page, "old").fill("wrong");
	await field(page, "next").fill("long enough to be one");
	await field(page, "again").fill("long enough to be one");
	await press(page, "Save");
	await page.locator(".field.wrong").waitFor();
	await page.keyboard.press("Escape");
}

/** Fields to look for something: nothing of that name, and nothing happens */
async function filters(page)
{
	for (const name of ["Users", "Audit", "Calls"]) {
		await go(page, name);
		await settled(page);
		for (const input of await page.locator(
			'main input:is([type="search"], [type="text"], :not([type]))')
			.all())
			await input.fill(evil);
		await settled(page);
		assert.equal(await page.evaluate(() => window.pwned), undefined);
		assert.equal(await page.locator("img").count(), 0);
	}
}

story(async (chrome, page) => {
	await signIn(page, "msp-admin", PAGE_PASSWORD);
	await page.locator(".top select").selectOption("acme");
	await form(page, "tenant", "/tenants", "Services", "New customer",
		   ["pbx", "users"]);
	await form(page, "pbx", "/tenants/acme/pbxs", "Services", "New PBX",
		   ["template"]);
	await form(page, "user", "/tenants/acme/users", "Users", "New user",
		   ["pbx"]);
	await others(page);
	await filters(page);
	assert.equal(await page.evaluate(() => window.pwned), undefined);
});
