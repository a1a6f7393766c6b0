/* What goes wrong around a form: somebody else saves first, the session ends,
   the service is away for a while. Nothing that was typed is lost. */

"use strict";

const assert = require("assert").strict;
const { story, open, look, field, press, go, settled, signIn }
	= require("./frame.cjs");

const { PAGE_PASSWORD } = process.env;

async function openUser(page)
{
	await page.locator(".top select").selectOption("acme");
	await go(page, "Users");
	await settled(page);
	await press(page, "user1@acme.example");
	await field(page, "name").waitFor();
}

/** Two people, one user */
async function conflict(chrome, page)
{
	const other = await open(chrome);

	await signIn(other, "msp-admin", PAGE_PASSWORD);
	await openUser(page);
	await openUser(other);
	await field(other, "name").fill("Their name");
	await press(other, "Save");
	await other.getByRole("dialog").waitFor({ state: "detached" });
	await other.context().close();

	await field(page, "sip_username").fill("4711");
	await field(page, "sip_password").fill("not to be seen");
	await press(page, "Save");
	await page.getByText("Somebody else has changed this").first().waitFor();
	await page.getByText(/It was msp-admin/).waitFor();
	await page.getByRole("cell", { name: "Their name" }).waitFor();
	await page.getByRole("cell", { name: "4711" }).waitFor();
	assert.equal(await page.getByText("not to be seen").count(), 0);
	await look(page, "conflict");
	await press(page, "Go on with both, yours where they differ");
	assert.equal(await field(page, "name").inputValue(), "Their name");
	assert.equal(await field(page, "sip_username").inputValue(), "4711");
	await press(page, "Save");
	await page.getByRole("dialog").waitFor({ state: "detached" });
	await page.getByRole("cell", { name: "4711" }).waitFor();
	await page.getByRole("cell", { name: "Their name" }).waitFor();
}

/** The session has ended while a form was open */
async function sessionOver(page)
{
	await press(page, "user1@acme.example");
	await field(page, "name").fill("Typed before it ended");
	await page.context().clearCookies();
	await press(page, "Save");
	await page.getByText("nothing of what you typed is lost").waitFor();
	await look(page, "session-over");

	const again = page.getByRole("dialog", { name: "Sign in" });

	await again.locator('[name="password"]').fill(PAGE_PASSWORD);
	await again.getByRole("button", { name: "Sign in" }).click();
	await again.waitFor({ state: "detached" });
	assert.equal(await field(page, "name").inputValue(),
		     "Typed before it ended");
	await press(page, "Save");
	await page.getByRole("dialog").waitFor({ state: "detached" });
	await page.getByRole("cell", { name: "Typed before it ended" }).waitFor();
}

/** The service is away, and comes back: with it all sessions have ended */
async function away(page)
{
	console.log("stop now");
	await page.getByText("The service does not answer since").waitFor();
	await look(page, "lost");
	await go(page, "Audit");
	await page.getByText("The service does not answer. Is it running?").waitFor();
	console.log("start now");
	await page.getByText("The service does not answer since")
		.waitFor({ state: "detached" });

	const again = page.getByRole("dialog", { name: "Sign in" });

	await again.locator('[name="password"]').fill(PAGE_PASSWORD);
	await again.getByRole("button", { name: "Sign in" }).click();
	await page.locator("tbody").getByText("Customer acme").waitFor();
}

story(async (chrome, page) => {
	await signIn(page, "msp-admin", PAGE_PASSWORD);
	await conflict(chrome, page);
	await sessionOver(page);
	await away(page);
});
