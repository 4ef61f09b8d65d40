/**
 * What the broker uses of the runtime that it is run by, in the shape that Deno has it, so that nothing stands between
 * the broker and Deno. Other runtimes are given the same shape.
 */

/** The end of a connection. */
export type HostAddress =
  | { readonly transport: "tcp" | "udp"; readonly hostname: string; readonly port: number }
  | { readonly transport: "unix" | "unixpacket"; readonly path: string }
  | { readonly transport: "vsock" };

/** The end of a TCP connection. */
export interface HostTcpAddress {
  /** TCP. */
  readonly transport: "tcp" | "udp";
  /** The IP address. */
  readonly hostname: string;
  /** 1 to 65,535. */
  readonly port: number;
}

/** A connection. */
export interface HostConnection {
  /** This end. */
  readonly localAddr: HostAddress;
  /** The other end. */
  readonly remoteAddr: HostAddress;
  /** Reads into `into`; `null` is the end. One read at a time. */
  read(into: Uint8Array): Promise<number | null>;
  /** Writes some of `bytes` and tells how many. One write at a time. */
  write(bytes: Uint8Array): Promise<number>;
  /** Ends the outgoing side. */
  closeWrite(): Promise<void>;
  /** Ends both sides; what is under way rejects. */
  close(): void;
}

/** A TCP connection. */
export interface HostTcpConnection extends HostConnection {
  /** This end. */
  readonly localAddr: HostTcpAddress;
  /** The other end. */
  readonly remoteAddr: HostTcpAddress;
  /** Whether small packets leave at once. */
  setNoDelay(noDelay: boolean): void;
}

/** A listening socket. */
export interface HostListener<Connection extends HostConnection = HostConnection> {
  /** Rejects once it is closed. */
  accept(): Promise<Connection>;
  close(): void;
}

/** A listening TCP socket. */
export interface HostTcpListener extends HostListener<HostTcpConnection> {
  readonly addr: HostTcpAddress;
}

/** Where a TCP connection leads. */
export interface HostConnectOptions {
  /** A name or an IP address. */
  readonly hostname: string;
  /** 1 to 65,535. */
  readonly port: number;
  /** Gives the attempt up, which rejects with its reason. @default it lasts as long as it takes */
  readonly signal?: AbortSignal;
}

/** What a file system tells of a file. */
export interface HostFileInfo {
  readonly isDirectory: boolean;
  readonly isSymlink: boolean;
  readonly isSocket: boolean | null;
  readonly size: number;
  readonly mtime: Date | null;
  readonly dev: number;
  readonly ino: number | null;
  readonly uid: number | null;
  readonly gid: number | null;
}

/** An entry of a folder. */
export interface HostEntry {
  readonly name: string;
  readonly isDirectory: boolean;
}

/** An open file. */
export interface HostFile extends Disposable {
  write(bytes: Uint8Array): Promise<number>;
  sync(): Promise<void>;
  close(): void;
}

/** How a file is opened. */
export interface HostOpenOptions {
  readonly read?: boolean;
  readonly write?: boolean;
  readonly createNew?: boolean;
  readonly mode?: number;
}

/** A kind of error, for `instanceof`. */
export type HostErrorClass = abstract new (message?: string, options?: ErrorOptions) => Error;

/** How a value is shown. */
export interface HostInspectOptions {
  readonly depth?: number;
  readonly iterableLimit?: number;
  readonly strAbbreviateSize?: number;
  readonly breakLength?: number;
  readonly compact?: boolean;
  readonly colors?: boolean;
}

/** A signal that the command line listens to. */
export type HostSignal = "SIGINT" | "SIGTERM" | "SIGHUP";

/** What may be asked permission for. */
export type HostPermission =
  | { readonly name: "net"; readonly host?: string }
  | { readonly name: "read"; readonly path?: string }
  | { readonly name: "env"; readonly variable?: string };

/** What is said to it; where a runtime has no permissions, everything is granted. */
export interface HostPermissionState {
  readonly state: "granted" | "denied" | "prompt";
}

/** The runtime. */
export interface Host {
  readonly args: readonly string[];
  readonly pid: number;
  readonly build: { readonly os: string; readonly standalone?: boolean };
  readonly env: { get(name: string): string | undefined };
  readonly permissions: {
    query(permission: HostPermission): Promise<HostPermissionState>;
    querySync(permission: HostPermission): HostPermissionState;
  };
  readonly errors: {
    readonly AddrInUse: HostErrorClass;
    readonly AddrNotAvailable: HostErrorClass;
    readonly BadResource: HostErrorClass;
    readonly ConnectionRefused: HostErrorClass;
    readonly IsADirectory: HostErrorClass;
    readonly NotADirectory: HostErrorClass;
    readonly NotCapable: HostErrorClass;
    readonly NotFound: HostErrorClass;
    readonly PermissionDenied: HostErrorClass;
  };
  readonly stdin: { readonly readable: ReadableStream<Uint8Array>; isTerminal(): boolean; setRaw(raw: boolean): void };
  readonly stderr: { write(bytes: Uint8Array): Promise<number>; writeSync(bytes: Uint8Array): number };

  cwd(): string;
  hostname(): string;
  exit(code: number): never;
  addSignalListener(signal: HostSignal, handler: () => void): void;
  removeSignalListener(signal: HostSignal, handler: () => void): void;
  inspect(value: unknown, options?: HostInspectOptions): string;
  memoryUsage(): {
    readonly rss: number;
    readonly heapUsed: number;
    readonly heapTotal: number;
    readonly external: number;
  };

  /** Listens; where the runtime cannot say at once whether it does, it promises to. */
  listen(options: { readonly hostname: string; readonly port: number }): HostTcpListener | Promise<HostTcpListener>;
  listen(options: { readonly transport: "unix"; readonly path: string }): HostListener | Promise<HostListener>;
  connect(options: HostConnectOptions): Promise<HostTcpConnection>;
  connect(options: { readonly transport: "unix"; readonly path: string }): Promise<HostConnection>;
  /** `undefined`: the runtime has no web server whose requests could be upgraded. */
  readonly upgradeWebSocket?: (
    request: Request,
    options: { readonly protocol?: string },
  ) => { readonly socket: WebSocket; readonly response: Response };

  readFile(path: string): Promise<Uint8Array>;
  readTextFile(path: string): Promise<string>;
  readTextFileSync(path: string): string;
  writeFile(path: string, bytes: Uint8Array, options: HostOpenOptions): Promise<void>;
  readDir(path: string): AsyncIterable<HostEntry>;
  readDirSync(path: string): Iterable<HostEntry>;
  stat(path: string): Promise<HostFileInfo>;
  statSync(path: string): HostFileInfo;
  lstat(path: string): Promise<HostFileInfo>;
  lstatSync(path: string): HostFileInfo;
  realPath(path: string): Promise<string>;
  realPathSync(path: string): string;
  open(path: string, options: HostOpenOptions): Promise<HostFile>;
  openSync(path: string, options?: HostOpenOptions): { close(): void };
  rename(path: string, newPath: string): Promise<void>;
  remove(path: string): Promise<void>;
  removeSync(path: string): void;
  chmodSync(path: string, mode: number): void;
  chown(path: string, uid: number | null, gid: number | null): Promise<void>;
}

/** A thread, as who started it sees it. */
export interface Thread {
  onmessage: ((event: MessageEvent) => void) | null;
  onerror: ((event: ErrorEvent) => void) | null;
  postMessage(message: unknown, transfer: ArrayBuffer[]): void;
  postMessage(message: unknown): void;
  terminate(): void;
}

/** What a thread hears and answers with. */
export interface ThreadScope {
  onmessage: ((event: MessageEvent) => void) | null;
  postMessage(message: unknown): void;
}
