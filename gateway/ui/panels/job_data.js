// The arguments of a job, and its outcome.
import { button, make } from "../parts/index.js";

/** Characters of a value that are shown at first: results may have megabytes. */
const FIRST = 20_000;

/** Return the arguments of a job. @returns {Node[]} */
export function argumentsOf(job) {
  const heading = make("h2", "Arguments");
  if (job.args === undefined && job.kwargs === undefined) {
    return [heading, make("p.note", "Shown to keys with the scope inspect, as long as Redis keeps them.")];
  }
  const named = Object.entries(job.kwargs ?? {});
  const given = [...(job.args ?? []).map((value, at) => [`${at}`, value]), ...named];
  if (!given.length) return [heading, make("p.note", "None.")];
  const pairs = given.flatMap(([name, value]) => [make("dt.id", name), make("dd", block(json(value)))]);
  return [heading, make("dl.values", ...pairs)];
}

/** Return how a job ended. @returns {Node[]} */
export function outcomeOf(outcome) {
  if (outcome.success) return [make("h2", "Result"), block(json(outcome.result, 2))];
  const { type, message, code, traceback } = outcome.error;
  return [
    make("h2.bad", type || code),
    make("p.message", message || "The error has no message."),
    make("p.note", `Code: ${code}`),
    traceback ? block(traceback) : make("p.note", traceback === undefined ? "The traceback is shown to keys with the scope inspect." : "It has no traceback."),
  ];
}

/** @param {any} value @param {number} [indent] */
const json = (value, indent) => JSON.stringify(value, null, indent) ?? "null";

/** Return a text in its own form; of a very long one, first the beginning. @param {string} text */
export function block(text) {
  const code = make("pre", { tabIndex: 0 }, text.slice(0, FIRST));
  if (text.length <= FIRST) return code;
  const more = button(`Show all ${Math.round(text.length / 1000)} kB`, () => {
    code.textContent = text;
    more.remove();
  });
  return make("div.stack", code, more);
}
