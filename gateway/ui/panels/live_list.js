// The jobs of all queues that have just ended.
import { get, onHappening } from "../api/index.js";
import { badge, clockExactly, exact, jobLink, make, panel, put } from "../parts/index.js";

/** Jobs that are shown: the list always has as many lines. */
const LINES = 12;
/** Milliseconds between two changes of the list, so that it can be read. */
const PAUSE = 500;

/** A list of ended jobs, which stands still while somebody points at it. */
export class LiveList {
  /** @param {AbortSignal} signal */
  constructor(signal) {
    /** @type {any[]} */
    this.events = [];
    this.isHeld = false;
    this.timer = 0;
    this.list = make("ol.live", ...Array.from({ length: LINES }, () => make("li")));
    this.note = make("span.note", "newest first");
    this.element = panel("Ended just now", make("h2", "Ended just now ", this.note), this.list);
    for (const name of ["pointerenter", "focusin"]) this.list.addEventListener(name, () => this.hold(true));
    for (const name of ["pointerleave", "focusout"]) this.list.addEventListener(name, () => this.hold(false));
    onHappening((event) => (event.kind === "gap" ? this.read(signal) : this.take(event)), signal, ({ kind }) => kind === "finished");
    this.read(signal);
    signal.addEventListener("abort", () => clearTimeout(this.timer));
    this.show();
  }

  /** Show also the jobs that have ended before the page was opened, or while it was cut off. @param {AbortSignal} signal */
  async read(signal) {
    const { jobs } = await get(`jobs?queue=*&status=complete&limit=${LINES}`, signal).catch(() => ({ jobs: [] }));
    const found = jobs.map((job) => ({ kind: "finished", data: { ...job, time: job.finish_time } }));
    const all = new Map([...found, ...this.events].map((event) => [event.data.job_id, event]));
    this.events = [...all.values()].sort((one, other) => other.data.time.localeCompare(one.data.time)).slice(0, LINES);
    if (!signal.aborted) this.show();
  }

  /** @param {StreamEvent} event */
  take(event) {
    this.events.unshift(event);
    this.events.length = Math.min(this.events.length, LINES);
    this.timer ||= window.setTimeout(() => this.show(), PAUSE);
  }

  /** @param {boolean} isHeld */
  hold(isHeld) {
    this.isHeld = isHeld;
    put(this.note, isHeld ? "held while you look" : "newest first");
    if (!isHeld) this.show();
  }

  show() {
    this.timer = 0;
    if (this.isHeld) return;
    const lines = this.events.length ? this.events.map(line) : [make("span.note", "No job has ended, or no result is kept.")];
    [...this.list.children].forEach((item, at) => item.replaceChildren(lines[at] ?? ""));
  }
}

/** Return the line of an event. @param {StreamEvent} event */
function line({ data }) {
  const state = { true: "succeeded", false: "failed" }[String(data.success)] ?? "ended";
  return make("span.event", make("time", { dateTime: data.time, title: exact(data.time) }, clockExactly(Date.parse(data.time))),
    badge(state), make("span.function", { title: data.function ?? "" }, data.function ?? "–"), jobLink(data.job_id));
}
