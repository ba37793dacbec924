// The queues of the overview, one in each row.
import { DataTable, failed, fixed, make, nameLink, number, panel, span, state, text } from "../parts/index.js";
import { Sparkline } from "../charts/sparkline.js";
import { isOfOperations } from "./alarms.js";

/** @type {import("../parts/data_table.js").Column[]} */
const COLUMNS = [
  ["Queue", "name", fixed(({ queue }) => nameLink("queues", queue))],
  ["State", "status p2", state(stateOfQueue)],
  ["Due", "number", number(({ depth }) => depth.queued)],
  ["Oldest", "number long p2", text(({ depth, oldest_due_age: age }) => (depth.queued ? span(age) : "–"))],
  ["Running", "number", number(({ depth }) => depth.in_progress)],
  ["Deferred", "number p3", number(({ depth }) => depth.deferred)],
  ["In, last hour", "sparks p3", spark("Enqueued", (hour) => [hour.enqueued, []])],
  ["Ended, last hour", "sparks p2", spark("Ended", (hour) => [added(hour.succeeded, hour.aborted), hour.failed])],
  ["Failed", "number", failed(({ last_hour: hour }) => hour.total.failed, ({ queue }) => ({ queue }))],
  ["Workers", "number p3", number(({ workers }) => workers)],
];

/** A table of queues. */
export class QueueTable {
  constructor() {
    this.table = new DataTable("Queues", "queues", COLUMNS, ({ queue }) => queue);
    this.nothing = make("p.empty", { hidden: true }, "No queue is in use.");
    this.element = panel("Queues", make("h2", "Queues"), this.table.element, this.nothing);
  }

  /** @param {any[]} queues */
  show(queues) {
    this.nothing.hidden = queues.length > 0;
    this.table.show(queues);
  }
}

/** Return what a queue does in one word. */
export function stateOfQueue(queue) {
  if (queue.paused) return "paused";
  if (!queue.workers && !isOfOperations(queue.queue)) return queue.health_line ? "stock arq" : "no worker";
  return queue.depth.in_progress || queue.depth.queued ? "busy" : "idle";
}

/** Return what makes charts; those of a queue have the same scale. @param {string} label @param {(series: any) => number[][]} of */
function spark(label, of) {
  return () => {
    const chart = new Sparkline(label);
    const update = ({ last_hour: { series } }) => {
      const ended = added(added(series.succeeded, series.aborted), series.failed);
      const [good, bad] = of(series);
      chart.update(good, bad, Math.max(1, ...series.enqueued, ...ended));
    };
    return { element: chart.element, update };
  };
}

/** @param {number[]} one @param {number[]} other */
const added = (one, other) => one.map((value, at) => value + other[at]);
