// The last hour in a line: bars for each minute, as SVG.
import { make } from "../parts/index.js";

const NS = "http://www.w3.org/2000/svg";
/** The size of a chart in its own units. */
export const WIDTH = 120;
export const HEIGHT = 24;

/**
 * Return an element of SVG.
 * @param {string} tag
 * @param {Record<string, string | number>} attributes
 * @param {...Element} children
 */
export function svg(tag, attributes, ...children) {
  const element = document.createElementNS(NS, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  element.append(...children);
  return element;
}

/** Return the picture of a chart. @param {number} width @param {...Element} children */
export const picture = (width, ...children) =>
  svg("svg", { viewBox: `0 0 ${width} ${HEIGHT}`, preserveAspectRatio: "none", role: "img" }, ...children);

/** Return the line that bars stand on. */
export const ground = () => svg("path", { class: "base", d: `M0 ${HEIGHT}H${WIDTH}` });

/** Draw a path. @param {Element} path @param {string} way */
export const draw = (path, way) => path.setAttribute("d", way);

/** A small chart: what ended well, and on top of it what failed. */
export class Sparkline {
  /** @param {string} label - what it counts @param {string} [step] - of what length each bar is */
  constructor(label, step = "minute") {
    this.label = label;
    this.step = step;
    this.good = svg("path", { class: "bar" });
    this.bad = svg("path", { class: "bar bad" });
    this.picture = picture(WIDTH, ground(), this.good, this.bad);
    this.element = make("span.spark", this.picture);
  }

  /**
   * Show the numbers of an hour.
   * @param {number[]} good
   * @param {number[]} bad
   * @param {number} top - the number whose bar is as high as the chart
   */
  update(good, bad, top) {
    const total = bad.length > good.length ? bad : good.map((value, at) => value + (bad[at] ?? 0));
    draw(this.good, bars(good, [], top));
    draw(this.bad, bars(bad, good, top));
    const peak = Math.max(0, ...total);
    const text = `${this.label}: ${total.reduce((sum, one) => sum + one, 0)} ${this.step === "minute" ? "in the last hour" : "in all"}, at most ${peak} a ${this.step}`;
    this.picture.setAttribute("aria-label", text);
    this.element.title = text;
  }
}

/**
 * Return the path of bars.
 * @param {number[]} values
 * @param {number[]} below - where each begins
 * @param {number} top
 */
export function bars(values, below, top) {
  const step = WIDTH / Math.max(1, values.length);
  return values.map((value, at) => {
    if (!value) return "";
    const height = Math.max(1, (value / Math.max(1, top)) * HEIGHT);
    const y = HEIGHT - ((below[at] ?? 0) / Math.max(1, top)) * HEIGHT;
    const [left, high] = [round(at * step), round(Math.max(0, y - height))];
    return `M${left} ${round(y)}V${high}h${round(step * 0.75)}V${round(y)}z`;
  }).join("");
}

/** Return the path of a line in steps. @param {number[]} values @param {number} top */
export function steps(values, top) {
  const step = WIDTH / Math.max(1, values.length);
  const points = values.map((value, at) => `${at ? "V" : `M0 `}${(HEIGHT - (value / top) * HEIGHT).toFixed(2)}H${((at + 1) * step).toFixed(2)}`);
  return points.join("");
}

/** @param {number} value */
const round = (value) => Math.round(value * 100) / 100;
