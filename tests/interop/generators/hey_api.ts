// A program on the client that @hey-api/openapi-ts generates. It runs once it compiles; then node runs it.
import { countWords, placeOrder, type Receipt } from "./hey";
import { client } from "./hey/client.gen";

declare const process: { argv: string[] };
const [, , baseUrl, file] = process.argv as [string, string, string, string];
client.setConfig({ baseUrl });

async function count(path: string): Promise<number | string> {
  const { data, error } = await countWords({ body: { kwargs: { path } }, query: { wait: 20 } });
  if (data === undefined) throw new Error(error.detail);
  if ("enqueue_time" in data) throw new Error("it takes longer");
  if (!data.success) {
    // @ts-expect-error: what failed has no result
    data.result;
    return `${data.error.type}: ${data.error.code}`;
  }
  // @ts-expect-error: what succeeded has no error
  data.error;
  const words: number = data.result;
  return words;
}

async function order(): Promise<Receipt> {
  const { data } = await placeOrder({
    body: {
      kwargs: {
        order: {
          id: "0b84b6a4-6f2b-4c4f-9a0b-3d5a8a9e1c11",
          lines: [{ sku: "a", price: 1.5 }],
          placed: "2026-01-02T03:04:05Z",
        },
        payment: { kind: "invoice" },
      },
    },
    query: { wait: 20 },
  });
  if (data === undefined || !("result" in data)) throw new Error(JSON.stringify(data));
  return data.result;
}

async function main(): Promise<void> {
  console.log(await count(file));
  console.log(await count("no such file"));
  const { paid_by, total } = await order();
  console.log(paid_by.kind === "invoice" ? `${total} in ${paid_by.days} days` : paid_by.number);
}

main();
