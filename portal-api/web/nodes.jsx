/* Services that share the store: what each serves, and handing over. */

import { useEffect, useState } from "preact/hooks";

import { ask, get, path } from "./api.js";
import { Dialog, Problem, Table, useLoad, when } from "./parts.jsx";
import { strings, fill } from "./strings.js";

const words = strings.nodes;
const look_ms = 5000;

/** Before a node hands over, or takes PBXs again */
function Change({ node, onDone, onClose })
{
	const [error, setError] = useState(null);
	const verb = node.drained ? "resume" : "drain";

	const go = async () => {
		try {
			await ask("POST", path("nodes", node.node, verb));
			onDone();
		}
		catch (failed) {
			setError(failed);
		}
	};

	return (
		<Dialog title={fill(words[verb].title, { name: node.node })}
			onClose={onClose}>
			<p>{words[verb].text}</p>
			<Problem error={error} />
			<footer>
				<button type="button" class="main" onClick={go}>
					{words[verb].go}</button>
				<button type="button" onClick={onClose}>{strings.cancel}</button>
			</footer>
		</Dialog>
	);
}

const shape = { up: "up", draining: "soon", gone: "down" };

/** Users by state, those that want a person first */
function Users({ states })
{
	const some = Object.entries(strings.states)
		.filter(([state]) => states && states[state]);

	return some.length ? some.map(([state, title]) =>
		`${states[state].toLocaleString()} ${title.toLowerCase()}`).join(", ")
		: null;
}

function Address({ node })
{
	const all = [[words.pbxSide, node.pbx_address],
		[words.teamsSide, node.teams_address]].filter(([, at]) => at);

	return (
		<>
			{node.url ? <div><a href={node.url}>{node.url}</a></div> : null}
			{all.map(([title, at]) => <div key={title}>{title}: {at}</div>)}
		</>
	);
}

export function Nodes({ tenant, session })
{
	const now = useLoad((signal) => get("/nodes", { tenant }, { signal }),
		[tenant]);
	const [change, setChange] = useState(null);
	const may = session.role === "msp-admin";

	useEffect(() => {
		const timer = setInterval(now.again, look_ms);
		return () => clearInterval(timer);
	}, [now.again]);

	const { nodes, pbxs, this: here } = now.value || {};

	return (
		<>
			<h1>{words.title}</h1>
			<Problem error={now.error} again={now.again} />
			{nodes && !nodes.length ? <p class="empty">{words.one}</p> : <>
				<Table label={words.title} rows={nodes} rowKey={(n) => n.node}
					columns={[
						[words.node, (n) => <>{n.node}{n.node === here
							? <small> {words.here}</small> : null}</>],
						[strings.reports.state, (n) => <span
							class={shape[n.state]}>{words.states[n.state]}</span>],
						[words.since, (n) => when(n.state === "gone"
							? n.seen_ms : n.since_ms)],
						[words.pbxs, (n) => n.pbxs, { class: "figure-cell" }],
						[strings.nav.users, (n) => n.state === "gone" ? null
							: <Users states={n.states} />, { class: "long" }],
						[strings.overview.callsNow, (n) => n.state === "gone"
							? null : n.calls, { class: "figure-cell" }],
						[words.address, (n) => <Address node={n} />,
							{ class: "long" }],
						[words.software, (n) => n.software],
						["", (n) => may && n.state !== "gone" ? <button
							type="button" onClick={() => setChange(n)}
							aria-label={`${words[n.drained ? "resume"
								: "drain"].go} ${n.node}`}>
							{words[n.drained ? "resume" : "drain"].go}</button>
							: null],
					]} />
				<h2>{words.places}</h2>
				<Table label={words.places} rows={pbxs}
					rowKey={(p) => `${p.tenant}/${p.pbx}`} columns={[
						[strings.tenantLabel, (p) => p.tenant],
						[words.pbx, (p) => p.pbx],
						[words.node, (p) => p.node],
						[strings.reports.since, (p) => when(p.since_ms)],
					]} />
			</>}
			{change ? <Change node={change} onClose={() => setChange(null)}
				onDone={() => { setChange(null); now.again(); }} /> : null}
		</>
	);
}
