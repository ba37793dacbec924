// What an operator should know first: found in what the gateway says of queues, workers and Redis.
import { counted, now, ratio, size, span } from "../parts/index.js";

/** Seconds that a due job may wait before that is an alarm. */
const LONG_WAIT = 60;
/** Seconds without a heartbeat, where one comes every 3 s, and a worker is listed for 15 s after its last one. */
const SILENT = 7;
/** Seconds for which an event loop may be blocked. */
export const LAG = 1;
/** Part of the jobs that may fail, where enough of them have ended. */
const MANY_FAILURES = 0.2;
const ENOUGH = 10;
/** Parts of Redis' memory: use beyond the first one is an alarm, beyond the second one an urgent alarm. */
const FILLING = 0.75;
const NEARLY_FULL = 0.9;

/** Return the seconds since a worker's last heartbeat, 0 if it tells no time. @param {any} worker */
const silenceOf = ({ heartbeat_time }) => (heartbeat_time ? (now() - Date.parse(heartbeat_time)) / 1000 : 0);

/** Whether heartbeats of a worker are missing. @param {any} worker */
export const isSilent = (worker) => silenceOf(worker) > SILENT;

/** Seconds for which a worker that is gone without a word is shown. */
const REMEMBERED = 600;
/** Workers that were silent when they were last seen: one that stops as it should never is. @type {Map<string, any>} */
const silentOnes = new Map();

/** Return the workers that went silent while the page was open, and are no longer listed. @param {any[]} workers */
function lostOf(workers) {
  workers.forEach((one) => (isSilent(one) ? silentOnes.set(one.worker, one) : silentOnes.delete(one.worker)));
  const listed = new Set(workers.map((one) => one.worker));
  return [...silentOnes.values()].filter((one) => !listed.has(one.worker) && silenceOf(one) < REMEMBERED);
}

/** Whether a queue is that of the operations on many jobs: gateways run them, no worker has to. @param {string} queue */
export const isOfOperations = (queue) => queue.endsWith(":operations");

/**
 * Return what is wrong, the worst first.
 * @param {{ queues: any[], workers: any[], ready: { status: string, detail?: string }, redis: any }} state
 * @returns {Alarm[]}
 */
export function alarms({ queues, workers, ready, redis }) {
  const found = [...ofGateway(ready), ...ofRedis(redis), ...queues.flatMap(ofQueue), ...workers.flatMap(ofWorker), ...lostOf(workers).map(ofLost)];
  return found.sort((one, other) => Number(other.level === "bad") - Number(one.level === "bad"));
}

/** @param {{ status: string, detail?: string }} ready @returns {Alarm[]} */
const ofGateway = (ready) => ready.status === "ready" ? [] : [{ key: "redis", level: "bad", text: ready.detail ?? "The gateway is not ready." }];

/** @param {any} redis - as of `GET /queues` @returns {Alarm[]} */
function ofRedis({ used_memory: used, max_memory: most, eviction, evicted_keys: evicted, durability, disk_failing: fails }) {
  /** @type {Alarm[]} */
  const found = [];
  const say = (level, key, text) => found.push({ key, level, text });
  if (most && used / most >= FILLING) {
    say(used / most >= NEARLY_FULL ? "bad" : "warn", "memory", `Redis is ${ratio(used, most)} full, ${size(used)} of ${size(most)}: when it is full, no job can be enqueued.`);
  }
  if (evicted) say("bad", "evicted", `Redis has evicted ${counted(evicted, "key")}: jobs may have vanished. Set its maxmemory-policy to noeviction.`);
  else if (most && !["noeviction", "unknown"].includes(eviction)) {
    say("warn", "evicts", `Redis evicts keys when it is full (${eviction}): jobs may vanish. Set its maxmemory-policy to noeviction.`);
  }
  if (fails) say("bad", "disk", "Redis cannot write to its disk: it refuses new jobs until it can.");
  else if (durability === "none") say("warn", "disk", "Redis keeps nothing on disk: when it restarts, all jobs are lost.");
  return found;
}

/** @param {any} queue @returns {Alarm[]} */
function ofQueue({ queue, depth, oldest_due_age: age, paused, paused_since, workers, health_line, last_hour }) {
  const waiting = depth.queued;
  /** @type {Alarm[]} */
  const found = [];
  const say = (level, what, text) =>
    found.push({ key: `${what} ${queue}`, level, text, queue });
  if (paused) {
    const since = paused_since ? ` for ${span(Math.max(0, (now() - Date.parse(paused_since)) / 1000))}` : "";
    say("warn", "paused", `Paused${since}: ${waiting ? `${counted(waiting, "due job")} ${waiting === 1 ? "waits" : "wait"}` : "no job waits"}.`);
  } else if (waiting && !workers && !health_line && !isOfOperations(queue)) {
    say("bad", "no-worker", `No worker runs its jobs: ${counted(waiting, "job")} ${waiting === 1 ? "is" : "are"} due.`);
  } else if (waiting && age > LONG_WAIT) {
    say("warn", "slow", `The oldest due job has waited ${span(age)}: its workers are busy or stuck.`);
  }
  const { succeeded, failed } = last_hour.total;
  if (succeeded + failed >= ENOUGH && failed / (succeeded + failed) >= MANY_FAILURES) {
    say("bad", "failures", `${ratio(failed, succeeded + failed)} of its jobs failed in the last hour: ${counted(failed, "failure")}.`);
  }
  return found;
}

/** @param {any} one @returns {Alarm[]} */
function ofWorker(one) {
  const { worker, host, pid, lag } = one;
  const name = `Worker ${host}:${pid}`;
  if (isSilent(one)) {
    return [{ key: `silent ${worker}`, level: "bad", text: `${name} has sent no heartbeat for ${span(silenceOf(one))}: it may be dead.` }];
  }
  if (!(lag > LAG)) return [];
  return [{ key: `lag ${worker}`, level: "warn", text: `${name} is blocked: its event loop stood still for ${span(lag)}. A function may block it.` }];
}

/** @param {any} worker @returns {Alarm} */
function ofLost(worker) {
  const { worker: id, host, pid } = worker;
  return { key: `lost ${id}`, level: "warn", text: `Worker ${host}:${pid} is gone: its last heartbeat was ${span(silenceOf(worker))} ago. Its jobs start again on other workers.` };
}
