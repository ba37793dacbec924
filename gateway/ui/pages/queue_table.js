// The queues of the overview, one in each row.
import { make, put } from "../parts/elements.js";
import { address, link } from "../parts/links.js";
import { span } from "../parts/moments.js";
import { count } from "../parts/numbers.js";
import { Rows } from "../parts/rows.js";
import { Sparkline } from "../parts/sparkline.js";
import { badge, setBadge } from "../parts/status.js";

const HEADINGS = [
  ["Queue", "name"], ["State", "status p2"], ["Due", "number"], ["Oldest", "number long p2"], ["Running", "number"],
  ["Deferred", "number p3"], ["In, last hour", "sparks p3"], ["Ended, last hour", "sparks p2"], ["Failed", "number"], ["Workers", "number p3"],
];

/** A table of queues. */
export class QueueTable {
  constructor() {
    const head = make("tr", {}, ...HEADINGS.map(([text, name]) => make("th", { scope: "col", className: name }, text)));
    this.body = make("tbody");
    this.nothing = make("p.empty", { hidden: true }, "No queue is in use.");
    this.element = make("section.panel", { "aria-label": "Queues" }, make("h2", {}, "Queues"),
      make("table.list.queues", {}, make("thead", {}, head), this.body), this.nothing);
    this.rows = new Rows(this.body, { key: (queue) => queue.queue, make: queueRow });
  }
  show(queues) {
    this.nothing.hidden = queues.length > 0;
    this.rows.show(queues);
  }
}

/** Return what a queue does in one word. */
export function stateOfQueue(queue) {
  if (queue.paused) return "paused";
  if (!queue.workers) return queue.health_line ? "stock arq" : "no worker";
  return queue.depth.in_progress || queue.depth.queued ? "busy" : "idle";
}
function queueRow(first) {
  const state = badge("");
  const [due, oldest, running, deferred, failed, workers] = Array.from({ length: 6 }, () => make("span"));
  const arriving = new Sparkline("Enqueued");
  const ended = new Sparkline("Ended");
  const cells = [state, due, oldest, running, deferred, arriving.element, ended.element, failed, workers];
  const name = make("th", { scope: "row", className: "name" }, link(address("queues", first.queue), first.queue, "a.id"));
  const element = make("tr", {}, name, ...cells.map((cell, at) => make("td", { className: HEADINGS[at + 1][1] }, cell)));
  const update = (queue) => {
    const { series, total } = queue.last_hour;
    setBadge(state, stateOfQueue(queue));
    put(due, count(queue.depth.queued));
    put(oldest, queue.depth.queued ? span(queue.oldest_due_age) : "–");
    put(running, count(queue.depth.in_progress));
    put(deferred, count(queue.depth.deferred));
    put(failed, count(total.failed));
    put(workers, count(queue.workers));
    failed.classList.toggle("bad", total.failed > 0);
    const well = series.succeeded.map((one, at) => one + series.aborted[at]);
    const top = Math.max(1, ...series.enqueued, ...well.map((one, at) => one + series.failed[at]));
    arriving.update(series.enqueued, [], top);
    ended.update(well, series.failed, top);
  };
  return { element, update };
}
