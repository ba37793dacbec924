// Addresses, times and numbers.
import "./browser.mjs";
import assert from "node:assert/strict";
import { test } from "node:test";

const { address, placeOf } = await import("../../../../gateway/ui/parts/links.js");
const { ago, span } = await import("../../../../gateway/ui/parts/moments.js");
const { now, setClock } = await import("../../../../gateway/ui/parts/clock.js");
const { count, ratio, size } = await import("../../../../gateway/ui/parts/numbers.js");
const { bars } = await import("../../../../gateway/ui/charts/sparkline.js");
const { steps } = await import("../../../../gateway/ui/charts/timeline.js");

test("an address names a page, and is read back whatever the name is", () => {
  assert.equal(address("failures"), "./#/failures");
  for (const name of ["a", "a/b", "a?b=c", "#", "%", "ü <b>", "run:42", "../..", "a%2Fb"]) {
    const place = placeOf(address("jobs", name, { status: "a&b", empty: "" }).slice(2));
    assert.deepEqual([place.page, place.name, [...place.params]], ["jobs", name, [["status", "a&b"]]]);
  }
  assert.equal(placeOf("").page, "overview");
  assert.equal(placeOf("#/jobs/%zz").name, "%zz");
});

test("a duration has at most two units", () => {
  const known = [[0, "0 s"], [0.0234, "0.023 s"], [2.345, "2.3 s"], [59.6, "1 min"], [200, "3 min 20 s"], [7260, "2 h 1 min"], [90_000, "1 d 1 h"]];
  for (const [seconds, text] of known) assert.equal(span(seconds), text);
});

test("a time is so long ago by the gateway's clock", (t) => {
  const moment = Date.now();
  t.mock.method(Date, "now", () => moment); // else a millisecond may pass between two looks
  setClock(new Date(Date.now() + 3_600_000).toUTCString());
  assert.ok(Math.abs(now() - Date.now() - 3_600_000) < 2000);
  setClock(new Date(Date.now()).toUTCString());
  assert.equal(now(), Date.now());
  setClock("nonsense");
  const known = [[0, "now"], [-5000, "5 s ago"], [-65_000, "1 min ago"], [7_300_000, "in 2 h"], [-200_000_000, "2 d ago"]];
  for (const [distance, text] of known) assert.equal(ago(Date.now() + distance), text);
});

test("numbers are short", () => {
  assert.deepEqual([count(0), count(12_345), count(1_234_567)], ["0", "12,345", "1.23M"]);
  assert.deepEqual([ratio(0, 0), ratio(0, 9), ratio(1, 9), ratio(1, 100), ratio(1, 10_000)], ["–", "0 %", "11 %", "1 %", "< 0.1 %"]);
  assert.deepEqual([size(0), size(999), size(61_349_888), size(250e9)], ["0 B", "999 B", "61.3 MB", "250 GB"]);
});

test("bars are as high as their numbers, and each that is not 0 can be seen", () => {
  assert.equal(bars([0, 5], [], 10), "M60 24V12h45V24z");
  assert.equal(bars([1], [9], 1000), "M0 23.78V22.78h90V23.78z");
});

test("a timeline has what happened, and what is next", () => {
  const at = (seconds) => new Date(Date.UTC(2026, 0, 1, 0, 0, seconds)).toISOString();
  const words = (job) => steps(job).map(({ word, since }) => [word, since].filter(Boolean).join(": "));
  const job = { enqueue_time: at(0), start_time: null, finish_time: null, due_time: at(9), try: 0, success: null };
  assert.deepEqual(words({ ...job, status: "deferred" }), ["Enqueued", "Due"]);
  assert.deepEqual(words({ ...job, status: "queued" }), ["Enqueued", "Waits for a worker"]);
  const started = { ...job, start_time: at(3), try: 2 };
  assert.deepEqual(words({ ...started, status: "deferred" }), ["Enqueued", "Started, try 2: after 3 s", "Tries again"]);
  assert.deepEqual(words({ ...started, status: "in_progress" }), ["Enqueued", "Started, try 2: after 3 s", "Running"]);
  const ended = { ...started, status: "complete", success: false, finish_time: at(5) };
  assert.deepEqual(words(ended), ["Enqueued", "Started, try 2: after 3 s", "Failed: ran 2 s"]);
  const tries = [{ try: 1, start_time: at(1), end_time: at(2), error: { type: "E", message: "no" }, lost: false }, { try: 2, start_time: null, end_time: at(3), error: null, lost: true }];
  const said = steps({ ...job, status: "deferred", try: 2, earlier_tries: tries }).map((one) => [one.word, one.since, one.said]);
  assert.deepEqual(said.slice(1, 3), [["Try 1", "ran 1 s", "E: no"], ["Try 2", "", "Its worker died, or was cut off."]]);
});
