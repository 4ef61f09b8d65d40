import type { ResolvedListener } from "../config/config.ts";
import type { Logger } from "../logger.ts";
import { Descriptors } from "../transport/descriptors.ts";
import { listen } from "../transport/endpoint.ts";
import type { OnRefused } from "../transport/refusal.ts";
import type { CertificateValidity, Listener, Transport } from "../transport/transport.ts";
import { type WorkBudget, WorkParty } from "../work_budget.ts";
import { certificateProblem, certificateWarning } from "./certificate_problem.ts";
import { errorText } from "../error_text.ts";

/**
 * Where a listener is reached.
 *
 * @category Broker
 */
export interface ListenerAddress {
  /** What it carries MQTT over. */
  readonly type: "tcp" | "ws";
  /** TLS. */
  readonly secure: boolean;
  /** The address it is bound to, or a name that stands for several; empty if it is a unix socket. */
  readonly hostname: string;
  /** The port it really listens on; 0 if it is a unix socket. */
  readonly port: number;
  /** Path of the unix socket; `undefined`: it is none. */
  readonly socketPath?: string;
}

/** A listener with a socket as it is now. */
export interface ListenerState {
  readonly name: string;
  /** It accepts connections. */
  readonly up: boolean;
  /** Seconds since 1970 at which its certificate expires; `undefined`: it has none. */
  readonly certificateExpirySeconds: number | undefined;
}

/** What has come of reading one listener's certificates again. */
export interface CertificateReload {
  readonly listener: string;
  /** Where it stands in the config. */
  readonly place: string;
  /** Why the old ones stay; `undefined`: the new ones are in use. */
  readonly fault: string | undefined;
}

interface OpenListener {
  readonly config: ResolvedListener;
  readonly listener: Listener;
  readonly accepting: Promise<void>;
}

/** The sockets that a broker listens on. */
export class Listeners {
  readonly #open: OpenListener[] = [];
  /** Names of those that accept no more. */
  readonly #ended = new Set<string>();
  readonly #logger: Logger;
  readonly #work: WorkBudget;
  /** Of the process, whatever else it does. */
  #descriptors: Descriptors | undefined;
  #refreshing: Promise<void> | undefined;

  readonly #refused: (listener: string, ...refusal: Parameters<OnRefused>) => void;
  readonly #placeOf: (listener: string) => string;

  /**
   * @param work where the time is taken from for what nobody reads
   * @param refused told of who is refused in a handshake, with the listener's name
   * @param placeOf where a listener stands in the config. @default below `listeners`
   */
  constructor(
    logger: Logger,
    work: WorkBudget,
    refused: (listener: string, ...refusal: Parameters<OnRefused>) => void,
    placeOf: (listener: string) => string = (listener) => `listeners.${listener}`,
  ) {
    this.#logger = logger;
    this.#work = work;
    this.#refused = refused;
    this.#placeOf = placeOf;
  }

  /** By listener name; listeners without a socket are left out. */
  get addresses(): Readonly<Record<string, ListenerAddress>> {
    const entries = this.#open.map(({ config, listener }) => {
      const type = config.type === "ws" ? "ws" as const : "tcp" as const;
      return [config.name, Object.freeze({ type, secure: config.tls !== undefined, ...listener.address })] as const;
    });
    return Object.freeze(Object.fromEntries(entries));
  }

  /** Those that were opened. */
  states(): readonly ListenerState[] {
    return this.#open.map(({ config: { name }, listener }) => {
      const expiry = listener.certificateValidity?.to.getTime();
      return {
        name,
        up: !this.#ended.has(name),
        certificateExpirySeconds: expiry === undefined ? undefined : expiry / 1000,
      };
    });
  }

  /** When the server's certificates are valid, by listener name; those without one are left out. */
  get certificates(): ReadonlyMap<string, CertificateValidity> {
    const entries = this.#open.flatMap(({ config, listener: { certificateValidity } }) =>
      certificateValidity ? [[config.name, certificateValidity] as const] : []
    );
    return new Map(entries);
  }

  /**
   * Opens all of them, or none.
   *
   * @param accept takes over every connection that comes
   * @throws {Error} that names the address or file that is at fault
   */
  async start(
    configs: readonly ResolvedListener[],
    accept: (transport: Transport, config: ResolvedListener) => void,
  ): Promise<void> {
    try {
      for (const config of configs) {
        if (config.type === "external") continue;
        const listener = await this.#listen(config);
        this.#open.push({ config, listener, accepting: this.#accept(listener, config, accept) });
      }
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  /** Reads certificates again; a fault is logged and the old ones stay. */
  async reload(): Promise<CertificateReload[]> {
    const reloads: CertificateReload[] = [];
    for (const { config, listener } of this.#open) {
      try {
        await listener.reload();
        if (config.tls) reloads.push({ listener: config.name, place: this.#placeOf(config.name), fault: undefined });
      } catch (error) {
        const reason = errorText(error);
        this.#logger.error(`${this.#placeOf(config.name)}: the old certificates stay in use: ${reason}`);
        reloads.push({ listener: config.name, place: this.#placeOf(config.name), fault: reason });
      }
    }
    return reloads;
  }

  /** Reads certificates again whose files have changed. Called by the broker's timer. */
  refresh(nowEpochMs: number): Promise<void> {
    // A slow disk must not make two of it.
    return this.#refreshing ??= this.#refresh(nowEpochMs).finally(() => this.#refreshing = undefined);
  }

  /** Warns of server certificates that are not valid, or soon will not be. */
  warnOfCertificates(nowEpochMs: number): void {
    for (const { config, listener } of this.#open) this.#warnOf(config, listener, nowEpochMs);
  }

  async #refresh(nowEpochMs: number): Promise<void> {
    for (const { config, listener } of this.#open) {
      try {
        if (!await listener.refresh()) continue;
        this.#logger.info(`${this.#placeOf(config.name)}: the certificates have changed and were read again`);
        this.#warnOf(config, listener, nowEpochMs);
      } catch (error) {
        const reason = errorText(error);
        this.#logger.error(`${this.#placeOf(config.name)}: the old certificates stay in use: ${reason}`);
      }
    }
  }

  #warnOf(config: ResolvedListener, { certificateValidity: validity }: Listener, nowEpochMs: number): void {
    const problem = validity && certificateProblem(validity, nowEpochMs);
    if (problem) this.#logger.warn(certificateWarning(this.#placeOf(config.name), config.tls, problem));
  }

  async close(): Promise<void> {
    await this.#refreshing;
    const open = this.#open.splice(0);
    await Promise.all(open.map(({ listener }) => listener.close()));
    await Promise.all(open.map(({ accepting }) => accepting));
  }

  async #accept(
    listener: Listener,
    config: ResolvedListener,
    accept: (transport: Transport, config: ResolvedListener) => void,
  ): Promise<void> {
    const party = new WorkParty();
    try {
      for await (const transport of listener) {
        this.#work.begin();
        accept(transport, config);
        if (this.#work.look(party)) await this.#work.turn(party);
      }
    } catch (error) {
      const reason = errorText(error);
      this.#logger.error(`${this.#placeOf(config.name)} accepts no more connections: ${reason}`);
    }
    this.#ended.add(config.name);
  }

  async #listen(config: ResolvedListener): Promise<Listener> {
    const { hostname, port, socketPath, socketMode, tls, path, origins, hosts, limits } = config;
    const descriptors = this.#descriptors ??= new Descriptors();
    const onRefused: OnRefused = (...refusal) => this.#refused(config.name, ...refusal);
    const where = { hostname, port, socketPath, socketMode, logger: this.#logger, descriptors, onRefused };
    const handshakeTimeoutSeconds = limits.connectTimeout;
    if (config.type === "ws") {
      // A frame may hold a whole packet, and clients may gather several in one.
      const maxInboundBytes = Math.max(limits.maxInboundBytes, limits.maxPacketSize + 5);
      const rules = { path, origins, hosts, place: `listeners.${config.name}` };
      const work = this.#work;
      const { listenWebSocket } = await import("../transport/websocket/listener.ts");
      return await listenWebSocket({ ...where, ...rules, tls, maxInboundBytes, work, handshakeTimeoutSeconds });
    }
    if (!tls) return await listen(where);
    const { listenTls } = await import("../transport/tls/listener.ts");
    return await listenTls({ ...where, tls, handshakeTimeoutSeconds });
  }
}
