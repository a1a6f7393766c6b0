/* Calls: which there were, and which run. */

import { useState } from "preact/hooks";

import { get } from "./api.js";
import { Exports, Input, Problem, Select, Table, lasted, useLoad, usePages,
	 useRested, when } from "./parts.jsx";
import { useLive } from "./overview.jsx";
import { strings, fill } from "./strings.js";

const words = strings.calls;
const day_ms = 86400000;

/* how far back, and how the list of times names it */
const spans = [["1", words.lastDay], ["7", words.lastWeek],
	["30", words.lastMonth], ["90", words.lastQuarter], ["", words.ever],
	["own", words.ownTimes]];

/* the side that hears worse: G.107 annex B */
const voices = [["", strings.all], ["4", words.voiceFair],
	["3.6", words.voiceWeak], ["3.1", words.voicePoor]];

/** MOS of the side that hears worse, null: not known */
function mosOf(call)
{
	const known = [call.teams.mos, call.pbxside.mos].filter((m) => m > 0);

	return known.length ? Math.min(...known) : null;
}

export function durationOf(call)
{
	if (!call.answer_ms)
		return "";

	return lasted(((call.end_ms || Date.now()) - call.answer_ms) / 1000);
}

function result(call)
{
	if (call.state !== "ended")
		return words.states[call.state] || call.state;

	return call.what || words.results[call.result] || call.reason;
}

function Mos({ call })
{
	const mos = mosOf(call);

	if (mos === null)
		return null;

	return <span class={mos < 3.1 ? "down" : mos < 3.6 ? "soon" : ""}>
		{mos.toFixed(1)}</span>;
}

function columns(tenant, sortable)
{
	const sort = (name) => sortable ? { sort: name } : {};

	return [
		[words.start, (c) => <a href={`#/calls/${encodeURIComponent(c.id)}`}>
			{when(c.start_ms)}</a>, sort("start")],
		...tenant ? [] : [[strings.tenantLabel, (c) => c.tenant]],
		[words.direction, (c) => words[c.direction] || c.direction],
		[words.caller, (c) => <>{c.caller}{c.caller_name ?
			<small class="below">{c.caller_name}</small> : null}</>],
		[words.callee, (c) => c.callee],
		[strings.users.user, (c) => c.upn, { class: "long" }],
		[strings.users.pbx, (c) => c.pbx],
		[words.duration, durationOf, { class: "figure-cell",
					       ...sort("duration") }],
		[words.result, (c) => <span class={c.failed_side ? "down" : ""}>
			{result(c)}</span>],
		[words.mos, (c) => <Mos call={c} />, { class: "figure-cell",
						      ...sort("mos") }],
		[words.details, (c) => <a href={`#/calls/${encodeURIComponent(c.id)}`}
			aria-label={fill(words.one, { id: c.id })}>{words.open}</a>],
	];
}

/** A local date and time as milliseconds */
const ms = (text) => text ? new Date(text).getTime() : "";

/** Whole minutes, so that a page and its next one ask for the same */
function times(filter)
{
	if (filter.span === "own")
		return { from_ms: ms(filter.from), to_ms: ms(filter.to) };

	return { from_ms: filter.span ? Math.floor(Date.now() / 60000) * 60000
		- Number(filter.span) * day_ms : "" };
}

/** A whole user principal name finds one who is gone, too */
function asked(tenant, filter)
{
	const user = filter.user.trim();
	const whole = /^[^@\s]+@[^@\s]+\.[^@\s]+$/.test(user);

	return {
		tenant, pbx: filter.pbx.trim(), number: filter.number.trim(),
		upn: whole ? user : "", user: whole ? "" : user,
		failed: filter.outcome === "failed" ? "true" : "",
		result: filter.outcome === "failed" ? "" : filter.outcome,
		direction: filter.direction, mos_below: filter.voice,
		...times(filter), sort: filter.sort,
	};
}

function Filter({ filter, set })
{
	const results = Object.entries(words.results)
		.filter(([name]) => name !== "running");

	return (
		<div class="tools">
			<Input label={words.number} type="search" value={filter.number}
				onValue={set("number")} />
			<Input label={words.user} type="search" value={filter.user}
				onValue={set("user")} />
			<Input label={strings.users.pbx} type="search" value={filter.pbx}
				onValue={set("pbx")} />
			<Select label={words.outcome} value={filter.outcome}
				onValue={set("outcome")} options={[["", strings.all],
					["failed", words.failed], ...results]} />
			<Select label={words.mos} value={filter.voice}
				onValue={set("voice")} options={voices} />
			<Select label={words.direction} value={filter.direction}
				onValue={set("direction")} options={[["", strings.all],
					["from_teams", words.from_teams],
					["from_pbx", words.from_pbx]]} />
			<Select label={words.times} value={filter.span}
				onValue={set("span")} options={spans} />
			{filter.span === "own" ? <>
				<Input label={words.from} type="datetime-local"
					value={filter.from} onValue={set("from")} />
				<Input label={words.to} type="datetime-local" value={filter.to}
					onValue={set("to")} /></> : null}
		</div>
	);
}

function Running({ tenant })
{
	const running = useLoad((signal) => get("/calls", { tenant, limit: 1000 },
		{ signal }), [tenant]);
	const live = running.value && running.value.calls.filter((c) =>
		c.state !== "ended").reverse();

	useLive(tenant, ["call"], running.again);

	return (
		<section>
			<h2>{words.now}{live ? ` (${live.length})` : ""}</h2>
			<Problem error={running.error} again={running.again} />
			{live && live.length ? <Table label={words.now} rows={live}
				rowKey={(c) => c.id} columns={columns(tenant, false)} />
				: <p class="empty">{live ? words.nowNone : null}</p>}
		</section>
	);
}

export function Calls({ tenant, now })
{
	const [filter, setFilter] = useState({ number: "", user: "", pbx: "",
		outcome: now.parameters.get("failed") === "true" ? "failed" : "",
		voice: "", direction: "", span: "7", from: "", to: "", sort: "-start" });
	const [id, setId] = useState("");
	const set = (name) => (v) => setFilter({ ...filter, [name]: v });
	const rested = useRested(filter);
	const pages = usePages([tenant, rested]);
	const list = useLoad((signal) => get("/call-records", {
		...asked(tenant, rested), limit: 50, cursor: pages.cursor }, { signal }),
		[tenant, rested, pages.cursor]);

	useLive(tenant, ["call"], list.again);

	return (
		<>
			<h1>{words.title}</h1>
			<Running tenant={tenant} />
			<h2>{words.recorded}</h2>
			<Filter filter={filter} set={set} />
			<Problem error={list.error} again={list.again} />
			<Table label={words.recorded} rows={list.value && list.value.calls}
				rowKey={(c) => c.id} columns={columns(tenant, true)}
				sort={filter.sort} onSort={set("sort")} />
			{pages.buttons(list.value && list.value.next)}
			<div class="tools">
				<Exports where="/call-records/export"
					parameters={{ ...asked(tenant, filter), sort: "" }} />
				<form class="buttons" onSubmit={(e) => {
					e.preventDefault();
					location.hash = `#/calls/${encodeURIComponent(id.trim())}`;
				}}>
					<Input label={words.find} value={id} onValue={setId} required />
					<button>{words.open}</button>
				</form>
			</div>
		</>
	);
}
