import type { ResolvedListener } from "../config/config.ts";
import type { Session } from "../session/session.ts";
import type { ClientConnection, ConnectionBySession } from "./connection_context.ts";

/** Who is signed in: the connection that serves each session now, and so how many clients each listener has. */
export class ConnectedClients extends Map<Session, ClientConnection> implements ConnectionBySession {
  readonly #byListener = new Map<string, number>();

  #maximum = 0;

  /** The most there have been at once. */
  get maximum(): number {
    return this.#maximum;
  }

  override set(session: Session, connection: ClientConnection): this {
    this.delete(session);
    this.#count(connection, 1);
    super.set(session, connection);
    this.#maximum = Math.max(this.#maximum, this.size);
    return this;
  }

  override delete(session: Session): boolean {
    const connection = this.get(session);
    if (connection) this.#count(connection, -1);
    return super.delete(session);
  }

  override clear(): void {
    this.#byListener.clear();
    super.clear();
  }

  /** How many clients the listener of this name has. */
  ofListener(name: string): number {
    return this.#byListener.get(name) ?? 0;
  }

  /** Whether a client of the listener has no place, unless it takes that of a connection which it replaces. */
  isFull({ name, maxConnections }: ResolvedListener): boolean {
    return maxConnections > 0 && (this.#byListener.get(name) ?? 0) >= maxConnections;
  }

  /** How many clients of the listener are signed in. */
  of(listenerName: string): number {
    return this.#byListener.get(listenerName) ?? 0;
  }

  #count({ listener: { name } }: ClientConnection, by: 1 | -1): void {
    this.#byListener.set(name, (this.#byListener.get(name) ?? 0) + by);
  }
}
