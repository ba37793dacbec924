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

/** Return an answer of the gateway: its status, headers, and parsed JSON. */
export async function ask(path, options = {}) {
  const headers = { ...options.headers, ...(key && { Authorization: `Bearer ${key}` }) };
  const response = await fetch(path, { ...options, headers, cache: "no-store", credentials: "omit" });
  if (response.status === 401) listeners.forEach((listener) => listener(key !== ""));
  const text = await response.text();
  return { status: response.status, headers: response.headers, document: text ? parsed(text) : null };
}

/** Parse JSON and keep all digits of long numbers, where the browser can. */
function parsed(text) {
  try {
    return JSON.parse(text, (_, value, context) =>
      typeof value === "number" && !Number.isSafeInteger(value) && context?.source && JSON.rawJSON
        ? JSON.rawJSON(context.source)
        : value);
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
  return ask(pathOf(name), { method: "POST", headers, body });
}

/** Wait for the outcome of a job. */
export function outcome(jobId) {
  return ask(`jobs/${encodeURIComponent(jobId)}/result?wait=${WAIT}`);
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
