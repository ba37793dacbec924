// Reads something again and again while a page shows it.

/** Milliseconds until the next reading after one that failed. */
const AFTER_FAILURE = 3000;

/**
 * Reads at once, then when something happened, but not more often than every `least` milliseconds, and after
 * `most` milliseconds anyway. Reads nothing while the tab is hidden.
 */
export class Reading {
  /**
   * @param {Object} options
   * @param {(signal: AbortSignal) => Promise<any>} options.read
   * @param {(found: any) => void} options.show
   * @param {(error: Error) => void} options.fail
   * @param {AbortSignal} options.signal - ends it
   * @param {number} [options.least]
   * @param {number} [options.most]
   */
  constructor({ read, show, fail, signal, least = 6000, most = 15_000 }) {
    this.end = new AbortController();
    this.options = { read, show, fail, least, most, signal: AbortSignal.any([signal, this.end.signal]) };
    this.last = -Infinity;
    this.isReading = false;
    this.timer = 0;
    this.due = 0;
    const onVisible = () => (document.hidden ? this.rest() : this.soon());
    document.addEventListener("visibilitychange", onVisible);
    this.options.signal.addEventListener("abort", () => {
      this.rest();
      document.removeEventListener("visibilitychange", onVisible);
    });
    this.now();
  }

  /** Read at once. */
  async now() {
    this.rest();
    const { read, show, fail, signal } = this.options;
    if (this.isReading || signal.aborted) return;
    let pause = this.options.most;
    this.isReading = true;
    this.last = performance.now();
    try {
      const found = await read(signal);
      if (!signal.aborted) show(found);
    } catch (error) {
      pause = AFTER_FAILURE;
      if (!signal.aborted) fail(/** @type {Error} */ (error));
    } finally {
      this.isReading = false;
      this.next(pause);
    }
  }

  /** Read nothing until `now` or `soon` is called. */
  rest() {
    clearTimeout(this.timer);
    this.timer = 0;
  }

  /** Read nothing any more. */
  stop() {
    this.end.abort();
  }

  /** Read as soon as that is allowed: something happened. */
  soon() {
    this.next(Math.max(0, this.last + this.options.least - performance.now()));
  }

  /** @param {number} milliseconds */
  next(milliseconds) {
    const due = performance.now() + milliseconds;
    if (this.options.signal.aborted || document.hidden || (this.timer && due >= this.due)) return;
    this.rest();
    this.due = due;
    this.timer = window.setTimeout(() => this.now(), milliseconds);
  }
}
