import { patiently } from "./patience.ts";
import type { Duplex } from "./raw_client.ts";

/** A WebSocket as a byte stream, with what a test wants to know of it. */
export interface WebSocketDuplex extends Duplex {
  readonly socket: WebSocket;
  /** Settled when the socket is closed on both sides. */
  readonly closed: Promise<void>;
}

/** Opens a WebSocket; rejects if the server refuses it. */
export async function webSocketDuplex(url: string, protocols: string[] = ["mqtt"]): Promise<WebSocketDuplex> {
  const socket = new WebSocket(url, protocols);
  socket.binaryType = "arraybuffer";
  const chunks: Uint8Array[] = [];
  let wake: (() => void) | undefined;
  let ended = false;
  socket.onmessage = ({ data }) => {
    chunks.push(new Uint8Array(data as ArrayBuffer));
    wake?.();
  };
  const closed = new Promise<void>((resolve) => {
    socket.onclose = () => {
      ended = true;
      wake?.();
      resolve();
    };
  });
  await patiently(
    `opening ${url}`,
    new Promise<void>((resolve, reject) => {
      socket.onopen = () => resolve();
      socket.onerror = () => reject(new Error(`opening ${url}: the server refused the WebSocket`));
    }),
  );
  return {
    socket,
    closed,
    async read(into) {
      while (chunks.length === 0 && !ended) await new Promise<void>((resolve) => wake = resolve);
      const chunk = chunks.shift();
      if (chunk === undefined) return null;
      into.set(chunk.subarray(0, into.length));
      if (chunk.length > into.length) chunks.unshift(chunk.subarray(into.length));
      return Math.min(chunk.length, into.length);
    },
    write(bytes) {
      socket.send(Uint8Array.from(bytes));
      return Promise.resolve();
    },
    close: () => socket.close(),
  };
}
