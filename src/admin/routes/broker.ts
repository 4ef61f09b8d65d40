/** The broker as a whole: figures, listeners, plugins, store, config, log. */
import { z } from "zod";
import { configEntries } from "../config_view.ts";
import { STEP_SECONDS } from "../overview_history.ts";
import { overviewOf, storeOf } from "../overview.ts";
import { first } from "../ring.ts";
import { get, post, type Route } from "../route.ts";
import { limit, search } from "../schemas.ts";
import { eventView, time } from "../views.ts";

const LEVELS = ["debug", "info", "warning", "error"] as const;

const logQuery = z.strictObject({ level: z.enum(LEVELS).default("debug"), search, limit });

export const brokerRoutes: readonly Route[] = [
  get("/overview", {
    needs: "viewer",
    summary: "How the broker is, in figures and in words",
    handle: ({ host, recorder }) => overviewOf({ host, recorder }),
  }),
  get("/overview/history", {
    needs: "viewer",
    summary: "The figures of the last hour",
    handle: ({ recorder }) => ({
      stepSeconds: STEP_SECONDS,
      points: recorder.overview.points().map(({ atMs, ...figures }) => ({ at: time(atMs), ...figures })),
    }),
  }),
  get("/listeners", {
    needs: "viewer",
    summary: "The listeners with their certificates",
    handle: ({ host }) => ({
      items: host.listeners().map(({ certificate, address = null, ...listener }) => ({
        ...listener,
        address,
        clients: host.inspection.clientsOf(listener.name),
        certificate: certificate
          ? { notBefore: certificate.from.toISOString(), notAfter: certificate.to.toISOString() }
          : null,
      })),
    }),
  }),
  get("/plugins", {
    needs: "viewer",
    summary: "The plugins in the order in which they are asked",
    handle: ({ host }) => ({ items: host.config.plugins.map(({ specifier, place }) => ({ specifier, place })) }),
  }),
  get("/store", {
    needs: "viewer",
    summary: "Where sessions and messages are kept",
    handle: ({ host }) => storeOf(host),
  }),
  get("/config", {
    needs: "viewer",
    summary: "The config in force, without secrets",
    handle: ({ host }) => ({ entries: configEntries(host.config) }),
  }),
  get("/log", {
    needs: "viewer",
    summary: "The last records of the log, newest first",
    query: logQuery,
    handle: ({ log, query }) => {
      const text = query.search?.toLowerCase();
      const wanted = [...log.newestFirst()].filter(({ level, message, category }) =>
        LEVELS.indexOf(level) >= LEVELS.indexOf(query.level) &&
        (text === undefined || `${category} ${message}`.toLowerCase().includes(text))
      );
      return { items: wanted.slice(0, query.limit).map(({ atMs, ...record }) => ({ at: time(atMs), ...record })) };
    },
  }),
  get("/events", {
    needs: "viewer",
    summary: "What has happened to clients, newest first",
    query: z.strictObject({ limit }),
    handle: ({ recorder, query }) => ({
      items: Array.from(first(recorder.timelines.newestFirst(), query.limit), eventView),
    }),
  }),
  get("/audit", {
    needs: "admin",
    summary: "Who has changed what through this API, newest first",
    query: z.strictObject({ limit }),
    handle: ({ audit, query }) => ({
      items: Array.from(first(audit.newestFirst(), query.limit), ({ atMs, address = null, ...record }) => ({
        at: time(atMs),
        address,
        ...record,
      })),
    }),
  }),
  get("/openapi.json", {
    needs: "viewer",
    summary: "This API as an OpenAPI 3.1 document",
    handle: ({ openApi }) => openApi(),
  }),
  post("/reload", {
    needs: "admin",
    summary: "Reads certificates, password files and permissions again",
    handle: ({ host }) => host.reload(),
  }),
];
