// What happened to the jobs of each function in the last hour.
import { make, put } from "../parts/elements.js";
import { address, link } from "../parts/links.js";
import { count, ratio } from "../parts/numbers.js";
import { Rows } from "../parts/rows.js";

/** Functions that are shown at first. */
const FIRST = 12;
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
    this.body = make("tbody");
    this.nothing = make("p.empty", {}, "Nothing was enqueued or ended in the last hour.");
    this.more = make("button.quiet", { type: "button", hidden: true });
    this.more.addEventListener("click", () => {
      this.isWhole = true;
      this.show(this.activity);
    });
    const heads = [["Function", "name"], ["In", "number"], ["Succeeded", "number p3"], ["Retried", "number p3"], ["Failed", "number"], ["Ratio", "number"]];
    const head = make("tr", {}, ...heads.map(([text, name]) => make("th", { scope: "col", className: name }, text)));
    this.element = make("section.panel", { "aria-label": "Functions" },
      make("h2", {}, "Functions ", make("span.note", {}, "last hour")),
      make("table.list", {}, make("thead", {}, head), this.body), this.nothing, this.more);
    this.rows = new Rows(this.body, { key: (one) => `${one.function}`, make: functionRow });
  }

  /** @param {Activity[]} activity */
  show(activity) {
    this.activity = activity;
    this.nothing.hidden = activity.length > 0;
    this.more.hidden = this.isWhole || activity.length <= FIRST;
    put(this.more, `Show all ${activity.length}`);
    this.rows.show(this.isWhole ? activity : activity.slice(0, FIRST));
  }
}

/** @param {Activity} first */
function functionRow(first) {
  const cells = Array.from({ length: 5 }, () => make("span"));
  const name = first.function ? link(address("failures", "", { function: first.function }), first.function, "a.id") : make("span.note", {}, "others");
  const classes = ["number", "number p3", "number p3", "number", "number"];
  const element = make("tr", {}, make("th", { scope: "row", className: "name" }, name),
    ...cells.map((cell, at) => make("td", { className: classes[at] }, cell)));
  const update = (one) => {
    const ended = one.succeeded + one.failed;
    [one.enqueued, one.succeeded, one.retried, one.failed].forEach((value, at) => put(cells[at], count(value)));
    put(cells[4], ratio(one.failed, ended));
    cells[3].classList.toggle("bad", one.failed > 0);
    cells[4].classList.toggle("bad", one.failed >= 0.1 * ended && one.failed > 0);
  };
  return { element, update };
}
