// The dashboard: shows the page that the address names, and asks for a key where one is needed.
import { connect, disconnect, forgetRights, onKeyNeeded, rights, setKey } from "../api/index.js";
import { fill, make, placeOf } from "../parts/index.js";
import { showConnection } from "./connection.js";
import { keyEntry } from "./key_entry.js";
import { startSearch } from "./search.js";

/** The files of the pages, each loaded when it is shown first: a page has the name of its file. @type {Record<string, string>} */
const PAGES = {
  overview: "overview", queues: "queue", jobs: "job", failures: "failures", schedules: "schedules", functions: "functions", workers: "workers",
};

/** @param {string} file @returns {Promise<Page>} */
const load = async (file) => (await import(`../pages/${file}.js`))[file];

const main = /** @type {HTMLElement} */ (document.getElementById("main"));
/** @type {{ key: string, view: PageView, end: AbortController } | null} */
let open = null;
/** Counts what was to be shown: a page that is loaded too late is not shown. */
let turns = 0;

/** Show what the address names. @param {boolean} [isAgain] - also if it is shown already */
async function show(isAgain = false) {
  const place = placeOf(location.hash);
  turns += 1;
  const turn = turns;
  const found = Object.hasOwn(PAGES, place.page) ? load(PAGES[place.page]).catch(notLoaded) : unknown();
  const [page] = await Promise.all([found, soon(rights())]); // so that buttons are there at once
  if (turn !== turns) return;
  const key = `${place.page}/${page.isOne ? "" : place.name}`;
  document.title = `${page.title(place.name)} · jobgate`;
  if (!isAgain && open?.key === key && open.view.update) open.view.update(place);
  else openPage(page, place, key);
}

/** Return when a promise is kept, or after a second. @param {Promise<any>} promise */
const soon = (promise) => Promise.race([promise, new Promise((done) => setTimeout(done, 1000))]);

/** @param {Page} page @param {Place} place @param {string} key */
function openPage(page, place, key) {
  open?.end.abort();
  const end = new AbortController();
  const view = page.open(place, end.signal);
  const isFirst = open === null;
  open = { key, view, end };
  markPage(place.page);
  fill(main, view.element);
  if (isFirst) return;
  main.focus({ preventScroll: true });
  scrollTo(0, 0);
}

const unknown = async () => says("No such page", "The address may be incomplete.");
const notLoaded = () => says("The page could not be loaded", "Load it again when the gateway can be reached.");

/** Return a page that says something. @param {string} title @param {string} text @returns {Page} */
const says = (title, text) => ({ title: () => title, open: () => ({ element: make("div", make("h1", title), make("p.note", text)) }) });

/** Mark the page in the navigation. @param {string} page */
function markPage(page) {
  for (const link of document.querySelectorAll("#pages a")) {
    const { dataset, hash } = /** @type {HTMLAnchorElement} */ (link);
    if ((dataset.pages ?? hash).includes(page)) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

/** Ask for a key in place of the page. @param {boolean} wasGiven - whether there was one, which is not valid */
function askForKey(wasGiven) {
  open?.end.abort();
  disconnect("locked");
  turns += 1;
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
leaveDocs();
showConnection();
startSearch();
show();
connect();
