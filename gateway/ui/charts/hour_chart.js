// The last hour of a queue: a bar for each minute, and in words what the one says that is pointed at.
import { make, put } from "../parts/elements.js";
import { clock } from "../parts/moments.js";
import { count, sum } from "../parts/numbers.js";
import { HEIGHT, WIDTH, bars, svg } from "./sparkline.js";

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
    return this.hour?.series.enqueued.length || 1;
  }

  /** Show an hour. - `last_hour` of a queue */
  show(hour) {
    this.hour = hour;
    this.draw(hour.series);
    put(this.start, hour.start ? clock(Date.parse(hour.start)) : "");
    this.point(this.at);
  }

  /** @param {Record<string, number[]>} series */
  draw(series) {
    if (this.hasFailuresOnly) {
      const most = Math.max(1, ...series.failed);
      this.paths.failed.setAttribute("d", bars(series.failed, [], most));
      put(this.top, `highest: ${count(most)} failed a minute`);
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

  /** Say what happened in a minute. @param {number} at - -1 = in the whole hour */
  point(at) {
    this.at = at;
    const start = at < 0 ? "Last hour" : clock(Date.parse(this.hour.start) + at * this.hour.step * 1000);
    const number = (name) => (at < 0 ? this.hour.total[name] : this.hour.series[name][at]);
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

/** Return the last hour of several queues together. */
export function hourOfAll(queues) {
  const hours = queues.map((queue) => queue.last_hour).filter((hour) => hour.start);
  const longest = hours.reduce((most, hour) => (hour.series.enqueued.length > most.series.enqueued.length ? hour : most), hours[0] ?? queues[0].last_hour);
  const length = longest.series.enqueued.length;
  const series = KINDS.map(([kind]) => [kind, Array.from({ length }, (_, at) => sum(hours.map((hour) => hour.series[kind][at - length + hour.series[kind].length] ?? 0)))]);
  const total = KINDS.map(([kind]) => [kind, sum(hours.map((hour) => hour.total[kind]))]);
  return { start: longest.start, step: longest.step, series: Object.fromEntries(series), total: Object.fromEntries(total) };
}
