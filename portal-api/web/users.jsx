/* Users: looking for them, what their lamp says, one by one and many at once. */

import { useEffect, useState } from "preact/hooks";

import { ask, events, get, href, patch, path, post, query } from "./api.js";
import { Dialog, Good, Indicator, Input, Problem, Select, Sure, Table,
	 useLoad, usePages, useRested } from "./parts.jsx";
import { SchemaForm, errorsOf } from "./form.jsx";
import { ImportDialog } from "./import.jsx";
import { strings, fill } from "./strings.js";

const words = strings.users;
const pageRows = 50;
const settle_ms = 2000;

const rowName = (u) => `${u.tenant}/${u.name}`;

function UserDialog({ tenant, object, pbxs, session, onClose, onDone })
{
	const [value, setValue] = useState(object ? object.value
		: { pbx: pbxs.length === 1 ? pbxs[0] : undefined });
	const [error, setError] = useState(null);
	const schema = useLoad((signal) => get("/schema/user", {}, { signal })
		.then(withPbxs), []);
	const file = object && object.managed === "file";

	function withPbxs(s)
	{
		if (pbxs.length)
			s.properties.pbx = { ...s.properties.pbx, enum: pbxs };

		return s;
	}

	const submit = async (e) => {
		e.preventDefault();
		try {
			if (object) {
				await ask("PUT", path("tenants", tenant, "users", object.name),
					  value, { headers:
						{ "If-Match": `"${object.revision}"` } });
			}
			else {
				await post(path("tenants", tenant, "users"), value);
			}
			onDone();
		}
		catch (failed) {
			setError(failed);
		}
	};

	return (
		<Dialog wide onClose={onClose} title={object ? fill(words.editUser,
			{ name: object.name }) : words.newUser}>
			<form onSubmit={submit}>
				{file ? <p>{strings.byFile}</p> : null}
				<Problem error={schema.error} />
				{schema.value ? <SchemaForm schema={schema.value} value={value}
					onChange={setValue} errors={errorsOf(error)}
					secrets={object ? object.secrets : []}
					readOnly={(p) => file || object && p === "upn" ||
						!session.role.startsWith("msp-") &&
						schema.value.properties[p.split(".")[0]]["x-msp"]} />
					: null}
				<Problem error={error} />
				<footer>
					{file ? null : <button class="main">{object ? strings.save
						: strings.create}</button>}
					<button type="button" onClick={onClose}>
						{strings.cancel}</button>
				</footer>
			</form>
		</Dialog>
	);
}

/** Do something with each of the users; stop at the first that fails */
async function withEach(users, act)
{
	let count = 0;

	for (const user of users) {
		try {
			await act(user);
		}
		catch (error) {
			return { error: fill(words.bulkFailed,
				{ count, upn: user.name, error: error.message }) };
		}
		count++;
	}

	return { good: fill(words.bulkDone, { count }) };
}

function Bulk({ chosen, onDone })
{
	const [sure, setSure] = useState(false);
	const where = (u) => path("tenants", u.tenant, "users", u.name);
	const run = async (act) => onDone(await withEach(chosen, act));

	return (
		<div class="tools" role="group"
			aria-label={fill(words.selected, { count: chosen.length })}>
			<span>{fill(words.selected, { count: chosen.length })}</span>
			<button type="button" onClick={() => run((u) =>
				patch(where(u), { enabled: true }))}>{words.enable}</button>
			<button type="button" onClick={() => run((u) =>
				patch(where(u), { enabled: false }))}>{words.disable}</button>
			<button type="button" onClick={() => run((u) => post(query(
				`/registrations${path(u.name)}/retry`, { tenant: u.tenant })))}>
				{words.register}</button>
			<button type="button" onClick={() => setSure(true)}>
				{strings.remove}</button>
			{sure ? <Sure text={fill(words.reallyRemove,
				{ count: chosen.length })} onClose={() => setSure(false)}
				onYes={() => { setSure(false);
					run((u) => ask("DELETE", where(u))); }} /> : null}
		</div>
	);
}

/**
 * What is told as it happens, where it is newer than what the list said. The
 * list is asked again once it has gone quiet: it may have been behind
 *
 * @return (user) => its status
 */
function useStatus(tenant, again)
{
	const [seen, setSeen] = useState({});

	useEffect(() => {
		let timer = null;
		const later = () => {
			timer ||= setTimeout(() => { timer = null; again(); },
					     settle_ms);
		};
		const stop = events(tenant, {
			registration: (r) => {
				setSeen((old) => ({ ...old, [`${r.tenant}/${r.upn}`]: r }));
				later();
			},
			reset: () => { setSeen({}); again(); later(); },
		});

		setSeen({});
		return () => { clearTimeout(timer); stop(); };
	}, [tenant, again]);

	return (user) => {
		const newer = seen[rowName(user)];
		const since_s = user.status ? user.status.since_s : 0;

		return newer && newer.since_s >= since_s ? newer : user.status;
	};
}

function columns({ status, chosen, setChosen, rows, may, edit, tenant })
{
	const toggle = (user, on) => setChosen(on ? [...chosen, user]
		: chosen.filter((u) => rowName(u) !== rowName(user)));
	const isOn = (user) => chosen.some((u) => rowName(u) === rowName(user));
	const choice = [
		<input type="checkbox" aria-label={words.selectAll}
			checked={rows.length > 0 && rows.every(isOn)} onChange={(e) =>
				setChosen(e.currentTarget.checked ? rows : [])} />,
		(u) => u.managed === "store" ? <input type="checkbox"
			aria-label={fill(words.select, { name: u.name })}
			checked={isOn(u)} onChange={(e) =>
				toggle(u, e.currentTarget.checked)} /> : null,
	];
	const sort = (name) => tenant ? { sort: name } : {};

	return [
		...may ? [choice] : [],
		[words.state, (u) => <Indicator status={status(u)}
			off={u.value.enabled === false} />],
		...tenant ? [] : [[strings.tenantLabel, (u) => u.tenant]],
		[words.user, (u) => <button type="button" class="link"
			onClick={() => edit(u)}>{u.name}</button>, sort("upn")],
		[words.name, (u) => u.value.name, { class: "long" }],
		[words.number, (u) => u.value.number, sort("number")],
		[words.pbx, (u) => u.value.pbx, sort("pbx")],
		[words.sip, (u) => u.value.sip_username],
		[words.auth, (u) => u.value.sip_auth_username],
		[words.secret, (u) => u.secrets.includes("sip_password") ? words.set
			: words.unset],
	];
}

function Filter({ filter, setFilter, pbxs })
{
	const set = (name) => (v) => setFilter({ ...filter, [name]: v });

	return (
		<div class="tools">
			<div class="search"><Input label={words.search} type="search"
				value={filter.q} onValue={set("q")} /></div>
			<Select label={words.state} value={filter.state}
				onValue={set("state")} options={[["", strings.all],
					...Object.entries(strings.states)]} />
			{pbxs.length ? <Select label={words.pbx} value={filter.pbx}
				onValue={set("pbx")} options={[["", strings.all],
					...pbxs.map((p) => [p, p])]} /> : null}
		</div>
	);
}

export function Users({ tenant, session, may, now })
{
	const [filter, setFilter] = useState({ q: "", pbx: "",
		state: now.parameters.get("state") || "" });
	const [sort, setSort] = useState("upn");
	const [chosen, setChosen] = useState([]);
	const [edited, setEdited] = useState(null);
	const [importing, setImporting] = useState(false);
	const [told, setTold] = useState(null);
	const rested = useRested(filter);
	const pages = usePages([tenant, rested, sort]);
	const base = tenant ? path("tenants", tenant, "users") : "/users";
	const list = useLoad((signal) => get(base, { ...rested, limit: pageRows,
		cursor: pages.cursor, sort: tenant ? sort : null }, { signal }),
		[base, rested, sort, pages.cursor]);
	const pbxs = useLoad(async (signal) => tenant ? (await get(
		path("tenants", tenant, "pbxs"), { limit: 1000 }, { signal })).pbxs
		.map((p) => p.name) : [], [tenant]).value || [];
	const [total, setTotal] = useState(null);
	const rows = list.value ? list.value.users : [];
	const status = useStatus(tenant, list.again);

	useEffect(() => {
		if (list.value && list.value.total !== undefined)
			setTotal(list.value.total);
	}, [list.value]);

	useEffect(() => setChosen([]), [base, rested, sort, pages.cursor]);

	const done = () => { setEdited(null); list.again(); };

	return (
		<>
			<h1>{words.title}</h1>
			<Filter {...{ filter, setFilter, pbxs }} />
			<div class="tools">
				{total === null ? null : <span role="status">
					{fill(words.count, { count: total.toLocaleString() })}</span>}
				{may && tenant ? <>
					<button type="button" class="main"
						onClick={() => setEdited({})}>{words.newUser}</button>
					<button type="button" onClick={() => setImporting(true)}>
						{words.importCsv}</button></> : null}
				{tenant ? <a class="button" download={`${tenant}-users.csv`}
					href={href(base + "/export", { format: "csv" })}>
					{words.exportCsv}</a> : <span>{words.needTenant}</span>}
			</div>
			{chosen.length ? <Bulk chosen={chosen} onDone={(t) => {
				setTold(t); setChosen([]); list.again(); }} /> : null}
			{told && told.good ? <Good>{told.good}</Good> : null}
			<Problem error={told && told.error ? new Error(told.error) : null} />
			<Problem error={list.error} again={list.again} />
			<Table label={words.title} rows={list.value && rows}
				rowKey={rowName} sort={sort} onSort={setSort}
				columns={columns({ status, chosen, setChosen, may, tenant,
					rows: rows.filter((u) => u.managed === "store"),
					edit: setEdited })} />
			{pages.buttons(list.value && list.value.next)}
			{edited ? <UserDialog object={edited.name ? edited : null}
				tenant={edited.tenant || tenant} pbxs={pbxs} session={session}
				onClose={() => setEdited(null)} onDone={done} /> : null}
			{importing ? <ImportDialog tenant={tenant} onClose={() => {
				setImporting(false); list.again(); }} /> : null}
		</>
	);
}
