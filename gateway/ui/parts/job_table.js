// A table of jobs.
import { DataTable, fixed, state, text, time } from "./data_table.js";
import { fill, make, put } from "./elements.js";
import { jobLink } from "./links.js";
import { span, timeSince } from "./moments.js";
import { stateOf } from "./status.js";

/** @type {import("./data_table.js").Column[]} */
const COLUMNS = [
  ["State", "status", state(stateOf, progressOf)],
  ["Job", "name", fixed((job) => jobLink(job.job_id))],
  ["Function", "function p2", fixed((job) => make("span.id", { title: job.function ?? "" }, job.function ?? "–"))],
  ["When", "time", time(timeOf)],
  ["Took", "time p3", duration],
  ["Try", "number try p3", text((job) => String(job.try))],
];

/** Return a table of jobs. */
export const jobTable = () => new DataTable("Jobs", "jobs", COLUMNS, (job) => job.job_id);

function duration() {
  const element = make("span");
  const since = timeSince(null);
  const update = (job) => {
    if (job.status !== "in_progress") return put(element, durationOf(job));
    since.moment = job.start_time;
    return element.firstChild === since || fill(element, since);
  };
  return { element, update };
}

/** Return how far a job is, or why it failed, or else its state. */
function progressOf(job) {
  if (job.progress) return `${Math.round(job.progress.fraction * 100)} %`;
  const code = job.error?.code;
  return code && code !== "error" ? code : stateOf(job);
}

/** Return the time that matters most. @returns {string | null} */
function timeOf(job) {
  if (job.status === "complete") return job.finish_time;
  return job.status === "in_progress" ? job.start_time : job.due_time ?? job.enqueue_time;
}

/** Return how long the last try of a finished job took. */
function durationOf(job) {
  if (!job.finish_time || !job.start_time) return "–";
  return span(Math.max(0, (Date.parse(job.finish_time) - Date.parse(job.start_time)) / 1000));
}
