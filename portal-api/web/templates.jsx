/* Templates: what each of them sets, two beside each other, and own ones. */

import { useRef, useState } from "preact/hooks";

import { ask, get, path, query } from "./api.js";
import { Dialog, Field, Good, Input, Problem, Select, Sure, Table, errorsOf,
	 said, useLoad } from "./parts.jsx";
import { flat } from "./object.jsx";
import { strings, fill } from "./strings.js";

const words = strings.templates;

/** A value for people; nothing is "" */
const text = (v) => v === undefined ? "" : Array.isArray(v) ? v.join(", ")
	: String(v);

function One({ name, templates, onClose })
{
	const [other, setOther] = useState("");
	const both = useLoad((signal) => Promise.all([name, other].map((n) => n ?
		get("/templates" + path(n), {}, { signal }) : null)), [name, other]);
	const [one, beside] = both.value || [];
	const left = flat(one && one.value), right = flat(beside && beside.value);
	const rows = [...new Set([...Object.keys(left), ...Object.keys(right)])]
		.filter((k) => !beside || text(left[k]) !== text(right[k])).sort();

	return (
		<Dialog wide title={one ? one.title : name} onClose={onClose}>
			<Problem error={both.error} again={both.again} />
			{one ? <About one={one} /> : null}
			<Select label={words.compare} value={other} onValue={setOther}
				options={[["", words.nobody], ...templates
					.filter((t) => t.name !== name)
					.map((t) => [t.name, t.title])]} />
			<Table label={name} rows={one && rows} rowKey={(k) => k} columns={[
				[words.setting, (k) => <code>{k}</code>],
				[one ? one.name : words.value, (k) => text(left[k]), { class: "long" }],
				...beside ? [[beside.name, (k) => text(right[k]),
					{ class: "long" }]] : [],
			]} />
			{one && one.text ? <pre tabindex="0">{one.text}</pre> : null}
		</Dialog>
	);
}

/** What it rests on, and what is to be seen to at the PBX */
function About({ one })
{
	const notes = [].concat(one.notes || []).filter(Boolean);

	return (
		<>
			<p>{fill(strings.services.evidence, one)}{one.extends
				? `; ${fill(words.extending, one)}` : ""}</p>
			{notes.length ? <ul>{notes.map((n, i) => <li key={i}>
				{typeof n === "string" ? n : n.note || n.text}</li>)}</ul>
				: null}
		</>
	);
}

/** All that is wrong with it, by line; a line is gone to when pressed */
function Mistakes({ error, onLine })
{
	const all = error && error.errors && error.errors.length ? error.errors
		: [];

	if (!all.some((e) => e.line))
		return <Problem error={error} />;

	return (
		<div class="problem" role="alert">
			{fill(words.mistakes, { count: all.length })}
			<Table label={words.wrong} rows={all} columns={[
				[strings.users.line, (e) => e.line ? <button type="button"
					class="link" aria-label={fill(words.goTo, e)}
					onClick={() => onLine(e.line, e.column)}>
					{e.line}</button> : ""],
				[words.column, (e) => e.column || ""],
				[words.setting, (e) => <code>{e.field}</code>],
				[words.wrong, said,
					{ class: "long" }],
			]} />
		</div>
	);
}

/** Where a line and column is in a text, from 1 */
function offset(text, line, column)
{
	const lines = text.split("\n");

	return lines.slice(0, line - 1).reduce((n, l) => n + l.length + 1, 0) +
		Math.min((column || 1) - 1, (lines[line - 1] || "").length);
}

/** @param own  one that is there, to be changed; null: a new one */
function Upload({ own, onClose, onDone })
{
	const [name, setName] = useState(own ? own.name : "");
	const [text, setText] = useState(own ? own.text : "");
	const [error, setError] = useState(null);
	const [checked, setChecked] = useState(false);
	const area = useRef(null);
	const wrong = errorsOf(error);

	const send = async (dry_run) => {
		setError(null);
		setChecked(false);
		try {
			await ask("PUT", query("/templates" + path(name), { dry_run }),
				  text, { type: "application/yaml" });
			if (dry_run)
				setChecked(true);
			else
				onDone();
		}
		catch (failed) {
			setError(failed);
		}
	};

	const goTo = (line, column) => {
		const at = offset(text, line, column);

		area.current.focus();
		area.current.setSelectionRange(at, offset(text, line + 1, 1) - 1);
		/* the browser scrolls to what is typed, not to what is selected */
		area.current.scrollTop = Math.max(0, area.current.scrollHeight *
			(line - 3) / text.split("\n").length);
	};

	const read = async (e) => {
		const file = e.currentTarget.files[0];

		if (!file)
			return;
		setText(await file.text());
		if (!name)
			setName(file.name.replace(/\.ya?ml$/, ""));
	};

	return (
		<Dialog wide title={own ? fill(words.edit, own) : words.upload}
			onClose={onClose}>
			<form noValidate onSubmit={(e) => {
				e.preventDefault();
				send(undefined);
			}}>
				<p>{words.uploadHelp}</p>
				<Input label={words.uploadName} value={name} onValue={setName}
					name="template_name" required disabled={Boolean(own)}
					error={wrong.name} />
				<Field label={words.file}>{(a) => <input {...a} type="file"
					accept=".yaml,.yml" onChange={read} />}</Field>
				<Field label={words.text}>{(a) => <textarea {...a} required
					name="template_text" ref={area} spellcheck={false}
					value={text} onInput={(e) =>
						setText(e.currentTarget.value)} />}</Field>
				<Mistakes error={error} onLine={goTo} />
				{checked ? <Good>{words.good}</Good> : null}
				<footer>
					<button class="main" disabled={!name || !text}>
						{words.send}</button>
					<button type="button" disabled={!name || !text}
						onClick={() => send(true)}>{words.check}</button>
					<button type="button" onClick={onClose}>
						{strings.cancel}</button>
				</footer>
			</form>
		</Dialog>
	);
}

export function Templates({ session })
{
	const list = useLoad((signal) => get("/templates", {}, { signal })
		.then((v) => v.templates), []);
	const [shown, setShown] = useState(null);
	const [edited, setEdited] = useState(null);
	const [gone, setGone] = useState(null);
	const [error, setError] = useState(null);
	const [done, setDone] = useState("");
	const admin = session.role === "msp-admin";

	const edit = async (name) => {
		try {
			setEdited(await get("/templates" + path(name)));
		}
		catch (failed) {
			setError(failed);
		}
	};

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
			{gone ? null : <Problem error={error} />}
			{done ? <Good>{done}</Good> : null}
			{admin ? <div class="tools"><button type="button" class="main"
				onClick={() => setEdited({})}>{words.upload}</button></div> : null}
			<Table label={words.title} rows={list.value} rowKey={(t) => t.name}
				columns={[
					[words.product, (t) => <button type="button" class="link"
						onClick={() => setShown(t.name)}>{t.title}</button>],
					[words.name, (t) => t.name],
					[words.extends, (t) => t.extends],
					[words.evidence, (t) => t.evidence],
					[words.from, (t) => words.managed[t.managed] || t.managed],
					["", (t) => admin && t.managed === "store" ? <span
						class="buttons"><button type="button"
							aria-label={`${strings.edit} ${t.name}`}
							onClick={() => edit(t.name)}>{strings.edit}</button>
						<button type="button" onClick={() => {
							setError(null); setGone(t.name); }}
							aria-label={`${strings.remove} ${t.name}`}>
							{strings.remove}</button></span> : null],
				]} />
			{shown ? <One name={shown} templates={list.value}
				onClose={() => setShown(null)} /> : null}
			{edited ? <Upload own={edited.name ? edited : null}
				onClose={() => setEdited(null)} onDone={() => {
					setEdited(null); setDone(strings.saved);
					list.again(); }} /> : null}
			{gone ? <Sure text={fill(strings.reallyRemove, { name: gone })}
				error={error} onYes={remove} onClose={() => setGone(null)} />
				: null}
		</>
	);
}
