/* A customer, a PBX, a user or a sync in a form: saving it, and what becomes of it
   when somebody else has saved it in the meantime. */

import { useEffect, useRef, useState } from "preact/hooks";

import { ask, get, path } from "./api.js";
import { Table, useLoad, when } from "./parts.jsx";
import { strings, fill } from "./strings.js";

const words = strings.conflict;

/** {a: {b: 1}} as {"a.b": 1} */
export function flat(value, prefix = "", into = {})
{
	for (const [name, v] of Object.entries(value || {})) {
		if (v && typeof v === "object" && !Array.isArray(v))
			flat(v, `${prefix}${name}.`, into);
		else if (v !== null && v !== undefined)
			into[prefix + name] = v;
	}

	return into;
}

function deep(pairs)
{
	const value = {};

	for (const [name, v] of Object.entries(pairs)) {
		const parts = name.split(".");
		const last = parts.pop();
		let into = value;

		for (const part of parts)
			into = into[part] ||= {};
		into[last] = v;
	}

	return value;
}

const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);

/** Theirs, with what I changed over it */
function merged(base, mine, theirs)
{
	const was = flat(base), now = flat(mine), result = flat(theirs);

	for (const name of new Set([...Object.keys(was), ...Object.keys(now)])) {
		if (same(was[name], now[name]))
			continue;
		if (now[name] === undefined)
			delete result[name];
		else
			result[name] = now[name];
	}

	return deep(result);
}

const told = (v) => v === undefined ? "–" : Array.isArray(v) ? v.join(", ")
	: String(v);

function isSecret(schema, name)
{
	const leaf = name.split(".").reduce((s, part) =>
		s && s.properties && s.properties[part], schema);

	return Boolean(leaf && leaf.writeOnly);
}

/** Who it was, as the audit has it */
function Who({ theirs, kind })
{
	const found = useLoad((signal) => get("/audit", { kind, limit: 50,
		tenant: theirs.tenant }, { signal }), [theirs.name]);
	const entry = found.value && found.value.entries.find((e) =>
		e.name === theirs.name);

	return entry ? fill(words.by, { who: entry.who,
		time: when(entry.time_ms) }) : words.somebody;
}

/**
 * @param object  as it was when the form was opened
 * @param value   as it is in the form
 * @param schema  of both
 * @param onGo    (object, value) to go on with, and to save
 */
function Conflict({ where, kind, object, value, schema, onGo })
{
	const found = useLoad((signal) => get(where, {}, { signal }), [where]);
	const theirs = found.value;
	const ref = useRef(null);

	useEffect(() => ref.current && ref.current.scrollIntoView(),
		[Boolean(theirs)]);

	if (!theirs)
		return <p class="problem" role="alert">{found.error &&
			found.error.status === 404 ? words.gone : words.title}</p>;

	const was = flat(object.value), mine = flat(value);
	const their = flat(theirs.value);
	const names = [...new Set([...Object.keys(mine), ...Object.keys(their)])]
		.filter((n) => !same(mine[n], their[n]) || !same(was[n], their[n]))
		.sort();

	return (
		<div class="problem conflict" role="alert" ref={ref}>
			<b>{words.title}</b> <Who theirs={theirs} kind={kind} />
			<Table label={words.title} rows={names} rowKey={(n) => n}
				empty={words.sameNow} columns={[
					[words.setting, (n) => n],
					[words.before, (n) => told(was[n])],
					[words.theirs, (n) => told(their[n]), { class: "long" }],
					[words.mine, (n) => isSecret(schema, n) &&
						mine[n] !== undefined ? strings.secret
						: told(mine[n]), { class: "long" }],
				]} />
			<p class="buttons">
				<button type="button" onClick={() => onGo(theirs,
					merged(object.value, value, theirs.value))}>
					{words.both}</button>
				<button type="button" onClick={() => onGo(theirs,
					theirs.value)}>{words.take}</button>
			</p>
		</div>
	);
}

/**
 * What a form of one object needs
 *
 * @param object   as the service told it; null: it is to be made
 * @param initial  value of one that is to be made
 * @param list     where such objects are made and are
 * @param at       where the only one of its kind is, instead of list
 * @param kind     of the audit
 *
 * @return {value, setValue, error, busy, save() => what is there now, or null
 *          if it was not saved, conflict(schema): what to show}
 */
export function useObject({ object, initial, list, at, kind })
{
	const [base, setBase] = useState(object);
	const [value, setValue] = useState(object ? object.value : initial);
	const [error, setError] = useState(null);
	const [busy, setBusy] = useState(false);
	const where = at || (base ? list + path(base.name) : null);

	const save = async () => {
		setBusy(true);
		try {
			const { value: saved } = where
				? await ask("PUT", where, value, { headers: base
					? { "If-Match": `"${base.revision}"` }
					: { "If-None-Match": "*" } })
				: await ask("POST", list, value);

			setError(null);
			return saved;
		}
		catch (failed) {
			/* a session that has ended is told by the page, over all */
			setError(failed.status === 401 ? null : failed);
			return null;
		}
		finally {
			setBusy(false);
		}
	};

	const go = (theirs, both) => {
		setBase(theirs);
		setValue(both);
		setError(null);
	};

	const isConflict = error && error.status === 412 && base;
	const conflict = (schema) => isConflict
		? <Conflict {...{ where, kind, value, schema }} object={base}
			onGo={go} /> : null;

	return { value, setValue, error: isConflict ? null : error, busy, save,
		 conflict };
}

/** A user's schema: its PBX is one of those that there are */
export function withPbxs(schema, pbxs)
{
	if (pbxs.length)
		schema.properties.pbx = { ...schema.properties.pbx, enum: pbxs };

	return schema;
}
