/* Calls and reports: looking for a call, sharing it, figures, outages, the
   number plan tried. */

"use strict";

const assert = require("assert");
const fs = require("fs");
const { story, open, look, press, go, settled, signIn, evil } =
	require("./frame.cjs");

const { PAGE_URL, PAGE_PASSWORD } = process.env;

const rows = (page) => page.getByRole("region", { name: "Recorded calls" })
	.locator("tbody tr");

async function count(page, n)
{
	await page.waitForFunction(([label, want]) => document.querySelectorAll(
		`[aria-label="${label}"] tbody tr`).length === want,
		["Recorded calls", n]);
}

async function search(page)
{
	await go(page, "Calls");
	await count(page, 50);
	await look(page, "calls");
	await page.getByRole("button", { name: "Next page" }).click();
	await count(page, 20);
	await page.getByLabel("Number, or its last digits").fill("020 7946 0018");
	await count(page, 6);
	await page.getByLabel("Outcome").selectOption("busy");
	await count(page, 1);
	await page.getByLabel("Outcome").selectOption("");
	await page.getByLabel("Voice (MOS)").selectOption("3.1");
	await count(page, 1);
	await look(page, "calls-found");
	await page.getByLabel("Voice (MOS)").selectOption("");
	await page.getByLabel("Number, or its last digits").fill("18");
	await page.getByRole("alert").getByText("at least three digits").waitFor();
	await page.getByLabel("Number, or its last digits").fill("");
	await page.getByRole("button", { name: "Duration" }).click();
	await page.locator("th[aria-sort=ascending]").getByText("Duration")
		.waitFor();
	await page.getByRole("button", { name: "Duration" }).click();
	await page.locator("th[aria-sort=descending]").waitFor();
	await rows(page).first().getByText("1:00:05").waitFor();

	const file = page.waitForEvent("download");
	await page.getByRole("link", { name: "Export as CSV" }).click();
	const text = fs.readFileSync(await (await file).path(), "utf8");
	assert.equal(text.trim().split("\r\n").length, 71);
}

/** A call that fails, with its messages */
async function share(chrome, page)
{
	await page.getByLabel("Time", { exact: true }).selectOption("1");
	await page.getByLabel("Outcome").selectOption("failed");
	console.log("call now");
	await page.getByText("There is no trunk to Teams for this customer")
		.first().waitFor();
	await page.getByText("There is no trunk to Teams for this customer")
		.first().locator("xpath=ancestor::tr").getByText("Open").click();
	await page.locator(".ladder line.arrow").nth(2)
		.waitFor({ state: "attached" });
	await press(page, "The voice of this call");
	await press(page, "Throw it away");
	await page.getByRole("alert").getByText("no voice is kept").waitFor();
	await look(page, "call-voice");
	await page.keyboard.press("Escape");
	await page.getByText("Throw it away").waitFor({ state: "detached" });
	await press(page, "Share this call");
	await press(page, "Make link");
	await page.getByText("told only now").waitFor();
	await look(page, "call-share");
	await press(page, "Copy link");
	const url = await page.evaluate(() => navigator.clipboard.readText());
	assert(url.startsWith(`${PAGE_URL}/#/shared/cs_`), url);
	await page.getByLabel("Show numbers and names").check();
	await press(page, "Make link");
	await page.getByRole("cell", { name: "yes", exact: true }).waitFor();
	const clear = await page.locator(".good code").innerText();

	const stranger = await open(chrome);
	const asked = [];
	stranger.on("request", (r) => asked.push(r.url()));
	await stranger.goto(url);
	await stranger.getByText("are not the true ones").waitFor();
	await stranger.locator(".ladder line.arrow").nth(2)
		.waitFor({ state: "attached" });
	const text = await stranger.locator("main").innerText();
	assert(!text.includes("2001"), text);
	assert.equal(await stranger.getByRole("navigation").count(), 0);
	await look(stranger, "shared");
	await stranger.getByRole("button", { name: /^Message 1: INVITE / })
		.click();
	const message = await stranger.locator("pre").innerText();
	assert.match(message, /^INVITE sip:/);
	assert(!message.includes("2001"), message);
	await stranger.goto("about:blank");
	await stranger.goto(clear);
	await stranger.getByText("shared with you by a link, which is good")
		.waitFor();
	assert.match(await stranger.locator("main").innerText(), /2001/);
	assert(asked.every((each) => !each.includes("/api/") ||
		/\/api\/v1\/(shared\/|session$)/.test(each)), asked.join("\n"));

	for (let n = await page.getByRole("button", { name: "Take back" })
		.count(); n; n--) {
		await page.getByRole("button", { name: "Take back" }).first().click();
		await page.waitForFunction((left) => [...document.querySelectorAll(
			"dialog button")].filter((b) => b.textContent === "Take back")
			.length === left, n - 1);
	}
	await stranger.reload();
	await stranger.getByText("This link is not good any more").waitFor();
	await look(stranger, "shared-over");
	await stranger.context().close();
	await page.keyboard.press("Escape");
}

/** The call that failed, on the overview; calls of yesterday are not told */
async function failure(page, day)
{
	await go(page, "Overview");
	await settled(page);
	if (new Date().getUTCDate() !== day)
		return;

	const row = page.getByRole("region", { name: "by cause" })
		.locator("tbody tr").filter({ hasText: "There is no trunk to Teams" });

	await row.waitFor();
	await look(page, "overview-failures");
	await row.getByRole("link", { name: "Newest example" }).click();
	await page.locator(".ladder line.arrow").first()
		.waitFor({ state: "attached" });
	await page.keyboard.press("Escape");
}

/** What a stranger chose to be called is text, in a shared call too */
async function evilName(chrome, page)
{
	await go(page, "Calls");
	await page.getByLabel("Outcome").selectOption("network");
	await count(page, 1);
	await page.getByRole("link", { name: /^Call / }).first().click();
	await page.getByText(evil).first().waitFor();
	await press(page, "Share this call");
	await page.getByLabel("Show numbers and names").check();
	await press(page, "Make link");
	const url = await page.locator(".good code").innerText();
	await page.keyboard.press("Escape");

	const stranger = await open(chrome);
	await stranger.goto(url);
	await stranger.getByText(evil).first().waitFor();
	assert.equal(await stranger.locator("main img").count(), 0);
	assert.equal(await stranger.evaluate(() => window.pwned), undefined);
	await stranger.context().close();
}

const tab = async (page, name) => {
	await page.getByRole("navigation", { name: "Reports" })
		.getByRole("link", { name, exact: true }).click();
	await page.getByRole("heading", { level: 2 }).first().waitFor();
	await settled(page);
};

async function reports(page)
{
	await go(page, "Reports");
	await settled(page);
	await look(page, "reports-status");
	await page.emulateMedia({ media: "print" });
	await look(page, "reports-status-printed");
	await page.emulateMedia({ media: "screen" });

	await tab(page, "Calls and voice");
	await page.locator(".plot canvas").nth(3).waitFor();
	await page.getByRole("table", { name: "By PBX", exact: true })
		.getByText("lab").first().waitFor();
	await look(page, "reports-calls");
	await page.getByRole("table", { name: "By PBX and day" })
		.scrollIntoViewIfNeeded();
	await look(page, "reports-days");
	await page.getByLabel("Time").selectOption("1");
	await page.getByRole("img", { name: /by hour, of/ }).first().waitFor();
	await page.emulateMedia({ colorScheme: "dark" });
	await page.getByLabel("Time").selectOption("30");
	await page.getByRole("img", { name: /by Day, of/ }).first().waitFor();
	await look(page, "reports-calls-dark");
	await page.emulateMedia({ colorScheme: "light" });

	await tab(page, "Outages");
	await page.getByText("Connection refused").waitFor();
	await page.getByText("No response").waitFor();
	await page.getByText(evil).first().waitFor();
	await look(page, "reports-outages");

	await tab(page, "Registration history");
	await look(page, "reports-history");

	await tab(page, "Number simulator");
	await page.getByLabel("Number", { exact: true }).fill("+442079460018");
	await press(page, "Try");
	await page.getByText("+442079460018 becomes").waitFor();
	await page.getByText("Kind of number: national").waitFor();
	await look(page, "reports-numbers");
	await page.getByLabel("From").selectOption("pbx");
	await page.getByLabel("Number", { exact: true }).fill("no number");
	await press(page, "Try");
	await page.getByRole("alert").getByText("is no number").waitFor();
}

story(async (chrome, page) => {
	await signIn(page, "ann", PAGE_PASSWORD);
	await page.locator(".top select").selectOption("acme");
	await search(page);
	const day = new Date().getUTCDate();

	await share(chrome, page);
	await failure(page, day);
	await evilName(chrome, page);
	await reports(page);
	assert.equal(await page.evaluate(() => window.pwned), undefined);
});
