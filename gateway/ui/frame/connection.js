// Says whether what is shown is up to date.
import { connect, onConnection } from "../api/index.js";

const WORDS = {
  connecting: ["Connecting", "Waiting for the gateway."],
  live: ["Live", "Events of the gateway arrive as they happen."],
  away: ["Reconnecting", "The gateway cannot be reached: what is shown may be old. Trying again."],
  hidden: ["Paused", "Nothing is read while this tab is in the background."],
  locked: ["No key", "Nothing is read without a valid key."],
  refused: ["Polling", "The key may not follow events: the page is read again every few seconds."],
};

/** Show the state of the connection in the header. */
export function showConnection() {
  const element = /** @type {HTMLElement} */ (document.getElementById("connection"));
  onConnection((state) => {
    const [word, meaning] = WORDS[state];
    element.dataset.state = state;
    element.textContent = word;
    element.title = meaning;
  });
  addEventListener("online", () => connect());
}
