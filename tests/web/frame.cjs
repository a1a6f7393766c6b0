/* What the stories of the page share: a real browser, what a user would
   never see, and pictures. A story is a file of its own beside this one,
   told by a test in tests/integration (browser.py), which says where things
   are in the environment and reads what is printed. */

"use strict";

const { chromium } = require("playwright-core");
const axe = require("axe-core");
const path = require("path");

const { PAGE_URL, PAGE_SHOTS, PAGE_CHROMIUM } = process.env;
const patience_ms = 30000;

const wrong = [];               /* what a user would never see */

/** A text of a name that nobody should ever have to see work */
const evil = "<img src=x onerror=\"window.pwned=1\">";

/** A window of its own: cookies, downloads, clipboard */
async function open(chrome, options = {})
{
	const context = await chrome.newContext({ ignoreHTTPSErrors: true,
		viewport: { width: 1360, height: 850 },
		permissions: ["clipboard-read", "clipboard-write"], ...options });
	const page = await context.newPage();

	page.loaded = 0;        /* octets of the page itself */
	page.setDefaultTimeout(patience_ms);
	page.on("pageerror", (e) => wrong.push(`script: ${e.message}`));
	page.on("console", (m) => m.type() === "error" &&
		!/status of [45]\d\d|ERR_(INTERNET_DISCONNECTED|CONNECTION_|EMPTY_RESPONSE|INCOMPLETE_CHUNKED|NETWORK_CHANGED)/
			.test(m.text()) && wrong.push(`console: ${m.text()}`));
	page.on("request", (r) => r.url().startsWith(PAGE_URL) ||
		r.url().startsWith("data:") || r.url().startsWith("blob:") ||
		wrong.push(`asked ${r.url()}`));
	page.on("response", async (r) => {
		const length = await r.headerValue("content-length").catch(() => 0);

		if (!r.url().includes("/api/"))
			page.loaded += Number(length);
	});

	return page;
}

/** A picture for people */
async function picture(page, name)
{
	await page.screenshot({ fullPage: true,
				path: path.join(PAGE_SHOTS, `${name}.png`) });
	console.log(`seen ${name}`);
}

/** No serious finding of axe-core, and a picture */
async function look(page, name)
{
	await page.evaluate(axe.source + ";0");

	const found = await page.evaluate(() => window.axe.run(document,
		{ resultTypes: ["violations"] }));
	const serious = found.violations.filter((v) =>
		["serious", "critical"].includes(v.impact));

	for (const v of serious)
		wrong.push(`${name}: ${v.id}: ${v.nodes.map((n) => n.html)
			.slice(0, 3).join(" | ")}`);
	await picture(page, name);
}

const field = (page, name) => page.locator(`[name="${name}"]`);
const press = (page, name) => page.getByRole("button", { name, exact: true })
	.click();
const go = async (page, name) => {
	const nav = page.getByRole("navigation");

	await nav.getByRole("link", { name, exact: true }).click();
	/* the page before has a heading, too */
	await nav.locator("[aria-current=page]").filter({ hasText: name })
		.waitFor({ state: "attached" });
	await page.getByRole("heading", { level: 1 }).waitFor();
};

/** Nothing is being fetched for what is shown */
const settled = (page) => page.waitForFunction(() =>
	!document.querySelector("[aria-busy]"));

/** Somebody who has an account signs in */
async function signIn(page, name, password)
{
	await page.goto(PAGE_URL);
	await field(page, "name").fill(name);
	await field(page, "password").fill(password);
	await press(page, "Sign in");
	await page.getByRole("navigation").waitFor();
}

/**
 * Tell a story: it is well if nothing was thrown, and nothing seen that a
 * user would never see
 *
 * @param tale  async (chrome, page): the browser, and a first window
 */
function story(tale)
{
	const run = async () => {
		const chrome = await chromium.launch({
			executablePath: PAGE_CHROMIUM,
			args: ["--no-sandbox", "--disable-dev-shm-usage",
			       "--disable-gpu"] });
		let page;

		try {
			page = await open(chrome);
			await tale(chrome, page);
		}
		catch (error) {
			for (const context of chrome.contexts())
				for (const shown of context.pages())
					await shown.screenshot({ path: path.join(PAGE_SHOTS,
						"failed.png") }).catch(() => {});
			throw error;
		}
		finally {
			await chrome.close();
			for (const line of wrong)
				console.log(`wrong: ${line}`);
		}

		process.exit(wrong.length ? 1 : 0);
	};

	run().catch((error) => {
		console.log(error.stack);
		process.exit(1);
	});
}

module.exports = { story, open, look, picture, field, press, go, settled, signIn,
		   evil, wrong };
