// What failed, and why: counted by function and error, and to be run again.
import { filterOfGroup, readFailures } from "../api/failures.js";
import { get } from "../api/gateway.js";
import { onHappening } from "../api/happenings.js";
import { ALL_QUEUES, bulkFilter, filterOf } from "../api/jobs.js";
import { Reading } from "../api/reading.js";
import { rights } from "../api/rights.js";
import { HourChart } from "../charts/hour_chart.js";
import { bulk } from "../panels/bulk.js";
import { failureTable, groupTable } from "../panels/failure_tables.js";
import { JobList } from "../panels/job_list.js";
import { button, fill, make, put } from "../parts/elements.js";
import { address, goTo, tabs } from "../parts/links.js";
import { count, counted } from "../parts/numbers.js";

/** @type {Page} */
export const failures = {
  title: () => "Failures",
  open(place, signal) {
    const view = new Failures(signal);
    view.update(place.params);
    return { content: [view.element], update: ({ params }) => view.update(params) };
  },
};

const SPANS = [["", "All that are kept"], ["15m", "15 minutes"], ["1h", "Last hour"], ["today", "Today"], ["24h", "24 hours"]];
const CODES = ["error", "timeout", "aborted", "expired", "max-tries", "unknown-function", "invalid-arguments", "lost-body", "unserialisable-result"];
const NOTHING = "Nothing has failed like that. Failed jobs are listed as long as their results are kept.";

class Failures {
  /** @param {AbortSignal} signal */
  constructor(signal) {
    /** @type {AbortController | null} */
    this.running = null;
    /** @type {Filter} */
    this.filter = filterOf(ALL_QUEUES, new URLSearchParams());
    this.may = { retry: false, abort: false };
    this.chart = new HourChart(true);
    this.note = make("p.empty", { role: "status" }, "Loading …");
    this.spans = make("nav.tabs", { "aria-label": "Time" });
    this.fields = {
      queue: select("queue", [[ALL_QUEUES, "All queues"]]), function: search("All functions"), error_type: search("All errors"),
      code: select("code", [["", "All codes"], ...CODES.map((one) => [one, one])]),
    };
    this.actions = make("div.row");
    this.shown = make("span.note");
    this.groups = groupTable({
      hrefOf: (group, isWhole) => this.address(isWhole ? filterOfGroup(this.filter, group) : { function: group.function }),
      mayRetry: () => this.may.retry,
      retry: (group) => this.act("retry", filterOfGroup(this.filter, group)),
    });
    this.list = new JobList({ signal, table: failureTable(), nothing: "", pageAddress: (cursor) => this.address({ cursor }) });
    this.lists = make("div.stack", { hidden: true },
      make("section.panel", { "aria-label": "By function and error" }, make("h2", {}, "By function and error ", this.shown), this.groups.element),
      make("section.panel", { "aria-label": "Failed jobs" }, make("h2", {}, "Newest first"), this.list.element));
    this.element = make("div.stack", {}, make("div.head", {}, make("div.row", {}, make("h1", {}, "Failures"), this.actions)),
      make("section.panel", { "aria-label": "Over time" }, this.filters(), this.chart.element), this.note, this.lists);
    onHappening((event) => event.kind === "changes" && event.data.failed && this.reading?.soon(), signal);
    signal.addEventListener("abort", () => this.running?.abort());
    this.start(signal);
  }

  /** @param {AbortSignal} signal */
  async start(signal) {
    this.may = await rights();
    this.offer();
    const { queues } = await get("queues?limit=1000", signal).catch(() => ({ queues: [] }));
    queues.forEach(({ queue }) => offer(this.fields.queue, queue));
  }

  filters() {
    for (const [name, field] of Object.entries(this.fields)) {
      field.addEventListener("change", () => goTo(this.address({ [name]: field.value.trim() })));
    }
    const words = { queue: "Queue", function: "Function", error_type: "Error", code: "Code" };
    return make("div.stack", {}, this.spans, make("div.bar-of-filters", {}, ...Object.entries(words).map(([name, word]) =>
      make("label.field", {}, make("span.note", {}, word), /** @type {any} */ (this.fields)[name]))));
  }

  /** Return the address with some parameters changed; the list begins anew. @param {Record<string, string>} changes */
  address(changes) {
    const { status: _, queue, ...others } = { ...this.filter, cursor: "", ...changes };
    return address("failures", "", { ...others, queue: queue === ALL_QUEUES ? "" : queue });
  }

  /** Show the failures of other parameters. @param {URLSearchParams} params */
  update(params) {
    this.running?.abort();
    this.running = new AbortController();
    const filter = this.filter = { ...filterOf(params.get("queue") || ALL_QUEUES, params), status: "failed" };
    for (const [name, field] of Object.entries(this.fields)) {
      const wanted = /** @type {any} */ (filter)[name];
      if (field instanceof HTMLSelectElement) offer(field, wanted);
      field.value = wanted;
    }
    fill(this.spans, tabs(SPANS, filter.since, (since) => this.address({ since })));
    this.reading = new Reading({
      signal: this.running.signal,
      read: (signal) => readFailures(filter, signal),
      show: (found) => this.show(found),
      fail: (error) => this.say(error.message),
      most: 30_000,
    });
    this.list.open(filter);
    this.offer();
  }

  /** @param {{ failed: number, retried: number, groups: Group[], other_groups: number, next_cursor: string }} found */
  show(found) {
    const { failed, retried, groups, other_groups: others, next_cursor: more } = found;
    this.chart.show({ ...found, series: { failed: /** @type {any} */ (found).series }, total: { failed } }, "In all");
    this.say(failed ? "" : NOTHING);
    this.lists.hidden = !failed;
    put(this.shown, `${more ? "the newest " : ""}${counted(failed, "job")}${retried ? `, ${count(retried)} retried` : ""}${others ? `, ${counted(others, "more group")}` : ""}`);
    this.groups.show(groups);
  }

  /** @param {string} text */
  say(text) {
    put(this.note, text);
    this.note.hidden = text === "";
  }

  /** Offer what can be done with all that the filter finds. */
  offer() {
    const { function: name, queue } = this.filter;
    fill(this.actions,
      this.may.retry ? button("Retry all of these …", () => this.act("retry", this.filter), "button.quiet") : "",
      this.may.abort && name ? button("Abort those that wait …", () => this.act("abort", { ...filterOf(queue, new URLSearchParams()), function: name }), "button.quiet") : "");
  }

  /** @param {"retry" | "abort"} what @param {Filter} filter */
  act(what, filter) {
    const { function: name, error_type: type, code, queue, since } = filter;
    const words = [what === "retry" ? "failed jobs" : "jobs that wait or run", name && `of ${name}`, type && `with ${type}`, code && `(${code})`,
      queue === ALL_QUEUES ? "in all queues" : `in ${queue}`, since && `, ${SPANS.find(([one]) => one === since)?.[1].toLowerCase() ?? `since ${since}`}`];
    return bulk(what, { filter: bulkFilter(filter) }, words.filter(Boolean).join(" ").replace(" ,", ","), () => (this.reading?.now(), this.list.refresh()));
  }
}

/** @param {string} placeholder */
function search(placeholder) {
  return make("input", { type: "search", placeholder, spellcheck: false, autocomplete: "off" });
}

/** @param {string} id @param {string[][]} options @returns {HTMLSelectElement} */
function select(id, options) {
  return make("select", { id }, ...options.map(([value, text]) => make("option", { value }, text)));
}

/** Add an option, unless it is there. @param {HTMLSelectElement} field @param {string} value */
function offer(field, value) {
  if (![...field.options].some((option) => option.value === value)) field.append(make("option", { value }, value));
}
