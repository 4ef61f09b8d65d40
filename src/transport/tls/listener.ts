/** TLS over TCP. */
import { createServer, type TLSSocket } from "node:tls";
import { ClientCertificateCheck } from "./client_certificate.ts";
import { listen, type ListenOptions } from "../endpoint.ts";
import { Handshakes } from "../handshake.ts";
import { describeHello } from "../hello.ts";
import { HandshakeRefusal, type OnRefused } from "../refusal.ts";
import type { TlsMaterial, TlsSource } from "./material.ts";
import { TlsReader } from "./reader.ts";
import { TlsTransport } from "./tls_transport.ts";
import type { CertificateValidity, ClientCertificate, Listener, Transport } from "../transport.ts";
import { TransportDuplex } from "./transport_duplex.ts";

/** How a TLS listener listens. */
export interface TlsListenOptions extends ListenOptions {
  readonly tls: TlsSource;
  /** Seconds from TCP accept to the end of the TLS handshake, above 0; slower connections are closed. */
  readonly handshakeTimeoutSeconds: number;
  /** Told of who is refused in the handshake. @default the log, at `debug` */
  readonly onRefused?: OnRefused;
}

/**
 * Listens for TLS connections, and asks clients for certificates if `tls` says so.
 *
 * `Deno.listen` accepts, `node:tls` encrypts. `Deno.listenTls` would do both, but it cannot turn Nagle's algorithm off (a
 * small packet behind another one then waits some 40 ms for the peer), cannot ask for client certificates, and gives up its
 * port to take a new certificate. A server of `node:tls` that listens itself never accepts again once the process has run
 * out of file descriptors.
 *
 * @throws {ListenError} if certificates, keys or lists cannot be used, or the address cannot be listened on
 */
export async function listenTls(options: TlsListenOptions): Promise<Listener> {
  const reader = await TlsReader.open(options.tls);
  return new TlsListener(await listen(options), options, reader);
}

class TlsListener implements Listener {
  readonly address: Listener["address"];
  readonly #below: Listener;
  readonly #source: TlsSource;
  readonly #handshakes: Handshakes;
  readonly #reader: TlsReader;
  #check: ClientCertificateCheck;

  constructor(below: Listener, options: TlsListenOptions, reader: TlsReader) {
    this.address = below.address;
    this.#below = below;
    this.#source = options.tls;
    this.#reader = reader;
    this.#check = new ClientCertificateCheck(reader.material.revocationLists);
    this.#handshakes = new Handshakes({
      name: "TLS handshake",
      timeoutSeconds: options.handshakeTimeoutSeconds,
      logger: options.logger,
      onRefused: options.onRefused,
      shake: (raw) => this.#secure(raw),
    });
  }

  [Symbol.asyncIterator](): AsyncIterator<Transport, void, undefined> {
    return this.#handshakes.run(this.#below);
  }

  get certificateValidity(): CertificateValidity {
    return this.#reader.material.validity;
  }

  async reload(): Promise<void> {
    await this.#reader.reload();
    this.#check = new ClientCertificateCheck(this.#reader.material.revocationLists);
  }

  async refresh(): Promise<boolean> {
    const isNew = await this.#reader.refresh();
    if (isNew) this.#check = new ClientCertificateCheck(this.#reader.material.revocationLists);
    return isNew;
  }

  async close(): Promise<void> {
    this.#handshakes.close();
    await this.#below.close();
  }

  async #secure(raw: Transport): Promise<Transport> {
    const check = this.#check;
    const socket = await shakeHands(raw, this.#reader.material, this.#source.clientCertificate);
    return new TlsTransport(socket, raw, this.#certificateOf(socket, check));
  }

  #certificateOf(socket: TLSSocket, check: ClientCertificateCheck): ClientCertificate | undefined {
    const { clientCertificate } = this.#source;
    try {
      const certificate = clientCertificate === "off" ? undefined : check.take(socket);
      if (clientCertificate === "required" && !certificate) throw new Error("there is no client certificate");
      return certificate;
    } catch (error) {
      throw new HandshakeRefusal("client-certificate", error instanceof Error ? error.message : String(error));
    }
  }
}

/** Speaks the handshake. A server that never listens takes one connection: this is how Node's TLS is put on any stream. */
function shakeHands(
  raw: Transport,
  { certificates, key, authorities }: TlsMaterial,
  clientCertificate: TlsSource["clientCertificate"],
): Promise<TLSSocket> {
  const server = createServer({
    cert: certificates,
    key,
    ...(authorities.length > 0 ? { ca: [...authorities] } : {}),
    requestCert: clientCertificate !== "off",
    // The handshake is finished in any case, and the certificate is looked at afterwards.
    rejectUnauthorized: false,
    allowHalfOpen: true,
  });
  const stream = new TransportDuplex(raw);
  return new Promise((resolve, reject) => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    // What the connection does after the handshake is no longer looked at here.
    const settle = () => {
      clearTimeout(timer);
      stream.off("end", ended).off("close", closed);
    };
    const fail = (error: Error) => {
      settle();
      reject(error);
    };
    const closed = () => fail(new Error("the peer closed the connection"));
    // What came before the end is looked at first: it may complete the handshake.
    const ended = () => timer = setTimeout(fail, 0, new Error("the peer ended the connection"));
    stream.once("end", ended).once("close", closed);
    server.once("tlsClientError", (error) => fail(refusalOf(error, stream.firstBytes)));
    server.once("secureConnection", (socket) => {
      settle();
      // Breaks are seen by who reads or writes; an event without a listener would end the process.
      socket.on("error", () => {});
      resolve(socket);
    });
    server.emit("connection", stream);
  });
}

/** Whoever goes away without a word, as a health check does, is not refused. */
function refusalOf(error: Error, firstBytes: Uint8Array): Error {
  const spoken = describeHello(firstBytes);
  if (spoken === "a TLS hello") return new HandshakeRefusal("tls", error.message, { cause: error });
  if (spoken) return new HandshakeRefusal("plain-text", `${spoken} without TLS, which this listener has (ssl)`);
  return firstBytes.length === 0 ? error : new HandshakeRefusal("plain-text", "what was sent is not TLS");
}
