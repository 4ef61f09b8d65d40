/** From `listeners` to what is listened on: inheritance from `default`, the types' default ports, and the rules. */
import { resolve } from "node:path";
import { isLoopback } from "../transport/address.ts";
import { ALL_INTERFACES } from "./bind.ts";
import type { ResolvedLimits, ResolvedListener } from "./config.ts";
import { fill } from "./key.ts";
import type { KeyPath } from "./key_path.ts";
import { listenerDefaults } from "./keys.ts";
import type { Draft, MergedValues } from "./listener_draft.ts";
import { type Report, show, suggestMapping } from "./report.ts";
import { listenerSchema, type ListenerValues } from "./schema.ts";
import { readSection, type Section } from "./section.ts";
import { limitKeys } from "./limit_table.ts";
import { ignoredListenerKeys } from "./table.ts";
import { checkPaths, checkTls, resolveTls } from "./tls.ts";
import { isMapping } from "./mapping.ts";

/** What {@linkcode resolveListeners} finds. */
export interface Listeners {
  readonly listeners: readonly ResolvedListener[];
  readonly handedIn: ResolvedListener;
}

/** Where everything inherits from. */
const DEFAULT = "default";

/**
 * Reads `listeners`.
 *
 * @param path where the section stands
 * @param limits what holds for listeners that do not say otherwise
 */
export function resolveListeners(
  input: unknown,
  path: KeyPath,
  limits: ResolvedLimits,
  baseDirectory: string,
  report: Report,
): Listeners {
  const drafts = readDrafts(input, path, report);
  const inherited = drafts.get(DEFAULT)?.own.values ?? {};
  const listening = [...drafts.values()].filter((draft) => !draft.isTemplate || draft.own.values.bind !== undefined);
  const listeners = listening.map((draft) => resolveListener(draft, limits, baseDirectory));
  for (const draft of drafts.values()) checkDraft(draft, drafts, report);
  listening.forEach((draft, index) => checkAddress(listeners, index, { own: draft.own, path }, report));
  if (drafts.size === 0) listeners.push(defaultListener(limits));
  return { listeners, handedIn: handedIn(inherited, limits) };
}

function readDrafts(input: unknown, path: KeyPath, report: Report): Map<string, Draft> {
  const drafts = new Map<string, Draft>();
  if (input === undefined) return drafts;
  if (!isMapping(input)) {
    report.fault(path, `must map names to listeners: got ${show(input)}${suggestMapping(input)}`);
    return drafts;
  }
  const sections = new Map<string, Section<ListenerValues>>();
  for (const [name, section] of Object.entries(input)) {
    if (name === "" || name === "__proto__") report.keyFault([...path, name], `cannot be the name of a listener`);
    else if (section !== undefined) {
      sections.set(name, readSection(listenerSchema, section ?? {}, [...path, name], report));
    }
  }
  const { bind: _, ...inherited } = sections.get(DEFAULT)?.values ?? {};
  for (const [name, own] of sections) {
    const isTemplate = name === DEFAULT && sections.size > 1;
    drafts.set(name, { name, own, merged: { ...listenerDefaults, ...inherited, ...own.values }, isTemplate });
  }
  return drafts;
}

function resolveListener(draft: Draft, limits: ResolvedLimits, baseDirectory: string): ResolvedListener {
  const { name, merged } = draft;
  const { type, maxConnections } = merged;
  const tls = type === "external" ? undefined : resolveTls(merged, (file) => resolve(baseDirectory, file));
  const asked = tls !== undefined && tls.clientCertificate !== "off";
  return {
    name,
    type,
    ...(type === "external" ? { hostname: "", port: 0 } : addressOf(merged, type, baseDirectory)),
    ...(tls && { tls }),
    usernameFromCertificate: asked || type === "external" ? merged.usernameFromCertificate : "off",
    maxConnections,
    ...(type !== "tcp" && webSocketValues(merged)),
    ...(merged.mountpoint !== undefined && { mountpoint: merged.mountpoint }),
    limits: mergeLimits(limits, merged),
  };
}

function addressOf(
  { bind, socketMode, ssl }: MergedValues,
  type: "tcp" | "ws",
  baseDirectory: string,
): Pick<ResolvedListener, "hostname" | "port" | "socketPath" | "socketMode"> {
  if (bind?.socketPath === undefined) {
    return { hostname: bind?.hostname ?? ALL_INTERFACES, port: bind?.port ?? defaultPort(type, ssl) };
  }
  const socketPath = resolve(baseDirectory, bind.socketPath);
  return { hostname: "", port: 0, socketPath, ...(socketMode !== undefined && { socketMode }) };
}

function defaultPort(type: "tcp" | "ws", secure: boolean): number {
  if (type === "ws") return secure ? 8443 : 8080;
  return secure ? 8883 : 1883;
}

function webSocketValues(
  values: Pick<MergedValues, "path" | "origins" | "hosts">,
): Pick<ResolvedListener, "path" | "origins" | "hosts"> {
  const { path, origins, hosts } = values;
  return { ...(path !== undefined && { path }), ...(origins && { origins }), ...(hosts && { hosts }) };
}

/** What holds for the connections of a listener, or for the whole broker. */
export function mergeLimits(limits: ResolvedLimits, values: Readonly<Record<string, unknown>>): ResolvedLimits {
  return fill(limitKeys, values, limits);
}

/** A broker without a word of config is not open to the network. */
function defaultListener(limits: ResolvedLimits): ResolvedListener {
  const { type, usernameFromCertificate, maxConnections } = listenerDefaults;
  return {
    name: DEFAULT,
    type,
    usernameFromCertificate,
    maxConnections,
    hostname: "127.0.0.1",
    port: defaultPort("tcp", false),
    limits,
  };
}

function handedIn(inherited: ListenerValues, limits: ResolvedLimits): ResolvedListener {
  const values = { ...listenerDefaults, ...inherited };
  const { usernameFromCertificate, maxConnections, mountpoint } = values;
  return {
    name: DEFAULT,
    type: "external",
    hostname: "",
    port: 0,
    usernameFromCertificate,
    maxConnections,
    ...webSocketValues(values),
    ...(mountpoint !== undefined && { mountpoint }),
    limits: mergeLimits(limits, inherited),
  };
}

function checkDraft(draft: Draft, drafts: ReadonlyMap<string, Draft>, report: Report): void {
  const { own, isTemplate } = draft;
  for (const key of ["reader", "writer"] as const) {
    if (own.values[key] !== undefined) report.warn(own.pathOf(key), ignoredListenerKeys[key].doc);
  }
  checkPaths(draft, report);
  const template = drafts.get(DEFAULT)?.own.path ?? own.path;
  if (isTemplate && own.values.bind === undefined) return;
  // What follows from a faulty value is no further fault.
  if (report.isFaulty(own.path) || report.isFaulty(template)) return;
  checkTls(draft, report);
  checkType(draft, report);
}

function checkType({ own, merged, isTemplate }: Draft, report: Report): void {
  const { type } = merged;
  for (const key of ["path", "origins", "hosts"] as const) {
    if (type !== "tcp" || isTemplate || own.values[key] === undefined) continue;
    report.fault(own.pathOf(key), "is for listeners with type: ws only: got type: tcp");
  }
  if (own.values.socketMode !== undefined && !isTemplate && merged.bind?.socketPath === undefined) {
    report.warn(own.pathOf("socketMode"), "has no effect: bind names no unix socket");
  }
  if (type === "external" && own.values.bind !== undefined) {
    report.warn(own.pathOf("bind"), "has no effect: type: external opens no socket");
  }
  if (type === "ws" && !isTemplate) checkPages(own, merged, report);
  const { maxInboundBytes, maxPacketSize } = own.values;
  if (
    type === "ws" && maxInboundBytes !== undefined && maxPacketSize !== undefined && maxInboundBytes < maxPacketSize
  ) {
    report.warn(
      own.pathOf("maxInboundBytes"),
      "is below max-packet-size: a packet may close the WebSocket before it is whole",
    );
  }
}

/** The name that a browser was sent to proves nothing, so that pages of named hosts are refused. */
function checkPages(own: Section<ListenerValues>, { bind, origins, hosts }: MergedValues, report: Report): void {
  const isHere = bind?.socketPath !== undefined || isLoopback(bind?.hostname ?? ALL_INTERFACES);
  if (origins || hosts || isHere) return;
  const reason = "not given: pages in browsers are let in only where they have the listener's IP address for host";
  report.warn(own.pathOf("hosts"), `${reason}; list the names of the others' hosts here, or the pages in origins`);
}

function checkAddress(
  listeners: readonly ResolvedListener[],
  index: number,
  { own, path }: { readonly own: Section<ListenerValues>; readonly path: KeyPath },
  report: Report,
): void {
  const listener = listeners[index];
  if (listener === undefined || listener.type === "external") return;
  if (listener.port === 0 && listener.socketPath === undefined) return;
  const address = formatAddress(listener);
  // The address of a faulty listener is not the one that is meant.
  if (report.isFaulty(own.path)) return;
  const other = listeners.slice(0, index).find((earlier) =>
    earlier.type !== "external" && formatAddress(earlier) === address && !report.isFaulty([...path, earlier.name])
  );
  if (other === undefined) return;
  report.fault(own.pathOf("bind"), `${address} is taken by listener ${other.name}: give one of them another address`);
}

function formatAddress({ hostname, port, socketPath }: ResolvedListener): string {
  if (socketPath !== undefined) return `unix:${socketPath}`;
  const host = hostname.toLowerCase();
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
