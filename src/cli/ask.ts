/** An answer over HTTP. */
export interface Answer {
  readonly status: number;
  /** Its beginning. */
  readonly text: string;
}

/** Whoever answers may not be the broker, and have very much to say. */
const MAXIMUM_CHARACTERS = 200;

/** What a question may have beside its address. */
export interface AskOptions {
  /** Bearer token of the admin API. @default none */
  readonly token?: string;
  /** What is read of the answer, in characters. @default 200 */
  readonly mostCharacters?: number;
}

/**
 * Asks by GET.
 *
 * @throws {Error} if there is no answer in `timeoutMs` milliseconds
 */
export async function ask(url: string, timeoutMs: number, options: AskOptions = {}): Promise<Answer> {
  const { token, mostCharacters = MAXIMUM_CHARACTERS } = options;
  const headers: HeadersInit = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const gone = new AbortController();
  const timer = setTimeout(() => gone.abort(new Error(`no answer in ${timeoutMs / 1000} seconds`)), timeoutMs);
  try {
    const response = await fetch(url, { signal: gone.signal, redirect: "manual", headers });
    return { status: response.status, text: await beginningOf(response, mostCharacters) };
  } catch (error) {
    throw reasonOf(error);
  } finally {
    clearTimeout(timer);
    gone.abort();
  }
}

/** The runtime says "fetch failed", and why in the cause; the address is known. */
function reasonOf(error: unknown): unknown {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof Error
    ? new Error(cause.message.replace(/^error sending request for url \(.*?\): /, ""))
    : error;
}

async function beginningOf({ body }: Response, mostCharacters: number): Promise<string> {
  let text = "";
  if (!body) return text;
  for await (const part of body.pipeThrough(new TextDecoderStream())) {
    text += part;
    if (text.length >= mostCharacters) break;
  }
  return text.slice(0, mostCharacters);
}
