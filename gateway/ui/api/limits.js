// For how long functions may run.
import { get } from "./gateway.js";

/** @type {Map<string, Promise<number | null>>} */
const known = new Map();

/** Return the timeout of a function in seconds; null = it has none, or it is not known. @param {string} name */
export function limitOf(name) {
  const limit = known.get(name) ?? get(`functions/${encodeURIComponent(name)}`).then((found) => found.timeout, () => null);
  known.set(name, limit);
  return limit;
}
