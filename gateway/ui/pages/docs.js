// The page of all functions: a list, and the function that is chosen, which the address names: /docs#/add.
import { make, prose, table } from "../parts/elements.js";
import { ask } from "../api/gateway.js";
import { hasKey, onKeyNeeded, setKey } from "../api/keys.js";
import { definition, models, words } from "../calls/schemas.js";
import { trial } from "../calls/trial.js";

const $ = (id) => document.getElementById(id);
const STARS = { var_positional: "*", var_keyword: "**" };
const NOTES = { positional_only: "only in args", keyword_only: "only by name" };

let functions = [];
let etag = "";
let shown = "";
let address = ""; // of the function that is shown
let timer;

/** Show what the gateway offers now; while it offers nothing, ask again. */
async function load() {
  clearTimeout(timer);
  let answer;
  try {
    answer = await ask("functions", { headers: etag ? { "If-None-Match": etag } : {} });
  } catch {
    answer = { status: 503, document: { detail: "The gateway cannot be reached." } };
  }
  if (answer.status === 401) return say("");
  if (answer.status >= 500 || functions.length === 0) timer = setTimeout(load, 2000);
  if (answer.status === 304) return undefined;
  if (answer.status !== 200) return say(answer.document?.detail ?? `The gateway answered ${answer.status}.`);
  etag = answer.headers.get("ETag") ?? "";
  functions = answer.document.functions;
  if (functions.length > 0) clearTimeout(timer);
  $("key").hidden = true;
  $("document").hidden = hasKey(); // a link cannot send the key
  $("page").hidden = functions.length === 0;
  say(functions.length ? "" : nothing());
  list();
  return show();
}

function nothing() {
  return hasKey()
    ? "No live worker offers a function that this key may call."
    : "No live worker has published its functions. Start one; stock arq workers publish none.";
}

function say(text) {
  $("state").textContent = text;
}

function list() {
  const wanted = $("filter").value.trim().toLowerCase();
  const matches = (fn) => `${fn.name}\n${fn.description ?? ""}`.toLowerCase().includes(wanted);
  const found = functions.filter(matches);
  $("list").replaceChildren(...found.map((fn) => {
    const link = make("a", { href: `#/${encodeURIComponent(fn.name)}` }, fn.name);
    if (fn.name === chosen()?.name) link.setAttribute("aria-current", "page");
    return make("li", {}, link);
  }));
  $("list").querySelector("[aria-current]")?.scrollIntoView({ block: "nearest" });
  $("none").hidden = found.length > 0;
}

/** Return the function that the address names, or the first one. */
function chosen() {
  let name = "";
  try {
    name = isWithinPage() ? "" : decodeURIComponent(location.hash.replace(/^#\//, ""));
  } catch {
    // It is no percent-encoding, and names no function.
  }
  return functions.find((fn) => fn.name === name) ?? (name ? undefined : functions[0]);
}

/** Whether the address names a place in the page, such as the table of a model, and no function. */
function isWithinPage() {
  return location.hash !== "" && !location.hash.startsWith("#/");
}

function show() {
  const fn = chosen();
  address = `#/${encodeURIComponent(fn?.name ?? "")}`;
  const text = JSON.stringify(fn, (key, value) => (key === "workers" ? undefined : value)) ?? location.hash;
  if (text === shown) return; // what was entered stays
  shown = text;
  document.title = `${fn ? `${fn.name} · ` : ""}jobgate`;
  $("function").replaceChildren(...(fn ? view(fn) : [make("p.note", {}, "No live worker offers this function.")]));
}

function view(fn) {
  return [
    make("h2", {}, fn.name),
    make("p.facts", {}, facts(fn).join(" · ")),
    ...prose(fn.description ?? ""),
    make("h3", {}, "Parameters"),
    parameters(fn),
    make("h3", {}, "Returns"),
    make("p", {}, ...text(words(fn.returns)), fn.returns_description ? `: ${fn.returns_description}` : ""),
    ...trial(fn),
    ...models(fn).flatMap((name) => model(fn, name)),
  ];
}

function facts(fn) {
  const count = (number, one, many) => `${number} ${number === 1 ? one : many}`;
  const found = [count(fn.workers, "worker", "workers"), fn.queues.join(", ")];
  if (fn.versions > 1) found.push(`${fn.versions} versions are live: arguments of each are accepted`);
  if (typeof fn.timeout === "number") found.push(`at most ${fn.timeout} s`);
  if (typeof fn.max_tries === "number") found.push(count(fn.max_tries, "try", "tries"));
  return found;
}

function parameters(fn) {
  if (fn.parameters === null) return make("p.note", {}, "Not known: it accepts any arguments.");
  if (fn.parameters.length === 0) return make("p.note", {}, "None.");
  return table(["Name", "Type", "Default", "Description"], fn.parameters.map((one) => [
    make("code", {}, `${STARS[one.kind] ?? ""}${one.name}`),
    text(words(one.schema)),
    one.required ? "required" : "default" in one ? make("code", {}, JSON.stringify(one.default)) : "optional",
    [one.description ?? "", NOTES[one.kind] ? make("span.note", {}, ` (${NOTES[one.kind]})`) : ""],
  ]));
}

/** Return the nodes of words: the names of models are links to their tables. */
function text(parts) {
  return parts.map((part) => (typeof part === "string" ? part : make("a", { href: `#model-${part.model}` }, part.model)));
}

function model(fn, name) {
  const schema = definition(fn, name);
  const heading = make("h3", { id: `model-${name}`, tabIndex: -1 }, name);
  const properties = Object.entries(schema?.properties ?? {});
  const said = typeof schema?.description === "string" ? prose(schema.description) : [];
  if (properties.length === 0) return [heading, make("p", {}, ...text(words(schema))), ...said];
  const required = Array.isArray(schema.required) ? schema.required : [];
  const isOptional = ([key]) => Number(!required.includes(key));
  const rows = properties.sort((one, other) => isOptional(one) - isOptional(other)).map(([key, one]) => [
    make("code", {}, key),
    text(words(one)),
    required.includes(key) ? "required" : one?.default !== undefined ? make("code", {}, JSON.stringify(one.default)) : "optional",
    String(one?.description ?? ""),
  ]);
  return [heading, ...said, table(["Name", "Type", "Default", "Description"], rows)];
}

$("filter").addEventListener("input", list);
addEventListener("hashchange", () => {
  if (isWithinPage()) {
    history.replaceState(null, "", address); // the browser is there; a reload still finds the function
    return;
  }
  list();
  show();
  $("function").focus({ preventScroll: true });
  scrollTo(0, 0);
});
document.addEventListener("visibilitychange", () => document.hidden || load());

onKeyNeeded((wasGiven) => {
  $("key").hidden = false;
  $("key-error").textContent = wasGiven ? "The gateway does not accept this key." : "";
  $("key-text").focus();
});
$("key").addEventListener("submit", (event) => {
  event.preventDefault();
  setKey($("key-text").value.trim());
  $("key-text").value = "";
  etag = "";
  load();
});

load();
