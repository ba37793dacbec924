// One job: what happened to it and when, its arguments, and how it ended.
import { abortJob, exactly, get, jobNow, jobPath, Refused, retryJob, rights } from "../api/index.js";
import { follow } from "../api/stream.js";
import { confirmed } from "../parts/dialog.js";
import { address, badge, button, fill, goTo, jobLink, link, loading, make, nameLink, panel, put, say, setBadge, stateOf } from "../parts/index.js";
import { timeline } from "../charts/timeline.js";
import { copyButtons } from "../panels/job_copy.js";
import { argumentsOf, outcomeOf } from "../panels/job_data.js";

/** @type {Page} */
export const job = {
  title: (id) => id,
  open: (place, signal) => new JobPage(place.name, signal),
};

class JobPage {
  /** @param {string} id @param {AbortSignal} signal */
  constructor(id, signal) {
    this.id = id;
    this.signal = signal;
    /** @type {any} */
    this.job = null;
    this.state = badge("");
    this.actions = make("div.row");
    this.note = loading();
    this.error = make("p.error", { role: "alert" });
    this.crumbs = make("p.note", link("./#/overview", "Overview"), " / Job");
    this.progress = make("div.progress", { hidden: true });
    this.times = make("div");
    this.facts = make("dl.pairs");
    this.given = panel("Arguments");
    this.outcome = panel("Outcome");
    this.given.hidden = true;
    this.outcome.hidden = true;
    this.body = make("div.job", { hidden: true },
      make("section.panel.stack", { "aria-label": "Job" }, this.progress, this.times, this.facts),
      make("div.stack", this.outcome, this.given));
    this.element = make("div.stack", make("div.head", this.crumbs,
      make("div.row", make("h1.id", id), this.state, this.actions)), this.note, this.error, this.body);
    this.start();
  }

  async start() {
    try {
      const found = await jobNow(this.id, this.signal);
      if (found.status === "complete") await this.end(); // first, so that nothing moves
      this.show(found);
      if (found.status === "complete") return;
      await this.follow();
      if (!this.signal.aborted && this.job.status === "complete") await this.end();
    } catch (error) {
      if (!this.signal.aborted) this.fail(/** @type {Error} */ (error));
    }
  }

  /** Show each change until the job has ended. */
  async follow() {
    await follow(jobPath(this.id, "events"), {
      signal: this.signal,
      onEvent: ({ kind, data }) => (kind === "gone" ? put(this.error, data.detail) : this.change(data)),
      onState: (state) => state === "refused" && put(this.error, "Further changes are not shown: load the page again."),
      isLast: ({ kind }) => kind === "finished" || kind === "gone",
    });
  }

  /** Show a change. What events leave out stays as it is, but a try that has ended is read. */
  change(data) {
    const isNew = data.try && (data.status !== this.job.status || data.try !== this.job.try);
    const { args, kwargs, earlier_tries } = this.job;
    this.show({ ...data, args, kwargs, earlier_tries });
    if (isNew && data.status !== "in_progress") jobNow(this.id, this.signal).then((found) => this.show(found), () => {});
  }

  /** Show how it ended. */
  async end() {
    this.outcome.hidden = false;
    try {
      fill(this.outcome, ...outcomeOf(await get(jobPath(this.id, "result"), this.signal, exactly)));
    } catch (error) {
      if (!this.signal.aborted) fill(this.outcome, make("h2", "Outcome"), make("p.note", /** @type {Error} */ (error).message));
    }
  }

  /** @param {Error} error */
  fail(error) {
    const isUnknown = error instanceof Refused && error.status === 404;
    put(this.note, isUnknown
      ? "There is no such job, or this key may not see it. Results are kept for a limited time: finished jobs disappear."
      : error.message);
  }

  show(found) {
    const isNew = this.job === null;
    this.job = found;
    say(this.note);
    this.body.hidden = false;
    setBadge(this.state, stateOf(found));
    this.showProgress(found.progress);
    fill(this.times, timeline(found));
    fill(this.facts, ...facts(found));
    if (found.queue) fill(this.crumbs, link("./#/overview", "Overview"), " / ", link(address("queues", found.queue), found.queue), " / Job");
    if (isNew) {
      fill(this.given, ...argumentsOf(found));
      this.given.hidden = false;
    }
    this.offer();
  }

  showProgress(progress) {
    this.progress.hidden = !progress;
    if (!progress) return;
    const bar = this.progress.querySelector("progress") ?? make("progress", { max: 1, "aria-label": "Progress" });
    bar.value = progress.fraction;
    fill(this.progress, make("span", `${Math.round(progress.fraction * 100)} %`), bar, make("span.note", progress.message ?? ""));
  }

  /** Offer what can be done, once for each state. */
  async offer() {
    const { status, retried_as: retried } = this.job;
    const key = `${status === "complete"} ${retried}`;
    if (key === this.offered) return;
    this.offered = key;
    const may = await rights();
    if (this.offered !== key || this.signal.aborted) return;
    const isOver = status === "complete";
    fill(this.actions,
      !isOver && may.abort ? button("Abort", () => this.attempt(() => this.abort()), "button.quiet.danger") : "",
      isOver && may.retry && !retried ? button("Retry", () => this.attempt(() => this.retry())) : "",
      ...copyButtons(this.job));
  }

  /** Do something, and say what went wrong. @param {() => Promise<any>} act */
  async attempt(act) {
    put(this.error, "");
    try {
      await act();
    } catch (error) {
      put(this.error, /** @type {Error} */ (error).message);
    }
  }

  async abort() {
    if (!await confirmed(`Abort ${this.job.function ?? "this job"}? ${this.job.status === "in_progress" ? "It runs: what it has done stays done." : "It will not run."}`, "Abort it")) return;
    const answer = await abortJob(this.id);
    if (!answer.aborted) put(this.error, "It was asked to stop and has not yet done so.");
  }

  async retry() {
    goTo(address("jobs", (await retryJob(this.id)).job_id));
  }
}

/** Return what is known of a job besides its times. @returns {Node[]} */
function facts(found) {
  const pairs = [
    ["Function", found.function && nameLink("functions", found.function)],
    ["Queue", found.queue && nameLink("queues", found.queue)],
    ["Tries", String(found.try)],
    ["Worker", found.worker && nameLink("workers", found.worker)],
    ["Retry of", found.retry_of && jobLink(found.retry_of)],
    ["Retried as", found.retried_as && jobLink(found.retried_as)],
  ];
  return pairs.filter(([, value]) => value).flatMap(([name, value]) => [make("dt", name), make("dd", value)]);
}
