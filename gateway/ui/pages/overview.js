// What runs, what waits and what fails, in all queues.
import { FLEET, early } from "../api/early.js";
import { onHappening, Reading, Refused } from "../api/index.js";
import { count, counted, fill, loading, make, put, say, size, sum } from "../parts/index.js";
import { alarms } from "../panels/alarms.js";
import { AlarmList } from "../panels/alarm_list.js";
import { FunctionTable, activityOf } from "../panels/function_table.js";
import { LiveList } from "../panels/live_list.js";
import { QueueTable } from "../panels/queue_table.js";

/** @type {Page} */
export const overview = {
  title: () => "Overview",
  open: (_, signal) => new Overview(signal),
};

class Overview {
  /** @param {AbortSignal} signal */
  constructor(signal) {
    this.alarms = new AlarmList(() => this.reading.now());
    this.tiles = new Tiles();
    this.queues = new QueueTable();
    this.functions = new FunctionTable();
    this.live = new LiveList(signal);
    this.state = loading();
    this.panels = make("div.stack", { hidden: true }, this.alarms.element, this.tiles.element, this.queues.element,
      make("div.columns", this.functions.element, this.live.element));
    this.element = make("div.stack", make("h1.hidden", "Overview"), this.state, this.panels);
    this.reading = new Reading({ signal, read: readFleet, show: (fleet) => this.show(fleet), fail: (error) => this.fail(error) });
    onHappening(() => this.reading.soon(), signal);
  }

  /** @param {Error} error */
  fail(error) {
    if (!(error instanceof Refused && error.status === 403)) return say(this.state, error.message);
    this.reading.stop();
    this.panels.hidden = false;
    fill(this.panels, make("div.columns", this.live.element));
    return say(this.state, "This key may not see queues and workers: that needs the scope read:*. Its own jobs can be opened by their ids.");
  }

  /** @param {Fleet} fleet */
  show(fleet) {
    say(this.state);
    this.panels.hidden = false; // all at once, so that nothing moves
    this.alarms.show(alarms(fleet));
    this.tiles.show(fleet);
    this.queues.show(fleet.queues);
    this.functions.show(activityOf(fleet.queues));
  }
}

/** @typedef {{ queues: any[], workers: any[], lost: any[], ready: any, redis: any }} Fleet */

/**
 * Read one after the other, unless they were asked for early: reads at the same time have the gateway open connections to Redis.
 * @param {AbortSignal} signal
 * @returns {Promise<Fleet>}
 */
async function readFleet(signal) {
  const { queues, redis } = await early(FLEET.queues, signal);
  const { workers, lost } = await early(FLEET.workers, signal);
  return { queues, workers, lost, ready: await readiness(signal), redis };
}

/** Return what `/readyz` says; a gateway that is not ready says why. @param {AbortSignal} signal */
async function readiness(signal) {
  try {
    return await early(FLEET.ready, signal);
  } catch (error) {
    return { status: "unready", detail: /** @type {Error} */ (error).message };
  }
}

/** The numbers of all queues together. */
class Tiles {
  constructor() {
    this.numbers = Object.fromEntries(TILES.map(([name]) => [name, make("strong", "–")]));
    this.notes = Object.fromEntries(TILES.map(([name]) => [name, make("span.note", "\u00a0")]));
    this.element = make("section.tiles", { "aria-label": "All queues" }, ...TILES.map(([name, text, href]) =>
      make(href ? "a.tile" : "div.tile", { ...(href && { href }), "data-tile": name }, make("span", text), this.numbers[name], this.notes[name])));
  }

  /** @param {Fleet} fleet */
  show({ queues, workers, redis }) {
    const depth = (name) => sum(queues.map((queue) => queue.depth[name]));
    const total = (name) => sum(queues.map((queue) => queue.last_hour.total[name]));
    const running = sum(workers.map((worker) => worker.in_progress));
    const slots = sum(workers.map((worker) => worker.max_jobs));
    this.set("queued", depth("queued"), `${count(depth("deferred"))} deferred`);
    this.set("in_progress", depth("in_progress"), slots ? `${running} of ${counted(slots, "slot")}` : "no slots");
    this.set("ended", total("succeeded") + total("failed") + total("aborted"), "last hour");
    this.set("failed", total("failed"), "last hour");
    put(this.numbers.memory, redis.used_memory === null ? "–" : size(redis.used_memory));
    put(this.notes.memory, redis.max_memory ? `of ${size(redis.max_memory)} used` : "memory used");
    this.set("workers", workers.length, workers.length ? "alive" : "none alive");
    this.numbers.failed.classList.toggle("bad", total("failed") > 0);
  }

  /** @param {string} name @param {number} value @param {string} note */
  set(name, value, note) {
    put(this.numbers[name], count(value));
    put(this.notes[name], note);
  }
}

const TILES = [
  ["queued", "Due"],
  ["in_progress", "Running", "./#/workers"],
  ["ended", "Ended"],
  ["failed", "Failed", "./#/failures?since=1h"],
  ["workers", "Workers", "./#/workers"],
  ["memory", "Redis"],
];
