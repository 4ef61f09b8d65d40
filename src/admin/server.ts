import { errorText } from "../error_text.ts";
import { loggerOf } from "../logger.ts";
import { formatAddress } from "../transport/address.ts";
import type { Transport } from "../transport/transport.ts";
import type { Identity } from "./access/identity.ts";
import { AdminApi } from "./api.ts";
import type { AdminHost } from "./host.ts";
import { HttpServer } from "./http/http_server.ts";
import type { Answer } from "./http/peer.ts";
import type { LogTap } from "./log_tap.ts";
import type { Recorder } from "./recorder.ts";

/** Where the admin API listens. */
export interface AdminAddress {
  /** As the config has it. */
  readonly hostname: string;
  /** The port it really listens on. */
  readonly port: number;
  readonly secure: boolean;
}

/** The admin API, for connections that the broker accepts and for requests that a program hands in. */
export class AdminServer {
  readonly #host: AdminHost;
  readonly #api: AdminApi;
  readonly #http: HttpServer;
  #addresses: readonly AdminAddress[] = [];

  constructor(host: AdminHost, recorder: Recorder, log: LogTap) {
    const logger = loggerOf(host.logger, "admin");
    this.#host = host;
    this.#api = new AdminApi(host, recorder, log);
    this.#http = new HttpServer({
      after: (ms, run) => host.after(ms, run),
      failed: (error) => logger.error(`admin: a request failed: ${errorText(error)}`),
    });
  }

  /** Where browsers reach it, one for each address. */
  get urls(): readonly string[] {
    return this.#addresses.map(({ hostname, port, secure }) =>
      `${secure ? "https" : "http"}://${formatAddress(hostname, port)}/`
    );
  }

  /** The address that a person opens; with a one-time token if that is how one signs in and it was not used. */
  get link(): string | undefined {
    const { publicUrl } = this.#host.config.admin;
    const base = publicUrl === undefined ? this.urls[0] : `${publicUrl}/`;
    const { linkToken } = this.#api.access;
    return base !== undefined && linkToken !== undefined ? `${base}#token=${linkToken}` : base;
  }

  /** Connections that are open. */
  get connections(): number {
    return this.#http.connections;
  }

  /** It listens there. */
  opened(addresses: readonly AdminAddress[]): void {
    this.#addresses = addresses;
    const logger = loggerOf(this.#host.logger, "admin");
    for (const url of this.urls) logger.info(`admin: serving ${url}`);
  }

  /** Answers what comes over a connection. @param hostname of its listener, as the config has it */
  serve(transport: Transport, hostname: string): void {
    const hosts = ["localhost", hostname];
    const answer: Answer = (request, from) => {
      const path = new URL(request.url).pathname;
      return this.#api.answer({ request, path, hostname: from.hostname, hosts });
    };
    this.#http.serve(transport, answer);
  }

  /** Answers a request that came by a server of the host program's. */
  answer(request: Request, { path, hostname, identity }: {
    readonly path: string;
    readonly hostname?: string;
    readonly identity?: Identity;
  }): Promise<Response> {
    return this.#api.answer({ request, path, hostname, identity, hosts: undefined });
  }

  /** The printed link that was not used is worth nothing from now on. */
  renewLink(): void {
    this.#api.access.renewLink();
  }

  /** Ends the streams, then the connections. */
  async close(): Promise<void> {
    this.#api.close();
    await this.#host.letRun();
    this.#http.close();
  }
}
