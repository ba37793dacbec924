// The alarms of the overview.
import { post, rights } from "../api/index.js";
import { address, button, link, make, put, Rows } from "../parts/index.js";

/** A list of alarms, with a button where a paused queue can be resumed. */
export class AlarmList {
  /** @param {() => void} changed - called after something was done */
  constructor(changed) {
    this.changed = changed;
    this.list = make("ul.alarms", { "aria-label": "Alarms" });
    this.element = make("div", { role: "status" }, this.list);
    this.rows = new Rows(this.list, { key: (alarm) => alarm.key, make: (alarm) => this.entry(alarm) });
  }

  /** @param {Alarm[]} found */
  show(found) {
    this.rows.show(found);
  }

  /** @param {Alarm} alarm */
  entry(alarm) {
    const text = make("span");
    const element = make("li.alarm", { "data-level": alarm.level },
      alarm.queue ? link(alarm.key.startsWith("failures ") ? address("failures", "", { queue: alarm.queue, since: "1h" }) : address("queues", alarm.queue), alarm.queue, "a.id") : "", text);
    if (alarm.key.startsWith("paused ")) this.offerResume(element, alarm.queue ?? "");
    return { element, update: (one) => put(text, one.text) };
  }

  /** @param {Element} element @param {string} queue */
  async offerResume(element, queue) {
    if (!(await rights()).operate) return;
    const failed = make("span.error");
    element.append(failed, button("Resume", async () => {
      await post(`queues/${encodeURIComponent(queue)}/resume`).catch((error) => put(failed, error.message));
      this.changed();
    }));
  }
}
