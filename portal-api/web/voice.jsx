/* The voice of a call, kept for a while: begin, fetch, throw away. */

import { useState } from "preact/hooks";

import { ask, href, path, post } from "./api.js";
import { Dialog, Good, Problem, Select } from "./parts.jsx";
import { strings, fill } from "./strings.js";

const words = strings.voice;
const minutes = [1, 2, 5, 10];

/** Who may hear others: admins alone, and each time it is in the audit */
export function mayHear(session)
{
	return session.role === "msp-admin" || session.role === "tenant-admin";
}

export function Voice({ call, onClose })
{
	const [seconds, setSeconds] = useState(60);
	const [said, setSaid] = useState("");
	const [error, setError] = useState(null);
	const where = "/trace" + path(call.id, "voice");
	const over = call.state === "ended";

	const act = async (doing, text) => {
		setError(null);
		setSaid("");
		try {
			await doing();
			setSaid(text);
		}
		catch (wrong) {
			setError(wrong);
		}
	};

	const begin = (e) => {
		e.preventDefault();
		return act(() => post(where, { seconds }),
			fill(words.begun, { n: seconds / 60 }));
	};

	return (
		<Dialog title={words.title} onClose={onClose}>
			<p>{words.text}</p>
			<form onSubmit={begin}>
				{over ? <p>{words.over}</p> :
					<Select label={words.long} value={seconds}
						onValue={(v) => setSeconds(Number(v))}
						options={minutes.map((n) => [60 * n,
							fill(words.minutes, { n })])} />}
				<Problem error={error} />
				{said ? <Good>{said}</Good> : null}
				<footer>
					{over ? null : <button class="main">{words.begin}</button>}
					<a class="button" download={`${call.id}-voice.pcapng`}
						href={href(where)}>{words.fetch}</a>
					<button type="button" onClick={() => act(
						() => ask("DELETE", where), words.gone)}>
						{words.stop}</button>
					<button type="button" onClick={onClose}>{strings.close}</button>
				</footer>
			</form>
		</Dialog>
	);
}
