/** Tells whether a value is a mapping of keys to values, as a YAML mapping or an object literal is. */
export function isMapping(input: unknown): input is Record<string, unknown> {
  if (typeof input !== "object" || input === null) return false;
  const prototype: unknown = Object.getPrototypeOf(input);
  return prototype === Object.prototype || prototype === null;
}
