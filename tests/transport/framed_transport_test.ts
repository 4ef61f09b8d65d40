import { assertEquals, assertLessOrEqual } from "@std/assert";
import { FramedTransport } from "../../src/transport/websocket/framed_transport.ts";
import type { Transport } from "../../src/transport/transport.ts";
import { WorkBudget } from "../../src/work_budget.ts";
import { maskedFrame } from "./websocket_client.ts";

/** A peer that sends one frame again and again, for as long as it is read; each look at the clock finds it moved on. */
class Flood implements Transport {
  readonly kind = "tcp";
  readonly secure = false;
  readonly remote = {};
  readonly acceptedAt = 0;
  readonly #frame: Uint8Array;
  reads = 0;
  written = 0;
  #closed = false;

  constructor(frame: Uint8Array) {
    this.#frame = frame;
  }

  read(into: Uint8Array): Promise<number | null> {
    this.reads++;
    if (this.#closed) return Promise.resolve(null);
    const count = Math.floor(into.length / this.#frame.length);
    for (let i = 0; i < count; i++) into.set(this.#frame, i * this.#frame.length);
    return Promise.resolve(count * this.#frame.length);
  }

  write(): Promise<void> {
    this.written++;
    return Promise.resolve();
  }

  closeWrite(): Promise<void> {
    return Promise.resolve();
  }

  close(): void {
    this.#closed = true;
  }
}

for (
  const [what, frame] of [["pings", maskedFrame(0x89, Uint8Array.of(1))], [
    "empty frames",
    maskedFrame(0x82, new Uint8Array()),
  ]] as const
) {
  Deno.test(`A WebSocket that sends nothing but ${what} lets others have their turn every few milliseconds`, async () => {
    const below = new Flood(frame);
    let polls = 0;
    let nowMs = 0;
    const work = new WorkBudget({
      now: () => nowMs++,
      pollSockets: () => {
        if (++polls === 10) below.close();
        return Promise.resolve();
      },
      letRun: () => new Promise((resolve) => setTimeout(resolve, 0)),
    });
    const transport = new FramedTransport(below, { longestFrameBytes: 1000, rest: new Uint8Array(), work });
    assertEquals(await transport.read(new Uint8Array(700)), null);
    assertLessOrEqual(below.reads, 200);
    await work.idle();
  });
}

Deno.test("Of many pings that come together the latest is answered", async () => {
  const below = new Flood(maskedFrame(0x89, Uint8Array.of(1)));
  let nowMs = 0;
  const work = new WorkBudget({
    now: () => nowMs++,
    pollSockets: () => Promise.resolve(below.close()),
    letRun: () => new Promise((resolve) => setTimeout(resolve, 0)),
  });
  const transport = new FramedTransport(below, { longestFrameBytes: 1000, rest: new Uint8Array(), work });
  await transport.read(new Uint8Array(7000));
  assertLessOrEqual(below.written, below.reads);
  await work.idle();
});
