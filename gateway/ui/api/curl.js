// Commands that do in a terminal what a page does.
import { WAIT, pathOf } from "./gateway.js";
import { hasKey } from "./keys.js";

/** Return the command that makes the same call. @param {string} name @param {string} body */
export function curl(name, body) {
  const headers = [`-H 'Prefer: wait=${WAIT}'`, "-H 'Content-Type: application/json'"];
  return curlOf("POST", pathOf(name), headers, body === "{}" ? [] : [`-d ${quoted(body)}`]);
}

/**
 * Return the command that sends a request.
 * @param {"GET" | "POST"} method
 * @param {string} path
 * @param {string[]} headers
 * @param {string[]} body
 */
export function curlOf(method, path, headers = [], body = []) {
  const url = new URL(path, document.baseURI).href;
  const first = method === "GET" ? `curl ${quoted(url)}` : `curl -X ${method} ${quoted(url)}`;
  const key = hasKey() ? ['-H "Authorization: Bearer $KEY"'] : [];
  return [first, ...headers, ...key, ...body].join(" \\\n  ");
}

/** @param {string} text */
const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;
