/* The support engineer's pages: who is not registered, how calls went, when
   things were lost, and what becomes of a number. */

import { useMemo, useState } from "preact/hooks";

import { get, path } from "./api.js";
import { Exports, Indicator, Input, Problem, Select, Table, lasted, useLoad,
	 usePages, when } from "./parts.jsx";
import { Lines, seriesMax } from "./plots.jsx";
import { strings, fill } from "./strings.js";

const words = strings.reports;
const hour_ms = 3600000, day_ms = 24 * hour_ms;

const spans = [["1", words.lastDay], ["7", words.lastWeek],
	["30", words.lastMonth], ["90", words.lastQuarter],
	["365", words.lastYear]];

/** From when, in whole hours; and the choice of it */
function useSpan()
{
	const [days, setDays] = useState("7");
	const from_ms = Math.floor(Date.now() / hour_ms) * hour_ms
		- Number(days) * day_ms;

	return { days: Number(days), from_ms, choice: (
		<Select label={words.times} value={days} onValue={setDays}
			options={spans} />) };
}

function Print()
{
	return <button type="button" onClick={() => print()}>{words.print}</button>;
}

/* Registrations */

function Status({ tenant })
{
	const [all, setAll] = useState(false);
	const list = useLoad((signal) => get("/registrations",
		{ tenant, failing: all && tenant ? "" : true }, { signal }),
		[tenant, all]);
	const summary = useLoad((signal) => get("/overview", { tenant }, { signal }),
		[tenant]);
	const counts = summary.value ? Object.entries(summary.value.registrations)
		.filter(([, count]) => count) : [];

	return (
		<section>
			<h2>{words.tabs.status}{tenant ? `: ${tenant}` : ""}</h2>
			<Problem error={list.error || summary.error} again={list.again} />
			<p>{fill(words.printed, { time: when(Date.now()) })}{" · "}
				{counts.map(([state, count]) => fill(words.counts, { count,
					state: strings.states[state] || state })).join(" · ")}</p>
			<div class="tools">
				{tenant ? <Select label={words.state} value={all ? "all" : ""}
					onValue={(v) => setAll(v === "all")}
					options={[["", words.failing], ["all", words.all]]} />
					: null}
				<Print />
				<Exports where="/registrations/export" parameters={{ tenant,
					failing: all && tenant ? "" : true }} />
			</div>
			<Table label={words.tabs.status} empty={words.statusGood}
				rows={list.value && list.value.registrations}
				rowKey={(r) => `${r.tenant}/${r.upn}`} columns={[
					[words.state, (r) => <Indicator status={r} />],
					...tenant ? [] : [[strings.tenantLabel, (r) => r.tenant]],
					[strings.users.pbx, (r) => r.pbx],
					[strings.users.user, (r) => r.upn, { class: "long" }],
					[strings.users.number, (r) => r.number],
					[words.since, (r) => when(r.since_s * 1000)],
					[words.reason, (r) => r.reason],
					[words.words, (r) => r.words],
					[words.advice, (r) => r.advice, { class: "long" }],
				]} />
		</section>
	);
}

function History({ tenant })
{
	const pages = usePages([tenant]);
	const list = useLoad((signal) => get("/registration-history", { tenant,
		limit: 50, cursor: pages.cursor }, { signal }), [tenant, pages.cursor]);

	return (
		<section>
			<h2>{words.tabs.history}</h2>
			<Problem error={list.error} again={list.again} />
			<div class="tools">
				<Exports where="/registration-history/export"
					parameters={{ tenant }} />
			</div>
			<Table label={words.tabs.history}
				rows={list.value && list.value.changes} columns={[
					[words.time, (r) => when(r.since_s * 1000)],
					...tenant ? [] : [[strings.tenantLabel, (r) => r.tenant]],
					[strings.users.pbx, (r) => r.pbx],
					[strings.users.user, (r) => r.upn, { class: "long" }],
					[words.state, (r) => strings.states[r.state] || r.state],
					[words.reason, (r) => r.reason],
					[words.words, (r) => r.words],
				]} />
			{pages.buttons(list.value && list.value.next)}
		</section>
	);
}

/* Calls */

const percent = (x) => x === null ? "" : `${x.toFixed(1)} %`;
const seconds = (ms) => ms === null ? "" : `${(ms / 1000).toFixed(1)} s`;
const number = (x) => x === null ? "" : x.toFixed(1);

const figures = [
	[words.attempts, (g) => g.calls, { class: "figure-cell" }],
	[words.callsFailed, (g) => <span class={g.failed ? "down" : ""}>
		{g.failed}</span>, { class: "figure-cell" }],
	[words.asr, (g) => percent(g.asr), { class: "figure-cell" }],
	[words.ner, (g) => percent(g.ner), { class: "figure-cell" }],
	[words.acd, (g) => g.acd_s === null ? "" : lasted(g.acd_s),
		{ class: "figure-cell" }],
	[words.pdd, (g) => seconds(g.pdd_ms), { class: "figure-cell" }],
	[words.pdd95, (g) => seconds(g.pdd_95_ms), { class: "figure-cell" }],
	[words.mosTeams, (g) => number(g.mos_teams), { class: "figure-cell" }],
	[words.mosPbx, (g) => number(g.mos_pbx), { class: "figure-cell" }],
	[words.loss, (g) => percent(g.loss), { class: "figure-cell" }],
	[words.poor, (g) => g.poor, { class: "figure-cell" }],
];

const pbxName = (g, tenant) => [tenant ? "" : g.tenant, g.pbx].filter(Boolean)
	.join(" ");

/** Of the two sides: the worse one, null if neither is known */
const worse = (pick, a, b) => a === null ? b : b === null ? a : pick(a, b);

const drawn = [
	[words.plotMos, (g) => worse(Math.min, g.mos_teams, g.mos_pbx), [1, 5]],
	[words.plotLoss, (g) => g.loss, null],
	[words.plotJitter, (g) => worse(Math.max, g.jitter_teams_ms,
					g.jitter_pbx_ms), null],
	[words.plotCalls, (g) => g.calls, null],
];

/** One line a PBX, of the busiest */
function lines(report, tenant)
{
	const busiest = [...report.pbxs].sort((a, b) => b.calls - a.calls)
		.slice(0, seriesMax).map((g) => pbxName(g, tenant));
	const times = [...new Set(report.times.map((g) => g.from_ms))]
		.sort((a, b) => a - b);
	const at = new Map(times.map((t, i) => [t, i]));

	return { times, busiest, of: (value) => busiest.map((name) => {
		const values = times.map(() => null);

		for (const g of report.times)
			if (pbxName(g, tenant) === name)
				values[at.get(g.from_ms)] = value(g);

		return { name, values };
	}) };
}

function Plots({ report, step, tenant })
{
	const all = useMemo(() => {
		const found = lines(report, tenant);

		return { ...found, plots: drawn.map(([title, value, range]) =>
			({ title, range, series: found.of(value) })) };
	}, [report]);

	return (
		<>
			{report.pbxs.length > seriesMax ? <p>{fill(words.others,
				{ count: seriesMax })}</p> : null}
			<div class="plots">
				{all.plots.map(({ title, range, series }) => (
					<Lines key={title} title={title} range={range}
						times={all.times} series={series}
						label={fill(words.plotLabel, { title,
							step: step === "day" ? words.day : words.hour,
							names: all.busiest.join(", ") })} />))}
			</div>
		</>
	);
}

const dayOf = (ms) => new Date(ms).toLocaleDateString();

function Voice({ tenant })
{
	const { days, from_ms, choice } = useSpan();
	const step = days > 2 ? "day" : "hour";
	const found = useLoad((signal) => get("/reports/calls", { tenant, from_ms,
		step, by: "pbx", zone_min: -new Date().getTimezoneOffset() },
		{ signal }), [tenant, from_ms]);
	const report = found.value;

	return (
		<section>
			<h2>{words.tabs.calls}{tenant ? `: ${tenant}` : ""}</h2>
			<div class="tools">{choice}<Print /></div>
			<Problem error={found.error} again={found.again} />
			{!report ? found.error ? null
				: <p aria-busy="true">{strings.loading}</p> : <>
				<p>{fill(words.callsText, { count: report.total.calls })}</p>
				{report.total.calls ? <>
					<h3>{words.byPbx}</h3>
					<Table label={words.byPbx} rows={[...report.pbxs,
						...report.pbxs.length > 1 ? [{ ...report.total,
							tenant: "", pbx: words.total }] : []]}
						rowKey={(g) => `${g.tenant} ${g.pbx}`} columns={[
							[strings.users.pbx, (g) => pbxName(g, tenant)],
							...figures]} />
					<Plots report={report} step={report.times.length &&
						step} tenant={tenant} />
					{step === "day" ? <>
						<h3>{words.byDay}</h3>
						<Table label={words.byDay}
							rows={[...report.times].reverse()} columns={[
								[words.day, (g) => dayOf(g.from_ms)],
								[strings.users.pbx, (g) => pbxName(g, tenant)],
								...figures]} /></> : null}
				</> : <p class="empty">{strings.none}</p>}
			</>}
		</section>
	);
}

/* Outages */

function names(row)
{
	const all = row.names.join(", ");

	return row.count > row.names.length ? fill(words.and, { names: all,
		count: row.count - row.names.length }) : all;
}

function Outages({ tenant })
{
	const { from_ms, choice } = useSpan();
	const list = useLoad((signal) => get("/reports/outages", { tenant, from_ms,
		limit: 1000 }, { signal }), [tenant, from_ms]);

	return (
		<section>
			<h2>{words.tabs.outages}{tenant ? `: ${tenant}` : ""}</h2>
			<p>{words.outagesText}</p>
			<div class="tools">{choice}<Print />
				<Exports where="/reports/outages/export"
					parameters={{ tenant, from_ms }} /></div>
			<Problem error={list.error} again={list.again} />
			<Table label={words.tabs.outages} empty={words.outagesNone}
				rows={list.value && list.value.outages} columns={[
					[words.kind, (o) => words.kinds[o.kind] || o.kind],
					...tenant ? [] : [[strings.tenantLabel, (o) => o.tenant]],
					[words.which, (o) => o.pbx],
					[words.from, (o) => when(o.from_ms)],
					[words.to, (o) => o.to_ms ? when(o.to_ms)
						: <span class="down">{words.lasts}</span>],
					[words.took, (o) => lasted(((o.to_ms || Date.now())
						- o.from_ms) / 1000), { class: "figure-cell" }],
					[words.who, (o) => <><b>{o.count}</b>
						<small class="below">{names(o)}</small></>,
						{ class: "long" }],
					[words.reason, (o) => <>{o.reason}{o.words ?
						<small class="below">{o.words}</small> : null}</>,
						{ class: "long" }],
				]} />
		</section>
	);
}

/* Numbers */

function Tried({ tried })
{
	return (
		<section aria-live="polite">
			<p><b>{fill(words.becomes, { number: tried.number,
				result: tried.result })}</b>
			{tried.emergency ? ` (${words.emergency})` : ""}</p>
			<h3>{words.rules}</h3>
			{tried.rules.length ? <ol>{tried.rules.map((rule) =>
				<li key={rule}>{rule}</li>)}</ol> : <p>{words.noRule}</p>}
			{tried.kind ? <p>{fill(words.kindOf, { kind: tried.kind })}{" – "}
				{tried.emergency || tried.open ? words.open
					: words.closed}</p> : null}
			{tried.advice ? <p class="problem">{tried.advice}</p> : null}
		</section>
	);
}

function Numbers({ tenant })
{
	const pbxs = useLoad(async (signal) => tenant ? (await get(
		`/tenants${path(tenant)}/pbxs`, { limit: 1000 }, { signal })).pbxs
		.map((p) => p.name) : [], [tenant]);
	const [wish, setWish] = useState({ pbx: "", from: "teams", number: "",
					   user: "" });
	const [tried, setTried] = useState(null);
	const [error, setError] = useState(null);
	const pbx = wish.pbx || (pbxs.value && pbxs.value[0]) || "";
	const set = (name) => (v) => setWish({ ...wish, [name]: v });

	const go = async (e) => {
		e.preventDefault();
		setError(null);
		setTried(null);
		try {
			setTried(await get(`/tenants${path(tenant)}/pbxs${path(pbx)}/number`,
				{ from: wish.from, number: wish.number.trim(),
				  user: wish.user.trim() }));
		}
		catch (wrong) {
			setError(wrong);
		}
	};

	if (!tenant || pbxs.value && !pbxs.value.length)
		return <section><h2>{words.tabs.numbers}</h2>
			<p class="empty">{tenant ? words.simNone : words.simChoose}</p>
		</section>;

	return (
		<section>
			<h2>{words.tabs.numbers}</h2>
			<p>{words.simText}</p>
			<Problem error={pbxs.error} again={pbxs.again} />
			<form onSubmit={go}>
				<div class="tools">
					<Select label={words.simPbx} value={pbx}
						onValue={set("pbx")} options={(pbxs.value || [])
							.map((name) => [name, name])} />
					<Select label={words.from} value={wish.from}
						onValue={set("from")} options={[
							["teams", words.fromTeams],
							["pbx", words.fromPbx]]} />
					<Input label={strings.users.number} value={wish.number}
						onValue={set("number")} required />
					<Input label={words.simUser} value={wish.user}
						onValue={set("user")} />
					<button class="main">{words.simGo}</button>
				</div>
				<Problem error={error} />
			</form>
			{tried ? <Tried tried={tried} /> : null}
		</section>
	);
}

const tabs = { status: Status, calls: Voice, outages: Outages,
	       history: History, numbers: Numbers };

export function Reports({ tenant, now })
{
	const name = tabs[now.rest[0]] ? now.rest[0] : "status";
	const Tab = tabs[name];

	return (
		<>
			<h1>{words.title}</h1>
			<nav class="tabs noprint" aria-label={words.title}>
				{Object.keys(tabs).map((each) => (
					<a key={each} href={`#/reports/${each}`}
						aria-current={each === name ? "page" : undefined}>
						{words.tabs[each]}</a>))}
			</nav>
			<Tab tenant={tenant} key={`${name}/${tenant}`} />
		</>
	);
}
