// What a program does with the generated types: it compiles only where they say enough.
import createClient from "openapi-fetch";
import type { components, paths } from "./api";

type Outcome = components["schemas"]["Outcome"];

const client = createClient<paths>({ baseUrl: "http://127.0.0.1:8080" });

export async function call(): Promise<Outcome> {
  await client.POST("/jobs/{function}", {
    params: { path: { function: "send_invoice" }, query: { wait: 5 }, header: { Prefer: "wait=5" } },
    body: { args: [42, { lines: [1] }], kwargs: { lang: "de", tags: ["a"] }, job_id: "inv-42" },
  });
  const { data, error } = await client.GET("/jobs/{job_id}/result", {
    params: { path: { job_id: "inv-42" }, query: { wait: 5 } },
  });
  if (data === undefined) throw new Error(error.code);
  if ("enqueue_time" in data) throw new Error(`${data.status} after ${data.try} tries`);
  return data;
}

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
