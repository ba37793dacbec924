// One worker.
import { limitOf } from "../api/limits.js";
import { badge, count, counted, facts, fill, jobLink, make, nameLink, now, put, Rows, setBadge, size, span, timeAgo, timeSince } from "../parts/index.js";
import { LAG, isSilent } from "./alarms.js";

/** Running jobs that are shown. */
const SHOWN = 8;
const FACTS = { slots: "Slots", succeeded: "Succeeded", failed: "Failed", retried: "Retried", lag: "Lag", memory: "Memory", uptime: "Up for", heartbeat: "Heartbeat" };

/** A panel that shows a worker. */
export class WorkerPanel {
  /** @param {any} worker @param {boolean} isChosen */
  constructor(worker, isChosen) {
    this.state = badge("");
    const [shown, list] = facts(FACTS);
    this.facts = shown;
    this.uptime = timeSince(worker.start_time);
    this.heartbeat = timeAgo(worker.heartbeat_time);
    fill(shown.uptime, this.uptime);
    fill(shown.heartbeat, this.heartbeat);
    this.facts.lag.title = "The longest time for which its event loop was blocked between its last two heartbeats";
    this.body = make("tbody");
    this.rows = new Rows(this.body, { key: (job) => `${job.job_id} ${job.function} ${job.start_time}`, make: runningRow });
    this.more = make("p.note");
    this.element = make("section.panel.worker", { "aria-label": `Worker ${worker.host}:${worker.pid}` },
      make("div.row", make("h2.id", `${worker.host}:${worker.pid}`), this.state),
      make("p.note", make("span.id", { title: "Its id" }, worker.worker), worker.version ? ` · ${worker.version} · ` : " · ", ...queuesOf(worker)),
      list,
      make("table.list", { "aria-label": "What it runs" }, this.body), this.more);
    if (isChosen) this.element.dataset.chosen = "";
  }

  update(worker) {
    const { since_start: since, running } = worker;
    setBadge(this.state, stateOfWorker(worker));
    put(this.facts.slots, `${worker.in_progress} of ${worker.max_jobs}`);
    for (const name of ["succeeded", "failed", "retried"]) put(this.facts[name], count(since[name]));
    put(this.facts.lag, worker.lag === null ? "–" : span(worker.lag));
    put(this.facts.memory, worker.memory === null ? "–" : size(worker.memory));
    this.uptime.moment = worker.start_time;
    this.heartbeat.moment = worker.heartbeat_time;
    this.rows.show(running.slice(0, SHOWN));
    const left = worker.in_progress - Math.min(SHOWN, running.length);
    put(this.more, running.length ? (left > 0 ? `and ${counted(left, "more job")}` : "") : "It runs nothing.");
  }
}

/** Return the state of a worker in one word. */
export function stateOfWorker(worker) {
  if (isSilent(worker)) return "silent";
  if (worker.lag > LAG) return "blocked";
  if (worker.in_progress >= worker.max_jobs) return "full";
  return worker.in_progress ? "busy" : "idle";
}

/** @param {any} worker @returns {(Node | string)[]} */
const queuesOf = (worker) => worker.queues.flatMap((name, at) => [at ? ", " : "", nameLink("queues", name)]);

/** Return the row of a running job: how long it runs, of how long it may. */
function runningRow(job) {
  const id = job.job_id ? jobLink(job.job_id) : make("span.note", "job of another caller");
  const of = make("span.note");
  const element = make("tr", make("td", make("span.id", job.function ?? "–")), make("td", id), make("td.number", timeSince(job.start_time), of));
  let most = Infinity;
  const update = () => element.classList.toggle("is-over", now() - Date.parse(job.start_time) > most * 1000);
  if (job.function) {
    limitOf(job.function).then((limit) => {
      most = limit ?? Infinity;
      put(of, limit === null ? "" : ` of ${span(limit)}`);
      update();
    });
  }
  return { element, update };
}
