import { type Context, Hono } from "hono";
import type { z } from "zod";
import { errorText } from "../error_text.ts";
import { loggerOf } from "../logger.ts";
import { Access, type Caller } from "./access/access.ts";
import { type Identity, mayDo, sameSecret } from "./access/identity.ts";
import { checkOrigin } from "./access/origin_check.ts";
import { Audit } from "./audit.ts";
import { EventStream } from "./event_stream.ts";
import type { AdminHost } from "./host.ts";
import type { LogTap } from "./log_tap.ts";
import { openApiOf } from "./openapi.ts";
import { pageFile } from "./page.ts";
import { pagePolicy } from "./page_policy.ts";
import { Problem } from "./problem.ts";
import type { Recorder } from "./recorder.ts";
import { MAXIMUM_BODY_BYTES, readJson } from "./request_body.ts";
import type { ApiParts, Route } from "./route.ts";
import { routes } from "./routes/all.ts";

/** Where the API begins. */
export const API_PATH = "/api/v1";
const MAXIMUM_STREAMS = 64;
/** Of these, those of one user or token, so that one cannot take them from all others. */
const MAXIMUM_STREAMS_OF_ONE = 16;
/** How often it is looked whether who reads a stream still may. */
const STREAMS_LOOK_MS = 1000;
/** What a request of somebody who is not signed in may bring. */
const MAXIMUM_SIGN_IN_BYTES = 16_384;
/** How long an answer may take. */
const DEADLINE_MS = 30_000;

/** A request with what is known of it beside. */
export interface AdminRequest extends Caller {
  /** Below the admin's own path, such as `/api/v1/overview`. */
  readonly path: string;
  /** Names that are served, see `OriginRules`. */
  readonly hosts: readonly string[] | undefined;
}

type Environment = { Bindings: { readonly asked: AdminRequest } };

/** Nobody in particular, for the routes that need nobody. */
const nobody: Identity = {
  name: "nobody",
  role: "viewer",
  payloads: false,
  csrf: undefined,
  sessionKey: undefined,
  expiresAtMs: undefined,
};

const SAFE_HEADERS: readonly (readonly [string, string])[] = [
  ["x-content-type-options", "nosniff"],
  ["referrer-policy", "no-referrer"],
  ["cross-origin-resource-policy", "same-origin"],
  ["cache-control", "no-store"],
];

/** Answers requests to the admin API, the page, and what machines ask. */
export class AdminApi {
  readonly access: Access;
  readonly #parts: ApiParts;
  readonly #app: Hono<Environment>;
  /** With who reads them. */
  readonly #streams = new Map<EventStream, { readonly identity: Identity; readonly asked: AdminRequest }>();
  #isWatching = false;

  constructor(host: AdminHost, recorder: Recorder, log: LogTap) {
    this.access = new Access(host);
    this.#parts = {
      host,
      recorder,
      log,
      audit: new Audit(host.logger),
      access: this.access,
      openStream: () => {
        throw new Error("who reads the stream is not known");
      },
      openApi: () => openApiOf(routes),
    };
    this.#app = this.#makeApp();
  }

  /** Never rejects. */
  async answer(asked: AdminRequest): Promise<Response> {
    const response = await this.#app.fetch(asked.request, { asked });
    const { headers } = response;
    headers.set("content-security-policy", pagePolicy(asked.request.url, this.#parts.host.listeners()));
    for (const [name, value] of SAFE_HEADERS) if (!headers.has(name)) headers.set(name, value);
    return response;
  }

  /** Ends every stream. */
  close(): void {
    for (const stream of [...this.#streams.keys()]) stream.close();
  }

  #makeApp(): Hono<Environment> {
    const app = new Hono<Environment>({ getPath: (_, options) => options?.env?.asked.path ?? "/" });
    for (const route of routes) app.on(route.method, `${API_PATH}${route.path}`, (c) => this.#serve(route, c));
    app.get("/livez", ({ env }) => this.#health(env.asked, this.#parts.host.observability?.live() ?? true));
    app.get("/readyz", ({ env }) => this.#health(env.asked, this.#isReady()));
    app.get("/metrics", ({ env }) => this.#metrics(env.asked));
    app.get("/:file{[^/]*}", ({ env, req }) => this.#page(env.asked, req.param("file")));
    for (const path of new Set(routes.map(({ path }) => path))) {
      const allow = routes.filter((route) => route.path === path).map(({ method }) => method).join(", ");
      const headers = { allow };
      app.all(`${API_PATH}${path}`, () => new Problem(405, `this takes ${allow}`, { headers }).response());
    }
    app.notFound(() => new Problem(404, "there is nothing here").response());
    app.onError((error) => this.#failed(error));
    return app;
  }

  async #serve(route: Route, { env: { asked } }: Context<Environment>): Promise<Response> {
    const { host, audit } = this.#parts;
    this.#checkOrigin(asked);
    const identity = await this.#admit(route, asked);
    const query = check(route.query, queryOf(asked.request));
    // Nobody would read it, nor end it.
    if (route.events && asked.request.method === "HEAD") return streamHead();
    const body = route.body ? await this.#body(route, asked) : {};
    const openStream = () => this.#openStream(identity, asked);
    const call = { ...this.#parts, openStream, identity, caller: asked, query, body };
    const answer = await this.#inTime(route.handle(call));
    if (isAudited(route, body)) {
      const { name: who, role } = identity;
      const subject = { ...query as object, ...body as object };
      audit.add({ atMs: host.epoch(), who, role, address: asked.hostname, action: route.path }, subject);
    }
    return answer instanceof Response ? answer : Response.json(answer);
  }

  async #body({ body, needs }: Route, { request }: AdminRequest): Promise<unknown> {
    const { host } = this.#parts;
    const maximumBytes = needs === "nobody" ? MAXIMUM_SIGN_IN_BYTES : MAXIMUM_BODY_BYTES;
    return check(body!, await readJson(request, { maximumBytes, after: (...when) => host.after(...when) }));
  }

  /** @throws {Problem} if whoever asks may not */
  async #admit(route: Route, asked: AdminRequest): Promise<Identity> {
    const csrf = asked.request.headers.get("x-csrf-token") ?? "";
    if (route.needs === "nobody") {
      // A page of another host cannot send it without being asked first.
      if (csrf === "") throw new Problem(403, "the header X-CSRF-Token is missing");
      return nobody;
    }
    const identity = await this.access.identify(asked);
    if (!identity) throw new Problem(401, "nobody is signed in", { more: { signIn: this.access.way } });
    if (!mayDo(identity.role, route.needs)) {
      throw new Problem(403, `this needs the role ${route.needs}: ${identity.name} has the role ${identity.role}`);
    }
    if (route.method === "POST" && identity.csrf !== undefined && !sameSecret(identity.csrf, csrf)) {
      throw new Problem(403, "the header X-CSRF-Token is missing or wrong");
    }
    return identity;
  }

  async #page(asked: AdminRequest, path: string): Promise<Response> {
    this.#checkOrigin(asked);
    const { pathname } = new URL(asked.request.url);
    // The page's own links begin where it lies.
    if (path === "" && !pathname.endsWith("/")) return redirect(`${pathname}/`);
    const file = await pageFile(path);
    if (!file) throw new Problem(404, "there is nothing here");
    return new Response(file.body, { headers: { "content-type": file.type } });
  }

  async #inTime(answer: unknown): Promise<unknown> {
    if (!(answer instanceof Promise)) return answer;
    let cancel = () => {};
    const late = new Promise<never>((_, reject) => {
      cancel = this.#parts.host.after(DEADLINE_MS, () => {
        reject(new Problem(503, `there was no answer within ${DEADLINE_MS / 1000} s`));
      });
    });
    try {
      return await Promise.race([answer, late]);
    } finally {
      cancel();
    }
  }

  #checkOrigin({ request, hosts }: AdminRequest): void {
    checkOrigin(request, { hosts, publicUrl: this.#parts.host.config.admin.publicUrl });
  }

  #isReady(): boolean {
    const { observability, running, statistics } = this.#parts.host;
    return observability?.ready() ?? (running && statistics.storeFault === undefined);
  }

  /** Says no word more to who has not signed in. */
  #health(_asked: AdminRequest, well: boolean): Response {
    return new Response(well ? "ok\n" : "unavailable\n", { status: well ? 200 : 503 });
  }

  async #metrics(asked: AdminRequest): Promise<Response> {
    const { observability, config } = this.#parts.host;
    this.#checkOrigin(asked);
    if (!config.admin.metricsPublic && !await this.access.identify(asked)) {
      throw new Problem(401, "nobody is signed in, and admin.metrics.public is not set");
    }
    if (!observability) throw new Problem(404, "there are no metrics");
    const { contentType, body } = observability.metrics(asked.request.headers.get("accept"));
    return new Response(body, { headers: { "content-type": contentType } });
  }

  #openStream(identity: Identity, asked: AdminRequest): EventStream {
    const own = [...this.#streams.values()].filter((other) => other.identity.name === identity.name).length;
    if (this.#streams.size >= MAXIMUM_STREAMS || own >= MAXIMUM_STREAMS_OF_ONE) {
      const there = own >= MAXIMUM_STREAMS_OF_ONE ? `${own} streams of ${identity.name}` : `${MAXIMUM_STREAMS} streams`;
      throw new Problem(503, `there are ${there} already`);
    }
    const { host } = this.#parts;
    if (!this.#isWatching) host.every(STREAMS_LOOK_MS, () => void this.#endStreams());
    this.#isWatching = true;
    const stream = new EventStream((...when) => host.after(...when));
    this.#streams.set(stream, { identity, asked });
    stream.onEnd(() => this.#streams.delete(stream));
    return stream;
  }

  /** Those of who has signed out, or whose session or token has ended. */
  async #endStreams(): Promise<void> {
    for (const [stream, { identity, asked }] of [...this.#streams]) {
      if (!await this.access.stillIs(identity, asked)) stream.close();
    }
  }

  #failed(error: unknown): Response {
    if (error instanceof Problem) return error.response();
    // What the broker says of a thing that cannot be done now is for people.
    if (error instanceof Error && error.constructor === Error) return new Problem(409, error.message).response();
    loggerOf(this.#parts.host.logger, "admin").error(`admin: a request failed: ${errorText(error)}`);
    return new Problem(500, "the log says what has happened").response();
  }
}

function streamHead(): Response {
  return new Response(null, { headers: { "content-type": "text/event-stream" } });
}

function isAudited({ method, path, needs }: Route, body: unknown): boolean {
  if ((body as { dryRun?: unknown }).dryRun === true) return false;
  return path === "/streams/trace" || (method === "POST" && needs !== "nobody" && path !== "/sign-out");
}

function queryOf({ url }: Request): Record<string, string> {
  return Object.fromEntries(new URL(url).searchParams);
}

/** @throws {Problem} that names every field at fault */
function check(schema: z.ZodObject, input: unknown): unknown {
  const result = schema.safeParse(input);
  if (result.success) return result.data;
  const known = Object.keys(schema.shape).join(", ") || "none";
  const errors = result.error.issues.flatMap((issue) =>
    issue.code === "unrecognized_keys"
      ? issue.keys.map((field) => ({ field, detail: `is not known: known are ${known}` }))
      : [{ field: issue.path.join(".") || "body", detail: issue.message }]
  );
  throw new Problem(400, errors.map(({ field, detail }) => `${field}: ${detail}`).join("; "), { errors });
}

function redirect(location: string): Response {
  return new Response(null, { status: 308, headers: { location } });
}
