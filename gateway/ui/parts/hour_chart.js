// The last hour of a queue: a bar for each minute, and in words what the one says that is pointed at.
import { make, put } from "./elements.js";
import { clock } from "./moments.js";
import { count } from "./numbers.js";
import { bars, svg } from "./sparkline.js";

const WIDTH = 120;
const HEIGHT = 24;
const KINDS = /** @type {const} */ ([["enqueued", "enqueued"], ["succeeded", "succeeded"], ["failed", "failed"], ["aborted", "aborted"], ["retried", "retried tries"]]);

/** A chart that can be read with pointer and arrow keys. */
export class HourChart {
  constructor() {
    this.paths = Object.fromEntries(["succeeded", "aborted", "failed"].map((name) => [name, svg("path", { class: `bar ${name}` })]));
    this.line = svg("path", { class: "arrived" });
    this.mark = svg("path", { class: "mark" });
    const base = svg("path", { class: "base", d: `M0 ${HEIGHT}H${WIDTH}` });
    this.picture = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", tabindex: 0 },
      this.mark, ...Object.values(this.paths), this.line, base);
    this.words = make("p.note.reading");
    this.top = make("span");
    this.start = make("span");
    const key = make("span.key", {}, make("i.arrived"), "enqueued", make("i.succeeded"), "succeeded", make("i.aborted"), "aborted", make("i.failed"), "failed");
    this.element = make("figure.chart", {}, make("div.above", {}, this.words, key), this.picture,
      make("figcaption.note", {}, this.start, this.top, make("span", {}, "now")));
    /** @type {any} */
    this.hour = null;
    this.at = -1;
    this.listen();
  }

  listen() {
    const point = (/** @type {any} */ event) => {
      const box = this.picture.getBoundingClientRect();
      this.point(Math.floor(((event.clientX - box.left) / box.width) * this.length));
    };
    this.picture.addEventListener("pointermove", point);
    this.picture.addEventListener("pointerleave", () => this.point(-1));
    this.picture.addEventListener("blur", () => this.point(-1));
    this.picture.addEventListener("keydown", (/** @type {any} */ event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[/** @type {string} */ (event.key)];
      if (!step) return;
      event.preventDefault();
      this.point(this.at < 0 ? this.length - 1 : Math.min(this.length - 1, Math.max(0, this.at + step)));
    });
  }

  get length() {
    return this.hour?.series.enqueued.length || 1;
  }

  /** Show an hour. @param {any} hour - `last_hour` of a queue */
  show(hour) {
    this.hour = hour;
    const { succeeded, aborted, failed, enqueued } = hour.series;
    const well = succeeded.map((/** @type {number} */ one, /** @type {number} */ at) => one + aborted[at]);
    const all = well.map((/** @type {number} */ one, /** @type {number} */ at) => one + failed[at]);
    const top = Math.max(1, ...all, ...enqueued);
    this.paths.succeeded.setAttribute("d", bars(succeeded, [], top));
    this.paths.aborted.setAttribute("d", bars(aborted, succeeded, top));
    this.paths.failed.setAttribute("d", bars(failed, well, top));
    this.line.setAttribute("d", steps(enqueued, top));
    put(this.top, `highest: ${count(top)} a minute`);
    put(this.start, hour.start ? clock(Date.parse(hour.start)) : "");
    this.point(this.at);
  }

  /** Say what happened in a minute. @param {number} at - -1 = in the whole hour */
  point(at) {
    this.at = at;
    const start = at < 0 ? "Last hour" : clock(Date.parse(this.hour.start) + at * this.hour.step * 1000);
    const number = (/** @type {string} */ name) => (at < 0 ? this.hour.total[name] : this.hour.series[name][at]);
    const text = `${start}: ${KINDS.map(([name, word]) => `${count(number(name))} ${word}`).join(", ")}`;
    put(this.words, text);
    this.picture.setAttribute("aria-label", text);
    const step = WIDTH / this.length;
    this.mark.setAttribute("d", at < 0 ? "" : `M${at * step} 0h${step}V${HEIGHT}h${-step}z`);
  }
}

/** Return the path of a line in steps. @param {number[]} values @param {number} top */
function steps(values, top) {
  const step = WIDTH / Math.max(1, values.length);
  const points = values.map((value, at) => `${at ? "V" : `M0 `}${(HEIGHT - (value / top) * HEIGHT).toFixed(2)}H${((at + 1) * step).toFixed(2)}`);
  return points.join("");
}
