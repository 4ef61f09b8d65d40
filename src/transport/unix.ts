/** Unix sockets. */
import { dirname } from "node:path";
import type { Logger } from "../logger.ts";
import { Acceptor } from "./accept.ts";
import type { Descriptors } from "./descriptors.ts";
import { codeOf, ListenError, reasonOfSystem } from "./listen_error.ts";
import { SocketTransport } from "./socket_transport.ts";
import type { Listener, Transport } from "./transport.ts";
import { host, type HostConnection, type HostListener } from "../runtime/host.ts";

/** What the system has room for, without the NUL behind it. */
const MAXIMUM_PATH_BYTES = host.build.os === "linux" ? 107 : 103;

/** Where a listener on a unix socket listens. */
export interface UnixListenOptions {
  /** Absolute. */
  readonly socketPath: string;
  /** Who may connect, as permission bits of the socket. @default as the process's umask has it */
  readonly socketMode?: number;
  readonly logger: Logger;
  /** Asked before each connection is accepted. @default accepts until the system refuses */
  readonly descriptors?: Descriptors;
}

/**
 * Listens on a unix socket. One that a process has left behind is replaced; the socket is removed at the end.
 *
 * @throws {ListenError} if the path is in use, holds something else than a socket, or cannot be listened on
 */
export async function listenUnix(options: UnixListenOptions): Promise<Listener> {
  const { socketPath: path, socketMode } = options;
  const problem = await problemOfSocketPath(path);
  if (problem !== undefined) throw cannotListen(path, problem);
  await removeStale(path);
  let listener: HostListener | undefined;
  try {
    listener = await host.listen({ transport: "unix", path });
    if (socketMode !== undefined) host.chmodSync(path, socketMode);
    return new UnixListener(listener, options);
  } catch (cause) {
    listener?.close();
    throw cannotListen(path, reasonOfSystem(cause), cause);
  }
}

/**
 * What keeps a unix socket from being made at a path, as far as it can be seen without making it.
 *
 * @param path absolute
 * @returns `undefined`: nothing that is known
 */
export async function problemOfSocketPath(path: string): Promise<string | undefined> {
  const bytes = new TextEncoder().encode(path).length;
  if (bytes > MAXIMUM_PATH_BYTES) {
    return `the path of a unix socket may have ${MAXIMUM_PATH_BYTES} bytes at most: got ${bytes}`;
  }
  const folder = dirname(path);
  try {
    if (!(await host.stat(folder)).isDirectory) return `${folder} is no folder`;
  } catch (error) {
    if (error instanceof host.errors.NotFound) return `the folder ${folder} is not there`;
  }
  try {
    if (!(await host.lstat(path)).isSocket) return "there is something else than a socket at the path";
  } catch {
    // What else is wrong is told by the attempt to listen.
  }
  return undefined;
}

/** A socket on which nobody listens is what a killed process leaves. */
async function removeStale(path: string): Promise<void> {
  try {
    (await host.connect({ transport: "unix", path })).close();
  } catch (error) {
    if (error instanceof host.errors.ConnectionRefused || codeOf(error) === "ECONNREFUSED") await host.remove(path);
    // Whatever else is wrong is told by the attempt to listen.
    return;
  }
  throw cannotListen(path, "another process listens on the socket");
}

function cannotListen(path: string, reason: string, cause?: unknown): ListenError {
  return new ListenError(`Cannot listen on unix:${path}: ${reason}`, { cause });
}

class UnixListener implements Listener {
  readonly address: Listener["address"];
  readonly certificateValidity = undefined;
  readonly #acceptor: Acceptor<HostConnection>;
  readonly #path: string;

  constructor(listener: HostListener, { socketPath, logger, descriptors }: UnixListenOptions) {
    this.address = { hostname: "", port: 0, socketPath };
    this.#path = socketPath;
    this.#acceptor = new Acceptor(listener, { name: `unix:${socketPath}`, logger, descriptors });
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Transport, void, undefined> {
    for (let connection; (connection = await this.#acceptor.next());) {
      yield new SocketTransport(connection, "unix", {});
    }
  }

  /** There is nothing to read again. */
  reload(): Promise<void> {
    return Promise.resolve();
  }

  refresh(): Promise<boolean> {
    return Promise.resolve(false);
  }

  async close(): Promise<void> {
    await this.#acceptor.stop();
    // The runtime has done so already, as a rule.
    await host.remove(this.#path).catch(() => {});
  }
}
