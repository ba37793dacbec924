// Requests to the gateway that served this page.

/** Seconds that a call waits for its outcome. */
export const WAIT = 10;

/** The key, in memory only; "" = none. */
let key = "";
const listeners = new Set();

export const hasKey = () => key !== "";

/** Use a key from now on. */
export function setKey(text) {
  key = text;
}

/** Call `listener` whenever the gateway asks for a valid key. */
export function onKeyNeeded(listener) {
  listeners.add(listener);
}

/**
 * Return an answer of the gateway: its status, headers, and parsed JSON.
 * @param {string} path
 * @param {Object} options - as of `fetch`
 * @param {function(string): *} parse - parses JSON
 */
export async function ask(path, options = {}, parse = JSON.parse) {
  const headers = { ...options.headers, ...(key && { Authorization: `Bearer ${key}` }) };
  const response = await fetch(path, { ...options, headers, cache: "no-store", credentials: "omit" });
  if (response.status === 401) listeners.forEach((listener) => listener(key !== ""));
  const text = await response.text();
  return { status: response.status, headers: response.headers, document: text ? parsed(text, parse) : null };
}

/** Parse JSON to be shown: long numbers keep all digits, where the browser can do that. */
function exactly(text) {
  return JSON.parse(text, (_, value, context) =>
    typeof value === "number" && !Number.isSafeInteger(value) && context?.source && JSON.rawJSON
      ? JSON.rawJSON(context.source)
      : value);
}

function parsed(text, parse) {
  try {
    return parse(text);
  } catch {
    return { detail: "The answer is not JSON." };
  }
}

/** Return the path of a function's calls. */
export function pathOf(name) {
  return `jobs/${encodeURIComponent(name)}`;
}

/** Call a function with a body of JSON text. */
export function call(name, body) {
  const headers = { "Content-Type": "application/json", Prefer: `wait=${WAIT}` };
  return ask(pathOf(name), { method: "POST", headers, body }, exactly);
}

/** Wait for the outcome of a job. */
export function outcome(jobId) {
  return ask(`jobs/${encodeURIComponent(jobId)}/result?wait=${WAIT}`, {}, exactly);
}

/** Return the command that makes the same call. */
export function curl(name, body) {
  const url = new URL(pathOf(name), document.baseURI).href;
  const lines = [`curl -X POST ${quoted(url)}`, `-H 'Prefer: wait=${WAIT}'`, "-H 'Content-Type: application/json'"];
  if (hasKey()) lines.push('-H "Authorization: Bearer $KEY"');
  if (body !== "{}") lines.push(`-d ${quoted(body)}`);
  return lines.join(" \\\n  ");
}

function quoted(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
