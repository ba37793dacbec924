// The time by the gateway's clock: a reader's clock may be wrong.

/** Milliseconds that a clock may differ: the header `Date` has whole seconds, and was on its way. */
const TOLERANCE = 2500;

let offset = 0;

/** Set the clock by the header `Date` of an answer. @param {string | null} date */
export function setClock(date) {
  const difference = Date.parse(date ?? "") + 500 - Date.now();
  if (!Number.isNaN(difference)) offset = Math.abs(difference) > TOLERANCE ? difference : 0;
}

/** Return the time in milliseconds since 1970. */
export const now = () => Date.now() + offset;
