/* Users: looking for them, what their lamp says, one by one and many at once. */

import { useEffect, useState } from "preact/hooks";

import { events, get, href, path } from "./api.js";
import { Bulk } from "./bulk.jsx";
import { Dialog, Indicator, Input, Problem, Select, Table, errorsOf,
	 useLoad, usePages, useRested } from "./parts.jsx";
import { SchemaForm } from "./form.jsx";
import { ImportDialog } from "./import.jsx";
import { useObject, withPbxs } from "./object.jsx";
import { strings, fill } from "./strings.js";

const words = strings.users;
const pageRows = 50;
const settle_ms = 2000;

const rowName = (u) => `${u.tenant}/${u.name}`;

function UserDialog({ tenant, object, pbxs, session, may, onClose, onDone })
{
	const form = useObject({ object, kind: "user",
		initial: { pbx: pbxs.length === 1 ? pbxs[0] : undefined },
		list: path("tenants", tenant, "users") });
	const schema = useLoad((signal) => get("/schema/user", {}, { signal })
		.then((s) => withPbxs(s, pbxs)), []);
	const file = object && object.managed === "file";
	const fixed = file || !may;

	const submit = async (e) => {
		e.preventDefault();
		if (await form.save())
			onDone();
	};

	return (
		<Dialog wide onClose={onClose} title={object ? fill(words.editUser,
			{ name: object.name }) : words.newUser}>
			<form onSubmit={submit} noValidate>
				{file ? <p>{strings.byFile}</p> : null}
				<Problem error={schema.error} />
				{schema.value ? <SchemaForm schema={schema.value}
					value={form.value} onChange={form.setValue}
					errors={errorsOf(form.error)}
					secrets={object ? object.secrets : []}
					readOnly={(p) => fixed || object && p === "upn" ||
						!session.role.startsWith("msp-") &&
						schema.value.properties[p.split(".")[0]]["x-msp"]} />
					: null}
				<Problem error={form.error} />
				{form.conflict(schema.value)}
				<footer>
					{fixed ? null : <button class="main" disabled={form.busy}>
						{object ? strings.save : strings.create}</button>}
					<button type="button" onClick={onClose}>
						{fixed ? strings.close : strings.cancel}</button>
				</footer>
			</form>
		</Dialog>
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
			checked={rows.length > 0 && rows.every(isOn)} onChange={(e) => {
				const others = chosen.filter((u) => !rows.some((r) =>
					rowName(r) === rowName(u)));

				setChosen(e.currentTarget.checked ? [...others, ...rows]
					: others);
			}} />,
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
			onClick={() => edit(u)}>{u.name}</button>,
			{ ...sort("upn"), class: "name" }],
		[words.name, (u) => u.value.name, { class: "long" }],
		[words.number, (u) => u.value.number, sort("number")],
		[words.pbx, (u) => u.value.pbx, sort("pbx")],
		[words.sip, (u) => u.value.sip_username],
		[words.auth, (u) => u.value.sip_auth_username],
		[words.secret, (u) => u.managed !== "store" ? words.inFile
			: u.secrets.includes("sip_password") ? words.set : words.unset],
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
	const [filter, setFilter] = useState({ q: "",
		pbx: now.parameters.get("pbx") || "",
		state: now.parameters.get("state") || "" });
	const [sort, setSort] = useState("upn");
	const [chosen, setChosen] = useState([]);
	const [edited, setEdited] = useState(null);
	const [importing, setImporting] = useState(false);
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

	useEffect(() => setChosen([]), [base, rested]);

	/* as in many a program: "/" looks for something */
	useEffect(() => {
		const typed = (e) => {
			if (e.key !== "/" || e.ctrlKey || e.metaKey || e.altKey ||
			    e.target.closest("input, select, textarea, dialog"))
				return;
			e.preventDefault();
			document.querySelector('input[type="search"]').focus();
		};

		addEventListener("keydown", typed);
		return () => removeEventListener("keydown", typed);
	}, []);

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
			{may ? <Bulk {...{ chosen, setChosen, base, session, pbxs, tenant }}
				found={total} filter={rested} onDone={list.again} /> : null}
			<Problem error={list.error} again={list.again} />
			<Table label={words.title} rows={list.value && rows}
				rowKey={rowName} sort={sort} onSort={setSort}
				columns={columns({ status, chosen, setChosen, may, tenant,
					rows: rows.filter((u) => u.managed === "store"),
					edit: setEdited })} />
			{pages.buttons(list.value && list.value.next)}
			{edited ? <UserDialog object={edited.name ? edited : null}
				tenant={edited.tenant || tenant} pbxs={tenant ? pbxs : []}
				session={session} may={may} onClose={() => setEdited(null)} onDone={done} /> : null}
			{importing ? <ImportDialog tenant={tenant} onClose={() => {
				setImporting(false); list.again(); }} /> : null}
		</>
	);
}
