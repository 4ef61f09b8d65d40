/** The section `cluster`: the other brokers that this one is one with. */
import { resolve } from "node:path";
import { isLoopback } from "../transport/address.ts";
import type { ResolvedCluster, ResolvedConfig, ResolvedTls } from "./config.ts";
import { resolveClusterLog } from "./cluster_log.ts";
import { defaultCluster } from "./keys.ts";
import { type Report, show } from "./report.ts";
import { type BrokerValues, clusterSchema, type ClusterValues } from "./schema.ts";
import { readSection, type Section } from "./section.ts";
import { isMapping } from "./mapping.ts";

const DEFAULT_PORT = 7883;

/** Reads `cluster`; `undefined` without the section, or if it has no name. */
export function resolveCluster(
  broker: Section<BrokerValues>,
  persistence: ResolvedConfig["persistence"],
  baseDirectory: string,
  report: Report,
): ResolvedCluster | undefined {
  const { cluster: input } = broker.values;
  if (input === undefined) return undefined;
  const path = broker.pathOf("cluster");
  const section = readSection(clusterSchema, input, path, report);
  const { values, pathOf } = section;
  if (values.name === undefined && !(isMapping(input) && isGiven(input.name))) {
    report.fault(path, "needs a name: got none");
  }
  if (persistence.type !== "memory") {
    const got = show(persistence.type);
    report.fault(path, `cannot be together with a store, sessions end with their node: expected memory, got ${got}`);
  }
  const { hostname, port, socketPath } = values.bind ?? { hostname: "127.0.0.1" };
  if (socketPath !== undefined) report.fault(pathOf("bind"), `must be host:port: got unix:${socketPath}`);
  if (values.advertise !== undefined && !/^(\[[^\]]+\]|[^:\s]+):\d{1,5}$/.test(values.advertise)) {
    report.fault(pathOf("advertise"), `must be host:port: got ${show(values.advertise)}`);
  }
  const log = resolveClusterLog(values.log, pathOf("log"), baseDirectory, report);
  const tls = readTls(section, hostname, baseDirectory, report);
  const { failureTimeout, onPartition, maxLinkBytes } = { ...defaultCluster, ...values };
  const { name = "", node, advertise } = values;
  const place = { hostname, port: port ?? DEFAULT_PORT, advertise, tls };
  return { name, node, log, ...place, failureTimeout, onPartition, maxLinkBytes };
}

function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null;
}

/** Both ends of a link show a certificate of the same authority. */
function readTls(
  { values: { certfile, keyfile, cafile }, path }: Section<ClusterValues>,
  hostname: string,
  baseDirectory: string,
  report: Report,
): ResolvedTls | undefined {
  if (certfile !== undefined && cafile !== undefined) {
    return {
      certfile: resolve(baseDirectory, certfile),
      keyfile: resolve(baseDirectory, keyfile ?? certfile),
      cafile: resolve(baseDirectory, cafile),
      clientCertificate: "required",
    };
  }
  if (certfile !== undefined || keyfile !== undefined || cafile !== undefined) {
    report.fault(path, `needs both certfile and cafile: got no ${certfile === undefined ? "certfile" : "cafile"}`);
  } else if (!isLoopback(hostname)) {
    report.fault(path, `needs certfile and cafile beyond loopback: got bind ${show(hostname)} without them`);
  }
  return undefined;
}
