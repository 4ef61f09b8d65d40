import type { BridgeAddress } from "../config/config.ts";
import type { BridgeSnapshot } from "../hooks/figures.ts";
import type { Logger } from "../logger.ts";
import type { ProtocolVersion } from "../packet/packets.ts";
import { formatAddress } from "../transport/address.ts";

/** Something that has happened to a bridge, in words for people. */
export interface BridgeEvent {
  readonly kind: "connected" | "disconnected" | "failed" | "refused" | "paused" | "resumed";
  readonly text: string;
}

/** Who is told how a bridge is doing. */
export interface BridgeStatusOptions {
  /** Its key in `bridges`. */
  readonly name: string;
  readonly logger: Logger;
  /** Told when the state is another one. */
  readonly onChange: () => void;
  readonly onEvent: (event: BridgeEvent) => void;
}

/** What a bridge tells of itself: its state, what went wrong last, and where the remote is. */
export class BridgeStatus {
  readonly #options: BridgeStatusOptions;
  #state: BridgeSnapshot["state"] = "waiting";
  #error: string | undefined;
  #address: string | undefined;

  constructor(options: BridgeStatusOptions) {
    this.#options = options;
  }

  get state(): BridgeSnapshot["state"] {
    return this.#state;
  }

  /** What went wrong last; `undefined`: nothing since it was connected. */
  get error(): string | undefined {
    return this.#error;
  }

  /** Where the remote is, or was tried last. */
  get address(): string | undefined {
    return this.#address;
  }

  become(state: BridgeSnapshot["state"]): void {
    if (state === this.#state) return;
    this.#state = state;
    this.#options.onChange();
  }

  /** An address is tried. */
  tries({ hostname, port }: BridgeAddress): void {
    this.#address = formatAddress(hostname, port);
    this.become("connecting");
  }

  connected(version: ProtocolVersion): void {
    this.#error = undefined;
    const words = `MQTT ${version === 5 ? "5.0" : "3.1.1"}`;
    this.#options.logger.info(`${this.#where}: connected, ${words}`);
    this.#options.onEvent({ kind: "connected", text: `connected to ${this.#address}, ${words}` });
    this.become("connected");
  }

  /** A connection is over that was a good one. */
  disconnected(reason: string): void {
    this.#options.onEvent({ kind: "disconnected", text: `disconnected from ${this.#address}: ${reason}` });
  }

  /** There is no way in. */
  failed(error: string): void {
    const isNews = error !== this.#error;
    this.lost(error);
    if (!isNews) return;
    const at = this.#address === undefined ? "" : ` to ${this.#address}`;
    this.#options.onEvent({ kind: "failed", text: `cannot connect${at}: ${error}` });
  }

  /** What went wrong is kept and logged; the same again is no news. */
  lost(error: string): void {
    if (error === this.#error) this.#options.logger.debug(`${this.#where}: ${error}`);
    else this.#options.logger.warn(`${this.#where}: ${error}`);
    this.#error = error;
  }

  /** The remote does not take something. */
  refused(text: string): void {
    this.#options.logger.warn(`${this.#where}: ${text}`);
    this.#options.onEvent({ kind: "refused", text });
  }

  paused(): void {
    this.#options.onEvent({ kind: "paused", text: "paused" });
  }

  resumed(): void {
    this.#options.onEvent({ kind: "resumed", text: "resumed" });
  }

  get #where(): string {
    return `bridge ${this.#options.name}${this.#address === undefined ? "" : ` to ${this.#address}`}`;
  }
}
