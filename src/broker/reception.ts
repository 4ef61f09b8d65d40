import type { ResolvedListener } from "../config/config.ts";
import type { Transport } from "../transport/transport.ts";
import type { BrokerParts } from "./broker_parts.ts";
import { handlePacket } from "../connection/handlers/handle_packet.ts";
import { Connection, type ConnectionOwner } from "../connection/connection.ts";
import { quote } from "../quote.ts";
import { describeAddress } from "../routing/describe.ts";

/** Takes connections in, from listeners and from the host program, and serves each to its end. */
export class Reception implements ConnectionOwner {
  readonly #brokerParts: BrokerParts;
  /** Listeners as they are for those whom the host program hands in. */
  readonly #external = new Map<ResolvedListener, ResolvedListener>();
  #closed = false;
  /** `undefined`: nobody waits for the last connection to end. */
  #emptied: PromiseWithResolvers<void> | undefined;

  constructor(brokerParts: BrokerParts) {
    this.#brokerParts = brokerParts;
  }

  /** Serves a connection to its end; the broker has been opened. */
  serve(transport: Transport, listener: ResolvedListener): Promise<void> {
    const { admissions, context, connections, statistics } = this.#brokerParts;
    const admission = this.#closed ? "cut" : admissions.enter(listener);
    if (admission === "cut") {
      statistics.refuse(listener.name);
      if (!this.#closed) this.#tellCut(transport, listener);
      transport.close();
      return Promise.resolve();
    }
    statistics.accept(listener.name);
    const connection = new Connection(context, transport, { listener, hurried: admission === "hurry", handlePacket });
    connections.add(connection);
    return connection.run(this);
  }

  /** A connection is over. */
  ended(connection: Connection): void {
    const { admissions, connections } = this.#brokerParts;
    connections.delete(connection);
    admissions.leave(connection.listener);
    if (connections.size > 0) return;
    this.#emptied?.resolve();
    this.#emptied = undefined;
  }

  #tellCut({ remote }: Transport, { name, maxConnections }: ResolvedListener): void {
    this.#brokerParts.refusals.tell("max-connections", remote, () => {
      const reason = `cut, listeners.${name}.max-connections (${maxConnections}) is reached`;
      return `${describeAddress(remote)}, listener ${name}: ${reason}`;
    });
  }

  /**
   * What holds for a connection that the host program hands in.
   *
   * @param name of a listener; `undefined`: the only one of type `external`, or without any what `default` says
   * @throws {Error} if there is no such listener, or none is named where there are several
   */
  handedIn(name: string | undefined): ResolvedListener {
    const { listeners, handedIn } = this.#brokerParts.config;
    const external = listeners.filter(({ type }) => type === "external");
    const onlyExternal = external.length > 1 ? undefined : external[0] ?? handedIn;
    const named = () => [...listeners, handedIn].find((listener) => listener.name === name);
    const found = name === undefined ? onlyExternal : named();
    // Whoever is handed in did not come through that listener's socket, loopback or not.
    if (found) return this.#externalOf(found);
    const fault = name === undefined ? "a listener must be named" : `there is no listener ${quote(String(name))}`;
    const known = (name === undefined ? external : listeners).map(({ name }) => name);
    throw new Error(`${fault}: expected one of ${known.join(", ")}`);
  }

  /** The same one for all its connections. */
  #externalOf(listener: ResolvedListener): ResolvedListener {
    const known = this.#external.get(listener);
    const external = known ?? { ...listener, type: "external" };
    if (!known) this.#external.set(listener, external);
    return external;
  }

  /** Whoever comes from now on is cut. */
  close(): void {
    this.#closed = true;
  }

  /** Resolves when every connection has ended. */
  async empty(): Promise<void> {
    if (this.#brokerParts.connections.size > 0) await (this.#emptied ??= Promise.withResolvers()).promise;
  }
}
