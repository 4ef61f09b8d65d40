import { Problem } from "./problem.ts";

/** What a request of somebody who is signed in may bring. */
export const MAXIMUM_BODY_BYTES = 2 ** 20;
/** How long it may take for that. */
const DEADLINE_MS = 10_000;

/** How a body is read. */
export interface BodyLimits {
  readonly maximumBytes: number;
  /** Calls something once in some milliseconds, unless what it returns is called before. */
  after(ms: number, run: () => void): () => void;
}

/**
 * The JSON that a request brings.
 *
 * @throws {Problem} if there is too much of it, it takes too long, or it is no JSON
 */
export async function readJson(request: Request, limits: BodyLimits): Promise<unknown> {
  const { maximumBytes } = limits;
  if (Number(request.headers.get("content-length") ?? 0) > maximumBytes) throw tooLarge(maximumBytes);
  const text = await readText(request, limits);
  if (text === "") return {};
  if (!/^application\/json\b/i.test(request.headers.get("content-type") ?? "")) {
    throw new Problem(415, "the body must be application/json");
  }
  try {
    return JSON.parse(text);
  } catch {
    throw new Problem(400, "the body is no JSON");
  }
}

async function readText({ body }: Request, { maximumBytes, after }: BodyLimits): Promise<string> {
  if (!body) return "";
  const reader = body.getReader();
  let late = false;
  const cancelDeadline = after(DEADLINE_MS, () => {
    late = true;
    reader.cancel().catch(() => {});
  });
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  try {
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      bytes += part.value.length;
      if (bytes > maximumBytes) throw tooLarge(maximumBytes);
      text += decoder.decode(part.value, { stream: true });
    }
  } finally {
    cancelDeadline();
    // What is left is not wanted.
    reader.cancel().catch(() => {});
  }
  if (late) throw new Problem(408, `the body did not come within ${DEADLINE_MS / 1000} s`);
  return text + decoder.decode();
}

function tooLarge(maximumBytes: number): Problem {
  return new Problem(413, `the body is larger than ${maximumBytes.toLocaleString("en-US")} bytes`);
}
