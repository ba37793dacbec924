// What the modules need of a browser when they are loaded; what they do with it is tested in a real one.
globalThis.HTMLElement = class {};
globalThis.customElements = { define() {} };
globalThis.document = { addEventListener() {}, hidden: false };
