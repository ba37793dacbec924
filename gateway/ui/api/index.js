// What most pages ask of the gateway.
export * from "./gateway.js";
export * from "./happenings.js";
export * from "./jobs.js";
export * from "./keys.js";
export * from "./reading.js";
export * from "./rights.js";
