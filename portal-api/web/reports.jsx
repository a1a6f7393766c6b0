/* The support engineer's pages: who is not registered, what changed, and how
   calls went. */

import { useEffect, useRef } from "preact/hooks";
import Plot from "uplot";
import "uplot/dist/uPlot.min.css";

import { get } from "./api.js";
import { Indicator, Problem, Table, lasted, useLoad, usePages, when }
	from "./parts.jsx";
import { strings, fill } from "./strings.js";

const words = strings.reports;
const newest = 1000;

function Status({ tenant })
{
	const list = useLoad((signal) => get("/registrations",
		{ tenant, failing: true }, { signal }), [tenant]);

	return (
		<section>
			<h2>{words.status}</h2>
			<Problem error={list.error} again={list.again} />
			<button type="button" class="noprint" onClick={() => print()}>
				{words.print}</button>
			<Table label={words.status} empty={words.statusGood}
				rows={list.value && list.value.registrations}
				rowKey={(r) => `${r.tenant}/${r.upn}`} columns={[
					[words.state, (r) => <Indicator status={r} />],
					[strings.tenantLabel, (r) => r.tenant],
					[strings.users.pbx, (r) => r.pbx],
					[strings.users.user, (r) => r.upn],
					[strings.users.number, (r) => r.number],
					[words.since, (r) => when(r.since_s * 1000)],
					[words.reason, (r) => r.reason],
					[words.words, (r) => r.words],
					[words.advice, (r) => r.advice, { class: "long" }],
				]} />
		</section>
	);
}

function Changes({ tenant })
{
	const pages = usePages([tenant]);
	const list = useLoad((signal) => get("/registration-history", { tenant,
		limit: 50, cursor: pages.cursor }, { signal }), [tenant, pages.cursor]);

	return (
		<section class="noprint">
			<h2>{words.changes}</h2>
			<Problem error={list.error} again={list.again} />
			<Table label={words.changes} rows={list.value && list.value.changes}
				columns={[
					[words.time, (r) => when(r.since_s * 1000)],
					[strings.users.pbx, (r) => r.pbx],
					[strings.users.user, (r) => r.upn],
					[words.state, (r) => strings.states[r.state] || r.state],
					[words.reason, (r) => r.reason],
					[words.words, (r) => r.words],
				]} />
			{pages.buttons(list.value && list.value.next)}
		</section>
	);
}

const mean = (values) => values.length ?
	values.reduce((a, b) => a + b, 0) / values.length : null;

const worst = (call) => {
	const known = [call.teams.mos, call.pbxside.mos].filter((m) => m > 0);
	return known.length ? Math.min(...known) : null;
};

/** ASR, ACD, PDD, NER of calls (ITU-T E.411, E.425) */
function figures(calls)
{
	const answered = calls.filter((c) => c.answer_ms);
	const reached = calls.filter((c) => c.answer_ms ||
		["busy", "no_answer", "declined"].includes(c.result) ||
		c.result === "cancelled" && c.ring_ms);
	const rang = calls.filter((c) => c.ring_ms);

	return {
		attempts: calls.length,
		asr: answered.length / calls.length,
		ner: reached.length / calls.length,
		acd: mean(answered.map((c) => (c.end_ms - c.answer_ms) / 1000)),
		pdd: mean(rang.map((c) => (c.ring_ms - c.start_ms) / 1000)),
		mos: mean(calls.map(worst).filter((m) => m !== null)),
	};
}

function MosPlot({ calls })
{
	const ref = useRef(null);

	useEffect(() => {
		const rows = calls.map((c) => [c.start_ms / 1000, worst(c)])
			.filter(([, m]) => m !== null).sort((a, b) => a[0] - b[0]);
		const plot = new Plot({
			width: Math.max(280, ref.current.clientWidth - 30), height: 220,
			scales: { y: { range: [1, 5] } },
			series: [{}, { label: "MOS", stroke: "#1b4f72", paths: () => null,
				points: { show: true, size: 6, fill: "#1b4f72" } }],
		}, [rows.map((r) => r[0]), rows.map((r) => r[1])], ref.current);

		return () => plot.destroy();
	}, [calls]);

	return <div class="plot" role="img" aria-label={words.mosPlot} ref={ref} />;
}

function Quality({ tenant })
{
	const list = useLoad((signal) => get("/call-records", { tenant,
		limit: newest }, { signal }), [tenant]);
	const calls = list.value ? list.value.calls.filter((c) =>
		c.state === "ended") : [];
	const groups = {};
	const percent = (x) => `${(100 * x).toFixed(1)} %`;

	for (const call of calls)
		(groups[`${call.tenant} ${call.pbx}`] ||= []).push(call);

	return (
		<section class="noprint">
			<h2>{words.quality}</h2>
			<Problem error={list.error} again={list.again} />
			{calls.length ? <>
				<p>{fill(words.qualityText, { count: calls.length,
					time: when(calls[calls.length - 1].start_ms) })}</p>
				<MosPlot calls={calls} />
				<h3>{words.byPbx}</h3>
				<Table label={words.byPbx} rows={Object.entries(groups).map(
					([name, of]) => ({ name, ...figures(of) }))} columns={[
					[strings.users.pbx, (g) => g.name],
					[words.attempts, (g) => g.attempts],
					[words.asr, (g) => percent(g.asr)],
					[words.ner, (g) => percent(g.ner)],
					[words.acd, (g) => g.acd === null ? "" : lasted(g.acd)],
					[words.pdd, (g) => g.pdd === null ? ""
						: `${g.pdd.toFixed(1)} s`],
					[words.meanMos, (g) => g.mos === null ? ""
						: g.mos.toFixed(1)],
				]} />
			</> : <p class="empty">{list.value ? strings.none
				: strings.loading}</p>}
		</section>
	);
}

export function Reports({ tenant })
{
	return (
		<>
			<h1>{words.title}</h1>
			<Status tenant={tenant} />
			<Quality tenant={tenant} />
			<Changes tenant={tenant} />
		</>
	);
}
