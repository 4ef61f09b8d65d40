// What this project uses of @std/assert, from the npm copy of the same code.
import * as std from "npm:deno-std@1.4.0/assert/mod.js";

// deno-lint-ignore no-explicit-any
type ErrorClass<E extends Error> = abstract new (...args: any[]) => E;

export const assert: (condition: unknown, message?: string) => asserts condition = std.assert;
export const assertEquals: <T>(actual: T, expected: T, message?: string) => void = std.assertEquals;
export const assertNotEquals: <T>(actual: T, expected: T, message?: string) => void = std.assertNotEquals;
export const assertStrictEquals: <T>(actual: unknown, expected: T, message?: string) => asserts actual is T =
  std.assertStrictEquals;
export const assertExists: <T>(actual: T, message?: string) => asserts actual is NonNullable<T> = std.assertExists;
export const assertGreaterOrEqual: <T>(actual: T, expected: T, message?: string) => void = std.assertGreaterOrEqual;
export const assertInstanceOf: <T>(
  actual: unknown,
  // deno-lint-ignore no-explicit-any
  type: abstract new (...args: any[]) => T,
  message?: string,
) => asserts actual is T = std.assertInstanceOf;
export const assertLess: <T>(actual: T, expected: T, message?: string) => void = std.assertLess;
export const assertLessOrEqual: <T>(actual: T, expected: T, message?: string) => void = std.assertLessOrEqual;
export const assertMatch: (actual: string, expected: RegExp, message?: string) => void = std.assertMatch;
export const assertStringIncludes: (actual: string, expected: string, message?: string) => void =
  std.assertStringIncludes;
export const assertThrows: <E extends Error = Error>(
  body: () => unknown,
  type?: ErrorClass<E>,
  messageIncludes?: string,
  message?: string,
) => E = std.assertThrows;
export const assertRejects: <E extends Error = Error>(
  body: () => PromiseLike<unknown>,
  type?: ErrorClass<E>,
  messageIncludes?: string,
  message?: string,
) => Promise<E> = std.assertRejects;
export const fail: (message?: string) => never = std.fail;
