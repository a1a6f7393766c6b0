/* How it is now, and what needs a person first. */

import { useEffect } from "preact/hooks";

import { events, get } from "./api.js";
import { Indicator, Problem, Table, useLoad, when } from "./parts.jsx";
import { strings } from "./strings.js";

const words = strings.overview;

/** Load again when something happens, but not more than once in a second */
export function useLive(tenant, names, again)
{
	useEffect(() => {
		let timer = null;
		const soon = () => {
			timer ||= setTimeout(() => { timer = null; again(); }, 1000);
		};
		const stop = events(tenant, Object.fromEntries(
			[...names, "reset"].map((name) => [name, soon])));

		return () => { clearTimeout(timer); stop(); };
	}, [tenant, again]);
}

function Figure({ title, value, href, state })
{
	const text = <><b>{value}</b><span>{title}</span></>;

	return href ? <a class={`figure ${state || ""}`} href={href}>{text}</a>
		: <div class={`figure ${state || ""}`}>{text}</div>;
}

function Begin()
{
	const step = (title, text, href) =>
		<li><a href={href}>{title}</a>: {text}</li>;

	return (
		<section>
			<h2>{words.welcome}</h2>
			<ol>
				{step(words.step1, words.step1Text, "#/services")}
				{step(words.step2, words.step2Text, "#/services")}
				{step(words.step3, words.step3Text, "#/users")}
			</ol>
		</section>
	);
}

function Trunks({ rows })
{
	return (
		<section>
			<h2>{words.trunks}</h2>
			<Table label={words.trunks} rows={rows} columns={[
				[strings.tenantLabel, (t) => t.tenant],
				[words.fqdn, (t) => t.fqdn],
				[words.proxy, (t) => t.proxy],
				[strings.reports.state, (t) => <span
					class={t.up ? "up" : "down"}>{t.up ? words.up : words.down},
					{" "}{t.seen ? words.seen : words.unseen}</span>],
				[strings.reports.since, (t) => when(t.since_s * 1000)],
				[words.why, (t) => t.why],
			]} />
		</section>
	);
}

export function Overview({ tenant, tenants, session })
{
	const now = useLoad((signal) => Promise.all([
		get("/overview", { tenant }, { signal }),
		get("/trunks", { tenant }, { signal }),
	]), [tenant]);

	useLive(tenant, ["registration", "trunk", "call"], now.again);

	if (!now.value)
		return <><h1>{strings.nav.overview}</h1>
			<Problem error={now.error} again={now.again} /></>;

	const [all, { trunks }] = now.value;
	const empty = !session.tenant && !tenants.length;

	return (
		<>
			<h1>{strings.nav.overview}</h1>
			<Problem error={now.error} again={now.again} />
			{empty ? <Begin /> : null}
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
			<section>
				<h2>{words.attention}</h2>
				<Table label={words.attention} rows={all.attention}
					empty={empty ? strings.none : words.calm}
					rowKey={(r) => `${r.tenant}/${r.upn}`} columns={[
						["", (r) => <Indicator status={r} />],
						[strings.tenantLabel, (r) => r.tenant],
						[strings.users.user, (r) => r.upn],
						[strings.users.number, (r) => r.number],
						[strings.reports.reason, (r) => r.reason],
						[strings.reports.advice, (r) => r.advice, { class: "long" }],
					]} />
			</section>
			<Trunks rows={trunks} />
		</>
	);
}
