/* Calls: which there were, what became of one, and why. */

import { useState } from "preact/hooks";

import { get, href, path } from "./api.js";
import { Input, Problem, Select, Table, lasted, useLoad, usePages, useRested,
	 when } from "./parts.jsx";
import { Ladder } from "./ladder.jsx";
import { useLive } from "./overview.jsx";
import { strings, fill } from "./strings.js";

const words = strings.calls;

function mos(call)
{
	const known = [call.teams.mos, call.pbxside.mos].filter((m) => m > 0);

	return known.length ? Math.min(...known).toFixed(1) : "";
}

function duration(call)
{
	if (!call.answer_ms)
		return "";

	return lasted(((call.end_ms || Date.now()) - call.answer_ms) / 1000);
}

function result(call)
{
	if (call.state !== "ended")
		return call.state;

	return call.what || [call.result, call.reason && call.reason !== call.result
		? `(${call.reason})` : ""].join(" ");
}

function columns(tenant)
{
	return [
		[words.start, (c) => when(c.start_ms)],
		...tenant ? [] : [[strings.tenantLabel, (c) => c.tenant]],
		[words.direction, (c) => words[c.direction] || c.direction],
		[words.caller, (c) => c.caller],
		[words.callee, (c) => c.callee],
		[strings.users.pbx, (c) => c.pbx],
		[words.duration, duration, { class: "figure-cell" }],
		[words.result, (c) => <span class={c.failed_side ? "down" : ""}>
			{result(c)}</span>],
		[words.mos, mos, { class: "figure-cell" }],
		[words.details, (c) => <a href={`#/calls/${encodeURIComponent(c.id)}`}
			aria-label={fill(words.one, { id: c.id })}>{words.open}</a>],
	];
}

/** A local date and time as milliseconds */
const ms = (text) => text ? new Date(text).getTime() : "";

export function Calls({ tenant, now })
{
	const [filter, setFilter] = useState({ upn: "", from: "", to: "",
		failed: now.parameters.get("failed") || "" });
	const [id, setId] = useState("");
	const set = (name) => (v) => setFilter({ ...filter, [name]: v });
	const rested = useRested(filter);
	const pages = usePages([tenant, rested]);
	const running = useLoad((signal) => get("/calls", { tenant }, { signal }),
				[tenant]);
	const list = useLoad((signal) => get("/call-records", {
		tenant, upn: rested.upn.trim(), failed: rested.failed,
		from_ms: ms(rested.from), to_ms: ms(rested.to), limit: 50,
		cursor: pages.cursor }, { signal }), [tenant, rested, pages.cursor]);

	useLive(tenant, ["call"], () => { running.again(); list.again(); });

	const live = running.value && running.value.calls.filter((c) =>
		c.state !== "ended").reverse();

	return (
		<>
			<h1>{words.title}</h1>
			{live && live.length ? <section>
				<h2>{words.now}</h2>
				<Table label={words.now} rows={live} rowKey={(c) => c.id}
					columns={columns(tenant)} />
			</section> : null}
			<h2>{words.recorded}</h2>
			<div class="tools">
				<Input label={words.user} type="search" value={filter.upn}
					onValue={set("upn")} />
				<Input label={words.from} type="datetime-local"
					value={filter.from} onValue={set("from")} />
				<Input label={words.to} type="datetime-local" value={filter.to}
					onValue={set("to")} />
				<Select label={words.outcome} value={filter.failed}
					onValue={set("failed")} options={[["", strings.all],
						["true", words.failed], ["false", words.good]]} />
				<form class="buttons" onSubmit={(e) => {
					e.preventDefault();
					location.hash = `#/calls/${encodeURIComponent(id.trim())}`;
				}}>
					<Input label={words.find} value={id} onValue={setId} required />
					<button>{words.open}</button>
				</form>
			</div>
			<Problem error={list.error || running.error} again={list.again} />
			<Table label={words.recorded} rows={list.value && list.value.calls}
				rowKey={(c) => c.id} columns={columns(tenant)} />
			{pages.buttons(list.value && list.value.next)}
		</>
	);
}

function Facts({ call })
{
	const rows = [
		[words.start, when(call.start_ms)],
		[words.direction, words[call.direction]],
		[words.caller, [call.caller_name, call.caller].filter(Boolean).join(" ")],
		[words.callee, call.callee],
		[strings.users.user, call.upn],
		[strings.users.pbx, call.pbx],
		[words.duration, duration(call)],
		[words.result, `${call.scode || ""} ${call.reason} (${call.result})`],
		[words.endedBy, words[call.ended_by] || call.ended_by],
		[words.what, call.what],
		[words.advice, call.advice],
		[words.field, call.field],
	].filter(([, text]) => text);

	return <dl>{rows.map(([title, text]) => <>
		<dt key={title}>{title}</dt><dd>{text}</dd></>)}</dl>;
}

function Quality({ call })
{
	const sides = [[words.teams, call.teams], [words.pbx, call.pbxside]];

	return (
		<section>
			<h2>{words.quality}</h2>
			<Table label={words.quality} rows={sides} columns={[
				[words.side, ([name]) => name],
				[words.shown, ([, s]) => s.number],
				[words.answer, ([, s]) => s.scode || ""],
				[words.codec, ([, s]) => s.codec],
				[words.srtp, ([, s]) => s.srtp || words.plain],
				[words.received, ([, s]) => s.rx_packets],
				[words.lost, ([, s]) => s.rx_lost],
				[words.sent, ([, s]) => s.tx_packets],
				[words.jitter, ([, s]) => `${(s.jitter_us / 1000).toFixed(1)} ms`],
				[words.rtt, ([, s]) => s.rtt_us ?
					`${(s.rtt_us / 1000).toFixed(0)} ms` : ""],
				[words.mos, ([, s]) => s.mos ? s.mos.toFixed(1) : ""],
			]} />
		</section>
	);
}

function Decisions({ call })
{
	return (
		<section>
			<h2>{words.decisions}</h2>
			<Table label={words.decisions} rows={call.decisions || []}
				columns={[
					["ms", (d) => d.at_ms, { class: "figure-cell" }],
					[words.side, (d) => words[d.where] || d.where],
					["", (d) => d.topic],
					["", (d) => d.text],
				]} />
		</section>
	);
}

export function Call({ now })
{
	const id = now.rest[0];
	const found = useLoad((signal) => get("/calls" + path(id), {}, { signal }),
			      [id]);
	const call = found.value;

	useLive("", ["call"], found.again);

	return (
		<>
			<p class="noprint"><a href="#/calls">{words.back}</a></p>
			<h1>{fill(words.one, { id })}</h1>
			{found.error && found.error.status === 404 ?
				<p class="problem" role="alert">{words.notFound}</p> :
				<Problem error={found.error} again={found.again} />}
			{call ? <>
				<Facts call={call} />
				<Decisions call={call} />
				<Ladder id={call.id} version={call.version} />
				<p class="buttons noprint">
					<a class="button" download={`${call.id}.pcapng`}
						href={href("/trace" + path(call.id),
							{ format: "pcapng" })}>{words.pcap}</a>
					<a class="button" download={`${call.id}-redacted.pcapng`}
						href={href("/trace" + path(call.id),
							{ format: "pcapng", redact: true })}>
						{words.pcapRedacted}</a>
				</p>
				<Quality call={call} />
			</> : null}
		</>
	);
}
