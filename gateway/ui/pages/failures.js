// What failed, and why: grouped by function and error, and to be run again.
import { groupsOf, readFailures, sinceOf } from "../api/failures.js";
import { onHappening } from "../api/happenings.js";
import { bulkFilter, filterOf } from "../api/jobs.js";
import { Reading } from "../api/reading.js";
import { rights } from "../api/rights.js";
import { button, fill, make, put } from "../parts/elements.js";
import { HourChart, hourOfAll } from "../charts/hour_chart.js";
import { address, goTo } from "../parts/links.js";
import { counted } from "../parts/numbers.js";
import { bulk } from "../panels/bulk.js";
import { failureTable, groupTable } from "../panels/failure_tables.js";

/** @type {Page} */
export const failures = {
  title: () => "Failures",
  open(place, signal) {
    const view = new Failures(signal);
    view.update(place.params);
    return { content: [view.element], update: ({ params }) => view.update(params) };
  },
};

const SPANS = [["", "All that are kept"], ["15m", "Last 15 minutes"], ["1h", "Last hour"], ["24h", "Last 24 hours"]];
const CODES = ["error", "timeout", "aborted", "expired", "max-tries", "unknown-function", "invalid-arguments", "lost-body", "unserialisable-result"];

class Failures {
  /** @param {AbortSignal} signal */
  constructor(signal) {
    this.signal = signal;
    /** @type {AbortController | null} */
    this.running = null;
    this.mayRetry = false;
    this.chart = new HourChart(true);
    this.chart.element.hidden = true;
    this.note = make("p.empty", { role: "status" }, "Loading …");
    this.fields = { queue: select("queue", [["", "All queues"]]), function: search(), code: select("code", [["", "All codes"], ...CODES.map((one) => [one, one])]), since: select("since", SPANS) };
    this.actions = make("div.row");
    this.shown = make("span.note");
    this.groups = groupTable(() => this.mayRetry, (group) => this.retryGroup(group));
    this.table = failureTable();
    this.lists = make("div.stack", { hidden: true },
      make("section.panel", { "aria-label": "By function and error" }, make("h2", {}, "By function and error ", this.shown), this.groups.element),
      make("section.panel", { "aria-label": "Failed jobs" }, make("h2", {}, "Newest first"), this.table.element));
    this.element = make("div.stack", {}, make("div.head", {}, make("div.row", {}, make("h1", {}, "Failures"), this.actions)),
      make("section.panel", { "aria-label": "Last hour" }, this.filters(), this.chart.element), this.note, this.lists);
    onHappening((event) => event.kind === "changes" && event.data.failed && this.reading?.soon(), signal);
    signal.addEventListener("abort", () => this.running?.abort());
  }

  filters() {
    for (const field of Object.values(this.fields)) {
      field.addEventListener("change", () => goTo(this.address()));
    }
    const words = { queue: "Queue", function: "Function", code: "Code", since: "Ended" };
    return make("div.bar-of-filters", {}, ...Object.entries(words).map(([name, word]) =>
      make("label.field", {}, make("span.note", {}, word), /** @type {any} */ (this.fields)[name])));
  }

  address() {
    const value = (field) => field.value.trim();
    const { queue, function: name, code, since } = this.fields;
    return address("failures", "", { queue: value(queue), function: value(name), code: value(code), since: value(since) });
  }

  /** Show the failures of other parameters. @param {URLSearchParams} params */
  update(params) {
    this.running?.abort();
    this.running = new AbortController();
    this.filter = filterOf(params.get("queue") ?? "", params);
    for (const [name, field] of Object.entries(this.fields)) {
      const wanted = /** @type {any} */ (this.filter)[name];
      if (field instanceof HTMLSelectElement) offer(field, wanted);
      field.value = wanted;
    }
    this.reading = new Reading({
      signal: this.running.signal,
      read: (signal) => readFailures(/** @type {any} */ (this.filter), signal),
      show: (found) => this.show(found),
      fail: (error) => this.say(error.message),
      most: 30_000,
    });
    this.offerRetry();
  }

  /** @param {{ queues: any[], jobs: any[], hasMore: boolean }} found */
  show({ queues, jobs, hasMore }) {
    queues.forEach(({ queue }) => offer(this.fields.queue, queue));
    const shown = queues.filter(({ queue }) => !this.filter?.queue || queue === this.filter.queue);
    this.chart.element.hidden = shown.length === 0;
    if (shown.length) this.chart.show(hourOfAll(shown));
    if (this.table.isHeld) return;
    this.say(jobs.length ? "" : "Nothing has failed like that. Failed jobs are listed as long as their results are kept.");
    this.lists.hidden = jobs.length === 0;
    put(this.shown, hasMore ? `the newest ${jobs.length}; queues list older ones` : counted(jobs.length, "job"));
    this.groups.show(groupsOf(jobs));
    this.table.show(jobs);
  }

  /** @param {string} text */
  say(text) {
    put(this.note, text);
    this.note.hidden = text === "";
  }

  /** Offer to retry all that the filter finds, in one queue. */
  async offerRetry() {
    const filter = this.filter;
    const may = await rights();
    if (filter !== this.filter || !filter) return;
    this.mayRetry = may.retry;
    if (!may.retry || !filter.queue) return fill(this.actions);
    const words = ["failed jobs", filter.function && `of ${filter.function}`, filter.code && `with code ${filter.code}`, `in ${filter.queue}`];
    const act = () => bulk("retry", { filter: bulkFilter({ ...filter, since: sinceOf(filter.since), status: "failed" }) },
      words.filter(Boolean).join(" "), () => this.reading?.now());
    return fill(this.actions, button("Retry all of these …", act, "button.quiet"));
  }

  /** @param {Group} group */
  retryGroup({ function: name, error, jobs }) {
    const words = `${name}: ${error.type || error.code}, of the newest failures`;
    return bulk("retry", { ids: jobs.map((job) => job.job_id) }, words, () => this.reading?.now());
  }
}

function search() {
  return make("input", { type: "search", placeholder: "All functions", spellcheck: false, autocomplete: "off" });
}

/** @param {string} id @param {string[][]} options @returns {HTMLSelectElement} */
function select(id, options) {
  return make("select", { id }, ...options.map(([value, text]) => make("option", { value }, text)));
}

/** Add an option, unless it is there. @param {HTMLSelectElement} field @param {string} value */
function offer(field, value) {
  if (![...field.options].some((option) => option.value === value)) field.append(make("option", { value }, value));
}
