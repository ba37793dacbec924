// What the key in use may do. The API has no answer to that question, so that it is tried, without any effect.
import { Refused, get, post } from "./gateway.js";
import { hasKey } from "./keys.js";

/**
 * @typedef {Object} Rights
 * @property {boolean} overview - may see queues and workers
 * @property {boolean} operate - may pause and resume queues, and retry the jobs of others
 * @property {boolean} abort - may abort jobs
 * @property {boolean} retry - may retry jobs, perhaps only its own
 */

/** @type {Promise<Rights> | null} */
let known = null;

/** Whether the gateway lets the dashboard show only. */
export const isReadOnly = () => document.documentElement.hasAttribute("data-read-only");

/** What is taken for granted while the gateway cannot be asked. */
const UNKNOWN = { overview: true, operate: false, abort: false, retry: false };

/** Return what the key may do; asked once for each key. @returns {Promise<Rights>} */
export function rights() {
  known ??= find().catch(() => {
    known = null;
    return UNKNOWN;
  });
  return known;
}

/** Forget what the last key might do. */
export function forgetRights() {
  known = null;
}

/** @returns {Promise<Rights>} */
async function find() {
  const overview = !hasKey() || (await isAllowed(get("queues?limit=1")));
  if (isReadOnly()) return { overview, operate: false, abort: false, retry: false };
  if (!hasKey()) return { overview, operate: true, abort: true, retry: true };
  const [operate, abort, retry] = await Promise.all([
    isAllowed(post("queues/%20/pause")), // no queue has this name: 422 where the scope suffices
    isAllowed(post("bulk/abort", { ids: ["."], dry_run: true })),
    isAllowed(post("bulk/retry", { ids: ["."], dry_run: true })),
  ]);
  return { overview, operate, abort, retry };
}

/** @param {Promise<any>} request */
async function isAllowed(request) {
  try {
    await request;
  } catch (error) {
    if (error instanceof Refused && error.status === 403) return false;
    if (!(error instanceof Refused) || error.status >= 500 || error.status === 401) throw error;
  }
  return true;
}
