/** The section `log` of `cluster`: where the log is, and how a node signs in there. */
import { resolve } from "node:path";
import type { NatsAccess } from "../log/access.ts";
import { isLoopback } from "../transport/address.ts";
import type { ResolvedClusterLog } from "./cluster_config.ts";
import type { KeyPath } from "./key_path.ts";
import { defaultClusterLog } from "./keys.ts";
import type { Report } from "./report.ts";
import { clusterLogSchema, type ClusterLogValues } from "./schema.ts";
import { readSection, type Section } from "./section.ts";

const DEFAULT_SERVERS = ["nats://127.0.0.1:4222"];

/** Keys whose value is a path. */
const FILE_KEYS = ["passwordFile", "tokenFile", "credentialsFile", "cafile", "certfile", "keyfile"] as const;

/** Reads it; without it NATS on this machine is meant. */
export function resolveClusterLog(
  input: unknown,
  path: KeyPath,
  baseDirectory: string,
  report: Report,
): ResolvedClusterLog {
  const section = readSection(clusterLogSchema, input ?? {}, path, report);
  const { type, replicas, servers = DEFAULT_SERVERS } = { ...defaultClusterLog, ...section.values };
  checkWays(section, report);
  checkTexts(section, report);
  const access = accessOf(section.values, servers, baseDirectory);
  warn(section, servers, access, report);
  return { type, servers, replicas, access };
}

function accessOf(values: ClusterLogValues, servers: readonly string[], baseDirectory: string): NatsAccess {
  const { username, password, certfile, cafile, keyfile = certfile } = values;
  const file = <Key extends string>(key: Key, path: string | undefined) =>
    (path === undefined ? {} : { [key]: resolve(baseDirectory, path) }) as { readonly [Name in Key]?: string };
  const usesTls = cafile !== undefined || certfile !== undefined || servers.some((one) => one.startsWith("tls://"));
  return {
    ...username !== undefined && { username },
    ...password !== undefined && { password },
    ...file("passwordFile", values.passwordFile),
    ...file("tokenFile", values.tokenFile),
    ...file("credentialsFile", values.credentialsFile),
    ...usesTls && { tls: { ...file("cafile", cafile), ...file("certfile", certfile), ...file("keyfile", keyfile) } },
  };
}

/** Servers ask for one way to sign in. */
function checkWays({ values, path, pathOf }: Section<ClusterLogValues>, report: Report): void {
  const { username, password, passwordFile } = values;
  const ways = (["username", "tokenFile", "credentialsFile"] as const).filter((key) => values[key] !== undefined);
  if (ways.length > 1) {
    const text = "username, token-file and credentials-file are different ways to sign in: give one of them";
    report.fault(pathOf(ways.at(-1)!), text);
  }
  if (password !== undefined && passwordFile !== undefined) {
    report.fault(pathOf("passwordFile"), "password and password-file are two ways to say the same: give one of them");
  }
  const given = password !== undefined ? "password" : passwordFile !== undefined ? "passwordFile" : undefined;
  if (username !== undefined && given === undefined && !report.isFaulty(path)) {
    report.fault(pathOf("username"), "needs password-file or password");
  }
  if (username === undefined && given !== undefined && !report.isFaulty(path)) {
    report.fault(pathOf(given), "needs username");
  }
  if (values.keyfile !== undefined && values.certfile === undefined) {
    report.fault(pathOf("keyfile"), "needs certfile: a key without its certificate proves nothing");
  }
}

/** Reports the content of a file where its path belongs, which may be a secret. */
function checkTexts({ values, pathOf }: Section<ClusterLogValues>, report: Report): void {
  for (const key of FILE_KEYS) {
    if (!/-----BEGIN|[\r\n]/.test(values[key] ?? "")) continue;
    report.fault(pathOf(key), "must be the path of a file: got what it holds, which is not shown");
  }
}

function warn(
  { values, path, pathOf }: Section<ClusterLogValues>,
  servers: readonly string[],
  { tls }: NatsAccess,
  report: Report,
): void {
  if (values.type === "memory") {
    for (const key of ["username", "password", ...FILE_KEYS] as const) {
      if (values[key] !== undefined) report.warn(pathOf(key), "has no effect: type is memory");
    }
    return;
  }
  const secret = values.password ?? values.passwordFile ?? values.tokenFile;
  if (secret === undefined || tls !== undefined || servers.every(isNear)) return;
  const what = values.tokenFile === undefined ? "password" : "token";
  report.warn(path, `sends its ${what} without TLS: everybody on the way can read it (tls:// addresses, cafile)`);
}

function isNear(server: string): boolean {
  const url = server.replace(/^\w+:/, "http:");
  return URL.canParse(url) && isLoopback(new URL(url).hostname.replace(/^\[|\]$/g, ""));
}
