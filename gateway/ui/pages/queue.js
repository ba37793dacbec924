// One queue: its numbers, its last hour, its jobs.
import { bulkFilter, filterOf, get, onHappening, post, Reading, rights } from "../api/index.js";
import { address, badge, button, count, facts, fill, goTo, link, make, panel, put, searchField, setBadge, span, tabs } from "../parts/index.js";
import { HourChart } from "../charts/hour_chart.js";
import { bulk } from "../panels/bulk.js";
import { JobList } from "../panels/job_list.js";
import { stateOfQueue } from "../panels/queue_table.js";

/** @type {Page} */
export const queue = {
  title: (name) => name,
  open: (place, signal) => new QueueView(place, signal),
};

const STATES = [["", "All"], ["queued", "Due"], ["in_progress", "Running"], ["deferred", "Deferred"], ["succeeded", "Succeeded"], ["failed", "Failed"]];
const NOTHING = "No job of this queue is like that, or its result is no longer kept.";

class QueueView {
  /** @param {Place} place @param {AbortSignal} signal */
  constructor(place, signal) {
    this.name = place.name;
    this.state = badge("");
    this.actions = make("div.row");
    this.error = make("p.error", { role: "status" });
    const [shown, list] = facts({ due: "Due", oldest: "Oldest due", running: "Running", deferred: "Deferred", workers: "Workers" });
    this.facts = shown;
    this.chart = new HourChart();
    this.tabs = make("nav.tabs", { "aria-label": "Status" });
    this.function = searchField("All functions", "function");
    this.function.setAttribute("list", "functions");
    this.functions = make("datalist", { id: "functions" });
    this.bulk = make("div.row");
    this.list = new JobList({ signal, nothing: NOTHING, pageAddress: (cursor) => this.address({ cursor }) });
    this.element = make("div.stack", this.head(), this.error, panel("Numbers", list, this.chart.element), this.jobs());
    this.function.addEventListener("change", () => goTo(this.address({ function: this.function.value.trim() })));
    this.update(place);
    this.start(signal);
  }

  head() {
    return make("div.head", make("p.note", link("./#/overview", "Overview"), " / Queue"),
      make("div.row", make("h1", this.name), this.state, this.actions));
  }

  jobs() {
    const filter = make("label.field", make("span.hidden", "Function"), this.function, this.functions);
    return make("section.panel.stack", { "aria-label": "Jobs of the queue" },
      make("div.filters", this.tabs, filter, this.bulk), this.list.element);
  }

  /** @param {AbortSignal} signal */
  async start(signal) {
    const may = await rights();
    if (signal.aborted || !may.overview) return;
    this.reading = new Reading({
      signal,
      read: () => get(`queues/${encodeURIComponent(this.name)}`, signal),
      show: (found) => this.show(found),
      fail: (error) => put(this.error, error.message),
    });
    onHappening(() => this.reading?.soon(), signal, ({ data }) => data.queue === this.name);
    if (may.operate) {
      this.toggle = button("Pause", () => this.switch());
      this.toggle.hidden = true;
      this.actions.append(this.toggle);
    }
  }

  /** Pause or resume the queue. */
  async switch() {
    const path = `queues/${encodeURIComponent(this.name)}/${this.isPaused ? "resume" : "pause"}`;
    try {
      this.show(await post(path));
    } catch (error) {
      put(this.error, /** @type {Error} */ (error).message);
    }
  }

  show(found) {
    put(this.error, "");
    this.isPaused = found.paused;
    setBadge(this.state, stateOfQueue(found));
    if (this.toggle) {
      this.toggle.hidden = false;
      put(this.toggle, found.paused ? "Resume" : "Pause");
    }
    put(this.facts.due, count(found.depth.queued));
    put(this.facts.oldest, found.depth.queued ? span(found.oldest_due_age) : "–");
    put(this.facts.running, count(found.depth.in_progress));
    put(this.facts.deferred, count(found.depth.deferred));
    put(this.facts.workers, count(found.workers));
    this.chart.show(found.last_hour);
    const names = found.last_hour.functions.map((one) => one.function).filter(Boolean);
    if (names.join() !== this.names) fill(this.functions, names.map((value) => make("option", { value })));
    this.names = names.join();
  }

  /** Show other jobs. @param {Place} place */
  update({ params }) {
    this.filter = filterOf(this.name, params);
    this.function.value = this.filter.function;
    fill(this.tabs, tabs(STATES, this.filter.status, (status) => this.address({ status })));
    this.list.open(this.filter);
    this.offerBulk();
  }

  /** Return the address with some parameters changed; the list begins anew. @param {Record<string, string>} changes */
  address(changes) {
    const { status, function: name } = this.filter ?? { status: "", function: "" };
    return address("queues", this.name, { status, function: name, ...changes });
  }

  /** Offer what can be done with all jobs of the filter. */
  async offerBulk() {
    const filter = this.filter;
    const may = await rights();
    if (!filter || filter !== this.filter) return;
    const isOver = filter.status === "succeeded" || filter.status === "failed";
    const words = `${filter.status ? STATES.find(([one]) => one === filter.status)?.[1].toLowerCase() : "waiting and running"} jobs of ${filter.function || "all functions"} in ${this.name}`;
    const offer = (what, text) =>
      button(text, () => bulk(what, { filter: bulkFilter(filter) }, words, () => this.list.refresh()));
    fill(this.bulk, isOver && may.retry ? offer("retry", "Retry these …") : "", !isOver && may.abort ? offer("abort", "Abort these …") : "");
  }
}
