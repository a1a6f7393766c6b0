/* Tests of a PBX: a plan that runs by itself, one that asks a person, one that
   is torn off by a restart, readiness; reports kept, compared, downloaded.
   Told by tests/integration/test_page_tests.py. */

"use strict";

const assert = require("assert").strict;
const fs = require("fs");
const { story, open, look, field, press, go, settled, signIn, evil }
	= require("./frame.cjs");

const { PAGE_PASSWORD, PAGE_DOMAIN } = process.env;

async function begin(page)
{
	await go(page, "Tests");
	await page.getByRole("link", { name: "Begin a test" }).click();
	await page.getByRole("heading", { level: 1, name: "Begin a test" })
		.waitFor();
}

/** One case is enough, and quickly */
async function quickly(page)
{
	await field(page, "plan").selectOption("confidence");
	for (const box of await page.locator('[name^="case."]').all())
		if (await box.getAttribute("name") !== "case.to-pstn")
			await box.uncheck();
	await field(page, "times").fill("1");
}

const row = (page, text) => page.getByRole("row").filter({ hasText: text })
	.first();
const over = (page) => page.getByText("The test is over.").waitFor();

/** Nobody but the test itself takes part */
async function byItself(page)
{
	await go(page, "Tests");
	await page.getByText("Nothing was tested yet.").waitFor();
	await look(page, "tests-empty");
	await begin(page);
	await page.getByText("Choose a customer and one").waitFor();
	await page.locator('main [name="tenant"]').selectOption("contoso");
	await field(page, "user_a.upn").waitFor();
	await quickly(page);
	await page.getByText("These tests will be skipped").waitFor();
	await press(page, "Begin");
	await page.getByText("passed").or(page.getByText("skipped")).first()
		.waitFor();
	await over(page);

	await begin(page);
	await field(page, "user_a.upn").fill("a@contoso.example");
	await field(page, "user_a.kind").selectOption("teams");
	await field(page, "external.kind").selectOption("phone");
	await field(page, "external.number").fill("1;evil=1");
	await quickly(page);
	await press(page, "Begin");
	await page.locator(".field.wrong").first().waitFor();
	await look(page, "tests-begin-wrong");
	await field(page, "external.number").fill("+441632960031");
	await field(page, "external.registers").selectOption("false");
	await field(page, "external.address").fill("127.0.0.31:5060");
	await field(page, "external.sip_password").fill("phone-s3cret");
	await look(page, "tests-begin");
	await press(page, "Begin");

	await row(page, "external answers").getByText("passed").waitFor();
	await look(page, "tests-watch");
	await over(page);
	await row(page, "audio flows both ways").getByText("passed").waitFor();
	assert(!(await page.content()).includes("phone-s3cret"));
	await look(page, "tests-report");
}

async function download(page, name)
{
	const [file] = await Promise.all([page.waitForEvent("download"),
		page.getByRole("link", { name, exact: true }).click()]);

	return fs.readFileSync(await file.path(), "utf8");
}

async function downloads(page)
{
	const report = JSON.parse(await download(page, "Download JSON"));

	assert.equal(report.verdict, "passed");
	assert((await download(page, "Download JUnit")).includes("<testsuites"));
	assert((await download(page, "Download page")).includes("Test of hq"));
	await page.getByText("Captures for Wireshark").click();
	await page.getByRole("link", { name: /pcapng/ }).first().waitFor();
	await field(page, "keep").check();
	await page.reload();
	await page.getByText("Download JSON").waitFor();
	assert(await field(page, "keep").isChecked());
}

/** Somebody at a telephone, with nothing but a keyboard */
async function guided(page)
{
	await begin(page);
	await field(page, "external.kind").selectOption("human");
	await field(page, "external.name").fill(`Eve ${evil}`);
	await quickly(page);
	await press(page, "Begin");

	const asked = page.getByRole("heading", { name: /does it ring/ });

	await asked.waitFor();
	await page.waitForFunction(() => /does it ring/.test(
		document.activeElement.textContent));
	await look(page, "tests-question");
	await field(page, "note").fill("three times");
	await asked.focus();
	await page.keyboard.press("Tab");
	await page.keyboard.press("Enter");
	await row(page, "external rings").getByText("three times").waitFor();
	await page.getByRole("heading", { name: /answer the call/ }).waitFor();
	await page.getByRole("button", { name: "It cannot be done" }).waitFor();
}

async function stopped(page)
{
	await press(page, "Stop and hang up");
	await page.getByText("stopped by ann").waitFor();
	await over(page);
	await page.getByText("three times").waitFor();
	await look(page, "tests-stopped");
}

/** The service goes while a question waits */
async function tornOff(page)
{
	await begin(page);
	await field(page, "user_a.upn").waitFor();
	await quickly(page);
	await press(page, "Begin");
	await page.getByRole("heading", { name: /does it ring/ }).waitFor();
	console.log("restart now");
	await page.getByText("Your session is over").or(
		page.locator("dialog [name=\"password\"]")).first().waitFor();
	await page.context().clearCookies();
	await page.goto("about:blank");
	await signIn(page, "ann", PAGE_PASSWORD);
	await go(page, "Tests");
	await page.getByRole("cell", { name: "interrupted" }).waitFor();
	await look(page, "tests-list");
}

async function compared(page)
{
	const boxes = page.locator('td input[type="checkbox"]');

	await boxes.nth(0).check();
	await boxes.nth(1).check();
	await press(page, "Compare two");
	await page.getByText(/Nothing got worse|Worse: /).waitFor();
	await look(page, "tests-compare");
	await page.keyboard.press("Escape");
}

async function readiness(page)
{
	await begin(page);
	await field(page, "kind").selectOption("readiness");
	await look(page, "tests-begin-readiness");
	await press(page, "Begin");
	await row(page, "The PBX answers").waitFor();
	await over(page);
	await page.getByText("Readiness – hq").waitFor();
	await look(page, "tests-readiness");
	assert((await download(page, "Download page"))
		.includes(`Readiness of ${PAGE_DOMAIN}`));
}

/** Who may only look on begins, stops and removes nothing */
async function viewer(chrome)
{
	const page = await open(chrome);

	await signIn(page, "vic", PAGE_PASSWORD);
	await go(page, "Tests");
	await page.getByRole("cell", { name: "interrupted" }).waitFor();
	await settled(page);
	assert.equal(await page.getByRole("link", { name: "Begin a test" })
		.count(), 0);
	assert.equal(await page.getByRole("button", { name: /^Remove/ })
		.count(), 0);
	await row(page, "passed").getByRole("link").click();
	await page.getByText("Download JSON").waitFor();
	assert.equal(await field(page, "keep").count(), 0);
	await look(page, "tests-viewer");
}

story(async (chrome, page) => {
	await signIn(page, "ann", PAGE_PASSWORD);
	await byItself(page);
	await downloads(page);
	await guided(page);
	await stopped(page);
	await tornOff(page);
	await compared(page);
	await readiness(page);
	await viewer(chrome);
});
