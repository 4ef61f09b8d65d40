/** How the broker speaks of a plugin that does wrong. */
import type { LoadedPlugin } from "./loader.ts";
import { host } from "../runtime/host.ts";

/** The log's words for a hook that threw, or whose promise was rejected. */
export function threw({ specifier }: LoadedPlugin, hook: string, error: unknown): string {
  const message = error instanceof Error ? error.message : showValue(error);
  return `plugin ${JSON.stringify(specifier)}: ${hook} threw: ${message}`;
}

/** The log's words for a hook that returned what it must not. */
export function returnedWrongly({ specifier }: LoadedPlugin, hook: string, expected: string, value: unknown): string {
  return `plugin ${JSON.stringify(specifier)}: ${hook} must return ${expected}: got ${showValue(value)}`;
}

/** Whether a hook's answer is yet to come. */
export function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && typeof (value as { then?: unknown }).then === "function";
}

/** A value in a line of the log, cut short. */
export function showValue(value: unknown): string {
  return host.inspect(value, {
    depth: 1,
    compact: true,
    breakLength: Infinity,
    iterableLimit: 8,
    strAbbreviateSize: 80,
  });
}
