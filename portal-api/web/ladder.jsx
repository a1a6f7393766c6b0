/* The messages of a call between the PBX, this service and Teams, drawn. */

import { useState } from "preact/hooks";

import { strings, fill } from "./strings.js";

const words = strings.calls;
const lines = { pbx: 180, bridge: 460, teams: 740 };
const top = 40, step = 30, head = 8;

function startLine(message)
{
	return message.data.split(/\r?\n/, 1)[0];
}

/** "INVITE", "180 Ringing": what stands at the arrow */
function short(line)
{
	const answer = /^SIP\/2\.0 (.*)$/.exec(line);

	return answer ? answer[1] : line.split(" ", 1)[0];
}

function Arrow({ message, n, start_us, chosen, onChoose })
{
	const y = top + (n + 1) * step;
	const peer = message.side === "teams" ? lines.teams : lines.pbx;
	const [from, to] = message.tx ? [lines.bridge, peer] : [peer, lines.bridge];
	const back = to > from ? -head : head;
	const line = startLine(message);
	const bad = /^SIP\/2\.0 [4-6]/.test(line);

	return (
		<g role="button" tabindex="0" aria-pressed={chosen}
			aria-label={fill(words.message, { n: n + 1, line })}
			onClick={onChoose} onKeyDown={(e) => {
				if (e.key === "Enter" || e.key === " ") {
					e.preventDefault();
					onChoose();
				}
			}}>
			<rect x="0" y={y - step + 8} width="880" height={step} />
			<text x="8" y={y}>{((message.time_us - start_us) / 1e6).toFixed(3)}</text>
			<line class="arrow" x1={from} y1={y} x2={to} y2={y} />
			<path class="head" d={`M${to} ${y}l${back} -5v10z`} />
			<text class={bad ? "bad" : ""} x={(from + to) / 2} y={y - 5}
				text-anchor="middle">{short(line)}</text>
		</g>
	);
}

/** @param messages  null: not known yet */
export function Ladder({ messages: known })
{
	const [chosen, setChosen] = useState(null);
	const messages = known || [];
	const height = top + (messages.length + 1) * step;

	return (
		<section>
			<h2>{words.ladder}</h2>
			{messages.length ? <div class="ladder" role="group"
				aria-label={words.ladderLabel}>
				<svg viewBox={`0 0 880 ${height}`}>
					{Object.entries(lines).map(([name, x]) => <g key={name}>
						<text x={x} y="22" text-anchor="middle"
							font-weight="bold">{words[name]}</text>
						<line class="life" x1={x} x2={x} y1="32" y2={height} />
					</g>)}
					{messages.map((m, n) => <Arrow key={n} message={m} n={n}
						start_us={messages[0].time_us} chosen={chosen === n}
						onChoose={() => setChosen(chosen === n ? null : n)} />)}
				</svg>
			</div> : <p class="empty">{known ? words.ladderNone
				: strings.loading}</p>}
			{chosen !== null && messages[chosen] ? <pre tabindex="0">{messages[chosen].data}</pre>
				: null}
		</section>
	);
}
