// What a JSON Schema means: in words, as a kind of form field, and as an example value.

const WORDS = {
  string: "text", integer: "integer", number: "number", boolean: "true or false", null: "null",
  array: "list", object: "object",
};

/** Words and an example for each format of texts. */
const FORMATS = {
  "date-time": ["date and time", () => `${today(19)}Z`],
  date: ["date", () => today(10)],
  time: ["time", () => "12:00:00"],
  duration: ["duration (ISO 8601)", () => "PT30S"],
  uuid: ["UUID", () => "123e4567-e89b-12d3-a456-426614174000"],
  email: ["e-mail address", () => "ada@example.org"],
  uri: ["URL", () => "https://example.org/"],
};
const LIMITS = {
  exclusiveMinimum: "more than", minimum: "at least", exclusiveMaximum: "less than", maximum: "at most",
  multipleOf: "a multiple of", minLength: "at least", maxLength: "at most",
};

const DEEPEST = 8;
/** Values of an example. */
const MOST_VALUES = 100;

/** Return the beginning of this moment. @param {number} length */
const today = (length) => new Date().toISOString().slice(0, length);
const formatOf = (schema) => (Object.hasOwn(FORMATS, schema.format ?? "") ? FORMATS[schema.format] : null);
const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
const json = (value) => JSON.stringify(value) ?? "";
const listOf = (value) => (Array.isArray(value) ? value : []);

/** Return the name of the definition that a schema refers to; "" = none. */
function referred(schema) {
  const match = isObject(schema) && typeof schema.$ref === "string" && /^#\/\$defs\/([^/]+)$/.exec(schema.$ref);
  return match ? match[1].replaceAll("~1", "/").replaceAll("~0", "~") : "";
}

/** Return a definition of a function; undefined = it has none of this name. */
export const definition = (fn, name) => isObject(fn.$defs) && Object.hasOwn(fn.$defs, name) ? fn.$defs[name] : undefined;

/** Follow references until there is a schema of its own. */
export function resolved(fn, schema, depth = 0) {
  const name = referred(schema);
  return name && depth < DEEPEST ? resolved(fn, definition(fn, name), depth + 1) : schema;
}

const isNull = (schema) => isObject(schema) && (schema.type === "null" || schema.const === null);

/** Return the schema without `null`, and whether it accepted null. */
export function withoutNull(fn, schema) {
  const own = resolved(fn, schema);
  const choices = isObject(own) ? listOf(own.anyOf ?? own.oneOf) : [];
  const rest = choices.filter((one) => !isNull(one));
  if (rest.length === choices.length) return { schema, accepts: isNull(own) };
  return { schema: rest.length === 1 ? rest[0] : { anyOf: rest }, accepts: true };
}

/** Return what a schema accepts as a list of texts and `{model: name}`. */
export function words(schema, depth = 0) {
  const name = referred(schema);
  if (name) return [{ model: name }];
  if (!isObject(schema) || depth > DEEPEST) return ["anything"];
  if ("const" in schema) return [json(schema.const)];
  if (Array.isArray(schema.enum)) return [schema.enum.map(json).join(", ").replace(/, ([^,]*)$/, " or $1")];
  const choices = listOf(schema.anyOf ?? schema.oneOf);
  if (choices.length) return joined(choices.map((one) => words(one, depth + 1)), " or ");
  const types = listOf(Array.isArray(schema.type) ? schema.type : [schema.type]).filter(Boolean);
  if (!types.length) return ["anything"];
  return joined(types.map((type) => wordsOf(type, schema, depth)), " or ");
}

function wordsOf(type, schema, depth) {
  if (type === "array") return arrayWords(schema, depth);
  if (type === "object" && isObject(schema.additionalProperties)) {
    return ["object with values: ", ...words(schema.additionalProperties, depth + 1)];
  }
  const format = type === "string" && formatOf(schema)?.[0];
  const base64 = schema.contentEncoding === "base64" && "base64";
  const word = format || base64 || (Object.hasOwn(WORDS, type) ? WORDS[type] : String(type));
  return [[word, ...limits(schema)].join(", ")];
}

function arrayWords(schema, depth) {
  if (Array.isArray(schema.prefixItems)) {
    return ["list of ", ...joined(schema.prefixItems.map((one) => words(one, depth + 1)), ", then ")];
  }
  const items = words(schema.items, depth + 1);
  const what = items.length === 1 && items[0] === "anything" ? ["list"] : ["list of ", ...items];
  return schema.uniqueItems ? [...what, ", each once"] : what;
}

function limits(schema) {
  const isSaid = (value) => typeof value === "number" && !(schema.type === "integer" && Math.abs(value) >= 2 ** 63); // the bounds of 64 bits
  const found = Object.entries(LIMITS).filter(([keyword]) => isSaid(schema[keyword]))
    .map(([keyword, said]) => `${said} ${schema[keyword]}${keyword.endsWith("Length") ? " characters" : ""}`);
  if (typeof schema.pattern === "string" && schema.pattern.length < 30 && !schema.format) found.push(`like ${schema.pattern}`);
  return found;
}

const joined = (parts, between) => parts.flatMap((part, at) => (at ? [between, ...part] : part));

/** Return the names of all definitions that a function's schemas refer to, in the order of their use. */
export function models(fn) {
  const found = new Set();
  const look = (value) => {
    if (!isObject(value) && !Array.isArray(value)) return;
    const name = referred(value);
    if (name && !found.has(name) && definition(fn, name) !== undefined) {
      found.add(name);
      look(definition(fn, name));
    }
    Object.values(value).forEach(look);
  };
  listOf(fn.parameters).forEach((parameter) => look(parameter.schema));
  look(fn.returns);
  return [...found];
}

/** Return the kind of field in which a value is entered. */
export function kindOf(fn, schema) {
  const own = resolved(fn, schema);
  if (!isObject(own)) return "json";
  if (Array.isArray(own.enum) || "const" in own) return "choice";
  if (own.type === "boolean") return "choice";
  if (own.type === "integer" || own.type === "number") return "number";
  if (own.type !== "string") return "json";
  return own.format === "date-time" || own.format === "date" ? own.format : "text";
}

/** Return the values of a choice. */
export function choicesOf(fn, schema) {
  const own = resolved(fn, schema);
  if (Array.isArray(own.enum)) return own.enum;
  return "const" in own ? [own.const] : [true, false];
}

/** Return a value that shows the form of what a schema accepts; of a huge one, only the beginning. */
export const example = (fn, schema) => exampleOf(fn, schema, 0, { left: MOST_VALUES });

function exampleOf(fn, schema, depth, values) {
  const own = resolved(fn, schema);
  if (!isObject(own) || depth > 3 || values.left-- <= 0) return null;
  if ("const" in own) return own.const;
  if (Array.isArray(own.enum)) return own.enum[0] ?? null;
  const parts = own.type === undefined ? own.allOf : []; // else they only limit the type
  const choice = listOf(own.anyOf ?? own.oneOf ?? parts)[0];
  if (choice !== undefined) return exampleOf(fn, choice, depth + 1, values);
  const type = Array.isArray(own.type) ? own.type[0] : own.type;
  if (type === "array") {
    if (Array.isArray(own.prefixItems)) return own.prefixItems.map((one) => exampleOf(fn, one, depth + 1, values));
    return depth < 2 && isObject(own.items) ? [exampleOf(fn, own.items, depth + 1, values)] : [];
  }
  if (type === "object") return exampleObject(fn, own, depth, values);
  return exampleScalar(own, type);
}

function exampleObject(fn, own, depth, values) {
  const properties = isObject(own.properties) ? own.properties : {};
  const names = listOf(own.required).filter((name) => Object.hasOwn(properties, name));
  return Object.fromEntries(names.map((name) => [name, exampleOf(fn, properties[name], depth + 1, values)]));
}

function exampleScalar(own, type) {
  if (type === "integer") return own.minimum > 0 ? own.minimum : own.exclusiveMinimum >= 0 ? own.exclusiveMinimum + 1 : 1;
  if (type === "number") return 1.5;
  if (type === "boolean") return true;
  if (type !== "string") return null;
  return formatOf(own)?.[1]() ?? "text";
}
