/** From `bridges` to what is connected to: presets, defaults, and the rules. */
import { resolve } from "node:path";
import type { BridgeAddress, BridgeTls, ResolvedBridge } from "./bridge_config.ts";
import { AWS_ALPN, bridgePresets } from "./bridge_presets.ts";
import { bridgeKeys } from "./bridge_table.ts";
import { resolveBridgeTopics, warnOfOverlaps } from "./bridge_topics.ts";
import { defaultsOf, type Resolved } from "./key.ts";
import { formatKeyPath, type KeyPath } from "./key_path.ts";
import { type Report, show, suggestMapping } from "./report.ts";
import { bridgeSchema, type BridgeValues } from "./schema.ts";
import { readSection, type Section } from "./section.ts";
import { isMapping } from "./mapping.ts";

type Merged = Resolved<typeof bridgeKeys>;

const defaults = defaultsOf(bridgeKeys);

/** A name is a level of the topics on which a bridge tells of itself. */
const NAME = /^[^/+#\0]+$/;

/** Keys that do nothing without TLS. */
const TLS_KEYS = ["cafile", "certfile", "keyfile", "serverName", "alpn"] as const;

/** Reads `bridges`; `path` is where the section stands. */
export function resolveBridges(
  input: unknown,
  path: KeyPath,
  baseDirectory: string,
  report: Report,
): readonly ResolvedBridge[] {
  if (input === undefined) return [];
  if (!isMapping(input)) {
    report.fault(path, `must map names to bridges: got ${show(input)}${suggestMapping(input)}`);
    return [];
  }
  const bridges: ResolvedBridge[] = [];
  for (const [name, section] of Object.entries(input)) {
    const own = [...path, name];
    if (!NAME.test(name) || name === "__proto__") {
      report.keyFault(own, 'cannot be the name of a bridge: it must be one level of a topic, without "/", "+" and "#"');
      continue;
    }
    const bridge = resolveBridge(name, readSection(bridgeSchema, section ?? {}, own, report), baseDirectory, report);
    if (bridge) bridges.push(bridge);
  }
  checkClientIds(bridges, path, report);
  warnOfOverlaps(bridges, (name) => formatKeyPath([...path, name]), report);
  return bridges;
}

function resolveBridge(
  name: string,
  own: Section<BridgeValues>,
  baseDirectory: string,
  report: Report,
): ResolvedBridge | undefined {
  const preset = own.values.preset && bridgePresets[own.values.preset];
  const merged: Merged = { ...defaults, ...preset, ...own.values };
  const topics = resolveBridgeTopics(own.values.topics, own.pathOf("topics"), report);
  check(own, merged, report);
  if (report.isFaulty(own.path) || topics.length === 0) return undefined;
  const { ssl: _ssl, address: _address, preset: _preset, cafile, certfile, keyfile, serverName, alpn, ...rest } =
    merged;
  const addresses = addressesOf(merged);
  const absolute = (file: string | undefined) => file === undefined ? undefined : resolve(baseDirectory, file);
  const usesAws = own.values.preset === "aws-iot" && addresses.some(({ port }) => port === 443);
  const tls: BridgeTls | undefined = merged.ssl
    ? {
      cafile: absolute(cafile),
      certfile: absolute(certfile),
      keyfile: absolute(keyfile ?? certfile),
      serverName,
      alpn: alpn ?? (usesAws && merged.type === "tcp" ? AWS_ALPN : undefined),
    }
    : undefined;
  const passwordFile = absolute(merged.passwordFile);
  return { ...rest, name, addresses, bridgeBit: merged.bridgeBit ?? true, passwordFile, tls, topics };
}

function addressesOf({ address, type, ssl }: Merged): readonly BridgeAddress[] {
  const port = type === "ws" ? (ssl ? 443 : 80) : (ssl ? 8883 : 1883);
  return (address ?? []).map((one) => ({ hostname: one.hostname, port: one.port ?? port }));
}

function check(own: Section<BridgeValues>, merged: Merged, report: Report): void {
  const { values } = own;
  const isFine = (key: keyof BridgeValues & string) => !report.isFaulty(own.pathOf(key));
  if (values.address === undefined && isFine("address")) {
    report.fault(own.path, "needs an address, such as address: mqtt.example.org");
  }
  if (values.topics === undefined) {
    report.fault(own.path, "needs topics, such as topics: [{ filter: house/#, direction: both }]");
  }
  if (values.password !== undefined && values.passwordFile !== undefined) {
    report.fault(
      own.pathOf("passwordFile"),
      "password and password-file are two ways to say the same: give one of them",
    );
  }
  if (values.keyfile !== undefined && values.certfile === undefined) {
    report.fault(own.pathOf("keyfile"), "needs certfile: a key without its certificate proves nothing");
  }
  if (values.path !== undefined && merged.type !== "ws") {
    report.fault(own.pathOf("path"), "is for bridges with type: ws only: got type: tcp");
  }
  for (const key of TLS_KEYS) {
    if (values[key] === undefined) continue;
    if (!merged.ssl) report.warn(own.pathOf(key), "has no effect: ssl is off");
    else if (merged.type === "ws") {
      report.fault(own.pathOf(key), "is for bridges with type: tcp only: a WebSocket takes the runtime's TLS as it is");
    }
  }
  if ((values.password ?? values.passwordFile) !== undefined && !merged.ssl) {
    report.warn(own.path, "sends its password without TLS: everybody on the way can read it (ssl: on)");
  }
}

/** Two clients with one identifier at one broker throw each other out, for ever. */
function checkClientIds(bridges: readonly ResolvedBridge[], path: KeyPath, report: Report): void {
  bridges.forEach(({ name, clientId, addresses }, index) => {
    if (clientId === undefined) return;
    const shares = (other: ResolvedBridge) =>
      other.clientId === clientId &&
      other.addresses.some((one) => addresses.some((two) => one.hostname === two.hostname && one.port === two.port));
    const other = bridges.slice(0, index).find(shares);
    if (!other) return;
    const text = `is that of bridge ${other.name} at the same remote: each needs one of its own`;
    report.fault([...path, name, "client-id"], text);
  });
}
