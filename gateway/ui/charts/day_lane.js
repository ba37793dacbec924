// The runs of a cron job in the next 24 hours, in a line.
import { clock, counted, make, now } from "../parts/index.js";
import { HEIGHT, draw, picture, svg } from "./sparkline.js";

const HOUR = 3_600_000;
/** How long the lane is. */
export const DAY = 24 * HOUR;
/** Its width in its own units: a minute is one. */
const WIDTH = 1440;
/** Runs that are drawn one by one; the gateway names no more. */
const MOST = 50;
/** Times that are named in words. */
const NAMED = 8;

/** A line with a mark for each run, and one at midnight. */
export class DayLane {
  constructor() {
    this.night = svg("path", { class: "midnight" });
    this.runs = svg("path", {});
    const grid = svg("path", { class: "base", d: `M0 12H${WIDTH}M360 0V24M720 0V24M1080 0V24` });
    this.picture = picture(WIDTH, grid, this.night, this.runs);
    this.element = make("span.spark", this.picture);
  }

  /** Show these runs. @param {string[] | null} times - null = not known */
  update(times) {
    const start = now();
    const midnight = new Date(start).setHours(24, 0, 0, 0);
    const found = (times ?? []).map((each) => Date.parse(each));
    draw(this.night, `M${place(midnight - start)} 0V${HEIGHT}`);
    const places = found.map((each) => Math.max(0, place(each - start)));
    this.runs.setAttribute("class", found.length < MOST ? "lane-run" : "bar");
    draw(this.runs, found.length < MOST ? places.map((each) => `M${each} 4v16`).join("") : `M${places[0]} 6H${WIDTH}V18H${places[0]}z`);
    const text = times ? words(found) : "Not known: the gateway does not know the time zone.";
    this.picture.setAttribute("aria-label", text);
    this.element.title = text;
  }
}

/** @param {number} milliseconds - after now */
const place = (milliseconds) => Math.round((milliseconds / DAY) * WIDTH);

/** @param {number[]} found */
function words(found) {
  if (!found.length) return "No run in the next 24 hours";
  if (found.length >= MOST) return `${MOST} runs or more, from ${clock(found[0])} on`;
  const more = found.length > NAMED ? ", …" : "";
  return `${counted(found.length, "run")} in the next 24 hours: ${found.slice(0, NAMED).map(clock).join(", ")}${more}`;
}

/** Return the hours above lanes. */
export const laneHours = () => make("span.lane-hours", { "aria-hidden": "true" }, ...[0, 6, 12, 18, 24].map((hours) => make("span", hours ? clock(now() + hours * HOUR) : "now")));
