/* One test: watched while it runs, with what people are asked; its report
   when it is over. */

import { useEffect, useRef, useState } from "preact/hooks";

import { get, href, patch, path, post, runEvents } from "./api.js";
import { Good, Problem, Table, lasted, useLoad, when } from "./parts.jsx";
import { strings, fill } from "./strings.js";

const words = strings.tests;

/** Nobody stopped it: of all that was chosen nothing could be tried */
export function verdictOf({ verdict, counts })
{
	return verdict === "stopped" && counts && counts.skipped &&
		!counts.stopped && !counts.failed && !counts.passed ? "nothing"
		: verdict;
}

export function Verdict({ verdict })
{
	const look = { passed: "up", pass: "up", failed: "down", fail: "down",
		       warn: "soon", interrupted: "soon", stopped: "soon", nothing: "soon" };

	return <span class={look[verdict] || ""}>
		{words.verdicts[verdict] || verdict || "…"}</span>;
}

export function counted(counts)
{
	return Object.entries(counts || {}).filter(([, n]) => n)
		.map(([name, n]) => `${n} ${words.verdicts[name] || name}`)
		.join(", ");
}

export function whatOf(run)
{
	return run.kind === "readiness" ? words.readiness
		: [].concat(run.plans || []).map((p) => typeof p === "string" ? p
			: p.title || p.plan).join(", ");
}

/* What was told, as plans with their cases and steps */

function fold(told)
{
	const now = { note: "", plans: [], findings: [], question: null,
		      wait: null, last: "" };
	const last = (list) => list[list.length - 1];

	for (const ev of told) {
		const plan = last(now.plans);
		const cas = plan && last(plan.cases);
		const step = cas && last(cas.steps);

		now.wait = ev.event === "wait" ? ev : null;
		if (ev.event === "note" || ev.event === "ends")
			now.note = ev.text;
		if (ev.event === "ends")
			now.ends = true;
		if (ev.event === "plan") {
			now.plans.push({ plan: ev.name, title: ev.text, cases: [] });
			now.note = "";
		}
		if (ev.event === "case" && plan)
			plan.cases.push({ id: ev.name, title: ev.text, steps: [] });
		if (ev.event === "step" && cas)
			cas.steps.push({ step: ev.text, verdict: "running" });
		if (ev.event === "step-end" && step) {
			Object.assign(step, ev);
			now.last = `${ev.text}: ${words.verdicts[ev.verdict]}`;
		}
		if (ev.event === "case-end" && cas) {
			cas.verdict = ev.verdict;
			cas.reason = ev.observed;
		}
		if (ev.event === "finding") {
			now.findings.push(ev);
			now.last = `${ev.title}: ${words.verdicts[ev.verdict]}`;
		}
		if (ev.event === "question")
			now.question = ev;
		if (["answered", "step-end", "ends", "end"].includes(ev.event))
			now.question = null;
	}

	return now;
}

/** What it tells, as it tells it. onOver: its report can be fetched */
function useTold(id, onOver)
{
	const [told, setTold] = useState([]);

	useEffect(() => runEvents(id, (ev) => {
		if (ev.event === "over")
			onOver();
		else
			setTold((old) => old.length &&
				old[old.length - 1].event === "wait"
				? [...old.slice(0, -1), ev] : [...old, ev]);
	}, onOver), [id]);

	return told;
}

/* Somebody is to do something, and to say whether it happened */

function Question({ run, question })
{
	const [note, setNote] = useState("");
	const [error, setError] = useState(null);
	const [busy, setBusy] = useState(false);
	const ref = useRef(null);

	useEffect(() => {
		setNote("");
		setError(null);
		setBusy(false);
		ref.current.focus();
	}, [question.question]);

	const answer = async (what) => {
		setBusy(true);
		try {
			await post("/test-runs" + path(run, "answer"), {
				question: question.question, answer: what,
				...(note.trim() ? { note: note.trim() } : {}) });
		}
		catch (failed) {
			setError(failed);
			setBusy(false);
		}
	};

	const choices = question.choice
		? [["pass", words.yes], ["fail", words.no]]
		: [["pass", words.done], ["fail", words.cannot]];

	return (
		<section class="question" aria-label={words.asked}>
			<h2 ref={ref} tabindex="-1">{question.text}</h2>
			<p class="buttons">
				{choices.map(([what, text], i) => <button key={what}
					type="button" class={i ? "" : "main"} disabled={busy}
					onClick={() => answer(what)}>{text}</button>)}
				<button type="button" class="quiet" disabled={busy}
					onClick={() => answer("skip")}>{words.skip}</button>
			</p>
			<label>{words.note}
				<input name="note" value={note} maxLength={200}
					onInput={(e) => setNote(e.currentTarget.value)} /></label>
			<Problem error={error} />
		</section>
	);
}

/* Plans and findings, alike while it runs and afterwards */

function steps(plan)
{
	return plan.cases.flatMap((c) => c.steps && c.steps.length
		? c.steps.map((s) => ({ title: c.title, ...s }))
		: [{ title: c.title, step: "", verdict: c.verdict,
		     observed: c.reason }]);
}

function Plan({ plan })
{
	return (
		<section>
			<h2>{plan.title || plan.plan}</h2>
			<Table label={plan.title || plan.plan} rows={steps(plan)}
				columns={[
					[words.verdict, (s) => <Verdict verdict={s.verdict} />],
					[words.case, (s) => s.title, { class: "long" }],
					[words.step, (s) => s.step, { class: "long" }],
					[words.observed, (s) => <>{s.observed}
						{s.note ? <em class="remark">{s.note}</em> : null}</>,
						{ class: "long" }],
					[words.advice, (s) => s.advice, { class: "long" }],
				]} />
		</section>
	);
}

function Findings({ findings })
{
	return <Table label={words.readiness} rows={findings} columns={[
		[words.verdict, (f) => <Verdict verdict={f.verdict} />],
		[words.check, (f) => f.title, { class: "long" }],
		[words.observed, (f) => f.evidence, { class: "long" }],
		[words.advice, (f) => <>{f.advice} {f.advice && f.field
			? <code>{f.field}</code> : null}</>, { class: "long" }],
	]} />;
}

/* While it runs */

function Watch({ run, mayChange, onOver })
{
	const now = fold(useTold(run.id, onOver));
	const [error, setError] = useState(null);
	const [stopping, setStopping] = useState(false);

	const stop = async () => {
		setStopping(true);
		try {
			await post("/test-runs" + path(run.id, "stop"));
		}
		catch (failed) {
			setError(failed);
			setStopping(false);
		}
	};

	return (
		<>
			<p class="tools">
				<span><b>{now.ends ? words.ends : fill(words.runs,
					{ node: run.node })}</b>{" "}
					{now.note}</span>
				{mayChange && !now.ends ? <button type="button" class="danger" onClick={stop}
					disabled={stopping}>{words.stop}</button> : null}
			</p>
			<p class="hidden" role="status">{now.last}</p>
			<Problem error={error} />
			{now.question ? mayChange
				? <Question run={run.id} question={now.question} />
				: <p class="question">{now.question.text}</p> : null}
			{now.wait ? <label class="wait">
				<progress value={now.wait.done_ms} max={now.wait.total_ms} />
				{fill(words.wait, { done: lasted(now.wait.done_ms / 1000),
					total: lasted(now.wait.total_ms / 1000) })}</label> : null}
			{now.plans.map((plan, i) => <Plan key={i} plan={plan} />)}
			{now.findings.length ? <Findings findings={now.findings} /> : null}
		</>
	);
}

/* When it is over */

function captures(report)
{
	return (report.plans || []).flatMap((plan) => (plan.cases || [])
		.flatMap((c) => (c.captures || []).map((file) =>
			({ title: c.title, name: file.split("/").pop() }))));
}

function Downloads({ run, report })
{
	const where = "/test-runs" + path(run.id, "report");
	const files = captures(report);

	return (
		<>
			<p class="tools">
				<a class="button" target="_blank" rel="noreferrer"
					href={href(where, { format: "html" })}>{words.page}</a>
				{["html", "json", "junit"].map((format) => <a key={format}
					class="button" href={href(where, { format })} download={
						`test-${run.id}.${format === "junit" ? "xml" : format}`}>
					{words.downloads[format]}</a>)}
				<button type="button" onClick={() => print()}>
					{words.print}</button>
			</p>
			{files.length ? <details><summary>{words.captures}</summary>
				<ul>{files.map((f) => <li key={f.name}><a download={f.name}
					href={href("/test-runs" + path(run.id, "report-captures",
						f.name))}>{f.title}: {f.name}</a></li>)}</ul>
			</details> : null}
		</>
	);
}

/** Something passed, and something did not: nobody need do the first again */
function mayGoOn(run)
{
	const verdicts = (run.report && run.report.plans || [])
		.flatMap((plan) => (plan.cases || []).map((c) => c.verdict));

	return run.pbx && run.plans.length === 1 && run.verdict !== "passed" &&
		verdicts.includes("passed");
}

function Report({ run, mayChange, setTenant })
{
	const report = run.report || {};
	const [error, setError] = useState(null);
	const [kept, setKept] = useState(run.keep);

	const keep = async (on) => {
		setKept(on);
		try {
			await patch("/test-runs" + path(run.id), { keep: on });
			setError(null);
		}
		catch (failed) {
			setKept(!on);
			setError(failed);
		}
	};

	return (
		<>
			<p><Verdict verdict={verdictOf(run)} />{counted(run.counts)
				? `: ${counted(run.counts)}` : ""}</p>
			{report.error ? <p class="problem">{report.error}</p> : null}
			<Downloads run={run} report={report} />
			<Problem error={error} />
			{mayChange && mayGoOn(run) ? <p class="noprint"><a class="button"
				onClick={() => setTenant(run.tenant)}
				href={`#/tests/begin?${new URLSearchParams({ pbx: run.pbx,
					plan: run.plans[0], resume: run.id })}`}>
				{words.goOn}</a></p> : null}
			{mayChange ? <label class="check"><input type="checkbox" name="keep"
				checked={kept} onChange={(e) =>
					keep(e.currentTarget.checked)} /> {words.keep}</label>
				: null}
			{(report.plans || []).map((plan, i) =>
				<Plan key={i} plan={{ cases: [], ...plan }} />)}
			{report.findings ? <Findings findings={report.findings} /> : null}
		</>
	);
}

/** #/tests/ID */
export function Test({ id, session, may, setTenant })
{
	const found = useLoad((signal) => get("/test-runs" + path(id), {},
		{ signal }), [id]);
	const [over, setOver] = useState(false);
	const run = found.value;
	const mayChange = may && run && (session.role === "msp-admin" ||
		session.tenant === run.tenant);

	const ended = () => {
		setOver(true);
		found.again();
	};

	if (!run)
		return <><h1>{words.title}</h1>
			<p><a href="#/tests">{words.all}</a></p>
			{found.error ? <Problem error={found.error} again={found.again} />
				: <p aria-busy="true">{strings.loading}</p>}</>;

	return (
		<>
			<p class="noprint"><a href="#/tests">{words.all}</a></p>
			<h1>{run.pbx ? fill(words.one, { what: whatOf(run),
				pbx: run.pbx }) : whatOf(run)}</h1>
			<p>{fill(words.begun, { time: when(run.time_ms),
				who: run.who })}</p>
			{over && !run.node ? <Good>{words.over}</Good> : null}
			{run.node ? <Watch run={run} mayChange={mayChange}
				onOver={ended} />
				: <Report run={run} mayChange={mayChange}
					setTenant={setTenant} />}
		</>
	);
}
