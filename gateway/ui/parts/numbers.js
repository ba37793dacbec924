// Numbers as they are shown.

const WHOLE = new Intl.NumberFormat("en");
const SHORT = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3 });

/** Return a count: all digits up to 99,999, then `1.23M`. @param {number} value */
export const count = (value) => (value < 100_000 ? WHOLE : SHORT).format(value);

/** Return a count and its word. @param {number} value @param {string} one @param {string} [many] */
export const counted = (value, one, many = `${one}s`) => `${WHOLE.format(value)} ${value === 1 ? one : many}`;

/** Return a part of a whole in per cent; "–" where the whole is nothing. @param {number} part @param {number} whole */
export function ratio(part, whole) {
  if (!whole) return "–";
  const percent = (100 * part) / whole;
  if (percent === 0 || percent >= 10) return `${Math.round(percent)} %`;
  return percent < 0.1 ? "< 0.1 %" : `${Number(percent.toFixed(1))} %`;
}

/** Return a size in bytes. @param {number} bytes */
export function size(bytes) {
  const power = Math.min(3, Math.max(0, Math.floor(Math.log10(Math.max(1, bytes)) / 3)));
  const value = bytes / 1000 ** power;
  return `${power && value < 100 ? Number(value.toFixed(1)) : Math.round(value)} ${["B", "kB", "MB", "GB"][power]}`;
}

/** Return the sum. @param {number[]} values */
export const sum = (values) => values.reduce((total, value) => total + value, 0);
