// A table of jobs.
import { fill, make, put } from "./elements.js";
import { jobLink } from "./links.js";
import { span, timeAgo, timeSince } from "./moments.js";
import { Rows } from "./rows.js";
import { badge, setBadge, stateOf } from "./status.js";

const HEADINGS = [["State", "status"], ["Job", "name"], ["Function", "function p2"], ["When", "time"], ["Took", "time p3"], ["Try", "number try p3"]];

/** Jobs, one in each row. */
export class JobTable {
  /** @param {string} label */
  constructor(label) {
    const head = make("tr", {}, ...HEADINGS.map(([text, name]) => make("th", { scope: "col", className: name }, text)));
    this.body = make("tbody");
    this.element = make("table.list.jobs", { "aria-label": label }, make("thead", {}, head), this.body);
    this.rows = new Rows(this.body, { key: (job) => job.job_id, make: jobRow });
  }
  show(jobs) {
    this.rows.show(jobs);
  }

  /** Whether somebody points at a job, or has it in focus: then it is not to move. */
  get isHeld() {
    return this.body.matches(":hover, :focus-within");
  }
}
function jobRow(first) {
  const state = badge("");
  const [when, took, tries] = Array.from({ length: 3 }, () => make("span"));
  const name = make("span.id", { title: first.function ?? "" }, first.function ?? "–");
  const ago = timeAgo(null);
  const since = timeSince(null);
  const cells = [state, jobLink(first.job_id), name, when, took, tries];
  const element = make("tr", {}, ...cells.map((cell, at) => make("td", { className: HEADINGS[at][1] }, cell)));
  const update = (job) => {
    setBadge(state, stateOf(job), progressOf(job));
    ago.moment = timeOf(job);
    if (!when.firstChild) fill(when, ago);
    put(tries, String(job.try));
    if (job.status === "in_progress") {
      since.moment = job.start_time;
      if (took.firstChild !== since) fill(took, since);
    } else put(took, durationOf(job));
  };
  return { element, update };
}

/** Return the state of a job, and how far it is. */
function progressOf(job) {
  const state = stateOf(job);
  return job.progress ? `${Math.round(job.progress.fraction * 100)} %` : state;
}

/** Return the time that matters most. @returns {string | null} */
export function timeOf(job) {
  if (job.status === "complete") return job.finish_time;
  return job.status === "in_progress" ? job.start_time : job.due_time ?? job.enqueue_time;
}

/** Return how long the last try of a finished job took. */
export function durationOf(job) {
  if (!job.finish_time || !job.start_time) return "–";
  return span(Math.max(0, (Date.parse(job.finish_time) - Date.parse(job.start_time)) / 1000));
}
