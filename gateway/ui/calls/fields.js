// The fields of a form: one for each parameter. A field turns what was entered into JSON text.
import { make } from "../parts/index.js";
import { choicesOf, example, kindOf, withoutNull } from "./schemas.js";

/** A value that was entered and cannot be sent. */
export class Wrong extends Error {}

const INTEGER = /^[+-]?\d+$/;
const NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/;

/** One parameter in a form. */
export class Field {
  constructor(fn, parameter) {
    this.name = parameter.name;
    this.kind = parameter.kind;
    this.isVariable = parameter.kind.startsWith("var_");
    this.required = parameter.required && !this.isVariable;
    this.parameter = parameter;
    const { schema, accepts } = withoutNull(fn, parameter.schema);
    this.acceptsNull = accepts;
    this.example = example(fn, schema);
    this.input = this.isVariable ? jsonInput(null) : this.inputFor(fn, schema);
    this.input.id = `field-${this.name}`;
    this.input.autocomplete = "off";
    this.error = make("p.error", { id: `error-${this.name}` });
    this.note = make("p.note", { id: `note-${this.name}` }, this.hint());
    this.input.setAttribute("aria-describedby", `${this.error.id} ${this.note.id}`);
    if (this.required) this.input.setAttribute("aria-required", "true");
  }

  inputFor(fn, schema) {
    const kind = kindOf(fn, schema);
    if (kind === "choice") return this.choice(choicesOf(fn, schema));
    this.format = kind;
    if (kind === "json") return jsonInput(this.required ? this.example : null);
    const types = { "date-time": "datetime-local", date: "date" };
    const input = make("input", { type: types[kind] ?? "text", spellcheck: false });
    if (kind === "date-time") input.step = 1;
    if (kind === "number") input.inputMode = "decimal";
    return input;
  }

  choice(values) {
    this.format = "choice";
    const empty = this.required && !this.acceptsNull ? [] : [make("option", { value: "" }, this.required ? "null" : "–")];
    const options = values.map((value) => make("option", { value: JSON.stringify(value) }, String(value ?? "null")));
    return make("select", ...empty, ...options);
  }

  hint() {
    if (this.kind === "var_positional") return "Further arguments: a JSON list, or empty.";
    if (this.kind === "var_keyword") return "Further arguments by name: a JSON object, or empty.";
    const parts = [];
    if (this.format === "json") parts.push("JSON");
    if (this.format === "date-time") parts.push("in your time zone");
    if (!this.required) parts.push("default" in this.parameter ? `empty = ${short(this.parameter.default)}` : "may be empty");
    else if (this.acceptsNull) parts.push("empty = null");
    return parts.join(", ");
  }

  /** Return the element with label, input, note and error. */
  row() {
    const label = make("label", { htmlFor: this.input.id }, make("code", this.name), this.required ? make("span.note", " required") : "");
    return make("div.field", label, this.input, this.note, this.error);
  }

  /** Return the JSON text of the value; undefined = it is left out. Throws Wrong. */
  json() {
    const text = this.input.value;
    if (text.trim() === "" && !(this.required && !this.acceptsNull)) return this.required ? "null" : undefined;
    if (this.format === "choice") return text;
    if (this.format === "text") return JSON.stringify(text);
    if (this.format === "number") return number(text.trim());
    if (this.format === "date") return JSON.stringify(filled(text));
    if (this.format === "date-time") return JSON.stringify(new Date(filled(text)).toISOString());
    return this.checkedJson(text);
  }

  checkedJson(text) {
    let value;
    try {
      value = JSON.parse(text);
    } catch (error) {
      throw new Wrong(`This is not JSON: ${/** @type {Error} */ (error).message}`);
    }
    if (this.kind === "var_positional" && !Array.isArray(value)) throw new Wrong("Enter a list: [1, 2].");
    const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
    if (this.kind === "var_keyword" && !isObject) throw new Wrong('Enter an object: {"name": 1}.');
    return compact(text);
  }

  /** Return the JSON text of the value, or of an example where a value is missing or wrong. */
  jsonOrExample() {
    if (this.required && this.input.value.trim() === "") return JSON.stringify(this.example);
    try {
      return this.json();
    } catch (error) {
      if (!(error instanceof Wrong)) throw error;
      return this.required ? JSON.stringify(this.example) : undefined;
    }
  }

  /** Show what is wrong with the value; "" = nothing. */
  showError(text) {
    this.error.textContent = this.error.textContent && text ? `${this.error.textContent}\n${text}` : text;
    if (text) this.input.setAttribute("aria-invalid", "true");
    else this.input.removeAttribute("aria-invalid");
  }
}

function jsonInput(value) {
  const text = value === null || value === undefined ? "" : JSON.stringify(value, null, 2);
  return make("textarea", { rows: Math.min(10, Math.max(2, text.split("\n").length)), spellcheck: false, value: text });
}

/** Return JSON text without the space between its parts. */
const compact = (text) => text.replace(/("(?:[^"\\]|\\.)*")|\s+/g, (_, string) => string ?? "");

function number(text) {
  if (INTEGER.test(text)) return text.replace(/^\+/, "").replace(/^(-?)0+(?=\d)/, "$1"); // all digits are kept
  if (!NUMBER.test(text)) throw new Wrong("Enter a number.");
  return text;
}

function filled(text) {
  if (text === "") throw new Wrong("Choose a date.");
  return text;
}

function short(value) {
  const text = JSON.stringify(value);
  return text.length > 60 ? "its default" : text;
}
