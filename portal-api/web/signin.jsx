/* Signing in, the first administrator, another password. */

import { useState } from "preact/hooks";

import { ask, get, href, post } from "./api.js";
import { Dialog, Good, Input, Problem, errorsOf, useLoad } from "./parts.jsx";
import { strings, fill } from "./strings.js";

const words = strings.signIn;

function problem(error)
{
	if (error && error.status === 429)
		error.message = fill(words.wait, { s: error.wait_s });

	return error;
}

function First({ code, onSession })
{
	const [name, setName] = useState("");
	const [password, setPassword] = useState("");
	const [again, setAgain] = useState("");
	const [error, setError] = useState(null);
	const wrong = errorsOf(error);

	const submit = async (e) => {
		e.preventDefault();
		if (password !== again) {
			setError(new Error(words.differ));
			return;
		}
		try {
			onSession(await post("/first-admin", { code, name, password }));
		}
		catch (failed) {
			setError(problem(failed));
		}
	};

	return (
		<form onSubmit={submit}>
			<h1>{words.firstTitle}</h1>
			<p>{words.firstText}</p>
			<Input label={words.name} value={name} onValue={setName} required
				name="name" autocomplete="username" error={wrong.name} />
			<Input label={words.password} type="password" value={password}
				onValue={setPassword} required name="password"
				autocomplete="new-password" error={wrong.password} />
			<Input label={words.again} type="password" value={again}
				onValue={setAgain} required name="again"
				autocomplete="new-password" />
			<Problem error={error} />
			<button class="main">{words.firstGo}</button>
		</form>
	);
}

/** Name and password, or somebody else's word for it */
function Known({ over, message, who, onSession })
{
	const ways = useLoad((signal) => get("/sign-in", {}, { signal }), []);
	const [name, setName] = useState(who || "");
	const [password, setPassword] = useState("");
	const [error, setError] = useState(null);

	const submit = async (e) => {
		e.preventDefault();
		try {
			onSession(await post("/session", { name, password }));
		}
		catch (failed) {
			setError(problem(failed));
		}
	};

	if (ways.value && ways.value.first_admin) {
		return (
			<div>
				<h1>{words.firstTitle}</h1>
				<p>{words.noAdmin}</p>
				<pre>{words.noAdminCommand}</pre>
			</div>
		);
	}

	return (
		<form onSubmit={submit}>
			{who ? <p>{words.overHere}</p> : <h1>{words.title}</h1>}
			{over && !who ? <p role="status">{words.over}</p> : null}
			{message ? <p class="problem" role="alert">{message}</p> : null}
			<Problem error={ways.error} again={ways.again} />
			<Input label={words.name} value={name} onValue={setName} required
				name="name" autocomplete="username" />
			<Input label={words.password} type="password" value={password}
				onValue={setPassword} required name="password"
				autocomplete="current-password" autofocus={Boolean(who)} />
			<Problem error={error} />
			<button class="main">{words.go}</button>
			{ways.value && ways.value.oidc ? <p>{words.or} <a
				href={href("/oidc/start")}>{ways.value.oidc.title}</a></p>
				: null}
		</form>
	);
}

export function SignIn({ over, now, onSession })
{
	const code = now.page === "welcome" && now.parameters.get("code");

	return (
		<main class="alone">
			<p class="brand">{strings.app}</p>
			{code ? <First {...{ code, onSession }} /> :
				<Known {...{ over, onSession }}
					message={now.parameters.get("error")} />}
		</main>
	);
}

/** Over the page that is open: a session has ended in the middle of work */
export function SignInAgain({ session, onSession, onLeave })
{
	return (
		<Dialog title={words.title} onClose={onLeave}>
			<Known who={session.name} onSession={onSession} />
			<footer><button type="button" onClick={onLeave}>
				{words.leave}</button></footer>
		</Dialog>
	);
}

export function Password({ onClose })
{
	const [old, setOld] = useState("");
	const [next, setNext] = useState("");
	const [again, setAgain] = useState("");
	const [error, setError] = useState(null);
	const [done, setDone] = useState(false);
	const wrong = errorsOf(error);

	const submit = async (e) => {
		e.preventDefault();
		if (next !== again) {
			setError(new Error(words.differ));
			return;
		}
		try {
			setError(null);
			await ask("PUT", "/session/password",
				  { password: old, new_password: next });
			setDone(true);
		}
		catch (failed) {
			setError(failed);
		}
	};

	return (
		<Dialog title={strings.password.title} onClose={onClose}>
			{done ? <Good>{strings.password.done}</Good> :
				<form onSubmit={submit}>
					<Input label={strings.password.old} type="password" value={old}
						onValue={setOld} autocomplete="current-password" required
						name="old" error={wrong.password} />
					<Input label={strings.password.next} type="password" value={next}
						onValue={setNext} autocomplete="new-password" required
						name="next" error={wrong.new_password} />
					<Input label={words.again} type="password" value={again}
						onValue={setAgain} autocomplete="new-password" required
						name="again" />
					<Problem error={error} />
					<footer><button class="main">{strings.save}</button></footer>
				</form>}
		</Dialog>
	);
}
