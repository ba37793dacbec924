// The newest failed jobs of one queue or of all, with their errors.
import { Refused, get } from "./gateway.js";
import { jobPage, jobPath } from "./jobs.js";
import { rights } from "./rights.js";

/** Failed jobs that are read. */
export const NEWEST = 100;
/** Queues that are read where all are meant: those that failed most in the last hour first. */
const MOST_QUEUES = 12;
/** Errors that are read at the same time. */
const AT_ONCE = 6;
const SPANS = /** @type {Record<string, number>} */ ({ "15m": 900, "1h": 3600, "24h": 86_400 });

/** Errors that were read: how a job ended does not change. @type {Map<string, JobError>} */
const known = new Map();

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
  await readErrors(jobs, signal);
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

/** @param {any[]} jobs @param {AbortSignal} signal */
async function readErrors(jobs, signal) {
  const left = jobs.filter((job) => !known.has(job.job_id)).map((job) => job.job_id);
  const readOn = async () => {
    for (let id = left.shift(); id !== undefined; id = left.shift()) known.set(id, await errorOfJob(id, signal));
  };
  await Promise.all(Array.from({ length: AT_ONCE }, readOn));
  if (known.size > 20 * NEWEST) known.clear();
}

/** @param {string} id @param {AbortSignal} signal @returns {Promise<JobError>} */
async function errorOfJob(id, signal) {
  try {
    const { error } = await get(jobPath(id, "result"), signal);
    return { type: error.type, message: error.message, code: error.code };
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    return { type: "", message: error.message, code: error.code };
  }
}

/** Return the error of a job that was read. @returns {JobError} */
export const errorOf = (job) => known.get(job.job_id) ?? { type: "", message: "", code: "" };

/** Return jobs by function and type of error, the largest group first. @returns {Group[]} */
export function groupsOf(jobs) {
  /** @type {Map<string, Group>} */
  const found = new Map();
  for (const job of jobs) {
    const error = errorOf(job);
    const key = JSON.stringify([job.function, error.type || error.code]);
    const group = found.get(key);
    if (group) group.jobs.push(job);
    else found.set(key, { function: job.function ?? "", error, jobs: [job] });
  }
  return [...found.values()].sort((one, other) => other.jobs.length - one.jobs.length);
}
