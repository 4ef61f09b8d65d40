/** Between the requests of `node:http` and those of the web. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Peer } from "./peer.ts";

/** Nothing that could make another URL of it. */
const HOST = /^(\[[0-9a-fA-F:.]+\]|[\w.-]+)(:\d{1,5})?$/;

/** The request as the web has it; `undefined`: it is none that is answered. */
export function toRequest(incoming: IncomingMessage, secure: boolean): Request | undefined {
  const { method = "", url = "", headers } = incoming;
  const { host = "" } = headers;
  const address = `${secure ? "https" : "http"}://${host}${url}`;
  if (!HOST.test(host) || !url.startsWith("/") || !URL.canParse(address)) return undefined;
  // The web knows no request of these.
  if (/^(CONNECT|TRACE|TRACK)$/i.test(method)) return undefined;
  const hasBody = method !== "GET" && method !== "HEAD";
  return new Request(address, {
    method,
    headers: headersOf(incoming),
    ...(hasBody && { body: bodyOf(incoming), duplex: "half" }),
  });
}

function headersOf({ rawHeaders }: IncomingMessage): Headers {
  const headers = new Headers();
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    try {
      headers.append(rawHeaders[at]!, rawHeaders[at + 1]!);
    } catch {
      // What the web cannot hold is of no use here.
    }
  }
  return headers;
}

/** Nothing is read before somebody wants it, and no more than that. */
function bodyOf(incoming: IncomingMessage): ReadableStream<Uint8Array> {
  let ended = false;
  return new ReadableStream<Uint8Array>({
    start: (controller) => {
      incoming.pause();
      incoming.on("data", (part: Uint8Array) => {
        if (ended) return;
        controller.enqueue(new Uint8Array(part));
        if ((controller.desiredSize ?? 0) <= 0) incoming.pause();
      });
      const end = (finish: () => void) => {
        if (ended) return;
        ended = true;
        finish();
      };
      incoming.on("end", () => end(() => controller.close()));
      incoming.on("error", (error) => end(() => controller.error(error)));
      incoming.on("close", () => end(() => controller.error(new Error("the connection was lost"))));
    },
    pull: () => void incoming.resume(),
    cancel: () => {
      ended = true;
      incoming.pause();
    },
  }, { highWaterMark: 0 });
}

/** An answer on its way. */
export interface Exchange {
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
  readonly peer: Peer;
}

/** Sends a response, and no more of it than the peer takes. Resolves when it is over, one way or the other. */
export async function sendResponse(response: Response, exchange: Exchange): Promise<void> {
  const { incoming, outgoing, peer } = exchange;
  // Of a request that nobody has read to its end nothing more can be told.
  const isWhole = incoming.complete || incoming.method === "GET" || incoming.method === "HEAD";
  if (!isWhole) outgoing.shouldKeepAlive = false;
  outgoing.writeHead(response.status, [...response.headers].flat());
  await sendBody(response, exchange);
  if (isWhole) return;
  incoming.resume();
  peer.linger();
}

async function sendBody({ body }: Response, { outgoing, peer }: Exchange): Promise<void> {
  const reader = body?.getReader();
  const gone = () => void reader?.cancel().catch(() => {});
  outgoing.once("close", gone);
  try {
    if (reader && outgoing.req.method !== "HEAD") {
      outgoing.flushHeaders();
      for (let part = await reader.read(); !part.done && !outgoing.destroyed; part = await reader.read()) {
        if (!outgoing.write(part.value)) await drained(outgoing, peer);
      }
    } else gone();
  } finally {
    await ended(outgoing, peer);
    outgoing.off("close", gone);
    gone();
  }
}

function drained(outgoing: ServerResponse, peer: Peer): Promise<void> {
  return settled(outgoing, peer, "drain");
}

function ended(outgoing: ServerResponse, peer: Peer): Promise<void> {
  const over = settled(outgoing, peer, "finish");
  outgoing.end();
  return over;
}

/** Resolves at the event or the end of the connection, which comes if the peer takes nothing for too long. */
function settled(outgoing: ServerResponse, peer: Peer, event: "drain" | "finish"): Promise<void> {
  if (outgoing.destroyed || outgoing.writableFinished) return Promise.resolve();
  return new Promise((resolve) => {
    const cancel = peer.watchStall();
    const done = () => {
      cancel();
      outgoing.off(event, done).off("close", done);
      resolve();
    };
    outgoing.once(event, done).once("close", done);
  });
}
