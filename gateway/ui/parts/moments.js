// Times in the reader's zone, with the exact one on hover; how long ago they are keeps itself up to date.
import { now } from "./clock.js";
import { make, put } from "./elements.js";

const UNITS = /** @type {const} */ ([["d", 86_400], ["h", 3600], ["min", 60], ["s", 1]]);

/** Return a duration in its two largest units: `3 min 20 s`, `0.25 s`. @param {number} seconds */
export function span(seconds) {
  if (seconds < 1) return seconds < 0.0005 ? "0 s" : `${Number(seconds.toPrecision(2))} s`;
  if (seconds < 10) return `${Number(seconds.toFixed(1))} s`;
  const whole = Math.round(seconds);
  const first = UNITS.findIndex(([, size]) => whole >= size);
  const [unit, size] = UNITS[first];
  const text = `${Math.floor(whole / size)} ${unit}`;
  const next = UNITS[first + 1];
  const rest = next ? Math.floor((whole % size) / next[1]) : 0;
  return rest ? `${text} ${rest} ${next[0]}` : text;
}

/** Return how long ago a time is, or in how long, in one unit. @param {number} milliseconds - since 1970 */
export function ago(milliseconds) {
  const seconds = (now() - milliseconds) / 1000;
  const distance = Math.abs(seconds);
  if (distance < 1) return "now";
  const [unit, size] = UNITS.find(([, each]) => distance >= each) ?? UNITS[3];
  const text = `${Math.floor(distance / size)} ${unit}`;
  return seconds < 0 ? `in ${text}` : `${text} ago`;
}

const EXACT = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" });
/** @param {Intl.DateTimeFormatOptions} [more] */
const clockWith = (more) => new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23", ...more });
const CLOCK = clockWith();
const DAY = clockWith({ weekday: "short" });
const SECONDS = clockWith({ second: "2-digit", fractionalSecondDigits: 3 });

/** Return hour and minute. @param {number} milliseconds */
export const clock = (milliseconds) => CLOCK.format(milliseconds);

/** Return the day of the week, hour and minute. @param {number} milliseconds */
export const day = (milliseconds) => DAY.format(milliseconds);

/** Return hour to millisecond. @param {number} milliseconds */
export const clockExactly = (milliseconds) => SECONDS.format(milliseconds);

/** Return date and time in words, and in UTC to the millisecond. @param {string} iso */
export const exact = (iso) => `${EXACT.format(new Date(iso))}\n${iso}`;

/** @type {Set<TimeAgo>} */
const shown = new Set();
let timer = 0;
const tick = () => document.hidden || shown.forEach((each) => each.refresh());

/** `<time-ago>`: how long ago a time is. */
class TimeAgo extends HTMLElement {
  constructor() {
    super();
    /** @type {string | null} */
    this.iso = null;
    this.sinceThen = false;
    this.time = make("time");
  }

  connectedCallback() {
    if (!this.firstChild) this.append(this.time);
    shown.add(this);
    timer ||= window.setInterval(tick, 1000);
    this.refresh();
  }

  disconnectedCallback() {
    shown.delete(this);
    if (shown.size === 0) timer = window.clearInterval(timer) ?? 0;
  }

  /** Show another time. @param {string | null} iso */
  set moment(iso) {
    if (iso === this.iso) return;
    this.iso = iso;
    this.time.dateTime = iso ?? "";
    this.time.title = iso ? exact(iso) : "";
    this.refresh();
  }

  refresh() {
    if (!this.iso) return put(this.time, "–");
    const at = Date.parse(this.iso);
    return put(this.time, this.sinceThen ? span(Math.max(0, (now() - at) / 1000)) : ago(at));
  }
}
customElements.define("time-ago", TimeAgo);

/** Return an element that says how long ago a time is. @param {string | null} iso @returns {any} */
export const timeAgo = (iso) => make("time-ago", { moment: iso });

/** Return an element that says how long something lasts. @param {string | null} iso - since when @returns {any} */
export const timeSince = (iso) => make("time-ago", { sinceThen: true, moment: iso });
