// What happens in all queues, `GET /events`: one stream for whatever page is open, and the state of the connection.
import { follow } from "./stream.js";

/** Seconds between two messages of the stream: each has all that has changed since the one before. */
const EVERY = 3;

/**
 * `connecting`, `live`, `away` (trying again), `hidden` (the tab is in the background), `refused` (the key may not),
 * `locked` (there is no valid key).
 * @typedef {"connecting" | "live" | "away" | "hidden" | "refused" | "locked"} State
 */

/** Listeners, and what concerns them. @type {Map<(event: StreamEvent) => void, (event: StreamEvent) => any>} */
const listeners = new Map();
/** @type {Set<(state: State) => void>} */
const watchers = new Set();
/** @type {AbortController | null} */
let running = null;
/** @type {State} */
let state = "connecting";

/** Begin to follow what happens; again with another key. */
export function connect() {
  disconnect(document.hidden ? "hidden" : "connecting");
  if (document.hidden) return;
  running = new AbortController();
  follow(`events?every=${EVERY}`, { signal: running.signal, onEvent: tell, onState: change });
}

/** Stop following. @param {State} next - why */
export function disconnect(next) {
  running?.abort();
  running = null;
  change(next);
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden && running) disconnect("hidden");
  else if (state === "hidden") connect();
});

/**
 * Call `listener` with what happens until `signal` ends it: `changes`, the counts of a queue; `finished`, a job that has
 * ended, where not too many have; `gap`, something may be missing, which concerns everybody.
 * @param {(event: StreamEvent) => void} listener
 * @param {AbortSignal} signal
 * @param {(event: StreamEvent) => any} [concerns] - whether it is called with something else than a gap
 */
export function onHappening(listener, signal, concerns = () => true) {
  listeners.set(listener, concerns);
  signal.addEventListener("abort", () => listeners.delete(listener), { once: true });
}

/** Call `watcher` with each new state of the connection. @param {(state: State) => void} watcher */
export function onConnection(watcher) {
  watchers.add(watcher);
  watcher(state);
}

/** Pass on what a message says: `changes` for each queue, `finished` for jobs that have ended. @param {StreamEvent} event */
function tell(event) {
  for (const each of partsOf(event)) {
    for (const [listener, concerns] of listeners) if (each.kind === "gap" || concerns(each)) listener(each);
  }
}

/** @param {StreamEvent} event @returns {StreamEvent[]} */
export function partsOf(event) {
  if (event.kind !== "changes") return [event];
  const { queues, ended } = event.data;
  const part = (kind) => (data) => ({ ...event, kind, data });
  return [...queues.map(part("changes")), ...ended.map(part("finished")).toReversed()];
}

/** @param {State} next */
function change(next) {
  if (next === state) return;
  state = next;
  watchers.forEach((watcher) => watcher(state));
}
