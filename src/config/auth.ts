/** From `auth` to the plugins that are asked at sign-in. */
import { resolve } from "node:path";
import type { KeyPath } from "./key_path.ts";
import { joinLists, type ListedPlugin, readPluginList, withDefaults } from "./plugin_list.ts";
import type { Report } from "./report.ts";
import { authSchema, type AuthValues, type BrokerValues } from "./schema.ts";
import { readSection, type Section } from "./section.ts";
import { authKeys } from "./table.ts";

/**
 * Reads `auth`, which the config has.
 *
 * @param mentioned bundled sign-in plugins that stand in the general list, as HBMQTT and aMQTT have them: without options
 * they are those that this section configures
 * @param general what else is in the general list, which may be asked at sign-in, too
 */
export function resolveAuth(
  broker: Section<BrokerValues>,
  { mentioned, general }: { readonly mentioned: readonly ListedPlugin[]; readonly general: readonly ListedPlugin[] },
  context: { readonly baseDirectory: string; readonly report: Report },
): ListedPlugin[] {
  const { report, baseDirectory } = context;
  const section = readSection(authSchema, broker.values.auth, broker.pathOf("auth"), report);
  const { plugins, passwordFile, scramKeyFile, authConcurrency } = section.values;
  const listed = plugins === undefined ? joinLists(mentioned, impliedSignIn(section)) : joinLists(
    readPluginList(plugins, { ...context, path: section.pathOf("plugins"), purpose: "sign-in" }),
    mentioned,
  );
  if (plugins !== undefined) warnAboutList(section, listed, general, report);
  warnAboutFile(section, listed, report);
  const named = plugins !== undefined || mentioned.some(({ bundled }) => bundled === "auth.anonymous");
  const allowAnonymous = section.values.allowAnonymous ?? named;
  const file = {
    ...(passwordFile !== undefined && { passwordFile: resolve(baseDirectory, passwordFile) }),
    ...(scramKeyFile !== undefined && { scramKeyFile: resolve(baseDirectory, scramKeyFile) }),
    ...(authConcurrency !== undefined && { authConcurrency }),
  };
  const filled = listed.map((plugin) => {
    if (plugin.bundled === "auth.anonymous") return withDefaults(plugin, { allowAnonymous });
    return plugin.bundled === "auth.file" ? withDefaults(plugin, file) : plugin;
  });
  return withoutUselessFile(filled, report).map((plugin) =>
    plugin.bundled === "auth.file" ? resolveFile(plugin, section.path, report) : plugin
  );
}

function impliedSignIn(section: Section<AuthValues>): ListedPlugin[] {
  const names = section.values.passwordFile === undefined
    ? ["auth.anonymous"] as const
    : ["auth.anonymous", "auth.file"] as const;
  return names.map((name) => ({ bundled: name, specifier: name, name, options: undefined, path: section.path }));
}

/** HBMQTT's own config lists `auth_file` without a file: it lets no user in then, and the others decide. */
function withoutUselessFile(listed: readonly ListedPlugin[], report: Report): ListedPlugin[] {
  const file = listed.find((plugin) => plugin.bundled === "auth.file" && optionsOf(plugin).passwordFile === undefined);
  if (file === undefined || !listed.some(letsAnonymousIn)) return [...listed];
  report.warn(file.path, "auth.file has no password-file: nobody can sign in with a user name");
  return listed.filter((plugin) => plugin !== file);
}

/** Whether a plugin whose defaults are filled in lets clients without a user name in. */
function letsAnonymousIn(plugin: ListedPlugin): boolean {
  return plugin.bundled === "auth.anonymous" && optionsOf(plugin).allowAnonymous !== false;
}

function optionsOf({ options }: ListedPlugin): { readonly passwordFile?: string; readonly allowAnonymous?: boolean } {
  return options ?? {};
}

/**
 * Fills in the defaults of `auth.file`.
 *
 * @param section where the password file could have been named
 */
export function resolveFile(plugin: ListedPlugin, section: KeyPath, report: Report): ListedPlugin {
  if (optionsOf(plugin).passwordFile === undefined && !report.isFaulty(section)) {
    report.fault(plugin.path, "auth.file needs a password-file: got none");
  }
  return withDefaults(plugin, { authConcurrency: authKeys.authConcurrency.default });
}

function warnAboutFile(section: Section<AuthValues>, listed: readonly ListedPlugin[], report: Report): void {
  if (report.isFaulty(section.path)) return;
  const { allowAnonymous, passwordFile, scramKeyFile } = section.values;
  const listsFile = listed.some(({ bundled }) => bundled === "auth.file");
  if (allowAnonymous === "any-username" && listsFile) {
    report.warn(section.pathOf("allowAnonymous"), "has no effect on user names: auth.file verifies them");
  }
  if (passwordFile !== undefined && !listsFile) {
    report.warn(section.pathOf("passwordFile"), "has no effect: auth.file is not in auth.plugins");
  }
  if (scramKeyFile !== undefined && !listsFile) {
    const reason = passwordFile === undefined ? "there is no password-file" : "auth.file is not in auth.plugins";
    report.warn(section.pathOf("scramKeyFile"), `has no effect: ${reason}`);
  }
}

function warnAboutList(
  section: Section<AuthValues>,
  listed: readonly ListedPlugin[],
  general: readonly ListedPlugin[],
  report: Report,
): void {
  if (report.isFaulty(section.path)) return;
  const { allowAnonymous } = section.values;
  const lists = (name: string) => listed.some(({ bundled }) => bundled === name);
  if (allowAnonymous !== undefined && allowAnonymous !== false && !lists("auth.anonymous")) {
    report.warn(section.pathOf("allowAnonymous"), "has no effect: auth.anonymous is not in auth.plugins");
  }
  const askedElsewhere = general.some(({ bundled }) => bundled === undefined);
  if (listed.length === 0 && !askedElsewhere) report.warn(section.pathOf("plugins"), "is empty: nobody can sign in");
}
