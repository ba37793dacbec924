// The newest failed jobs of one queue or of all.
import { get } from "./gateway.js";
import { jobPage } from "./jobs.js";
import { rights } from "./rights.js";

/** Failed jobs that are read. */
export const NEWEST = 100;
/** Queues that are read where all are meant: those that failed most in the last hour first. */
const MOST_QUEUES = 12;
const SPANS = /** @type {Record<string, number>} */ ({ "15m": 900, "1h": 3600, "24h": 86_400 });

/**
 * Return queues and their newest failed jobs.
 * @param {Filter} filter - its `since` is a span, such as `1h`
 * @param {AbortSignal} signal
 */
export async function readFailures(filter, signal) {
  const queues = (await rights()).overview ? (await get("queues?limit=1000", signal)).queues : [];
  const names = filter.queue ? [filter.queue] : queuesToRead(queues);
  const wanted = { ...filter, since: sinceOf(filter.since), status: "failed", cursor: "" };
  const pages = await Promise.all(names.map((queue) => jobPage({ ...wanted, queue }, signal, NEWEST)));
  const found = pages.flatMap((page) => page.jobs).sort((one, other) => Date.parse(other.finish_time) - Date.parse(one.finish_time));
  const jobs = found.slice(0, NEWEST);
  return { queues, jobs, hasMore: found.length > NEWEST || pages.some((page) => page.next_cursor) };
}

/** Return the time from which on a span reaches to now; "" = no limit. @param {string} name */
export function sinceOf(name) {
  return Object.hasOwn(SPANS, name) ? new Date(Date.now() - SPANS[name] * 1000).toISOString() : "";
}

/** Return the names of the queues that are read; a key that sees none gets the default queue. */
function queuesToRead(queues) {
  const byFailures = [...queues].sort((one, other) => other.last_hour.total.failed - one.last_hour.total.failed);
  const names = byFailures.slice(0, MOST_QUEUES).map(({ queue }) => queue);
  return names.length ? names : [""];
}

/** Return jobs by function and type of error, the largest group first. @returns {Group[]} */
export function groupsOf(jobs) {
  /** @type {Map<string, Group>} */
  const found = new Map();
  for (const job of jobs) {
    const { error } = job;
    const key = JSON.stringify([job.function, error.type || error.code]);
    const group = found.get(key);
    if (group) group.jobs.push(job);
    else found.set(key, { function: job.function ?? "", error, jobs: [job] });
  }
  return [...found.values()].sort((one, other) => other.jobs.length - one.jobs.length);
}
