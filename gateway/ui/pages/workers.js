// The live workers: what each runs, since when, and its condition.
import { get, onHappening, Reading } from "../api/index.js";
import { counted, loading, make, put, Rows, say, sum } from "../parts/index.js";
import { WorkerPanel, stateOfWorker } from "../panels/worker_panel.js";

const none = () => ["No worker is alive. Start one, in the folder of your code: ", make("code", "jobgate worker your_module.WorkerSettings"),
  ". Workers of stock arq do not announce themselves."];

/** Whether somebody should look at a worker. @param {any} worker */
const isTroubled = (worker) => Number(["blocked", "silent"].includes(stateOfWorker(worker)));

/** @type {Page} */
export const workers = {
  title: (id) => id || "Workers",
  open: (place, signal) => new Workers(place.name, signal),
};

class Workers {
  /** @param {string} chosen - the worker that the address names @param {AbortSignal} signal */
  constructor(chosen, signal) {
    this.chosen = chosen;
    this.count = make("span.note");
    this.note = loading();
    this.list = make("div.workers");
    this.element = make("div.stack", make("div.head", make("div.row", make("h1", "Workers"), this.count)), this.note, this.list);
    this.rows = new Rows(this.list, { key: (worker) => worker.worker, make: (worker) => new WorkerPanel(worker, worker.worker === chosen) });
    const reading = new Reading({
      signal,
      read: () => get("workers?limit=1000", signal),
      show: (found) => this.show(found.workers),
      fail: (error) => say(this.note, error.message),
      least: 3000,
      most: 6000,
    });
    onHappening(() => reading.soon(), signal);
  }

  show(found) {
    const running = sum(found.map((worker) => worker.in_progress));
    const slots = sum(found.map((worker) => worker.max_jobs));
    const troubled = found.filter(isTroubled).length;
    put(this.count, found.length ? `${counted(found.length, "worker")}, ${running} of ${counted(slots, "slot")} in use, ${troubled || "none"} blocked or silent` : "");
    this.count.classList.toggle("bad", troubled > 0);
    const isGone = this.chosen && !found.some((worker) => worker.worker === this.chosen);
    say(this.note, ...(found.length ? [isGone ? `The worker ${this.chosen} is not alive any more.` : ""] : none()));
    const isFirst = !this.list.firstChild;
    this.rows.show([...found].sort((one, other) => isTroubled(other) - isTroubled(one) || one.host.localeCompare(other.host) || one.pid - other.pid));
    if (isFirst) this.list.querySelector("[data-chosen]")?.scrollIntoView({ block: "center" });
  }
}
