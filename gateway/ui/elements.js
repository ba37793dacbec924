// Makes elements. Whatever a worker or a caller wrote becomes text, never markup.

/**
 * Return an element.
 * @param {string} name - its tag, and classes after dots: `p.note`
 * @param {Object} properties - its properties; names with a dash are attributes
 * @param {...(Node|string|null)} children - nodes and texts; null is left out
 */
export function make(name, properties = {}, ...children) {
  const [tag, ...classes] = name.split(".");
  const element = document.createElement(tag);
  element.classList.add(...classes);
  for (const [key, value] of Object.entries(properties)) {
    if (key.includes("-")) element.setAttribute(key, value);
    else element[key] = value;
  }
  element.append(...children.flat().filter((child) => child !== null && child !== ""));
  return element;
}

/** Return a table with these headings; a row is a list of cells, each a node, a text or a list of both. */
export function table(headings, rows) {
  const cells = (row) => row.map((cell, at) => {
    const children = [cell].flat();
    return at ? make("td", { "data-label": headings[at] }, ...children) : make("th", { scope: "row" }, ...children);
  });
  const head = make("tr", {}, ...headings.map((text) => make("th", { scope: "col" }, text)));
  return make("table", {}, make("thead", {}, head), make("tbody", {}, ...rows.map((row) => make("tr", {}, ...cells(row)))));
}

/** Return paragraphs of a docstring; lines that are indented keep their form. */
export function prose(text) {
  return text.trim().split(/\n\s*\n/).map((part) =>
    /^\s|\n\s|^[-*>]/.test(part) ? make("pre.prose", {}, part) : make("p", {}, part.replace(/\s+/g, " ")));
}
