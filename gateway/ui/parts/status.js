// How the state of a job is named and coloured: always a word, never the colour alone.
import { make } from "./elements.js";

/** @typedef {"deferred" | "queued" | "running" | "succeeded" | "failed" | "aborted"} Shown */

/** Return the state of a job in one word. @param {{ status: string, success: boolean | null, error?: { code: string } | null }} job @returns {Shown} */
export function stateOf(job) {
  if (job.status === "in_progress") return "running";
  if (job.status !== "complete") return /** @type {Shown} */ (job.status);
  if (job.error?.code === "aborted") return "aborted";
  return job.success ? "succeeded" : "failed";
}

/** Return a word with a dot of its colour. @param {string} state @param {string} [text] */
export const badge = (state, text = state) => make("span.state", { "data-state": state }, text);

/** Make a badge show another state. @param {HTMLElement} element @param {string} state @param {string} [text] */
export function setBadge(element, state, text = state) {
  if (element.dataset.state === state && element.textContent === text) return;
  element.dataset.state = state;
  element.textContent = text;
}
