/** What is allowed, and not what somebody who is new to this broker expects. */
import { bundledPluginNames } from "../plugins/bundled.ts";
import { isLoopback } from "../transport/address.ts";
import type { PluginEntry, ResolvedConfig, ResolvedListener } from "./config.ts";
import type { Report } from "./report.ts";
import type { BrokerValues } from "./schema.ts";
import type { Section } from "./section.ts";
import { isMapping } from "./mapping.ts";

/** What the warnings are drawn from. */
type Findings = Pick<ResolvedConfig, "listeners" | "plugins" | "anonymous">;

const MQTT_PORT = 1883;

/** Warns of a config without faults in which nobody can sign in, or not where it listens, or where MQTT is expected. */
export function warnAboutSurprises(broker: Section<BrokerValues>, findings: Findings, report: Report): void {
  warnAboutDefault(broker, findings, report);
  // A plugin of the user's may let anybody in.
  if (findings.plugins.some(({ specifier }) => !isBundled(specifier))) return;
  if (findings.anonymous === "loopback") warnBeyondLoopback(broker, findings, report);
  else warnAboutSignIn(broker, findings, report);
}

function isBundled(specifier: string): boolean {
  return (bundledPluginNames as readonly string[]).includes(specifier);
}

/** In aMQTT `default` listens whatever there is beside it. `bind: null` says that it is not meant to. */
function warnAboutDefault(broker: Section<BrokerValues>, { listeners }: Findings, report: Report): void {
  const sections = broker.values.listeners;
  if (!isMapping(sections) || !Object.hasOwn(sections, "default")) return;
  const { default: own } = sections;
  if (isMapping(own) && (Object.hasOwn(own, "bind") || (own.type ?? "tcp") !== "tcp")) return;
  if (listeners.some(({ name, type, port }) => name === "default" || (type !== "external" && port === MQTT_PORT))) {
    return;
  }
  report.warn(
    [...broker.pathOf("listeners"), "default"],
    "has no bind and does not listen, since there are other listeners: nothing serves port 1883. Give it " +
      "bind: 0.0.0.0:1883 to listen as in aMQTT, or bind: null if that is meant",
  );
}

function warnBeyondLoopback(broker: Section<BrokerValues>, { listeners }: Findings, report: Report): void {
  for (const listener of listeners) {
    const isLocal = listener.socketPath !== undefined || isLoopback(listener.hostname);
    if (listener.type === "external" || isLocal || signsInByCertificate(listener)) continue;
    report.warn(
      [...broker.pathOf("listeners"), listener.name],
      `lets nobody in on ${listener.hostname}: without auth, clients may come in on loopback only. Give auth with a ` +
        "password-file, or with allow-anonymous: true",
    );
  }
}

function warnAboutSignIn(broker: Section<BrokerValues>, { listeners, plugins }: Findings, report: Report): void {
  const { auth } = broker.values;
  // An empty list has a warning of its own.
  if (!isMapping(auth) || !plugins.some(({ specifier }) => specifier === "auth.anonymous")) return;
  if (plugins.some(letsIn) || listeners.some(signsInByCertificate)) return;
  report.warn(
    broker.pathOf("auth"),
    "lets nobody in: allow-anonymous is false, and there is no password-file. Give one of them",
  );
}

/** The password files that somebody has to stand in to get in; none, if there is another way. */
export function onlyPasswordFiles({ listeners, plugins, anonymous }: Findings): PluginEntry[] {
  const files = plugins.filter(({ specifier }) => specifier === "auth.file");
  const others = plugins.filter((plugin) => !files.includes(plugin));
  const another = anonymous === "loopback" || listeners.some(signsInByCertificate) ||
    others.some((plugin) => !isBundled(plugin.specifier) || letsIn(plugin));
  return another ? [] : files;
}

function letsIn({ specifier, options }: PluginEntry): boolean {
  if (specifier === "auth.anonymous") {
    return (options as { readonly allowAnonymous?: unknown }).allowAnonymous !== false;
  }
  return specifier === "auth.file";
}

function signsInByCertificate({ usernameFromCertificate }: ResolvedListener): boolean {
  return usernameFromCertificate !== "off";
}
