/** A client that always has something to read gets no more than its turn. */
import { assertLess } from "@std/assert";
import type { Transport } from "../../src/transport/transport.ts";
import { concat, encodeClientPacket } from "../support/client_codec.ts";
import { connectPacket, publishPacket } from "../support/client_packets.ts";
import { startBroker } from "../support/test_broker.ts";

/** A second or so of the broker's time: many turns. */
const MOST_READS = 1000;

/** The broker's end of a connection whose client never stops to publish: each read is answered at once, and filled. */
class Flood implements Transport {
  readonly kind = "stream";
  readonly secure = false;
  readonly remote = {};
  readonly acceptedAt = performance.now();
  reads = 0;
  readonly #onRead: () => void;
  readonly #packet = encodeClientPacket(publishPacket(0, "flood", "0123456789"), 4);
  #next = concat(encodeClientPacket(connectPacket({ clientIdentifier: "flood" }), 4));
  #at = 0;
  #isOver = false;

  /** @param onRead called when the broker asks for more */
  constructor(onRead: () => void) {
    this.#onRead = onRead;
  }

  read(into: Uint8Array): Promise<number | null> {
    this.#onRead();
    if (this.#isOver || this.reads === MOST_READS) return Promise.resolve(null);
    this.reads++;
    for (let i = 0; i < into.length; i++) {
      into[i] = this.#next[this.#at++]!;
      if (this.#at < this.#next.length) continue;
      this.#next = this.#packet;
      this.#at = 0;
    }
    return Promise.resolve(into.length);
  }

  write(): Promise<void> {
    return Promise.resolve();
  }

  closeWrite(): Promise<void> {
    return Promise.resolve();
  }

  close(): void {
    this.#isOver = true;
  }
}

Deno.test("A client that pours messages in lets the runtime look at the others before it is through", async () => {
  await using broker = await startBroker();
  const { promise: othersTurn, resolve } = Promise.withResolvers<number>();
  const flood: Flood = new Flood(() => {
    // Timers and sockets have their turn together.
    if (flood.reads === 1) setTimeout(() => resolve(flood.reads), 0);
  });
  const served = broker.broker.accept(flood, { listener: "memory" });
  const readsBefore = await othersTurn;
  flood.close();
  await served;
  assertLess(readsBefore, MOST_READS);
});
