// Types that several files name; for type checkers only, not served.

/** One event of a stream; `data` is parsed JSON. */
type StreamEvent = { kind: string; id: string; data: any };

/** An answer of the gateway: its status, headers, and parsed JSON. */
type Answer = { status: number; headers: Headers; document: any };

/** What an address names: a page, a job or queue or function that it shows, and parameters. */
type Place = { page: string; name: string; params: URLSearchParams };

/** A page: makes its elements, and keeps them up to date until the signal ends. */
type Page = {
  title: (name: string) => string;
  /** Whether one view shows all names. */
  isOne?: boolean;
  open: (place: Place, signal: AbortSignal) => PageView;
};

type PageView = {
  element: Node;
  /** Shows other parameters. */
  update?: (place: Place) => any;
};

/** Which jobs a list shows; "" = all. */
type Filter = {
  queue: string; status: string; function: string; code: string; error_type: string; since: string; cursor: string;
};

/** Jobs that failed in the same way. */
type Group = { function: string; error: JobError; failed: number; retried: number };
type JobError = { type: string; message: string; code: string };

/** Which jobs a bulk operation means. */
type Which = { filter: Record<string, any> } | { ids: string[] };

/** Something that an operator should know first. */
type Alarm = {
  /** Tells alarms apart. */
  key: string;
  level: "bad" | "warn";
  text: string;
  /** That it is about. */
  queue?: string;
};
