/* Tests of PBXs: those that run, and reports that are kept. */

import { useEffect, useState } from "preact/hooks";

import { ask, get, path } from "./api.js";
import { Dialog, Problem, Sure, Table, useLoad, usePages, when }
	from "./parts.jsx";
import { Begin } from "./test_begin.jsx";
import { Test, Verdict, counted, verdictOf, whatOf } from "./test_run.jsx";
import { strings, fill } from "./strings.js";

const words = strings.tests;
const look_ms = 5000;           /* while something runs */

function Compare({ runs, onClose })
{
	const [old, now] = [...runs].sort((a, b) => a.time_ms - b.time_ms);
	const found = useLoad((signal) => get("/test-runs/compare",
		{ old: old.id, new: now.id }, { signal }), [old.id, now.id]);

	return (
		<Dialog wide title={words.compare} onClose={onClose}>
			<p>{fill(words.compared, { old: when(old.time_ms),
				now: when(now.time_ms) })}</p>
			<Problem error={found.error} />
			{found.value ? <>
				<p><b class={found.value.worse ? "down" : "up"}>
					{found.value.worse ? fill(words.worse,
						{ count: found.value.worse }) : words.notWorse}</b></p>
				<pre tabindex="0">{found.value.text}</pre></>
				: <p aria-busy="true">{strings.loading}</p>}
		</Dialog>
	);
}

function List({ tenant, may })
{
	const pages = usePages([tenant]);
	const list = useLoad((signal) => get("/test-runs", { tenant, limit: 50,
		cursor: pages.cursor }, { signal }), [tenant, pages.cursor]);
	const [gone, setGone] = useState(null);
	const [error, setError] = useState(null);
	const [chosen, setChosen] = useState([]);
	const [comparing, setComparing] = useState(false);
	const rows = list.value && list.value.test_runs;
	const runs = rows && rows.some((r) => r.node);

	useEffect(() => {
		if (!runs)
			return undefined;

		const timer = setInterval(list.again, look_ms);
		return () => clearInterval(timer);
	}, [runs]);

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

	const choose = (run, on) => setChosen(on ? [...chosen.slice(-1), run]
		: chosen.filter((c) => c.id !== run.id));

	return (
		<>
			<h1>{words.title}</h1>
			<p class="tools">
				{may ? <a class="button" href="#/tests/begin">
					{words.begin.title}</a> : null}
				<button type="button" disabled={chosen.length !== 2}
					onClick={() => setComparing(true)}>{words.compare}</button>
			</p>
			<Problem error={list.error} again={list.again} />
			<Table label={words.title} rows={rows} empty={words.none}
				rowKey={(r) => r.id} columns={[
					["", (r) => <input type="checkbox" disabled={Boolean(r.node)}
						aria-label={fill(words.choose, { time: when(r.time_ms) })}
						checked={chosen.some((c) => c.id === r.id)}
						onChange={(e) => choose(r, e.currentTarget.checked)} />],
					[words.time, (r) => <a href={`#/tests/${r.id}`}>
						{when(r.time_ms)}</a>],
					[strings.tenantLabel, (r) => r.tenant],
					[words.pbx, (r) => r.pbx],
					[words.what, (r) => whatOf(r)],
					[words.verdict, (r) => <Verdict verdict={verdictOf(r)} />],
					[words.counts, (r) => counted(r.counts)],
					[words.who, (r) => r.who],
					["", (r) => may && !r.node ? <button type="button"
						aria-label={`${strings.remove} ${when(r.time_ms)}`}
						onClick={() => { setError(null); setGone(r); }}>
						{strings.remove}</button> : null],
				]} />
			{pages.buttons(list.value && list.value.next)}
			<p>{words.how}</p>
			<pre tabindex="0">{words.command}</pre>
			{comparing ? <Compare runs={chosen}
				onClose={() => setComparing(false)} /> : null}
			{gone ? <Sure text={fill(strings.reallyRemove,
				{ name: when(gone.time_ms) })} error={error} onYes={remove}
				onClose={() => setGone(null)} /> : null}
		</>
	);
}

/** #/tests, #/tests/begin, #/tests/ID */
export function Tests(props)
{
	const [first] = props.now.rest;

	if (first === "begin" && props.may)
		return <Begin {...props} />;

	return first ? <Test id={first} {...props} /> : <List {...props} />;
}
