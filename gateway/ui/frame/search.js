// Opens a job by its id, from anywhere: the key `/` leads to the field.
import { address, goTo } from "../parts/index.js";

/** Make the field work. */
export function startSearch() {
  const form = /** @type {HTMLFormElement} */ (document.getElementById("search"));
  const field = /** @type {HTMLInputElement} */ (document.getElementById("search-text"));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const id = field.value.trim();
    if (!id) return;
    field.value = "";
    goTo(address("jobs", id));
  });
  addEventListener("keydown", (event) => {
    const isTyping = event.target instanceof Element && event.target.matches("input, textarea, select");
    if (event.key !== "/" || isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    field.focus();
  });
}
