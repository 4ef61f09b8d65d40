/** How plugins are named: bundled ones, aMQTT's spellings of them, and import specifiers. */
import { type BundledPluginName, bundledPluginNames, bundledPlugins } from "../plugins/bundled.ts";
import { nearestName, nearestOf } from "./spelling.ts";

/** What a plugin's name in the config stands for. */
export type PluginName =
  | { readonly bundled: BundledPluginName }
  | { readonly module: string }
  | { readonly fault: string };

const AMQTT_ENTRY_POINTS: Readonly<Record<string, BundledPluginName>> = {
  auth_anonymous: "auth.anonymous",
  auth_file: "auth.file",
  event_logger_plugin: "event_logger",
  packet_logger_plugin: "packet_logger",
};

/** Classes by what follows `amqtt.plugins.` or `hbmqtt.plugins.`. */
const AMQTT_CLASSES: Readonly<Record<string, BundledPluginName>> = {
  "authentication.AnonymousAuthPlugin": "auth.anonymous",
  "authentication.FileAuthPlugin": "auth.file",
  "topic_checking.TopicAccessControlListPlugin": "topic_acl",
  "topic_checking.TopicTabooPlugin": "topic_taboo",
  "sys.broker.BrokerSysPlugin": "broker_sys",
  "logging_amqtt.EventLoggerPlugin": "event_logger",
  "logging_amqtt.PacketLoggerPlugin": "packet_logger",
  "logging.EventLoggerPlugin": "event_logger",
  "logging.PacketLoggerPlugin": "packet_logger",
};

const OTHER_NAMES: Readonly<Record<string, BundledPluginName>> = {
  ...AMQTT_ENTRY_POINTS,
  ...Object.fromEntries(Object.entries(AMQTT_CLASSES).map(([path, name]) => [classOf(path), name])),
};

const OWN_PLUGIN = "a plugin of your own";

/** What comes closest to aMQTT's further plugins, by the name of their class. */
const CLOSEST: Readonly<Record<string, string>> = {
  UserAuthDBPlugin: "auth.file",
  TopicAuthDBPlugin: "topic_acl",
  UserAuthHttpPlugin: `${OWN_PLUGIN} with the hook authenticate`,
  UserAuthJwtPlugin: `${OWN_PLUGIN} with the hook authenticate`,
  UserAuthLdapPlugin: `${OWN_PLUGIN} with the hook authenticate, or auth.file`,
  TopicAuthHttpPlugin: `${OWN_PLUGIN} with the hooks authorizePublish, authorizeSubscribe and authorizeReceive`,
  TopicAuthJwtPlugin: `${OWN_PLUGIN} with the hooks authorizePublish, authorizeSubscribe and authorizeReceive`,
  TopicAuthLdapPlugin: "topic_acl",
  UserAuthCertPlugin: "username-from-certificate: san at the listener",
};

const PYTHON_PATH = /^[A-Za-z_]\w*(\.[A-Za-z_]\w*)+$/;
const AMQTT_PATH = /^(amqtt|hbmqtt)\.(plugins\.)?(.+)$/;
const IMPORT_SPECIFIER = /^(\.{1,2}\/|\/|[A-Za-z]:[\\/]|file:|jsr:|npm:|https:|data:)/;

/** A file that is named without the `./` that makes it a specifier. */
const MODULE_PATH = /^[\w@][^:]*\.[cm]?[jt]sx?$/;

/** Examples of import specifiers, for error texts. */
export const SPECIFIERS = "./x.ts, file:, jsr:, npm:, https:";

/** Tells whether a name is an import specifier, relative or absolute. */
export function isImportSpecifier(name: string): boolean {
  return IMPORT_SPECIFIER.test(name);
}

/** Tells what a name in a list of plugins stands for. */
export function readPluginName(name: string): PluginName {
  const plain = name.replaceAll("-", "_");
  if (Object.hasOwn(bundledPlugins, plain)) return { bundled: plain as BundledPluginName };
  const entryPoint = Object.hasOwn(AMQTT_ENTRY_POINTS, plain) ? AMQTT_ENTRY_POINTS[plain] : undefined;
  if (entryPoint !== undefined) return { bundled: entryPoint };
  if (isImportSpecifier(name)) return { module: name };
  const amqtt = AMQTT_PATH.exec(name);
  if (amqtt !== null) return readAmqttPath(name, amqtt[3] ?? "");
  if (MODULE_PATH.test(name)) return { fault: `unknown plugin ${name}: did you mean ./${name}?` };
  const nearest = nearestPlugin(plain);
  if (nearest !== undefined) return { fault: `unknown plugin ${name}: did you mean ${nearest}?` };
  if (PYTHON_PATH.test(name)) {
    return { fault: `${name} is a Python class, a plugin here is an ES module: give its import specifier` };
  }
  const known = bundledPluginNames.join(", ");
  return { fault: `must be an import specifier (${SPECIFIERS}) or one of ${known}: got "${name}"` };
}

/** The bundled plugin whose name is meant, which may be aMQTT's name or that of a class without its package. */
function nearestPlugin(name: string): string | undefined {
  const own = nearestName(name, bundledPluginNames);
  if (own !== undefined) return own;
  const nearest = nearestOf(name, Object.keys(OTHER_NAMES));
  return nearest === undefined ? undefined : OTHER_NAMES[nearest];
}

function readAmqttPath(name: string, tail: string): PluginName {
  const bundled = Object.hasOwn(AMQTT_CLASSES, tail) ? AMQTT_CLASSES[tail] : undefined;
  if (bundled !== undefined) return { bundled };
  const className = classOf(tail);
  const closest = Object.hasOwn(CLOSEST, className) ? CLOSEST[className] : undefined;
  const nearest = closest === undefined ? nearestOf(tail, Object.keys(AMQTT_CLASSES)) : undefined;
  if (nearest !== undefined) {
    const root = name.slice(0, name.length - tail.length);
    return { fault: `unknown plugin ${name}: did you mean ${root}${nearest}?` };
  }
  const hint = closest === undefined ? "" : `; what comes closest is ${closest}`;
  return { fault: `${name} of aMQTT has no counterpart here${hint}` };
}

/** What a Python class is called in its module. */
function classOf(path: string): string {
  return path.slice(path.lastIndexOf(".") + 1);
}
