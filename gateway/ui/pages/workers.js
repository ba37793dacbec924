// The live workers: what each runs, since when, and its condition.
import { get } from "../api/gateway.js";
import { onHappening } from "../api/happenings.js";
import { Reading } from "../api/reading.js";
import { make, put } from "../parts/elements.js";
import { Rows } from "../parts/rows.js";
import { counted, sum } from "../parts/numbers.js";
import { WorkerPanel, stateOfWorker } from "../panels/worker_panel.js";

const NONE = "No worker is alive. Start one, in the folder of your code: ";

/** Whether somebody should look at a worker. @param {any} worker */
const isTroubled = (worker) => Number(["blocked", "silent"].includes(stateOfWorker(worker)));

/** @type {Page} */
export const workers = {
  title: (id) => id || "Workers",
  open(place, signal) {
    return { content: [new Workers(place.name, signal).element] };
  },
};

class Workers {
  /** @param {string} chosen - the worker that the address names @param {AbortSignal} signal */
  constructor(chosen, signal) {
    this.chosen = chosen;
    this.count = make("span.note");
    this.note = make("p.empty", { role: "status" }, "Loading …");
    this.list = make("div.workers");
    this.element = make("div.stack", {}, make("div.head", {}, make("div.row", {}, make("h1", {}, "Workers"), this.count)), this.note, this.list);
    this.rows = new Rows(this.list, { key: (worker) => worker.worker, make: (worker) => new WorkerPanel(worker, worker.worker === chosen) });
    const reading = new Reading({
      signal,
      read: () => get("workers?limit=1000", signal),
      show: (found) => this.show(found.workers),
      fail: (error) => this.say(error.message),
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
    this.say("");
    if (!found.length) this.sayNone();
    else if (this.chosen && !found.some((worker) => worker.worker === this.chosen)) this.say(`The worker ${this.chosen} is not alive any more.`);
    const isFirst = !this.list.firstChild;
    this.rows.show([...found].sort((one, other) => isTroubled(other) - isTroubled(one) || one.host.localeCompare(other.host) || one.pid - other.pid));
    if (isFirst) this.list.querySelector("[data-chosen]")?.scrollIntoView({ block: "center" });
  }

  sayNone() {
    this.note.hidden = false;
    if (!this.note.querySelector("code")) this.note.replaceChildren(NONE, make("code", {}, "jobgate worker your_module.WorkerSettings"), ". Workers of stock arq do not announce themselves.");
  }

  /** @param {string} text */
  say(text) {
    put(this.note, text);
    this.note.hidden = text === "";
  }
}
