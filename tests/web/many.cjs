/* 100,000 users: looking for one of them does not stop the page. How long it
   takes is told, not judged: that is the machine's. */

"use strict";

const assert = require("assert").strict;
const { story, look, go, settled, signIn } = require("./frame.cjs");

const { PAGE_PASSWORD } = process.env;

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
	await page.getByText("Users found: 100,000").waitFor();
	for (let i = 0; i < 3; i++) {
		await page.getByRole("button", { name: "Next page" }).click();
		await settled(page);
	}
	assert.equal(await page.locator("tbody tr").count(), 50);
	await page.getByRole("button", { name: "Previous page" }).click();
	await page.getByLabel("Select all on this page").check();
	await page.getByRole("button", { name: "Next page" }).click();
	await page.getByLabel("Select all on this page").check();
	await page.getByText("100 selected", { exact: true }).waitFor();
	await page.getByRole("button", { name: "Select the first 1000 found" })
		.click();
	await page.getByText("1000 selected", { exact: true }).waitFor();
	await look(page, "many");
	console.log(`longest task: ${await page.evaluate(() =>
		Math.round(window.longest))} ms`);
});
