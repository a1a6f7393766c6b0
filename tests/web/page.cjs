/* The page in a real browser: from the one-time link to a user that turns
   green. Driven by tests/integration/test_page.py, which says where things
   are (in the environment) and reads what is printed; screenshots stay. */

"use strict";

const assert = require("assert").strict;
const fs = require("fs");
const { story, look, field, press, go, evil } = require("./frame.cjs");

const { PAGE_URL, PAGE_CODE, PAGE_PASSWORD, PAGE_CSV, PAGE_FIXED,
	PAGE_PROXY } = process.env;
const limit_bytes = 300000;

async function firstAdmin(page)
{
	await page.goto(`${PAGE_URL}/#/welcome?code=${PAGE_CODE}`);
	await field(page, "name").fill("ann");
	await field(page, "password").fill(PAGE_PASSWORD);
	await field(page, "again").fill("something else");
	await press(page, "Make administrator and sign in");
	await page.getByText("The two passwords differ.").waitFor();
	await field(page, "again").fill(PAGE_PASSWORD);
	await look(page, "first-run");
	await press(page, "Make administrator and sign in");
	await page.getByRole("heading", { name: "Next steps" }).waitFor();
	assert(page.loaded > 20000 && page.loaded < limit_bytes,
	       `${page.loaded} bytes`);
	await look(page, "overview-empty");

	await press(page, "Sign out");
	await field(page, "name").fill("ann");
	await field(page, "password").fill("wrong");
	await press(page, "Sign in");
	await page.getByRole("alert").waitFor();
	await look(page, "sign-in");
	await field(page, "password").fill(PAGE_PASSWORD);
	await press(page, "Sign in");
	await page.getByRole("heading", { name: "Next steps" }).waitFor();
}

async function makePbx(page)
{
	await go(page, "Services");
	await press(page, "New customer");
	await field(page, "tenant").fill("acme");
	await field(page, "teams.fqdn").fill("not a name");
	await press(page, "Create");
	await page.locator(".field.wrong").first().waitFor();
	await field(page, "teams.fqdn").fill("acme.sbc.example.com");
	await press(page, "Create");
	await page.getByRole("heading", { name: "PBXs of acme" }).waitFor();

	await press(page, "New PBX");
	await field(page, "sip_domain").waitFor();
	assert(await field(page, "registration.expires").count(),
	       "Custom shows all");
	await field(page, "template").selectOption("asterisk-pjsip");
	await page.locator('[name="registration.expires"]')
		.waitFor({ state: "detached" });
	await field(page, "name").fill("hq");
	await field(page, "title").fill(evil);
	await field(page, "country").fill("GB");
	await field(page, "sip_domain").fill("pbx.contoso.example");
	await field(page, "sip_proxy").fill(PAGE_PROXY);
	await look(page, "services-pbx-form");
	await press(page, "Create");
	await page.getByRole("heading", { name: /^To let through/ }).waitFor();
	await page.getByRole("cell", { name: "PBX: signalling" }).waitFor();
	await press(page, "Copy as text");
	assert.match(await page.evaluate(() => navigator.clipboard.readText()),
		     /PBX: signalling: UDP 127\.0\.0\.1 port 15060 ↔ /);
	await look(page, "services-firewall");
	await page.getByRole("dialog").getByRole("button",
		{ name: "Close", exact: true }).last().click();
	await page.getByText(`hq – ${evil}`).waitFor();
	await look(page, "services");
}

async function importUsers(page)
{
	await go(page, "Users");
	await press(page, "Import CSV");
	await page.locator('input[type="file"]').setInputFiles({
		name: "users.csv", mimeType: "text/csv",
		buffer: Buffer.from("upn,number,pbx,sip_username\nx@y.z,+44,nope,1\n") });
	await press(page, "Check only");
	await page.getByText(/mistakes; nothing was changed/).waitFor();
	await look(page, "users-import-wrong");
	await page.locator('input[type="file"]').setInputFiles(PAGE_CSV);
	await press(page, "Check only");
	await page.getByText(/Would be created: 2/).waitFor();
	await press(page, "Import");
	await page.getByText(/^Created: 2/).waitFor();
	await page.getByRole("dialog").getByRole("button",
		{ name: "Close", exact: true }).last().click();
	await page.getByText("Users found: 2").waitFor();
	await page.getByText(evil).first().waitFor();
}

const lamp = (page, upn, state) => page.locator("tr", { hasText: upn })
	.getByRole("button", { name: state, exact: true });

async function redThenGreen(page)
{
	await lamp(page, "b@acme.example", "Registered").waitFor();
	const red = lamp(page, "a@acme.example", "Failing");
	await red.waitFor();

	/* by keyboard, and without it */
	await red.focus();
	const tip = page.locator("tr", { hasText: "a@acme.example" })
		.locator(".tip");
	assert(await tip.isVisible());
	await look(page, "users-red-focus");
	await page.keyboard.press("Escape");
	await page.mouse.move(5, 5);
	await tip.waitFor({ state: "hidden" });
	await red.hover();
	assert(await tip.isVisible());
	const advice = await tip.innerText();
	assert.match(advice, /password|username/i);
	await press(page, "Copy for the PBX admin");
	await page.getByText("Copied").first().waitFor();
	const text = await page.evaluate(() => navigator.clipboard.readText());
	assert.match(text, /sip:2001@pbx\.contoso\.example/);
	assert.match(text, /What to do: .{10}/);

	await go(page, "Overview");
	await page.locator(".needs").getByText("PBX hq of acme").waitFor();
	await look(page, "overview-needs");
	await page.getByRole("link", { name: "Show these users" }).click();
	await page.getByText("Users found: 1").waitFor();

	await press(page, "a@acme.example");
	assert.equal(await field(page, "sip_password").inputValue(), "");
	await field(page, "sip_password").fill(PAGE_FIXED);
	await look(page, "users-form");
	await press(page, "Save");
	await page.getByLabel("State").selectOption("");
	await lamp(page, "a@acme.example", "Registered").waitFor();
	await look(page, "users-green");
}

async function bulk(page)
{
	await page.getByLabel("Select b@acme.example").check();
	await press(page, "Disable");
	await lamp(page, "b@acme.example", "Off").waitFor();
	await page.getByLabel("Select b@acme.example").check();
	await press(page, "Enable");
	await lamp(page, "b@acme.example", "Registered").waitFor();
	await page.getByLabel("Search by name").fill("nobody of this name");
	await page.getByText("Nothing here.").waitFor();
	await page.getByLabel("Search by name").fill("2001");
	await lamp(page, "a@acme.example", "Registered").waitFor();
	await page.locator("tr", { hasText: "b@acme" })
		.waitFor({ state: "detached" });
	const download = page.waitForEvent("download");
	await page.getByRole("link", { name: "Export CSV" }).click();
	const file = fs.readFileSync(await (await download).path(), "utf8");
	assert.match(file, /a@acme\.example/);
	assert(!file.includes(PAGE_FIXED));
}

/** A call that fails: what happened, why, and its messages */
async function call(page)
{
	await go(page, "Calls");
	console.log("call now");
	await page.locator("tbody a", { hasText: "Open" }).first().waitFor();
	await page.locator("tbody a", { hasText: "Open" }).first().click();
	await page.getByText("There is no trunk to Teams for this customer").waitFor();
	await page.getByText("What to do", { exact: true }).waitFor();
	await page.getByText("from the PBX").waitFor();
	const arrow = page.getByRole("button", { name: /^Message 1: INVITE / });
	await arrow.focus();
	await page.keyboard.press("Enter");
	await page.getByText(/^INVITE sip:2001@/).waitFor();
	await page.locator(".ladder line.arrow").nth(2)
		.waitFor({ state: "attached" });
	await look(page, "call");
	await page.locator(".ladder").scrollIntoViewIfNeeded();
	await look(page, "call-ladder");
	const download = page.waitForEvent("download");
	await page.getByRole("link", { name: /^Download capture/ }).click();
	const file = fs.readFileSync(await (await download).path());
	assert.equal(file.readUInt32LE(0), 0x0a0d0d0a);
	await page.goto(`${PAGE_URL}/#/calls/00000000`);
	await page.getByText("There is no call of this id.").waitFor();
}

/** A kept report of a test run, and the report itself */
async function testRun(page)
{
	await page.locator(".top select").selectOption("");
	await go(page, "Tests");
	await page.locator("tbody a").click();
	await page.getByText("Look at the firewall.").waitFor();
	await look(page, "tests-report");
	const download = page.waitForEvent("download");
	await page.getByRole("link", { name: "Download JSON" }).click();
	const file = fs.readFileSync(await (await download).path(), "utf8");
	assert.equal(JSON.parse(file).verdict, "failed");
	await page.locator(".top select").selectOption("acme");
}

async function everyPage(page)
{
	for (const name of ["Overview", "Calls", "Tests", "Reports", "Templates",
			    "Admins and tokens", "Audit"]) {
		await go(page, name);
		await page.locator("[aria-busy]").first()
			.waitFor({ state: "detached" });
		await look(page, name.toLowerCase().replace(/ /g, "-"));
	}
	await page.getByText("create").first().waitFor();

	await go(page, "Templates");
	await press(page, "3CX V18 and later");
	await page.getByLabel("Compare with").selectOption("generic");
	await page.getByRole("dialog").getByRole("columnheader",
		{ name: "generic" }).waitFor();
	await look(page, "templates-compare");
	await page.keyboard.press("Escape");

	await go(page, "Admins and tokens");
	await press(page, "New token");
	await page.getByLabel("Name", { exact: true }).fill(evil);
	await press(page, "Save");
	await page.getByText(/^cb_/).waitFor();
	await page.getByRole("cell", { name: evil, exact: true }).waitFor();
	await look(page, "token");
}

story(async (chrome, page) => {
	await firstAdmin(page);
	await makePbx(page);
	await importUsers(page);
	await redThenGreen(page);
	await bulk(page);
	await call(page);
	await testRun(page);
	await everyPage(page);
	assert.equal(await page.evaluate(() => window.pwned), undefined);
});
