/* Sync: how a customer's Microsoft 365 is asked, how that stands, what came
   of it. The people are in sync_people.jsx. */

import { useEffect, useState } from "preact/hooks";

import { ask, get, href, path, post } from "./api.js";
import { SchemaForm } from "./form.jsx";
import { useObject } from "./object.jsx";
import { Dialog, errorsOf, Good, Problem, Sure, Table, useLoad, when }
	from "./parts.jsx";
import { strings, fill } from "./strings.js";
import { People } from "./sync_people.jsx";

const words = strings.sync;
const soon_days = 30, waiting_ms = 1000, resting_ms = 30000;

function whereOf(tenant)
{
	return path("tenants", tenant, "sync");
}

function stateOf(status)
{
	const step = status.progress && words.steps[status.progress.step];
	const pages = status.progress && status.progress.pages;

	return [words.states[status.state], step,
		pages ? fill(words.pages, { pages }) : null,
		status.node ? fill(words.on, { node: status.node }) : null]
		.filter(Boolean).join(", ");
}

function endsOf(days)
{
	return days === null ? words.daysUnknown : days < 0 ? words.daysOver
		: fill(words.daysLeft, { days });
}

/** What is not nothing of the counts */
function countsOf(last)
{
	return Object.entries(words.counts).filter(([name]) => last[name])
		.map(([name, text]) => fill(text, { n: last[name] })).join(", ")
		|| words.countsNone;
}

function dueOf(status)
{
	return status.due_ms ? when(status.due_ms) : words.onlyWhenAsked;
}

/** What was wrong, and what to do about it */
function Trouble({ problem })
{
	return problem ? (
		<div class="problem">
			<b>{problem.why}</b>
			{problem.advice ? <p>{problem.advice}</p> : null}
			{problem.request_id ? <small>{fill(words.requestId,
				{ id: problem.request_id })}</small> : null}
		</div>
	) : null;
}

function Guide({ open })
{
	return (
		<details class="guide" open={open}>
			<summary>{words.guide}</summary>
			<ol>{words.guideSteps.map(([text, parts], i) => (
				<li key={i}>{text}{parts ? <ul>{parts.map((p) =>
					<li key={p}>{p}</li>)}</ul> : null}</li>))}</ol>
		</details>
	);
}

function Settings({ tenant, object, may, onClose, onDone })
{
	const form = useObject({ object, initial: {}, at: whereOf(tenant),
		kind: "sync" });
	const known = useLoad((signal) => Promise.all([
		get("/schema/sync", {}, { signal }),
		get(path("tenants", tenant, "pbxs"), { limit: 1000 }, { signal }),
	]), [tenant]);

	const submit = async (e) => {
		e.preventDefault();
		if (await form.save())
			onDone();
	};

	if (!known.value)
		return <Dialog title={words.settings} onClose={onClose}>
			<Problem error={known.error} again={known.again} /></Dialog>;

	const [schema, { pbxs }] = known.value;

	if (pbxs.length)
		schema.properties.users.properties.pbx.enum = pbxs.map((p) => p.name);

	return (
		<Dialog wide onClose={onClose}
			title={fill(words.settingsOf, { tenant })}>
			<form onSubmit={submit} noValidate>
				<Guide open={!object} />
				<SchemaForm schema={schema} value={form.value}
					onChange={form.setValue} errors={errorsOf(form.error)}
					secrets={object ? object.secrets : []}
					readOnly={() => !may} />
				<Problem error={form.error} />
				{form.conflict(schema)}
				<footer>
					{may ? <button class="main" disabled={form.busy}>
						{strings.save}</button> : null}
					<button type="button" onClick={onClose}>
						{strings.cancel}</button>
				</footer>
			</form>
		</Dialog>
	);
}

/** What each permission came to when it was tried */
function Probes({ test })
{
	const told = (row) => row.good ? <span class="up">{words.granted}</span>
		: row.fault !== "denied" ? <b class="down">{words.notAsked}</b>
		: <b class={row.wanted ? "down" : ""}>{row.wanted ? words.missing
			: words.notNeeded}</b>;

	return (
		<section>
			<h2>{words.probes}</h2>
			<p>{when(test.ended_ms)}: {words.results[test.state]}</p>
			<Trouble problem={test.problem} />
			{test.probes ? <Table label={words.probes} rows={test.probes}
				rowKey={(r) => r.name} columns={[
					[words.permission, (r) => <code>{r.permission}</code>],
					[words.what, (r) => r.what],
					[words.result, told, { class: "long" }],
				]} /> : null}
		</section>
	);
}

function Status({ status })
{
	const { last } = status;
	const days = status.secret_days;

	return (
		<>
			{days !== null && days < soon_days ? <p class="problem">{days < 0
				? words.daysGone : fill(words.daysSoon, { days })}</p> : null}
			<dl>
				<dt>{words.state}</dt><dd><span role="status">{stateOf(status)}</span></dd>
				<dt>{words.last}</dt><dd>{last ? `${when(last.ended_ms)}: `
					+ [words.modes[last.mode], last.who, words.results[last.state]]
						.filter(Boolean).join(", ") : words.never}</dd>
				{last && last.state !== "failed" ? <><dt>{words.result}</dt>
					<dd>{countsOf(last)}</dd></> : null}
				<dt>{words.next}</dt><dd>{dueOf(status)}</dd>
				<dt>{words.ends}</dt><dd>{endsOf(days)}</dd>
			</dl>
			{last ? <Trouble problem={last.problem || last.note} /> : null}
			{status.denied_ms ? <p class="problem">{words.denied}</p> : null}
		</>
	);
}

/** The status, again and again; often while something is under way */
function useStatus(tenant, turn)
{
	const found = useLoad((signal) => get(whereOf(tenant) + "/status", {},
					      { signal }), [tenant, turn]);
	const busy = found.value && found.value.state !== "idle";

	useEffect(() => {
		if (!found.value)
			return undefined;

		const timer = setTimeout(found.again, busy ? waiting_ms : resting_ms);

		return () => clearTimeout(timer);
	}, [found.value]);

	return found;
}

function One({ tenant, object, may, again, onRun })
{
	const [turn, setTurn] = useState(0);
	const status = useStatus(tenant, turn);
	const [settings, setSettings] = useState(false);
	const [gone, setGone] = useState(false);
	const [error, setError] = useState(null);
	const st = status.value;

	const run = async (mode) => {
		try {
			await post(whereOf(tenant) + "/runs", { mode });
			setError(null);
			onRun();
			setTurn(turn + 1);
		}
		catch (failed) {
			setError(failed);
		}
	};

	const stop = async () => {
		try {
			await ask("DELETE", whereOf(tenant));
			setGone(false);
			again();
		}
		catch (failed) {
			setError(failed);
		}
	};

	if (!st)
		return status.error ? <Problem error={status.error}
			again={status.again} /> : <p aria-busy="true">{strings.loading}</p>;

	const button = (mode, text, main) => <button type="button"
		class={main ? "main" : ""} onClick={() => run(mode)}>{text}</button>;

	return (
		<>
			{may ? <div class="tools">
				{button("run", words.now, true)}
				{button("dry-run", words.dry)}
				{button("test", words.test)}
				{button("full", words.full)}
				<button type="button" onClick={() => setSettings(true)}>
					{words.settings}</button>
				<button type="button" onClick={() => setGone(true)}>
					{words.stop}</button>
			</div> : null}
			<Problem error={gone ? null : error || status.error} />
			<Status status={st} />
			{st.test ? <Probes test={st.test} /> : null}
			<p><a class="button" href={href(whereOf(tenant) + "/script")}
				download>{words.script}</a> <small>{words.scriptHelp}</small></p>
			<People {...{ tenant, may }} whys={st.whys} ran={st.ran_ms} />
			<Guide />
			{settings ? <Settings {...{ tenant, object, may }}
				onClose={() => setSettings(false)}
				onDone={() => { setSettings(false); again(); }} /> : null}
			{gone ? <Sure text={fill(words.reallyStop, { tenant })} error={error}
				onYes={stop} onClose={() => { setGone(false);
					setError(null); }} /> : null}
		</>
	);
}

function Unset({ tenant, may, again })
{
	const [settings, setSettings] = useState(false);

	return (
		<>
			<p>{words.intro}</p>
			{may ? <p><button type="button" class="main"
				onClick={() => setSettings(true)}>{words.setUp}</button></p>
				: null}
			<Guide open />
			{settings ? <Settings {...{ tenant, may }} object={null}
				onClose={() => setSettings(false)} onDone={again} /> : null}
		</>
	);
}

/** One customer's: set up, or not yet, or a customer file's */
function Customer({ tenant, may })
{
	const [done, setDone] = useState("");
	const found = useLoad((signal) => get(whereOf(tenant), {}, { signal })
		.then((object) => ({ object }), (failed) => {
			if (failed.status !== 404)
				throw failed;

			return get(path("tenants", tenant), {}, { signal })
				.then((t) => ({ object: null, file: t.managed === "file" }));
		}), [tenant]);
	const again = () => {
		setDone(strings.saved);
		found.again();
	};

	if (!found.value)
		return found.error ? <Problem error={found.error}
			again={found.again} /> : <p aria-busy="true">{strings.loading}</p>;
	if (found.value.file)
		return <p>{words.byFile}</p>;

	const { object } = found.value;

	return (
		<>
			{done ? <Good>{done}</Good> : null}
			{object ? <One key={object.revision} {...{ tenant, object, may,
				again }} onRun={() => setDone("")} /> : <Unset {...{ tenant, may, again }} />}
		</>
	);
}

function All({ setTenant })
{
	const list = useLoad((signal) => get("/syncs", {}, { signal })
		.then((v) => v.syncs), []);

	return (
		<>
			<Problem error={list.error} again={list.again} />
			<Table label={words.all} rows={list.value} empty={words.allNone}
				rowKey={(s) => s.tenant} columns={[
					[words.customer, (s) => <button type="button" class="link"
						onClick={() => setTenant(s.tenant)}
						aria-label={fill(words.choose, s)}>{s.tenant}</button>],
					[words.state, stateOf],
					[words.last, (s) => s.last ? when(s.last.ended_ms)
						: words.never],
					[words.result, (s) => s.last ? [words.results[s.last.state],
						(s.last.problem || s.last.note || {}).why]
						.filter(Boolean).join(": ") : "", { class: "long" }],
					[words.next, dueOf],
					[words.ends, (s) => endsOf(s.secret_days)],
				]} />
		</>
	);
}

export function Sync({ tenant, setTenant, may })
{
	return (
		<>
			<h1>{words.title}{tenant ? ` – ${tenant}` : ""}</h1>
			{tenant ? <Customer key={tenant} {...{ tenant, may }} />
				: <All setTenant={setTenant} />}
		</>
	);
}
