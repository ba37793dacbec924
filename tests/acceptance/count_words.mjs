// Count the words of files by jobs, with plain fetch: first enqueue all, then long-poll each result.
//   node count_words.mjs URL FILE_WITH_ONE_PATH_A_LINE
// Prints `answered<TAB>route<TAB>status` for each answer and `words<TAB>number<TAB>path` for each file.

import { readFileSync } from "node:fs";

const [base, list] = process.argv.slice(2);
const paths = readFileSync(list, "utf8").split("\n").filter(Boolean);
const CONNECTIONS = 16;

async function request(route, path, options) {
  const response = await fetch(base + path, options);
  console.log(`answered\t${route}\t${response.status}`);
  const answer = await response.json();
  if (!response.ok) throw new Error(`${path}: ${response.status} ${answer.detail}`);
  return { status: response.status, answer };
}

async function enqueue(path) {
  const { answer: job } = await request("enqueue", "/jobs/count_words", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ args: [path] }),
  });
  return { path, id: job.job_id };
}

async function report({ path, id }) {
  for (;;) {
    const { status, answer } = await request("result", `/jobs/${id}/result?wait=30`);
    if (status === 202) continue;
    if (!answer.success) throw new Error(`${path}: ${answer.error.message}`);
    console.log(`words\t${answer.result}\t${path}`);
    return;
  }
}

// Runs `work` on all items, a few at a time, and gives what it returned in their order.
async function each(items, work) {
  const results = [];
  let next = 0;
  const worker = async () => {
    while (next < items.length) {
      const place = next++;
      results[place] = await work(items[place]);
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, worker));
  return results;
}

await each(await each(paths, enqueue), report);
