/* Many users at once: on, off, registered now, settings that are the same for
   all of them, removed. One that fails does not stop the others. */

import { useRef, useState } from "preact/hooks";

import { ask, get, patch, path, post, query } from "./api.js";
import { Dialog, Good, Problem, Sure, Table, useLoad } from "./parts.jsx";
import { Leaf, label } from "./form.jsx";
import { withPbxs } from "./object.jsx";
import { strings, fill } from "./strings.js";

const words = strings.users;
const selectMax = 1000;         /* more at once is what files are for */
const atOnce = 4;

const where = (u) => path("tenants", u.tenant, "users", u.name);

/**
 * Do something with each of the users, some at a time
 *
 * @param onCount  (done) on the way; true stops
 *
 * @return [[user, error]...] of those that failed, or were not come to
 */
async function withEach(users, act, onCount)
{
	const left = [...users], failed = [];
	let done = 0, stop = false;

	const worker = async () => {
		while (left.length && !stop) {
			const user = left.shift();

			try {
				await act(user);
			}
			catch (error) {
				failed.push([user, error]);
			}
			stop = onCount(++done) || stop;
		}
	};

	await Promise.all(Array.from({ length: atOnce }, worker));

	return [...failed, ...left.map((user) => [user, null])];
}

/** Fields that can be the same for many */
function shared(schema, session)
{
	return Object.entries(schema.properties).filter(([name, s]) =>
		!["upn", "number", "sip_username", "sip_auth_username", "name",
		  "enabled"].includes(name) && s.type !== "object" &&
		!(s.items && s.items.type === "object") &&
		(session.role.startsWith("msp-") || !s["x-msp"]));
}

function EditMany({ count, session, pbxs, onClose, onGo })
{
	const [value, setValue] = useState({});
	const [ticked, setTicked] = useState({});
	const schema = useLoad((signal) => get("/schema/user", {}, { signal })
		.then((s) => withPbxs(s, pbxs)), []);
	const names = Object.keys(ticked).filter((n) => ticked[n]);

	const submit = (e) => {
		e.preventDefault();
		onGo(Object.fromEntries(names.map((n) =>
			[n, value[n] === undefined ? null : value[n]])));
	};

	return (
		<Dialog wide title={fill(words.editMany, { count })} onClose={onClose}>
			<form onSubmit={submit} noValidate>
				<p>{words.editHelp}</p>
				<Problem error={schema.error} />
				{schema.value ? <div class="form">
					{shared(schema.value, session).map(([name, s]) =>
						<div key={name}>
							<label class="check"><input type="checkbox"
								checked={Boolean(ticked[name])} onChange={(e) =>
									setTicked({ ...ticked,
										[name]: e.currentTarget.checked })} />
								{fill(words.change, { field: label(name, s) })}
							</label>
							{ticked[name] ? <Leaf name={name} path={name}
								schema={s} value={value[name]} onChange={(v) =>
									setValue({ ...value, [name]: v })} /> : null}
						</div>)}
				</div> : null}
				<footer>
					<button class="main" disabled={!names.length}>
						{strings.save}</button>
					<button type="button" onClick={onClose}>
						{strings.cancel}</button>
				</footer>
			</form>
		</Dialog>
	);
}

function Failed({ failed })
{
	return (
		<div class="problem" role="alert">
			{fill(words.bulkFailed, failed)}
			<Table label={words.problem} rows={failed.rows.slice(0, 100)}
				columns={[
					[words.user, ([u]) => u.name],
					[words.problem, ([, error]) => error ? error.message : "–"],
				]} />
		</div>
	);
}

/** All that the filter finds, page by page */
async function findAll(base, filter)
{
	const all = [];
	let cursor = null;

	do {
		const page = await get(base, { ...filter, limit: selectMax, cursor });

		all.push(...page.users.filter((u) => u.managed === "store"));
		cursor = page.next;
	} while (cursor && all.length < selectMax);

	return all.slice(0, selectMax);
}

/**
 * @param chosen  users that are selected
 * @param found   how many the filter finds, null: not known
 */
export function Bulk({ chosen, setChosen, found, filter, base, session, pbxs,
		       tenant, onDone })
{
	const [sure, setSure] = useState(false);
	const [editing, setEditing] = useState(false);
	const [count, setCount] = useState(null);
	const [told, setTold] = useState(null);
	const stop = useRef(false);

	const run = async (act) => {
		const users = chosen;

		stop.current = false;
		setTold(null);
		setCount(0);

		const failed = await withEach(users, act, (n) => {
			setCount(n);
			return stop.current;
		});

		setCount(null);
		setChosen(failed.map(([u]) => u));
		setTold({ count: users.length - failed.length,
			  failed: failed.length, rows: failed });
		onDone();
	};

	const everything = async () => {
		try {
			setChosen(await findAll(base, filter));
		}
		catch (error) {
			setTold({ error });
		}
	};

	return (
		<>
			{told && told.error ? <Problem error={told.error} /> : null}
			{told && told.rows && told.rows.length ? <Failed failed={told} />
				: null}
			{told && told.rows && !told.rows.length ? <Good>{fill(
				words.bulkDone, told)}</Good> : null}
			{count !== null ? <p role="status">
				<progress max={chosen.length} value={count}
					aria-label={words.progressLabel} />
				{fill(words.progress, { done: count, total: chosen.length })}{" "}
				<button type="button" onClick={() => { stop.current = true; }}>
					{words.stop}</button></p> : null}
			{chosen.length && count === null ? <div class="tools" role="group"
				aria-label={fill(words.selected, { count: chosen.length })}>
				<span>{fill(words.selected, { count: chosen.length })}</span>
				{found > chosen.length && chosen.length < selectMax ?
					<button type="button" onClick={everything}>
						{fill(found > selectMax ? words.selectFoundMax
							: words.selectFound, { count: found,
							max: selectMax })}</button> : null}
				<button type="button" onClick={() => run((u) =>
					patch(where(u), { enabled: true }))}>{words.enable}</button>
				<button type="button" onClick={() => run((u) =>
					patch(where(u), { enabled: false }))}>
					{words.disable}</button>
				<button type="button" onClick={() => run((u) => post(query(
					`/registrations${path(u.name)}/retry`,
					{ tenant: u.tenant })))}>{words.register}</button>
				<button type="button" onClick={() => setEditing(true)}>
					{words.edit}</button>
				<button type="button" onClick={() => setSure(true)}>
					{strings.remove}</button>
				<button type="button" class="quiet" onClick={() =>
					setChosen([])}>{words.clear}</button>
			</div> : null}
			{editing ? <EditMany count={chosen.length} session={session}
				pbxs={tenant ? pbxs : []} onClose={() => setEditing(false)}
				onGo={(change) => { setEditing(false);
					run((u) => patch(where(u), change)); }} /> : null}
			{sure ? <Sure text={fill(words.reallyRemove,
				{ count: chosen.length })} onClose={() => setSure(false)}
				onYes={() => { setSure(false);
					run((u) => ask("DELETE", where(u))); }} /> : null}
		</>
	);
}
