/** What several of the transport tests need. */
import type { Logger } from "../../src/logger.ts";
import { streamTransport } from "../../src/transport/stream.ts";
import type { TlsSource } from "../../src/transport/tls/material.ts";
import type { Listener, Transport } from "../../src/transport/transport.ts";
import { type Authority, type IssuedCertificate, makeAuthority } from "../support/certificates.ts";

/** Long enough never to matter. */
export const UNHURRIED_SECONDS = 30;

/** A logger that keeps what it is told, and lets a test wait for a line. */
export class RecordingLogger implements Logger {
  readonly lines: string[] = [];
  #waiting: { readonly pattern: RegExp; resolve(line: string): void }[] = [];

  debug(message: string): void {
    this.#add(`debug ${message}`);
  }

  info(message: string): void {
    this.#add(`info ${message}`);
  }

  warn(message: string): void {
    this.#add(`warn ${message}`);
  }

  error(message: string): void {
    this.#add(`error ${message}`);
  }

  /** The first line that matches, as soon as there is one. */
  line(pattern: RegExp): Promise<string> {
    const found = this.lines.find((line) => pattern.test(line));
    if (found) return Promise.resolve(found);
    return new Promise((resolve) => this.#waiting.push({ pattern, resolve }));
  }

  #add(line: string): void {
    this.lines.push(line);
    for (const { pattern, resolve } of this.#waiting) if (pattern.test(line)) resolve(line);
  }
}

/** The next connection that a listener gives out. */
export async function nextOf(transports: AsyncIterator<Transport>): Promise<Transport> {
  const { done, value } = await transports.next();
  if (done) throw new Error("The listener ended");
  return value;
}

/** Connects to a listener by TCP. */
export async function connectTcp(listener: Listener): Promise<Transport> {
  return streamTransport(await Deno.connect({ hostname: "127.0.0.1", port: listener.address.port }));
}

/** Connects to a listener by TLS. */
export async function connectTls(
  listener: Listener,
  authority: IssuedCertificate,
  client?: IssuedCertificate,
): Promise<Transport> {
  const identity = client ? { cert: client.certificate, key: client.key } : {};
  const caCerts = [authority.certificate];
  const { port } = listener.address;
  const connection = await Deno.connectTls({ hostname: "localhost", port, caCerts, ...identity });
  await connection.handshake();
  return streamTransport(connection);
}

/** Reads exactly `length` bytes. */
export async function readBytes(transport: Transport, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length;) {
    const count = await transport.read(bytes.subarray(at));
    if (count === null) throw new Error(`Expected ${length} bytes: got the end after ${at}`);
    at += count;
  }
  return bytes;
}

/** Waits until the stream has ended or broken, whichever it is. */
export async function ended(transport: Transport): Promise<void> {
  const scratch = new Uint8Array(4096);
  try {
    while (await transport.read(scratch) !== null);
  } catch {
    // Broken is ended, too.
  }
}

/** A folder with the files of a TLS server, which goes with the test. */
export class TlsFolder implements AsyncDisposable {
  readonly path: string = Deno.makeTempDirSync();
  readonly authority: Authority = makeAuthority();
  readonly server: IssuedCertificate = this.issueServer();

  constructor() {
    this.writeServer(this.server);
    this.write("ca.pem", this.authority.certificate);
  }

  /** A certificate for this machine. */
  issueServer(commonName = "localhost"): IssuedCertificate {
    return this.authority.issue({ commonName, sans: ["DNS:localhost", "IP:127.0.0.1"] });
  }

  /** Puts a file into the folder, and returns its path. */
  write(name: string, text: string): string {
    const path = `${this.path}/${name}`;
    Deno.writeTextFileSync(path, text);
    return path;
  }

  writeServer(server: IssuedCertificate): void {
    this.write("server.pem", server.certificate);
    this.write("server.key", server.key);
  }

  source(more: Partial<TlsSource> = {}): TlsSource {
    const certfile = `${this.path}/server.pem`;
    const keyfile = `${this.path}/server.key`;
    return { certfile, keyfile, clientCertificate: "off", ...more };
  }

  /** With client certificates. */
  mutualSource(clientCertificate: "optional" | "required", more: Partial<TlsSource> = {}): TlsSource {
    return this.source({ clientCertificate, cafile: `${this.path}/ca.pem`, ...more });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.path, { recursive: true });
  }
}
