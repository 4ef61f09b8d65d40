/** What systemd is told of the program (sd_notify(3)), under `Type=notify`. */

import { within } from "../runtime/within.ts";
import { host } from "../runtime/host.ts";

/** Sends texts to who supervises the program. */
export interface Supervisor {
  /** Sends one text; never rejects. */
  send(text: string): Promise<void>;
  close(): void;
}

/** What the program was started with. */
export interface SupervisorOptions {
  /** Reads an environment variable; `undefined`: it is not set, or may not be read. */
  env(name: string): string | undefined;
  readonly pid: number;
  /** @throws if the socket cannot be used */
  open(path: string): Supervisor;
  warn(text: string): void;
}

const MICROSECONDS = 1000;
/** How long a start or a shutdown waits for a supervisor that takes nothing. */
const PATIENCE_MS = 1000;

/** Tells systemd when the broker is ready, that its event loop turns, and when it stops; nothing without systemd. */
export class Systemd {
  readonly #supervisor: Supervisor | undefined;
  readonly #watchdogMs: number | undefined;
  #timer: ReturnType<typeof setInterval> | undefined;
  /** The last text is not taken yet: systemd is busy, and more would only wait behind it. */
  #sending = false;

  constructor(options: SupervisorOptions) {
    this.#supervisor = connect(options);
    this.#watchdogMs = this.#supervisor && watchdogMs(options);
  }

  /** The broker serves. */
  async ready(status: string): Promise<void> {
    if (!this.#supervisor) return;
    await within(PATIENCE_MS, this.#supervisor.send(`READY=1\nSTATUS=${status}`));
    if (this.#watchdogMs === undefined) return;
    this.#timer = setInterval(() => void this.#beat(), this.#watchdogMs);
  }

  /** The broker begins to shut down. */
  async stopping(): Promise<void> {
    if (this.#supervisor) await within(PATIENCE_MS, this.#supervisor.send("STOPPING=1\nSTATUS=shutting down"));
  }

  close(): void {
    clearInterval(this.#timer);
    this.#supervisor?.close();
  }

  async #beat(): Promise<void> {
    if (this.#sending) return;
    this.#sending = true;
    await this.#supervisor?.send("WATCHDOG=1");
    this.#sending = false;
  }
}

function connect({ env, open, warn }: SupervisorOptions): Supervisor | undefined {
  const address = env("NOTIFY_SOCKET");
  if (address === undefined || address === "") return undefined;
  try {
    if (!/^[@/]./.test(address)) throw new Error("only /path and @name are served");
    // An abstract socket's name begins with NUL.
    return open(address.replace(/^@/, "\0"));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    warn(`systemd is told nothing, NOTIFY_SOCKET=${address} cannot be used: ${reason}`);
    return undefined;
  }
}

/** Twice in the time after which systemd takes the program for dead; `undefined`: it does not watch this process. */
function watchdogMs({ env, pid }: SupervisorOptions): number | undefined {
  const microseconds = Number(env("WATCHDOG_USEC") ?? "");
  const watched = env("WATCHDOG_PID");
  if (!(microseconds > 0) || (watched !== undefined && Number(watched) !== pid)) return undefined;
  return Math.max(1, Math.floor(microseconds / MICROSECONDS / 2));
}

interface DatagramSocket {
  send(bytes: Uint8Array, to: { readonly transport: "unixpacket"; readonly path: string }): Promise<number>;
  close(): void;
}

/**
 * A supervisor behind a datagram socket of the system.
 *
 * @param path that of the socket; an abstract one begins with NUL
 * @throws {Error} if the runtime has no such sockets
 */
export function openSupervisor(path: string): Supervisor {
  // Only there with "unstable": ["net"], which the deno.json of this package has.
  const { listenDatagram } = host as unknown as {
    listenDatagram?(options: { readonly transport: "unixpacket"; readonly path: string }): DatagramSocket;
  };
  if (!listenDatagram) throw new Error("this runtime has no datagram sockets; Deno has them with --unstable-net");
  // Without a name: it only sends.
  const socket = listenDatagram({ transport: "unixpacket", path: "" });
  const encoder = new TextEncoder();
  return {
    send: async (text) => {
      try {
        await socket.send(encoder.encode(text), { transport: "unixpacket", path });
      } catch {
        // The supervisor has gone, or its time of listening is over: nobody is left to be told.
      }
    },
    close: () => socket.close(),
  };
}

/** An environment variable; `undefined` as well if it may not be read, for which nobody is asked. */
export function allowedVariable(variable: string): string | undefined {
  const { state } = host.permissions.querySync({ name: "env", variable });
  return state === "granted" ? host.env.get(variable) : undefined;
}
