// What the key in use may do.
import { KEY, early } from "./early.js";

/**
 * @typedef {Object} Rights
 * @property {boolean} overview - may see queues and workers
 * @property {boolean} operate - may pause and resume queues, and retry and abort the jobs of others
 * @property {(name: string) => boolean} calls - may enqueue jobs of a function
 * @property {boolean} abort - may abort jobs
 * @property {boolean} retry - may retry jobs, perhaps only its own
 */

/** @type {Promise<Rights> | null} */
let known = null;

/** Whether the gateway serves the dashboard without buttons that change something. */
export const isReadOnly = () => document.documentElement.hasAttribute("data-read-only");

/** What is assumed while the gateway cannot be asked. */
const UNKNOWN = { overview: true, operate: false, calls: () => false, abort: false, retry: false };

/** Return what the key may do; asked once for each key. @returns {Promise<Rights>} */
export function rights() {
  known ??= early(KEY).then(rightsOf, () => {
    known = null;
    return UNKNOWN;
  });
  return known;
}

/** Forget what the last key may do. */
export function forgetRights() {
  known = null;
}

/** Return what a key may do. @param {{ scopes: string[], functions: string[] }} key @returns {Rights} */
export function rightsOf({ scopes, functions }) {
  const has = (...some) => some.some((scope) => scopes.includes(scope));
  const acts = !isReadOnly();
  const operate = acts && has("operate");
  return {
    overview: has("read:*", "operate"),
    operate,
    calls: (name) => acts && functions.some((glob) => fits(glob, name)),
    abort: operate || (acts && has("abort")),
    retry: operate || (acts && has("read", "read:*") && functions.length > 0),
  };
}

/** Whether a name fits a pattern with `*` and `?`. @param {string} glob @param {string} name */
function fits(glob, name) {
  const pattern = glob.replace(/[.+^${}()|[\]\\]/g, "\\$&").replaceAll("*", ".*").replaceAll("?", ".");
  return new RegExp(`^${pattern}$`, "s").test(name);
}
