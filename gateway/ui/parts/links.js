// The addresses of pages, which can be shared: `#/jobs/<id>`, `#/queues/<name>?status=failed`.
import { broken, make } from "./elements.js";

/**
 * Return the address of a page.
 * @param {string} page
 * @param {string} [name] - of the job or queue that it shows
 * @param {Record<string, string | undefined>} [params] - empty ones are left out
 */
export function address(page, name = "", params = {}) {
  const given = Object.entries(params).filter(([, value]) => value);
  const query = new URLSearchParams(/** @type {[string, string][]} */ (given)).toString();
  return `./#/${page}${name ? `/${encodeURIComponent(name)}` : ""}${query ? `?${query}` : ""}`;
}

/** Show the page of an address. @param {string} href */
export function goTo(href) {
  location.hash = href.slice(2);
}

/** Return a link. @param {string} href @param {string} text @param {string} [classes] */
export const link = (href, text, classes = "a") => make(classes, { href }, text);

/** Return links of which one is shown. @param {string[][]} choices - values and words @param {string} chosen @param {(value: string) => string} hrefOf */
export const tabs = (choices, chosen, hrefOf) => choices.map(([value, text]) =>
  make("a", { href: hrefOf(value), ...(value === chosen && { "aria-current": "true" }) }, text));

/** Return a link to the page of something that has a name. @param {string} page @param {string} name */
export const nameLink = (page, name) => make("a.id", { href: address(page, name), title: name }, ...broken(name));

/** Return a link to a job. @param {string} id */
export const jobLink = (id) => nameLink("jobs", id);

/** Return the page, name and parameters that the part of an address after `#` means. @param {string} hash @returns {Place} */
export function placeOf(hash) {
  const [path, query = ""] = hash.replace(/^#?\/?/, "").split(/\?(.*)/s);
  const [page, name = ""] = path.split(/\/(.*)/s);
  return { page: page || "overview", name: decoded(name), params: new URLSearchParams(query) };
}

/** Return a text without its percent-encoding. @param {string} text */
export function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // it is not percent-encoded
  }
}
