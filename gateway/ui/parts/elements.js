// Makes elements. Whatever a worker or a caller wrote becomes text, never markup.

/** @typedef {Node | string | null} Child */

/**
 * Return an element.
 * @param {string} name - its tag, and classes after dots: `p.note`
 * @param {Record<string, any>} properties - its properties; names with a dash are attributes
 * @param {...(Child | Child[])} children - nodes and texts; null is left out
 * @returns {any}
 */
export function make(name, properties = {}, ...children) {
  const [tag, ...classes] = name.split(".");
  const element = document.createElement(tag);
  element.classList.add(...classes);
  for (const [key, value] of Object.entries(properties)) {
    if (key.includes("-")) element.setAttribute(key, value);
    else /** @type {any} */ (element)[key] = value;
  }
  element.append(.../** @type {any} */ (children.flat().filter((child) => child !== null && child !== "")));
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

/**
 * Return a button.
 * @param {string} text
 * @param {() => any} act - a button whose act takes time is disabled until it is done
 * @param {string} [classes] - `button.quiet`
 */
export function button(text, act, classes = "button") {
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
  const element = make("button.quiet", { type: "button" }, text);
  element.addEventListener("click", async () => {
    await navigator.clipboard.writeText(content());
    element.textContent = "Copied";
    setTimeout(() => (element.textContent = text), 1500);
  });
  return element;
}

/** Return a table with these headings; a row is a list of cells, each a node, a text or a list of both. */
export function table(headings, rows) {
  const cells = (row) => row.map((cell, at) => {
    const children = [cell].flat();
    return at ? make("td", { "data-label": headings[at] }, ...children) : make("th", { scope: "row" }, ...children);
  });
  const head = make("tr", {}, ...headings.map((text) => make("th", { scope: "col" }, text)));
  return make("table.text", {}, make("thead", {}, head), make("tbody", {}, ...rows.map((row) => make("tr", {}, ...cells(row)))));
}

/** Return paragraphs of a docstring; lines that are indented keep their form. @param {string} text */
export function prose(text) {
  return text.trim().split(/\n\s*\n/).map((part) =>
    /^\s|\n\s|^[-*>]/.test(part) ? make("pre.prose", {}, part) : make("p", {}, part.replace(/\s+/g, " ")));
}
