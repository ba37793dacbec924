// The last hour of a queue: a bar for each minute, and in words what the one says that is pointed at.
import { clock, count, day, make, put, span } from "../parts/index.js";
import { HEIGHT, WIDTH, bars, draw, ground, picture, steps, svg } from "./sparkline.js";

const KINDS = ["enqueued", "succeeded", "failed", "aborted", "retried"];

/** A chart that can be read with pointer and arrow keys. */
export class HourChart {
  /** @param {boolean} [hasFailuresOnly] - whether bars are drawn for failures alone */
  constructor(hasFailuresOnly = false) {
    this.hasFailuresOnly = hasFailuresOnly;
    this.paths = Object.fromEntries(["succeeded", "aborted", "failed"].map((name) => [name, svg("path", { class: `bar ${name}` })]));
    this.line = svg("path", { class: "arrived" });
    this.mark = svg("path", { class: "mark" });
    this.picture = picture(WIDTH, this.mark, ...Object.values(this.paths), this.line, ground());
    this.picture.setAttribute("tabindex", "0");
    this.words = make("p.note.reading");
    this.top = make("span");
    this.start = make("span");
    const key = make("span.key", ...KINDS.slice(0, hasFailuresOnly ? 0 : 4).map((name) => make("span", make(`i.${name}`), name)));
    this.element = make("figure.chart", make("div.above", this.words, key), this.picture,
      make("figcaption.note", this.start, this.top, make("span", "now")));
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
    for (const name of ["pointerleave", "blur"]) this.picture.addEventListener(name, () => this.point(-1));
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
      draw(this.paths.failed, bars(series.failed, [], most));
      put(this.top, `highest: ${count(most)} failed in ${span(this.hour.step)}`);
      return;
    }
    const { succeeded, aborted, failed, enqueued } = series;
    const well = succeeded.map((one, at) => one + aborted[at]);
    const all = well.map((one, at) => one + failed[at]);
    const top = Math.max(1, ...all, ...enqueued);
    draw(this.paths.succeeded, bars(succeeded, [], top));
    draw(this.paths.aborted, bars(aborted, succeeded, top));
    draw(this.paths.failed, bars(failed, well, top));
    draw(this.line, steps(enqueued, top));
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
    const text = `${start}: ${KINDS.filter((name) => this.hour.series[name]).map((name) => `${count(number(name))} ${name}`).join(", ")}`;
    put(this.words, text);
    this.picture.setAttribute("aria-label", text);
    const step = WIDTH / this.length;
    draw(this.mark, at < 0 ? "" : `M${at * step} 0h${step}V${HEIGHT}h${-step}z`);
  }
}
