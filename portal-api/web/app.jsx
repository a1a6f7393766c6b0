/* The page: who is signed in, which customer is looked at, which page is
   shown. The address's hash says which: #/users, #/calls/1f2e... */

import { render } from "preact";
import { useEffect, useState } from "preact/hooks";

import { ask, dropSession, get, takeSession, whenConnection, whenSignedOut }
	from "./api.js";
import { Admins } from "./admins.jsx";
import { Audit } from "./audit.jsx";
import { Call, Shared } from "./call.jsx";
import { Calls } from "./calls.jsx";
import { Nodes } from "./nodes.jsx";
import { Overview } from "./overview.jsx";
import { Password, SignIn, SignInAgain } from "./signin.jsx";
import { Reports } from "./reports.jsx";
import { Services } from "./services.jsx";
import { Sync } from "./sync.jsx";
import { Tests } from "./tests.jsx";
import { Templates } from "./templates.jsx";
import { Users } from "./users.jsx";
import { strings, fill } from "./strings.js";
import "./style.css";

const pages = {
	overview: Overview, services: Services, users: Users, sync: Sync,
	calls: Calls,
	tests: Tests, reports: Reports, templates: Templates, admins: Admins,
	audit: Audit, nodes: Nodes,
};

/* what the MSP's own people alone may see */
const ofMsp = ["nodes"];

/** #/users?state=failing as {page, rest, parameters} */
function place()
{
	const [where, words] = location.hash.replace(/^#\/?/, "").split("?");
	const [page, ...rest] = where.split("/").map(decodeURIComponent);

	return { page: page || "overview", rest,
		 parameters: new URLSearchParams(words || "") };
}

function usePlace()
{
	const [now, setNow] = useState(place);

	useEffect(() => {
		const moved = () => setNow(place());

		addEventListener("hashchange", moved);
		return () => removeEventListener("hashchange", moved);
	}, []);

	return now;
}

function mayWrite(session)
{
	return session.role === "msp-admin" || session.role === "tenant-admin";
}

function TenantChoice({ tenant, setTenant, tenants })
{
	return (
		<label class="tenant">
			<span>{strings.tenantLabel}</span>
			<select value={tenant} onChange={(e) =>
				setTenant(e.currentTarget.value)}>
				<option value="">{strings.whole}</option>
				{tenants.map((t) => <option key={t} value={t}>{t}</option>)}
			</select>
		</label>
	);
}

function Main({ session, now, signOut })
{
	const [tenant, setTenant] = useState(session.tenant ||
		sessionStorage.getItem("tenant") || "");
	const [tenants, setTenants] = useState([]);
	const [password, setPassword] = useState(false);
	const shown = Object.keys(pages).filter((name) => !session.tenant ||
		!ofMsp.includes(name));
	const Page = now.page === "calls" && now.rest[0] ? Call
		: shown.includes(now.page) ? pages[now.page] : Overview;

	const choose = (name) => {
		sessionStorage.setItem("tenant", name);
		setTenant(name);
	};

	const refresh = async () => {
		if (session.tenant)
			return;

		const all = [];
		let cursor = null;

		do {
			const page = await get("/tenants", { limit: 1000, cursor });

			all.push(...page.tenants.map((t) => t.name));
			cursor = page.next;
		} while (cursor);

		setTenants(all);
		if (tenant && !all.includes(tenant))
			choose("");
	};

	useEffect(() => { refresh().catch(() => {}); }, []);

	useEffect(() => {
		document.title = `${strings.nav[now.page] || strings.nav.overview} – ${strings.app}`;
	}, [now.page]);

	return (
		<>
			<a class="skip" href="#content" onClick={(e) => {
				e.preventDefault();
				document.getElementById("content").focus();
			}}>{strings.skip}</a>
			<header class="top">
				<strong>{strings.app}</strong>
				{session.tenant ? <span>{session.tenant}</span> :
					<TenantChoice {...{ tenant, tenants }} setTenant={choose} />}
				<span class="who">{fill(strings.signedInAs, { name: session.name,
					role: strings.roles[session.role] || session.role })}</span>
				<button type="button" onClick={() => setPassword(true)}>
					{strings.password.title}</button>
				<button type="button" onClick={signOut}>{strings.signOut}</button>
			</header>
			<nav class="side" aria-label={strings.navLabel}>
				<ul>{shown.map((name) => (
					<li key={name}><a href={`#/${name}`}
						aria-current={now.page === name ? "page" : undefined}>
						{strings.nav[name]}</a></li>))}
				</ul>
			</nav>
			<main id="content" tabindex="-1">
				<Page key={`${now.page}/${now.rest}`} {...{ session, tenant, tenants,
					setTenant: choose, refresh, now }} may={mayWrite(session)} />
			</main>
			{password ? <Password onClose={() => setPassword(false)} /> : null}
		</>
	);
}

/** What is shown gets old while the service does not answer */
function Lost()
{
	const [since, setSince] = useState(null);

	useEffect(() => whenConnection((up) =>
		setSince(up ? null : new Date().toLocaleTimeString())), []);

	return since ? <p class="lost" role="alert">
		{fill(strings.lost, { time: since })}</p> : null;
}

function App()
{
	const [session, setSession] = useState(undefined);
	const [over, setOver] = useState(false);
	const now = usePlace();

	useEffect(() => {
		whenSignedOut(() => setOver(true));
		get("/session").then((s) => setSession(takeSession(s)),
				     () => setSession(null));
	}, []);

	const signOut = async () => {
		await ask("DELETE", "/session").catch(() => {});
		dropSession();
		setOver(false);
		setSession(null);
	};

	/* somebody with a link needs no account */
	if (now.page === "shared")
		return <><Lost /><Shared key={now.rest[0]} token={now.rest[0] || ""} /></>;

	if (session === undefined)
		return <p class="alone" aria-busy="true">{strings.loading}</p>;

	if (!session) {
		return <><Lost /><SignIn over={over} now={now} onSession={(s) => {
			setOver(false);
			if (now.page === "welcome" || now.page === "sign-in")
				location.hash = "#/overview";
			setSession(takeSession(s));
		}} /></>;
	}

	const leave = () => {
		setOver(true);
		setSession(null);
	};

	const again = (s) => {
		setOver(false);
		setSession(takeSession(s));
	};

	return (
		<>
			<Lost />
			<Main key={session.name} {...{ session, now, signOut }} />
			{over ? <SignInAgain session={session} onSession={again}
				onLeave={leave} /> : null}
		</>
	);
}

render(<App />, document.getElementById("page"));
