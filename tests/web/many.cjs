/* 100,000 users: looking for one of them does not stop the page. How long it
   takes is told, not judged: that is the machine's. */

"use strict";

const assert = require("assert").strict;
const { story, look, go, signIn } = require("./frame.cjs");

const { PAGE_PASSWORD } = process.env;

/** Turn to a page: until it has come, the one before is shown */
async function turn(page, button)
{
	const first = page.locator("tbody button.link").first();
	const before = await first.innerText();

	await page.getByRole("button", { name: button }).click();
	await page.waitForFunction((name) => {
		const now = document.querySelector("tbody button.link");

		return now && now.innerText !== name;
	}, before);
}

story(async (chrome, page) => {
	await signIn(page, "msp-admin", PAGE_PASSWORD);
	await page.locator(".top select").selectOption("acme");
	await go(page, "Users");
	await page.getByText("Users found: 100,000").waitFor();

	await page.evaluate(() => {
		window.longest = 0;
		new PerformanceObserver((list) => {
			for (const entry of list.getEntries())
				window.longest = Math.max(window.longest,
							  entry.duration);
		}).observe({ type: "longtask" });
	});

	/* as fast as a person types; what was asked before is given up */
	const asked = [];

	page.on("request", (r) => r.url().includes("/users?") &&
		asked.push(r.url()));
	await page.getByLabel("Search by name").pressSequentially("many77777",
		{ delay: 30 });
	await page.getByText("Users found: 1", { exact: true }).waitFor();
	await page.getByRole("button", { name: "many77777@acme.example" })
		.waitFor();
	assert(asked.length < 9, asked);

	await page.getByLabel("Search by name").fill("");
	await page.locator("tbody tr").nth(49).waitFor();
	for (let i = 0; i < 3; i++)
		await turn(page, "Next page");
	assert.equal(await page.locator("tbody tr").count(), 50);
	await turn(page, "Previous page");
	await page.getByLabel("Select all on this page").check();
	await turn(page, "Next page");
	await page.getByLabel("Select all on this page").check();
	await page.getByText("100 selected", { exact: true }).waitFor();
	await page.getByRole("button", { name: "Select the first 1000 found" })
		.click();
	await page.getByText("1000 selected", { exact: true }).waitFor();
	await look(page, "many");
	console.log(`longest task: ${await page.evaluate(() =>
		Math.round(window.longest))} ms`);
});
