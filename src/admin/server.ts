import { errorText } from "../error_text.ts";
import { loggerOf } from "../logger.ts";
import { host, type HostHttpServer } from "../runtime/host.ts";
import { formatAddress } from "../transport/address.ts";
import { AdminApi } from "./api.ts";
import type { Identity } from "./access/identity.ts";
import type { AdminHost } from "./host.ts";
import type { LogTap } from "./log_tap.ts";
import type { Recorder } from "./recorder.ts";

/** The admin API with its own listeners, if there are any. */
export class AdminServer {
  readonly #host: AdminHost;
  readonly #api: AdminApi;
  readonly #servers: HostHttpServer[] = [];
  readonly #ending = new AbortController();

  constructor(host: AdminHost, recorder: Recorder, log: LogTap) {
    this.#host = host;
    this.#api = new AdminApi(host, recorder, log);
  }

  /** Where browsers reach it, one for each listener. */
  get urls(): readonly string[] {
    const { tls } = this.#host.config.admin;
    return this.#servers.map(({ addr }) => `${tls ? "https" : "http"}://${formatAddress(addr.hostname, addr.port)}/`);
  }

  /** The address that a person opens; with a one-time token if that is how one signs in and it was not used. */
  get link(): string | undefined {
    const { publicUrl } = this.#host.config.admin;
    const base = publicUrl === undefined ? this.urls[0] : `${publicUrl}/`;
    const { linkToken } = this.#api.access;
    return base !== undefined && linkToken !== undefined ? `${base}#token=${linkToken}` : base;
  }

  /** Opens all listeners, or none. @throws {Error} that names the address or file at fault */
  async listen(): Promise<void> {
    const { binds, tls, insecure } = this.#host.config.admin;
    const logger = loggerOf(this.#host.logger, "admin");
    try {
      const keys = tls && { cert: await readPem("certfile", tls.certfile), key: await readPem("keyfile", tls.keyfile) };
      for (const bind of binds) this.#servers.push(await this.#serve(bind, keys));
    } catch (error) {
      await this.close();
      throw error;
    }
    for (const url of this.urls) logger.info(`admin: serving ${url}`);
    if (insecure && !tls) logger.warn("admin: passwords may cross the network in plain text (admin.insecure)");
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

  async close(): Promise<void> {
    this.#api.close();
    this.#ending.abort();
    await Promise.all(this.#servers.map(({ finished }) => finished));
  }

  async #serve(
    { hostname, port }: { readonly hostname: string; readonly port: number },
    keys: { readonly cert: string; readonly key: string } | undefined,
  ): Promise<HostHttpServer> {
    const hosts = ["localhost", hostname];
    const options = { hostname, port, ...keys, signal: this.#ending.signal, onListen: () => {} };
    try {
      return await host.serve(options, (request, { remoteAddr }) => {
        const path = new URL(request.url).pathname;
        return this.#api.answer({ request, path, hostname: remoteAddr.hostname, hosts });
      });
    } catch (error) {
      throw new Error(`admin.bind: cannot listen on ${formatAddress(hostname, port)}: ${errorText(error)}`, {
        cause: error,
      });
    }
  }
}

async function readPem(key: string, file: string): Promise<string> {
  try {
    return await host.readTextFile(file);
  } catch (cause) {
    throw new Error(`admin.${key}: cannot read ${file}: ${errorText(cause)}`, { cause });
  }
}
