import { assert, assertEquals } from "@std/assert";
import { ConfigError } from "../../src/config/config_error.ts";
import type { ResolvedConfig, ResolvedListener } from "../../src/config/config.ts";
import { resolveConfig } from "../../src/config/resolve.ts";

/** Resolves a config whose paths start at `/base`. */
export function resolved(input: unknown): ResolvedConfig {
  return resolveConfig(input, { baseDirectory: "/base" });
}

/** The one listener of a config that has this name. */
export function listener(listeners: Record<string, unknown>, name: string): ResolvedListener {
  const found = resolved({ listeners }).listeners.find((listener) => listener.name === name);
  assert(found !== undefined, `there is no listener ${name}`);
  return found;
}

/** The lines that a config is refused with. */
export function faults(input: unknown): string[] {
  try {
    resolved(input);
  } catch (error) {
    assert(error instanceof ConfigError, String(error));
    assertEquals(error.faults.length, error.message.split("\n").length);
    return error.message.split("\n");
  }
  return [];
}

/** Plugins of a config as `specifier` → options. */
export function plugins(input: unknown): [specifier: string, options: unknown][] {
  return resolved(input).plugins.map(({ specifier, options }) => [specifier, plain(options)]);
}

/** Objects without a prototype are no others to `assertEquals`. */
function plain(value: unknown): unknown {
  return value === undefined ? undefined : JSON.parse(JSON.stringify(value));
}
