/** What the broker uses of JavaScript and Node 20 does not have. Nothing that is there is replaced. */
import { Buffer } from "node:buffer";

function fill(target: object, functions: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(functions)) {
    if (!(name in target)) Object.defineProperty(target, name, { value, writable: true, configurable: true });
  }
}

function bufferOf({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}

/** Strict, as the broker wants it: whoever calls it reads what others have written. */
function fromBase64(text: string): Uint8Array {
  const padded = text.replaceAll(/[\t\n\f\r ]/g, "");
  const bare = padded.replace(/={1,2}$/, "");
  const complete = padded === bare || padded.length % 4 === 0;
  const bytes = Uint8Array.from(Buffer.from(bare, "base64"));
  if (!complete || Buffer.from(bytes).toString("base64").replace(/=+$/, "") !== bare) {
    throw new SyntaxError("the text is not base64");
  }
  return bytes;
}

fill(Uint8Array, { fromBase64 });
fill(Uint8Array.prototype, {
  toBase64(this: Uint8Array, options: { readonly omitPadding?: boolean } = {}): string {
    const text = bufferOf(this).toString("base64");
    return options.omitPadding ? text.replace(/=+$/, "") : text;
  },
  toHex(this: Uint8Array): string {
    return bufferOf(this).toString("hex");
  },
});
fill(ArrayBuffer.prototype, {
  transfer(this: ArrayBuffer, byteLength: number = this.byteLength): ArrayBuffer {
    const moved = new ArrayBuffer(byteLength);
    const kept = Math.min(byteLength, this.byteLength);
    new Uint8Array(moved).set(new Uint8Array(this, 0, kept));
    return moved;
  },
});
fill(Promise, {
  withResolvers() {
    let [resolve, reject]: ((value?: unknown) => void)[] = [];
    const promise = new Promise((taken, refused) => [resolve, reject] = [taken, refused]);
    return { promise, resolve, reject };
  },
});
fill(Array, {
  async fromAsync<T>(source: AsyncIterable<T> | Iterable<T>): Promise<T[]> {
    const all: T[] = [];
    for await (const one of source) all.push(one);
    return all;
  },
});
fill(Map, {
  groupBy<K, T>(items: Iterable<T>, keyOf: (item: T, index: number) => K): Map<K, T[]> {
    const groups = new Map<K, T[]>();
    let index = 0;
    for (const item of items) {
      const key = keyOf(item, index++);
      const group = groups.get(key);
      if (group) group.push(item);
      else groups.set(key, [item]);
    }
    return groups;
  },
});
fill(Symbol, { dispose: Symbol.for("dispose"), asyncDispose: Symbol.for("asyncDispose") });
