/** Asks the admin API. Addresses are relative, so that the page works under any prefix. */
import { text } from "./strings.ts";
import type { Session } from "./types.ts";

const BASE = "./api/v1";

/** What a request is refused with. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly status: number;
  /** How one signs in, if nobody is. */
  readonly signIn: "password" | "link" | undefined;

  constructor(status: number, message: string, signIn?: "password" | "link") {
    super(message);
    this.status = status;
    this.signIn = signIn;
  }
}

export type Query = Readonly<Record<string, string | number | boolean | undefined>>;

let csrf = "first";
let signedOut: (way: "password" | "link" | undefined) => void = () => {};

/** Called when the API says that nobody is signed in. */
export function onSignedOut(listener: typeof signedOut): void {
  signedOut = listener;
}

/** Whoever signs in gets a token for changing requests. */
export function remember(session: Session): void {
  csrf = session.csrf ?? "first";
}

function addressOf(path: string, query: Query): string {
  const words = Object.entries(query).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${encodeURIComponent(value)}`]
  );
  return `${BASE}${path}${words.length > 0 ? `?${words.join("&")}` : ""}`;
}

interface ProblemDocument {
  readonly title?: string;
  readonly detail?: string;
  readonly errors?: readonly { readonly field: string; readonly detail: string }[];
  readonly signIn?: "password" | "link";
}

async function problemOf(response: Response): Promise<ApiError> {
  const problem = await response.json().catch(() => ({})) as ProblemDocument;
  const fields = (problem.errors ?? []).map(({ field, detail }) => `${field} ${detail}`);
  const words = fields.length > 0 ? fields.join("; ") : problem.detail ?? problem.title;
  return new ApiError(response.status, words ?? text.error.status(response.status), problem.signIn);
}

async function ask<T>(address: string, init: RequestInit, quiet = false): Promise<T> {
  let response: Response;
  try {
    response = await fetch(address, { credentials: "same-origin", ...init });
  } catch (error) {
    if (init.signal?.aborted) throw error;
    throw new ApiError(0, text.error.unreachable);
  }
  if (!response.ok) {
    const problem = await problemOf(response);
    if (problem.status === 401 && !quiet) signedOut(problem.signIn);
    throw problem;
  }
  return response.status === 204 ? undefined as T : await response.json() as T;
}

export function get<T>(path: string, query: Query = {}, signal?: AbortSignal): Promise<T> {
  return ask<T>(addressOf(path, query), { signal });
}

/** @param quiet a refusal is told to the caller alone */
export function post<T>(path: string, body: unknown, quiet = false): Promise<T> {
  const headers = { "content-type": "application/json", "x-csrf-token": csrf };
  return ask<T>(addressOf(path, {}), { method: "POST", headers, body: JSON.stringify(body) }, quiet);
}

/** Listens to a stream until the returned function is called. */
export function listen(
  path: string,
  query: Query,
  events: Readonly<Record<string, (data: never) => void>>,
): () => void {
  const source = new EventSource(addressOf(path, query));
  for (const [name, tell] of Object.entries(events)) {
    source.addEventListener(name, (event) => {
      const { data } = event as MessageEvent<string | undefined>;
      // The browser's own event `error` brings none.
      tell((data === undefined ? undefined : JSON.parse(data)) as never);
    });
  }
  return () => source.close();
}
