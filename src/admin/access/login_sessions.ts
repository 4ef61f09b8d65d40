import { type Identity, secret } from "./identity.ts";

/** Sessions at once; the oldest ends for a new one. */
const MAXIMUM_SESSIONS = 1000;

/** Who is signed in with a browser. A session ends with its time, at sign-out, or with the process. */
export class LoginSessions {
  readonly #sessions = new Map<string, Identity>();
  readonly #epoch: () => number;

  /** @param epoch tells milliseconds since the Unix epoch */
  constructor(epoch: () => number) {
    this.#epoch = epoch;
  }

  /** Begins a session. */
  begin(who: Pick<Identity, "name" | "role" | "payloads">, timeoutSeconds: number): Identity {
    const expiresAtMs = this.#epoch() + timeoutSeconds * 1000;
    const session = { ...who, csrf: secret(), sessionKey: secret(), expiresAtMs };
    this.#sessions.set(session.sessionKey, session);
    for (const key of this.#sessions.keys()) {
      if (this.#sessions.size <= MAXIMUM_SESSIONS) break;
      this.#sessions.delete(key);
    }
    return session;
  }

  /** The session with this key; `undefined`: there is none any longer. */
  get(key: string): Identity | undefined {
    const session = this.#sessions.get(key);
    if (!session || session.expiresAtMs === undefined || session.expiresAtMs > this.#epoch()) return session;
    this.#sessions.delete(key);
    return undefined;
  }

  end(key: string): void {
    this.#sessions.delete(key);
  }
}
