// Lists of jobs, in pages, how many failed, and what can be done with one.
import { exactly, get, post } from "./gateway.js";

/** Jobs on a page, and groups of failures. */
export const PAGE = 50;
const GROUPS = 30;
/** A page may be empty and still not be the last: so many are read before the reader is asked. */
const EMPTY_PAGES = 5;

/** The queue of a filter that means all of them. */
export const ALL_QUEUES = "*";
const SPANS = /** @type {Record<string, number>} */ ({ "15m": 900, "1h": 3600, "24h": 86_400 });

/** Return the filter that parameters of an address mean. @param {string} queue @param {URLSearchParams} params @returns {Filter} */
export function filterOf(queue, params) {
  const value = (name) => params.get(name) ?? "";
  return {
    queue, status: value("status"), function: value("function"), code: value("code"), error_type: value("error_type"),
    since: value("since"), cursor: value("cursor"),
  };
}

/**
 * Return one page of jobs.
 * @param {Filter} filter
 * @param {AbortSignal} signal
 * @param {number} [limit]
 * @returns {Promise<{ jobs: any[], next_cursor: string }>}
 */
export async function jobPage(filter, signal, limit = PAGE) {
  let page = { jobs: [], next_cursor: filter.cursor };
  for (let read = 0; read < EMPTY_PAGES; read += 1) {
    page = await get(`jobs?${query({ ...filter, cursor: page.next_cursor }, limit)}${filter.status ? "" : "&order=newest"}`, signal);
    if (page.jobs.length || !page.next_cursor) break;
  }
  return page;
}

/** Return the failures of a filter. @param {Filter} filter @param {string} how - a further parameter @param {AbortSignal} signal */
export const readFailures = (filter, how, signal) => get(`failures?${query({ ...filter, status: "", cursor: "" }, GROUPS)}&${how}`, signal);

/**
 * Return the filter of a group's jobs.
 * @param {Filter} filter - in which it was found
 * @param {{ function: string, error: JobError }} group
 * @returns {Filter}
 */
export const filterOfGroup = (filter, { function: name, error }) => ({ ...filter, function: name, error_type: error.type, code: error.code });

/** Return the query of a filter. @param {Filter} filter @param {number} limit */
export function query({ queue, status, since, cursor, ...others }, limit) {
  const given = { queue, ...others, since: sinceOf(since), ...statusOf(status), cursor, limit: String(limit) };
  return new URLSearchParams(Object.entries(given).filter(([, value]) => value)).toString();
}

/** Return the time that a span such as `1h` or `today` begins; a time as it is. @param {string} name */
function sinceOf(name) {
  if (name === "today") return new Date(new Date().setHours(0, 0, 0, 0)).toISOString();
  // In whole minutes, so that the gateway need not count again for each reader.
  return Object.hasOwn(SPANS, name) ? new Date(Math.floor(Date.now() / 60_000 - SPANS[name] / 60) * 60_000).toISOString() : name;
}

/** Return the parameters of a status: how a job ended counts as one. @param {string} status @returns {Record<string, string>} */
function statusOf(status) {
  if (status === "succeeded" || status === "failed") return { success: String(status === "succeeded") };
  return { status };
}

/**
 * Return the filter of a bulk operation, with times as they are now.
 * @param {Filter} filter
 * @returns {Record<string, any>}
 */
export function bulkFilter({ queue, status, function: name, code, error_type, since }) {
  const given = { queue, function: name, code, error_type, since: sinceOf(since), status: status === "failed" || status === "succeeded" ? "" : status };
  const found = Object.fromEntries(Object.entries(given).filter(([, value]) => value));
  return status === "succeeded" ? { ...found, success: true } : found;
}

/** Return a job, its arguments to be shown as JSON. @param {string} id @param {AbortSignal} signal */
export function jobNow(id, signal) {
  return get(jobPath(id, "status"), signal, (text) => {
    const { args, kwargs } = exactly(text);
    return { ...JSON.parse(text), args, kwargs };
  });
}

/** Return the path of a job. @param {string} id @param {string} part */
export const jobPath = (id, part) => `jobs/${encodeURIComponent(id)}/${part}`;

/** Ask a job to stop. @param {string} id */
export const abortJob = (id) => post(`${jobPath(id, "abort")}?wait=5`);

/** Run a finished job again, and return the new job. @param {string} id */
export const retryJob = (id) => post(jobPath(id, "retry"));
