// Events as they arrive, filters, groups of failures, and alarms.
import "./browser.mjs";
import assert from "node:assert/strict";
import { test } from "node:test";

const { EventParser, follow } = await import("../../../../gateway/ui/api/stream.js");
const { partsOf } = await import("../../../../gateway/ui/api/happenings.js");
const { rightsOf } = await import("../../../../gateway/ui/api/rights.js");
const { bulkFilter, filterOf, filterOfGroup } = await import("../../../../gateway/ui/api/jobs.js");
const { exactly } = await import("../../../../gateway/ui/api/gateway.js");
const { alarms } = await import("../../../../gateway/ui/panels/alarms.js");
const { activityOf } = await import("../../../../gateway/ui/panels/function_table.js");
const { commandOf } = await import("../../../../gateway/ui/panels/job_copy.js");

test("events are complete however their text is cut", () => {
  const text = 'retry: 1000\n\nid: 7:\n\n:\n\nevent: started\nid: 8:a\ndata: {"job_id":"a: b","text":"ä"}\n\nevent: gap\nid: 9:\ndata: null\n\n';
  for (let size = 1; size < text.length; size += 1) {
    const parser = new EventParser();
    const found = [];
    for (let at = 0; at < text.length; at += size) found.push(...parser.take(text.slice(at, at + size)));
    assert.deepEqual(found, [
      { kind: "gap", id: "7:", data: null },
      { kind: "started", id: "8:a", data: { job_id: "a: b", text: "ä" } },
      { kind: "gap", id: "9:", data: null },
    ]);
  }
});

test("a message of the stream is told queue by queue and job by job, the oldest first", () => {
  const data = { queues: [{ queue: "q", failed: 1 }], ended: [{ job_id: "new" }, { job_id: "old" }] };
  const told = partsOf({ kind: "changes", id: "1:", data }).map((one) => [one.kind, one.data.queue ?? one.data.job_id]);
  assert.deepEqual(told, [["changes", "q"], ["finished", "old"], ["finished", "new"]]);
  assert.equal(partsOf({ kind: "gap", id: "1:", data: { missed: null } }).length, 1);
});

test("a key is offered what its scopes allow", () => {
  document.documentElement = { hasAttribute: () => false };
  const may = (functions, ...scopes) => Object.entries(rightsOf({ scopes, functions })).flatMap(([name, is]) => (is === true ? [name] : []));
  const calls = (functions, name) => rightsOf({ scopes: [], functions }).calls(name);
  assert.deepEqual(["cron:f", "cron:", "xcron:f", "cron.f"].map((name) => calls(["a", "cron:*"], name)), [true, true, false, false]);
  assert.deepEqual(["f.g", "fxg", "f.gg"].map((name) => calls(["f.g"], name)), [true, false, false]);
  assert.deepEqual(may([], "read:*"), ["overview"]);
  assert.deepEqual(may(["f"], "read", "enqueue:f", "abort"), ["abort", "retry"]);
  assert.deepEqual(may([], "operate"), ["overview", "operate", "abort", "retry"]);
  document.documentElement = { hasAttribute: () => true };
  assert.deepEqual(may(["*"], "read:*", "operate", "abort", "enqueue:*"), ["overview"]);
  assert.equal(calls(["*"], "f"), false);
});

test("a bulk operation means what the list shows", () => {
  const filter = (text) => bulkFilter(filterOf("q", new URLSearchParams(text)));
  assert.deepEqual(filter("status=failed&function=f&code=timeout&cursor=x"), { queue: "q", function: "f", code: "timeout" });
  assert.deepEqual(filter("status=succeeded"), { queue: "q", success: true });
  assert.deepEqual(filter("status=deferred"), { queue: "q", status: "deferred" });
  assert.deepEqual(filter(""), { queue: "q" });
});

test("a group of failures is a filter", () => {
  const filter = filterOf("*", new URLSearchParams("since=1h"));
  const group = { function: "f", error: { type: "KeyError", code: "error", message: "x" }, failed: 1, retried: 0 };
  const found = bulkFilter({ ...filterOfGroup(filter, group), status: "failed" });
  const ago = Date.now() - Date.parse(found.since);
  assert.ok(ago > 3_599_000 && ago < 3_670_000);
  assert.deepEqual({ ...found, since: "" }, { queue: "*", function: "f", code: "error", error_type: "KeyError", since: "" });
});

test("arguments keep all digits, and their command can be pasted", () => {
  const args = exactly('[9007199254740993]');
  if (JSON.rawJSON) assert.equal(JSON.stringify(args), "[9007199254740993]");
  globalThis.document.baseURI = "http://gateway/base/";
  const job = { job_id: "a/b", function: "f", queue: "q", args: ["it's"], kwargs: {} };
  assert.match(commandOf(job), /^curl -X POST 'http:\/\/gateway\/base\/jobs\/f' [^]*-d '\{"args":\["it'\\''s"\],"queue":"q"\}'$/);
  assert.equal(commandOf({ ...job, args: undefined }), "curl 'http://gateway/base/jobs/a%2Fb/status'");
});

const HOUR = { total: { succeeded: 90, failed: 0 }, functions: [] };
const QUEUE = { queue: "q", depth: { queued: 0, deferred: 0, in_progress: 0 }, oldest_due_age: 0, paused: false, paused_since: null, workers: 1, health_line: true, last_hour: HOUR };
const READY = { status: "ready" };
const REDIS = { used_memory: 5e6, max_memory: null, eviction: "noeviction", fragmentation: 1, evicted_keys: 0, durability: "aof", disk_failing: false };
const found = (queue, more = {}) => alarms({ queues: [{ ...QUEUE, ...queue }], workers: [], lost: [], ready: READY, redis: REDIS, ...more }).map((one) => `${one.level} ${one.text}`);

test("nothing is wrong", () => assert.deepEqual(found({ depth: { ...QUEUE.depth, queued: 3 }, oldest_due_age: 5 }), []));

test("what is wrong with a queue is said once", () => {
  const depth = { ...QUEUE.depth, queued: 1 };
  assert.deepEqual(found({ depth, workers: 0, health_line: false }), ["bad No worker runs its jobs: 1 job is due."]);
  assert.deepEqual(found({ depth, workers: 0, oldest_due_age: 5 }), [], "stock arq's workers may run them");
  assert.deepEqual(found({ queue: "arq:operations", depth, workers: 0, health_line: false }), [], "gateways run them");
  assert.deepEqual(found({ depth, oldest_due_age: 200 }), ["warn The oldest due job has waited 3 min 20 s: its workers are busy or stuck."]);
  const paused_since = new Date(Date.now() - 60_000).toISOString();
  assert.deepEqual(found({ depth, paused: true, paused_since, workers: 0 }), ["warn Paused for 1 min: 1 due job waits."]);
  const few = { total: { succeeded: 1, failed: 8 }, functions: [] };
  assert.deepEqual(found({ last_hour: few }), [], "too few have ended to say anything");
  const many = { total: { succeeded: 30, failed: 10 }, functions: [] };
  assert.deepEqual(found({ last_hour: many }), ["bad 25 % of its jobs failed in the last hour: 10 failures."]);
});

test("what is wrong with Redis and workers stands before warnings", () => {
  const seconds = (ago) => new Date(Date.now() - ago * 1000).toISOString();
  const worker = { worker: "w", host: "h", pid: 1, heartbeat_time: seconds(1), lag: 0.1 };
  const silent = { ...worker, worker: "silent", heartbeat_time: seconds(30) };
  const workers = [worker, { ...worker, worker: "blocked", lag: 2.5 }, silent];
  assert.deepEqual(found({}, { workers, redis: { ...REDIS, durability: "none" } }), [
    "bad Worker h:1 has sent no heartbeat for 30 s: it may be dead.",
    "warn Redis keeps nothing on disk: when it restarts, all jobs are lost.",
    "warn Worker h:1 is blocked: its event loop stood still for 2.5 s. A function may block it.",
  ]);
  assert.deepEqual(found({}, { lost: [{ worker: "h.1.a", lost_time: seconds(30) }] }), [
    "warn Worker h.1.a was lost 30 s ago: it was killed, or cut off. Its jobs start again on other workers.",
  ]);
  assert.deepEqual(found({}, { ready: { status: "unready", detail: "Redis is full." } }), ["bad Redis is full."]);
});

test("what is wrong with the memory and the disk of Redis is said", () => {
  const said = (more) => found({}, { redis: { ...REDIS, max_memory: 2e9, ...more } });
  assert.deepEqual(said({ used_memory: 1e9 }), []);
  assert.deepEqual(said({ used_memory: 1.6e9 }), ["warn Redis is 80 % full, 1.6 GB of 2 GB: when it is full, no job can be enqueued."]);
  assert.match(said({ used_memory: 1.84e9 })[0], /^bad Redis is 92 % full/);
  assert.match(said({ eviction: "allkeys-lru" })[0], /^warn Redis evicts keys when it is full \(allkeys-lru\): jobs may vanish/);
  assert.match(said({ eviction: "allkeys-lru", evicted_keys: 1 })[0], /^bad Redis has evicted 1 key: jobs may have vanished/);
  assert.match(said({ disk_failing: true })[0], /^bad Redis cannot write to its disk/);
  assert.deepEqual(found({}, { redis: { ...REDIS, eviction: "allkeys-lru" } }), [], "without a limit nothing is evicted");
  assert.deepEqual(found({}, { redis: { used_memory: null, max_memory: null, eviction: "unknown", evicted_keys: null, durability: "unknown", disk_failing: false } }), []);
});

test("what happened to a function is added over all queues", () => {
  const of = (name, enqueued, failed) => ({ function: name, enqueued, succeeded: 0, failed, aborted: 0, retried: 0 });
  const queues = [[of("a", 9, 0), of("b", 1, 1)], [of("b", 2, 1), of(null, 5, 0)]].map((functions) => ({ last_hour: { functions } }));
  assert.deepEqual(activityOf(queues).map((one) => [one.function, one.enqueued, one.failed]), [["b", 3, 2], ["a", 9, 0], [null, 5, 0]]);
});

test("a stream is closed when its last event has come", async () => {
  const text = new TextEncoder().encode("event: finished\ndata: {}\n\n");
  const body = new ReadableStream({ start: (stream) => stream.enqueue(text) });
  /** @type {any} */
  let options;
  globalThis.fetch = async (_, given) => ((options = given), new Response(body));
  await follow("jobs/a/events", { signal: new AbortController().signal, onEvent: () => {}, isLast: () => true });
  assert.ok(options.signal.aborted);
});
