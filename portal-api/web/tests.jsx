/* Reports of test runs that were kept. */

import { useState } from "preact/hooks";

import { ask, get, href, path } from "./api.js";
import { Dialog, Problem, Sure, Table, useLoad, usePages, when }
	from "./parts.jsx";
import { strings, fill } from "./strings.js";

const words = strings.tests;

function Verdict({ verdict })
{
	return <span class={verdict === "passed" ? "up"
		: verdict === "failed" ? "down" : ""}>{verdict}</span>;
}

function counted(counts)
{
	return Object.entries(counts || {}).filter(([, n]) => n)
		.map(([verdict, n]) => `${n} ${verdict}`)
		.join(", ");
}

/** Each step of each case, as rows of one table */
function steps(plan)
{
	return (plan.cases || []).flatMap((c) => (c.steps || []).map((s) =>
		({ title: c.title, ...s })));
}

function One({ run, onClose })
{
	const found = useLoad((signal) => get("/test-runs" + path(run.id), {},
		{ signal }), [run.id]);
	const plans = found.value ? found.value.report.plans || [] : [];

	return (
		<Dialog wide title={fill(words.one, { time: when(run.time_ms) })}
			onClose={onClose}>
			<Problem error={found.error} again={found.again} />
			{found.value ? <p><Verdict verdict={run.verdict} />:{" "}
				{counted(run.counts)}{" "}
				<a class="button" download={`test-run-${run.id}.json`}
					href={href("/test-runs" + path(run.id))}>
					{words.download}</a></p>
				: <p aria-busy="true">{strings.loading}</p>}
			{plans.map((plan, i) => <section key={i}>
				<h3>{plan.title || plan.plan}</h3>
				<Table label={plan.title || plan.plan} rows={steps(plan)}
					columns={[
						[words.verdict, (s) => <Verdict verdict={s.verdict} />],
						[words.case, (s) => s.title, { class: "long" }],
						[words.step, (s) => s.step, { class: "long" }],
						[words.observed, (s) => s.observed, { class: "long" }],
						[words.advice, (s) => s.advice, { class: "long" }],
					]} />
			</section>)}
		</Dialog>
	);
}

export function Tests({ tenant, may })
{
	const pages = usePages([tenant]);
	const list = useLoad((signal) => get("/test-runs", { tenant, limit: 50,
		cursor: pages.cursor }, { signal }), [tenant, pages.cursor]);
	const [shown, setShown] = useState(null);
	const [gone, setGone] = useState(null);
	const [error, setError] = useState(null);

	const remove = async () => {
		try {
			await ask("DELETE", "/test-runs" + path(gone.id));
			setGone(null);
			list.again();
		}
		catch (failed) {
			setError(failed);
		}
	};

	return (
		<>
			<h1>{words.title}</h1>
			<p>{words.how}</p>
			<pre>{words.command}</pre>
			<Problem error={list.error} again={list.again} />
			<Table label={words.title} rows={list.value && list.value.test_runs}
				empty={words.none} rowKey={(r) => r.id} columns={[
					[words.kept, (r) => <button type="button" class="link"
						onClick={() => setShown(r)}>{when(r.time_ms)}</button>],
					[strings.tenantLabel, (r) => r.tenant],
					[words.who, (r) => r.who],
					[words.verdict, (r) => <Verdict verdict={r.verdict} />],
					[words.counts, (r) => counted(r.counts)],
					[words.plans, (r) => [].concat(r.plans || []).map((p) =>
						typeof p === "string" ? p : p.title || p.plan)
						.join(", ")],
					["", (r) => may ? <button type="button"
						aria-label={`${strings.remove} ${when(r.time_ms)}`}
						onClick={() => { setError(null); setGone(r); }}>
						{strings.remove}</button> : null],
				]} />
			{pages.buttons(list.value && list.value.next)}
			{shown ? <One run={shown} onClose={() => setShown(null)} /> : null}
			{gone ? <Sure text={fill(strings.reallyRemove,
				{ name: when(gone.time_ms) })} error={error} onYes={remove}
				onClose={() => setGone(null)} /> : null}
		</>
	);
}
