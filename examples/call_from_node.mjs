// Call the example functions from Node.js 18 or later, without packages:
//   node examples/call_from_node.mjs [URL]
// URL is that of a gateway, by default http://127.0.0.1:8080 as started by `make run`.

import { randomUUID } from "node:crypto";

const base = (process.argv[2] ?? "http://127.0.0.1:8080").replace(/\/+$/, "");

async function request(method, path, { body, headers } = {}) {
  const response = await fetch(base + path, {
    method,
    headers: { ...(body && { "Content-Type": "application/json" }), ...headers },
    body: body && JSON.stringify(body),
  });
  const answer = await response.json();
  if (!response.ok) {
    throw new Error(`${answer.code}: ${answer.detail}`);
  }
  return { status: response.status, answer };
}

// Polls until the job has ended. Each request waits for up to 30 seconds.
async function resultOf(jobId) {
  for (;;) {
    const { status, answer } = await request("GET", `/jobs/${jobId}/result?wait=30`);
    if (status === 200) {
      if (answer.success) return answer.result;
      throw new Error(`${answer.error.type}: ${answer.error.message}`);
    }
  }
}

// Enqueues a job and waits for it. The id is chosen here, so the request can be repeated if its answer is lost.
async function call(name, ...args) {
  const jobId = randomUUID();
  const { status, answer } = await request("POST", `/jobs/${name}`, {
    body: { args, job_id: jobId },
    headers: { Prefer: "wait=30" },
  });
  if (status !== 200) return resultOf(jobId);
  if (answer.success) return answer.result;
  throw new Error(`${answer.error.type}: ${answer.error.message}`);
}

console.log("words:", await call("count_words", "README.md"));
console.log("sha256:", await call("hash_file", "README.md"));

const { answer: job } = await request("POST", "/jobs/slow_report", { body: { args: [1], defer_by: 1 } });
console.log("slow_report is", job.status);
console.log("slow_report wrote", (await resultOf(job.job_id)).lines, "lines");

try {
  await call("count_words", "no such file");
} catch (error) {
  console.log("failed:", error.message.split(":")[0]);
}
