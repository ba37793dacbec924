// The last hour of a queue: a bar for each minute, and in words what the one says that is pointed at.
import { make, put } from "../parts/elements.js";
import { clock, day, span } from "../parts/moments.js";
import { count } from "../parts/numbers.js";
import { HEIGHT, WIDTH, bars, steps, svg } from "./sparkline.js";

const KINDS = /** @type {const} */ ([["enqueued", "enqueued"], ["succeeded", "succeeded"], ["failed", "failed"], ["aborted", "aborted"], ["retried", "retried tries"]]);

/** A chart that can be read with pointer and arrow keys. */
export class HourChart {
  /** @param {boolean} [hasFailuresOnly] - whether bars are drawn for failures alone */
  constructor(hasFailuresOnly = false) {
    this.hasFailuresOnly = hasFailuresOnly;
    this.paths = Object.fromEntries(["succeeded", "aborted", "failed"].map((name) => [name, svg("path", { class: `bar ${name}` })]));
    this.line = svg("path", { class: "arrived" });
    this.mark = svg("path", { class: "mark" });
    const base = svg("path", { class: "base", d: `M0 ${HEIGHT}H${WIDTH}` });
    this.picture = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", tabindex: 0 },
      this.mark, ...Object.values(this.paths), this.line, base);
    this.words = make("p.note.reading");
    this.top = make("span");
    this.start = make("span");
    const drawn = hasFailuresOnly ? ["failed"] : ["enqueued", "succeeded", "aborted", "failed"];
    const key = make("span.key", {}, ...drawn.map((name) => make("span", {}, make(`i.${name}`), name)));
    this.element = make("figure.chart", {}, make("div.above", {}, this.words, key), this.picture,
      make("figcaption.note", {}, this.start, this.top, make("span", {}, "now")));
    /** @type {any} */
    this.hour = null;
    this.at = -1;
    this.listen();
  }

  listen() {
    const point = (event) => {
      const box = this.picture.getBoundingClientRect();
      this.point(Math.floor(((event.clientX - box.left) / box.width) * this.length));
    };
    this.picture.addEventListener("pointermove", point);
    this.picture.addEventListener("pointerleave", () => this.point(-1));
    this.picture.addEventListener("blur", () => this.point(-1));
    this.picture.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[/** @type {string} */ (event.key)];
      if (!step) return;
      event.preventDefault();
      this.point(this.at < 0 ? this.length - 1 : Math.min(this.length - 1, Math.max(0, this.at + step)));
    });
  }

  get length() {
    return this.hour?.series.failed.length || 1;
  }

  /** Show an hour, or another time. - `last_hour` of a queue @param {string} [whole] */
  show(hour, whole = "Last hour") {
    this.hour = hour;
    this.whole = whole;
    this.draw(hour.series);
    put(this.start, hour.start ? this.clock(0) : "");
    this.point(this.at);
  }

  /** @param {Record<string, number[]>} series */
  draw(series) {
    if (this.hasFailuresOnly) {
      const most = Math.max(1, ...series.failed);
      this.paths.failed.setAttribute("d", bars(series.failed, [], most));
      put(this.top, `highest: ${count(most)} failed in ${span(this.hour.step)}`);
      return;
    }
    const { succeeded, aborted, failed, enqueued } = series;
    const well = succeeded.map((one, at) => one + aborted[at]);
    const all = well.map((one, at) => one + failed[at]);
    const top = Math.max(1, ...all, ...enqueued);
    this.paths.succeeded.setAttribute("d", bars(succeeded, [], top));
    this.paths.aborted.setAttribute("d", bars(aborted, succeeded, top));
    this.paths.failed.setAttribute("d", bars(failed, well, top));
    this.line.setAttribute("d", steps(enqueued, top));
    put(this.top, `highest: ${count(top)} a minute`);
  }

  /** Return when a bar begins. @param {number} at */
  clock(at) {
    const start = Date.parse(this.hour.start) + at * this.hour.step * 1000;
    return this.length * this.hour.step > 43_200 ? day(start) : clock(start);
  }

  /** Say what happened in a minute. @param {number} at - -1 = in the whole hour */
  point(at) {
    this.at = at;
    const start = at < 0 ? this.whole : this.clock(at);
    const number = (name) => (at < 0 ? this.hour.total[name] : this.hour.series[name][at]);
    const text = `${start}: ${KINDS.filter(([name]) => this.hour.series[name]).map(([name, word]) => `${count(number(name))} ${word}`).join(", ")}`;
    put(this.words, text);
    this.picture.setAttribute("aria-label", text);
    const step = WIDTH / this.length;
    this.mark.setAttribute("d", at < 0 ? "" : `M${at * step} 0h${step}V${HEIGHT}h${-step}z`);
  }
}
