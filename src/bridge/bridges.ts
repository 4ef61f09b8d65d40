import type { ConnectionContext } from "../connection/connection_context.ts";
import { buildHookChain } from "../hooks/chain.ts";
import type { BridgeSnapshot } from "../hooks/figures.ts";
import { type Logger, loggerOf } from "../logger.ts";
import { Message } from "../message.ts";
import { parseTopicName } from "../packet/topic.ts";
import { Bridge } from "./bridge.ts";
import { bridgeRoot } from "./bridge_memory.ts";
import type { BridgeEvent } from "./bridge_status.ts";

/** How often the figures of a bridge are published, in milliseconds. */
const FIGURES_MS = 20_000;

const encoder = new TextEncoder();

/** What {@linkcode Bridges} asks and tells. */
export interface BridgesOptions {
  /** Gives the machine's name, of which client identifiers are made. */
  readonly hostname: () => string;
  /** Told what happens to a bridge, by the name of its session. */
  readonly onEvent: (clientIdentifier: string, event: BridgeEvent) => void;
}

/** The bridges of a broker. */
export class Bridges {
  readonly #context: ConnectionContext;
  readonly #bridges: readonly Bridge[];
  /** What was published last, by topic. */
  readonly #told = new Map<string, string>();
  #figuresAtMs = 0;

  constructor(context: ConnectionContext, logger: Logger, { hostname, onEvent }: BridgesOptions) {
    const { bridges } = context.config;
    const quiet: ConnectionContext = { ...context, hooks: buildHookChain([], logger) };
    this.#context = context;
    this.#bridges = bridges.map((bridge) => {
      const made: Bridge = new Bridge({
        // Plugins are not asked about what the config says.
        context: quiet,
        bridge,
        logger: loggerOf(logger, "bridges"),
        hostname: bridge.clientId === undefined ? hostname() : "",
        onChange: () => this.#tell(),
        onEvent: (event) => onEvent(made.clientIdentifier, event),
      });
      return made;
    });
  }

  /** What each is and does now. */
  get snapshots(): BridgeSnapshot[] {
    return this.#bridges.map(({ snapshot }) => snapshot);
  }

  /**
   * Opens their sessions: what is published from now on waits for the remotes.
   *
   * @throws {Error} if a session cannot be read or stored
   */
  async open(): Promise<void> {
    for (const bridge of this.#bridges) await bridge.open();
  }

  /** Begins to connect. */
  start(): void {
    for (const bridge of this.#bridges) bridge.start();
    this.#tell();
  }

  /** The one of this name. */
  get(name: string): Bridge | undefined {
    return this.#bridges.find((bridge) => bridge.name === name);
  }

  /** Called by the broker's coarse timer. */
  tick(nowMs: number): void {
    for (const bridge of this.#bridges) bridge.tick(nowMs);
    if (this.#bridges.length === 0 || nowMs - this.#figuresAtMs < FIGURES_MS) return;
    this.#figuresAtMs = nowMs;
    this.#tell();
  }

  /** Ends their connections; the sessions stay. */
  async stop(): Promise<void> {
    await Promise.all(this.#bridges.map((bridge) => bridge.stop()));
  }

  #tell(): void {
    for (const { name, state, address, error, ...figures } of this.snapshots) {
      const topics: Record<string, string> = {
        // As Mosquitto has it.
        "state": state === "connected" ? "1" : "0",
        "state/text": state,
        "address": address ?? "",
        "error": error ?? "",
        "messages/queued": String(figures.messagesQueued),
        "messages/inflight": String(figures.messagesInflight),
        "messages/sent": String(figures.messagesSent),
        "messages/received": String(figures.messagesReceived),
      };
      for (const [topic, text] of Object.entries(topics)) this.#publish(bridgeRoot(name) + topic, text);
    }
  }

  /** Only what is new; an empty text ends what is retained. */
  #publish(topicName: string, text: string): void {
    if ((this.#told.get(topicName) ?? "") === text) return;
    this.#told.set(topicName, text);
    const payload = encoder.encode(text);
    void this.#context.pipeline.publish(Message.of({ topicName: parseTopicName(topicName), payload, retain: true }));
  }
}
