/* Customers and their PBXs. The form of a PBX asks what its template asks. */

import { useState } from "preact/hooks";

import { ask, get, path } from "./api.js";
import { Dialog, Field, Good, Problem, Sure, Table, errorsOf, useLoad }
	from "./parts.jsx";
import { Firewall } from "./firewall.jsx";
import { SchemaForm } from "./form.jsx";
import { useObject } from "./object.jsx";
import { strings, fill } from "./strings.js";

const words = strings.services;
const alwaysAsked = ["name", "title"];

function loadAll(where, name, signal)
{
	return get(where, { limit: 1000 }, { signal }).then((v) => v[name]);
}

function TemplateChoice({ templates, value, custom, fixed, onChoose })
{
	return (
		<Field label={words.template}>{(a) => (
			<select {...a} name="template" value={custom ? "" : value}
				disabled={fixed}
				onChange={(e) => onChoose(e.currentTarget.value)}>
				<option value="">{words.custom}</option>
				{templates.filter((t) => t.name !== "generic").map((t) =>
					<option key={t.name} value={t.name}>{t.title}</option>)}
			</select>)}
		</Field>
	);
}

function About({ template })
{
	if (!template)
		return null;

	const notes = [].concat(template.notes || []).filter(Boolean);

	return (
		<aside>
			<p>{fill(words.evidence, { evidence: template.evidence })}</p>
			{notes.length ? <details><summary>{words.notes}</summary>
				<ul>{notes.map((n, i) => <li key={i}>
					{typeof n === "string" ? n : n.note || n.text}</li>)}</ul>
			</details> : null}
		</aside>
	);
}

/** It is there now: the next thing to do is at the firewalls */
function Saved({ tenant, pbx, onClose })
{
	return (
		<Dialog wide onClose={onClose} title={fill(words.editPbx,
			{ name: pbx.name })}>
			<Good>{words.pbxSaved}</Good>
			<Firewall tenant={tenant} pbx={pbx.name} />
			<footer><button type="button" class="main" onClick={onClose}>
				{strings.close}</button></footer>
		</Dialog>
	);
}

function PbxDialog({ tenant, object, session, may, onClose, onDone })
{
	const form = useObject({ object, initial: { template: "generic" },
		list: path("tenants", tenant, "pbxs"), kind: "pbx" });
	const { value, setValue, error } = form;
	const [custom, setCustom] = useState(
		!object || (object.value.template || "generic") === "generic");
	const [all, setAll] = useState(false);
	const known = useLoad((signal) => Promise.all([
		get("/schema/pbx", {}, { signal }),
		get("/templates", {}, { signal }),
	]), []);
	const chosen = useLoad((signal) => get(
		"/templates" + path(value.template || "generic"), {}, { signal }),
		[value.template]);
	const file = object && object.managed === "file";
	const fixed = file || !may;

	const submit = async (e) => {
		e.preventDefault();

		const saved = await form.save();

		if (saved)
			onDone(object ? null : saved);
	};

	if (!known.value || !chosen.value)
		return <Dialog title={words.newPbx} onClose={onClose}>
			<Problem error={known.error || chosen.error} /></Dialog>;

	const [schema, { templates }] = known.value;
	const asked = new Set([...alwaysAsked, ...chosen.value.ask]);
	const wanted = (p) => custom || all || asked.has(p) ||
		asked.has(p.split(".")[0]) ||
		chosen.value.ask.some((a) => a.startsWith(p + "."));
	const msp = session.role.startsWith("msp-");

	return (
		<Dialog wide onClose={onClose} title={object ? fill(words.editPbx,
			{ name: object.name }) : words.newPbx}>
			<form onSubmit={submit} noValidate>
				{file ? <p>{strings.byFile}</p> : null}
				<TemplateChoice templates={templates} custom={custom}
					fixed={fixed} value={value.template} onChoose={(name) => {
						setCustom(!name);
						setValue({ ...value, template: name || "generic" });
					}} />
				{custom ? null : <About template={chosen.value} />}
				{custom ? null : <label class="check"><input type="checkbox"
					checked={all} onChange={(e) =>
						setAll(e.currentTarget.checked)} />
					{words.own} <small>{words.ownHelp}</small></label>}
				<SchemaForm schema={schema} value={value} skip={["template"]}
					effective={chosen.value.value} onChange={setValue}
					wanted={wanted} errors={errorsOf(error)}
					readOnly={(p) => fixed || object && p === "name" || !msp &&
						schema.properties[p.split(".")[0]]["x-msp"]} />
				{object ? <Firewall tenant={tenant} pbx={object.name} /> : null}
				<Problem error={error} />
				{form.conflict(schema)}
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

function TenantDialog({ object, onClose, onDone })
{
	const form = useObject({ object, initial: {}, list: "/tenants",
		kind: "tenant" });
	const schema = useLoad((signal) => get("/schema/tenant", {}, { signal }),
			       []);

	const submit = async (e) => {
		e.preventDefault();

		const saved = await form.save();

		if (saved)
			onDone(saved.name);
	};

	return (
		<Dialog wide onClose={onClose} title={object ? fill(words.editTenant,
			{ name: object.name }) : words.newTenant}>
			<form onSubmit={submit} noValidate>
				<Problem error={schema.error} />
				{schema.value ? <SchemaForm schema={schema.value}
					value={form.value} skip={["pbx", "users"]}
					onChange={form.setValue} errors={errorsOf(form.error)}
					readOnly={(p) => object && p === "tenant"} /> : null}
				<Problem error={form.error} />
				{form.conflict(schema.value)}
				<footer>
					<button class="main" disabled={form.busy}>{object
						? strings.save : strings.create}</button>
					<button type="button" onClick={onClose}>
						{strings.cancel}</button>
				</footer>
			</form>
		</Dialog>
	);
}

function Pbxs({ tenant, session, may })
{
	const list = useLoad((signal) => loadAll(path("tenants", tenant, "pbxs"),
		"pbxs", signal), [tenant]);
	const [edited, setEdited] = useState(null);
	const [saved, setSaved] = useState(null);
	const [firewall, setFirewall] = useState(null);
	const [gone, setGone] = useState(null);
	const [error, setError] = useState(null);
	const done = (made) => {
		setEdited(null);
		setGone(null);
		setSaved(made || null);
		list.again();
	};

	const show = (p) => may && p.managed === "store" ? strings.edit
		: strings.show;

	const remove = async () => {
		try {
			await ask("DELETE", path("tenants", tenant, "pbxs", gone.name));
			done(null);
		}
		catch (failed) {
			setError(failed);
		}
	};

	return (
		<section>
			<h2>{fill(words.pbxs, { tenant })}</h2>
			<Problem error={list.error} again={list.again} />
			<Table label={fill(words.pbxs, { tenant })} rows={list.value}
				empty={words.noPbx} rowKey={(p) => p.name} columns={[
					[strings.users.name, (p) => p.value.title ?
						`${p.name} – ${p.value.title}` : p.name],
					[words.template, (p) => p.value.template || "generic"],
					[words.where, (p) => p.value.sip_proxy || p.value.sip_domain],
					["", (p) => <span class="buttons">
						<button type="button" onClick={() => setEdited(p)}
							aria-label={`${show(p)} ${p.name}`}>{show(p)}</button>
						<button type="button" onClick={() => setFirewall(p)}
							aria-label={`${words.firewall} ${p.name}`}>
							{words.firewall}</button>
						{may && p.managed === "store" ? <button type="button"
							aria-label={`${strings.remove} ${p.name}`}
							onClick={() => { setError(null); setGone(p); }}>
							{strings.remove}</button> : null}</span>],
				]} />
			{may ? <button type="button" class="main"
				onClick={() => setEdited({})}>{words.newPbx}</button> : null}
			{edited ? <PbxDialog tenant={tenant} session={session} may={may}
				object={edited.name ? edited : null}
				onClose={() => setEdited(null)} onDone={done} /> : null}
			{saved ? <Saved tenant={tenant} pbx={saved}
				onClose={() => setSaved(null)} /> : null}
			{firewall ? <Dialog wide title={words.firewall}
				onClose={() => setFirewall(null)}>
				<Firewall tenant={tenant} pbx={firewall.name} /></Dialog> : null}
			{gone ? <Sure text={fill(strings.reallyRemove, { name: gone.name })}
				error={error} onYes={remove} onClose={() => setGone(null)} />
				: null}
		</section>
	);
}

function Tenants({ setTenant, refresh, may })
{
	const list = useLoad((signal) => loadAll("/tenants", "tenants", signal), []);
	const [edited, setEdited] = useState(null);
	const [gone, setGone] = useState(null);
	const [error, setError] = useState(null);

	const done = async (name) => {
		setEdited(null);
		setGone(null);
		list.again();
		await refresh();
		if (name)
			setTenant(name);
	};

	const remove = async () => {
		try {
			await ask("DELETE", path("tenants", gone.name));
			await done();
		}
		catch (failed) {
			setError(failed);
		}
	};

	return (
		<section>
			<Problem error={list.error} again={list.again} />
			<Table label={strings.whole} rows={list.value}
				rowKey={(t) => t.name} columns={[
					[words.customer, (t) => <button type="button" class="link"
						onClick={() => setTenant(t.name)}>{t.name}</button>],
					[words.fqdn, (t) => t.value.teams && t.value.teams.fqdn],
					["", (t) => t.managed !== "store" ? words.inFile : may ?
						<span class="buttons">
							<button type="button" onClick={() => setEdited(t)}
								aria-label={`${strings.edit} ${t.name}`}>
								{strings.edit}</button>
							<button type="button"
								aria-label={`${strings.remove} ${t.name}`}
								onClick={() => { setError(null); setGone(t); }}>
								{strings.remove}</button></span> : null],
				]} />
			{may ? <button type="button" class="main"
				onClick={() => setEdited({})}>{words.newTenant}</button> : null}
			{edited ? <TenantDialog object={edited.name ? edited : null}
				onClose={() => setEdited(null)} onDone={done} /> : null}
			{gone ? <Sure text={fill(strings.reallyRemove, { name: gone.name })}
				error={error} onYes={remove} onClose={() => setGone(null)} />
				: null}
		</section>
	);
}

export function Services(props)
{
	const { session, tenant } = props;

	return (
		<>
			<h1>{words.title}</h1>
			{session.tenant ? null : <Tenants {...props}
				may={session.role === "msp-admin"} />}
			{tenant ? <Pbxs {...props} key={tenant} /> : <p>{words.choose}</p>}
		</>
	);
}
