/* The service's REST API (docs/api.md), as the page asks it. */

import { strings } from "./strings.js";

const base = "/api/v1";

let csrf = null;
let onSignedOut = () => {};

/* Does the service answer? One answer for the whole page */
const askAgain_ms = 3000;
let isUp = true;
let probing = null;
let onConnection = () => {};

/** Call h(true or false) when the service stops answering, or does again */
export function whenConnection(h)
{
	onConnection = h;
}

function setUp(up)
{
	if (up === isUp)
		return;

	isUp = up;
	onConnection(up);
	if (up) {
		for (const stream of streams.values())
			stream.open();
		goOn();
	}
	else {
		probe();
	}
}

/** Whatever could not be loaded can be, probably */
function goOn()
{
	dispatchEvent(new Event("go-on"));
}

/** Ask until there is an answer, whatever it is */
function probe()
{
	clearTimeout(probing);
	probing = null;
	ask("GET", "/session").catch((error) => {
		if (error.status === 0)
			probing ||= setTimeout(probe, askAgain_ms);
	});
}

/** What the service answered that was not good; or that it did not */
class ApiError extends Error {
	constructor(status, value, wait_s)
	{
		super(value && value.error || strings.unreachable);
		this.status = status;
		this.field = value && value.field || null;
		this.hint = value && value.hint || null;
		this.errors = value && value.errors || [];
		this.test_run = value && value.test_run || null;
		this.wait_s = wait_s;
	}
}

/** Call h when the session is over */
export function whenSignedOut(h)
{
	onSignedOut = h;
}

export function query(path, parameters)
{
	const words = new URLSearchParams();

	for (const [name, value] of Object.entries(parameters || {}))
		if (value !== null && value !== undefined && value !== "")
			words.set(name, value);

	const text = words.toString();
	return text ? `${path}?${text}` : path;
}

/** Parts of a path, safe whatever is in them */
export function path(...parts)
{
	return "/" + parts.map(encodeURIComponent).join("/");
}

export function href(where, parameters)
{
	return base + query(where, parameters);
}

/**
 * Ask the service
 *
 * @param options  {type, headers, signal, text: true for a body that is no JSON}
 *
 * @return {value, etag, location}; throws ApiError
 */
export async function ask(method, where, body, options = {})
{
	const headers = { ...options.headers };
	let answer, text, value = null;

	if (body !== undefined)
		headers["Content-Type"] = options.type || "application/json";
	if (csrf && method !== "GET")
		headers["X-CSRF-Token"] = csrf;

	try {
		answer = await fetch(base + where, {
			method, headers, signal: options.signal,
			body: body === undefined || options.type && typeof body === "string"
				? body : JSON.stringify(body),
		});
		text = await answer.text();
	}
	catch (error) {
		if (error.name === "AbortError")
			throw error;
		setUp(false);
		throw new ApiError(0, null);
	}

	setUp(true);
	try {
		value = text ? JSON.parse(text) : null;
	}
	catch {
		value = null;
	}

	if (answer.ok)
		return { value, etag: answer.headers.get("ETag"),
			 location: answer.headers.get("Location") };

	if (answer.status === 401 && csrf) {
		csrf = null;
		onSignedOut();
	}

	throw new ApiError(answer.status, value,
			   Number(answer.headers.get("Retry-After")) || 0);
}

export async function get(where, parameters, options)
{
	return (await ask("GET", query(where, parameters), undefined, options)).value;
}

export async function post(where, body, options)
{
	return (await ask("POST", where, body, options)).value;
}

export async function patch(where, body)
{
	return (await ask("PATCH", where, body,
			  { type: "application/merge-patch+json" })).value;
}

/** A session that began, or the one that there is */
export function takeSession(session)
{
	csrf = session.csrf;
	for (const stream of streams.values())
		if (!stream.isOpen())
			stream.open();
	goOn();

	return session;
}

/** The session is no more, and that is no news */
export function dropSession()
{
	csrf = null;
}

/* Changes as they happen. A browser has few connections to one service:
   all parts of the page that look at a tenant share one stream */

const streams = new Map();
const linger_ms = 1000;         /* from one page to the next */

class Stream {
	constructor(tenant)
	{
		this.tenant = tenant;
		this.listeners = new Set();
		this.names = new Set();
		this.open();
	}

	open()
	{
		if (this.source)
			this.source.close();

		this.source = new EventSource(base + query("/events",
			{ tenant: this.tenant }));
		this.source.onerror = () => probe();
		for (const name of this.names)
			this.listen(name);
	}

	isOpen()
	{
		return this.source.readyState !== EventSource.CLOSED;
	}

	listen(name)
	{
		this.names.add(name);
		this.source.addEventListener(name, (event) => {
			const value = event.data ? JSON.parse(event.data) : null;

			for (const handlers of this.listeners)
				if (handlers[name])
					handlers[name](value);
		});
	}

	add(handlers)
	{
		this.listeners.add(handlers);
		for (const name of Object.keys(handlers))
			if (!this.names.has(name))
				this.listen(name);
	}

	remove(handlers)
	{
		this.listeners.delete(handlers);
		setTimeout(() => {
			if (this.listeners.size ||
			    streams.get(this.tenant) !== this)
				return;
			this.source.close();
			streams.delete(this.tenant);
		}, linger_ms);
	}
}

/** What changes, as it happens. handlers by name of event. @return stop() */
export function events(tenant, handlers)
{
	const key = tenant || "";

	if (!streams.has(key))
		streams.set(key, new Stream(key));

	const stream = streams.get(key);

	stream.add(handlers);
	return () => stream.remove(handlers);
}

const told = ["note", "plan", "case", "step", "wait", "question", "answered",
	"step-end", "case-end", "finding", "ends", "end", "over"];

/** What a test tells that runs. h: each event; onGone: it does not run any
    more. @return stop() */
export function runEvents(id, h, onGone)
{
	const source = new EventSource(base + "/test-runs" + path(id, "events"));

	for (const name of told)
		source.addEventListener(name, (event) => {
			const value = JSON.parse(event.data);

			if (name === "over")
				source.close();
			h(value);
		});

	source.onerror = () => {
		if (source.readyState === EventSource.CLOSED)
			onGone();
		else
			probe();
	};

	return () => source.close();
}
