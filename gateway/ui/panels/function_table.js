// What happened to the jobs of each function in the last hour.
import { address, button, DataTable, failed, fixed, link, make, number, panel, put, ratio, text } from "../parts/index.js";

/** @type {import("../parts/data_table.js").Column[]} */
const COLUMNS = [
  ["Function", "name", fixed(nameOf)],
  ["In", "number", number((one) => one.enqueued)],
  ["Succeeded", "number p3", number((one) => one.succeeded)],
  ["Retried", "number p3", number((one) => one.retried)],
  ["Failed", "number", failed((one) => one.failed, (one) => ({ function: one.function ?? "" }))],
  ["Ratio", "number", text((one) => ratio(one.failed, one.succeeded + one.failed), (one) => one.failed > MANY * (one.succeeded + one.failed))],
];
/** Functions that are shown at first. */
const FIRST = 12;
/** Part of the jobs whose failure stands out. */
const MANY = 0.1;
const COUNTED = /** @type {const} */ (["enqueued", "succeeded", "failed", "aborted", "retried"]);

/** @typedef {{ function: string | null, enqueued: number, succeeded: number, failed: number, aborted: number, retried: number }} Activity */

/**
 * Return what happened by function in all queues, those that fail most first.
 * @returns {Activity[]}
 */
export function activityOf(queues) {
  /** @type {Map<string | null, Activity>} */
  const found = new Map();
  for (const one of queues.flatMap((queue) => queue.last_hour.functions)) {
    const known = found.get(one.function);
    if (known) COUNTED.forEach((name) => (known[name] += one[name]));
    else found.set(one.function, { ...one });
  }
  return [...found.values()].sort((one, other) => other.failed - one.failed || other.enqueued - one.enqueued);
}

/** A table of functions. */
export class FunctionTable {
  constructor() {
    this.isWhole = false;
    /** @type {Activity[]} */
    this.activity = [];
    this.table = new DataTable("Functions", "functions-of-hour", COLUMNS, (one) => `${one.function}`);
    this.nothing = make("p.empty", "Nothing was enqueued or ended in the last hour.");
    this.more = button("", () => {
      this.isWhole = true;
      this.show(this.activity);
    });
    this.element = panel("Functions", make("h2", "Functions ", make("span.note", "last hour")),
      this.table.element, this.nothing, this.more);
  }

  /** @param {Activity[]} activity */
  show(activity) {
    this.activity = activity;
    this.nothing.hidden = activity.length > 0;
    this.more.hidden = this.isWhole || activity.length <= FIRST;
    put(this.more, `Show all ${activity.length}`);
    this.table.show(this.isWhole ? activity : activity.slice(0, FIRST));
  }
}

/** @param {Activity} one */
function nameOf({ function: name }) {
  return name ? link(address("functions", name), name, "a.id") : make("span.note", "others");
}
