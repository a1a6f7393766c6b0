/* One call: what became of it, and why; and sharing it by a link. */

import { useState } from "preact/hooks";

import { ask, get, href, path, post } from "./api.js";
import { CopyButton, Dialog, Problem, Select, Table, useLoad, when }
	from "./parts.jsx";
import { durationOf } from "./calls.jsx";
import { Ladder } from "./ladder.jsx";
import { useLive } from "./overview.jsx";
import { strings, fill } from "./strings.js";
import { Voice, mayHear } from "./voice.jsx";

const words = strings.calls;

function Facts({ call })
{
	const rows = [
		[words.start, when(call.start_ms)],
		[words.direction, words[call.direction]],
		[words.caller, [call.caller_name, call.caller].filter(Boolean).join(" ")],
		[words.callee, call.callee],
		[strings.users.user, call.upn],
		[strings.users.pbx, call.pbx],
		[words.duration, durationOf(call)],
		[words.result, [words.results[call.result] || call.result,
			[call.scode || "", call.reason].filter(Boolean).join(" ")]
			.filter(Boolean).join(": ")],
		[words.endedBy, words[call.ended_by] || call.ended_by],
		[words.transferredTo, call.transferred_to],
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
					[words.after, (d) => `${d.at_ms} ms`,
						{ class: "figure-cell" }],
					[words.side, (d) => words[d.where] || d.where],
					[words.topic, (d) => d.topic],
					[words.decision, (d) => d.text],
				]} />
		</section>
	);
}

/* Sharing */

const hour_s = 3600, day_s = 24 * hour_s;

function Links({ list, onGone, session })
{
	const [error, setError] = useState(null);
	const mine = (row) => session.role === "msp-admin" ||
		session.role === "tenant-admin" || row.who === session.name;

	if (!list.value || !list.value.shares.length)
		return null;

	return (
		<>
			<h3>{words.links}</h3>
			<Problem error={error || list.error} />
			<Table label={words.links} rows={list.value.shares}
				rowKey={(s) => s.id} columns={[
					[words.madeBy, (s) => s.who],
					[words.until, (s) => when(s.expires_ms)],
					[words.numbersShown, (s) => s.numbers ? strings.yes
						: strings.no],
					[words.opened, (s) => s.opened,
						{ class: "figure-cell" }],
					["", (s) => mine(s) ? <button type="button"
						onClick={() => ask("DELETE", "/shares" + path(s.id))
							.then(onGone, setError)}>
						{words.takeBack}</button> : null],
				]} />
		</>
	);
}

function Share({ call, session, onClose })
{
	const [wish, setWish] = useState({ expires_s: 7 * day_s, numbers: false });
	const [made, setMade] = useState(null);
	const [error, setError] = useState(null);
	const list = useLoad((signal) => get("/shares", { call: call.id },
		{ signal }), [call.id]);

	const make = async (e) => {
		e.preventDefault();
		setError(null);
		try {
			setMade(await post(`/call-records${path(call.id)}/shares`, wish));
			list.again();
		}
		catch (wrong) {
			setError(wrong);
		}
	};

	return (
		<Dialog title={words.share} onClose={onClose} wide>
			<p>{words.shareText}</p>
			<form onSubmit={make}>
				<Select label={words.good} value={wish.expires_s}
					onValue={(v) => setWish({ ...wish, expires_s: Number(v) })}
					options={[[hour_s, words.hour], [day_s, words.day],
						[7 * day_s, words.week], [30 * day_s, words.month]]} />
				{session.role === "msp-support" ? <p>{words.noNumbers}</p> :
					<label class="check"><input type="checkbox"
						checked={wish.numbers} onChange={(e) => setWish({
							...wish, numbers: e.currentTarget.checked })} />
					{" "}{words.withNumbers}</label>}
				<Problem error={error} />
				{made ? <div class="good" role="status">
					<p>{fill(words.linkOnce, { time: when(made.expires_ms) })}</p>
					<p><code>{made.url}</code></p>
					<CopyButton text={made.url}>{words.copyLink}</CopyButton>
				</div> : null}
				<footer>
					<button class="main">{words.makeLink}</button>
					<button type="button" onClick={onClose}>{strings.close}</button>
				</footer>
			</form>
			<Links list={list} session={session} onGone={list.again} />
		</Dialog>
	);
}

/** One that runs or ended lately, by how its id begins too; else of the
    records */
async function find(id, signal)
{
	try {
		return await get("/calls" + path(id), {}, { signal });
	}
	catch (error) {
		if (error.status !== 404)
			throw error;

		return get("/call-records" + path(id), {}, { signal });
	}
}

/** What is kept of its messages */
function Kept({ call })
{
	const found = useLoad((signal) => get("/trace" + path(call.id),
		{ format: "json" }, { signal }), [call.id, call.version]);
	const gone = found.error && found.error.status === 404;

	if (found.error && !gone)
		return <Problem error={found.error} again={found.again} />;

	return (
		<>
			<Ladder messages={gone ? [] : found.value && found.value.messages} />
			{gone || !found.value ? null : <p class="buttons noprint">
				<a class="button" download={`${call.id}.pcapng`}
					href={href("/trace" + path(call.id),
						{ format: "pcapng" })}>{words.pcap}</a>
				<a class="button" download={`${call.id}-redacted.pcapng`}
					href={href("/trace" + path(call.id),
						{ format: "pcapng", redact: true })}>
					{words.pcapRedacted}</a>
			</p>}
		</>
	);
}

export function Call({ now, session })
{
	const id = now.rest[0];
	const [sharing, setSharing] = useState(false);
	const [hearing, setHearing] = useState(false);
	const found = useLoad((signal) => find(id, signal), [id]);
	const call = found.value;

	useLive("", ["call"], found.again);

	return (
		<>
			<p class="noprint"><a href="#/calls">{words.back}</a></p>
			<h1>{fill(words.one, { id: call ? call.id : id })}</h1>
			{found.error && found.error.status === 404 ?
				<p class="problem" role="alert">{words.notFound}</p> :
				<Problem error={found.error} again={found.again} />}
			{call ? <>
				{session.role !== "tenant-viewer" ? <p class="buttons noprint">
					<button type="button" onClick={() => setSharing(true)}>
						{words.share}</button>
					{mayHear(session) ? <button type="button"
						onClick={() => setHearing(true)}>
						{strings.voice.title}</button> : null}</p> : null}
				<Facts call={call} />
				<Decisions call={call} />
				<Kept call={call} />
				<Quality call={call} />
			</> : found.error ? null
				: <p aria-busy="true">{strings.loading}</p>}
			{sharing ? <Share call={call} session={session}
				onClose={() => setSharing(false)} /> : null}
			{hearing ? <Voice call={call}
				onClose={() => setHearing(false)} /> : null}
		</>
	);
}

/** What a link shows to whoever has it: no account, no navigation */
export function Shared({ token })
{
	const found = useLoad((signal) => get("/shared" + path(token), {},
		{ signal }), [token]);
	const shown = found.value;

	return (
		<main class="shared" id="content" tabindex="-1">
			<p class="brand">{strings.app}</p>
			{found.error && found.error.status === 404 ?
				<><h1>{words.share}</h1>
				<p class="problem" role="alert">{words.linkOver}</p></> :
				<Problem error={found.error} again={found.again} />}
			{shown ? <>
				<h1>{fill(words.one, { id: shown.call.id })}</h1>
				<p>{fill(shown.numbers ? words.sharedUntil
					: words.sharedRedacted, { time: when(shown.expires_ms) })}</p>
				<Facts call={shown.call} />
				<Decisions call={shown.call} />
				<Ladder messages={shown.messages} />
				<Quality call={shown.call} />
			</> : found.error ? null
				: <p aria-busy="true">{strings.loading}</p>}
		</main>
	);
}
