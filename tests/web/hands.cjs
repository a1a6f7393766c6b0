/* Without a mouse, by night, and on a telephone. */

"use strict";

const assert = require("assert").strict;
const { story, open, look, field, go, picture, press, settled, signIn }
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

	await page.locator(".top option", { hasText: "acme" })
		.waitFor({ state: "attached" });
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
	await page.getByText("user1@acme.example").waitFor();
	await page.evaluate(() => document.activeElement.blur());
	await page.keyboard.press("/");
	await page.waitForFunction(() =>
		document.activeElement.type === "search");
	await page.keyboard.type("user1");
	await page.getByText("Users found: 1").waitFor();
	await tabTo(page, () => document.activeElement.className
		.startsWith("lamp"), "the indicator");
	assert(await page.locator(".tip").first().isVisible());
	await look(page, "keys-users");
}

/** Every dialog is as good as every page */
async function dialogs(page, name)
{
	for (const [title, button] of [["Services", "New customer"],
			["Users", "New user"], ["Users", "Import CSV"],
			["Templates", "Own template (YAML)"],
			["Admins and tokens", "New admin"],
			["Overview", "Change password"]]) {
		await go(page, title);
		await settled(page);
		await press(page, button);
		await page.getByRole("dialog").locator("input").first().waitFor();
		await look(page, `${name}-${button.toLowerCase().replace(/ /g, "-")}`);
		await page.keyboard.press("Escape");
		await page.getByRole("dialog").waitFor({ state: "detached" });
	}
}

/** @param see  look or picture */
async function everywhere(page, name, see)
{
	await signIn(page, "msp-admin", PAGE_PASSWORD);
	await page.locator(".top select").selectOption("acme");
	for (const title of pages) {
		await go(page, title);
		await settled(page);
		await see(page, `${name}-${title.toLowerCase().replace(/ /g, "-")}`);

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
	await see(page, `${name}-form`);
	await page.keyboard.press("Escape");
	await go(page, "Users");
	await page.locator(".lamp").first().focus();
	await see(page, `${name}-indicator`);
}

story(async (chrome, page) => {
	await byKeys(page);
	await page.context().close();

	const night = await open(chrome, { colorScheme: "dark",
		reducedMotion: "reduce" });

	await everywhere(night, "night", look);
	await dialogs(night, "night");
	await night.context().close();

	const telephone = await open(chrome, { isMobile: true, hasTouch: true,
		viewport: { width: 390, height: 800 } });

	await everywhere(telephone, "telephone", picture);
	await telephone.context().close();

	/* on paper: what is to be read, and nothing to press */
	const paper = await open(chrome);

	await signIn(paper, "msp-admin", PAGE_PASSWORD);
	await go(paper, "Overview");
	await settled(paper);
	await paper.emulateMedia({ media: "print" });
	assert.equal(await paper.getByRole("navigation").count(), 0);
	assert(await paper.getByRole("heading", { level: 1 }).isVisible());
	await picture(paper, "paper-overview");
});
