// What most pages are made of.
export * from "./clock.js";
export * from "./data_table.js";
export * from "./elements.js";
export * from "./links.js";
export * from "./moments.js";
export * from "./numbers.js";
export * from "./rows.js";
export * from "./status.js";
