/* Sync: the app's registration entered and tried, a dry run, why each is
   listed or not, users made of people, the script. Told by
   tests/integration/test_page_sync.py. */

"use strict";

const assert = require("assert").strict;
const fs = require("fs");
const { story, open, look, field, press, go, settled, signIn }
	= require("./frame.cjs");

const { PAGE_PASSWORD, PAGE_SECRET } = process.env;

async function setUp(page)
{
	await go(page, "Sync");
	await page.getByText("No customer's Microsoft 365 is asked yet").waitFor();
	await page.locator(".tenant select").selectOption("acme");
	await page.getByText("It needs an app registration").waitFor();
	await look(page, "sync-unset");

	await press(page, "Set up");
	await field(page, "directory_id").fill("acme.example");
	await field(page, "client_id").fill("not an id");
	await field(page, "client_secret").fill("wrong");
	await press(page, "Save");
	await page.locator(".field.wrong").first().waitFor();
	await look(page, "sync-settings-wrong");
	await field(page, "client_id")
		.fill("9d3b6f10-2a44-4b7c-8f0e-7f3f1b1c2d3e");
	await field(page, "secret_ends").fill("2020-01-31");
	await press(page, "Save");
	await page.getByText("The secret has ended.", { exact: false }).waitFor();
}

async function tryCredentials(page)
{
	await press(page, "Test credentials");
	await page.getByText("AADSTS7000215", { exact: false }).first().waitFor();
	await look(page, "sync-credentials-wrong");

	await press(page, "Settings");
	assert.equal(await field(page, "client_secret").inputValue(), "");
	await field(page, "client_secret").fill(PAGE_SECRET);
	await field(page, "secret_ends").fill("2099-12-31");
	await press(page, "Save");
	await page.getByRole("dialog").waitFor({ state: "detached" });
	await press(page, "Test credentials");
	await page.getByRole("cell", { name: "granted", exact: true }).nth(3)
		.waitFor();
	await look(page, "sync-credentials-good");
}

async function dryRun(page)
{
	await press(page, "Dry run");
	await page.getByRole("cell", { name: /no Teams Phone licence/ })
		.waitFor();
	await page.getByRole("cell", { name: /lacks something/ }).waitFor();
	await settled(page);
	await look(page, "sync-people");
	await page.getByLabel("Why").selectOption("no_country");
	await page.getByRole("cell", { name: /set the usage location/ })
		.waitFor();

	/* the cell was there before the others had gone */
	const rows = page.getByRole("region", { name: "People and users" })
		.locator("tbody tr");

	await rows.nth(1).waitFor({ state: "detached" });
	assert.equal(await rows.count(), 1);
	await page.getByLabel("Why").selectOption("");
	await page.getByLabel("Search by name or number").fill("user1");
	await page.getByRole("cell", { name: /user1@/ }).waitFor();
	await page.getByLabel("Search by name or number").fill("");
}

async function makeUsers(page)
{
	await page.getByLabel("Choose ann@acme.example").check();
	await page.getByLabel("Choose bo@acme.example").check();
	await press(page, "Make users (2)");

	const dialog = page.getByRole("dialog");

	await dialog.getByText(/user1@acme.example has it too/).waitFor();
	await look(page, "sync-make-conflict");
	await dialog.getByLabel("Number: bo@acme.example")
		.fill("+442079460777");
	await dialog.getByLabel("SIP username: bo@acme.example").fill("777");
	await dialog.getByLabel("Password: ann@acme.example").fill("geheim-1");
	await dialog.getByRole("button", { name: "Check", exact: true }).click();
	await dialog.getByText("fine").nth(1).waitFor();
	await look(page, "sync-make-fine");
	await dialog.getByRole("button", { name: "Make users", exact: true })
		.click();
	await page.getByText("2 users were made.").waitFor();
	await page.getByRole("cell", { name: /off here/ }).waitFor();
}

async function script(page)
{
	const [download] = await Promise.all([
		page.waitForEvent("download"),
		page.getByRole("link", { name: "Download PowerShell script" })
			.click()]);
	const text = fs.readFileSync(await download.path(), "utf8");

	assert.equal(download.suggestedFilename(), "callbridge-acme.ps1");
	assert(text.includes("'+442079460101'"), text);
}

async function viewer(chrome)
{
	const page = await open(chrome, { viewport: { width: 420, height: 900 },
					  colorScheme: "dark" });

	await signIn(page, "eve", PAGE_PASSWORD);
	await go(page, "Sync");
	await page.getByText("People and users").first().waitFor();
	await settled(page);
	assert.equal(await page.getByRole("button",
		{ name: "Sync now" }).count(), 0);
	assert.equal(await page.getByLabel("Choose ann@acme.example").count(), 0);
	await look(page, "sync-viewer-narrow");
}

story(async (chrome, page) => {
	await signIn(page, "ann", PAGE_PASSWORD);
	await setUp(page);
	await tryCredentials(page);
	await dryRun(page);
	await makeUsers(page);
	await script(page);
	await press(page, "Sync now");
	await page.getByText(/^\d.*: run, ann, done$/).waitFor();
	await page.locator(".tenant select").selectOption("");
	await page.getByRole("button", { name: "Choose acme" }).waitFor();
	await look(page, "sync-all");
	await viewer(chrome);
	assert.equal(await page.evaluate(() => window.pwned), undefined);
});
