/* Who changed what, and when. */

import { useState } from "preact/hooks";

import { get } from "./api.js";
import { Input, Problem, Select, Table, useLoad, usePages, useRested, when }
	from "./parts.jsx";
import { strings } from "./strings.js";

const words = strings.audit;

/** What differs, as lines of text */
function Change({ entry })
{
	const before = entry.before || {}, after = entry.after || {};
	const names = [...new Set([...Object.keys(before), ...Object.keys(after)])]
		.filter((n) => JSON.stringify(before[n]) !== JSON.stringify(after[n]));
	const text = (v) => v === undefined ? "–" : JSON.stringify(v);

	if (!names.length)
		return null;

	return (
		<details>
			<summary>{names.join(", ")}</summary>
			<ul>{names.map((n) => <li key={n}><b>{n}</b>: {text(before[n])} →{" "}
				{text(after[n])}</li>)}</ul>
		</details>
	);
}

/** A local date and time in milliseconds */
const moment = (text) => text ? new Date(text).getTime() : "";

export function Audit({ tenant })
{
	const [filter, setFilter] = useState({ who: "", kind: "", name: "",
		from: "", to: "" });
	const rested = useRested(filter);
	const pages = usePages([tenant, rested]);
	const set = (name) => (v) => setFilter({ ...filter, [name]: v });
	const list = useLoad((signal) => get("/audit", { tenant,
		who: rested.who, kind: rested.kind, name: rested.name, from_ms: moment(rested.from),
		to_ms: moment(rested.to), limit: 50, cursor: pages.cursor },
		{ signal }),
		[tenant, rested, pages.cursor]);

	return (
		<>
			<h1>{words.title}</h1>
			<div class="tools">
				<Input label={words.filterWho} value={filter.who} type="search"
					onValue={set("who")} />
				<Select label={words.filterKind} value={filter.kind}
					onValue={set("kind")} options={[["", strings.all],
						...Object.entries(words.kinds)]} />
				<Input label={words.filterName} value={filter.name} type="search"
					onValue={set("name")} />
				<Input label={strings.calls.from} type="datetime-local"
					value={filter.from} onValue={set("from")} />
				<Input label={strings.calls.to} type="datetime-local"
					value={filter.to} onValue={set("to")} />
			</div>
			<Problem error={list.error} again={list.again} />
			<Table label={words.title} rows={list.value && list.value.entries}
				columns={[
					[words.time, (e) => when(e.time_ms)],
					[words.who, (e) => e.who],
					[words.address, (e) => e.address],
					[strings.tenantLabel, (e) => e.tenant],
					[words.action, (e) => e.action],
					[words.what, (e) => `${words.kinds[e.kind] || e.kind} ${e.name}`,
						{ class: "long" }],
					[words.change, (e) => <Change entry={e} />,
						{ class: "long" }],
				]} />
			{pages.buttons(list.value && list.value.next)}
		</>
	);
}
