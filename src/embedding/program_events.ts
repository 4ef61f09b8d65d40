/** What happens in the broker, told to the host program. */
import { errorText } from "../error_text.ts";
import { type ObservingHook, observingHooks } from "../hooks/observing_hooks.ts";
import type { Plugin } from "../hooks/plugin.ts";
import { isPromise, showValue } from "../hooks/fault.ts";
import type { Logger } from "../logger.ts";
import { checkSignal, whenAborted } from "./aborting.ts";
import { checkLimit, ProgramQueue } from "./program_queue.ts";

/**
 * Names of what the host program can be told of: the observing hooks of a {@linkcode Plugin}.
 *
 * @category Events
 */
export type BrokerEventName = ObservingHook;

/**
 * What a listener is given with each event, by its name: what the hook of that name is given.
 *
 * @category Events
 */
export type BrokerEventMap = {
  readonly [Name in BrokerEventName]: Parameters<NonNullable<Plugin[Name]>>;
};

/**
 * An event in a loop: its name, and what a listener would be given.
 *
 * @category Events
 */
export type BrokerEvent<Name extends BrokerEventName = BrokerEventName> = {
  readonly [Each in Name]: { readonly name: Each; readonly details: BrokerEventMap[Each] };
}[Name];

/**
 * Is told of an event, at once and in its midst: it should do little. What it throws is logged, a rejection, too.
 *
 * @category Events
 */
export type BrokerEventListener<Name extends BrokerEventName> = (...details: BrokerEventMap[Name]) => void;

/**
 * How the host program listens.
 *
 * @category Events
 */
export interface ListenOptions {
  /** Ends the listening when it is aborted. @default it lasts */
  readonly signal?: AbortSignal;
}

/**
 * How the host program loops over events.
 *
 * @category Events
 */
export interface EventsOptions extends ListenOptions {
  /**
   * Events that may wait for the program, a whole number from 1; their payloads together take at most 64 MiB. The oldest goes
   * first. @default 1000
   */
  readonly limit?: number;
}

/**
 * A loop over events; it ends when it is left, with `await using`, by its signal, or at shutdown.
 *
 * @category Events
 */
export interface BrokerEvents<Name extends BrokerEventName>
  extends AsyncIterableIterator<BrokerEvent<Name>>, AsyncDisposable {
  /** Events that were given up because the program did not take them in time. */
  readonly dropped: number;
  /** The next event, once there is one; `done`: the loop has ended. */
  next(): Promise<IteratorResult<BrokerEvent<Name>>>;
  /** Ends it; what waits is forgotten. */
  return(): Promise<IteratorResult<BrokerEvent<Name>>>;
}

type AnyListener = (...details: readonly unknown[]) => unknown;

const DEFAULT_LIMIT = 1000;
/** Clients choose how large their messages are. */
const MAXIMUM_WAITING_BYTES = 64 * 1024 * 1024;

/** The listeners of the host program, as a plugin that has the hooks that somebody listens to, and no others. */
export class ProgramEvents {
  readonly #listeners = new Map<BrokerEventName, Set<AnyListener>>();
  readonly #loops = new Set<{ end(): void }>();
  #plugin: Plugin = {};
  #logger: Logger | undefined;
  #onChange: (() => void) | undefined;

  /** What the broker calls; another one after each change. */
  get plugin(): Plugin {
    return this.#plugin;
  }

  /** Serves a run of the broker: `onChange` is called when there is a hook more or less. */
  serve(logger: Logger, onChange: () => void): void {
    this.#logger = logger;
    this.#onChange = onChange;
  }

  /** @throws {Error} if there is no such event, or the listener is no function */
  on<Name extends BrokerEventName>(
    name: Name,
    listener: BrokerEventListener<Name>,
    { signal }: ListenOptions = {},
  ): Disposable {
    checkName(name);
    if (typeof listener !== "function") throw new Error(`Cannot listen to ${name}: the listener must be a function`);
    checkSignal(signal, `Cannot listen to ${name}`);
    if (signal?.aborted) return { [Symbol.dispose]: () => {} };
    // The same function may listen twice.
    const own: AnyListener = (...details) => (listener as unknown as AnyListener)(...details);
    this.#add(name, own);
    const off = () => {
      forget();
      this.#remove(name, own);
    };
    const forget = whenAborted(signal, off);
    return { [Symbol.dispose]: off };
  }

  /** @throws {Error} if there is no such event, or the limit is none */
  events<Name extends BrokerEventName>(
    names: readonly Name[],
    { signal, limit = DEFAULT_LIMIT }: EventsOptions = {},
  ): BrokerEvents<Name> {
    if (!Array.isArray(names) || names.length === 0) {
      throw new Error(`Cannot loop over events: their names must be an array of one or more: got ${showValue(names)}`);
    }
    names.forEach(checkName);
    checkSignal(signal, "Cannot loop over events");
    checkLimit(limit);
    const ending = new AbortController();
    const loop = new ProgramQueue<BrokerEvent<Name>, BrokerEvent<Name>>({
      limit,
      limitBytes: MAXIMUM_WAITING_BYTES,
      sizeBytes: ({ details }) => payloadBytes(details),
      onOverflow: "drop",
      overflow: () => new Error("Cannot go on with the events: too many wait"),
      onEnd: () => {
        forget();
        ending.abort();
        this.#loops.delete(loop);
      },
    }, (event) => event);
    for (const name of new Set(names)) {
      // The bytes of a packet are those of a buffer that is used again.
      const isPacket = name === "packetReceived" || name === "packetSent";
      const tell = (...details: BrokerEventMap[Name]) =>
        loop.push(Object.freeze({ name, details: isPacket ? withLasting(details) : details }) as BrokerEvent<Name>);
      this.on(name, tell as BrokerEventListener<Name>, { signal: ending.signal });
    }
    this.#loops.add(loop);
    let forget = () => {};
    forget = whenAborted(signal, () => loop.end());
    return loop;
  }

  /** Ends the loops; listeners stay for the next run. */
  endLoops(): void {
    for (const loop of [...this.#loops]) loop.end();
  }

  #add(name: BrokerEventName, listener: AnyListener): void {
    const listeners = this.#listeners.get(name);
    if (listeners) return void listeners.add(listener);
    this.#listeners.set(name, new Set([listener]));
    this.#changed();
  }

  #remove(name: BrokerEventName, listener: AnyListener): void {
    const listeners = this.#listeners.get(name);
    if (!listeners?.delete(listener) || listeners.size > 0) return;
    this.#listeners.delete(name);
    this.#changed();
  }

  #changed(): void {
    const hooks = Array.from(this.#listeners, ([name, listeners]) => {
      const tell: AnyListener = (...details) => this.#tell(name, listeners, details);
      return [name, tell];
    });
    this.#plugin = Object.fromEntries(hooks);
    this.#onChange?.();
  }

  #tell(name: BrokerEventName, listeners: ReadonlySet<AnyListener>, details: readonly unknown[]): void {
    // Those who come meanwhile are told from the next time on: a listener may add listeners each time.
    let left = listeners.size;
    for (const listener of listeners) {
      if (left-- === 0) break;
      try {
        const result = listener(...details);
        // An async function; a rejection that nobody takes would end the program.
        if (isPromise(result)) result.then(undefined, (error) => this.#failed(name, error));
      } catch (error) {
        this.#failed(name, error);
      }
    }
  }

  #failed(name: BrokerEventName, error: unknown): void {
    this.#logger?.error(`a listener of the program to ${name} threw: ${errorText(error)}`);
  }
}

/** What the message or packet of an event takes, roughly. */
function payloadBytes(details: readonly unknown[]): number {
  const payloads = details.map((detail) => (detail as { readonly payload?: unknown } | undefined)?.payload);
  return payloads.reduce((sum: number, payload) => sum + (payload instanceof Uint8Array ? payload.length : 0), 0);
}

/** With a copy of the packet; the client's snapshot lasts as it is. */
function withLasting([client, packet]: readonly unknown[]): readonly unknown[] {
  return [client, lasting(packet)];
}

/** A copy with bytes of its own. */
function lasting(value: unknown): unknown {
  if (value instanceof Uint8Array) return value.slice();
  if (Array.isArray(value)) return value.map(lasting);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, lasting(part)]));
}

function checkName(name: string): void {
  if (Object.hasOwn(observingHooks, name)) return;
  const known = Object.keys(observingHooks).join(", ");
  throw new Error(`Cannot listen to ${JSON.stringify(name)}: there is no such event: known are ${known}`);
}
