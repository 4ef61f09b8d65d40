/** Kinds of values that are no numbers. Each says in one sentence what it expects and what it got. */
import { parseTopicFilter, parseTopicName, TopicError, type TopicFilter } from "../packet/topic.ts";
import { type Bind, BindError, parseBind } from "./bind.ts";
import type { AccessControlList, AdminListenerConfig, AdminMetricsConfig, AdminRole, LogLevel } from "./config.ts";
import { type Complain, type Kind, like, value, WITH_VARIABLE } from "./kind.ts";
import { show, suggestMapping } from "./report.ts";

const FLAGS: Readonly<Record<string, boolean>> = {
  on: true,
  yes: true,
  true: true,
  off: false,
  no: false,
  false: false,
};

const FLAG_WORDS = like("^([Oo][Nn]|[Oo][Ff][Ff]|[Yy][Ee][Ss]|[Nn][Oo]|[Tt][Rr][Uu][Ee]|[Ff][Aa][Ll][Ss][Ee])$");

/** True or false; also in YAML 1.1's words, which YAML 1.2 reads as texts. */
export const flag = value({ anyOf: [{ type: "boolean" }, FLAG_WORDS] }, (input, complain): boolean | undefined => {
  if (typeof input === "boolean") return input;
  const word = typeof input === "string" ? input.toLowerCase() : "";
  if (Object.hasOwn(FLAGS, word)) return FLAGS[word];
  complain({ message: `must be true or false (or on, off, yes, no): got ${show(input)}` });
});

/** `allow-anonymous`: a flag, or a word for more than that. */
export const anonymity = value<boolean | "any-username">({
  anyOf: [{ type: "boolean" }, { const: "any-username" }, FLAG_WORDS],
}, (input, complain) => {
  if (typeof input === "boolean" || input === "any-username") return input;
  const word = typeof input === "string" ? input.toLowerCase() : "";
  if (Object.hasOwn(FLAGS, word)) return FLAGS[word];
  complain({ message: `must be true or false (or on, off, yes, no), or any-username: got ${show(input)}` });
});

/** One of a few words. */
export function choice<const Word extends string>(words: readonly Word[]): Kind<Word> {
  const list = `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`;
  return value({ anyOf: [{ enum: words }, WITH_VARIABLE] }, (input, complain): Word | undefined => {
    const word = words.find((word) => word === input);
    if (word === undefined) complain({ message: `must be ${list}: got ${show(input)}` });
    return word;
  });
}

const TEXT = { type: "string", minLength: 1 };

/** A text that is not empty. */
export function text(what: string): Kind<string> {
  return value(TEXT, (input, complain) => {
    if (typeof input === "string" && input !== "") return input;
    complain({ message: `must be ${what}: got ${show(input)}` });
  });
}

/** The path of a file. */
export const filePath = text("the path of a file");

/** A text that is not empty and that no message shows. */
export const secret = value(TEXT, (input, complain): string | undefined => {
  if (typeof input === "string" && input !== "") return input;
  complain({ message: `must be a text in quotes, not empty: got ${input === "" ? "an empty one" : typeof input}` });
});

const LONGEST_MQTT_TEXT_BYTES = 65_535;

/** A text that is not empty and that fits a UTF-8 Encoded String (MQTT 5.0 §1.5.4). */
export const mqttText = value(TEXT, (input, complain): string | undefined => {
  if (typeof input !== "string" || input === "" || input.includes("\0") || !input.isWellFormed()) {
    complain({ message: `must be a text without U+0000 and without lone surrogates: got ${show(input)}` });
    return undefined;
  }
  const { length } = new TextEncoder().encode(input);
  if (length <= LONGEST_MQTT_TEXT_BYTES) return input;
  complain({ message: `must be at most ${LONGEST_MQTT_TEXT_BYTES} bytes in UTF-8: got ${length} bytes` });
});

/** Levels of a topic that stand before others. `%u` and `%c` in them are replaced for each client. */
export const mountpoint = value<string>({ type: "string" }, (input, complain) => {
  if (typeof input !== "string" || !input.endsWith("/") || input.startsWith("$")) {
    complain({ message: `must be levels of a topic that end in "/", such as tenants/%u/: got ${show(input)}` });
    return undefined;
  }
  try {
    return parseTopicName(input);
  } catch (error) {
    if (!(error instanceof TopicError)) throw error;
    complain({ message: error.message });
  }
});

/** `bind` of a listener. */
export const bind = value<Bind, string | number | null>({ type: ["string", "integer"] }, (input, complain) => {
  if (Array.isArray(input)) {
    complain({ message: `an address in brackets must be quoted, such as "[::1]:1883": got a list` });
    return undefined;
  }
  if (typeof input !== "string" && typeof input !== "number") {
    complain({ message: `must be host:port, :port, port, host, "[v6]:port" or unix:path: got ${show(input)}` });
    return undefined;
  }
  try {
    return parseBind(input);
  } catch (error) {
    if (!(error instanceof BindError)) throw error;
    complain({ message: error.message });
  }
});

/** An address of the admin section, with what holds for it alone. */
export interface AdminBindValue {
  readonly bind: Bind;
  readonly certfile?: string;
  readonly keyfile?: string;
  readonly insecure?: boolean;
}

type AdminBindInput = string | number | AdminListenerConfig;

const ADMIN_ADDRESS = {
  anyOf: [{ type: ["string", "integer"] }, {
    type: "object",
    properties: {
      bind: { type: ["string", "integer"] },
      certfile: TEXT,
      keyfile: TEXT,
      insecure: { type: "boolean" },
    },
    required: ["bind"],
    additionalProperties: false,
  }],
};

/** `bind` of the admin section: one address or several, each with certificates of its own or not. */
export const adminBinds = value<readonly AdminBindValue[], AdminBindInput | readonly AdminBindInput[]>({
  anyOf: [...ADMIN_ADDRESS.anyOf, { type: "array", items: ADMIN_ADDRESS, minItems: 1 }],
}, (input, complain) => {
  const list: readonly unknown[] = Array.isArray(input) ? input : [input];
  if (list.length === 0) complain({ message: "must be an address, or a list of some: got an empty list" });
  return list.flatMap((entry, index) => {
    const path = Array.isArray(input) ? [index] : [];
    return adminBind(entry, (message, ...key) => complain({ message, path: [...path, ...key] })) ?? [];
  });
});

function adminBind(
  entry: unknown,
  complain: (message: string, ...key: string[]) => void,
): AdminBindValue | undefined {
  if (!isMapping(entry)) {
    const bind = adminAddress(entry, complain);
    return bind && { bind };
  }
  const { bind: address, certfile, keyfile, insecure, ...others } = entry;
  for (const key of Object.keys(others)) {
    complain("is not a known key: known are bind, certfile, keyfile, insecure", key);
  }
  for (const [key, path] of Object.entries({ certfile, keyfile })) {
    if (path !== undefined && (typeof path !== "string" || path === "")) {
      complain(`must be the path of a file: got ${show(path)}`, key);
    }
  }
  if (insecure !== undefined && typeof insecure !== "boolean") {
    complain(`must be true or false: got ${show(insecure)}`, "insecure");
  }
  const bind = adminAddress(address, (message) => complain(message, "bind"));
  return bind && { bind, ...{ certfile, keyfile, insecure } as Omit<AdminBindValue, "bind"> };
}

function adminAddress(entry: unknown, complain: (message: string) => void): Bind | undefined {
  if (typeof entry !== "string" && typeof entry !== "number") {
    complain(`must be host:port, :port, port, host or "[v6]:port": got ${show(entry)}`);
    return undefined;
  }
  try {
    const parsed = parseBind(entry);
    if (parsed.socketPath === undefined) return parsed;
    complain(`must be an address, not a unix socket: got ${show(entry)}`);
  } catch (error) {
    if (!(error instanceof BindError)) throw error;
    complain(error.message);
  }
  return undefined;
}

/** Where browsers reach something, without query and fragment. */
export const httpUrl = value<string>(like("^https?://[^\\s?#]+$"), (input, complain) => {
  if (typeof input === "string" && /^https?:\/\/[^\s?#]+$/.test(input) && URL.canParse(input)) return input;
  complain({ message: `must be a URL such as https://broker.example.org/admin: got ${show(input)}` });
});

/** What users of the admin API may do. */
export const roles = ["viewer", "operator", "admin"] as const satisfies readonly AdminRole[];

/** User name → role. The result has no prototype, so that no user name finds something inherited. */
export const adminRoles = value<Readonly<Record<string, AdminRole>>>({
  type: "object",
  additionalProperties: { anyOf: [{ enum: roles }, WITH_VARIABLE] },
}, (input, complain) => {
  if (!isMapping(input)) {
    complain({ message: `must map user names to roles: got ${show(input)}${suggestMapping(input)}` });
    return undefined;
  }
  const found = Object.create(null) as Record<string, AdminRole>;
  for (const [username, word] of Object.entries(input)) {
    const role = roles.find((role) => role === word);
    if (role) found[username] = role;
    else complain({ message: `must be viewer, operator or admin: got ${show(word)}`, path: [username] });
  }
  return found;
});

/** Who is shown the figures. */
export const metricsAccess = value<{ readonly public: boolean }, AdminMetricsConfig>({
  type: "object",
  properties: { public: { type: "boolean" } },
  additionalProperties: false,
}, (input, complain) => {
  if (!isMapping(input)) {
    complain({ message: `must be a mapping such as { public: false }: got ${show(input)}` });
    return undefined;
  }
  for (const [key, given] of Object.entries(input)) {
    if (key !== "public") complain({ message: `is not a known key: known is public`, path: [key] });
    else if (typeof given !== "boolean") {
      complain({ message: `must be true or false: got ${show(given)}`, path: [key] });
    }
  }
  return { public: input.public === true };
});

/** Where a remote is: one address, or several. */
export const addresses = value<readonly Bind[], string | readonly string[]>({
  anyOf: [{ type: "string" }, { type: "array", items: { type: "string" }, minItems: 1 }],
}, (input, complain) => {
  const list: readonly unknown[] = Array.isArray(input) ? input : [input];
  if (list.length === 0) complain({ message: "must have at least one address: got an empty list" });
  return list.map((one, index) =>
    readAddress(one, (message) => complain({ message, ...(Array.isArray(input) && { path: [index] }) }))
  );
});

function readAddress(input: unknown, complain: (message: string) => void): Bind {
  const nowhere: Bind = { hostname: "" };
  if (typeof input !== "string" || input === "" || /^:?\d+$/.test(input) || input.startsWith("unix:")) {
    complain(`must be host, host:port or "[v6]:port": got ${show(input)}`);
    return nowhere;
  }
  try {
    const found = parseBind(input);
    if (found.port === 0) complain(`port must be 1 to 65535: got ${show(input)}`);
    return found;
  } catch (error) {
    if (!(error instanceof BindError)) throw error;
    complain(error.message);
    return nowhere;
  }
}

/** A version of MQTT. YAML takes 5 for a number. */
export const protocolVersion = value<"auto" | "5" | "3.1.1">({
  anyOf: [{ enum: ["auto", "5", "3.1.1", 5] }, WITH_VARIABLE],
}, (input, complain) => {
  const word = (["auto", "5", "3.1.1"] as const).find((word) => word === String(input));
  if (word === undefined) complain({ message: `must be auto, 5 or 3.1.1: got ${show(input)}` });
  return word;
});

/** A list of topic filters. */
export const topicFilters = value<readonly TopicFilter[], readonly string[]>({
  type: "array",
  items: { type: "string" },
}, (input, complain) => {
  if (!Array.isArray(input)) {
    complain({ message: `must be a list of topic filters: got ${show(input)}` });
    return undefined;
  }
  input.forEach((entry, index) => checkEntry(entry, [index], complain));
  return input as TopicFilter[];
});

/** Permission bits as chmod takes them. YAML would take plain digits for a decimal number. */
export const fileMode = value<number, string>(like("^(0o?)?[0-7]{3}$"), (input, complain) => {
  if (typeof input === "string" && /^(0o?)?[0-7]{3}$/.test(input)) return parseInt(input.slice(-3), 8);
  complain({ message: `must be an octal mode in quotes, such as "0660": got ${show(input)}` });
});

/** The path part of a URL. */
export const urlPath = value<string>(like("^/[^\\s?#]*$"), (input, complain) => {
  if (typeof input === "string" && /^\/[^\s?#]*$/.test(input)) return input;
  complain({ message: `must be a path that begins with "/", without "?" or "#": got ${show(input)}` });
});

/** Values of the Origin header (RFC 6454 §7). */
export const origins = value<readonly string[]>({ type: "array", items: { type: "string" } }, (input, complain) => {
  if (!Array.isArray(input)) {
    complain({ message: `must be a list of origins, such as ["https://example.org"]: got ${show(input)}` });
    return undefined;
  }
  input.forEach((origin: unknown, index) => {
    if (isOrigin(origin)) return;
    complain({
      message: `must be "*", "null" or an origin such as https://example.org: got ${show(origin)}`,
      path: [index],
    });
  });
  return input as string[];
});

function isOrigin(origin: unknown): boolean {
  if (origin === "*" || origin === "null") return true;
  return typeof origin === "string" && /^[a-z][a-z0-9+.-]*:\/\/[^/\s?#]+$/.test(origin) && URL.canParse(origin);
}

/** Names and addresses of hosts, without scheme and port. */
export const hosts = value<readonly string[]>({ type: "array", items: { type: "string" } }, (input, complain) => {
  if (!Array.isArray(input)) {
    complain({ message: `must be a list of host names, such as ["mqtt.example.org"]: got ${show(input)}` });
    return undefined;
  }
  input.forEach((host: unknown, index) => {
    if (isHost(host)) return;
    const message = `must be a host's name or address such as mqtt.example.org, without port: got ${show(host)}`;
    complain({ message, path: [index] });
  });
  return input as string[];
});

function isHost(host: unknown): boolean {
  if (typeof host !== "string" || !/^(\[[^\]]+\]|[^\s:/?#@\[\]]+)$/.test(host)) return false;
  return URL.canParse(`http://${host}`);
}

/** The name of a cluster, which is part of names that the log's engine has. */
export const clusterName = value<string>(like("^[A-Za-z0-9_-]{1,64}$"), (input, complain) => {
  if (typeof input === "string" && /^[A-Za-z0-9_-]{1,64}$/.test(input)) return input;
  complain({ message: `must be 1 to 64 letters, digits, "-" and "_": got ${show(input)}` });
});

/** The name of a node. */
export const nodeName = value<string>(like("^[A-Za-z0-9_.-]{1,128}$"), (input, complain) => {
  if (typeof input === "string" && /^[A-Za-z0-9_.-]{1,128}$/.test(input)) return input;
  complain({ message: `must be 1 to 128 letters, digits, ".", "-" and "_": got ${show(input)}` });
});

/** Addresses of servers of NATS. */
export const natsServers = value<readonly string[]>(
  { type: "array", items: { type: "string" }, minItems: 1 },
  (input, complain) => {
    if (!Array.isArray(input) || input.length === 0) {
      complain({ message: `must be a list of servers, such as ["nats://10.0.0.1:4222"]: got ${show(input)}` });
      return undefined;
    }
    input.forEach((server: unknown, index) => {
      if (typeof server === "string" && /^(nats|tls):\/\/[^\s/]+$/.test(server)) return;
      complain({ message: `must be a server such as nats://10.0.0.1:4222: got ${show(server)}`, path: [index] });
    });
    return input as string[];
  },
);

/** User name → topic filters. The result has no prototype, so that no user name finds something inherited. */
export const accessControlList = value<Readonly<Record<string, readonly string[]>>, AccessControlList>({
  type: "object",
  additionalProperties: { type: ["array", "null"], items: { type: "string" } },
}, (input, complain) => {
  if (!isMapping(input)) {
    const hint = suggestMapping(input);
    complain({ message: `must map user names to lists of topic filters: got ${show(input)}${hint}` });
    return undefined;
  }
  const lists = Object.create(null) as Record<string, readonly string[]>;
  for (const [username, entries] of Object.entries(input)) {
    if (Array.isArray(entries)) entries.forEach((entry, index) => checkEntry(entry, [username, index], complain));
    else if (entries !== null) {
      complain({ message: `must be a list of topic filters: got ${show(entries)}`, path: [username] });
    }
    lists[username] = (entries ?? []) as readonly string[];
  }
  return lists;
});

function checkEntry(entry: unknown, path: (string | number)[], complain: Complain): void {
  if (typeof entry !== "string") {
    complain({
      message: `must be a topic filter, in quotes if it looks like something else: got ${show(entry)}`,
      path,
    });
    return;
  }
  try {
    parseTopicFilter(entry);
  } catch (error) {
    if (!(error instanceof TopicError)) throw error;
    complain({ message: error.message, path });
  }
}

/** How much may be logged. */
export const logLevels = ["debug", "info", "warning", "error", "off"] as const satisfies readonly LogLevel[];

const LOG_CATEGORY = /^(connections|listeners|store|plugins|plugins\..+)$/;

/** Category of the log → level. */
export const logCategories = value<Readonly<Record<string, LogLevel>>>({
  type: "object",
  patternProperties: { [LOG_CATEGORY.source]: { anyOf: [{ enum: logLevels }, WITH_VARIABLE] } },
  additionalProperties: false,
}, (input, complain) => {
  if (!isMapping(input)) {
    complain({ message: `must map parts of the broker to levels: got ${show(input)}` });
    return undefined;
  }
  for (const [category, level] of Object.entries(input)) {
    if (!LOG_CATEGORY.test(category)) {
      const message = `must be connections, listeners, store, plugins or plugins.NAME: got ${show(category)}`;
      complain({ message, path: [category] });
    } else if (!logLevels.some((word) => word === level)) {
      complain({ message: `must be ${logLevels.join(", ")}: got ${show(level)}`, path: [category] });
    }
  }
  return input as Record<string, LogLevel>;
});

/** Tells whether a value is a mapping of keys to values, as a YAML mapping or an object literal is. */
export function isMapping(input: unknown): input is Record<string, unknown> {
  if (typeof input !== "object" || input === null) return false;
  const prototype: unknown = Object.getPrototypeOf(input);
  return prototype === Object.prototype || prototype === null;
}
