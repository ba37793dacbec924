// Server-sent events, read by fetch: an EventSource cannot send a key.
import { Refused, answerOf, send } from "./gateway.js";

/** Milliseconds without a byte after which a stream is taken for dead: there is a comment every 15 s. */
const SILENCE = 40_000;
const FIRST_PAUSE = 500;
const LONGEST_PAUSE = 10_000;

/** Takes the text of a stream in pieces and returns the events that are complete. */
export class EventParser {
  constructor() {
    this.rest = "";
    this.id = "";
  }

  /** @param {string} text @returns {StreamEvent[]} */
  take(text) {
    const parts = (this.rest + text).split("\n\n");
    this.rest = parts.pop() ?? "";
    return parts.map((part) => this.event(part)).filter((event) => event !== null);
  }

  /** @param {string} part @returns {StreamEvent | null} */
  event(part) {
    const { id, event, data } = Object.fromEntries(part.split("\n").map((line) => line.split(/: ?(.*)/s)));
    this.id = id || this.id;
    // With an id alone a stream begins: what has happened until then is to be read.
    return event || id ? { kind: event ?? "gap", id: this.id, data: data ? JSON.parse(data) : null } : null;
  }
}

/**
 * Follow a stream until it is over: it is resumed where it broke off.
 * @param {string} path
 * @param {Object} options
 * @param {AbortSignal} options.signal - ends it
 * @param {(event: StreamEvent) => void} options.onEvent
 * @param {(state: "live" | "away" | "refused") => void} [options.onState]
 * @param {(event: StreamEvent) => boolean} [options.isLast] - whether nothing follows an event
 */
export async function follow(path, { signal, onEvent, onState = () => {}, isLast = () => false }) {
  let pause = FIRST_PAUSE;
  const parser = new EventParser();
  while (!signal.aborted) {
    try {
      for await (const event of events(path, parser, signal, () => onState("live"))) {
        pause = FIRST_PAUSE;
        onEvent(event);
        if (isLast(event)) return;
      }
      onState("away"); // the gateway ends streams when it shuts down
    } catch (error) {
      if (signal.aborted) return;
      const isFinal = error instanceof Refused && error.status < 500 && error.status !== 429;
      onState(isFinal ? "refused" : "away");
      if (isFinal) return;
    }
    await sleep(pause * (0.75 + Math.random() / 2), signal);
    pause = Math.min(pause * 2, LONGEST_PAUSE);
  }
}

/**
 * @param {string} path
 * @param {EventParser} parser - knows the id of the last message, from which a stream goes on
 * @param {AbortSignal} signal
 * @param {() => void} onOpen
 * @returns {AsyncGenerator<StreamEvent>}
 */
async function* events(path, parser, signal, onOpen) {
  const end = new AbortController();
  const alarm = () => setTimeout(() => end.abort(), SILENCE);
  let timer = alarm();
  try {
    const headers = { Accept: "text/event-stream", ...(parser.id && { "Last-Event-ID": parser.id }) };
    const response = await send(path, { headers, signal: AbortSignal.any([signal, end.signal]) });
    if (response.status === 204) return;
    if (response.status !== 200 || !response.body) throw new Refused(await answerOf(response));
    onOpen();
    parser.rest = "";
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (let read = await reader.read(); !read.done; read = await reader.read()) {
      clearTimeout(timer);
      timer = alarm();
      yield* parser.take(read.value);
    }
  } finally {
    clearTimeout(timer);
    end.abort(); // closes the connection, also when no more events are wanted
  }
}

/** @param {number} milliseconds @param {AbortSignal} signal @returns {Promise<void>} */
function sleep(milliseconds, signal) {
  return new Promise((done) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      done();
    };
    const timer = setTimeout(end, milliseconds);
    signal.addEventListener("abort", end);
  });
}
