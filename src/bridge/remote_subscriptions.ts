import type { Outbox } from "../connection/outbox.ts";
import { encodeSubscribe, encodeUnsubscribe } from "../packet/encode_client.ts";
import { PacketType, type QoS, type SubackPacket, type UnsubackPacket } from "../packet/packets.ts";
import { describeReasonCode, ReasonCode } from "../packet/reason_code.ts";
import type { TopicFilter } from "../packet/topic.ts";
import { quote } from "../quote.ts";
import type { BridgeMemory } from "./bridge_memory.ts";
import type { RemoteCapabilities } from "./crossing.ts";
import type { BridgeFilter } from "./topic_map.ts";

/** Some remotes take no more filters in one packet. */
const FILTERS_PER_PACKET = 8;

interface Asked {
  readonly filters: readonly BridgeFilter[];
  readonly resolve: () => void;
}

/** Brings the subscriptions at the remote in line with the config: what is new is subscribed to, what is gone is ended. */
export class RemoteSubscriptions {
  readonly #memory: BridgeMemory;
  readonly #wanted: readonly BridgeFilter[];
  readonly #onRefused: (text: string) => void;
  readonly #asked = new Map<number, Asked>();
  #stopped = false;

  /** @param onRefused told which subscription the remote refuses; the others work */
  constructor(memory: BridgeMemory, wanted: readonly BridgeFilter[], onRefused: (text: string) => void) {
    this.#memory = memory;
    this.#wanted = wanted;
    this.#onRefused = onRefused;
  }

  /**
   * Says what has to be said, and resolves when all of it is answered, or the connection has ended.
   *
   * @param isInUse tells whether a packet identifier is
   */
  async bring(
    outbox: Outbox,
    remote: RemoteCapabilities,
    isInUse: (packetIdentifier: number) => boolean,
  ): Promise<void> {
    const granted = this.#memory.granted();
    const wanted = new Set(this.#wanted.map(({ topicFilter }) => topicFilter));
    const gone = [...granted.keys()].filter((topicFilter) => !wanted.has(topicFilter));
    const added = this.#wanted
      .map((filter) => ({ ...filter, qos: Math.min(filter.qos, remote.maximumQoS) as QoS }))
      .filter(({ topicFilter, qos }) => granted.get(topicFilter) !== qos);
    const answers = [...this.#end(gone, outbox, remote, isInUse), ...this.#begin(added, outbox, remote, isInUse)];
    await Promise.all(answers);
  }

  /** SUBACK or UNSUBACK. */
  answered({ type, packetIdentifier, reasonCodes }: SubackPacket | UnsubackPacket): void {
    const asked = this.#asked.get(packetIdentifier);
    if (!asked) return;
    this.#asked.delete(packetIdentifier);
    asked.filters.forEach((filter, index) => {
      // Before 5.0 UNSUBACK has none.
      if (type === PacketType.Unsuback) this.#memory.noteGone(filter.topicFilter);
      else this.#subscribed(filter, reasonCodes[index] ?? ReasonCode.UnspecifiedError);
    });
    asked.resolve();
  }

  /** The connection has ended. */
  stop(): void {
    this.#stopped = true;
    for (const { resolve } of this.#asked.values()) resolve();
    this.#asked.clear();
  }

  #subscribed({ topicFilter, qos }: BridgeFilter, reasonCode: ReasonCode): void {
    if (reasonCode < ReasonCode.UnspecifiedError) return this.#memory.noteGranted(topicFilter, qos);
    this.#memory.noteGone(topicFilter);
    this.#onRefused(`the remote refuses the subscription to ${quote(topicFilter)}: ${describeReasonCode(reasonCode)}`);
  }

  #end(
    gone: readonly TopicFilter[],
    outbox: Outbox,
    { version }: RemoteCapabilities,
    isInUse: (packetIdentifier: number) => boolean,
  ): Promise<void>[] {
    return inParts(gone).map((topicFilters) => {
      const filters = topicFilters.map((topicFilter) => ({ topicFilter, qos: 0 as const, retained: false }));
      const { packetIdentifier, answer } = this.#ask(filters, isInUse);
      encodeUnsubscribe(outbox.open(), { type: PacketType.Unsubscribe, packetIdentifier, topicFilters }, version);
      return answer;
    });
  }

  #begin(
    added: readonly BridgeFilter[],
    outbox: Outbox,
    { version }: RemoteCapabilities,
    isInUse: (packetIdentifier: number) => boolean,
  ): Promise<void>[] {
    return inParts(added).map((filters) => {
      const { packetIdentifier, answer } = this.#ask(filters, isInUse);
      const subscriptions = filters.map(({ topicFilter, qos, retained }) => ({
        topicFilter,
        qos,
        noLocal: true,
        retainAsPublished: true,
        retainHandling: retained ? 1 as const : 2 as const,
      }));
      encodeSubscribe(outbox.open(), { type: PacketType.Subscribe, packetIdentifier, subscriptions }, version);
      return answer;
    });
  }

  /** From the highest down, since messages under way have theirs from the lowest up. */
  #ask(filters: readonly BridgeFilter[], isInUse: (packetIdentifier: number) => boolean) {
    let packetIdentifier = 65_535;
    while (isInUse(packetIdentifier) || this.#asked.has(packetIdentifier)) packetIdentifier--;
    const { promise: answer, resolve } = Promise.withResolvers<void>();
    if (this.#stopped) resolve();
    else this.#asked.set(packetIdentifier, { filters, resolve });
    return { packetIdentifier, answer };
  }
}

function inParts<T>(all: readonly T[]): T[][] {
  const parts: T[][] = [];
  for (let at = 0; at < all.length; at += FILTERS_PER_PACKET) parts.push(all.slice(at, at + FILTERS_PER_PACKET));
  return parts;
}
