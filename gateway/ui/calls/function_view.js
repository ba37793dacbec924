// One function: what it takes and returns, a form to call it, and the models that it knows.
import { isReadOnly } from "../api/index.js";
import { definition, models, words } from "./schemas.js";
import { trial } from "./trial.js";
import { address, counted, link, make, prose, table } from "../parts/index.js";

const STARS = /** @type {Record<string, string>} */ ({ var_positional: "*", var_keyword: "**" });
const NOTES = /** @type {Record<string, string>} */ ({ positional_only: "only in args", keyword_only: "only by name" });
const HEADINGS = ["Name", "Type", "Default", "Description"];

/** Return the elements of a function. @param {any} fn @param {Node} times - how long it runs */
export function functionView(fn, times) {
  return [
    make("h2.id", fn.name),
    make("p.note", facts(fn).join(" · "), " · ", link(address("failures", "", { function: fn.name }), "its failures")),
    ...prose(fn.description ?? ""),
    times,
    make("h3", "Parameters"),
    parameters(fn),
    make("h3", "Returns"),
    make("p", ...text(fn, words(fn.returns)), fn.returns_description ? `: ${fn.returns_description}` : ""),
    ...(isReadOnly() ? [] : trial(fn)),
    ...models(fn).flatMap((name) => model(fn, name)),
  ];
}

function facts(fn) {
  const found = [counted(fn.workers, "worker"), fn.queues.join(", ")];
  if (fn.versions > 1) found.push(`${fn.versions} versions are live: arguments of each are accepted`);
  if (typeof fn.timeout === "number") found.push(`at most ${fn.timeout} s`);
  if (typeof fn.max_tries === "number") found.push(counted(fn.max_tries, "try", "tries"));
  return found;
}

function parameters(fn) {
  if (fn.parameters === null) return make("p.note", "Not known: it accepts any arguments.");
  if (fn.parameters.length === 0) return make("p.note", "None.");
  return table(HEADINGS, fn.parameters.map((one) => [
    make("code", `${STARS[one.kind] ?? ""}${one.name}`),
    text(fn, words(one.schema)),
    preset(one.required, "default" in one, one.default),
    [one.description ?? "", NOTES[one.kind] ? make("span.note", ` (${NOTES[one.kind]})`) : ""],
  ]));
}

/** @param {boolean} isRequired @param {boolean} hasDefault */
function preset(isRequired, hasDefault, value) {
  if (isRequired) return "required";
  return hasDefault ? make("code", JSON.stringify(value)) : "optional";
}

/** Return the nodes of words: the names of models are links to their tables. @param {any[]} parts */
const text = (fn, parts) => parts.map((part) => (typeof part === "string" ? part : link(address("functions", fn.name, { model: part.model }), part.model)));

/** @param {any} fn @param {string} name */
function model(fn, name) {
  const schema = definition(fn, name);
  const heading = make("h3", { id: `model-${name}`, tabIndex: -1 }, name);
  const properties = Object.entries(schema?.properties ?? {});
  const said = typeof schema?.description === "string" ? prose(schema.description) : [];
  if (properties.length === 0) return [heading, make("p", ...text(fn, words(schema))), ...said];
  const required = Array.isArray(schema.required) ? schema.required : [];
  const isOptional = (entry) => Number(!required.includes(entry[0]));
  const rows = properties.sort((one, other) => isOptional(one) - isOptional(other)).map(([key, one]) => [
    make("code", key),
    text(fn, words(one)),
    preset(required.includes(key), one?.default !== undefined, one?.default),
    String(one?.description ?? ""),
  ]);
  return [heading, ...said, table(HEADINGS, rows)];
}
