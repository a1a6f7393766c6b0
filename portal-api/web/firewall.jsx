/* What firewalls on the way are to let through, for one PBX: the table, and
   the same as text for whoever looks after them. */

import { get, path } from "./api.js";
import { CopyButton, Problem, Table, useLoad } from "./parts.jsx";
import { strings, fill } from "./strings.js";

const words = strings.firewall;

function who(rule)
{
	return `${words.sides[rule.side]}: ${words[rule.what]}`;
}

const ports = (text) => text === "any" ? words.any
	: fill(words.port, { ports: text });
const ours = (rule) => `${rule.local} ${ports(rule.local_ports)}`;
const theirs = (rule) => `${rule.remote.join(", ")} ${ports(rule.remote_ports)}`;

function asText({ rules, seen }, title)
{
	return [title,
		...rules.map((r) => `${who(r)}: ${r.transport.toUpperCase()} ${ours(r)}`
			+ ` ${words.arrows[r.direction]} ${theirs(r)}`),
		...seen.length ? [`${words.seen} ${seen.join(", ")}`] : []]
		.join("\n") + "\n";
}

export function Firewall({ tenant, pbx })
{
	const found = useLoad((signal) => get(
		path("tenants", tenant, "pbxs", pbx, "firewall"), {}, { signal }),
		[tenant, pbx]);
	const title = fill(words.title, { pbx });

	return (
		<section class="allow">
			<h3>{title}</h3>
			<p>{words.help}</p>
			<Problem error={found.error} again={found.again} />
			{found.value ? <>
				<Table label={title} rows={found.value.rules} columns={[
					[words.what, who],
					[words.transport, (r) => r.transport.toUpperCase()],
					[words.ours, ours],
					["", (r) => <span role="img" aria-label={
						words.directions[r.direction]}
						title={words.directions[r.direction]}>
						{words.arrows[r.direction]}</span>],
					[words.theirs, theirs, { class: "long" }],
				]} />
				<p>{found.value.seen.length ? <>{words.seen}{" "}
					<code>{found.value.seen.join(", ")}</code></>
					: words.unseen}</p>
				<CopyButton text={asText(found.value, title)}>
					{words.copy}</CopyButton>
			</> : found.error ? null : <p aria-busy="true">{strings.loading}</p>}
		</section>
	);
}
