// Buttons that copy a job: its id, and the command that enqueues the same once more.
import { curl, curlOf } from "../api/curl.js";
import { jobPath } from "../api/index.js";
import { copier } from "../parts/index.js";

/** Return the buttons. */
export const copyButtons = (job) => [copier("Copy id", () => job.job_id), copier("Copy as curl", () => commandOf(job))];

/** Return the command that makes the same call, or, if the arguments are not known, that shows the job. */
export function commandOf(job) {
  if (!job.function || job.args === undefined) return curlOf("GET", jobPath(job.job_id, "status"));
  const body = Object.fromEntries([["args", job.args], ["kwargs", job.kwargs]].filter(([, value]) => value && Object.keys(value).length));
  return curl(job.function, JSON.stringify({ ...body, ...(job.queue && { queue: job.queue }) }));
}
