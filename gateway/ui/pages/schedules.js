// The cron jobs of live workers: what runs when, and how the last runs ended.
import { get, pathOf, post, Reading, rights } from "../api/index.js";
import { DAY, DayLane, laneHours } from "../charts/day_lane.js";
import { address, badge, button, counted, DataTable, day, exact, fill, goTo, loading, make, nameLink, now, panel, put, say, span, timeAgo } from "../parts/index.js";

/** @type {Page} */
export const schedules = {
  title: () => "Schedules",
  open: (_, signal) => new Schedules(signal),
};

const SURE = "Run it now?";
/** Milliseconds in which a second click runs it. */
const PATIENCE = 4000;
/** The reader's zone: times of others are said to be so. */
const ZONE = Intl.DateTimeFormat().resolvedOptions().timeZone;
/** Runs that are shown. */
const RUNS = 10;
const empty = () => ["No live worker has cron jobs. Add some to the settings of a worker: ", make("code", "cron_jobs = [cron(report, hour=3, minute=0)]"),
  ". Workers of stock arq and of earlier releases do not announce theirs."];

class Schedules {
  /** @param {AbortSignal} signal */
  constructor(signal) {
    this.said = loading();
    this.count = make("span.note");
    /** @type {(name: string) => boolean} */
    this.mayCall = () => false;
    /** @type {import("../parts/data_table.js").Column[]} */
    const columns = [
      ["Cron job", "name", nameOf],
      ["Next 24 hours", "lane p3", laneOf],
      ["Next run", "time", nextOf],
      ["Last run", "last", lastOf],
      ["Start", "act p2", (one) => this.buttonOf(one)],
    ];
    this.table = new DataTable("Cron jobs", "schedules", columns, (one) => one.id);
    this.hours = this.table.element.querySelector("th.lane");
    this.panel = panel("Cron jobs", this.table.element);
    this.panel.hidden = true;
    this.element = make("div.stack", make("div.row", make("h1", "Schedules"), this.count), this.said, this.panel);
    this.reading = new Reading({ signal, read: () => this.read(signal), show: (found) => this.show(found), fail: (error) => say(this.said, error.message), most: 10_000 });
  }

  /** @param {AbortSignal} signal */
  async read(signal) {
    const until = new Date(now() + DAY).toISOString();
    const [all, soon, { calls }] = await Promise.all([get("schedules?limit=1000", signal), get(`schedules?limit=1000&next_before=${until}`, signal), rights()]);
    this.mayCall = calls;
    const today = new Map(soon.schedules.map((one) => [one.id, one.next_runs]));
    return all.schedules.map((one) => ({ ...one, today: one.next_runs && (today.get(one.id) ?? []) }));
  }

  /** @param {any[]} found */
  show(found) {
    const soon = found.filter((one) => one.today?.length).length;
    put(this.count, found.length ? `${counted(found.length, "cron job")}, ${soon} of them in the next 24 hours` : "");
    this.panel.hidden = found.length === 0;
    say(this.said, ...(found.length ? [] : empty()));
    fill(this.hours, make("span.hidden", "Next 24 hours"), laneHours());
    this.table.show(found.sort((one, other) => (one.next_runs?.[0] ?? "~").localeCompare(other.next_runs?.[0] ?? "~")));
  }

  /** Return a button that runs it when it is clicked twice. */
  buttonOf(one) {
    const start = async () => {
      if (element.textContent !== SURE) {
        put(element, SURE);
        setTimeout(() => put(element, "Run now"), PATIENCE);
        return;
      }
      try {
        const job = await post(pathOf(one.function), { queue: one.queue });
        goTo(address("jobs", job.job_id));
      } catch (error) {
        say(this.said, `${one.function}: ${/** @type {Error} */ (error).message}`);
      }
    };
    const element = button("Run now", start);
    element.setAttribute("aria-live", "polite");
    element.title = `Run ${one.function} now`;
    return { element, update: () => (element.hidden = !this.mayCall(one.function)) };
  }
}

function nameOf(one) {
  const facts = make("span.note");
  const element = make("span.two", make("span", nameLink("functions", one.function)), facts);
  const update = ({ words, timezone, unique, workers, description }) => {
    put(facts, `${words}${timezone && timezone !== ZONE ? `, ${timezone}` : ""}${unique || workers < 2 ? "" : ", each worker"}`);
    element.title = [description, facts.textContent].filter(Boolean).join("\n");
  };
  return { element, update };
}

function nextOf() {
  const [ago, at] = [timeAgo(null), make("span.note")];
  const update = ({ next_runs: runs }) => {
    const next = runs?.[0] ?? null;
    ago.moment = next;
    put(at, next ? day(Date.parse(next)) : runs ? "" : "unknown zone");
  };
  return { element: make("span.two", make("span", ago), at), update };
}

function laneOf() {
  const lane = new DayLane();
  return { element: lane.element, update: (one) => lane.update(one.today) };
}

function lastOf() {
  const element = make("span.two");
  let shown = "";
  const update = ({ last_runs: runs }) => {
    const text = JSON.stringify(runs);
    if (text === shown) return;
    shown = text;
    const [last] = runs;
    if (!last) return fill(element, make("span.note", "none is known"));
    return fill(element, make("span.runs", ...runs.slice(0, RUNS).toReversed().map(runOf)),
      make("span", badge(last.outcome), " ", timeAgo(whenOf(last)), last.error ? make("span.note", { title: last.error }, ` ${last.error}`) : ""));
  };
  return { element, update };
}

/** Return the dot of a run: a link, if its job is kept. */
function runOf(run) {
  const [when, took] = [whenOf(run), run.finish_time && run.start_time ? Date.parse(run.finish_time) - Date.parse(run.start_time) : null];
  const words = [run.outcome, took === null ? "" : `ran ${span(Math.max(0, took) / 1000)}`, run.due_time ? "" : "by hand or at a start", run.error ?? ""].filter(Boolean).join(", ");
  const said = { "data-state": run.outcome, title: `${words}\n${when ? exact(when) : ""}`, "aria-label": words };
  return run.kept && run.job_id ? make("a.state", { ...said, href: address("jobs", run.job_id) }) : make("span.state", { ...said, role: "img" });
}

/** @returns {string | null} */
const whenOf = (run) => run.due_time ?? run.start_time ?? run.finish_time;
