/* Who may sign in, and which programs may ask. */

import { useState } from "preact/hooks";

import { ask, get, path, post } from "./api.js";
import { CopyButton, Dialog, Input, Problem, Select, Sure, Table, errorsOf,
	 useLoad, when } from "./parts.jsx";
import { strings, fill } from "./strings.js";

const words = strings.admins;

function roles(session)
{
	return Object.entries(strings.roles).filter(([role]) =>
		!session.tenant || role.startsWith("tenant-"));
}

/** Milliseconds as a local date and time that a field takes */
function local(ms)
{
	const date = new Date(ms - new Date(ms).getTimezoneOffset() * 60000);

	return date.toISOString().slice(0, 16);
}

/** @param old  an admin that is there; null: one is to be made */
function One({ session, tenants, token, old, onClose, onDone })
{
	const [value, setValue] = useState(old ? { password: "", ...old,
		tenant: old.tenant || "",
		expires: old.expires_ms ? local(old.expires_ms) : "" }
		: { name: "", role: roles(session)[0][0],
		    tenant: session.tenant || "", password: "", expires: "" });
	const [error, setError] = useState(null);
	const wrong = errorsOf(error);
	const set = (name) => (v) => setValue({ ...value, [name]: v });

	const submit = async (e) => {
		e.preventDefault();

		const body = { role: value.role };

		if (value.role.startsWith("tenant-"))
			body.tenant = value.tenant;
		if (value.password)
			body.password = value.password;
		if (value.expires)
			body.expires_ms = new Date(value.expires).getTime();

		try {
			onDone(token ? await post("/tokens", { name: value.name, ...body })
				: (await ask("PUT", "/admins" + path(value.name), body)).value);
		}
		catch (failed) {
			setError(failed);
		}
	};

	return (
		<Dialog title={token ? words.newToken : old ? fill(words.editAdmin, old)
			: words.newAdmin} onClose={onClose}>
			<form onSubmit={submit} noValidate>
				<Input label={words.name} value={value.name} name="admin_name"
					disabled={Boolean(old)} onValue={set("name")} required
					autocomplete="off" error={wrong.name} />
				<Select label={words.role} value={value.role} name="role"
					onValue={set("role")} options={roles(session)}
					error={wrong.role} />
				{value.role.startsWith("tenant-") && !session.tenant ?
					<Select label={words.tenant} value={value.tenant}
						name="tenant" onValue={set("tenant")} error={wrong.tenant}
						options={[["", "–"], ...tenants.map((t) => [t, t])]} />
					: null}
				{token ? null : <Input label={words.password} type="password"
					help={words.passwordHelp} value={value.password}
					name="password" onValue={set("password")}
					autocomplete="new-password" error={wrong.password} />}
				<Input label={words.expires} type="datetime-local" name="expires"
					value={value.expires} onValue={set("expires")}
					error={wrong.expires_ms} />
				<Problem error={error} />
				<footer><button class="main">{strings.save}</button></footer>
			</form>
		</Dialog>
	);
}

function List({ title, add, kind, may, token, ...props })
{
	const list = useLoad((signal) => get("/" + kind, {}, { signal })
		.then((v) => v[kind]), []);
	const [made, setMade] = useState(null);
	const [making, setMaking] = useState(null);
	const [gone, setGone] = useState(null);
	const [error, setError] = useState(null);

	const remove = async () => {
		try {
			await ask("DELETE", path(kind, gone));
			setGone(null);
			list.again();
		}
		catch (failed) {
			setError(failed);
		}
	};

	return (
		<section>
			<h2>{title}</h2>
			<Problem error={list.error} again={list.again} />
			{made && made.token ? <div class="good" role="status">
				<p>{fill(words.once, { name: made.name })}</p>
				<p><code>{made.token}</code></p>
				<CopyButton text={made.token}>{words.copy}</CopyButton>
			</div> : null}
			<Table label={title} rows={list.value} rowKey={(a) => a.name}
				columns={[
					[words.name, (a) => a.name],
					[words.role, (a) => strings.roles[a.role] || a.role],
					[words.tenant, (a) => a.tenant || words.everyone],
					[words.expires, (a) => a.expires_ms ? when(a.expires_ms)
						: words.never],
					["", (a) => may ? <span class="buttons">
						{token ? null : <button type="button"
							aria-label={`${strings.edit} ${a.name}`}
							onClick={() => setMaking(a)}>{strings.edit}</button>}
						<button type="button"
						aria-label={`${strings.remove} ${a.name}`}
						onClick={() => { setError(null); setGone(a.name); }}>
						{strings.remove}</button></span> : null],
				]} />
			{may ? <button type="button" class="main"
				onClick={() => setMaking({})}>{add}</button> : null}
			{making ? <One {...props} token={token}
				old={making.name ? making : null}
				onClose={() => setMaking(null)} onDone={(v) => {
					setMaking(null); setMade(v); list.again(); }} /> : null}
			{gone ? <Sure text={fill(strings.reallyRemove, { name: gone })}
				error={error} onYes={remove} onClose={() => setGone(null)} />
				: null}
		</section>
	);
}

export function Admins(props)
{
	return (
		<>
			<h1>{words.title}</h1>
			<List {...props} kind="admins" title={words.admins}
				add={words.newAdmin} />
			<List {...props} kind="tokens" title={words.tokens} token
				add={words.newToken} />
		</>
	);
}
