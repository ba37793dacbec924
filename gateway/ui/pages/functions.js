// What live workers offer: a list, and the function that the address names with a form to call it.
import { ask, hasKey, Reading, Refused } from "../api/index.js";
import { address, fill, link, loading, make, nameLink, say, searchField } from "../parts/index.js";
import { functionView } from "../calls/function_view.js";
import { TimesPanel } from "../calls/times_panel.js";

/** @type {Page} */
export const functions = {
  title: (name) => name || "Functions",
  isOne: true,
  open: (place, signal) => new Functions(place, signal),
};

/** Milliseconds until the next reading: short while there is nothing to show. */
const SOON = 2000;
const LATER = 30_000;

class Functions {
  /** @param {Place} place @param {AbortSignal} signal */
  constructor(place, signal) {
    this.place = place;
    this.signal = signal;
    /** Ends with the function that is shown. */
    this.end = new AbortController();
    /** @type {any[]} */
    this.found = [];
    this.etag = "";
    this.shown = "";
    this.filter = searchField("Filter", "filter");
    this.list = make("ul", { id: "list" });
    this.none = make("p.note", { id: "none", hidden: true }, "No function has this in its name or description.");
    this.document = link("openapi.json", "openapi.json", "a.note");
    this.state = loading();
    this.state.id = "state";
    this.article = make("article.function", { id: "function", tabIndex: -1 });
    this.page = make("div.functions", { hidden: true },
      make("nav", { "aria-label": "Functions" }, make("label.hidden", { htmlFor: "filter" }, "Filter"), this.filter, this.list, this.none, this.document), this.article);
    this.element = make("div.stack", make("h1.hidden", "Functions"), this.state, this.page);
    this.filter.addEventListener("input", () => this.showList());
    this.reading = new Reading({
      signal,
      read: () => this.read(signal),
      show: (answer) => this.take(answer),
      fail: (error) => say(this.state, error.message),
      least: 0,
      most: SOON,
    });
  }

  /** @param {AbortSignal} signal */
  async read(signal) {
    const answer = await ask("functions", { signal, headers: this.etag ? { "If-None-Match": this.etag } : {} });
    if (answer.status >= 400) throw new Refused(answer);
    return answer;
  }

  /** @param {Answer} answer */
  take({ status, headers, document: found }) {
    if (status === 304) return;
    this.etag = headers.get("ETag") ?? "";
    this.found = found.functions;
    this.reading.options.most = this.found.length ? LATER : SOON;
    this.document.hidden = hasKey(); // a link cannot send the key
    this.page.hidden = this.found.length === 0;
    say(this.state, this.found.length ? "" : nothing());
    this.showList();
    this.show();
  }

  showList() {
    const wanted = this.filter.value.trim().toLowerCase();
    const found = this.found.filter((fn) => `${fn.name}\n${fn.description ?? ""}`.toLowerCase().includes(wanted));
    fill(this.list, found.map((fn) => {
      const entry = nameLink("functions", fn.name);
      if (fn === this.chosen) entry.setAttribute("aria-current", "page");
      return make("li", entry);
    }));
    this.list.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest" });
    this.none.hidden = found.length > 0;
  }

  /** The function that the address names, or the first one. */
  get chosen() {
    return this.place.name ? this.found.find((fn) => fn.name === this.place.name) : this.found[0];
  }

  async show() {
    const fn = this.chosen;
    const text = JSON.stringify(fn, (key, value) => (key === "workers" ? undefined : value)) ?? "";
    if (text === this.shown && text) return; // what was entered stays
    this.shown = text;
    this.end.abort();
    this.end = new AbortController();
    const times = fn ? new TimesPanel(fn.name, AbortSignal.any([this.signal, this.end.signal])) : null;
    await times?.ready;
    if (this.shown !== text) return;
    fill(this.article, fn ? functionView(fn, times?.element) : unoffered(this.place.name));
    this.goToModel();
  }

  /** Show another function, or the table of a model. @param {Place} place */
  async update(place) {
    const isOther = place.name !== this.place.name;
    this.place = place;
    if (!isOther) return this.goToModel();
    this.showList();
    await this.show();
    this.article.focus({ preventScroll: true });
    return scrollTo(0, 0);
  }

  goToModel() {
    const model = this.place.params.get("model");
    if (model) document.getElementById(`model-${model}`)?.scrollIntoView();
  }
}

/** Say that nobody offers a function, which may have failed before. @param {string} name */
function unoffered(name) {
  return make("p.note", "No live worker offers this function. ", link(address("failures", "", { function: name }), "Its failures", "a"));
}

function nothing() {
  return hasKey()
    ? "No live worker offers a function that this key may call."
    : "No live worker has published its functions. Start one; stock arq workers publish none.";
}
