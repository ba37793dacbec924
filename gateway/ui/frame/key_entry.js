// The form that asks for an API key.
import { make } from "../parts/index.js";

/**
 * Return the form.
 * @param {boolean} wasGiven - whether a key was given, which is not valid
 * @param {(key: string, isKept: boolean) => void} use - gets the key, and whether the tab's session keeps it
 */
export function keyEntry(wasGiven, use) {
  const input = make("input", {
    id: "key-text", type: "password", autocomplete: "off", spellcheck: false, required: true,
    "aria-describedby": "key-error key-note",
  });
  const kept = make("input", { id: "key-kept", type: "checkbox" });
  const form = make("form.key", {},
    make("h1", "API key"),
    make("p.note", { id: "key-note" }, "This gateway needs a key. The page shows what the key may see, and keeps it in memory only."),
    make("label.hidden", { htmlFor: "key-text" }, "API key"),
    make("div.row", input, make("button", "Use key")),
    make("label.check", kept, "Keep it until this tab is closed, also when the page is loaded again"),
    make("p.error", { id: "key-error", role: "alert" }, wasGiven ? "The gateway does not accept this key." : ""));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    use(input.value.trim(), kept.checked);
  });
  return form;
}
