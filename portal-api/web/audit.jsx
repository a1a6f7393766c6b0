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

export function Audit({ tenant })
{
	const [filter, setFilter] = useState({ who: "", kind: "" });
	const rested = useRested(filter);
	const pages = usePages([tenant, rested]);
	const list = useLoad((signal) => get("/audit", { tenant, ...rested,
		limit: 50, cursor: pages.cursor }, { signal }),
		[tenant, rested, pages.cursor]);

	return (
		<>
			<h1>{words.title}</h1>
			<div class="tools">
				<Input label={words.filterWho} value={filter.who} type="search"
					onValue={(who) => setFilter({ ...filter, who })} />
				<Select label={words.filterKind} value={filter.kind}
					onValue={(kind) => setFilter({ ...filter, kind })}
					options={[["", strings.all], ...["tenant", "pbx", "user",
						"template", "admin", "token"].map((k) => [k, k])]} />
			</div>
			<Problem error={list.error} again={list.again} />
			<Table label={words.title} rows={list.value && list.value.entries}
				columns={[
					[words.time, (e) => when(e.time_ms)],
					[words.who, (e) => e.who],
					[words.address, (e) => e.address],
					[strings.tenantLabel, (e) => e.tenant],
					[words.action, (e) => e.action],
					[words.what, (e) => `${e.kind} ${e.name}`],
					[words.change, (e) => <Change entry={e} />,
						{ class: "long" }],
				]} />
			{pages.buttons(list.value && list.value.next)}
		</>
	);
}
