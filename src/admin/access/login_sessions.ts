import { type Identity, secret } from "./identity.ts";

/** Sessions at once; the oldest ends for a new one. */
const MAXIMUM_SESSIONS = 1000;

/** How somebody has signed in: by name and password, or by a link that was printed. */
export type SignInWay = "password" | "link";

/** Who somebody is, and what they may do. */
export type Rights = Pick<Identity, "name" | "role" | "payloads">;

/** How a session has begun. */
export interface SignInMeans {
  readonly way: SignInWay;
  /** What tells the password that it has begun with from others; `undefined`: there was none. */
  readonly passwordMark?: string;
}

/** What login sessions are begun and kept by. */
export interface LoginSessionsParts {
  /** Milliseconds since the Unix epoch. */
  epoch(): number;
  /** What somebody who has signed in may do now; `undefined`: they may not be here any longer. */
  rightsOf(name: string, means: SignInMeans): Rights | undefined;
}

interface LoginSession {
  readonly means: SignInMeans;
  readonly identity: Identity;
}

/**
 * Who is signed in with a browser. A session ends with its time, at sign-out, with the rights or the password of who has it,
 * or with the process.
 */
export class LoginSessions {
  readonly #sessions = new Map<string, LoginSession>();
  readonly #parts: LoginSessionsParts;

  constructor(parts: LoginSessionsParts) {
    this.#parts = parts;
  }

  /** Begins a session. */
  begin(rights: Rights, means: SignInMeans, timeoutSeconds: number): Identity {
    const expiresAtMs = this.#parts.epoch() + timeoutSeconds * 1000;
    const identity = { ...rights, csrf: secret(), sessionKey: secret(), expiresAtMs };
    this.#sessions.set(identity.sessionKey, { means, identity });
    for (const key of this.#sessions.keys()) {
      if (this.#sessions.size <= MAXIMUM_SESSIONS) break;
      this.#sessions.delete(key);
    }
    return identity;
  }

  /** The session with this key, with what its user may do now; `undefined`: there is none any longer. */
  get(key: string): Identity | undefined {
    const session = this.#sessions.get(key);
    if (!session) return undefined;
    const { means, identity } = session;
    const { expiresAtMs = Infinity } = identity;
    const rights = expiresAtMs > this.#parts.epoch() ? this.#parts.rightsOf(identity.name, means) : undefined;
    if (rights) return { ...identity, ...rights };
    this.#sessions.delete(key);
    return undefined;
  }

  end(key: string): void {
    this.#sessions.delete(key);
  }
}
