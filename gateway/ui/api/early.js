// What the overview shows first: asked for while most files of the page are still on their way.
import { get } from "./gateway.js";
import { restoreKey } from "./keys.js";

/** What is asked for, by path. */
export const FLEET = { queues: "queues?limit=1000", workers: "workers?limit=1000", ready: "readyz" };

/** @type {Map<string, Promise<any>>} */
const asked = new Map();

/** Ask, if the address is that of the overview. */
function begin() {
  restoreKey();
  if (!["", "#/", "#/overview"].includes(location.hash) || location.pathname.endsWith("/docs")) return;
  for (const path of Object.values(FLEET)) {
    const answer = get(path);
    answer.catch(() => {}); // it is asked for again
    asked.set(path, answer);
  }
}

/** Return what a GET answers: the first time, what was asked for before. @param {string} path @param {AbortSignal} signal */
export function early(path, signal) {
  const answer = asked.get(path)?.catch(() => get(path, signal));
  asked.delete(path);
  return answer ?? get(path, signal);
}

begin();
