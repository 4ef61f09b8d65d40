/** Kinds of values of the section `admin`. Each says in one sentence what it expects and what it got. */
import type { AdminListenerConfig, AdminMetricsConfig, AdminRole } from "./admin_config.ts";
import { type Bind, BindError, parseBind } from "./bind.ts";
import { TEXT, value, WITH_VARIABLE } from "./kind.ts";
import { isMapping } from "./mapping.ts";
import { show, suggestMapping } from "./report.ts";

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
