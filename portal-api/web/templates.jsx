/* Templates: what each of them sets, two beside each other, and own ones. */

import { useState } from "preact/hooks";

import { ask, get, path } from "./api.js";
import { Dialog, Good, Input, Field, Problem, Select, Sure, Table, useLoad }
	from "./parts.jsx";
import { strings, fill } from "./strings.js";

const words = strings.templates;

/** {a: {b: 1}} as {"a.b": "1"} */
function flat(value, prefix = "", into = {})
{
	for (const [name, v] of Object.entries(value || {})) {
		if (v && typeof v === "object" && !Array.isArray(v))
			flat(v, `${prefix}${name}.`, into);
		else if (v !== null)
			into[prefix + name] = Array.isArray(v) ? v.join(", ") : String(v);
	}

	return into;
}

function One({ name, templates, onClose })
{
	const [other, setOther] = useState("");
	const both = useLoad((signal) => Promise.all([name, other].map((n) => n ?
		get("/templates" + path(n), {}, { signal }) : null)), [name, other]);
	const [one, beside] = both.value || [];
	const left = flat(one && one.value), right = flat(beside && beside.value);
	const rows = [...new Set([...Object.keys(left), ...Object.keys(right)])]
		.filter((k) => !beside || left[k] !== right[k]).sort();

	return (
		<Dialog wide title={one ? one.title : name} onClose={onClose}>
			<Problem error={both.error} again={both.again} />
			<Select label={words.compare} value={other} onValue={setOther}
				options={[["", words.nobody], ...templates
					.filter((t) => t.name !== name)
					.map((t) => [t.name, t.title])]} />
			<Table label={name} rows={one && rows} rowKey={(k) => k} columns={[
				[words.setting, (k) => <code>{k}</code>],
				[one ? one.name : words.value, (k) => left[k]],
				...beside ? [[beside.name, (k) => right[k]]] : [],
			]} />
			{one && one.text ? <pre tabindex="0">{one.text}</pre> : null}
		</Dialog>
	);
}

function Upload({ onClose, onDone })
{
	const [name, setName] = useState("");
	const [text, setText] = useState("");
	const [error, setError] = useState(null);

	const submit = async (e) => {
		e.preventDefault();
		try {
			await ask("PUT", "/templates" + path(name), text,
				  { type: "application/yaml" });
			onDone();
		}
		catch (failed) {
			setError(failed);
		}
	};

	return (
		<Dialog wide title={words.upload} onClose={onClose}>
			<form onSubmit={submit}>
				<p>{words.uploadHelp}</p>
				<Input label={words.uploadName} value={name} onValue={setName}
					required />
				<Field label={words.upload}>{(a) => <textarea {...a} required
					spellcheck={false} value={text} onInput={(e) =>
						setText(e.currentTarget.value)} />}</Field>
				<Problem error={error} />
				<footer><button class="main">{words.send}</button></footer>
			</form>
		</Dialog>
	);
}

export function Templates({ session })
{
	const list = useLoad((signal) => get("/templates", {}, { signal })
		.then((v) => v.templates), []);
	const [shown, setShown] = useState(null);
	const [gone, setGone] = useState(null);
	const [error, setError] = useState(null);
	const [done, setDone] = useState("");
	const admin = session.role === "msp-admin";

	const remove = async () => {
		try {
			await ask("DELETE", "/templates" + path(gone));
			setDone(fill(strings.removed, { name: gone }));
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
			<Problem error={list.error} again={list.again} />
			{done ? <Good>{done}</Good> : null}
			{admin ? <div class="tools"><button type="button" class="main"
				onClick={() => setShown("")}>{words.upload}</button></div> : null}
			<Table label={words.title} rows={list.value} rowKey={(t) => t.name}
				columns={[
					[words.product, (t) => <button type="button" class="link"
						onClick={() => setShown(t.name)}>{t.title}</button>],
					[words.name, (t) => t.name],
					[words.extends, (t) => t.extends],
					[words.evidence, (t) => t.evidence],
					[words.from, (t) => t.managed],
					["", (t) => admin && t.managed === "store" ?
						<button type="button" onClick={() => {
							setError(null); setGone(t.name); }}
							aria-label={`${strings.remove} ${t.name}`}>
							{strings.remove}</button> : null],
				]} />
			{shown ? <One name={shown} templates={list.value}
				onClose={() => setShown(null)} /> : null}
			{shown === "" ? <Upload onClose={() => setShown(null)}
				onDone={() => { setShown(null); setDone(strings.saved);
					list.again(); }} /> : null}
			{gone ? <Sure text={fill(strings.reallyRemove, { name: gone })}
				error={error} onYes={remove} onClose={() => setGone(null)} />
				: null}
		</>
	);
}
