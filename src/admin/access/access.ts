import type { AdminRole, ResolvedAdmin } from "../../config/config.ts";
import { errorText } from "../../error_text.ts";
import { loggerOf } from "../../logger.ts";
import { quote } from "../../quote.ts";
import type { AdminHost } from "../host.ts";
import { Problem } from "../problem.ts";
import { Attempts } from "./attempts.ts";
import { type Identity, mayDo, sameSecret, secret } from "./identity.ts";
import { LoginSessions, type Rights, type SignInWay } from "./login_sessions.ts";
import { TokenStore } from "./tokens.ts";

/** Where a request comes from. */
export interface Caller {
  readonly request: Request;
  /** Address of the peer, which no header can change; `undefined`: not known. */
  readonly hostname: string | undefined;
  /** The host program knows who it is. */
  readonly identity?: Identity;
}

/** Who may come in, and as whom. */
export class Access {
  readonly #host: AdminHost;
  readonly #sessions: LoginSessions;
  readonly #attempts: Attempts;
  readonly #bearerAttempts: Attempts;
  readonly #tokens: TokenStore | undefined;
  #linkToken: string | undefined;

  constructor(host: AdminHost) {
    this.#host = host;
    this.#sessions = new LoginSessions({
      epoch: () => host.epoch(),
      rightsOf: (name, { way, passwordMark }) =>
        way === "password" ? this.#rightsOfUser(name, passwordMark) : this.#rightsOfLink(),
    });
    this.#attempts = new Attempts(() => host.now());
    this.#bearerAttempts = new Attempts(() => host.now());
    const { tokensFile } = this.#config;
    this.#tokens = tokensFile === undefined ? undefined : new TokenStore(tokensFile);
    this.renewLink();
  }

  /** Its users may be others after a reload. */
  get #config(): ResolvedAdmin {
    return this.#host.config.admin;
  }

  /** How somebody signs in now. */
  get way(): SignInWay {
    return Object.keys(this.#config.users).length > 0 ? "password" : "link";
  }

  /** What the one-time link has to bring; `undefined`: it is used, or there are users with passwords. */
  get linkToken(): string | undefined {
    return this.#linkToken;
  }

  /** Makes a new one-time link in place of the old one. */
  renewLink(): void {
    this.#linkToken = this.way === "link" ? secret() : undefined;
  }

  /** Who makes the request; `undefined`: nobody who is known. @throws {Problem} if there were too many attempts */
  async identify({ request, identity, hostname }: Caller): Promise<Identity | undefined> {
    if (identity) return identity;
    const bearer = bearerOf(request);
    if (bearer !== undefined) return await this.#bearer(bearer, hostname);
    const key = cookieOf(request, cookieName(request));
    return key === undefined ? undefined : this.#sessions.get(key);
  }

  /** Signs a user in. @throws {Problem} if the password is wrong, or there were too many attempts */
  async signIn(username: string, password: string, { hostname }: Caller): Promise<Identity> {
    this.#checkAttempts(hostname);
    const attempt = { username, password, hostname, signal: new AbortController().signal };
    const succeed = this.#attempts.fail(hostname);
    // From before the check: a password that is changed meanwhile is not the one that was checked.
    const passwordMark = this.#host.passwordMark(username);
    // Whoever is not listed takes as long, and gets the same answer.
    const right = await this.#host.checkPassword(attempt) ?? false;
    const rights = right ? this.#rightsOfUser(username, passwordMark) : undefined;
    if (rights) {
      succeed();
      return this.#sessions.begin(rights, { way: "password", passwordMark }, this.#config.sessionTimeout);
    }
    throw this.#failed(
      `user ${quote(username)}`,
      "the user name or the password is wrong, or the user may not sign in here",
      hostname,
    );
  }

  /** Signs somebody in who has the printed link. @throws {Problem} if it is not the one */
  signInByLink(token: string, { hostname }: Caller): Identity {
    this.#checkAttempts(hostname);
    const expected = this.#linkToken;
    const succeed = this.#attempts.fail(hostname);
    if (expected === undefined || !sameSecret(expected, token)) {
      throw this.#failed(
        "a link",
        "the link is wrong or was used: a reload (SIGHUP) or a start prints a new one",
        hostname,
      );
    }
    succeed();
    this.#linkToken = undefined;
    const rights = { name: "link", role: "admin", payloads: true } as const;
    return this.#sessions.begin(rights, { way: "link" }, this.#config.sessionTimeout);
  }

  /** Ends the session that a request has a cookie of. */
  endSessionOf(request: Request): void {
    const key = cookieOf(request, cookieName(request));
    if (key !== undefined) this.#sessions.end(key);
  }

  signOut({ sessionKey }: Identity): void {
    if (sessionKey !== undefined) this.#sessions.end(sessionKey);
  }

  /**
   * Whether somebody whom {@linkcode identify} has found is still the same: not signed out, with the same role, and no token
   * revoked.
   */
  async stillIs(identity: Identity, { request, identity: known }: Caller): Promise<boolean> {
    if (known) return true;
    if (identity.sessionKey !== undefined) return this.#sessions.get(identity.sessionKey)?.role === identity.role;
    try {
      const found = await this.#tokens?.find(bearerOf(request) ?? "");
      return found !== undefined && `token ${found.name}` === identity.name && found.role === identity.role;
    } catch {
      return false;
    }
  }

  /** A token cannot be guessed: one that is right need not wait for others that were wrong. */
  async #bearer(token: string, hostname: string | undefined): Promise<Identity | undefined> {
    try {
      const found = await this.#tokens?.find(token);
      if (!found) {
        this.#checkAttempts(hostname, this.#bearerAttempts);
        this.#bearerAttempts.fail(hostname);
        throw this.#failed("a bearer token", "the bearer token is not known", hostname);
      }
      const { name, role } = found;
      const payloads = this.#seesPayloads(role);
      const nothing = { csrf: undefined, sessionKey: undefined, expiresAtMs: undefined };
      return { name: `token ${name}`, role, payloads, ...nothing };
    } catch (error) {
      if (error instanceof Problem) throw error;
      loggerOf(this.#host.logger, "admin").error(`admin: ${errorText(error)}`);
      throw new Problem(503, "tokens cannot be read; the log says why");
    }
  }

  /** `undefined`: the user is not listed, or does not have that password any longer. */
  #rightsOfUser(name: string, passwordMark: string | undefined): Rights | undefined {
    const role = Object.hasOwn(this.#config.users, name) ? this.#config.users[name] : undefined;
    if (role === undefined || passwordMark === undefined) return undefined;
    if (this.#host.passwordMark(name) !== passwordMark) return undefined;
    return { name, role, payloads: this.#seesPayloads(role) };
  }

  /** Nobody comes by a link where users are listed. */
  #rightsOfLink(): Rights | undefined {
    return this.way === "link" ? { name: "link", role: "admin", payloads: true } : undefined;
  }

  #seesPayloads(role: AdminRole): boolean {
    return mayDo(role, "operator") || this.#config.viewerPayloads;
  }

  #checkAttempts(hostname: string | undefined, attempts = this.#attempts): void {
    const seconds = attempts.waitSeconds(hostname);
    if (seconds === 0) return;
    const headers = { "retry-after": String(seconds) };
    throw new Problem(429, `too many failed sign-ins: try again in ${seconds} s`, { headers });
  }

  #failed(who: string, detail: string, hostname: string | undefined): Problem {
    loggerOf(this.#host.logger, "admin").warn(`admin: sign-in of ${who} from ${hostname ?? "unknown"} failed`);
    return new Problem(401, detail, { more: { signIn: this.way } });
  }
}

function bearerOf({ headers }: Request): string | undefined {
  return /^Bearer +(\S+)$/i.exec(headers.get("authorization") ?? "")?.[1];
}

/** Browsers do not tell ports of one host apart, so that the name has to. */
export function cookieName(request: Request): string {
  return `amqtt_admin_${new URL(request.url).port || "0"}`;
}

function cookieOf(request: Request, name: string): string | undefined {
  for (const pair of request.headers.get("cookie")?.split(";") ?? []) {
    const [key, value] = pair.trim().split("=");
    if (key === name) return value;
  }
  return undefined;
}
