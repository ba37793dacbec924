// The tables of the failures page.
import { DataTable, fixed, number, text, time } from "../parts/data_table.js";
import { button, make, put } from "../parts/elements.js";
import { address, jobLink, link } from "../parts/links.js";

const kindOf = (error) => error.type || error.code;

/**
 * Return a table of failures by function and error.
 * @param {() => boolean} mayRetry
 * @param {(group: Group) => any} retry
 */
export function groupTable(mayRetry, retry) {
  const again = (first) => {
    let group = first;
    const element = button("Retry …", () => retry(group), "button.quiet");
    const update = (found) => {
      group = found;
      element.hidden = !mayRetry() || found.jobs.every((one) => one.retried_as);
    };
    return { element, update };
  };
  const name = ({ function: fn }) => link(address("failures", "", { function: fn }), fn || "unknown", "a.id");
  return new DataTable("By function and error", "groups", [
    ["Jobs", "number", number((group) => group.jobs.length)],
    ["Function", "name function", fixed(name)],
    ["Error", "error-name bad", fixed(({ error }) => make("span", { title: error.type }, kindOf(error)))],
    ["Latest message", "p2", message],
    ["Last", "time p3", time((group) => group.jobs[0].finish_time)],
    ["Retry", "act", again],
  ], (group) => JSON.stringify([group.function, kindOf(group.error)]));
}

function message() {
  const element = make("span");
  const update = ({ error }) => {
    put(element, error.message);
    element.title = error.message;
  };
  return { element, update };
}

/** Return a table of failed jobs with their errors. */
export const failureTable = () => new DataTable("Failed jobs", "failures", [
  ["Job", "name", job],
  ["Function", "p2", fixed((one) => make("span.id", {}, one.function ?? "–"))],
  ["Error", "p3", fixed(said)],
  ["Ended", "time", time((one) => one.finish_time)],
  ["Try", "number try p3", text((one) => String(one.try))],
], (one) => one.job_id);

function job(first) {
  const retried = make("span.note", {}, " retried");
  const element = make("span", {}, jobLink(first.job_id), retried);
  return { element, update: (one) => (retried.hidden = !one.retried_as) };
}

function said({ error }) {
  const words = [kindOf(error), error.message].filter(Boolean).join(": ");
  return make("span", { title: words }, words);
}
