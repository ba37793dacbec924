// The API key: in memory, or, when asked, for the session of this tab.

const PLACE = "jobgate-key";

let key = "";
/** @type {Set<(wasGiven: boolean) => void>} */
const listeners = new Set();

/** Whether a key is in use. */
export const hasKey = () => key !== "";

/** Take the key that the session of this tab keeps, if it does. */
export function restoreKey() {
  key = storage()?.getItem(PLACE) ?? "";
}

/**
 * Use a key from now on.
 * @param {string} text - "" = none
 * @param {boolean} isKept - whether the session of this tab keeps it
 */
export function setKey(text, isKept = false) {
  key = text;
  storage()?.removeItem(PLACE);
  if (isKept && text) storage()?.setItem(PLACE, text);
}

/** Call `listener` whenever the gateway asks for a valid key. @param {(wasGiven: boolean) => void} listener */
export function onKeyNeeded(listener) {
  listeners.add(listener);
}

/** Say that the gateway did not accept the key, or the lack of one. */
export function keyRefused() {
  const wasGiven = hasKey();
  setKey("");
  listeners.forEach((listener) => listener(wasGiven));
}

/** Return the header that carries the key. @returns {Record<string, string>} */
export const bearer = () => key ? { Authorization: `Bearer ${key}` } : {};

function storage() {
  try {
    return sessionStorage;
  } catch {
    return undefined; // the browser forbids it
  }
}
