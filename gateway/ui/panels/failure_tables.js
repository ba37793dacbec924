// The tables of the failures page.
import { Sparkline } from "../charts/sparkline.js";
import { broken, button, count, DataTable, fill, fixed, jobLink, link, make, put, text, time } from "../parts/index.js";

const kindOf = (error) => error.type || error.code;

/**
 * Return a table of failures by function and error.
 * @param {Object} options
 * @param {(group: Group, isWhole: boolean) => string} options.hrefOf - the address of a group's failures, or of its function's
 * @param {() => boolean} options.mayRetry
 * @param {(group: Group) => any} options.retry
 */
export function groupTable({ hrefOf, mayRetry, retry }) {
  const again = (first) => {
    const element = button("Retry …", () => retry(first));
    return { element, update: ({ failed, retried }) => (element.hidden = !mayRetry() || retried === failed) };
  };
  const linked = (classes, isWhole, of) => () => {
    const element = link("", "", classes);
    const update = (group) => {
      element.href = hrefOf(group, isWhole);
      element.title = of(group);
      if (element.textContent !== of(group)) fill(element, ...broken(of(group)));
    };
    return { element, update };
  };
  return new DataTable("By function and error", "groups", [
    ["Failed", "number", linked("a.bad", true, (group) => count(group.failed))],
    ["Function", "name function", linked("a.id", false, (group) => group.function)],
    ["Error", "error-name", linked("a.bad", true, ({ error }) => kindOf(error))],
    ["Latest message", "p2", message],
    ["Over time", "sparks p3", spark],
    ["Last", "time p3", time((group) => group.last_time)],
    ["Retry", "act", again],
  ], (group) => JSON.stringify([group.function, group.error.type, group.error.code]));
}

function spark() {
  const chart = new Sparkline("Failed", "step");
  return { element: chart.element, update: ({ series }) => chart.update([], series, Math.max(1, ...series)) };
}

function message() {
  const element = make("span");
  const update = ({ error }) => {
    put(element, error.message ?? "");
    element.title = element.textContent;
  };
  return { element, update };
}

/** Return a table of failed jobs with their errors. */
export const failureTable = () => new DataTable("Failed jobs", "failures", [
  ["Job", "name", job],
  ["Function", "function p3", fixed((one) => make("span.id", one.function ?? "–"))],
  ["Error", "", fixed(said)],
  ["Ended", "time", time((one) => one.finish_time)],
  ["Try", "number try p3", text((one) => String(one.try))],
], (one) => one.job_id);

function job(first) {
  const retried = make("span.note", " retried");
  const element = make("span", jobLink(first.job_id), retried);
  return { element, update: (one) => (retried.hidden = !one.retried_as) };
}

function said({ error }) {
  const words = [kindOf(error), error.message].filter(Boolean).join(": ");
  return make("span", { title: words }, words);
}
