/** What a route of the API is: one table of them makes the checks, the handlers, the tests and the OpenAPI document. */
import type { z } from "zod";
import type { AdminRole } from "../config/config.ts";
import type { Access, Caller } from "./access/access.ts";
import type { Identity } from "./access/identity.ts";
import type { Audit } from "./audit.ts";
import type { EventStream } from "./event_stream.ts";
import type { AdminHost } from "./host.ts";
import type { LogTap } from "./log_tap.ts";
import type { Recorder } from "./recorder.ts";
import { nothing } from "./schemas.ts";

/** What every handler works with. */
export interface ApiParts {
  readonly host: AdminHost;
  readonly recorder: Recorder;
  readonly log: LogTap;
  readonly audit: Audit;
  readonly access: Access;
  /** Opens a stream. @throws {Problem} if there are too many */
  openStream(): EventStream;
  /** The OpenAPI document. */
  openApi(): unknown;
}

/** A request that was checked. */
export interface Call<Query = unknown, Body = unknown> extends ApiParts {
  readonly identity: Identity;
  readonly caller: Caller;
  readonly query: Query;
  readonly body: Body;
}

/** A route; see the module. */
export interface Route {
  readonly method: "GET" | "POST";
  /** Below the API's own path. */
  readonly path: string;
  /** `nobody`: one need not be signed in. */
  readonly needs: AdminRole | "nobody";
  /** One sentence for people. */
  readonly summary: string;
  readonly query: z.ZodObject;
  /** `undefined`: it takes none. */
  readonly body: z.ZodObject | undefined;
  /** Names of the events, if it is a stream. */
  readonly events: readonly string[] | undefined;
  /** Returns what is answered as JSON, a {@linkcode Response} as it is, or `undefined` for nothing. */
  handle(call: Call): unknown;
}

interface RouteOptions<Query extends z.ZodObject, Body extends z.ZodObject> {
  readonly needs: Route["needs"];
  readonly summary: string;
  readonly query?: Query;
  readonly body?: Body;
  readonly events?: readonly string[];
  handle(call: Call<z.output<Query>, z.output<Body>>): unknown;
}

/** A route that reads. */
export function get<Query extends z.ZodObject>(
  path: string,
  { query, ...options }: RouteOptions<Query, z.ZodObject>,
): Route {
  const { handle, needs, summary, events } = options;
  return {
    method: "GET",
    path,
    needs,
    summary,
    events,
    query: query ?? nothing,
    body: undefined,
    handle: handle as Route["handle"],
  };
}

/** A route that changes something. */
export function post<Body extends z.ZodObject>(
  path: string,
  { body, handle, needs, summary }: RouteOptions<z.ZodObject, Body>,
): Route {
  const shape = body ?? nothing;
  return {
    method: "POST",
    path,
    needs,
    summary,
    events: undefined,
    query: nothing,
    body: shape,
    handle: handle as Route["handle"],
  };
}
