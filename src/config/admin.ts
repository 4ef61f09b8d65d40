/** The section `admin`: where it listens, who may sign in, and how much is remembered for it. */
import { resolve } from "node:path";
import { isLoopback } from "../transport/address.ts";
import type { PluginEntry, ResolvedAdmin, ResolvedAdminBind } from "./config.ts";
import { formatKeyPath } from "./key_path.ts";
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
  const binds = input === undefined ? [] : resolveBinds(section, context);
  const { users } = values;
  const listed = Object.keys(users ?? {}).length > 0;
  if (listed && !plugins.some(({ specifier }) => specifier === "auth.file")) {
    report.fault(pathOf("users"), "must be users of a password file: got no auth.password-file");
  }
  return resolved(values, binds, context);
}

function resolveBinds(section: Section<AdminValues>, context: AdminContext): ResolvedAdminBind[] {
  const { values, pathOf, path } = section;
  const { baseDirectory, report } = context;
  const given = values.bind ?? [{ bind: { hostname: "127.0.0.1" } }];
  if (values.keyfile !== undefined && values.certfile === undefined) {
    report.fault(pathOf("keyfile"), "has no effect without certfile: got none");
  }
  return given.map(({ bind: { hostname, port = DEFAULT_PORT }, ...own }, index) => {
    // One that stands alone has no place in a list.
    const at = own.certfile === undefined ? path : [...pathOf("bind"), ...given.length > 1 ? [index] : []];
    if (own.keyfile !== undefined && own.certfile === undefined) {
      report.fault([...pathOf("bind"), index, "keyfile"], "has no effect without certfile beside it: got none");
    }
    const { certfile, keyfile = certfile } = own.certfile === undefined ? values : own;
    const insecure = own.insecure ?? values.insecure ?? defaultAdmin.insecure;
    if (certfile === undefined && !isLoopback(hostname)) warnOfOpen(section, hostname, insecure, report);
    const tls = certfile === undefined
      ? undefined
      : { certfile: resolve(baseDirectory, certfile), keyfile: resolve(baseDirectory, keyfile ?? certfile) };
    return { hostname, port, ...(tls && { tls }), place: formatKeyPath(at) };
  });
}

function warnOfOpen({ pathOf }: Section<AdminValues>, hostname: string, insecure: boolean, report: Report): void {
  if (insecure) report.warn(pathOf("insecure"), "passwords and messages cross the network in plain text");
  else {
    const advice = "give certfile, or insecure: true if passwords may cross the network in plain text";
    report.fault(pathOf("bind"), `must be loopback without TLS (${advice}): got ${hostname}`);
  }
}

type AdminValues = ReturnType<typeof adminSchema.parse>;

function resolved(values: AdminValues, binds: ResolvedAdmin["binds"], { baseDirectory }: AdminContext): ResolvedAdmin {
  const { publicUrl, tokensFile } = values;
  return {
    binds,
    isDefault: false,
    ...(publicUrl !== undefined && { publicUrl: publicUrl.replace(/\/+$/, "") }),
    ...(tokensFile !== undefined && { tokensFile: resolve(baseDirectory, tokensFile) }),
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
