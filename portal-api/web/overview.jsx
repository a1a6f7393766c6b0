/* How it is now, and what needs a person first. */

import { useEffect } from "preact/hooks";

import { events, get, path } from "./api.js";
import { Problem, Table, useLoad, when } from "./parts.jsx";
import { strings, fill } from "./strings.js";

const words = strings.overview;

const unasked_ms = 10000;

/** Load again when something happens, but not more than once in a second; and
    without that now and then: what other nodes do no event tells of here, and
    what ended is told before the store has it */
export function useLive(tenant, names, again)
{
	useEffect(() => {
		let timer = null;
		const soon = () => {
			timer ||= setTimeout(() => { timer = null; again(); }, 1000);
		};
		/* "open": what happened before that was told to nobody */
		const stop = events(tenant, Object.fromEntries(
			[...names, "reset", "open"].map((name) => [name, soon])));
		const unasked = setInterval(again, unasked_ms);

		return () => {
			clearTimeout(timer);
			clearInterval(unasked);
			stop();
		};
	}, [tenant, again]);
}

function Figure({ title, value, href, state })
{
	const text = <><b>{value}</b><span>{title}</span></>;

	return href ? <a class={`figure ${state || ""}`} href={href}>{text}</a>
		: <div class={`figure ${state || ""}`}>{text}</div>;
}

/** What is still to be done, in order, until somebody is registered */
function Begin({ tenants, session })
{
	const first = session.tenant || tenants[0];
	const found = useLoad((signal) => first ? get(
		path("tenants", first, "summary"), {}, { signal })
		: Promise.resolve({ pbxs: 0, users: 0 }), [first]);
	const { pbxs, users } = found.value || {};
	const step = (done, title, text, href) =>
		<li key={title} class={done ? "done" : ""}><a href={href}>{title}</a>:
			{" "}{text}{done ? <span class="hidden"> {words.done}</span> : null}
		</li>;

	return found.value ? (
		<section>
			<h2>{words.welcome}</h2>
			<ol class="steps">
				{session.tenant ? null : step(tenants.length > 0, words.step1,
					words.step1Text, "#/services")}
				{step(pbxs > 0, words.step2, words.step2Text, "#/services")}
				{step(users > 0, words.step3, words.step3Text, "#/users")}
				{step(false, words.step4, words.step4Text, "#/users")}
				{step(false, words.step5, words.step5Text, "#/tests")}
			</ol>
		</section>
	) : null;
}

/** One thing that is wrong, however many suffer from it */
function Need({ problem: p, setTenant })
{
	const title = fill(words.needs[p.kind], { ...p,
		date: p.ends_s ? new Date(p.ends_s * 1000).toLocaleDateString() : "" });
	const href = p.kind === "registrations" ? "#/users?" + new URLSearchParams({
		pbx: p.pbx, state: "failing" }) : null;

	return (
		<li class={p.soon ? "soon" : ""}>
			<span class="count">{p.users.toLocaleString()}
				<small>{p.users === 1 ? words.user : words.users}</small></span>
			<div>
				<p><b>{p.reason || title}</b></p>
				{p.reason ? <p>{title}</p> : null}
				{p.words ? <p>{fill(strings.indicator.pbxSays, p)}</p> : null}
				<p>{p.advice || words.advice[p.kind] || ""}</p>
				{p.since_s ? <p><small>{fill(strings.indicator.since,
					{ time: when(p.since_s * 1000) })}</small></p> : null}
				{href ? <p class="noprint"><a href={href} onClick={() =>
					setTenant(p.tenant)}>{words.whom}</a></p>
					: null}
			</div>
		</li>
	);
}

/** Failed calls since midnight, those with the same cause together */
function Failures({ rows })
{
	return rows.length ? (
		<section>
			<h2>{words.failures}</h2>
			<Table label={words.failures} rows={rows} rowKey={(r) => r.what}
				columns={[
					[strings.reports.attempts, (r) => r.count,
						{ class: "figure-cell" }],
					[strings.calls.what, (r) => r.what, { class: "long" }],
					[strings.calls.advice, (r) => r.advice, { class: "long" }],
					[strings.calls.details, (r) => <a href={
						`#/calls/${encodeURIComponent(r.call)}`}>
						{words.example}</a>],
				]} />
		</section>
	) : null;
}

/** Does a certificate bear a name? "*" stands for one whole first label */
function bears(names, name)
{
	return names.some((n) => n.toLowerCase() === name.toLowerCase() ||
		n.startsWith("*.") && n.slice(2).toLowerCase() ===
			name.slice(name.indexOf(".") + 1).toLowerCase());
}

const patience_s = 300;         /* Teams asks each minute or so */

function why(trunk, certificate)
{
	if (certificate && certificate.names &&
	    !bears(certificate.names, trunk.fqdn))
		return fill(words.lacksName, trunk);

	return trunk.why || (trunk.up && !trunk.seen &&
		Date.now() / 1000 - trunk.since_s > patience_s ? words.unseenWhy : "");
}

/** A customer's name and the proxies behind it, as one line */
function byName(trunks)
{
	const names = new Map();

	for (const trunk of trunks) {
		const key = `${trunk.tenant}/${trunk.fqdn}`;

		names.set(key, [...names.get(key) || [], trunk]);
	}

	return [...names.values()];
}

/** Trunks of many customers: a line each, those that want a person first */
function ManyTrunks({ groups, certificate })
{
	const lost = (group) => group.filter((t) => !t.up).length;
	const whys = (group) => [...new Set(group.map((t) =>
		why(t, certificate)).filter(Boolean))].join("; ");
	const state = (group) => lost(group) === group.length ? "down"
		: lost(group) || whys(group) || !group.some((t) => t.seen) ? "soon"
			: "up";
	const order = ["down", "soon", "up"];
	const rows = [...groups].sort((a, b) =>
		order.indexOf(state(a)) - order.indexOf(state(b)) ||
		lost(b) / b.length - lost(a) / a.length);

	return (
		<Table label={words.trunks} rows={rows}
			rowKey={([t]) => `${t.tenant}/${t.fqdn}`} columns={[
				[strings.tenantLabel, ([t]) => t.tenant],
				[words.fqdn, ([t]) => t.fqdn],
				[words.proxies, (group) => <span class={state(group)}>
					{fill(words.proxiesUp, { up: group.length - lost(group),
						all: group.length })}{" "}
					{group.some((t) => t.seen) ? words.seen : words.unseen}
					</span>],
				[words.why, whys, { class: "long" }],
			]} />
	);
}

function Trunks({ rows, certificates })
{
	const certificate = certificates.find((c) => c.use === "teams");
	const groups = byName(rows);

	if (groups.length > 1)
		return (
			<section>
				<h2>{words.trunks}</h2>
				<ManyTrunks groups={groups} certificate={certificate} />
			</section>
		);

	return (
		<section>
			<h2>{words.trunks}</h2>
			<Table label={words.trunks} rows={rows} empty={certificate
				? words.noTrunk : words.noTeams} columns={[
				[strings.tenantLabel, (t) => t.tenant],
				[words.fqdn, (t) => t.fqdn],
				[words.proxy, (t) => t.proxy],
				[strings.reports.state, (t) => <span
					class={!t.up ? "down" : t.seen ? "up" : "soon"}>{t.up ? words.up : words.down},
					{" "}{t.seen ? words.seen : words.unseen}</span>],
				[strings.reports.since, (t) => when(t.since_s * 1000)],
				[words.why, (t) => why(t, certificate), { class: "long" }],
			]} />
		</section>
	);
}

const soon_days = 30;

function Certificates({ rows })
{
	const health = (c) => c.days_left === 0 ? "down"
		: c.days_left <= soon_days ? "soon" : "up";

	return (
		<section>
			<h2>{words.certificates}</h2>
			<Table label={words.certificates} rows={rows}
				empty={words.noCertificate} rowKey={(c) => c.use} columns={[
					[words.use, (c) => words.uses[c.use]],
					[words.daysLeft, (c) => <span class={health(c)}>{
						c.days_left === 0 ? words.ended : fill(words.days,
							{ days: c.days_left })}</span>],
					[words.ends, (c) => when(c.ends_s * 1000)],
					[words.chain, (c) => c.chain ? <span class={
						c.use === "teams" ? "down" : "soon"}>{c.chain}</span>
						: <span class="up">{words.trusted}</span>,
						{ class: "long" }],
					...rows.some((c) => c.names) ? [
						[words.names, (c) => (c.names || []).join(", "),
							{ class: "long" }],
						[words.issuer, (c) => c.issuer]] : [],
				]} />
		</section>
	);
}

export function Overview({ tenant, tenants, setTenant, session, may })
{
	const now = useLoad((signal) => Promise.all([
		get("/overview", { tenant }, { signal }),
		get("/trunks", { tenant }, { signal }),
		get("/certificates", {}, { signal }),
	]), [tenant]);

	useLive(tenant, ["registration", "trunk", "call"], now.again);

	if (!now.value)
		return <><h1>{strings.nav.overview}</h1>
			<Problem error={now.error} again={now.again} />
			{now.error ? null : <p aria-busy="true">{strings.loading}</p>}</>;

	const [all, { trunks }, { certificates }] = now.value;
	const empty = may && !all.registrations.registered && !all.problems.length;

	return (
		<>
			<h1>{strings.nav.overview}</h1>
			<Problem error={now.error} again={now.again} />
			{empty ? <Begin tenants={tenants} session={session} /> : <section>
				<h2>{words.attention}</h2>
				{all.problems.length ? <ul class="needs">{all.problems.map((p) =>
					<Need key={`${p.kind}/${p.tenant}/${p.pbx || p.name}`}
						problem={p} setTenant={setTenant} />)}</ul>
					: <p class="empty">{words.calm}</p>}
			</section>}
			<h2>{words.registrations}</h2>
			<div class="figures">
				{Object.entries(strings.states).map(([state, title]) =>
					<Figure key={state} title={title} state={state}
						value={all.registrations[state] || 0}
						href={`#/users?state=${state}`} />)}
			</div>
			<h2>{strings.nav.calls}</h2>
			<div class="figures">
				<Figure title={words.callsNow} value={all.calls} href="#/calls" />
				<Figure title={words.callsToday} value={all.calls_today}
					href="#/calls" />
				<Figure title={words.failuresToday} value={all.failures_today}
					href="#/calls?failed=true"
					state={all.failures_today ? "failing" : ""} />
			</div>
			<Failures rows={all.failures} />
			<Trunks rows={trunks} certificates={certificates} />
			<Certificates rows={certificates} />
		</>
	);
}
