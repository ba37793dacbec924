// A list of jobs in pages, which reads itself again when something happens in its queue.
import { ALL_QUEUES, jobPage, onHappening, Reading } from "../api/index.js";
import { fill, link, loading, make, say } from "../parts/index.js";
import { jobTable } from "../parts/job_table.js";

/** Shows the jobs of a filter. */
export class JobList {
  /**
   * @param {Object} options
   * @param {AbortSignal} options.signal
   * @param {(cursor: string) => string} options.pageAddress - the address of another page
   * @param {string} options.nothing - says that there is none
   * @param {import("../parts/data_table.js").DataTable} [options.table]
   */
  constructor({ signal, pageAddress, nothing, table = jobTable() }) {
    this.signal = signal;
    this.pageAddress = pageAddress;
    this.nothing = nothing;
    this.table = table;
    this.note = loading();
    this.pages = make("nav.row", { "aria-label": "Pages of the list" });
    this.element = make("div.stack", make("div", this.table.element, this.note), this.pages);
    /** @type {any[]} */
    this.jobs = [];
    onHappening(() => this.filter?.cursor || this.reading?.soon(), signal, ({ data }) =>
      [data.queue, ALL_QUEUES].includes(this.filter?.queue) && (data.failed || this.filter?.status !== "failed"));
  }

  /** Show the jobs of another filter. @param {Filter} filter */
  open(filter) {
    this.reading?.stop();
    this.filter = filter;
    this.jobs = [];
    const isFirst = !filter.cursor;
    this.reading = new Reading({
      signal: this.signal,
      read: (signal) => jobPage(filter, signal),
      show: (page) => this.show(page),
      fail: (error) => say(this.note, error.message),
      least: filter.queue === ALL_QUEUES ? 6000 : 2500,
      most: isFirst ? 15_000 : 3_600_000, // later pages stand still
    });
  }

  /** Read the list again. */
  refresh() {
    this.reading?.now();
  }

  /** @param {{ jobs: any[], next_cursor: string }} page */
  show({ jobs, next_cursor: next }) {
    if (this.table.isHeld && this.jobs.length && this.isSame(jobs) === false) return;
    this.jobs = jobs;
    this.table.show(jobs);
    say(this.note, jobs.length ? "" : next ? "None on the pages that were read." : this.nothing);
    const first = this.filter?.cursor ? link(this.pageAddress(""), "First page") : "";
    fill(this.pages, first, next ? link(this.pageAddress(next), jobs.length ? "Next page" : "Search further") : "");
  }

  /** Whether these jobs stand where they are shown. */
  isSame(jobs) {
    return jobs.length === this.jobs.length && jobs.every((job, at) => job.job_id === this.jobs[at].job_id);
  }
}
