/* What several pages are made of. */

import { useCallback, useEffect, useRef, useState } from "preact/hooks";

import { href } from "./api.js";
import { strings, fill } from "./strings.js";

export function when(ms)
{
	return ms ? new Date(ms).toLocaleString() : "";
}

/** seconds as 1:02:03 */
export function lasted(seconds)
{
	const s = Math.max(0, Math.round(seconds));
	const two = (n) => String(n).padStart(2, "0");
	const h = Math.floor(s / 3600);

	return (h ? `${h}:${two(Math.floor(s / 60) % 60)}` : Math.floor(s / 60))
		+ `:${two(s % 60)}`;
}

/**
 * Load something whenever what it depends on changes
 *
 * @return {value, error, again()}: value stays until the next one is there
 */
export function useLoad(load, depends)
{
	const [state, setState] = useState({ value: null, error: null });
	const [turn, setTurn] = useState(0);

	useEffect(() => {
		const control = new AbortController();

		load(control.signal).then(
			(value) => !control.signal.aborted &&
				setState({ value, error: null }),
			(error) => !control.signal.aborted &&
				setState((old) => ({ ...old, error })));

		return () => control.abort();
	}, [...depends, turn]);

	const again = useCallback(() => setTurn((n) => n + 1), []);

	useEffect(() => {
		if (!state.error)
			return undefined;

		addEventListener("go-on", again);
		return () => removeEventListener("go-on", again);
	}, [state.error, again]);

	return { ...state, again };
}

/** What follows typing, once it rests */
export function useRested(value, ms = 200)
{
	const [rested, setRested] = useState(value);

	useEffect(() => {
		const timer = setTimeout(() => setRested(value), ms);
		return () => clearTimeout(timer);
	}, [value, ms]);

	return rested;
}

/** An error with what was probably meant, if it does not say so itself */
export function said({ error, hint })
{
	return hint && !error.includes(`"${hint}"`) ? `${error} (${hint}?)` : error;
}

/** What went wrong, in the service's words. Whoever sent a form is led to the
    first field that is wrong, or here */
export function Problem({ error, again })
{
	const ref = useRef(null);

	useEffect(() => {
		const form = ref.current && ref.current.closest("form");

		if (form)
			(form.querySelector('[aria-invalid="true"]') ||
			 ref.current).focus();
	}, [error]);

	if (!error)
		return null;

	const more = error.errors && (error.errors.length > 1 ||
		error.errors.some((e) => e.file)) ? error.errors : [];

	return (
		<div class="problem" role="alert" ref={ref} tabindex="-1">
			{error.field && !more.length ? <b>{error.field}: </b> : null}
			{more.length ? null : said({ error: error.message,
				hint: error.hint })}
			{more.length ? <ul>{more.map((e, i) => <li key={i}>
				{e.file ? <code>{e.file}:{e.line}:{e.column}: </code> : null}
				{e.field ? <b>{e.field}: </b> : null}{said(e)}</li>)}</ul>
				: null}
			{error.test_run ? <a href={`#/tests/${error.test_run}`}>
				{strings.tests.thatOne}</a> : null}
			{again ? <button type="button" onClick={again}>
				{strings.retry}</button> : null}
		</div>
	);
}

/** {path: text} of what the service refused */
export function errorsOf(error)
{
	const all = error ? error.errors && error.errors.length ? error.errors
		: [{ field: error.field, error: error.message, hint: error.hint }] : [];

	return Object.fromEntries(all.filter((e) => e.field).map((e) =>
		[e.field, said(e)]));
}

export function Good({ children })
{
	return <p class="good" role="status">{children}</p>;
}

let ids = 0;

function useId2()
{
	const ref = useRef(null);

	if (!ref.current)
		ref.current = `i${++ids}`;

	return ref.current;
}

/** A labelled input. help is read out with it */
export function Field({ label, help, error, children, wide })
{
	const id = useId2();

	return (
		<div class={`field${wide ? " wide" : ""}${error ? " wrong" : ""}`}>
			<label for={id}>{label}</label>
			{children({ id, "aria-describedby": help || error ? `${id}h` : undefined,
				    "aria-invalid": error ? "true" : undefined })}
			{help || error ? <small id={`${id}h`}>
				{error ? <b>{error} </b> : null}{help}</small> : null}
		</div>
	);
}

export function Input({ label, help, error, wide, value, onValue, ...more })
{
	return (
		<Field label={label} help={help} error={error} wide={wide}>
			{(a) => <input {...a} {...more} value={value}
				onInput={(e) => onValue(e.currentTarget.value)} />}
		</Field>
	);
}

/** options: [[value, text]...] */
export function Select({ label, help, error, value, onValue, options, ...more })
{
	return (
		<Field label={label} help={help} error={error}>
			{(a) => <select {...a} {...more} value={value}
				onChange={(e) => onValue(e.currentTarget.value)}>
				{options.map(([v, text]) =>
					<option key={v} value={v}>{text}</option>)}
			</select>}
		</Field>
	);
}

/** What is to be done or left before anything else */
export function Dialog({ title, onClose, children, wide })
{
	const ref = useRef(null);
	const id = useId2();

	useEffect(() => {
		const dialog = ref.current;

		dialog.showModal();
		return () => dialog.open && dialog.close();
	}, []);

	return (
		<dialog ref={ref} class={wide ? "wide" : ""} aria-labelledby={id}
			onCancel={(e) => { e.preventDefault(); onClose(); }}>
			<header>
				<h2 id={id}>{title}</h2>
				<button type="button" class="quiet" onClick={onClose}
					aria-label={strings.close}>✕</button>
			</header>
			{children}
		</dialog>
	);
}

/** Ask before something is gone */
export function Sure({ text, onYes, onClose, error })
{
	return (
		<Dialog title={strings.remove} onClose={onClose}>
			<p>{text}</p>
			<Problem error={error} />
			<footer>
				<button type="button" class="danger" onClick={onYes}>
					{strings.remove}</button>
				<button type="button" onClick={onClose}>{strings.cancel}</button>
			</footer>
		</Dialog>
	);
}

/** columns: [[title, (row) => cell, {sort, class}]...] */
export function Table({ label, columns, rows, rowKey, sort, onSort, empty })
{
	const head = ([title, , more = {}], i) => {
		if (!more.sort)
			return <th key={i} scope="col">{title}</th>;

		const up = sort === more.sort, down = sort === `-${more.sort}`;

		return (
			<th key={i} scope="col"
				aria-sort={up ? "ascending" : down ? "descending" : "none"}>
				<button type="button" class="sort" onClick={() =>
					onSort(up ? `-${more.sort}` : more.sort)}>
					{title}{up ? " ▲" : down ? " ▼" : ""}</button>
			</th>
		);
	};

	if (!rows)
		return <p aria-busy="true">{strings.loading}</p>;
	if (!rows.length)
		return <p class="empty">{empty || strings.none}</p>;

	return (
		<div class="table" role="region" aria-label={label} tabindex="0">
			<table>
				<caption class="hidden">{label}</caption>
				<thead><tr>{columns.map(head)}</tr></thead>
				<tbody>{rows.map((row, n) => (
					<tr key={rowKey ? rowKey(row) : n}>
						{columns.map(([title, cell, more = {}], i) =>
							<td key={i} class={more.class} data-label={
								typeof title === "string" ? title : ""}>
								{cell(row)}</td>)}
					</tr>))}
				</tbody>
			</table>
		</div>
	);
}

/** Pages of a list that goes on by cursor. @return {cursor, buttons(next)} */
export function usePages(depends)
{
	const [cursors, setCursors] = useState([]);
	const cursor = cursors[cursors.length - 1] || null;

	useEffect(() => setCursors([]), depends);

	return {
		cursor,
		buttons: (next) => cursor || next ? (
			<div class="pages">
				{cursor ? <>
					<button type="button" onClick={() => setCursors([])}>
						{strings.first}</button>
					<button type="button" onClick={() =>
						setCursors(cursors.slice(0, -1))}>
						{strings.previous}</button></> : null}
				{next ? <button type="button" onClick={() =>
					setCursors([...cursors, next])}>{strings.next}</button>
					: null}
			</div>
		) : null,
	};
}

/** The list that is shown, all of it, as a file */
export function Exports({ where, parameters })
{
	return (
		<div class="buttons noprint">
			{["csv", "json"].map((format) => (
				<a key={format} class="button" download
					href={href(where, { ...parameters, format })}>
					{strings.exportAs[format]}</a>))}
		</div>
	);
}

export async function copy(text)
{
	if (navigator.clipboard) {
		await navigator.clipboard.writeText(text);
		return;
	}

	/* plain HTTP on loopback has no clipboard interface everywhere */
	const area = document.createElement("textarea");

	area.value = text;
	document.body.append(area);
	area.select();
	document.execCommand("copy");
	area.remove();
}

export function CopyButton({ text, children })
{
	const [done, setDone] = useState(false);

	return (
		<>
			<button type="button" onClick={async () => {
				await copy(text);
				setDone(true);
			}}>{done ? strings.copied : children}</button>
			<span class="hidden" role="status">
				{done ? strings.copied : ""}</span>
		</>
	);
}

/** Beside a lamp, and inside of the window. It stands in no table: that may
    scroll, and would cut it */
function place(lamp, tip)
{
	const at = lamp.getBoundingClientRect();
	const left = Math.max(8, Math.min(at.left,
		innerWidth - tip.offsetWidth - 8));
	const below = at.bottom + tip.offsetHeight < innerHeight || at.top <
		tip.offsetHeight;

	tip.style.left = `${left}px`;
	tip.style.top = `${below ? at.bottom : at.top - tip.offsetHeight}px`;
}

/** One of the five states, told by shape, colour and word; why, on hover and
    on focus */
export function Indicator({ status, off })
{
	const id = useId2();
	const lamp = useRef(null), tip = useRef(null);
	const show = () => place(lamp.current, tip.current);
	const st = status || { state: off ? "off" : "queued" };
	const name = strings.states[st.state] || st.state;
	const since = st.since_s ? when(st.since_s * 1000) : "";

	const mail = () => fill(strings.indicator.mail, {
		number: st.number, upn: st.upn, aor: st.aor, state: name,
		time: since, reason: st.reason || "-", words: st.words || "-",
		server: st.server || "-", contact: st.contact || "-",
		advice: st.advice || "-",
	});

	return (
		<span class="indicator" onMouseEnter={show} onFocusIn={show}
			onKeyDown={(e) => e.key === "Escape" &&
				document.activeElement.blur()}>
			<button type="button" class={`lamp ${st.state}`} ref={lamp}
				aria-describedby={id}>
				<span class="shape" aria-hidden="true" />{name}
			</button>
			<span class="tip" ref={tip}>
				<span id={id}>
					<b>{st.reason || strings.stateHelp[st.state]}</b>
					{st.words ? <span>{fill(strings.indicator.pbxSays,
						{ words: st.words })}</span> : null}
					{st.advice ? <span>{st.advice}</span> : null}
					{since ? <span>{fill(strings.indicator.since,
						{ time: since })}</span> : null}
				</span>
				{st.state === "failing" || st.state === "lagging" ?
					<CopyButton text={mail()}>
						{strings.indicator.copy}</CopyButton> : null}
			</span>
		</span>
	);
}
