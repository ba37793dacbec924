// What the key may do, and what the overview shows: asked for while most files of the page are still on their way.
import { get } from "./gateway.js";

export const KEY = "key";
/** What the overview shows. */
export const FLEET = { queues: "queues?limit=1000", workers: "workers?limit=1000", ready: "readyz" };

/** @type {Map<string, Promise<any>>} */
const asked = new Map();

/** Ask. @param {boolean} isOverview - whether that is shown first */
export function askEarly(isOverview) {
  for (const path of [KEY, ...(isOverview ? Object.values(FLEET) : [])]) {
    const answer = get(path);
    answer.catch(() => {}); // it is asked for again
    asked.set(path, answer);
  }
}

/** Return what a GET answers: the first time, what was asked for before. @param {string} path @param {AbortSignal} [signal] */
export function early(path, signal) {
  const answer = asked.get(path)?.catch(() => get(path, signal));
  asked.delete(path);
  return answer ?? get(path, signal);
}
