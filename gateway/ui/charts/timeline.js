// When what happened to a job, and how long it was between.
import { clockExactly, exact, make, span, stateOf, timeAgo, timeSince } from "../parts/index.js";

/** Return the timeline of a job. */
export function timeline(job) {
  const found = steps(job);
  const isEnd = (at) => at === 0 || at === found.length - 1;
  return make("ol.timeline", ...found.map(({ word, iso, state, since, runs, said }, at) =>
    make("li", { "data-state": state }, make("strong", word), moment(iso, isEnd(at)), make("span.note", since ?? "", ...(runs ? ["for ", timeSince(runs)] : [])),
      said ? make("span.said", said) : "")));
}

/** @param {string | null} iso @param {boolean} hasAge - whether it says how long ago that is */
function moment(iso, hasAge) {
  if (!iso) return "";
  const time = make("time", { dateTime: iso, title: exact(iso) }, clockExactly(Date.parse(iso)));
  return make("span", time, ...(hasAge ? [" ", make("span.note", timeAgo(iso))] : []));
}

/** @typedef {{ word: string, iso: string | null, state: string, since?: string, runs?: string | null, said?: string }} Step */

/** Return the steps of a job so far, and the one that is next. @returns {Step[]} */
export function steps(job) {
  /** @type {Step[]} */
  const found = [];
  const add = (word, iso, state, more = {}) => found.push({ word, iso, state, ...more });
  if (job.enqueue_time) add("Enqueued", job.enqueue_time, "past");
  found.push(...(job.earlier_tries ?? []).map(earlier));
  if (job.start_time) add(`Started, try ${job.try}`, job.start_time, "past", { since: between("after", job.enqueue_time, job.start_time) });
  if (job.status === "deferred") add(job.try ? "Tries again" : "Due", job.due_time, "next");
  if (job.status === "queued") add("Waits for a worker", job.due_time, "next");
  if (job.status === "in_progress") add("Running", null, "running", { runs: job.start_time });
  if (job.status === "complete") {
    const state = stateOf(job);
    add(`${state[0].toUpperCase()}${state.slice(1)}`, job.finish_time, state, { since: between("ran", job.start_time, job.finish_time) });
  }
  return found;
}

/** Return a try that was followed by another one. @returns {Step} */
function earlier({ try: number, start_time: start, end_time: end, error, lost }) {
  const why = error ? [error.type, error.message].filter(Boolean).join(": ") : "The function asked for another try.";
  const said = lost ? "Its worker died, or was cut off." : why;
  return { word: `Try ${number}`, iso: start ?? end, state: error || lost ? "failed" : "past", since: between("ran", start, end), said };
}

/** @param {string} word @param {string | null} from @param {string | null} to */
function between(word, from, to) {
  if (!from || !to) return "";
  return `${word} ${span(Math.max(0, (Date.parse(to) - Date.parse(from)) / 1000))}`;
}
