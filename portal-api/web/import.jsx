/* Many users at once, out of a CSV file: checked first, then all or nothing. */

import { useState } from "preact/hooks";

import { ask, get, path, query } from "./api.js";
import { Dialog, Field, Good, Problem, Select, Table, said } from "./parts.jsx";
import { strings, fill } from "./strings.js";

const words = strings.users;
const askAgain_ms = 300;

/** Follow an import until it has ended, telling its state on the way */
async function follow(location, onState)
{
	const where = location.replace(/^\/api\/v1/, "");

	for (;;) {
		const state = await get(where);

		onState(state);
		if (state.state !== "running")
			return;

		await new Promise((resolve) => setTimeout(resolve, askAgain_ms));
	}
}

function Outcome({ state })
{
	if (state.state === "running") {
		return (
			<div role="status">
				<progress max={state.total || 1} value={state.done}
					aria-label={words.importCsv} />
				{fill(words.progress, state)}
			</div>
		);
	}

	if (state.state === "done")
		return <Good>{fill(state.dry_run ? words.would : words.did, state)}</Good>;

	return (
		<>
			<p class="problem" role="alert">{fill(words.errors,
				{ count: state.error_count || state.errors.length })}</p>
			<Table label={words.problem} rows={state.errors} columns={[
				[words.line, (e) => e.line], [words.field, (e) => e.field],
				[words.problem, said, { class: "long" }],
			]} />
		</>
	);
}

export function ImportDialog({ tenant, onClose })
{
	const [file, setFile] = useState(null);
	const [mode, setMode] = useState("merge");
	const [state, setState] = useState(null);
	const [error, setError] = useState(null);
	const busy = state && state.state === "running";

	const run = async (dry_run) => {
		setError(null);
		try {
			const answer = await ask("POST", query(
				path("tenants", tenant, "users", "import"),
				{ mode, dry_run }), await file.text(), { type: "text/csv" });

			await follow(answer.location, setState);
		}
		catch (failed) {
			setError(failed);
		}
	};

	return (
		<Dialog wide title={words.importCsv} onClose={onClose}>
			<Field label={words.file} help={words.fileHelp}>{(a) =>
				<input {...a} type="file" accept=".csv,text/csv" onChange={(e) => {
					setFile(e.currentTarget.files[0]);
					setState(null);
				}} />}
			</Field>
			<Select label={words.mode} value={mode} onValue={setMode}
				options={Object.entries(words.modes)} />
			<Problem error={error} />
			{state ? <Outcome state={state} /> : null}
			<footer>
				<button type="button" disabled={!file || busy}
					onClick={() => run(true)}>{words.check}</button>
				<button type="button" class="main" disabled={!file || busy}
					onClick={() => run(false)}>{words.importNow}</button>
				<button type="button" onClick={onClose}>{strings.close}</button>
			</footer>
		</Dialog>
	);
}
