// The dashboard: shows the page that the address names, and asks for a key where one is needed.
import { connect } from "../api/happenings.js";
import { onKeyNeeded, restoreKey, setKey } from "../api/keys.js";
import { forgetRights } from "../api/rights.js";
import { fill, make } from "../parts/elements.js";
import { placeOf } from "../parts/links.js";
import { failures } from "../pages/failures.js";
import { functions } from "../pages/functions.js";
import { job } from "../pages/job.js";
import { overview } from "../pages/overview.js";
import { queue } from "../pages/queue.js";
import { workers } from "../pages/workers.js";
import { showConnection } from "./connection.js";
import { keyEntry } from "./key_entry.js";
import { startSearch } from "./search.js";

/** @type {Record<string, Page>} */
const PAGES = { overview, queues: queue, jobs: job, failures, functions, workers };

const main = /** @type {HTMLElement} */ (document.getElementById("main"));
/** @type {{ key: string, view: PageView, end: AbortController } | null} */
let open = null;

/** Show what the address names. @param {boolean} [isAgain] - also if it is shown already */
function show(isAgain = false) {
  const place = placeOf(location.hash);
  const page = PAGES[place.page] ?? unknown;
  const key = `${place.page}/${page.isOne ? "" : place.name}`;
  document.title = `${page.title(place.name)} · jobgate`;
  if (!isAgain && open?.key === key && open.view.update) return open.view.update(place);
  open?.end.abort();
  const end = new AbortController();
  const view = page.open(place, end.signal);
  const isFirst = open === null;
  open = { key, view, end };
  markPage(place.page);
  fill(main, view.content);
  if (isFirst) return undefined;
  main.focus({ preventScroll: true });
  return scrollTo(0, 0);
}

/** @type {Page} */
const unknown = {
  title: () => "No such page",
  open: () => ({ content: [make("h1", {}, "No such page"), make("p.note", {}, "The address may be incomplete.")] }),
};

/** Mark the page in the navigation. @param {string} page */
function markPage(page) {
  for (const link of document.querySelectorAll("#pages a")) {
    const pages = (/** @type {HTMLElement} */ (link).dataset.pages ?? "").split(" ");
    if (pages.includes(page)) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

/** Ask for a key in place of the page. @param {boolean} wasGiven - whether there was one, which is not valid */
function askForKey(wasGiven) {
  open?.end.abort();
  if (main.querySelector("form.key") && !wasGiven) return;
  document.title = "Key · jobgate";
  fill(main, keyEntry(wasGiven, begin));
  main.querySelector("input")?.focus();
}

/** Begin with a key. @param {string} key @param {boolean} isKept */
function begin(key, isKept) {
  setKey(key, isKept);
  forgetRights();
  connect();
  show(true);
}

/** `/docs#/add` is the address of a function, too, which others may have kept: there it is `/#/functions/add`. */
function leaveDocs() {
  if (!location.pathname.endsWith("/docs")) return;
  const name = location.hash.startsWith("#/") ? location.hash.slice(2) : "";
  history.replaceState(null, "", `./#/functions${name && `/${name}`}`);
}

addEventListener("hashchange", () => show());
document.querySelector(".skip")?.addEventListener("click", (event) => {
  event.preventDefault(); // the address stays that of the page
  main.focus();
});
onKeyNeeded(askForKey);
restoreKey();
leaveDocs();
showConnection();
startSearch();
show();
connect();
