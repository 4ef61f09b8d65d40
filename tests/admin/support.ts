/** A broker whose admin API is asked as a host program asks it, or over its own listener. */
import type { AdminRole, BrokerConfig } from "../../src/config/config.ts";
import { startBroker, type TestBroker } from "../support/test_broker.ts";

const BASE = "http://localhost/api/v1";

/** What an answer holds. */
// deno-lint-ignore no-explicit-any
export type Json = any;

/** Asks the API as a user whom the host program knows. */
export class AdminUser {
  readonly #broker: TestBroker;
  readonly #role: AdminRole;
  #csrf = "";

  constructor(broker: TestBroker, role: AdminRole) {
    this.#broker = broker;
    this.#role = role;
  }

  /** The answer to any request, without a CSRF header of its own. */
  ask(path: string, init: RequestInit = {}): Promise<Response> {
    const user = { name: "ada", role: this.#role };
    return this.#broker.broker.admin(new Request(`${BASE}${path}`, init), { user });
  }

  async get(path: string): Promise<Json> {
    const response = await this.ask(path);
    if (!response.ok) throw new Error(`GET ${path}: ${response.status} ${await response.text()}`);
    return await response.json();
  }

  async post(path: string, body: unknown): Promise<Response> {
    if (this.#csrf === "") this.#csrf = (await this.get("/session")).csrf;
    const headers = { "content-type": "application/json", "x-csrf-token": this.#csrf };
    return await this.ask(path, { method: "POST", headers, body: JSON.stringify(body) });
  }

  async do(path: string, body: unknown): Promise<Json> {
    const response = await this.post(path, body);
    if (!response.ok) throw new Error(`POST ${path}: ${response.status} ${await response.text()}`);
    return await response.json();
  }
}

/** A broker and somebody with a role. What happens is remembered from the start. */
export async function startAdmin(
  { role = "admin", config = {} }: { readonly role?: AdminRole; readonly config?: BrokerConfig } = {},
): Promise<{ broker: TestBroker; user: AdminUser }> {
  const broker = await startBroker(config);
  void broker.broker.topics;
  return { broker, user: new AdminUser(broker, role) };
}

/** Reads Server-Sent Events one by one. */
export class EventReader implements AsyncDisposable {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #decoder = new TextDecoder();
  #text = "";

  constructor(response: Response) {
    this.#reader = response.body!.getReader();
  }

  /** The next event; comments are passed over. `undefined`: the stream has ended. */
  async next(): Promise<{ event: string; data: Json } | undefined> {
    while (true) {
      const end = this.#text.indexOf("\n\n");
      if (end >= 0) {
        const block = this.#text.slice(0, end);
        this.#text = this.#text.slice(end + 2);
        const [, event, data] = /^event: (.*)\ndata: (.*)$/.exec(block) ?? [];
        if (event !== undefined) return { event, data: JSON.parse(data!) };
        continue;
      }
      const { done, value } = await this.#reader.read();
      if (done) return undefined;
      this.#text += this.#decoder.decode(value, { stream: true });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#reader.cancel();
  }
}
