// A program on the types of openapi-typescript. It runs once it compiles; then node runs it.
import createClient from "openapi-fetch";
import type { components, paths } from "./api";

declare const process: { argv: string[] };
const [, , baseUrl, file] = process.argv as [string, string, string, string];
const client = createClient<paths>({ baseUrl });

type Outcome = components["schemas"]["Outcome"];

export function told(outcome: Outcome): string {
  if (outcome.success) {
    // @ts-expect-error: what succeeded has no error
    outcome.error;
    return String(outcome.result);
  }
  // @ts-expect-error: what failed has no result
  outcome.result;
  return `${outcome.error.code}: ${outcome.error.message}`;
}

async function anyFunction(): Promise<void> {
  const enqueued = await client.POST("/jobs/{function}", {
    params: { path: { function: "count_words" }, header: { Prefer: "wait=0" } },
    body: { args: [file], job_id: "generated-1" },
  });
  if (enqueued.error) throw new Error(enqueued.error.code);
  const { data, error } = await client.GET("/jobs/{job_id}/result", {
    params: { path: { job_id: "generated-1" }, query: { wait: 20 } },
  });
  if (data === undefined) throw new Error(error.code);
  if ("enqueue_time" in data) throw new Error(`${data.status} after ${data.try} tries`);
  console.log(told(data));
}

async function countWords(path: string): Promise<number | string> {
  const { data, error } = await client.POST("/jobs/count_words", {
    params: { query: { wait: 20 } },
    body: { kwargs: { path } },
  });
  if (data === undefined) throw new Error(error.detail);
  if ("enqueue_time" in data) throw new Error("it takes longer");
  if (!data.success) return `${data.error.type}: ${data.error.code}`;
  const words: number = data.result;
  // @ts-expect-error: a number is not a text
  const text: string = data.result;
  return words === Number(text) ? words : NaN;
}

async function placeOrder(): Promise<string> {
  const line: components["schemas"]["LineInput"] = { sku: "a", price: "1.50", count: 2 };
  const { data } = await client.POST("/jobs/place_order", {
    params: { query: { wait: 20 } },
    body: {
      kwargs: {
        order: { id: "0b84b6a4-6f2b-4c4f-9a0b-3d5a8a9e1c11", lines: [line], placed: "2026-01-02T03:04:05Z" },
        payment: { kind: "card", number: "4111" },
        delivery: "courier",
      },
      max_tries: 1,
    },
  });
  if (data === undefined || !("result" in data)) throw new Error(JSON.stringify(data));
  const { paid_by, order, total } = data.result;
  const how: string = paid_by.kind === "card" ? paid_by.number : `in ${paid_by.days} days`;
  return `${total} by ${how}, ${order.lines[0]?.count} pieces`;
}

async function main(): Promise<void> {
  await anyFunction();
  console.log(await countWords(file));
  console.log(await countWords("no such file"));
  console.log(await placeOrder());
}

main();
