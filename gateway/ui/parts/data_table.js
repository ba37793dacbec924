// A table whose rows stay the same elements while what they show changes.
import { make, put } from "./elements.js";
import { address } from "./links.js";
import { timeAgo } from "./moments.js";
import { count } from "./numbers.js";
import { Rows } from "./rows.js";
import { badge, setBadge } from "./status.js";

/**
 * An element, and what has it show another item.
 * @typedef {{ element: Node, update?: (item: any) => void }} Cell
 */

/**
 * A column: its heading, the classes of its cells, and what makes one for an item. The class `name` is for what names a row.
 * @typedef {[string, string, (first: any) => Cell]} Column
 */

/** A table of items. */
export class DataTable {
  /**
   * @param {string} label
   * @param {string} name - its class
   * @param {Column[]} columns
   * @param {(item: any) => string} key - tells items apart
   */
  constructor(label, name, columns, key) {
    const heads = columns.map(([word, className]) => make("th", { scope: "col", className }, word));
    this.body = make("tbody");
    this.element = make(`table.list.${name}`, { "aria-label": label }, make("thead", make("tr", ...heads)), this.body);
    this.rows = new Rows(this.body, { key, make: (first) => row(columns, first) });
  }

  /** @param {any[]} items */
  show(items) {
    this.rows.show(items);
  }

  /** Whether somebody points at a row, or has it in focus: then it is not to move. */
  get isHeld() {
    return this.body.matches(":hover, :focus-within");
  }
}

/** @param {Column[]} columns @param {any} first */
function row(columns, first) {
  const cells = columns.map(([, , cell]) => cell(first));
  const element = make("tr", ...cells.map((cell, at) => {
    const className = columns[at][1];
    return className.startsWith("name") ? make("th", { scope: "row", className }, cell.element) : make("td", { className }, cell.element);
  }));
  return { element, update: (item) => cells.forEach((cell) => cell.update?.(item)) };
}

/** Return what makes cells that never change. @param {(first: any) => Node} of */
export const fixed = (of) => (first) => ({ element: of(first) });

/** Return what makes cells with a text. @param {(item: any) => string} of @param {(item: any) => boolean} [isBad] */
export function text(of, isBad = () => false) {
  return () => {
    const element = make("span");
    const update = (item) => {
      put(element, of(item));
      element.classList.toggle("bad", isBad(item));
    };
    return { element, update };
  };
}

/** Return what makes cells with a number. @param {(item: any) => number} of @param {(item: any) => boolean} [isBad] */
export const number = (of, isBad) => text((item) => count(of(item)), isBad);

/**
 * Return what makes cells with the number of failures in the last hour, a link to them.
 * @param {(item: any) => number} of
 * @param {(item: any) => Record<string, string>} filter - of the failures page
 */
export function failed(of, filter) {
  return (first) => {
    const element = make("a");
    const update = (item) => {
      put(element, count(of(item)));
      element.classList.toggle("bad", of(item) > 0);
      if (of(item)) element.href = address("failures", "", { ...filter(first), since: "1h" });
      else element.removeAttribute("href");
    };
    return { element, update };
  };
}

/** Return what makes cells with a time. @param {(item: any) => string | null} of */
export function time(of) {
  return () => {
    const element = timeAgo(null);
    return { element, update: (item) => (element.moment = of(item)) };
  };
}

/** Return what makes cells with a state. @param {(item: any) => string} of @param {(item: any) => string} [words] */
export function state(of, words = of) {
  return () => {
    const element = badge("");
    return { element, update: (item) => setBadge(element, of(item), words(item)) };
  };
}
