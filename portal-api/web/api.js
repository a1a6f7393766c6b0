/* The service's REST API (docs/api.md), as the page asks it. */

import { strings } from "./strings.js";

const base = "/api/v1";

let csrf = null;
let onSignedOut = () => {};

/** What the service answered that was not good; or that it did not */
export class ApiError extends Error {
	constructor(status, value, wait_s)
	{
		super(value && value.error || strings.unreachable);
		this.status = status;
		this.field = value && value.field || null;
		this.hint = value && value.hint || null;
		this.errors = value && value.errors || [];
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
		throw new ApiError(0, null);
	}

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
	return session;
}

/** What changes, as it happens. handlers by name of event. @return stop() */
export function events(tenant, handlers)
{
	const source = new EventSource(base + query("/events", { tenant }));

	for (const [name, h] of Object.entries(handlers))
		source.addEventListener(name, (event) =>
			h(event.data ? JSON.parse(event.data) : null));

	return () => source.close();
}
