// Wrong calls: the compiler refuses each line that has a comment, with the error that the comment names.
import createClient from "openapi-fetch";
import type { components, paths } from "./api";
import { countWords, placeOrder, type PlaceOrderData } from "./hey";

const client = createClient<paths>();
const order = { id: "1", lines: [], placed: "2026-01-02T03:04:05Z" };

client.POST("/jobs/count_word", {}); // TS2345
client.POST("/jobs/count_words", {}); // TS2345
client.POST("/jobs/count_words", { body: {} }); // TS2322
client.POST("/jobs/count_words", { body: { kwargs: {} } }); // TS2322
client.POST("/jobs/count_words", { body: { kwargs: { path: 7 } } }); // TS2322
// openapi-fetch lets unknown members pass (openapi-typescript, issue 1769); the types themselves do not.
client.POST("/jobs/count_words", { body: { kwargs: { path: "a", lang: "de" } } });
type CountWords = paths["/jobs/count_words"]["post"]["requestBody"]["content"]["application/json"];
const unknown: CountWords = { kwargs: { path: "a", lang: "de" } }; // TS2353
const misplaced: CountWords = { kwargs: { path: "a" }, wait: 5 }; // TS2353
client.POST("/jobs/place_order", { body: { kwargs: { order, payment: { kind: "cash" } } } }); // TS2322
client.POST("/jobs/place_order", {
  body: { kwargs: { order, payment: { kind: "invoice" }, delivery: "pigeon" } }, // TS2322
});
const line: components["schemas"]["LineInput"] = { sku: "a" }; // TS2741

countWords(); // TS2554
countWords({ body: { kwargs: { path: 7 } } }); // TS2322
countWords({ body: { kwargs: { path: "a", lang: "de" } } }); // TS2353
placeOrder({ body: { kwargs: { order, payment: { kind: "cash" } } } }); // TS2322
const payment: PlaceOrderData["body"]["kwargs"]["payment"] = { kind: "invoice", days: "30" }; // TS2322

export { line, misplaced, payment, unknown };
