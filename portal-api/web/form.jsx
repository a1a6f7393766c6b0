/* A form made from a table of fields, as the service describes it (JSON
   Schema of /api/v1/schema). What is not set stays out of the value. */

import { strings, fill } from "./strings.js";
import { Field, Input, Select } from "./parts.jsx";

const longest = 8192;           /* what is longer has lines */

function told(value)
{
	if (value === true)
		return strings.yes;
	if (value === false)
		return strings.no;
	if (Array.isArray(value))
		return value.join(", ");

	return value === null || value === undefined ? "" : String(value);
}

function isNumber(schema)
{
	return schema.type === "integer" || schema.type === "number" ||
		(schema.anyOf || []).some((s) => s.type === "integer");
}

/** What was typed, as the table wants it; undefined: not set */
function read(schema, text)
{
	if (text === "")
		return undefined;
	if (schema.type === "array")
		return text.split(",").map((s) => s.trim()).filter(Boolean);
	if (schema.type === "boolean")
		return text === "true";
	if (isNumber(schema) && /^-?\d+$/.test(text.trim()))
		return Number(text);

	return text;
}

export function label(name, schema)
{
	const text = name.split("_").map((w) => strings.spelt[w] || w).join(" ");
	const unit = schema["x-unit"];

	return text[0].toUpperCase() + text.slice(1) + (unit ? ` [${unit}]` : "");
}

export function Leaf({ name, path, schema, value, effective, onChange, error,
		required, secret, readOnly })
{
	const inherited = effective !== undefined && effective !== null
		? fill(strings.services.asTemplate, { value: told(effective) })
		: schema.default !== undefined && schema.default !== null
			? fill(strings.services.byDefault, { value: told(schema.default) })
			: "";
	const common = {
		label: label(name, schema), help: schema.description, error,
		name: path, disabled: readOnly || undefined,
		required: required && !secret || undefined,
	};

	if (schema.enum || schema.type === "boolean") {
		const choices = schema.enum ? schema.enum.map((v) => [v, v])
			: [["true", strings.yes], ["false", strings.no]];

		return <Select {...common} value={value === undefined || value === null
			? "" : String(value)}
			options={[["", inherited || "–"], ...choices]}
			onValue={(v) => onChange(read(schema, v))} />;
	}

	if (schema.maxLength > longest)
		return (
			<Field label={common.label} help={common.help} error={error} wide>
				{(a) => <textarea {...a} name={path} disabled={common.disabled}
					spellcheck={false} value={value || ""}
					placeholder={secret ? strings.services.isSet : inherited}
					onInput={(e) => onChange(read(schema,
						e.currentTarget.value))} />}
			</Field>
		);

	return <Input {...common} type={schema.writeOnly ? "password" : "text"}
		autocomplete={schema.writeOnly ? "new-password" : "off"}
		spellcheck={false}
		placeholder={secret ? strings.services.isSet : inherited}
		onBlur={schema.type === "array" ? (e) =>
			onChange(read(schema, e.currentTarget.value)) : undefined}
		value={Array.isArray(value) ? value.join(", ") :
			value === undefined || value === null ? "" : String(value)}
		onValue={(v) => onChange(schema.type === "array" ?
			(v === "" ? undefined : v.split(/,\s*/)) : read(schema, v))} />;
}

/** A setting is shown if it is wanted, set, or wrong */
function isShown(path, value, wanted, errors)
{
	return !wanted || wanted(path) || value !== undefined && value !== null ||
		Object.keys(errors).some((e) => e === path || e.startsWith(path + "."));
}

/**
 * @param schema     of an object
 * @param value      what is set
 * @param effective  what holds where nothing is set, may be undefined
 * @param wanted     (path) => shown even if not set; undefined: all are
 * @param errors     {path: text}
 * @param secrets    paths of secrets that are set
 * @param readOnly   (path) => may not be changed
 */
export function SchemaForm({ schema, value, effective, onChange, wanted,
			     errors = {}, secrets = [], readOnly, prefix = "",
			     skip = [] })
{
	const change = (name, v) => {
		const next = { ...value };

		if (v === undefined)
			delete next[name];
		else
			next[name] = v;

		onChange(next);
	};

	const row = ([name, sub]) => {
		const path = prefix + name;
		const v = value[name];

		if (skip.includes(path) || sub.items && sub.items.type === "object" ||
		    !isShown(path, v, wanted, errors))
			return null;

		if (sub.type === "object") {
			return (
				<fieldset key={name}>
					<legend>{label(name, sub)}</legend>
					{sub.description ? <p>{sub.description}</p> : null}
					<SchemaForm schema={sub} value={v || {}}
						effective={(effective || {})[name]} prefix={path + "."}
						wanted={wanted} errors={errors} secrets={secrets}
						readOnly={readOnly}
						onChange={(o) => change(name,
							Object.keys(o).length ? o : undefined)} />
				</fieldset>
			);
		}

		return <Leaf key={name} name={name} path={path} schema={sub} value={v}
			effective={(effective || {})[name]} error={errors[path]}
			required={(schema.required || []).includes(name)}
			secret={secrets.includes(path)}
			readOnly={readOnly && readOnly(path)}
			onChange={(o) => change(name, o)} />;
	};

	return <div class="form">{Object.entries(schema.properties).map(row)}</div>;
}
