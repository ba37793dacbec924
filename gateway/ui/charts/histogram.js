// A histogram: bars for the last hour, and a line for the day before, each as parts of their own whole.
import { count, counted, make, put, span } from "../parts/index.js";
import { WIDTH, bars, draw, ground, picture, steps, svg } from "./sparkline.js";

/** Buckets that are shown at least. */
const LEAST = 6;

/** How long something took. */
export class Histogram {
  /** @param {string} title */
  constructor(title) {
    this.bars = svg("path", { class: "bar" });
    this.line = svg("path", { class: "arrived" });
    this.picture = picture(WIDTH, this.bars, this.line, ground());
    this.from = make("span");
    this.to = make("span");
    this.words = make("span.note");
    this.element = make("figure.chart", make("div.above", make("strong", title), this.words), this.picture, make("figcaption.note", this.from, this.to));
  }

  /**
   * Show two histograms.
   * @param {number[]} bounds - of the buckets, in seconds
   * @param {{ count: number, p50: number | null, buckets: number[] }} hour
   * @param {{ count: number, buckets: number[] }} before
   */
  show(bounds, hour, before) {
    const [first, last] = range(hour.buckets.map((one, at) => one + before.buckets[at]));
    const cut = (/** @type {number[]} */ buckets) => buckets.slice(first, last + 1);
    const parts = (/** @type {{ count: number, buckets: number[] }} */ of) => cut(of.buckets).map((one) => one / Math.max(1, of.count));
    const [now, usual] = [parts(hour), parts(before)];
    const top = Math.max(...now, ...usual, 0.01);
    // They are drawn by the thousand: bars that are not 0 can be seen.
    draw(this.bars, bars(now.map((one) => one * 1000), [], top * 1000));
    draw(this.line, before.count ? steps(usual, top) : "");
    put(this.from, first ? span(bounds[first - 1]) : "0 s");
    put(this.to, last < bounds.length ? span(bounds[last]) : `over ${span(bounds[bounds.length - 1])}`);
    put(this.words, hour.p50 === null ? "none" : `half within ${span(hour.p50)}`);
    this.picture.setAttribute("aria-label", words(bounds, hour));
  }
}

/** Return the first and the last bucket to show. @param {number[]} buckets */
function range(buckets) {
  const found = buckets.flatMap((one, at) => (one ? [at] : []));
  const first = Math.max(0, Math.min(found[0] ?? 0, buckets.length - LEAST));
  return [first, Math.max(found.at(-1) ?? 0, first + LEAST - 1)];
}

/** @param {number[]} bounds @param {{ count: number, buckets: number[] }} hour */
function words(bounds, hour) {
  const parts = hour.buckets.flatMap((one, at) => (one ? [`${count(one)} ${at < bounds.length ? `up to ${span(bounds[at])}` : "longer"}`] : []));
  return `${counted(hour.count, "run")} in the last hour${parts.length ? `: ${parts.join(", ")}` : ""}`;
}
