// The form that calls a function, and what it shows afterwards.
import { bodyOf, exampleBody, fieldAt, valuesOf } from "./arguments.js";
import { button, copier, fill, make, put } from "../parts/index.js";
import { Field } from "./fields.js";
import { curl } from "../api/curl.js";
import { call, outcome } from "../api/index.js";

/** Return the elements of the form of a function. */
export function trial(fn) {
  const fields = fn.parameters === null ? [] : fn.parameters.map((parameter) => new Field(fn, parameter));
  const free = fn.parameters === null ? freeFields(fn) : null;
  const submit = make("button", { type: "submit" }, "Call");
  const general = make("div.error", { role: "alert" });
  const shown = make("div.outcome", { role: "status" });
  const command = make("code");
  const rows = (free ?? fields).map((field) => field.row());
  const form = make("form.trial", { noValidate: true }, ...rows, make("div.row", submit), general, shown);
  const body = () => (free ? freeBody(free) : bodyOf(fields));
  let queue = "";
  const inQueue = (text) => (queue ? text.replace("{", `{"queue": ${JSON.stringify(queue)}${text === "{}" ? "" : ", "}`) : text);
  const clear = () => {
    (free ?? fields).forEach((field) => field.showError(""));
    fill(general);
  };
  const show = () => {
    command.textContent = curl(fn.name, inQueue(free ? (freeBody(free) ?? "{}") : exampleBody(fields)));
    clear();
  };
  form.addEventListener("input", show);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    clear();
    fill(shown);
    const text = body();
    if (text === null) return focusWrong(form);
    submit.disabled = true;
    fill(shown, make("p.note", "Waiting …"));
    await answered(async () => {
      const answer = await call(fn.name, inQueue(text));
      const [other] = answer.document?.queues ?? [];
      if (answer.status !== 404 || !other) return answer;
      // Only workers of other queues offer it.
      queue = other;
      show();
      return call(fn.name, inQueue(text));
    }, { fields, general, shown });
    submit.disabled = false;
    focusWrong(form);
  });
  show();
  return [make("h3", "Call it"), form, make("div.headed", make("h3", "With curl"), copier("Copy", () => command.textContent ?? "")), make("pre.curl", { tabIndex: 0 }, command)];
}

/** Return the fields of a function whose parameters are not known. */
function freeFields(fn) {
  const parameter = (name, type) => ({ name, kind: "keyword_only", required: false, schema: { type } });
  return [new Field(fn, parameter("args", "array")), new Field(fn, parameter("kwargs", "object"))];
}

function freeBody(fields) {
  const values = valuesOf(fields);
  const given = fields.filter((field) => values?.get(field) !== undefined);
  return values && `{${given.map((field) => `"${field.name}": ${values.get(field)}`).join(", ")}}`;
}

function focusWrong(form) {
  form.querySelector("[aria-invalid]")?.focus();
}

async function answered(request, view) {
  const start = performance.now();
  let answer;
  try {
    answer = await request();
  } catch {
    return fill(view.shown, make("p.error", "The gateway cannot be reached."));
  }
  const took = Math.round(performance.now() - start);
  if (answer.status === 200) return fill(view.shown, ended(answer.document, took));
  if (answer.status === 202) return fill(view.shown, unfinished(answer.document, view));
  fill(view.shown);
  return refused(answer.document, view);
}

function ended(document, took) {
  const job = make("p.note", `Job ${document.job_id}, ${took} ms`);
  if (document.success) {
    const text = JSON.stringify(document.result, null, 2) ?? "null";
    return [make("h4.good", "Result"), make("pre", { tabIndex: 0 }, text), job];
  }
  const { type, message, code, traceback } = document.error;
  const parts = [make("h4.bad", "The function failed"), make("pre", { tabIndex: 0 }, `${type}: ${message}`)];
  if (traceback) parts.push(make("details", make("summary", "Traceback"), make("pre", { tabIndex: 0 }, traceback)));
  job.prepend(`Code: ${code} · `);
  return [...parts, job];
}

function unfinished(job, view) {
  const longer = button("Wait longer", () => {
    put(longer, "Waiting …");
    return answered(() => outcome(job.job_id), view);
  }, "button");
  return [make("h4", `Not finished: ${job.status.replace("_", " ")}`), make("p.note", `Job ${job.job_id}`), longer];
}

function refused(problem, { fields, general }) {
  const errors = Array.isArray(problem?.errors) ? problem.errors : [];
  const others = errors.filter(({ pointer, detail }) => {
    const found = fieldAt(fields, pointer);
    if (found) found.field.showError(found.rest.length ? `${found.rest.join(" › ")}: ${detail}` : detail);
    return !found;
  });
  const title = problem?.title ?? "The gateway refused the call";
  const said = errors.length ? others.map(({ detail }) => detail) : [problem?.detail ?? ""];
  fill(general, make("p", make("strong", title), "."), ...said.map((text) => make("p", text)));
}
