/* Beginning a test of a PBX: what, and who plays whom. */

import { useEffect, useState } from "preact/hooks";

import { ask, get, path } from "./api.js";
import { Field, Input, Problem, Select, errorsOf, useLoad, useRested }
	from "./parts.jsx";
import { SchemaForm } from "./form.jsx";
import { strings } from "./strings.js";

const words = strings.tests.begin;
const users = ["user_a", "user_b"];
const phones = ["external", "external_2"];
const numbers = ["nobody", "echo"];
const ofPhone = ["number", "extension", "sip_username", "sip_auth_username",
	"sip_password", "registers", "dials", "outside_line_prefix", "address",
	"codec"];
const ofPerson = ["name", "number"];

/** One of the PBX's users, looked for as it is typed */
function UserInput({ tenant, pbx, value, onValue, ...more })
{
	const typed = useRested(value);
	const found = useLoad((signal) => get(path("tenants", tenant, "users"),
		{ pbx, q: typed, limit: 20 }, { signal }), [tenant, pbx, typed]);
	const list = `list-${more.name}`;

	return (
		<>
			<Input {...more} value={value} onValue={onValue} list={list}
				autocomplete="off" spellcheck={false} />
			<datalist id={list}>{found.value ? found.value.users.map((u) =>
				<option key={u.name} value={u.value.upn}>
					{u.value.name || u.value.number}</option>) : null}</datalist>
		</>
	);
}

/** A user in Teams: which, and whether a person plays it */
function Person({ role, place, value, onChange, errors, sim })
{
	const set = (change) => {
		const next = { ...value, ...change };

		onChange(next.upn ? { kind: "human", ...next } : undefined);
	};

	return (
		<fieldset>
			<legend>{words.roles[role]}</legend>
			<div class="form">
				<UserInput {...place} name={`${role}.upn`} label={words.upn}
					help={words.upnHelp} value={value.upn || ""}
					error={errors[`${role}.upn`] || errors[`${role}.number`]}
					onValue={(upn) => set({ upn })} />
				{sim ? <Select name={`${role}.kind`} label={words.kind}
					value={value.kind || "human"}
					error={errors[`${role}.kind`]}
					onValue={(kind) => set({ kind })} options={[
						["human", words.kinds.teamsHuman],
						["teams", words.kinds.teams]]} /> : null}
				<Input name={`${role}.mailbox`} label={words.mailbox}
					value={value.mailbox || ""}
					error={errors[`${role}.mailbox`]}
					onValue={(mailbox) => set({ mailbox: mailbox || undefined })} />
			</div>
		</fieldset>
	);
}

/** Somebody outside Teams: a telephone of the test's own, or a person */
function Outside({ role, schema, value, onChange, errors, secrets })
{
	const wanted = value.kind === "phone" ? ofPhone : ofPerson;

	return (
		<fieldset>
			<legend>{words.roles[role]}</legend>
			<Select name={`${role}.kind`} label={words.kind}
				value={value.kind || ""} error={errors[`${role}.kind`]}
				onValue={(kind) => onChange(kind ? { ...value, kind }
					: undefined)} options={[
					["", words.kinds.nobody], ["human", words.kinds.human],
					["phone", words.kinds.phone]]} />
			{value.kind ? <SchemaForm schema={schema} value={value}
				prefix={`${role}.`} errors={errors} secrets={secrets}
				skip={["kind", "upn", "mailbox"].map((n) => `${role}.${n}`)}
				wanted={(p) => wanted.includes(p.split(".").pop())}
				onChange={(v) => onChange({ ...v, kind: value.kind })} />
				: null}
		</fieldset>
	);
}

/** Who and what the chosen cases want and nobody plays */
function missing(chosen, testers)
{
	const has = (name) => name === "mailbox"
		? users.some((u) => testers[u] && testers[u].mailbox)
		: Boolean(testers[name]);

	return chosen.map((c) => ({ ...c, lacks: c.needs.filter((n) => !has(n)) }))
		.filter((c) => c.lacks.length);
}

function Testers({ place, schema, value, onChange, errors, secrets, sim,
		   msp })
{
	const set = (role, v) => {
		const next = { ...value, [role]: v };

		if (v === undefined)
			delete next[role];
		onChange(next);
	};

	return (
		<>
			<h2>{words.who}</h2>
			<p>{words.whoHelp}</p>
			<p>{sim ? words.withSim : words.noSim}
				{msp && !sim ? ` ${words.noSimMsp}` : null}</p>
			{users.map((role) => <Person key={role} role={role} sim={sim}
				place={place} errors={errors} value={value[role] || {}}
				onChange={(v) => set(role, v)} />)}
			{phones.map((role) => <Outside key={role} role={role}
				schema={schema.properties[role]} errors={errors}
				secrets={secrets} value={value[role] || {}}
				onChange={(v) => set(role, v)} />)}
			<div class="form">{numbers.map((name) => <Input key={name}
				name={name} label={words.numbers[name]}
				help={words.numbersHelp[name]}
				value={value[name] || ""} error={errors[name]}
				onValue={(v) => set(name, v || undefined)} />)}</div>
		</>
	);
}

/** A plan of one's own: it is known once it is found good */
function OwnPlan({ onPlan })
{
	const [error, setError] = useState(null);

	const read = async (e) => {
		const input = e.currentTarget;
		const file = input.files[0];
		/* another one may be chosen before this one is checked */
		const still = () => input.files[0] === file;

		setError(null);
		onPlan(null);
		if (!file)
			return;

		try {
			const text = await file.text();
			const { value } = await ask("POST", "/test-plans/check",
				{ name: file.name, text });

			if (still())
				onPlan({ ...value, plan: file.name, text });
		}
		catch (failed) {
			if (still())
				setError(failed);
		}
	};

	return (
		<>
			<Field label={words.file} help={words.fileHelp}>{(a) =>
				<input {...a} type="file" name="plan_file"
					accept=".yaml,.yml" onChange={read} />}</Field>
			<Problem error={error} />
		</>
	);
}

function Cases({ found, off, setOff })
{
	const toggle = (id) => setOff(off.includes(id)
		? off.filter((o) => o !== id) : [...off, id]);

	return (
		<fieldset>
			<legend>{words.cases}</legend>
			{found.cases.map((c) => <div key={c.id}>
				<label class="check"><input type="checkbox" name={`case.${c.id}`}
					checked={!off.includes(c.id)} onChange={() => toggle(c.id)} />
					{" "}{c.title}</label>
				<details class="sentences"><summary>{words.steps}
					<span class="hidden"> {c.title}</span></summary>
					<ol>{c.steps.map((s, i) => <li key={i}>{s}</li>)}</ol>
				</details></div>)}
		</fieldset>
	);
}

function load(signal)
{
	return Promise.all([
		get("/test-plans", {}, { signal }),
		get("/schema/testers", {}, { signal }),
	]);
}

/** null where nobody has said it yet */
function loadTesters(tenant, pbx, signal)
{
	return get(path("tenants", tenant, "pbxs", pbx, "testers"), {},
		{ signal }).catch((error) => {
		if (error.status === 404)
			return null;
		throw error;
	});
}

function Order({ tenant, pbx, plans, schema, sim, msp, kept, again, now })
{
	const [kind, setKind] = useState("plans");
	const [plan, setPlan] = useState(now.parameters.get("plan") ||
		"confidence");
	const [own, setOwn] = useState(null);
	const [off, setOff] = useState([]);
	const [times, setTimes] = useState("100");
	const [repeat, setRepeat] = useState("1");
	const [who, setWho] = useState(["", ""]);
	const [call, setCall] = useState("");
	const [testers, setTesters] = useState(kept ? kept.value : {});
	const [error, setError] = useState(null);
	const [busy, setBusy] = useState(false);
	const place = { tenant, pbx };
	const resume = now.parameters.get("resume");
	const named = plans.find((p) => p.plan === plan);
	const found = named || own;
	const cases = found ? found.cases : [];
	const chosen = cases.filter((c) => !off.includes(c.id));
	const lacking = missing(chosen, testers);
	const errors = errorsOf(error);
	const where = path("tenants", tenant, "pbxs", pbx);

	const begin = async (e) => {
		e.preventDefault();
		setBusy(true);
		setError(null);
		try {
			if (kind === "plans") {
				await ask("PUT", where + "/testers", testers, { headers: kept
					? { "If-Match": `"${kept.revision}"` } : {} });
				again();
			}

			const { value } = await ask("POST", where + "/test-runs",
				kind === "readiness" ? { kind, users: who.filter(Boolean),
					...(call ? { call } : {}) }
					: { plans: [found.plan], times: Number(times),
					    repeat: Number(repeat), ...(named ? {}
						: { files: [{ name: own.plan, text: own.text }] }),
					    ...(resume ? { resume } : {}), ...(off.length
						? { cases: chosen.map((c) => c.id) } : {}) });

			location.hash = `#/tests/${value.id}`;
		}
		catch (failed) {
			setError(failed);
			setBusy(false);
		}
	};

	return (
		<form onSubmit={begin} noValidate>
			<div class="form">
				<Select name="kind" label={words.what} value={kind}
					onValue={setKind} options={[["plans", words.plans],
						["readiness", words.readiness]]} />
			</div>
			{kind === "plans" ? <>
				<div class="form">
					<Select name="plan" label={words.plan}
						value={named ? plan : ""}
						error={errors.plans} onValue={(v) => {
							setPlan(v);
							setOff([]);
						}} options={[...plans.map((p) => [p.plan,
							`${p.title} (${p.plan})`]), ["", words.own]]} />
					{named ? null : <OwnPlan onPlan={(p) => {
						setOwn(p);
						setOff([]);
					}} />}
					<Input name="times" label={words.times} inputMode="numeric"
						help={words.timesHelp} value={times}
						error={errors.times} onValue={setTimes} />
					<Input name="repeat" label={words.repeat} value={repeat}
						inputMode="numeric" error={errors.repeat}
						onValue={setRepeat} />
				</div>
				{resume ? <p>{words.resumed}{" "}
					<a href={`#/tests/${resume}`}>{strings.tests.thatOne}</a></p>
					: null}
				{found ? <Cases found={found} off={off} setOff={setOff} />
					: null}
				<Testers place={place} schema={schema} value={testers} sim={sim}
					msp={msp}
					onChange={setTesters} errors={errors}
					secrets={kept ? kept.secrets : []} />
				{lacking.length ? <div class="allow">
					<p>{words.lacking}</p>
					<ul>{lacking.map((c) => <li key={c.id}>{c.title}: {c.lacks
						.map((n) => words.roles[n] || words.numbers[n] || n)
						.join(", ")}</li>)}</ul></div> : null}
			</> : <>
				<p>{words.readinessHelp}</p>
				<div class="form">{who.map((upn, i) => <UserInput key={i}
					{...place} name={`users.${i}`} label={words.user[i]}
					value={upn} error={i ? null : errors.users}
					onValue={(v) => setWho(who.map((old, n) =>
						n === i ? v : old))} />)}
					<Input name="call" label={words.call} help={words.callHelp}
						value={call} error={errors.call} onValue={setCall} />
				</div>
				{who.some(Boolean) ? <p class="allow">{words.twice}</p> : null}
			</>}
			<Problem error={error} />
			<p class="buttons">
				<button class="main" disabled={busy || kind === "plans" &&
					!chosen.length}>{words.begin}</button>
				<a class="button" href="#/tests">{strings.cancel}</a>
			</p>
		</form>
	);
}

function OfPbx({ tenant, pbx, msp, now })
{
	const known = useLoad(load, []);
	const kept = useLoad((signal) => loadTesters(tenant, pbx, signal),
		[tenant, pbx]);
	const [ready, setReady] = useState(false);

	useEffect(() => {
		if (kept.value !== null || kept.error)
			setReady(true);
	}, [kept.value, kept.error]);

	/* null is an answer, too: wait for it once */
	useEffect(() => {
		setReady(false);
		loadTesters(tenant, pbx).then(() => setReady(true), () => {});
	}, [tenant, pbx]);

	if (known.error || kept.error)
		return <Problem error={known.error || kept.error} />;
	if (!known.value || !ready)
		return <p aria-busy="true">{strings.loading}</p>;

	const [{ test_plans: plans, teams_sim: sim, at_once: most }, schema] =
		known.value;

	return most ? <Order key={`${tenant}/${pbx}`} {...{ tenant, pbx, plans,
		schema, sim, msp, now }} kept={kept.value} again={kept.again} />
		: <p>{words.none}</p>;
}

/** #/tests/begin */
export function Begin({ tenant, tenants, setTenant, session, now })
{
	const [pbx, setPbx] = useState(now.parameters.get("pbx") || "");
	const found = useLoad((signal) => tenant ? get(path("tenants", tenant,
		"pbxs"), { limit: 1000 }, { signal }) : Promise.resolve(null),
		[tenant]);
	const pbxs = found.value ? found.value.pbxs : [];
	const chosen = pbxs.some((p) => p.name === pbx) ? pbx
		: pbxs.length === 1 ? pbxs[0].name : "";

	return (
		<>
			<p><a href="#/tests">{strings.tests.all}</a></p>
			<h1>{words.title}</h1>
			<Problem error={found.error} again={found.again} />
			<div class="form">
				{tenants.length ? <Select name="tenant"
					label={strings.tenantLabel} value={tenant}
					onValue={setTenant} options={[["", words.choose],
						...tenants.map((t) => [t, t])]} /> : null}
				{tenant ? <Select name="pbx" label={words.pbx} value={chosen}
					onValue={setPbx} options={[["", words.choose],
						...pbxs.map((p) => [p.name, p.value.title
							? `${p.name} – ${p.value.title}` : p.name])]} />
					: null}
			</div>
			{tenant && chosen ? <OfPbx tenant={tenant} pbx={chosen} now={now}
				msp={!session.tenant} />
				: <p>{words.first}</p>}
		</>
	);
}
