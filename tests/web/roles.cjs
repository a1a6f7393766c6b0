/* Each role has its own page: what it may not change has no button, and what
   is another customer's is nowhere. Names that are long, or of other
   scripts, stay where they belong. */

"use strict";

const assert = require("assert").strict;
const { story, open, look, go, settled, signIn } = require("./frame.cjs");

const password = process.env.PAGE_PASSWORD;

const all = ["Overview", "Services", "Users", "Calls", "Tests", "Reports",
	"Templates", "Admins and tokens", "Audit"];

/* by page: buttons that only some have */
const changing = {
	"Services": ["New customer", "New PBX"],
	"Users": ["New user", "Import CSV"],
	"Templates": ["Own template (YAML)"],
	"Admins and tokens": ["New admin", "New token"],
};

const may = {
	"msp-admin": Object.values(changing).flat(),
	"msp-support": [],
	"tenant-admin": ["New PBX", "New user", "Import CSV", "New admin",
		"New token"],
	"tenant-viewer": [],
};

async function walk(page, role)
{
	const tenant = page.locator(".top select");
	const msp = role.startsWith("msp-");

	assert.equal(await tenant.count(), msp ? 1 : 0, `${role}: customers`);
	if (msp)
		await tenant.selectOption("acme");
	assert.equal(await page.getByRole("navigation").getByRole("link",
		{ name: "Nodes", exact: true }).count(), msp ? 1 : 0,
		`${role}: nodes`);

	for (const name of all) {
		await go(page, name);
		await settled(page);
		for (const button of changing[name] || [])
			assert.equal(await page.getByRole("button", { name: button,
				exact: true }).count(), may[role].includes(button) ? 1 : 0,
				`${role}: ${button}`);
		if (!msp)
			assert.doesNotMatch(await page.locator("body").innerText(),
				/other|umbrella/i, `${role}: ${name}`);
		/* whoever may most is looked at by hands.cjs */
		if (role === "tenant-viewer")
			await look(page,
				   `${role}-${name.toLowerCase().replace(/ /g, "-")}`);
	}

	await go(page, "Users");
	await page.locator("tbody tr").first().waitFor();
	assert.equal(await page.getByRole("checkbox").count() > 0,
		     may[role].includes("New user"), `${role}: selection`);
	await page.locator("tbody button.link").first().click();
	await page.locator('[name="sip_username"]').waitFor();
	assert.equal(await page.locator('[name="sip_username"]').isEnabled(),
		     may[role].includes("New user"), `${role}: form`);
	assert.equal(await page.getByRole("button", { name: "Save", exact: true })
		.count(), may[role].includes("New user") ? 1 : 0);
	await look(page, `${role}-user-form`);
}

story(async (chrome, first) => {
	await first.close();
	for (const role of Object.keys(may)) {
		const page = await open(chrome);

		await signIn(page, role, password);
		await walk(page, role);
		await page.context().close();
	}
});
