/** An answer over HTTP. */
export interface Answer {
  readonly status: number;
  /** Its beginning. */
  readonly text: string;
}

/** Whoever answers may not be the broker, and have very much to say. */
const MAXIMUM_CHARACTERS = 200;

/**
 * Asks by GET.
 *
 * @throws {Error} if there is no answer in `timeoutMs` milliseconds
 */
export async function ask(url: string, timeoutMs: number): Promise<Answer> {
  const gone = new AbortController();
  const timer = setTimeout(() => gone.abort(new Error(`no answer in ${timeoutMs / 1000} seconds`)), timeoutMs);
  try {
    const response = await fetch(url, { signal: gone.signal, redirect: "manual" });
    return { status: response.status, text: await beginningOf(response) };
  } finally {
    clearTimeout(timer);
    gone.abort();
  }
}

async function beginningOf({ body }: Response): Promise<string> {
  let text = "";
  if (!body) return text;
  for await (const part of body.pipeThrough(new TextDecoderStream())) {
    text += part;
    if (text.length >= MAXIMUM_CHARACTERS) break;
  }
  return text.slice(0, MAXIMUM_CHARACTERS);
}
