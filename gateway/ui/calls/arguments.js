// Makes the body of a request from the fields of a form, and finds the field that an error is about.
import { Wrong } from "./fields.js";
import { decoded } from "../parts/index.js";

/**
 * Return the body of a call as JSON text.
 *
 * Arguments are given by name where that is possible. Errors are shown at the fields, and give null.
 */
export function bodyOf(fields) {
  const values = valuesOf(fields);
  return values && written(fields, values);
}

/** Return the JSON text of each field. Errors are shown at the fields, and give null. */
export function valuesOf(fields) {
  const values = new Map();
  let isWrong = false;
  for (const field of fields) {
    try {
      values.set(field, field.json());
    } catch (error) {
      if (!(error instanceof Wrong)) throw error;
      field.showError(error.message);
      isWrong = true;
    }
  }
  return isWrong ? null : values;
}

/** Return the same with examples in place of what is missing or wrong. */
export const exampleBody = (fields) => written(fields, new Map(fields.map((field) => [field, field.jsonOrExample()]))) ?? "{}";

function written(fields, values) {
  const places = placesOf(fields, values);
  const args = argsText(places, values);
  if (args === null) return null;
  const byName = fields.filter((field) => !field.isVariable && !places.includes(field) && values.get(field) !== undefined);
  const named = byName.map((field) => `${JSON.stringify(field.name)}: ${values.get(field)}`);
  const rest = fields.find((field) => field.kind === "var_keyword");
  const more = rest && values.get(rest) !== undefined ? inside(values.get(rest)) : "";
  const kwargs = [...named, more].filter(Boolean).join(", ");
  return `{${[args && `"args": [${args}]`, kwargs && `"kwargs": {${kwargs}}`].filter(Boolean).join(", ")}}`;
}

/** Return the fields whose values are passed by position: all that can be, if further values follow. */
function placesOf(fields, values) {
  const rest = fields.find((field) => field.kind === "var_positional");
  const hasMore = rest && values.get(rest) !== undefined && inside(values.get(rest)) !== "";
  const kinds = hasMore ? ["positional_only", "positional_or_keyword"] : ["positional_only"];
  return [...fields.filter((field) => kinds.includes(field.kind)), ...(hasMore ? [rest] : [])];
}

function argsText(places, values) {
  const given = places.map((field) => values.get(field));
  const last = given.findLastIndex((value) => value !== undefined);
  const texts = places.slice(0, last + 1).map((field, at) => {
    const value = given[at];
    if (value !== undefined) return field.isVariable ? inside(value) : value;
    if ("default" in field.parameter) return JSON.stringify(field.parameter.default);
    field.showError("Fill this in, too: an argument after it is passed by position.");
    return null;
  });
  return texts.includes(null) ? null : texts.join(", ");
}

/** Return what is between the brackets of a JSON list or object. */
const inside = (text) => text.trim().slice(1, -1).trim();

/** Return the field that the pointer of an error names, and the rest of the pointer; undefined = none. */
export function fieldAt(fields, pointer) {
  const [place, key, ...rest] = pointer.replace(/^#\//, "").split("/").map(unescaped);
  if (key === undefined) return undefined;
  if (place === "kwargs") {
    const field = fields.find((one) => one.name === key && !one.isVariable && one.kind !== "positional_only");
    const more = fields.find((one) => one.kind === "var_keyword");
    return field ? { field, rest } : more && { field: more, rest: [key, ...rest] };
  }
  if (place !== "args") return undefined;
  const places = fields.filter((one) => one.kind.startsWith("positional"));
  const index = Number(key);
  if (index < places.length) return { field: places[index], rest };
  const more = fields.find((one) => one.kind === "var_positional");
  return more && { field: more, rest: [String(index - places.length), ...rest] };
}

const unescaped = (part) => decoded(part).replaceAll("~1", "/").replaceAll("~0", "~");
