/* People of Microsoft 365 beside the users here: why each is listed or not,
   what Teams has, and users made of people. */

import { useEffect, useState } from "preact/hooks";

import { get, path, post, query } from "./api.js";
import { Dialog, Good, Input, Problem, Select, Table, useLoad, usePages,
	 useRested, when } from "./parts.jsx";
import { strings, fill } from "./strings.js";

const words = strings.sync;

/* what may be said of somebody who is to be a user */
const columns = [["number", words.number], ["sip_username", words.sip]];

function Why({ row })
{
	return (
		<>
			<b class={row.ready ? "up" : row.user ? "down" : ""}>
				{words.whys[row.why] || row.why}</b>
			{row.advice ? <div>{row.reason}: {row.advice}</div> : null}
			{row.note ? <div>{row.note}</div> : null}
		</>
	);
}

function Teams({ teams })
{
	return teams ? (
		<span title={when(teams.time_ms)}>
			<b class={teams.state === "failed" ? "down" : teams.state === "there"
				? "up" : ""}>{words.given[teams.state]}</b>
			{teams.number ? <div>{fill(words.teamsHas, teams)}</div> : null}
			{teams.why ? <div>{teams.why}</div> : null}
		</span>
	) : null;
}

/** What was said of somebody, else what would become of them */
function cell(row, said, name)
{
	const mine = said[row.id] || {};

	return mine[name] !== undefined ? mine[name]
		: row.value && row.value[name] || "";
}

/** One that is to be a user: each cell can be changed */
function Cell({ row, said, onSay, name, title, type })
{
	return <input name={`${name}-${row.id}`} type={type || "text"}
		aria-label={`${title}: ${row.value ? row.value.upn : row.id}`}
		autocomplete={type ? "new-password" : "off"} spellcheck={false}
		aria-invalid={row.errors.some((e) => e.field === name)
			? "true" : undefined}
		value={cell(row, said, name)}
		onInput={(e) => onSay(row.id, name, e.currentTarget.value)} />;
}

function Make({ tenant, ids, onClose, onDone })
{
	const [said, setSaid] = useState({});
	const [rows, setRows] = useState(null);
	const [error, setError] = useState(null);
	const [busy, setBusy] = useState(false);
	const where = path("tenants", tenant, "sync", "users");
	const pbxs = useLoad((signal) => get(path("tenants", tenant, "pbxs"),
		{ limit: 1000 }, { signal }).then((v) => v.pbxs.map((p) => p.name)),
		[tenant]);

	const users = () => ids.map((id) => ({ id, ...Object.fromEntries(
		Object.entries(said[id] || {}).filter(([, v]) => v !== "")) }));

	const check = async () => {
		const told = await post(query(where, { dry_run: true }),
					{ users: users() });

		setRows(told.users);
		return told.users.every((row) => !row.errors.length);
	};

	const go = async (really) => {
		setBusy(true);
		setError(null);
		try {
			if (await check() && really)
				onDone((await post(where, { users: users() })).created);
		}
		catch (failed) {
			setError(failed);
		}
		setBusy(false);
	};

	useEffect(() => { go(false); }, []);

	const say = (id, name, v) =>
		setSaid({ ...said, [id]: { ...said[id], [name]: v } });

	return (
		<Dialog wide title={fill(words.makeTitle, { count: ids.length })}
			onClose={onClose}>
			<form onSubmit={(e) => { e.preventDefault(); go(true); }}>
				<p>{words.makeHelp}</p>
				<Table label={words.makeTitle} rows={rows} rowKey={(r) => r.id}
					columns={[
						[words.person, (r) => r.value ? <>{r.value.name}
							<div>{r.value.upn}</div></> : r.id, { class: "long" }],
						[words.pbx, (r) => <select name={`pbx-${r.id}`}
							aria-label={`${words.pbx}: ${r.value
								? r.value.upn : r.id}`}
							value={cell(r, said, "pbx")} onChange={(e) =>
								say(r.id, "pbx", e.currentTarget.value)}>
							<option value="">–</option>
							{(pbxs.value || []).map((p) =>
								<option key={p} value={p}>{p}</option>)}
						</select>],
						...columns.map(([name, title]) => [title, (r) => <Cell
							{...{ row: r, said, name, title }} onSay={say} />]),
						[words.password, (r) => <Cell {...{ row: r, said }}
							onSay={say} name="sip_password"
							title={words.password} type="password" />],
						[words.wrong, (r) => r.errors.length ? <ul>
							{r.errors.map((e, i) => <li key={i} class="down">
								{e.field ? `${e.field}: ` : ""}{e.error}</li>)}
						</ul> : <span class="up">{words.fine}</span>,
						{ class: "long" }],
					]} />
				<Problem error={error || pbxs.error} />
				<footer>
					<button type="button" disabled={busy}
						onClick={() => go(false)}>{words.check}</button>
					<button class="main" disabled={busy || !rows}>
						{words.makeNow}</button>
					<button type="button" onClick={onClose}>
						{strings.cancel}</button>
				</footer>
			</form>
		</Dialog>
	);
}

const canBecome = (row) => row.why === "no_pbx_account";

export function People({ tenant, may, whys, ran })
{
	const [why, setWhy] = useState("");
	const [typed, setTyped] = useState("");
	const [chosen, setChosen] = useState([]);
	const [making, setMaking] = useState(false);
	const [done, setDone] = useState("");
	const [turn, setTurn] = useState(0);
	const q = useRested(typed);
	const pages = usePages([why, q, ran]);
	const found = useLoad((signal) => get(path("tenants", tenant, "sync",
		"people"), { why, q, cursor: pages.cursor, limit: 50 }, { signal }),
		[tenant, why, q, pages.cursor, ran, turn]);
	const rows = found.value && found.value.people;
	const able = (rows || []).filter(canBecome);
	const total = Object.values(whys).reduce((a, b) => a + b, 0);

	const toggle = (id) => setChosen(chosen.includes(id)
		? chosen.filter((c) => c !== id) : [...chosen, id]);
	const allOn = able.length > 0 && able.every((r) => chosen.includes(r.id));

	return (
		<section>
			<h2>{words.people}</h2>
			{done ? <Good>{done}</Good> : null}
			<div class="tools">
				<div class="search"><Input label={words.search} type="search"
					value={typed} onValue={setTyped} /></div>
				<Select label={words.why} value={why} onValue={setWhy}
					options={[["", fill(words.whyAll, { count: total })],
						...Object.entries(whys).map(([name, count]) => [name,
							`${words.whys[name] || name} (${count})`])]} />
				{may ? <button type="button" class="main"
					disabled={!chosen.length} onClick={() => setMaking(true)}>
					{fill(words.make, { count: chosen.length })}</button> : null}
			</div>
			<Problem error={found.error} again={found.again} />
			<Table label={words.people} rows={rows} empty={words.peopleNone}
				rowKey={(r) => `${r.upn} ${r.id}`} columns={[
					...may ? [[<input type="checkbox" checked={allOn}
						disabled={!able.length} aria-label={words.selectAll}
						onChange={() => setChosen(allOn ? chosen.filter((c) =>
							!able.some((r) => r.id === c)) : [...new Set(
							[...chosen, ...able.map((r) => r.id)])])} />,
					(r) => canBecome(r) ? <input type="checkbox"
						checked={chosen.includes(r.id)}
						aria-label={fill(words.select, { name: r.upn })}
						onChange={() => toggle(r.id)} /> : null]] : [],
					[words.person, (r) => <>{r.name}<div>{r.upn}</div></>,
					 { class: "long" }],
					[words.number, (r) => r.number || r.phone],
					[words.country, (r) => r.country],
					[words.listed, (r) => <Why row={r} />, { class: "long" }],
					[words.teams, (r) => <Teams teams={r.teams} />,
					 { class: "long" }],
				]} />
			{found.value ? pages.buttons(found.value.next) : null}
			{making ? <Make {...{ tenant }} ids={chosen}
				onClose={() => setMaking(false)} onDone={(count) => {
					setMaking(false);
					setChosen([]);
					setDone(fill(words.made, { count }));
					setTurn(turn + 1);
				}} /> : null}
		</section>
	);
}
