// What failed, and why: counted by function and error, and to be run again.
import { ALL_QUEUES, bulkFilter, filterOf, filterOfGroup, get, onHappening, readFailures, Reading, rights } from "../api/index.js";
import { HourChart } from "../charts/hour_chart.js";
import { bulk } from "../panels/bulk.js";
import { failureTable, groupTable } from "../panels/failure_tables.js";
import { JobList } from "../panels/job_list.js";
import { address, button, count, counted, fill, goTo, loading, make, panel, put, say, searchField, tabs } from "../parts/index.js";

/** @type {Page} */
export const failures = {
  title: () => "Failures",
  open: (place, signal) => new Failures(place, signal),
};

const SPANS = [["", "All that are kept"], ["15m", "15 minutes"], ["1h", "Last hour"], ["today", "Today"], ["24h", "24 hours"]];
const CODES = ["error", "timeout", "aborted", "expired", "max-tries", "unknown-function", "invalid-arguments", "lost-body", "unserialisable-result"];
/** How failures are counted: first the newest alone, as far as that is soon done; all of them; those that are new. */
const [SOON, ALL, NEW] = ["within=0.3", "max_age=0", "max_age=300"];
const NOTHING = "Nothing has failed like that. Failed jobs are listed as long as their results are kept.";

class Failures {
  /** @param {Place} place @param {AbortSignal} signal */
  constructor(place, signal) {
    this.signal = signal;
    /** @type {Filter} */
    this.filter = filterOf(ALL_QUEUES, new URLSearchParams());
    this.may = { retry: false, abort: false };
    this.how = SOON;
    this.chart = new HourChart(true);
    this.note = loading();
    this.spans = make("nav.tabs", { "aria-label": "Time" });
    this.fields = {
      queue: select("queue", [[ALL_QUEUES, "All queues"]]), function: searchField("All functions"), error_type: searchField("All errors"),
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
      panel("By function and error", make("h2", "By function and error ", this.shown), this.groups.element),
      panel("Failed jobs", make("h2", "Newest first"), this.list.element));
    this.element = make("div.stack", make("div.head", make("div.row", make("h1", "Failures"), this.actions)),
      panel("Over time", this.filters(), this.chart.element), this.note, this.lists);
    onHappening(() => this.reading?.soon(), signal, ({ data }) => data.failed);
    this.update(place);
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
    return make("div.stack", this.spans, make("div.filters", ...Object.entries(words).map(([name, word]) =>
      make("label.field", make("span.note", word), /** @type {any} */ (this.fields)[name]))));
  }

  /** Return the address with some parameters changed; the list begins anew. @param {Record<string, string>} changes */
  address(changes) {
    const { status: _, queue, ...others } = { ...this.filter, cursor: "", ...changes };
    return address("failures", "", { ...others, queue: queue === ALL_QUEUES ? "" : queue });
  }

  /** Show the failures of other parameters. @param {Place} place */
  update({ params }) {
    this.reading?.stop();
    const filter = this.filter = { ...filterOf(params.get("queue") || ALL_QUEUES, params), status: "failed" };
    for (const [name, field] of Object.entries(this.fields)) {
      const wanted = /** @type {any} */ (filter)[name];
      if (field instanceof HTMLSelectElement) offer(field, wanted);
      field.value = wanted;
    }
    fill(this.spans, tabs(SPANS, filter.since, (since) => this.address({ since })));
    this.how = SOON;
    this.reading = new Reading({
      signal: this.signal,
      read: (signal) => this.read(signal),
      show: (found) => this.show(found),
      fail: (error) => say(this.note, error.message),
      most: 30_000,
    });
    this.list.open(filter);
    this.offer();
  }

  /** @param {AbortSignal} signal */
  async read(signal) {
    const { filter, how } = this;
    this.how = NEW;
    const found = await readFailures(filter, how, signal);
    if (how !== SOON || !found.next_cursor) return found;
    this.show(found, " so far");
    return readFailures(filter, NEW, signal);
  }

  /** @param {{ failed: number, retried: number, groups: Group[], other_groups: number, next_cursor: string }} found */
  show(found, soFar = "") {
    const { failed, retried, groups, other_groups: others, next_cursor: more } = found;
    this.chart.show({ ...found, series: { failed: /** @type {any} */ (found).series }, total: { failed } }, "In all");
    say(this.note, failed ? "" : NOTHING);
    this.lists.hidden = !failed;
    put(this.shown, `${more ? "the newest " : ""}${counted(failed, "job")}${soFar}${retried ? `, ${count(retried)} retried` : ""}${others ? `, ${counted(others, "more group")}` : ""}`);
    this.groups.show(groups);
  }

  /** Offer what can be done with all that the filter finds. */
  offer() {
    const { function: name, queue } = this.filter;
    fill(this.actions,
      this.may.retry ? button("Retry all of these …", () => this.act("retry", this.filter)) : "",
      this.may.abort && name ? button("Abort those that wait …", () => this.act("abort", { ...filterOf(queue, new URLSearchParams()), function: name })) : "");
  }

  /** @param {"retry" | "abort"} what @param {Filter} filter */
  act(what, filter) {
    const { function: name, error_type: type, code, queue, since } = filter;
    const words = [what === "retry" ? "failed jobs" : "jobs that wait or run", name && `of ${name}`, type && `with ${type}`, code && `(${code})`,
      queue === ALL_QUEUES ? "in all queues" : `in ${queue}`, since && `, ${SPANS.find(([one]) => one === since)?.[1].toLowerCase() ?? `since ${since}`}`];
    return bulk(what, { filter: bulkFilter(filter) }, words.filter(Boolean).join(" ").replace(" ,", ","), () => {
      this.how = ALL;
      this.reading?.now();
      this.list.refresh();
    });
  }
}

/** @param {string} id @param {string[][]} options @returns {HTMLSelectElement} */
const select = (id, options) => make("select", { id }, ...options.map(([value, text]) => make("option", { value }, text)));

/** Add an option, unless it is there. @param {HTMLSelectElement} field @param {string} value */
function offer(field, value) {
  if (![...field.options].some((option) => option.value === value)) field.append(make("option", { value }, value));
}
