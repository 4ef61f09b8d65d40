/** WebSockets over TCP and TLS. */
import { listen, type ListenOptions } from "../endpoint.ts";
import { FramedTransport, type FramedTransportOptions } from "./framed_transport.ts";
import { Handshakes } from "../handshake.ts";
import { encodeUpgrade, LONGEST_HEAD_BYTES, MOST_FIELDS, readRequest, respond } from "./http_request.ts";
import { HandshakeRefusal, type OnRefused } from "../refusal.ts";
import type { WorkBudget } from "../../work_budget.ts";
import type { TlsSource } from "../tls/material.ts";
import type { CertificateValidity, Listener, Transport } from "../transport.ts";
import { judgeUpgrade, type UpgradeRefusal, type UpgradeRules } from "./upgrade.ts";

/** How a WebSocket listener listens. */
export interface WebSocketListenOptions extends ListenOptions {
  /** Serves `wss:` with this; `undefined`: `ws:`. */
  readonly tls?: TlsSource;
  /** The path that is served; `undefined`: any. */
  readonly path?: string;
  /** As {@linkcode UpgradeRules.origins}. */
  readonly origins?: readonly string[];
  /** As {@linkcode UpgradeRules.hosts}. */
  readonly hosts?: readonly string[];
  /** As {@linkcode UpgradeRules.place}. */
  readonly place?: string;
  /**
   * Largest frame in bytes; more closes the socket. Beyond that nothing has to be bounded: bytes are taken from the
   * connection only when somebody reads.
   */
  readonly maxInboundBytes: number;
  /** As {@linkcode FramedTransportOptions.work}. */
  readonly work?: WorkBudget;
  /** Seconds from TCP accept to the end of the TLS and HTTP handshakes, above 0; slower connections are closed. */
  readonly handshakeTimeoutSeconds: number;
  /** Told of who is refused in a handshake. @default the log, at `debug` */
  readonly onRefused?: OnRefused;
}

/**
 * Listens for MQTT over WebSocket.
 *
 * @throws {ListenError} if the TLS material cannot be used, or the address cannot be listened on
 */
export async function listenWebSocket(options: WebSocketListenOptions): Promise<Listener> {
  const { tls } = options;
  if (!tls) return new WebSocketListener(await listen(options), options);
  const { listenTls } = await import("../tls/listener.ts");
  return new WebSocketListener(await listenTls({ ...options, tls }), options);
}

class WebSocketListener implements Listener {
  readonly address: Listener["address"];
  readonly #below: Listener;
  readonly #handshakes: Handshakes;

  constructor(below: Listener, options: WebSocketListenOptions) {
    const { path, origins, hosts, place } = options;
    const rules = { path, origins, hosts, place };
    this.address = below.address;
    this.#below = below;
    this.#handshakes = new Handshakes({
      name: "WebSocket handshake",
      timeoutSeconds: options.handshakeTimeoutSeconds,
      logger: options.logger,
      onRefused: options.onRefused,
      shake: (raw, refuse) =>
        upgrade(raw, { rules, refuse, frames: { longestFrameBytes: options.maxInboundBytes, work: options.work } }),
    });
  }

  get certificateValidity(): CertificateValidity | undefined {
    return this.#below.certificateValidity;
  }

  [Symbol.asyncIterator](): AsyncIterator<Transport, void, undefined> {
    return this.#handshakes.run(this.#below);
  }

  reload(): Promise<void> {
    return this.#below.reload();
  }

  refresh(): Promise<boolean> {
    return this.#below.refresh();
  }

  async close(): Promise<void> {
    this.#handshakes.close();
    await this.#below.close();
  }
}

interface UpgradeParts {
  readonly rules: UpgradeRules;
  readonly frames: Omit<FramedTransportOptions, "rest">;
  refuse(refusal: HandshakeRefusal): void;
}

async function upgrade(raw: Transport, { rules, frames, refuse }: UpgradeParts): Promise<Transport> {
  const { work } = frames;
  const { request, rest } = await readRequest(raw, work);
  const party = work?.newcomer();
  if (party && work?.look(party)) await work.turn(party);
  if (request === "malformed" || request === "too-large") return await answer(raw, unreadable[request], refuse);
  const verdict = judgeUpgrade(request, rules);
  if ("status" in verdict) return await answer(raw, verdict, refuse);
  await raw.write(encodeUpgrade(request, verdict.subprotocol));
  return new FramedTransport(raw, { ...frames, rest });
}

const unreadable: Readonly<Record<"malformed" | "too-large", UpgradeRefusal>> = {
  "malformed": {
    status: 400,
    text: "This is not an HTTP/1.1 request.",
    kind: "http",
    reason: "what was sent is not an HTTP/1.1 request",
  },
  "too-large": {
    status: 431,
    text: `The head of a request must have at most ${LONGEST_HEAD_BYTES} bytes and ${MOST_FIELDS} fields.`,
    kind: "http-head-too-large",
    reason: `the head of the request must have at most ${LONGEST_HEAD_BYTES} bytes and ${MOST_FIELDS} fields`,
  },
};

/** The refusal is told before the answer, since the peer may take its time to go. */
async function answer(raw: Transport, refusal: UpgradeRefusal, refuse: UpgradeParts["refuse"]): Promise<never> {
  const { status, text, headers, kind, reason } = refusal;
  const error = new HandshakeRefusal(kind, `answered ${status}: ${reason}`);
  refuse(error);
  await respond(raw, status, text, headers);
  throw error;
}
