// A list whose entries stay the same elements while what they show changes.

/**
 * @template T
 */
export class Rows {
  /**
   * @param {Element} parent - has nothing but the entries
   * @param {Object} options
   * @param {(item: T) => string} options.key - tells items apart
   * @param {(item: T) => { element: Element, update: (item: T) => void }} options.make - makes an entry
   */
  constructor(parent, { key, make }) {
    this.parent = parent;
    this.key = key;
    this.make = make;
    /** @type {Map<string, { element: Element, update: (item: T) => void }>} */
    this.entries = new Map();
  }

  /** Show these items, in their order. @param {T[]} items */
  show(items) {
    const wanted = new Map(items.map((item) => [this.key(item), item]));
    for (const [key, entry] of this.entries) {
      if (wanted.has(key)) continue;
      entry.element.remove();
      this.entries.delete(key);
    }
    let at = this.parent.firstElementChild;
    for (const [key, item] of wanted) {
      const entry = this.entries.get(key) ?? this.make(item);
      this.entries.set(key, entry);
      entry.update(item);
      if (entry.element === at) at = at.nextElementSibling;
      else this.parent.insertBefore(entry.element, at);
    }
  }
}
