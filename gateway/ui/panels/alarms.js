// What an operator should know first: found in what the gateway says of queues, workers and Redis.
import { ago, counted, now, ratio, size, span } from "../parts/index.js";

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

/** Whether a queue is that of the operations on many jobs: gateways run them, no worker has to. @param {string} queue */
export const isOfOperations = (queue) => queue.endsWith(":operations");

/**
 * Return what is wrong, the worst first.
 * @param {{ queues: any[], workers: any[], lost: any[], ready: { status: string, detail?: string }, redis: any }} state
 * @returns {Alarm[]}
 */
export function alarms({ queues, workers, lost, ready, redis }) {
  const found = [...ofGateway(ready), ...ofRedis(redis), ...queues.flatMap(ofQueue), ...workers.flatMap(ofWorker), ...lost.map(ofLost)];
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

/** @returns {Alarm} */
const ofLost = ({ worker, lost_time: time }) => ({
  key: `lost ${worker}`, level: "warn",
  text: `Worker ${worker} was lost ${ago(Date.parse(time))}: it was killed, or cut off. Its jobs start again on other workers.`,
});
