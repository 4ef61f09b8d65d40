/** From `auth` to the plugins that are asked at sign-in. */
import { resolve } from "@std/path";
import type { KeyPath } from "./key_path.ts";
import { authQuantities } from "./keys.ts";
import { type ListedPlugin, readPluginList, withDefaults } from "./plugin_list.ts";
import type { Report } from "./report.ts";
import { authSchema, type AuthValues, type BrokerValues } from "./schema.ts";
import { readSection, type Section } from "./section.ts";

/**
 * Reads `auth`, which the config has.
 *
 * @param general the plugins of the general list, which may be asked at sign-in, too
 */
export function resolveAuth(
  broker: Section<BrokerValues>,
  general: readonly ListedPlugin[],
  context: { readonly baseDirectory: string; readonly report: Report },
): ListedPlugin[] {
  const { report, baseDirectory } = context;
  const section = readSection(authSchema, broker.values.auth, broker.pathOf("auth"), report);
  const { plugins, passwordFile, authConcurrency } = section.values;
  const listed = plugins === undefined
    ? impliedSignIn(section)
    : readPluginList(plugins, { ...context, path: section.pathOf("plugins"), purpose: "sign-in" });
  if (plugins !== undefined) warnAboutList(section, listed, general, report);
  const allowAnonymous = section.values.allowAnonymous ?? plugins !== undefined;
  const file = {
    ...(passwordFile !== undefined && { passwordFile: resolve(baseDirectory, passwordFile) }),
    ...(authConcurrency !== undefined && { authConcurrency }),
  };
  return listed.map((plugin) => {
    if (plugin.bundled === "auth.anonymous") return withDefaults(plugin, { allowAnonymous });
    return plugin.bundled === "auth.file" ? resolveFile(withDefaults(plugin, file), section.path, report) : plugin;
  });
}

function impliedSignIn(section: Section<AuthValues>): ListedPlugin[] {
  const names = section.values.passwordFile === undefined
    ? ["auth.anonymous"] as const
    : ["auth.anonymous", "auth.file"] as const;
  return names.map((name) => ({ bundled: name, specifier: name, name, options: undefined, path: section.path }));
}

/**
 * Fills in the defaults of `auth.file`.
 *
 * @param section where the password file could have been named
 */
export function resolveFile(plugin: ListedPlugin, section: KeyPath, report: Report): ListedPlugin {
  const options = (plugin.options ?? {}) as { readonly passwordFile?: string };
  if (options.passwordFile === undefined && !report.isFaulty(section)) {
    report.fault(plugin.path, "auth.file needs a password-file: got none");
  }
  return withDefaults(plugin, { authConcurrency: authQuantities.authConcurrency.default });
}

function warnAboutList(
  section: Section<AuthValues>,
  listed: readonly ListedPlugin[],
  general: readonly ListedPlugin[],
  report: Report,
): void {
  if (report.isFaulty(section.path)) return;
  const { allowAnonymous, passwordFile } = section.values;
  const lists = (name: string) => listed.some(({ bundled }) => bundled === name);
  if (passwordFile !== undefined && !lists("auth.file")) {
    report.warn(section.pathOf("passwordFile"), "has no effect: auth.file is not in auth.plugins");
  }
  if (allowAnonymous === true && !lists("auth.anonymous")) {
    report.warn(section.pathOf("allowAnonymous"), "has no effect: auth.anonymous is not in auth.plugins");
  }
  const askedElsewhere = general.some(({ bundled }) => bundled === undefined || bundled.startsWith("auth."));
  if (listed.length === 0 && !askedElsewhere) report.warn(section.pathOf("plugins"), "is empty: nobody can sign in");
}
