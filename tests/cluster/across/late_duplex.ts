/** A connection that is made when its client says who it is. */
import type { Duplex } from "../../support/raw_client.ts";

export class LateDuplex implements Duplex {
  readonly #connect: (clientIdentifier: string | undefined) => Promise<Duplex>;
  readonly #place = Promise.withResolvers<Duplex>();
  #connecting: Promise<void> | undefined;

  /** @param connect is told the identifier in CONNECT, if there is one in the first bytes that are sent */
  constructor(connect: (clientIdentifier: string | undefined) => Promise<Duplex>) {
    this.#connect = connect;
    this.#place.promise.catch(() => {});
  }

  async read(into: Uint8Array): Promise<number | null> {
    return await (await this.#place.promise).read(into);
  }

  async write(bytes: Uint8Array): Promise<number | void> {
    this.#begin(identifierIn(bytes));
    return await (await this.#place.promise).write(bytes);
  }

  close(): void {
    if (this.#connecting === undefined) return this.#place.reject(new Error("closed before a word was said"));
    this.#place.promise.then((duplex) => duplex.close()).catch(() => {});
  }

  #begin(clientIdentifier: string | undefined): void {
    this.#connecting ??= this.#connect(clientIdentifier).then(this.#place.resolve, this.#place.reject);
  }
}

/** The client identifier of a CONNECT, of any version; `undefined`: there is none, or it is empty. */
function identifierIn(bytes: Uint8Array): string | undefined {
  if (bytes[0] !== 0x10) return undefined;
  const [, body] = variable(bytes, 1);
  const level = body + 2 + length(bytes, body);
  // Protocol level, flags and keep-alive take four bytes; properties are there in 5.0.
  let at = level + 4;
  if (bytes[level] === 5) {
    const [propertyBytes, begin] = variable(bytes, at);
    at = begin + propertyBytes;
  }
  return new TextDecoder().decode(bytes.subarray(at + 2, at + 2 + length(bytes, at))) || undefined;
}

function length(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
}

/** A variable byte integer, and where it ends. */
function variable(bytes: Uint8Array, at: number): [value: number, end: number] {
  let value = 0;
  for (let shift = 0; shift < 28; shift += 7) {
    const byte = bytes[at++] ?? 0;
    value |= (byte & 0x7f) << shift;
    if (byte < 0x80) break;
  }
  return [value, at];
}
