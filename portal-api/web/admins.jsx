/* Who may sign in, and which programs may ask. */

import { useState } from "preact/hooks";

import { ask, get, path, post } from "./api.js";
import { CopyButton, Dialog, Input, Problem, Select, Sure, Table, useLoad,
	 when } from "./parts.jsx";
import { strings, fill } from "./strings.js";

const words = strings.admins;

function roles(session)
{
	return Object.entries(strings.roles).filter(([role]) =>
		!session.tenant || role.startsWith("tenant-"));
}

function One({ session, tenants, token, onClose, onDone })
{
	const [value, setValue] = useState({ name: "", role: roles(session)[0][0],
		tenant: session.tenant || "", password: "", expires: "" });
	const [error, setError] = useState(null);
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
		<Dialog title={token ? words.newToken : words.newAdmin}
			onClose={onClose}>
			<form onSubmit={submit}>
				<Input label={words.name} value={value.name}
					onValue={set("name")} required autocomplete="off" />
				<Select label={words.role} value={value.role}
					onValue={set("role")} options={roles(session)} />
				{value.role.startsWith("tenant-") && !session.tenant ?
					<Select label={words.tenant} value={value.tenant}
						onValue={set("tenant")} options={[["", "–"],
							...tenants.map((t) => [t, t])]} /> : null}
				{token ? null : <Input label={words.password} type="password"
					help={words.passwordHelp} value={value.password}
					onValue={set("password")} autocomplete="new-password" />}
				<Input label={words.expires} type="datetime-local"
					value={value.expires} onValue={set("expires")} />
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
	const [making, setMaking] = useState(false);
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
					["", (a) => may ? <button type="button"
						aria-label={`${strings.remove} ${a.name}`}
						onClick={() => { setError(null); setGone(a.name); }}>
						{strings.remove}</button> : null],
				]} />
			{may ? <button type="button" class="main"
				onClick={() => setMaking(true)}>{add}</button> : null}
			{making ? <One {...props} token={token}
				onClose={() => setMaking(false)} onDone={(v) => {
					setMaking(false); setMade(v); list.again(); }} /> : null}
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
