// What an operator should know first: found in what the gateway says of queues, workers and Redis.
import { now } from "../parts/clock.js";
import { span } from "../parts/moments.js";
import { counted, ratio, size } from "../parts/numbers.js";

/** Seconds that a due job may wait before that is an alarm. */
const LONG_WAIT = 60;
/** Seconds without a heartbeat, where one comes every 3 s. */
export const SILENT = 10;
/** Seconds for which an event loop may be blocked. */
export const LAG = 1;
/** Part of the jobs that may fail, where enough of them have ended. */
const MANY_FAILURES = 0.2;
const ENOUGH = 10;
/** Parts of Redis' memory: use beyond the first one is an alarm, beyond the second one an urgent alarm. */
const FILLING = 0.75;
const NEARLY_FULL = 0.9;

/** Whether a queue is that of the operations on many jobs: gateways run them, no worker has to. @param {string} queue */
export const isOfOperations = (queue) => queue.endsWith(":operations");

/**
 * Return what is wrong, the worst first.
 * @param {{ queues: any[], workers: any[], ready: { status: string, detail?: string }, redis: any }} state
 * @returns {Alarm[]}
 */
export function alarms({ queues, workers, ready, redis }) {
  const found = [...ofGateway(ready), ...ofRedis(redis), ...queues.flatMap(ofQueue), ...workers.flatMap(ofWorker)];
  return found.sort((one, other) => Number(other.level === "bad") - Number(one.level === "bad"));
}

/** @param {{ status: string, detail?: string }} ready @returns {Alarm[]} */
function ofGateway(ready) {
  return ready.status === "ready" ? [] : [{ key: "redis", level: "bad", text: ready.detail ?? "The gateway is not ready." }];
}

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

/** @param {any} worker @returns {Alarm[]} */
function ofWorker({ worker, host, pid, heartbeat_time, lag }) {
  const name = `Worker ${host}:${pid}`;
  const silent = heartbeat_time ? (now() - Date.parse(heartbeat_time)) / 1000 : 0;
  if (silent > SILENT) {
    return [{ key: `silent ${worker}`, level: "bad", text: `${name} has sent no heartbeat for ${span(silent)}: it may be dead.` }];
  }
  if (!(lag > LAG)) return [];
  return [{ key: `lag ${worker}`, level: "warn", text: `${name} is blocked: its event loop stood still for ${span(lag)}. A function may block it.` }];
}
