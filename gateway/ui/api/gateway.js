// Requests to the gateway that served this page.
import { setClock } from "../parts/clock.js";
import { bearer, keyRefused } from "./keys.js";

/** Seconds that a call waits for its outcome. */
export const WAIT = 10;
/** Milliseconds after which a request for data is given up. */
const PATIENCE = 15_000;

/** The gateway said no. */
export class Refused extends Error {
  /** @param {Answer} answer */
  constructor(answer) {
    super(answer.document?.detail ?? `The gateway answered ${answer.status}.`);
    this.status = answer.status;
    this.code = answer.document?.code ?? "";
    this.title = answer.document?.title ?? "The gateway refused this";
  }
}

/** The gateway could not be reached. */
class Away extends Error {
  constructor() {
    super("The gateway cannot be reached.");
  }
}

/**
 * Send a request. An answer of any status is returned; throws only where there is none.
 * @param {string} path - below the address of the gateway, without a slash in front
 * @param {RequestInit & { headers?: Record<string, string> }} options
 * @param {(text: string) => any} parse - parses JSON
 * @returns {Promise<Answer>}
 */
export async function ask(path, options = {}, parse = JSON.parse) {
  return answerOf(await send(path, options), parse);
}

/** Return what a response says. @param {Response} response @param {(text: string) => any} parse @returns {Promise<Answer>} */
export async function answerOf(response, parse = JSON.parse) {
  const text = await response.text();
  return { status: response.status, headers: response.headers, document: text ? parsed(text, parse) : null };
}

/**
 * Send a request with the key in use, and return the response as it comes.
 * @param {string} path
 * @param {RequestInit & { headers?: Record<string, string> }} options
 */
export async function send(path, options = {}) {
  const used = bearer();
  const headers = { ...options.headers, ...used };
  const response = await fetch(path, { ...options, headers, cache: "no-store", credentials: "omit" });
  setClock(response.headers.get("Date"));
  if (response.status === 401 && used.Authorization === bearer().Authorization) keyRefused();
  return response;
}

/**
 * Return what a GET answers; throws `Refused` or `Away`.
 * @param {string} path
 * @param {AbortSignal} [signal] - ends it
 * @param {(text: string) => any} [parse] - parses JSON
 */
export const get = (path, signal, parse) => document(path, { signal }, parse);

/**
 * Return what a POST answers; throws `Refused` or `Away`.
 * @param {string} path
 * @param {any} [body] - sent as JSON
 */
export function post(path, body) {
  const headers = { "Content-Type": "application/json" };
  return document(path, { method: "POST", ...(body !== undefined && { headers, body: JSON.stringify(body) }) });
}

/**
 * @param {string} path
 * @param {RequestInit & { headers?: Record<string, string> }} options
 * @param {(text: string) => any} [parse]
 */
async function document(path, options, parse) {
  const patience = AbortSignal.timeout(PATIENCE);
  const signal = options.signal ? AbortSignal.any([options.signal, patience]) : patience;
  let answer;
  try {
    answer = await ask(path, { ...options, signal }, parse);
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new Away();
  }
  if (answer.status >= 400) throw new Refused(answer);
  return answer.document;
}

/**
 * Parse JSON to be shown again as JSON: long numbers keep all digits, where the browser can do that.
 * @param {string} text
 */
export function exactly(text) {
  const Raw = /** @type {any} */ (JSON);
  const reviver = /** @type {any} */ ((_, value, context) =>
    typeof value === "number" && !Number.isSafeInteger(value) && context?.source && Raw.rawJSON
      ? Raw.rawJSON(context.source)
      : value);
  return JSON.parse(text, reviver);
}

/**
 * @param {string} text
 * @param {(text: string) => any} parse
 */
function parsed(text, parse) {
  try {
    return parse(text);
  } catch {
    return { detail: "The answer is not JSON." };
  }
}

/** Return the path of a function's calls. @param {string} name */
export const pathOf = (name) => `jobs/${encodeURIComponent(name)}`;

/** Call a function with a body of JSON text. @param {string} name @param {string} body */
export function call(name, body) {
  const headers = { "Content-Type": "application/json", Prefer: `wait=${WAIT}` };
  return ask(pathOf(name), { method: "POST", headers, body }, exactly);
}

/** Wait for the outcome of a job. @param {string} jobId */
export const outcome = (jobId) => ask(`${pathOf(jobId)}/result?wait=${WAIT}`, {}, exactly);
