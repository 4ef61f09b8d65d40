import type { AdminRole, ResolvedAdmin, ResolvedConfig, ResolvedListener } from "../config/config.ts";
import type { Identity } from "../admin/access/identity.ts";
import type { Bridges } from "../bridge/bridges.ts";
import type { ClientEvent, EventKind } from "../admin/event.ts";
import type { AdminHost, Observability, PasswordAttempt } from "../admin/host.ts";
import type { LogTap } from "../admin/log_tap.ts";
import { MAXIMUM_CONNECTIONS } from "../admin/http/peer.ts";
import { Recorder } from "../admin/recorder.ts";
import type { AdminServer } from "../admin/server.ts";
import { type TopicsView, topicsView } from "../admin/topics_view.ts";
import { Inspection } from "../embedding/inspection.ts";
import type { InProcess } from "../embedding/in_process.ts";
import { formatAddress } from "../transport/address.ts";
import type { PasswordUsers } from "../plugins/password/auth_file.ts";
import type { BrokerParts } from "./broker_parts.ts";
import { errorText } from "../error_text.ts";
import { type Logger, loggerOf } from "../logger.ts";
import { describeAddress } from "../routing/describe.ts";
import { adminListeners } from "./admin_listeners.ts";
import { Listeners } from "./listeners.ts";

/** Who makes a request that a host program hands in, if the program has looked at that itself. */
export interface AdminUser {
  /** For the audit log. */
  readonly name: string;
  /** What they may do. */
  readonly role: AdminRole;
}

/** How {@linkcode Broker.admin} is to see a request. */
export interface AdminRequestOptions {
  /** Path that the admin API has in the host's server, such as `/broker`. @default none */
  readonly prefix?: string;
  /** Address of the peer, for the audit log and for delays after failed sign-ins. @default not known */
  readonly hostname?: string;
  /** Who it is. @default whoever signs in, as over a listener of its own */
  readonly user?: AdminUser;
}

/** What an {@linkcode Administration} works with. */
export interface AdministrationParts {
  readonly brokerParts: BrokerParts;
  readonly listeners: Listeners;
  readonly inProcess: InProcess;
  readonly log: LogTap;
  observability(): Observability;
  /** `undefined`: there are none. */
  bridges(): Bridges | undefined;
}

/** Remembers what has happened, and answers who asks for it. Nothing is done before somebody wants it. */
export class Administration {
  readonly inspection: Inspection;
  /** Its own sockets. */
  readonly listeners: Listeners;
  readonly #parts: AdministrationParts;
  readonly #logger: Logger;
  readonly #host: AdminHost;
  readonly #csrf = new Map<string, string>();
  /** As it holds for the admin API; its users may be others after a reload. */
  #config: ResolvedConfig;
  #recorder: Recorder | undefined;
  #server: Promise<AdminServer> | undefined;
  #open: AdminServer | undefined;

  /** @param reload reads certificates, passwords and permissions again */
  constructor(parts: AdministrationParts, reload: AdminHost["reload"]) {
    this.#parts = parts;
    const { brokerParts } = parts;
    this.#config = brokerParts.config;
    this.inspection = new Inspection(brokerParts);
    this.#logger = loggerOf(brokerParts.logger, "admin");
    const places = new Map(adminListeners(brokerParts.config).map(({ listener, place }) => [listener.name, place]));
    this.listeners = new Listeners(
      this.#logger,
      brokerParts.work,
      (listener, _, remote, reason) => this.#logger.debug(`${listener}: ${describeAddress(remote)}: ${reason}`),
      (name) => places.get(name) ?? name,
    );
    this.#host = makeHost(parts, {
      inspection: this.inspection,
      reload,
      own: this.listeners,
      config: () => this.#config,
    });
  }

  /** Remembers from now on what happens. */
  get recorder(): Recorder {
    return this.#recorder ??= this.#record();
  }

  get topics(): TopicsView {
    return topicsView(this.recorder.topics);
  }

  timeline(clientIdentifier: string): readonly ClientEvent[] {
    return this.recorder.timelines.of(clientIdentifier) ?? [];
  }

  /** Something has happened to a client that no hook tells of. */
  happened(kind: EventKind, clientIdentifier: string, text: string): void {
    this.#recorder?.happened(kind, clientIdentifier, text);
  }

  /** The address that a person opens; `undefined`: nothing listens. */
  get link(): string | undefined {
    return this.#open?.link;
  }

  /**
   * Opens the listeners of the section `admin`, if there is one. One that nobody has asked for is done without if its port
   * is taken, by another broker on this machine for instance.
   *
   * @throws {Error} if one cannot be opened
   */
  async open(): Promise<void> {
    const { config } = this.#parts.brokerParts;
    const admin = adminListeners(config);
    if (admin.length === 0) return;
    const server = await this.#serve();
    try {
      await this.listeners.start(admin.map(({ listener }) => listener), (transport, { hostname }) => {
        server.serve(transport, hostname);
      });
    } catch (error) {
      if (!config.admin.isDefault) throw new Error(`admin.bind: ${errorText(error)}`, { cause: error });
      this.#logger.warn(`admin: there is no admin API: ${errorText(error)}`);
      return;
    }
    const { addresses } = this.listeners;
    server.opened(admin.map(({ listener: { name, hostname } }) => ({ ...addresses[name]!, hostname })));
    this.#open = server;
  }

  /** Answers a request of the host program's. */
  async answer(request: Request, { prefix = "", hostname, user }: AdminRequestOptions): Promise<Response> {
    const { pathname } = new URL(request.url);
    const base = prefix.replace(/\/+$/, "");
    if (pathname !== base && !pathname.startsWith(`${base}/`)) return new Response("Not found\n", { status: 404 });
    const server = await this.#serve();
    const identity = user && this.#identityOf(user);
    return await server.answer(request, { path: pathname.slice(base.length) || "/", hostname, identity });
  }

  /**
   * Lets other users in from now on; sessions of those who are gone end, and the others have their new role.
   *
   * @returns false if it cannot be done: nobody knows their passwords before a restart
   */
  takeUsers(users: ResolvedAdmin["users"]): boolean {
    const isPossible = Object.keys(users).length === 0 || this.#parts.brokerParts.plugin("auth.file") !== undefined;
    if (isPossible) this.#config = { ...this.#config, admin: { ...this.#config.admin, users } };
    return isPossible;
  }

  /** A printed link is worth nothing from now on, and there is a new one. */
  renewLink(): void {
    this.#open?.renewLink();
  }

  async close(): Promise<void> {
    const server = await this.#server?.catch(() => undefined);
    await server?.close();
    await this.listeners.close();
    // One may have been accepted meanwhile.
    await server?.close();
  }

  #serve(): Promise<AdminServer> {
    const { recorder } = this;
    return this.#server ??= import("../admin/server.ts").then(({ AdminServer }) =>
      new AdminServer(this.#host, recorder, this.#parts.log)
    );
  }

  #record(): Recorder {
    const { brokerParts, log } = this.#parts;
    const { config, statistics, clock } = brokerParts;
    const recorder = new Recorder({
      limits: config.admin,
      statistics,
      inspection: this.inspection,
      bridges: () => this.#host.bridges(),
      epoch: () => clock.epoch(),
      every: (ms, tick) => this.#host.every(ms, tick),
    });
    log.begin();
    brokerParts.observe("admin", recorder.observers);
    brokerParts.watcher = recorder;
    return recorder;
  }

  /** A page that the host shows still has to prove that a request is its own. */
  #identityOf({ name, role }: AdminUser): Identity {
    const csrf = this.#csrf.get(name) ?? crypto.randomUUID();
    if (this.#csrf.size > MAXIMUM_USERS) this.#csrf.clear();
    this.#csrf.set(name, csrf);
    const payloads = role !== "viewer" || this.#host.config.admin.viewerPayloads;
    return { name, role, payloads, csrf, sessionKey: undefined, expiresAtMs: undefined };
  }
}

const MAXIMUM_USERS = 1000;

interface HostParts {
  readonly inspection: Inspection;
  readonly reload: AdminHost["reload"];
  /** Sockets of the admin API. */
  readonly own: Listeners;
  config(): ResolvedConfig;
}

function makeHost(parts: AdministrationParts, { inspection, reload, own, config }: HostParts): AdminHost {
  const { brokerParts, inProcess } = parts;
  const { logger, statistics, clock, machine, memory } = brokerParts;
  return {
    get config() {
      return config();
    },
    logger,
    statistics,
    inspection,
    get observability() {
      return parts.observability();
    },
    get commits() {
      return brokerParts.context.persistence?.writeQueue.latency;
    },
    get heldBytes() {
      return memory.totalBytes;
    },
    get running() {
      return !brokerParts.ending.signal.aborted;
    },
    now: () => clock.now(),
    epoch: () => clock.epoch(),
    every: (ms, tick) => brokerParts.ending.signal.aborted ? undefined : brokerParts.every(ms, tick),
    after: (ms, run) => machine.after(ms, run),
    letRun: () => machine.letRun(),
    listeners: () => listenersOf(parts, own),
    bridges: () => parts.bridges()?.snapshots ?? [],
    cluster: () => brokerParts.context.cluster?.snapshot(),
    tellBridge: (name, action) => {
      const bridge = parts.bridges()?.get(name);
      bridge?.[action]();
      return bridge !== undefined;
    },
    sessions: () => inProcess.sessions(),
    session: (clientIdentifier) => inProcess.session(clientIdentifier),
    observe: (observers) => brokerParts.observe("admin", observers),
    checkPassword: (attempt) => checkPassword(brokerParts, attempt),
    passwordMark: (username) => passwordUsers(brokerParts)?.passwordMark?.(username),
    disconnect: (clientIdentifier, reasonCode, reasonString) =>
      inProcess.disconnect(clientIdentifier, reasonCode, reasonString === undefined ? undefined : { reasonString }),
    endSession: (clientIdentifier) => inProcess.endSession(clientIdentifier),
    subscribeClient: (...what) => inProcess.subscribeClient(...what),
    unsubscribeClient: (...what) => inProcess.unsubscribeClient(...what),
    publish: (...what) => inProcess.publish(...what),
    deleteRetained: (...what) => inspection.deleteRetained(...what),
    subscribe: (topicFilter) => inProcess.subscribe(topicFilter),
    reload,
  };
}

function listenersOf(
  { brokerParts: { config }, listeners }: AdministrationParts,
  own: Listeners,
): ReturnType<AdminHost["listeners"]> {
  const view = (sockets: Listeners, { name, type, tls, maxConnections }: ResolvedListener) => {
    const { hostname, port = 0, socketPath } = sockets.addresses[name] ?? {};
    const network = hostname === undefined ? undefined : formatAddress(hostname, port);
    const address = socketPath === undefined ? network : `unix:${socketPath}`;
    const certificate = sockets.certificates.get(name);
    return { name, type, secure: tls !== undefined, address, maxConnections, certificate };
  };
  return [
    ...config.listeners.map((listener) => view(listeners, listener)),
    ...adminListeners(config).map(({ listener }) => ({
      ...view(own, listener),
      type: "admin",
      maxConnections: MAXIMUM_CONNECTIONS,
    })),
  ];
}

/** The plugin that knows the passwords. */
function passwordUsers(brokerParts: BrokerParts): Partial<PasswordUsers> | undefined {
  return brokerParts.plugin("auth.file") as Partial<PasswordUsers> | undefined;
}

/** By the plugin that knows the passwords, so that clients and people have the same, and wait in the same queue. */
function checkPassword(brokerParts: BrokerParts, attempt: PasswordAttempt): Promise<boolean> | undefined {
  const file = brokerParts.plugin("auth.file");
  if (!file?.authenticate) return undefined;
  const { username, password, hostname, signal } = attempt;
  const decision = file.authenticate({
    clientIdentifier: "admin",
    username,
    password: new TextEncoder().encode(password),
    protocolVersion: 5,
    listener: "admin",
    remote: { hostname },
    secure: true,
    cleanStart: true,
    keepAliveSeconds: 0,
    signal,
    timeoutSeconds: brokerParts.config.limits.connectTimeout,
  });
  return Promise.resolve(decision).then((decided) => decided === "allow");
}
