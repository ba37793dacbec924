// How many jobs failed, by function and error.
import { get } from "./gateway.js";
import { query } from "./jobs.js";

/** Groups that are shown. */
const GROUPS = 30;

/** Return the failures of a filter. @param {Filter} filter @param {AbortSignal} signal */
export const readFailures = (filter, signal) => get(`failures?${query({ ...filter, status: "", cursor: "" }, GROUPS)}`, signal);

/**
 * Return the filter of a group's jobs.
 * @param {Filter} filter - in which it was found
 * @param {{ function: string, error: JobError }} group
 * @returns {Filter}
 */
export function filterOfGroup(filter, { function: name, error }) {
  return { ...filter, function: name, error_type: error.type, code: error.code };
}
