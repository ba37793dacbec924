// Whether a function is slower than usual: its times and outcomes of the last hour beside the day before.
import { get, Reading } from "../api/index.js";
import { Histogram } from "../charts/histogram.js";
import { count, factList, fill, make, put, ratio, span } from "../parts/index.js";

/** Runs from which two times are compared, and how many times as slow is slower. */
const ENOUGH = 10;
const SLOWER = 1.5;

/** The times of one function. */
export class TimesPanel {
  /** @param {string} name @param {AbortSignal} signal */
  constructor(name, signal) {
    this.verdict = make("p", { role: "status" });
    this.facts = make("div");
    this.run = new Histogram("Run time");
    this.wait = new Histogram("Queue wait");
    const key = make("div.key", make("span", make("i"), "last hour"), make("span", make("i.enqueued"), "the day before"));
    this.charts = make("div", { hidden: true }, make("div.columns", this.run.element, this.wait.element), key);
    this.element = make("section.times", { hidden: true }, make("h3", "Last hour"), this.verdict, this.facts, this.charts);
    /** Settled when it is known what it shows first, so that the page does not move. @type {Promise<void>} */
    this.ready = new Promise((settle) => {
      this.reading = new Reading({
        signal,
        read: () => get(`functions/${encodeURIComponent(name)}/times`, signal),
        show: (found) => settle(this.show(found)),
        fail: () => settle(), // a key that may not see it sees the rest of the page
        most: 10_000,
      });
    });
  }

  show({ bounds, last_hour: hour, day_before: before, outcomes }) {
    const ended = outcomes.succeeded + outcomes.failed;
    const isSlower = compared(hour.run, before.run) >= SLOWER;
    put(this.verdict, verdict(hour.run, before.run));
    this.verdict.classList.toggle("bad", isSlower);
    fill(this.facts, factList([
      ["Runs", count(hour.run.count)],
      ["Run p50", usual(hour.run.p50, before.run.p50)],
      ["Run p95", usual(hour.run.p95, before.run.p95)],
      ["Wait p95", usual(hour.wait.p95, before.wait.p95)],
      ["Failed", ratio(outcomes.failed, ended)],
      ["Retried", count(outcomes.retried)],
    ].map(([word, shown]) => [word, make("dd", shown)])));
    this.run.show(bounds, hour.run, before.run);
    this.wait.show(bounds, hour.wait, before.wait);
    this.charts.hidden = hour.run.count + before.run.count === 0;
    this.element.hidden = false;
  }
}

/** Return how many times as long half of the runs take; 1 where there are too few to tell. */
export const compared = (hour, before) => hour.count < ENOUGH || before.count < ENOUGH ? 1 : hour.p50 / before.p50;

function verdict(hour, before) {
  if (!hour.count && !before.count) return "No worker has run it within a day.";
  if (hour.count < ENOUGH || before.count < ENOUGH) return "Too few runs to say what is usual.";
  const times = compared(hour, before);
  if (times >= SLOWER) return `Slower than usual: half of the runs take ${span(hour.p50)} or more, and ${span(before.p50)} in the day before.`;
  return times <= 1 / SLOWER ? "Faster than usual." : "As fast as usual.";
}

/** @param {number | null} now @param {number | null} before */
const usual = (now, before) => make("span", now === null ? "–" : span(now), before === null ? "" : make("span.note", ` usually ${span(before)}`));
