// Retries or aborts many jobs: first it counts them, then it asks, then it shows how far it is.
import { abortJob, get, jobPath, post } from "../api/index.js";
import { follow } from "../api/stream.js";
import { address, button, count, counted, fill, link, make, sum } from "../parts/index.js";

/** What becomes of skipped jobs, by reason. */
const REASONS = {
  "unknown": "no longer known", "forbidden": "not allowed with this key", "not-finished": "not finished",
  "already-retried": "retried before", "aborted": "aborted: choose that code to run them again", "arguments-gone": "arguments gone", "unknown-function": "no worker offers the function",
  "already-finished": "already finished", "error": "failed to be sent",
};

/**
 * Ask, and do it.
 * @param {"retry" | "abort"} what
 * @param {Which} which - as of the API
 * @param {string} words - which jobs: "failed jobs of send_invoice in arq:queue"
 * @param {() => void} changed - called when it is over
 */
export async function bulk(what, which, words, changed) {
  const dialog = make("dialog", { "aria-labelledby": "bulk-title" });
  const body = make("div.stack");
  const end = new AbortController();
  const close = button("Close", () => dialog.close());
  dialog.append(make("div.stack", make("h2", { id: "bulk-title" }, what === "retry" ? "Retry jobs" : "Abort jobs"),
    make("p.note", words), body));
  dialog.addEventListener("close", () => (end.abort(), dialog.remove(), changed()));
  addEventListener("hashchange", () => dialog.close(), { signal: end.signal });
  document.body.append(dialog);
  dialog.showModal();
  fill(body, make("p", { role: "status" }, "Counting …"), make("div.row", close));
  try {
    const found = await post(`bulk/${what}`, { ...which, dry_run: true });
    fill(body, ...question(what, found, close, () => run(what, which, body, close, end.signal)));
  } catch (error) {
    fail(body, close, error);
  }
}

/**
 * @param {string} what
 * @param {{ matched: number, skipped: Record<string, number>, counted_all: boolean }} found
 * @param {Node} close
 * @param {() => Promise<void>} act
 */
function question(what, found, close, act) {
  const skipped = sum(Object.values(found.skipped));
  const left = found.matched - skipped;
  const most = found.counted_all ? "" : "At least ";
  const said = make("p", { role: "status" }, `${most}${counted(left, "job")} would be ${what === "retry" ? "retried" : "aborted"}.`);
  const again = what === "retry" ? make("p.note", "Each runs again as a new job with the same arguments, once.") : "";
  const go = button(`${what === "retry" ? "Retry" : "Abort"} ${found.counted_all ? count(left) : "them"}`, act, what === "retry" ? "button" : "button.danger");
  return [said, left ? again : "", ...reasons(found.skipped), make("div.row", left ? go : "", close)];
}

/** @param {Record<string, number>} skipped */
function reasons(skipped) {
  const lines = Object.entries(skipped).filter(([, number]) => number)
    .map(([reason, number]) => make("li", `${count(number)} skipped: ${/** @type {any} */ (REASONS)[reason] ?? reason}`));
  return lines.length ? [make("ul.note", ...lines)] : [];
}

/**
 * @param {string} what
 * @param {Which} which
 * @param {Element} body
 * @param {Node} close
 * @param {AbortSignal} signal
 */
async function run(what, which, body, close, signal) {
  try {
    const job = await post(`bulk/${what}`, which);
    const bar = make("progress", { max: 1, value: 0 });
    const said = make("p", { role: "status" }, "Waiting for a gateway to begin …");
    const stop = button("Stop", () => abortJob(job.job_id).catch(() => {}));
    fill(body, said, bar, make("div.row", stop, close, link(address("jobs", job.job_id), "Open as a job")));
    await follow(jobPath(job.job_id, "events"), {
      signal,
      onEvent: ({ data }) => {
        if (!data.progress) return;
        bar.value = data.progress.fraction;
        said.textContent = data.progress.message ?? "Running …";
      },
      isLast: ({ kind }) => kind === "finished" || kind === "gone",
    });
    if (!signal.aborted) fill(body, ...ended(await get(jobPath(job.job_id, "result"), signal)), make("div.row", close));
  } catch (error) {
    if (!signal.aborted) fail(body, close, error);
  }
}

function ended(outcome) {
  if (!outcome.success) return [make("p.error", { role: "status" }, `It did not end well: ${outcome.error.message || outcome.error.code}.`)];
  const { retried, aborted, skipped, limit_reached: isLimited } = outcome.result;
  const done = retried === undefined ? `${counted(aborted, "job")} aborted.` : `${counted(retried, "job")} retried.`;
  return [make("p", { role: "status" }, done, isLimited ? " There may be more: do it again." : ""), ...reasons(skipped)];
}

/** @param {Element} body @param {Node} close */
function fail(body, close, error) {
  fill(body, make("p.error", { role: "alert" }, error.message), make("div.row", close));
}
