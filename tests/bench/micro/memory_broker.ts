import { Broker } from "../../../src/broker/broker.ts";
import { memoryPair } from "../../../src/transport/memory.ts";
import type { Transport } from "../../../src/transport/transport.ts";
import type { Channel } from "../load/channel.ts";
import { Client } from "../load/client.ts";
import { layoutOf } from "../load/layout.ts";
import { parseLoadOptions } from "../load/options.ts";
import { Later } from "../load/run.ts";
import { Traffic } from "../load/traffic.ts";
import { turn } from "../load/waiting.ts";

class MemoryChannel implements Channel {
  readonly headroomBytes = 0;
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  read(into: Uint8Array): Promise<number | null> {
    return this.#transport.read(into);
  }

  write(bytes: Uint8Array, start: number, end: number): Promise<void> {
    return this.#transport.write(bytes.subarray(start, end));
  }

  close(): void {
    this.#transport.close();
  }
}

/** A broker with its default plugins, and clients without a network in between. */
export class MemoryRoom {
  readonly #traffic: Traffic;

  private constructor(traffic: Traffic) {
    this.#traffic = traffic;
  }

  /** @param load arguments of a load generator */
  static async open(load: readonly string[]): Promise<MemoryRoom> {
    const broker = new Broker({
      listeners: { memory: { type: "external" } },
      auth: { plugins: ["auth.anonymous"], allowAnonymous: true },
    });
    await broker.start();
    const options = parseLoadOptions(load);
    const layout = layoutOf(options);
    const later = new Later();
    const clients: Client[] = [];
    for (let index = 0; index < layout.subscribers + layout.publishers; index++) {
      const [ours, brokers] = memoryPair({ capacityBytes: 1 << 20 });
      await broker.accept(brokers, { listener: "memory" });
      const { version, isDurable } = options;
      const client = { index, version, isDurable, clientIdentifier: `client-${index}`, topicAliasMaximum: 0 };
      const lost = (error: Error) => {
        throw error;
      };
      clients.push(await Client.open({ ...client, channel: new MemoryChannel(ours) }, later, lost));
    }
    const publishers = clients.slice(layout.subscribers).map(({ connection }) => connection);
    const traffic = new Traffic({ ...options, layout, isRetained: false }, publishers);
    later.handler = traffic;
    for (let i = 0; i < layout.subscribers; i++) await clients[i]!.subscribe(layout.filters(i), options.qos);
    return new MemoryRoom(traffic);
  }

  /** Sends one window of messages and waits until each has arrived and been acknowledged. */
  async sendWindow(): Promise<void> {
    const { windows } = this.#traffic;
    this.#traffic.start();
    this.#traffic.isSending = false;
    while (windows.busy > 0 || this.#traffic.unreleased > 0) await turn();
  }
}
