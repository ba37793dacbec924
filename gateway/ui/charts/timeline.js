// When what happened to a job, and how long it was between.
import { make } from "../parts/elements.js";
import { stateOf } from "../parts/status.js";
import { clockExactly, exact, span, timeAgo, timeSince } from "../parts/moments.js";

/** Return the timeline of a job. */
export function timeline(job) {
  const found = steps(job);
  const isEnd = (at) => at === 0 || at === found.length - 1;
  return make("ol.timeline", {}, ...found.map(({ word, iso, state, since, runs, said }, at) =>
    make("li", { "data-state": state }, make("strong", {}, word), moment(iso, isEnd(at)), make("span.note", {}, since ?? "", ...(runs ? ["for ", timeSince(runs)] : [])),
      said ? make("span.said", {}, said) : "")));
}

/** @param {string | null} iso @param {boolean} hasAge - whether it says how long ago that is */
function moment(iso, hasAge) {
  if (!iso) return "";
  const time = make("time", { dateTime: iso, title: exact(iso) }, clockExactly(Date.parse(iso)));
  return make("span", {}, time, ...(hasAge ? [" ", make("span.note", {}, timeAgo(iso))] : []));
}

/** @typedef {{ word: string, iso: string | null, state: string, since?: string, runs?: string | null, said?: string }} Step */

/** Return the steps of a job so far, and the one that is next. @returns {Step[]} */
export function steps(job) {
  /** @type {Step[]} */
  const found = [];
  if (job.enqueue_time) found.push({ word: "Enqueued", iso: job.enqueue_time, state: "past" });
  found.push(...(job.earlier_tries ?? []).map(earlier));
  if (job.start_time) found.push({ word: `Started, try ${job.try}`, iso: job.start_time, state: "past", since: between("after", job.enqueue_time, job.start_time) });
  if (job.status === "deferred") found.push({ word: job.try ? "Tries again" : "Due", iso: job.due_time, state: "next" });
  if (job.status === "queued") found.push({ word: "Waits for a worker", iso: job.due_time, state: "next" });
  if (job.status === "in_progress") found.push({ word: "Running", iso: null, state: "running", runs: job.start_time });
  if (job.status === "complete") {
    const state = stateOf(job);
    const word = `${state[0].toUpperCase()}${state.slice(1)}`;
    found.push({ word, iso: job.finish_time, state, since: between("ran", job.start_time, job.finish_time) });
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
