// The tables of the failures page.
import { button, make, put } from "../parts/elements.js";
import { address, jobLink, link } from "../parts/links.js";
import { timeAgo } from "../parts/moments.js";
import { count } from "../parts/numbers.js";
import { Rows } from "../parts/rows.js";

/** Failures by function and error. */
export class GroupTable {
  /** @param {(group: Group) => any} retry */
  constructor(retry) {
    this.retry = retry;
    this.mayRetry = false;
    this.body = make("tbody");
    this.element = make("table.list.groups", {}, heads([["Jobs", "number"], ["Function", "function"], ["Error", "error-name"], ["Latest message", "p2"], ["Last", "time p3"], ["Retry", "act"]]), this.body);
    this.rows = new Rows(this.body, { key: (group) => JSON.stringify([group.function, group.error.type || group.error.code]), make: (group) => this.row(group) });
  }

  /** @param {Group[]} groups */
  show(groups) {
    this.rows.show(groups);
  }

  /** @param {Group} first */
  row(first) {
    let group = first;
    const number = make("strong");
    const message = make("span");
    const last = timeAgo(null);
    const again = button("Retry …", () => this.retry(group), "button.quiet");
    const name = link(address("failures", "", { function: first.function }), first.function || "unknown", "a.id");
    const element = make("tr", {}, make("td.number", {}, number), make("th.function", { scope: "row" }, name),
      make("td.error-name.bad", { title: first.error.type }, first.error.type || first.error.code), make("td.p2", {}, message), make("td.time.p3", {}, last), make("td.act", {}, again));
    const update = (found) => {
      group = found;
      put(number, count(found.jobs.length));
      put(message, found.error.message);
      message.title = found.error.message.slice(0, 1000);
      last.moment = found.jobs[0].finish_time;
      again.hidden = !this.mayRetry || found.jobs.every((job) => job.retried_as);
    };
    return { element, update };
  }
}

/** Failed jobs with their errors. */
export class FailureTable {
  constructor() {
    this.body = make("tbody");
    this.element = make("table.list.failures", {}, heads([["Job", "name"], ["Function", "function p2"], ["Error", "p3"], ["Ended", "time"], ["Try", "number try p3"]]), this.body);
    this.rows = new Rows(this.body, { key: (job) => job.job_id, make: failedRow });
  }
  show(jobs) {
    this.rows.show(jobs);
  }

  /** Whether somebody points at a job, or has it in focus: then it is not to move. */
  get isHeld() {
    return this.body.matches(":hover, :focus-within");
  }
}
function failedRow(first) {
  const retried = make("span.note", { hidden: true }, " retried");
  const ended = timeAgo(first.finish_time);
  const said = [first.error.type || first.error.code, first.error.message].filter(Boolean).join(": ");
  const element = make("tr", {}, make("th.name", { scope: "row" }, jobLink(first.job_id), retried), make("td.p2.id", {}, first.function ?? "–"),
    make("td.p3", { title: said.slice(0, 1000) }, said), make("td.time", {}, ended), make("td.number.try.p3", {}, String(first.try)));
  return { element, update: (job) => (retried.hidden = !job.retried_as) };
}

/** @param {string[][]} columns */
function heads(columns) {
  return make("thead", {}, make("tr", {}, ...columns.map(([text, name]) => make("th", { scope: "col", className: name }, text))));
}
