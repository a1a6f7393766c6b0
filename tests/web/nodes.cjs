/* Two nodes share a store: one of them is drained in the page of the other,
   and serves again. */

"use strict";

const assert = require("assert").strict;
const { story, look, go, press, settled, signIn } = require("./frame.cjs");

const { PAGE_PASSWORD, PAGE_OTHER } = process.env;

story(async (chrome, page) => {
	await signIn(page, "ann", PAGE_PASSWORD);
	await go(page, "Nodes");
	await settled(page);

	const row = (name) => page.getByRole("region", { name: "Nodes",
		exact: true }).locator("tbody tr").filter({ hasText: name });
	const other = row(PAGE_OTHER);

	await other.getByText("up", { exact: true }).waitFor();
	await other.getByText(/by PBXs: 127/).waitFor();
	assert.equal(await page.getByText("(this one)").count(), 1);
	await look(page, "nodes");

	await press(page, `Drain ${PAGE_OTHER}`);
	await page.getByRole("dialog").getByRole("button", { name: "Drain",
		exact: true }).click();
	await other.getByText("hands over", { exact: true }).waitFor();
	await look(page, "nodes-drained");

	/* it was the last but one: nobody could take this one's PBXs */
	await page.getByRole("button", { name: /^Drain / }).click();
	await page.getByRole("dialog").getByRole("button", { name: "Drain",
		exact: true }).click();
	await page.getByText(/there is no other node/).waitFor();
	await page.getByRole("dialog").getByRole("button", { name: "Cancel",
		exact: true }).click();

	await press(page, `Resume ${PAGE_OTHER}`);
	await page.getByRole("dialog").getByRole("button", { name: "Resume",
		exact: true }).click();
	await other.getByText("up", { exact: true }).waitFor();

	await go(page, "Audit");
	await page.getByLabel("Its name (part of it)").fill(
		PAGE_OTHER.toUpperCase());
	await page.getByRole("cell", { name: `Node ${PAGE_OTHER}` }).nth(1)
		.waitFor();
	await page.waitForFunction((name) => [...document.querySelectorAll(
		"tbody tr")].every((r) => r.textContent.includes(name)), PAGE_OTHER);
	await look(page, "audit-by-name");
});
