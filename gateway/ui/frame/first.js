// Runs while most files of the page are still on their way: asks for data.
import { askEarly } from "../api/early.js";
import { restoreKey } from "../api/keys.js";

restoreKey();
askEarly(["", "#/", "#/overview"].includes(location.hash) && !location.pathname.endsWith("/docs"));
