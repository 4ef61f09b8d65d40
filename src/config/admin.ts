/** The section `admin`: where it listens, who may sign in, and how much is remembered for it. */
import { resolve } from "node:path";
import { isLoopback } from "../transport/address.ts";
import type { Bind } from "./bind.ts";
import type { PluginEntry, ResolvedAdmin } from "./config.ts";
import { defaultAdmin } from "./keys.ts";
import type { Report } from "./report.ts";
import { adminSchema, type BrokerValues } from "./schema.ts";
import { readSection, type Section } from "./section.ts";

const DEFAULT_PORT = 9883;

/** What the section is read with. */
export interface AdminContext {
  readonly baseDirectory: string;
  readonly plugins: readonly PluginEntry[];
  readonly report: Report;
}

/** Reads `admin`. Without the section it listens nowhere, and holds for what a program hands in. */
export function resolveAdmin(broker: Section<BrokerValues>, context: AdminContext): ResolvedAdmin {
  const { admin: input } = broker.values;
  const { report, plugins } = context;
  const section = readSection(adminSchema, input ?? {}, broker.pathOf("admin"), report);
  const { values, pathOf } = section;
  const binds = input === undefined ? [] : (values.bind ?? [{ hostname: "127.0.0.1" }]).map(withPort);
  const { keyfile, certfile, insecure = false, users } = values;
  if (keyfile !== undefined && certfile === undefined) {
    report.fault(pathOf("keyfile"), "has no effect without certfile: got none");
  }
  const open = binds.find(({ hostname }) => !isLoopback(hostname));
  if (open && certfile === undefined && !insecure) {
    const advice = "give certfile, or insecure: true if passwords may cross the network in plain text";
    report.fault(pathOf("bind"), `must be loopback without TLS (${advice}): got ${open.hostname}`);
  } else if (open && certfile === undefined) {
    report.warn(pathOf("insecure"), "passwords and messages cross the network in plain text");
  }
  const listed = Object.keys(users ?? {}).length > 0;
  if (listed && !plugins.some(({ specifier }) => specifier === "auth.file")) {
    report.fault(pathOf("users"), "must be users of a password file: got no auth.password-file");
  }
  return resolved(values, binds, context);
}

function withPort({ hostname, port = DEFAULT_PORT }: Bind): { hostname: string; port: number } {
  return { hostname, port };
}

type AdminValues = ReturnType<typeof adminSchema.parse>;

function resolved(values: AdminValues, binds: ResolvedAdmin["binds"], { baseDirectory }: AdminContext): ResolvedAdmin {
  const { certfile, publicUrl, tokensFile } = values;
  const { keyfile = certfile } = values;
  return {
    binds,
    ...(certfile !== undefined && {
      tls: { certfile: resolve(baseDirectory, certfile), keyfile: resolve(baseDirectory, keyfile ?? certfile) },
    }),
    ...(publicUrl !== undefined && { publicUrl: publicUrl.replace(/\/+$/, "") }),
    ...(tokensFile !== undefined && { tokensFile: resolve(baseDirectory, tokensFile) }),
    insecure: values.insecure ?? defaultAdmin.insecure,
    metricsPublic: (values.metrics ?? defaultAdmin.metrics).public,
    users: values.users ?? Object.create(null),
    viewerPayloads: values.viewerPayloads ?? defaultAdmin.viewerPayloads,
    sessionTimeout: values.sessionTimeout ?? defaultAdmin.sessionTimeout,
    maxTopics: values.maxTopics ?? defaultAdmin.maxTopics,
    maxTopicsBytes: values.maxTopicsBytes ?? defaultAdmin.maxTopicsBytes,
    maxHistoryClients: values.maxHistoryClients ?? defaultAdmin.maxHistoryClients,
    maxHistoryBytes: values.maxHistoryBytes ?? defaultAdmin.maxHistoryBytes,
  };
}
