// A question before something that cannot be undone.
import { make } from "./elements.js";

/** Ask; return whether the answer is yes. @param {string} question @param {string} yes - what the button says @returns {Promise<boolean>} */
export function confirmed(question, yes) {
  const buttons = make("div.row", make("button.danger", { value: "yes" }, yes), make("button.quiet", { value: "" }, "Cancel"));
  const dialog = make("dialog", { "aria-label": question }, make("form.stack", { method: "dialog" }, make("p", question), buttons));
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => (dialog.remove(), resolve(dialog.returnValue === "yes")));
  });
}
