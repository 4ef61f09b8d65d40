import type { ReloadReport } from "../broker/broker.ts";
import type { StartFindings } from "../broker/check_start.ts";
import type { AdminRole, ResolvedConfig } from "../config/config.ts";
import type { Answer, AskOptions } from "./ask.ts";
import type { PasswordOptions } from "../plugins/password_file.ts";

/** Where a listener is reached. */
export interface ListenerAddress {
  /** Kind of transport. */
  readonly type: "tcp" | "ws" | "external";
  /** TLS. */
  readonly secure: boolean;
  /** `undefined`: it has no socket. */
  readonly hostname?: string;
  /** `undefined`: it has no socket. */
  readonly port?: number;
  /** Path of its unix socket; `undefined`: it is none. */
  readonly socketPath?: string;
}

/** What the command line needs of a broker. */
export interface ServedBroker {
  /** By listener name, once it was started. */
  readonly addresses: Readonly<Record<string, ListenerAddress>>;
  /** The address of the admin page, with a one-time token if that is how one signs in; `undefined`: there is none. */
  readonly adminUrl?: string;
  /** Begins to listen. */
  start(): Promise<void>;
  /** Ends every connection and stops. */
  shutdown(): Promise<void>;
  /** Reads certificates and password files again, and takes over the permissions of the config. Tells what it has read. */
  reload(config: ResolvedConfig): Promise<ReloadReport>;
}

/** The rooms that the command line calls, loaded when a command needs them. */
export interface CliServices {
  /** Makes a broker that was not started yet. */
  createBroker(config: ResolvedConfig): Promise<ServedBroker>;
  /** Goes through a start, without listening or opening anything to anybody. */
  checkStart(config: ResolvedConfig): Promise<StartFindings>;
  /** Asks over HTTP. @throws {Error} if there is no answer in `timeoutMs` milliseconds */
  ask(url: string, timeoutMs: number, options?: AskOptions): Promise<Answer>;
  /** @throws {Error} if the user name cannot stand in a password file */
  checkUsername(username: string): Promise<void>;
  /** Adds a user to a password file, or changes their password. */
  setPassword(
    file: string,
    username: string,
    password: string,
    options: PasswordOptions,
  ): Promise<"added" | "changed">;
  readonly tokens: TokenServices;
}

/** The tokens of programs that use the admin API. */
export interface TokenServices {
  /** @returns the token. @throws {Error} if the name cannot be used, or the file cannot be read or written */
  add(file: string, name: string, role: AdminRole): Promise<string>;
  /** @throws {Error} if the file cannot be read */
  list(file: string): Promise<readonly { readonly name: string; readonly role: AdminRole; readonly made: string }[]>;
  /** False: there is none of this name. @throws {Error} if the file cannot be read or written */
  revoke(file: string, name: string): Promise<boolean>;
}

/** The real tokens, loaded when a command needs them. */
const tokenServices: TokenServices = {
  add: async (file, name, role) => {
    const { addToken } = await import("../admin/access/tokens.ts");
    return await addToken(file, name, role, new Date());
  },
  list: async (file) => {
    const { readTokens } = await import("../admin/access/tokens.ts");
    return await readTokens(file);
  },
  revoke: async (file, name) => {
    const { revokeToken } = await import("../admin/access/tokens.ts");
    return await revokeToken(file, name);
  },
};

/** The real ones. */
export const services: CliServices = {
  tokens: tokenServices,
  createBroker: async (config) => {
    const { Broker } = await import("../broker/broker.ts");
    const { alreadyResolved } = await import("../config/resolve.ts");
    const { processMemory } = await import("../runtime/process_memory.ts");
    const broker = new Broker(alreadyResolved(config), { baseDirectory: config.baseDirectory, processMemory });
    return {
      get addresses() {
        return broker.addresses;
      },
      get adminUrl() {
        return broker.adminUrl;
      },
      start: () => broker.start(),
      shutdown: () => broker.shutdown(),
      reload: (now) => broker.reload(alreadyResolved(now)),
    };
  },
  checkStart: async (config) => {
    const { checkStart } = await import("../broker/check_start.ts");
    return await checkStart(config);
  },
  ask: async (url, timeoutMs, options) => {
    const { ask } = await import("./ask.ts");
    return await ask(url, timeoutMs, options);
  },
  checkUsername: async (username) => {
    const { checkUsername } = await import("../plugins/password_file.ts");
    checkUsername(username);
  },
  setPassword: async (file, username, password, options) => {
    const { setPassword } = await import("../plugins/password_file.ts");
    return await setPassword(file, username, password, options);
  },
};
