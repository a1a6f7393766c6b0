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
	await over(page);
	await page.getByText("nothing tried").waitFor();

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

const lunch = (steps) => ({ name: "lunch.yaml", mimeType: "text/yaml",
	buffer: Buffer.from(`plan: lunch
title: At noon ${evil}
cases:
  - {id: there, title: There, steps: [user_a is registered within 60s]}
  - {id: rings, title: Rings, steps: [${steps}]}
`) });

/** A plan of one's own: mended, run, gone on with */
async function ownPlan(page)
{
	await begin(page);
	await field(page, "plan").selectOption("");
	assert(await page.getByRole("button", { name: "Begin" }).isDisabled());
	await field(page, "plan_file").setInputFiles(
		lunch("user_a ringz within 1s"));
	await page.getByText("lunch.yaml:5:").waitFor();
	await look(page, "tests-own-wrong");
	await field(page, "plan_file").setInputFiles(
		lunch("user_a rings within 1s"));
	await page.getByLabel("Rings").waitFor();
	await look(page, "tests-own");
	await press(page, "Begin");
	await row(page, "user_a rings").getByText("failed").waitFor();
	await over(page);

	await page.getByRole("link", { name: "Go on with what" }).click();
	await page.getByText("What passed in that test").waitFor();
	await field(page, "plan_file").setInputFiles(
		lunch("user_a is registered within 60s"));
	await page.getByLabel("Rings").waitFor();
	await press(page, "Begin");
	await over(page);
	await page.getByText("2 passed").waitFor();
	await look(page, "tests-own-report");
}

/** Somebody at a telephone, with nothing but a keyboard */
async function guided(page)
{
	await begin(page);
	await field(page, "external.kind").selectOption("human");
	await field(page, "external.name").fill(`Eve ${evil}`);
	/* rings within the PBX: no telephone at a carrier hears of it late */
	await field(page, "external.number").fill("6001");
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

/** The voice of a call that runs, beside the test that makes it */
async function heard(page)
{
	await begin(page);
	await field(page, "user_a.upn").waitFor();
	await field(page, "plan").selectOption("long-call");
	await field(page, "times").fill("20");
	await press(page, "Begin");
	await row(page, "audio flows both ways").getByText("passed").waitFor();
	await go(page, "Calls");
	await page.getByRole("row").filter({ hasText: "+441632960031" }).first()
		.getByText("Open").click();
	await press(page, "The voice of this call");
	await press(page, "Keep the voice");
	await page.getByText("The voice is kept for up to 1 min").waitFor();
	await look(page, "call-voice-runs");
	assert((await download(page, "Download what is kept"))
		.startsWith("\n\r\r\n"));
	await press(page, "Throw it away");
	await page.getByText("Nothing is kept any more").waitFor();
	await page.keyboard.press("Escape");
	await go(page, "Tests");
	await row(page, "runs").getByRole("link").click();
	await press(page, "Stop and hang up");
	await over(page);
}

/** Trunks of several customers are a line each, those that are lost first */
async function trunks(page)
{
	const trunk = (tenant, n, up) => ({ tenant, up, seen: true,
		fqdn: `${tenant}.sbc.example.com`, why: up ? "" : "No route",
		proxy: `sip${n}.pstnhub.example`, since_s: 1700000000, rtt_ms: 20 });

	await page.route("**/api/v1/trunks*", (route) => route.fulfill({
		json: { trunks: ["contoso", "acme", "fabrikam"].flatMap((name) =>
			[1, 2].map((n) => trunk(name, n, name !== "fabrikam" ||
				n === 1))) } }));
	await go(page, "Overview");
	await page.getByText("fabrikam.sbc.example.com").first().waitFor();
	const said = await page.getByRole("table", { name: /Teams/ })
		.innerText();

	/* acme's name is not in the certificate: its green is not to be trusted */
	assert.match(said, /fabrikam[^]*1 of 2[^]*acme[^]*2 of 2[^]*contoso/);
	await look(page, "overview-trunks");
	await page.unroute("**/api/v1/trunks*");
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
	await ownPlan(page);
	await heard(page);
	await trunks(page);
	await guided(page);
	await stopped(page);
	await tornOff(page);
	await compared(page);
	await readiness(page);
	await viewer(chrome);
});
