/* Without a mouse, by night, and on a telephone. */

"use strict";

const assert = require("assert").strict;
const { story, open, look, field, go, settled, signIn }
	= require("./frame.cjs");

const { PAGE_PASSWORD } = process.env;
const pages = ["Overview", "Services", "Users", "Calls", "Tests", "Reports",
	"Templates", "Admins and tokens", "Audit"];
const tabsMax = 400;

/** Tab on until what has the focus fits, as a person would */
async function tabTo(page, fits, what)
{
	for (let i = 0; i < tabsMax; i++) {
		await page.keyboard.press("Tab");
		if (await page.evaluate(fits, what))
			return;
	}
	throw new Error(`${what} cannot be reached by Tab`);
}

const named = (name) => document.activeElement.name === name;
const called = (text) => (document.activeElement.getAttribute("aria-label") ||
	document.activeElement.innerText || "").trim() === text;

/** A PBX is made with keys alone, from signing in on */
async function byKeys(page)
{
	await page.goto(process.env.PAGE_URL);
	await field(page, "name").waitFor();
	await tabTo(page, named, "name");
	await page.keyboard.type("msp-admin");
	await page.keyboard.press("Tab");
	await page.keyboard.type(PAGE_PASSWORD);
	await page.keyboard.press("Enter");
	await page.getByRole("navigation").waitFor();

	await tabTo(page, () => document.activeElement.closest(".top label"),
		    "the customer");
	await page.keyboard.type("acme");
	await tabTo(page, called, "Services");
	await page.keyboard.press("Enter");
	await page.getByRole("heading", { name: "PBXs of acme" }).waitFor();
	await settled(page);
	await tabTo(page, called, "New PBX");
	await page.keyboard.press("Enter");
	await page.getByRole("dialog").locator(".form").first().waitFor();
	await tabTo(page, named, "template");
	await page.keyboard.type("Asterisk with PJSIP");
	await page.locator('[name="registration.expires"]')
		.waitFor({ state: "detached" });
	for (const [name, text] of [["name", "by-keys"], ["country", "GB"],
				    ["sip_domain", "keys.example"]]) {
		await tabTo(page, named, name);
		await page.keyboard.type(text);
	}
	await page.keyboard.press("Enter");
	await page.getByRole("heading", { name: /^To let through/ }).waitFor();

	/* the focus stays in the dialog, and comes back from it */
	for (let i = 0; i < 12; i++) {
		await page.keyboard.press("Tab");
		assert(await page.evaluate(() =>
			document.activeElement === document.body ||
			document.activeElement.closest("dialog")));
	}
	await page.keyboard.press("Escape");
	await page.getByRole("cell", { name: "by-keys", exact: true }).waitFor();

	await page.keyboard.press("Escape");
	await tabTo(page, called, "Users");
	await page.keyboard.press("Enter");
	await page.locator("tbody tr").first().waitFor();
	await page.evaluate(() => document.activeElement.blur());
	await page.keyboard.press("/");
	await page.keyboard.type("user1");
	await page.getByText("Users found: 1").waitFor();
	await tabTo(page, () => document.activeElement.className
		.startsWith("lamp"), "the indicator");
	assert(await page.locator(".tip").first().isVisible());
	await look(page, "keys-users");
}

async function everywhere(page, name)
{
	await signIn(page, "msp-admin", PAGE_PASSWORD);
	await page.locator(".top select").selectOption("acme");
	for (const title of pages) {
		await go(page, title);
		await settled(page);
		await look(page, `${name}-${title.toLowerCase().replace(/ /g, "-")}`);

		/* nothing hangs out at the side */
		assert(await page.evaluate(() =>
			document.documentElement.scrollWidth <= innerWidth),
			`${name}: ${title} is too wide`);
	}

	await go(page, "Services");
	await settled(page);
	await page.getByRole("button", { name: "Edit hq" }).click();
	await page.getByRole("heading", { name: /^To let through/ }).waitFor();
	await settled(page);
	await look(page, `${name}-form`);
	await page.keyboard.press("Escape");
	await go(page, "Users");
	await page.locator(".lamp").first().focus();
	await look(page, `${name}-indicator`);
}

story(async (chrome, page) => {
	await byKeys(page);
	await page.context().close();

	const night = await open(chrome, { colorScheme: "dark",
		reducedMotion: "reduce" });

	await everywhere(night, "night");
	await night.context().close();

	const telephone = await open(chrome, { isMobile: true, hasTouch: true,
		viewport: { width: 390, height: 800 } });

	await everywhere(telephone, "telephone");
	await telephone.emulateMedia({ media: "print" });
	await go(telephone, "Overview").catch(() => {});
});
