// Makes elements. Whatever a worker or a caller wrote becomes text, never markup.

/** @typedef {Node | string | null} Child */

/**
 * Return an element.
 * @param {string} name - its tag, and classes after dots: `p.note`
 * @param {...(Child | Child[] | Record<string, any>)} parts - its properties, if any; those with a dash are attributes; then
 *   nodes and texts; null is left out
 * @returns {any}
 */
export function make(name, ...parts) {
  const [tag, ...classes] = name.split(".");
  const element = document.createElement(tag);
  element.classList.add(...classes);
  const properties = parts[0]?.constructor === Object ? parts.shift() : {};
  for (const [key, value] of Object.entries(properties ?? {})) {
    if (key.includes("-")) element.setAttribute(key, value);
    else /** @type {any} */ (element)[key] = value;
  }
  fill(element, .../** @type {any[]} */ (parts));
  return element;
}

/** Show a text in an element, and touch nothing if it does. @param {Element} element @param {string} text */
export function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Make an element show these children. @param {Element} element @param {...(Child | Child[])} children */
export function fill(element, ...children) {
  element.replaceChildren(.../** @type {any} */ (children.flat().filter((child) => child !== null && child !== "")));
}

/** Return a name that may be broken between its words. @param {string} name */
export const broken = (name) => name.split(/(?<=[_.:])|(?<=[a-z])(?=[A-Z])/).flatMap((part) => [part, make("wbr")]);

/** Return a field to search in. @param {string} placeholder @param {string} [id] */
export const searchField = (placeholder, id = "") => make("input", { type: "search", ...(id && { id }), placeholder, spellcheck: false, autocomplete: "off" });

/** Return numbers with their words. @param {(Child[])[]} pairs */
export const factList = (pairs) => make("dl.facts", ...pairs.map(([word, value]) => make("div", make("dt", word), value)));

/**
 * Return numbers that change with their words: the elements that show them by name, and all together.
 * @param {Record<string, string>} words
 * @returns {[Record<string, any>, Element]}
 */
export function facts(words) {
  const shown = Object.fromEntries(Object.keys(words).map((name) => [name, make("dd", "–")]));
  return [shown, factList(Object.entries(words).map(([name, word]) => [word, shown[name]]))];
}

/** Return a part of a page. @param {string} label - its name @param {...(Child | Child[])} children */
export const panel = (label, ...children) => make("section.panel", { "aria-label": label }, ...children);

/** Return the note of a page that has read nothing yet. */
export const loading = () => make("p.empty", { role: "status" }, "Loading …");

/** Have a note say something; without a text it is hidden. @param {any} note @param {...Child} parts */
export function say(note, ...parts) {
  const said = make("p", ...parts);
  if (said.textContent !== note.textContent) fill(note, ...said.childNodes); // else it would be read aloud again
  note.hidden = !note.firstChild;
}

/**
 * Return a button.
 * @param {string} text
 * @param {() => any} act - a button whose act takes time is disabled until it is done
 * @param {string} [classes] - `button` = the one thing to do here
 */
export function button(text, act, classes = "button.quiet") {
  const element = make(classes, { type: "button" }, text);
  element.addEventListener("click", async () => {
    element.disabled = true;
    try {
      await act();
    } finally {
      element.disabled = false;
    }
  });
  return element;
}

/** Return a button that copies what `content` returns; null where the browser does not let pages copy. @param {string} text @param {() => string} content */
export function copier(text, content) {
  if (!navigator.clipboard) return null;
  const element = button(text, async () => {
    await navigator.clipboard.writeText(content());
    put(element, "Copied");
    setTimeout(() => put(element, text), 1500);
  });
  return element;
}

/** Return a table with these headings; a row is a list of cells, each a node, a text or a list of both. */
export function table(headings, rows) {
  const cells = (row) => row.map((cell, at) => {
    const children = [cell].flat();
    return at ? make("td", { "data-label": headings[at] }, ...children) : make("th", { scope: "row" }, ...children);
  });
  const head = make("tr", ...headings.map((text) => make("th", { scope: "col" }, text)));
  return make("table.text", make("thead", head), make("tbody", ...rows.map((row) => make("tr", ...cells(row)))));
}

/** Return paragraphs of a docstring; lines that are indented keep their form. @param {string} text */
export function prose(text) {
  return text.trim().split(/\n\s*\n/).map((part) =>
    /^\s|\n\s|^[-*>]/.test(part) ? make("pre.prose", part) : make("p", part.replace(/\s+/g, " ")));
}
